// BodyWork: what a replica is doing with retained bodies: reading them back, answering with them, putting them into
// blobs.
//
// Who uses it: the replica (replica_bodies.cc, replica_blobs.cc); there is one only while there is something to do. Not
// here: which bodies are retained (body_index.h).
#pragma once

#include "keelson/vsr/body_index.h"
#include "keelson/vsr/in_flight.h"
#include "keelson/vsr/quorum.h"
#include "keelson/wire/message.h"

namespace keelson {

// A prepare on its way into memory: from the log, from a blob, or from a peer where both are damaged.
struct BodyRead {
  enum class State : u8 {
    free,
    wanted,   // no read of the disk was free yet
    reading,  // here
    asking,   // of peers
    here,
    lost
  };
  State state = State::free;
  bool unwanted = false;         // whoever wanted it is gone, and a read is under way
  bool damaged = false;          // what is here of it
  u8 attempts = 0;               // to read it here that failed
  ReplicaIndex to = no_replica;  // wanted for this peer
  BodyIndex::Entry what;
  MessageRef message;
  // Of a blob.
  u64 pin = 0;
  BodyIndex::Place place;
  u32 read = 0;   // bytes of the prepare that are in `message`
  u32 asked = 0;  // blocks under way
  u32 skip = 0;   // bytes of the first of them that belong to another prepare
  // Of peers.
  Votes refused;
  Instant asked_at;
};

inline constexpr u32 no_read = ~u32{0};

// A reply that waits for its bodies.
struct BodyAnswer {
  Route route;
  RequestFrame frame;
  MessageRef reply;
  u32 part = 0;     // next one
  u32 inlined = 0;  // bytes of the inline ones that are in `reply`
  u32 filled = 0;   // bytes of its body
  u32 read = no_read;
};

struct BodyWork {
  // An op that a blob in the making has to hold.
  struct Planned {
    u32 blob = 0;
    BodyIndex::Entry what;
  };

  explicit BodyWork(const Limits& limits) : reads(limits.body_reads_max) { reads.resize(limits.body_reads_max); }

  Vec<BodyRead> reads;
  Vec<BodyAnswer> answers;  // one per client
  // The checkpoint in the making.
  Vec<Planned> plan;        // by blob and offset
  std::size_t planned = 0;  // of them put
  Vec<u32> ahead;           // reads of the next ones, in order
  Vec<std::byte> canonical;

  bool idle() const {
    for (const BodyRead& read : reads)
      if (read.state != BodyRead::State::free) return false;
    return answers.empty() && plan.empty();
  }
};

}  // namespace keelson
