// LogWatch: what each shard has asked its disk to keep, and what of it the disk has confirmed, read from the bytes of
// its writes. Nothing here believes the kernel: records are parsed again from WAL and index pages.
//
// Who uses it: the promises checker (was this durable when that message left, or that checkpoint counted?) and the
// replay checker (what does this op contain?). Not here: judgement.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "keelson/sim/world.h"
#include "keelson/store/page.h"
#include "keelson/store/superblock.h"

namespace keelson::sim {

// One record of one shard's log. Stored: its bytes and its index entry were both confirmed.
struct WatchedRecord {
  GroupId group;
  Command command = Command::prepare;
  Op op;
  Digest identity;
  View view;
  View log_view;
  bool record_durable = false;
  bool entry_durable = false;
  u32 life = 0;  // of the node, in which it was written first
  u16 shard = 0;
  BatchNo batch;        // ... of that life
  u32 state_flags = 0;  // of a group_state
  bool stored() const { return record_durable && entry_durable; }
};

class LogWatch : public Observer {
 public:
  LogWatch(World& world, ClusterId cluster, const Limits& limits) : world_(world), cluster_(cluster), limits_(limits) {}

  void on_turn(const TurnSeen& seen) override;
  void on_crash(HostId host, CrashKind kind) override;
  void on_start(HostId host, u32 boot) override;
  void on_disk_replaced(HostId host, bool blank) override;

  // A prepare of exactly this identity is stored on the node.
  bool stored(NodeId node, GroupId group, Op op, const Digest& identity) const;
  // At least its record is: after a crash a log may do without the index entry.
  bool has_record(NodeId node, GroupId group, Op op, const Digest& identity) const;
  // Some stored group_state of the node promises at least this.
  bool promised(NodeId node, GroupId group, View view, View log_view) const;
  // Of a checkpoint whose record this life of the node wrote: the record is stored, and a marker on the disk covers it.
  // None when an earlier life wrote it, and this one found it.
  std::optional<bool> marked_checkpoint(NodeId node, GroupId group, const Digest& checkpoint_id) const;
  // That record is stored and no marker covers it, while the batch that the superblock names says that nothing behind
  // it counts before it is marked: a start that finds damage may forget it (docs/storage.md, a strict tail).
  bool in_strict_tail(NodeId node, GroupId group, Op op, const Digest& identity) const;
  // Since the last turn a superblock came to be on the disk that gives back the log up to there.
  std::optional<BatchNo> freed(NodeId node) const;
  // The first superblock of a life that came to be there doesn't say how far former lives' logs were durable, though
  // some of them is left.
  bool forgets_former(NodeId node) const;
  // Some group_state behind `freed` has one of these flags.
  bool confessed(NodeId node, GroupId group, u32 flags, BatchNo freed) const;
  // The whole prepare with this identity; empty if none was ever written. Copies are equal but for view and author.
  Bytes prepare(const Digest& identity) const;

 private:
  struct Digests {
    std::size_t operator()(const Digest& d) const { return static_cast<std::size_t>(d.lo ^ d.hi); }
  };
  struct Promise {
    View view;
    View log_view;
  };
  // Of this life of a node. A batch's marker, in its index pages, says up to where all before it is stored.
  struct Heads {
    std::map<BatchNo, bool> strict;  // what a stored head says of all behind it
    std::map<u64, u32> copies;       // of a superblock, by its sequence
    BatchNo sealed;                  // what the superblock names
  };
  struct WatchedCheckpoint {
    Digest checkpoint_id;
    u16 shard = 0;
    BatchNo batch;
  };
  // Bytes of a write that a record needs to be whole: [begin, end).
  struct Extent {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  struct PendingRecord {
    WatchedRecord record;
    std::vector<Extent> needs;
  };
  // One Write, or all that a batch needed for its WAL pages: a record may lie across two.
  struct PendingWrite {
    Zone zone = Zone::wal;
    u64 offset = 0;
    std::vector<std::byte> bytes;
    std::vector<PendingRecord> records;
    BatchNo marker;  // in an index page of it
    std::optional<std::pair<BatchNo, bool>> head;
    std::optional<Superblock> superblock;
    u32 writes_left = 1;
  };
  struct Node {
    std::map<std::pair<GroupId, Op>, std::vector<WatchedRecord>> prepares;
    std::map<GroupId, std::vector<WatchedRecord>> states;           // not yet stored
    std::map<GroupId, std::vector<Promise>> promises;               // stored: the highest ones
    std::map<GroupId, std::vector<WatchedCheckpoint>> checkpoints;  // the newest ones, by age
    std::map<u16, Heads> heads;
    u32 life = 0;
    std::map<GroupId, std::vector<std::pair<BatchNo, u32>>> confessions;  // the newest ones, of any life
    std::map<u16, Incarnation> incarnations;                              // of the newest superblock
    std::map<u16, BatchNo> freed_to;
    std::optional<BatchNo> freed;  // this turn
    bool forgets_former = false;
    std::map<u16, BatchNo> markers;                       // the highest stored marker of each shard
    std::map<std::pair<u16, u64>, PendingWrite> pending;  // by (shard, id of its first write)
    std::map<std::pair<u16, u64>, u64> first_of;          // a later write of the same: that id
    std::vector<std::pair<u16, PendingWrite>> crashed;    // in flight when the node died
  };

  std::span<const WatchedRecord> records_of(NodeId node, GroupId group, Op op) const;
  void watch_wal(Node& node, u16 shard, std::span<const Write> writes);
  void find_records(Node& node, u16 shard, PendingWrite& pending);
  void watch_superblock(Node& node, u16 shard, const Write& write);
  void watch_index(Node& node, u16 shard, const Write& write);
  void confirm(Node& node, u16 shard, u64 id);
  void confirm_superblock(Node& node, u16 shard, const Superblock& superblock);
  void settle(Node& node, WatchedRecord& known);
  void confirm_record(Node& node, const WatchedRecord& record);
  bool on_medium(NodeId node, u16 shard, const PendingWrite& write, const PendingRecord& record) const;
  WatchedRecord* find(Node& node, const WatchedRecord& like);
  void keep_prepare(const std::byte* record, u32 size);

  World& world_;
  ClusterId cluster_;
  Limits limits_;
  std::map<NodeId, Node> nodes_;
  std::unordered_map<Digest, std::vector<std::byte>, Digests> prepares_;  // never iterated
  std::vector<std::byte> payload_;                                        // scratch
};

}  // namespace keelson::sim
