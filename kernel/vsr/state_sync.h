// StateSync: the transfer of a checkpoint from peers: what was asked of whom, what came, and what is proven.
//
// Who uses it: a replica whose log can't bring it on any more. First the manifest, proven by the checkpoint's id, then
// each section that this node lacks, proven by the manifest; any peer that has the checkpoint may give any of them, and
// an answer counts only if exactly this was asked of it. It has memory only while it is active. Not here: which
// checkpoint to take and when (replica_sync.cc), where sections are stored (checkpointer.h).
#pragma once

#include "keelson/base/counters.h"
#include "keelson/base/limits.h"
#include "keelson/store/checkpoint_table.h"
#include "keelson/vsr/quorum.h"

namespace keelson {

struct SyncTarget {
  Op op;
  Digest id;
  bool operator==(const SyncTarget&) const = default;
};

class StateSync {
 public:
  // One question to one peer: for a part of the manifest, or for bytes of a section.
  struct Ask {
    ReplicaIndex whom = no_replica;
    bool manifest = false;
    u32 part = 0;
    u32 section = 0;
    u32 offset = 0;
  };

  StateSync(const Limits& limits, Duration retry);

  bool active() const { return active_; }
  const SyncTarget& target() const { return target_; }
  void start(const SyncTarget& target, Instant now);  // or moves to this one
  void stop();

  // Peers are asked in turn, those that don't have it not again. True: there is something to ask now; call again.
  bool next_ask(Instant now, ReplicaIndex self, u8 voters, Ask& out);
  Instant deadline(Instant now) const;  // of the first answer that is waited for
  // Nobody has it any more, as far as they said. Once somebody said so, or gave what is wrong, whoever gives nothing
  // that can be proven for `patience` doesn't count as somebody.
  bool refused_by_all(Instant now, Duration patience, ReplicaIndex self, u8 voters) const;
  void forget_refusals(Instant now) {
    refused_ = Votes();
    heard_ = now;
  }

  bool on_manifest(Instant now, ReplicaIndex from, const Manifest& answer, Bytes body);
  bool has_manifest() const { return has_manifest_; }
  const CheckpointTable& manifest() const { return manifest_; }

  // Sections are fetched a few at a time, each whole in memory until it is taken.
  bool has_room() const;
  bool is_fetching(u32 section) const;
  void fetch(u32 section);
  bool on_section(Instant now, ReplicaIndex from, const Section& answer, Bytes body, Counters& counters);
  // Proven ones: `take(section, bytes)`; one that it refuses stays.
  template <class Take>
  void take_whole(Take take) {
    for (Fetch& fetch : fetches_)
      if (fetch.whole && take(fetch.section, fetch.bytes.span())) fetch.used = fetch.whole = false;
  }
  void on_unknown(ReplicaIndex from, const Digest& id);
  void on_damaged(Instant now, ReplicaIndex from, const Digest& id, u32 section);

 private:
  struct Waiting {
    ReplicaIndex whom = no_replica;  // none: to be asked
    Instant until;
  };
  // A section comes from one peer: whose bytes were wrong is known then, and the next one is asked for all of it. Until
  // `again` it is not asked for it once more: a disk that is damaged stays so for a while.
  struct Fetch {
    bool used = false;
    bool whole = false;
    u32 section = 0;
    ReplicaIndex peer = no_replica;
    u32 silences = 0;
    Votes wrong;
    Instant again;
    bool doubtful = false;  // somebody had it wrong
    Waiting waiting;
    Vec<std::byte> bytes;  // from its begin
  };
  static constexpr u32 silences_max = 3;  // of one peer about one section
  bool begin_manifest(Bytes first_part);
  ReplicaIndex next_peer(ReplicaIndex self, u8 voters, Votes wrong);
  bool ask_for(Fetch& fetch, Instant now, ReplicaIndex self, u8 voters, Ask& out);
  void leave_peer(Fetch& fetch);
  void doubt_peer(Fetch& fetch, Instant now);

  const u32 sections_max_;
  const u32 blocks_;
  const u32 fetches_max_;
  const Duration retry_;
  bool active_ = false;
  SyncTarget target_;
  Votes refused_;
  Votes silent_;   // asked last when others may have it
  Instant heard_;  // something that was asked for, and may be right
  u32 rotation_ = 0;
  bool has_manifest_ = false;
  CheckpointTable manifest_;
  Vec<std::byte> manifest_bytes_;  // from its begin; room for all of it as soon as its first part says how much that is
  u32 part_ = 0;                   // next one to ask for
  Waiting waiting_;                // for that
  Vec<Fetch> fetches_;
};

}  // namespace keelson
