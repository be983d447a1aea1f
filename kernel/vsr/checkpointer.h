// Checkpointer: one group's checkpoints: what changed since the last one, what still has to be saved of the one under
// way, and when it is durable.
//
// Who uses it: the group's replica. After the checkpoint op every section that changed is pending; applies go on, and
// one that is about to change a pending section saves it first, so the checkpoint holds the state after that op and no
// other. Then the table is written twice, then the group_checkpoint record; only when that is stored are the blocks of
// the checkpoint before given back. Source: copy-on-write checkpoints as in TigerBeetle's grid and FoundationDB's
// pager, reduced to one level. Not here: when to checkpoint (replica_checkpoint.cc), loading (checkpoint_loader.h).
#pragma once

#include "keelson/machine/machine.h"
#include "keelson/store/checkpoint_table.h"
#include "keelson/store/checkpoint_zone.h"

namespace keelson {

class Checkpointer {
 public:
  // The bytes of a section: the machine's come first, the sessions' behind them.
  using Save = void (*)(const void* self, u32 section, ByteSink& sink);
  enum class Phase : u8 {
    idle,
    saving,     // sections are pending or not stored
    table,      // its table isn't
    record,     // ready for its group_checkpoint record, or waiting for it
    abandoning  // given up: waits for what is under way
  };

  Checkpointer(GroupId group, u32 machine_sections, u32 session_sections, const void* self, Save save_fn);

  Phase phase() const { return phase_; }
  Op durable_op() const { return durable_.facts.op; }  // 0: none
  Digest durable_id() const { return durable_id_; }
  const CheckpointTable& durable() const { return durable_; }

  // What this replica starts from: all of it is clean.
  void start_from(CheckpointTable table, const GroupCheckpoint& record);
  // That can't be used: its blocks are free, everything is to be saved.
  void forget(CheckpointZone& zone);
  // After applying facts.op, when idle.
  void begin(const CheckpointFacts& facts);
  // Before a section changes.
  void touch(u32 section, CheckpointZone& zone, Counters& counters);
  // Once per step. True: append record() now, and tell recorded() when it is stored.
  [[nodiscard]] bool advance(CheckpointZone& zone, Counters& counters);
  void written() { --unstored_; }
  // Fields of the record that the replica doesn't know.
  void fill(GroupCheckpoint& record) const;
  void recorded(CheckpointZone& zone, Counters& counters);
  // Applies should wait: more is saved than is written.
  bool behind(const CheckpointZone& zone) const;

 private:
  struct Output;
  void save(u32 section, CheckpointZone& zone, Counters& counters);
  bool write_table(CheckpointZone& zone);
  void give_up(Counters& counters);
  void end_abandoned(CheckpointZone& zone);
  u32 section_count() const { return machine_sections_ + session_sections_; }

  const GroupId group_;
  const u32 machine_sections_;
  const u32 session_sections_;
  const void* self_;
  const Save save_;

  Phase phase_ = Phase::idle;
  CheckpointTable durable_;
  CheckpointTable next_;  // in the making; its clean sections are durable_'s
  BlockRun durable_table_[2];
  BlockRun next_table_[2];
  Digest durable_id_;
  Digest next_id_;
  Digest table_digest_;
  u32 table_bytes_ = 0;
  Vec<u8> dirty_;    // changed since durable_, or since next_ began
  Vec<u8> pending_;  // of next_: not saved yet
  Vec<u8> fresh_;    // of next_: saved for it
  u32 pending_count_ = 0;
  u32 next_pending_ = 0;
  u32 unstored_ = 0;  // pieces put into the zone
  bool starved_ = false;
};

}  // namespace keelson
