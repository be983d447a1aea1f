// The yes-or-no decisions of the store, as pure functions on one page: what counts as written, which records belong to
// a group's log, and what a loss of unknown extent means for it. Nothing else spells them out, so that a planted bug
// can shadow this header and nothing more. The table from damage to fate is classify.h.
#pragma once

#include "keelson/base/types.h"
#include "keelson/store/classify.h"
#include "keelson/store/superblock.h"
#include "keelson/wire/effect.h"
#include "keelson/wire/event.h"

namespace keelson::store_rules {

// The newest durable promise of a group, as far as records are judged by it.
struct Promise {
  Epoch epoch{1};
  View view;
  View log_view;
  Op head;

  constexpr auto operator<=>(const Promise&) const = default;
};

// Of an entry whose record is gone. What lies behind is newer, but for a start's copy: it may lie behind a promise that
// this start could not read. Promises go on only, so one that is beyond counts wherever it lies.
constexpr bool is_newer_promise(const Promise& entry, bool copied, bool lies_behind, const Promise& newest) {
  return entry > newest || (!copied && lies_behind && entry != newest);
}

// Above the stored head only a record stamped with exactly the stored log_view is of this log: a newer view never
// became durable, so nothing in it was acked; an older one was truncated. While a view change is under way there is
// none.
constexpr bool belongs_above_head(const Promise& promise, Epoch epoch, View stamp) {
  return promise.log_view == promise.view && epoch == promise.epoch && stamp == promise.log_view;
}

// At or below the stored head identity decides, whatever the stamp.
constexpr bool belongs_below_head(const Digest& wanted, const Digest& identity) { return wanted == identity; }

// Of several records of one (op, identity) the best counts.
constexpr bool better(RecordFate fate, RecordFate than) {
  const auto rank = [](RecordFate f) {
    switch (f) {
      case RecordFate::keep:
        return 3;
      case RecordFate::lost:
      case RecordFate::damaged:
        return 2;
      case RecordFate::suspect:
        return 1;
      case RecordFate::drop:
      case RecordFate::head_unknown:
      case RecordFate::amnesiac:
        return 0;
    }
    return 0;
  };
  return rank(fate) > rank(than);
}

// A prepare that came from its primary proves that no newer promise was made before it. What this node wrote on its own
// authority, as a repair or copied forward, proves nothing.
constexpr bool is_live(NodeId author, NodeId self) { return author != self; }

// What a promise said of itself its entry repeats.
constexpr bool still_confesses(bool said) { return said; }

// A record behind a loss shows that the loss took no promise newer than its own.
constexpr bool bounds_loss(BatchNo record, BatchNo loss) { return record > loss; }

// At most pipeline_max ops of a log are uncommitted.
constexpr Op committed_below(Op head, u32 pipeline_max) { return head.minus_saturating(pipeline_max); }

// A batch is marked by a marker of its own incarnation only.
constexpr BatchMark mark_of(BatchNo batch, BatchNo durable) {
  return batch <= durable ? BatchMark::marked : BatchMark::unmarked;
}

// A head may say that all records behind its batch are strict. Only that of the newest batch that is known to have been
// stored is believed: a later one may say otherwise, and may be gone.
constexpr bool speaks_for_tail(BatchNo saying, BatchNo durable) { return saying == durable; }

// What was durable as a life began is known as long as any of it is in the log: all later pages that say so may rot,
// and the superblock's own marker is soon one of another life.
constexpr bool speaks_for_former(BatchNo durable, BatchNo freed) { return durable > freed; }

// A record that isn't strict may be written again once nothing can hide that a head said so: the superblock names a
// batch that doesn't say strict any more, or a later one.
constexpr bool may_relax(BatchNo sealed, BatchNo relaxed_from) {
  return relaxed_from != BatchNo() && sealed >= relaxed_from;
}

// What was written counts when the device says so, and only then. A failed write is never tried again in place.
constexpr bool is_written(Zone, IoStatus status) { return status == IoStatus::ok; }

// A batch is stored with its last write: records alone have no entry in the index.
constexpr bool is_batch_stored(std::size_t writes_pending, std::size_t) { return writes_pending == 0; }

// A marker names what is stored, never the batch that it travels with.
constexpr BatchNo marker_for(BatchNo durable, BatchNo) { return durable; }

// Two copies of the superblock are written, then the other two: at each instant two intact ones of one sequence exist.
constexpr u32 superblock_round() { return superblock_copies / 2; }
constexpr bool goes_to_second_round(u32 written, u32 failed) { return failed == 0 && written == superblock_round(); }
// A device that refused one of them takes nothing any more (wire/event.h).
constexpr bool is_superblock_stored(u32 written) { return written == superblock_copies; }

// A page says where it belongs. What a device wrote to a wrong place is no page of that place.
constexpr bool is_here(PageNo stamped, PageNo place) { return stamped == place; }

// A page that was torn as it was written shows records of a former lap of the log under its new stamp. Records of a
// kind of which only the newest counts say themselves which is newer.
constexpr bool is_of_former_lap(Incarnation life, u64 seq, Incarnation newest_life, u64 newest_seq) {
  return life < newest_life || (life == newest_life && seq < newest_seq);
}
// What an entry of the index or a marker vouches for is no such record.
constexpr bool is_vouched_for(EntryState entry, BatchMark mark) {
  return entry == EntryState::ok || mark == BatchMark::marked;
}

// A life numbers its batches from the first one that it did not find. A page of that number, or of a higher one, by an
// earlier life could not be read then, and what it was is settled without it.
constexpr bool is_outlived(Incarnation author, BatchNo no, Incarnation life, BatchNo life_begin) {
  return author < life && no >= life_begin;
}

// What is read back is the record that was asked for.
constexpr bool is_asked(const Prepare& found, GroupId group, Op op, const Digest& identity) {
  return found.group == group && found.op == op && found.identity == identity;
}

// As many bits of a group are asked for as were written. One that isn't set says that the group was not there.
constexpr u32 bits_asked(u32 written) { return written; }

// Only the next batch says whose records a batch had: of two that are lost, nothing is known of the first.
constexpr bool describes(BatchNo describing, BatchNo lost) { return describing == lost + 1; }

// Beside the durable checkpoints of all groups there has to be room for the next one of each, and for former ones that
// peers are fetching.
constexpr bool is_crowded(u64 needed, u32 blocks) { return needed > blocks / 3; }

// What says that a replica takes part in a view must be known to have been there, whatever rots.
constexpr bool needs_seal(Command command) { return command == Command::group_state; }

}  // namespace keelson::store_rules
