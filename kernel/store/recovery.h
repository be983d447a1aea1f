// Recovery: from a data file to a shard that may run: whose file it is, what its log holds, and a new incarnation that
// is durable before anybody hears of it.
//
// Who uses it: the shard, from Boot until state() is done; then it takes a log per group and the Wal, and drops it. A
// state machine over Read and Write effects. The whole log is read (there are no checkpoints yet). Any bytes on the
// disk are legal input. Not here: what damage means (classify.h, rules.h), who repairs it (vsr).
#pragma once

#include <memory>

#include "keelson/store/recovery_group.h"
#include "keelson/store/recovery_rewrite.h"
#include "keelson/store/recovery_segment.h"
#include "keelson/store/superblock_file.h"
#include "keelson/store/wal.h"

namespace keelson {

struct RecoveryConfig {
  struct Group {
    GroupId group;
    u8 voters = 0;
  };
  ClusterId cluster;
  NodeId node;
  Generation generation;
  ShardId shard;
  u16 shard_count = 1;
  Limits limits;
  Tunables tunables;
  std::span<const Group> groups;  // of this shard; copied
  bool list_states = false;       // for tools: facts() names every promise, not only the newest
};

class Recovery {
 public:
  Recovery(const RecoveryConfig& config, Slabs& slabs, LogChunks& chunks, IoIds& ids, Counters& counters);
  ~Recovery();
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  void start(Instant now, EffectBag& out);
  bool on_completion(Instant now, const Completion& completion, EffectBag& out);  // false: not its id

  enum class State : u8 { running, done, refused };
  State state() const { return state_; }
  const ShardRefusal& refusal() const { return refusal_; }

  // When done.
  Incarnation incarnation() const { return wal_start_.incarnation; }
  RecoveredGroup take_group(GroupId group);  // once each
  std::unique_ptr<Wal> make_wal();
  std::unique_ptr<SuperblockFile> take_superblock();

  // For tools, once the scan is over (history() is null before): what was seen, how it was judged, what follows.
  const LogFacts& facts() const { return facts_; }
  const BatchHistory* history() const { return history_.get(); }
  const WalStart& log_end() const { return wal_start_; }
  // Of the life that begins: no page behind the last batch is damaged, so there was no later one.
  bool knows_end() const { return knows_end_; }
  BatchNo first_batch() const { return wal_start_.next_batch; }
  std::span<const RecordPlace> rewrites() const { return rewriter_.places(); }

 private:
  enum class Phase : u8 { superblock, probe, scan, tables, incarnation, rewrite, seal, over };
  static constexpr u32 probe_count = 2;
  static constexpr u64 no_segment = ~u64{0};
  struct Probe {
    IoId id;
    bool failed = false;
  };
  // Memory of the scan; given back when it is over.
  struct Scan {
    Scan(const Limits& limits, IoIds& ids)
        : readers{{limits, ids}, {limits, ids}}, scratch(limits), probe_pages(probe_count) {}
    SegmentReader readers[2];  // of even and of odd segments
    SegmentAnalysis::Scratch scratch;
    PageBuffer probe_pages;
    Probe probes[probe_count];
    u32 probes_open = 0;
    u32 blank_segments = 0;  // in a row
    u64 open_segment = no_segment;
    bool over = false;  // but for what is being read ahead
  };
  SegmentReader& reader_of(u64 segment) { return scan_->readers[segment % 2]; }

  void advance(EffectBag& out);
  void probe_ends(EffectBag& out);
  bool on_probe(const Completion& completion);
  bool begin_log();
  bool at_end() const;
  void read_ahead(EffectBag& out);
  void next_segment(EffectBag& out);
  void note_open_segment(const SegmentAnalysis& analysis);
  void drop_former_lap();
  void end_scan(EffectBag& out);
  void read_table(EffectBag& out);
  bool on_table(const Completion& completion);
  void end_tables(EffectBag& out);
  void judge_records();
  void plan_rewrites();
  bool give_up_unprotected();
  bool needs_copy(const FoundRecord& record) const;
  bool state_needs_copy(u32 group) const;
  bool checkpoint_needs_copy(u32 group) const;
  void end_incarnation(EffectBag& out);
  void seal_rewrites(EffectBag& out);
  void note_end();
  void find_end();
  void refuse(const ShardRefusal& refusal);
  std::span<const FoundRecord> records_of(u32 group, Command command) const;

  const RecoveryConfig config_;
  Slabs& slabs_;
  LogChunks& chunks_;
  IoIds& ids_;
  Counters& counters_;
  Vec<RecoveryConfig::Group> groups_;  // sorted
  Vec<GroupId> group_ids_;
  LogOwner owner_;

  State state_ = State::running;
  Phase phase_ = Phase::superblock;
  ShardRefusal refusal_;
  std::unique_ptr<SuperblockFile> superblock_;
  std::unique_ptr<Scan> scan_;
  u64 segment_ = 0;  // being read
  bool knows_end_ = true;
  LogFacts facts_;
  std::unique_ptr<BatchHistory> history_;
  // Checkpoint tables are read one after the other, the second copy where the first is damaged.
  struct Tables {
    explicit Tables(const Limits& limits) : pages(limits.checkpoint_buffer_blocks) {}
    PageBuffer pages;
    IoId read;
    u32 group = 0;
    u32 copy = 0;  // of the reads: copies take turns
  };
  static constexpr u32 table_rounds = 2;  // a device may return other bytes once
  std::unique_ptr<Tables> tables_;
  Vec<CheckpointTable> found_tables_;  // by group; without sections: none
  LogRewriter rewriter_;
  WalStart wal_start_;
  std::unique_ptr<Wal> wal_;  // from the incarnation on
  Instant now_;
};

}  // namespace keelson
