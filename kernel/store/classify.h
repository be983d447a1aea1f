// The recovery table: from whether a batch was marked durable, and what became of an entry and its record, to what that
// says about the op (docs/storage.md; the idea is that of Protocol-Aware Recovery, Alagappan et al., 2018).
//
// Who uses it: recovery, for each record and for each part of the log that nothing readable accounts for. Pure. Not
// here: what follows for a group (rules.h and recovery_group.cc).
#pragma once

#include "keelson/base/check.h"
#include "keelson/base/counters.h"

namespace keelson {

// marked: some later page proves that the whole batch was durable, so damage in it is corruption. Else it may be torn.
enum class BatchMark : u8 { marked, unmarked };
// The record's copy in the index. old: never written (zeros, or a page of an earlier lap); bad: written, unreadable
// now.
enum class EntryState : u8 { ok, old, bad };
// The record itself. old: some page of it was never written and none is bad.
enum class RecordState : u8 { ok, old, bad };
// What counts for a record. solo: its group has one voter, so no peer can repair it. strict: it counted as stored only
// when marked (group_state, strict_ack), so un-marked damage to it broke no promise.
enum class RecordClass : u8 { normal, strict, solo };

// Numbers are those of the table.
enum class RecoveryRow : u8 {
  keep = 1,
  keep_unindexed = 2,  // the entry has to be written again
  lost = 3,
  lost_unknown = 4,
  torn_old = 5,
  torn_unindexed = 6,
  suspect = 7,
  tail_unknown = 8,
};

// Exactly one row for each combination.
constexpr RecoveryRow row_of(BatchMark mark, EntryState entry, RecordState record) {
  if (record == RecordState::ok) return entry == EntryState::ok ? RecoveryRow::keep : RecoveryRow::keep_unindexed;
  if (mark == BatchMark::marked) return entry == EntryState::ok ? RecoveryRow::lost : RecoveryRow::lost_unknown;
  if (record == RecordState::old) return RecoveryRow::torn_old;
  switch (entry) {
    case EntryState::ok:
      return RecoveryRow::suspect;
    case EntryState::old:
      return RecoveryRow::torn_unindexed;
    case EntryState::bad:
      return RecoveryRow::tail_unknown;
  }
  check(false);
  return RecoveryRow::lost_unknown;
}

// What is done about it.
enum class RecordFate : u8 {
  keep,
  drop,          // never acked: a nack is true
  suspect,       // probably never acked: neither nack nor present
  lost,          // was stored: neither nack nor present, to be repaired
  head_unknown,  // as suspect, but of which groups and ops isn't known
  amnesiac,      // as lost, but of which groups and ops isn't known
  damaged,       // of a solo group: nobody can repair it
};

constexpr RecordFate fate_of(RecoveryRow row, RecordClass record) {
  const bool solo = record == RecordClass::solo;
  switch (row) {
    case RecoveryRow::keep:
    case RecoveryRow::keep_unindexed:
      return RecordFate::keep;
    case RecoveryRow::lost:
      return solo ? RecordFate::damaged : RecordFate::lost;
    case RecoveryRow::lost_unknown:
      return solo ? RecordFate::damaged : RecordFate::amnesiac;
    case RecoveryRow::torn_old:
    case RecoveryRow::torn_unindexed:
      return RecordFate::drop;
    case RecoveryRow::suspect:
      return record == RecordClass::normal ? RecordFate::suspect : RecordFate::drop;
    case RecoveryRow::tail_unknown:
      return record == RecordClass::normal ? RecordFate::head_unknown : RecordFate::drop;
  }
  check(false);
  return RecordFate::amnesiac;
}

constexpr RecordFate classify(BatchMark mark, EntryState entry, RecordState record, RecordClass record_class) {
  return fate_of(row_of(mark, entry, record), record_class);
}

constexpr Mark mark_of(RecoveryRow row) {
  switch (row) {
    case RecoveryRow::keep:
      return Mark::recovery_row_1_keep;
    case RecoveryRow::keep_unindexed:
      return Mark::recovery_row_2_rewrite_entry;
    case RecoveryRow::lost:
      return Mark::recovery_row_3_lost;
    case RecoveryRow::lost_unknown:
      return Mark::recovery_row_4_amnesiac;
    case RecoveryRow::torn_old:
      return Mark::recovery_row_5_torn_old;
    case RecoveryRow::torn_unindexed:
      return Mark::recovery_row_6_torn_no_entry;
    case RecoveryRow::suspect:
      return Mark::recovery_row_7_suspect;
    case RecoveryRow::tail_unknown:
      return Mark::recovery_row_8_head_unknown;
  }
  check(false);
  return Mark::count;
}

}  // namespace keelson
