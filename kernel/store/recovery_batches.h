// Which batches were durable, and where something is missing that no entry and no record accounts for.
//
// Who uses it: recovery, once all segments are read. A batch is marked when a later page of the same incarnation, or
// the superblock, says that it was durable; a marker never vouches for another incarnation's torn tail. Not here:
// single records with a readable entry (recovery.cc judges those with classify.h), what a loss means to a group.
#pragma once

#include "keelson/base/counters.h"
#include "keelson/store/recovery_facts.h"
#include "keelson/store/superblock.h"

namespace keelson {

// The groups that may be concerned: those that all allow which the next batch says of it.
struct LossReach {
  GroupBloom groups = GroupBloom::of_all();
  const RoomFilter* room = nullptr;  // null: there is none

  bool may_contain(GroupId group) const { return groups.may_contain(group) && (!room || room->may_contain(group)); }
  bool is_all() const { return groups == GroupBloom::of_all() && !room; }
};

// A part of the log of unknown content: row 4 or 8 of the table.
struct Loss {
  BatchNo batch;  // the last one that may be concerned
  RecoveryRow row = RecoveryRow::lost_unknown;
  LossReach reach;
};

class BatchHistory {
 public:
  // Sorts the batches. The superblock is that of the last life; its markers count as if they were found in the log.
  BatchHistory(LogFacts& facts, const Superblock& superblock, Counters& counters);

  BatchMark mark_of(BatchNo batch) const;  // of one that was seen
  const Vec<Loss>& losses() const { return losses_; }
  BatchNo highest() const { return highest_; }  // seen, or named by a marker
  BatchNo highest_marker() const { return highest_marker_; }
  GroupBloom groups_of(BatchNo batch) const;  // of_all where it isn't wholly known

 private:
  struct Durable {
    Incarnation incarnation;
    BatchNo batch;
  };
  struct Gap {                // between two neighbours
    const BatchFact* before;  // null: the beginning
    const BatchFact* after;   // null: the end
    u64 slots_from = 0;
    u64 slots_end = 0;
  };
  void sort_batches();
  void place_batches();
  void attribute(BatchNo marker);
  void raise(Incarnation incarnation, BatchNo marker);
  BatchNo durable_of(Incarnation incarnation) const;
  BatchMark mark(BatchNo batch, const BatchFact& of) const;
  const BatchFact* find(BatchNo no) const;
  bool is_strict_behind(Incarnation life) const;
  bool is_strict_in(const Gap& gap) const;
  void find_losses();
  void judge_batch(std::size_t i);
  void judge_gap(const Gap& gap);
  Gap gap_after(std::size_t i) const;  // i batches lie before it
  EntryState entries_in(const Gap& gap) const;
  RecordState records_in(const Gap& gap) const;
  RecordState cut_off(const Gap& gap) const;
  void add(const Loss& loss, BatchMark mark, EntryState entry, RecordState record, bool strict);
  LossReach reach_of(const BatchFact* next, BatchNo first) const;

  LogFacts& facts_;
  const Incarnation last_life_;
  Counters& counters_;
  Vec<Durable> durable_;  // by incarnation
  Vec<Loss> losses_;
  BatchNo highest_;
  BatchNo highest_marker_;
};

}  // namespace keelson
