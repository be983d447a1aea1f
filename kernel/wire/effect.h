// Everything a shard or a client can want done. One turn's worth of it is an EffectBag (bag.h).
//
// Who carries these out: a driver, in any order and in parallel. Nothing waits for another effect of the same bag:
// what must wait is emitted in a later step, after the first one's event.
#pragma once

#include "keelson/base/status.h"
#include "keelson/wire/event.h"

namespace keelson {

// Regions of a shard's data file; offsets and sizes within a zone are multiples of 4,096.
enum class Zone : u8 { superblock, wal, index, checkpoint };
enum class IoClass : u8 { wal, read_client, repair, checkpoint, scrub };  // scheduling hint, most urgent first

// Durable when completed. The parts and their bytes belong to whoever issued it, until WriteDone or the shard's end.
struct Write {
  IoId id;
  Zone zone = Zone::wal;
  u64 offset = 0;
  std::span<const Bytes> parts;
  IoClass io_class = IoClass::wal;
};

struct Read {
  IoId id;
  Zone zone = Zone::wal;
  u64 offset = 0;
  MutableBytes into;
  IoClass io_class = IoClass::repair;
};

// Answers a ClientSubmit, exactly once. `message` is the reply message where there was one.
struct SubmitReply {
  Ticket ticket;
  Status status = Status::ok;
  Outcome outcome = Outcome::unknown;
  MessageRef message;
};

struct PostShard {
  ShardId to;
  Frame frame;
};

// Facts for whoever watches; they decide nothing.
enum class NotifyKind : u8 {
  ready,
  refused,
  became_primary,
  lost_primary,
  fenced,
  stuck,
  storage_full,
  waiting,
  no_space,
  space_again,
  old_disk,
  storage_freed
};
struct Notify {
  NotifyKind kind = NotifyKind::ready;
  GroupId group;
  u64 a = 0;
  u64 b = 0;
};

enum class CloseReason : u8 { bad_message, unauthorized, too_many_errors };
struct CloseConnection {
  Peer peer;
  CloseReason reason = CloseReason::bad_message;
};

}  // namespace keelson
