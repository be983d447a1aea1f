// Shadow of kernel/store/rules.h (see vsr/rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/store/rules.h"

namespace keelson::mutant_store_rules {

using namespace store_rules;
using mutants::active;
using mutants::Id;

inline bool belongs_above_head(const Promise& promise, Epoch epoch, View stamp) {
  if (active(Id::store_stale_tail_returns)) return epoch == promise.epoch;
  return store_rules::belongs_above_head(promise, epoch, stamp);
}

inline bool belongs_below_head(const Digest& wanted, const Digest& identity) {
  return active(Id::store_identity_ignored) || store_rules::belongs_below_head(wanted, identity);
}

inline bool is_live(NodeId author, NodeId self) {
  return active(Id::store_copy_is_live) || store_rules::is_live(author, self);
}

inline bool bounds_loss(BatchNo record, BatchNo loss) {
  return active(Id::store_loss_always_bounded) || store_rules::bounds_loss(record, loss);
}

inline Op committed_below(Op head, u32 pipeline_max) {
  return active(Id::store_recovered_is_committed) ? head : store_rules::committed_below(head, pipeline_max);
}

inline BatchMark mark_of(BatchNo batch, BatchNo durable) {
  if (active(Id::store_corrupt_is_torn)) return BatchMark::unmarked;
  if (active(Id::store_torn_is_corrupt)) return BatchMark::marked;
  return store_rules::mark_of(batch, durable);
}

inline bool is_written(Zone zone, IoStatus status) {
  if (active(Id::store_flush_ignored) && (zone == Zone::wal || zone == Zone::index)) return true;
  if (active(Id::store_checkpoint_write_ignored) && zone == Zone::checkpoint) return true;
  if (active(Id::store_superblock_write_ignored) && zone == Zone::superblock) return true;
  return store_rules::is_written(zone, status);
}

inline bool is_batch_stored(std::size_t writes_pending, std::size_t records_pending) {
  if (active(Id::store_ack_on_record_only)) return records_pending == 0;
  return store_rules::is_batch_stored(writes_pending, records_pending);
}

inline BatchNo marker_for(BatchNo durable, BatchNo batch) {
  return active(Id::store_marker_ahead) ? batch - 1 : store_rules::marker_for(durable, batch);
}

inline u32 superblock_round() { return active(Id::store_one_superblock_copy) ? 1 : store_rules::superblock_round(); }

inline bool goes_to_second_round(u32 written, u32 failed) {
  const bool ends_early = active(Id::store_one_superblock_copy) || active(Id::store_superblock_half);
  return !ends_early && store_rules::goes_to_second_round(written, failed);
}

inline bool is_superblock_stored(u32 written) {
  if (active(Id::store_one_superblock_copy)) return written >= 1;
  if (active(Id::store_superblock_half)) return written >= 2;
  return store_rules::is_superblock_stored(written);
}

inline bool is_newer_promise(const Promise& entry, bool copied, bool lies_behind, const Promise& newest) {
  if (active(Id::store_copy_hides)) return lies_behind && entry != newest;
  return store_rules::is_newer_promise(entry, copied, lies_behind, newest);
}

inline bool still_confesses(bool said) {
  return !active(Id::store_confession_lost) && store_rules::still_confesses(said);
}

inline bool is_here(PageNo stamped, PageNo place) {
  return active(Id::store_no_location_check) || store_rules::is_here(stamped, place);
}

inline bool is_outlived(Incarnation author, BatchNo no, Incarnation life, BatchNo life_begin) {
  return !active(Id::store_outlived_returns) && store_rules::is_outlived(author, no, life, life_begin);
}

inline bool is_asked(const Prepare& found, GroupId group, Op op, const Digest& identity) {
  return active(Id::store_no_location_check) || store_rules::is_asked(found, group, op, identity);
}

inline u32 bits_asked(u32 written) {
  return active(Id::store_bloom_misses) ? written + 1 : store_rules::bits_asked(written);
}

inline bool describes(BatchNo describing, BatchNo lost) {
  return active(Id::store_loss_spans) ? describing > lost : store_rules::describes(describing, lost);
}

inline bool speaks_for_tail(BatchNo saying, BatchNo durable) {
  return active(Id::store_strict_by_any) || store_rules::speaks_for_tail(saying, durable);
}

inline bool speaks_for_former(BatchNo durable, BatchNo freed) {
  return !active(Id::store_former_forgotten) && store_rules::speaks_for_former(durable, freed);
}

inline bool may_relax(BatchNo sealed, BatchNo relaxed_from) {
  return active(Id::store_strict_unsealed) || store_rules::may_relax(sealed, relaxed_from);
}

inline bool is_of_former_lap(Incarnation life, u64 seq, Incarnation newest_life, u64 newest_seq) {
  return !active(Id::store_former_lap_counts) && store_rules::is_of_former_lap(life, seq, newest_life, newest_seq);
}

inline bool is_vouched_for(EntryState entry, BatchMark mark) {
  return active(Id::store_former_lap_counts) || store_rules::is_vouched_for(entry, mark);
}

inline bool is_crowded(u64 needed, u32 blocks) {
  return !active(Id::store_zone_never_crowded) && store_rules::is_crowded(needed, blocks);
}

inline bool needs_seal(Command command) {
  return !active(Id::store_promise_unsealed) && store_rules::needs_seal(command);
}

}  // namespace keelson::mutant_store_rules

#define store_rules mutant_store_rules
