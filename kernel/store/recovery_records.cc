// Which records of a segment are whole, and whether anything in a batch is left that nothing accounts for.
#include "keelson/base/checksum.h"
#include "keelson/store/recovery_segment.h"
#include "keelson/store/rules.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

// Over several parts of a batch the worst counts.
constexpr RecordState worse(RecordState a, RecordState b) {
  if (a == RecordState::bad || b == RecordState::bad) return RecordState::bad;
  return a == RecordState::old || b == RecordState::old ? RecordState::old : RecordState::ok;
}

bool precedes(const RecordPlace& place, PageNo page, u32 offset) {
  return place.page < page || (place.page == page && place.offset < offset);
}

bool names(const IndexEntry& entry, const Prepare& prepare) {
  return entry.command == Command::prepare && entry.group == prepare.group && entry.op == prepare.op &&
         entry.identity == prepare.identity && entry.epoch == prepare.epoch && entry.view == prepare.view;
}

bool names(const IndexEntry& entry, const GroupState& state) {
  return entry.command == Command::group_state && entry.group == state.group && entry.op == state.head &&
         entry.epoch == state.epoch && entry.view == state.view && entry.log_view == state.log_view;
}

bool names(const IndexEntry& entry, const GroupCheckpoint& checkpoint) {
  return entry.command == Command::group_checkpoint && entry.group == checkpoint.group && entry.op == checkpoint.op &&
         entry.identity == checkpoint.identity;
}

FoundRecord found_entry(const BatchFact& batch, u32 group, const IndexEntry& entry) {
  FoundRecord found;
  found.group = group;
  found.command = entry.command;
  found.strict = (entry.flags & index_flag::strict) != 0 || entry.command != Command::prepare;
  found.amnesiac = (entry.flags & index_flag::amnesiac) != 0;
  found.unsure = (entry.flags & index_flag::unsure) != 0;
  found.copied = (entry.flags & index_flag::copied) != 0;
  found.batch = batch.no;
  found.place = entry.place();
  found.epoch = entry.epoch;
  found.view = entry.view;
  found.log_view = entry.log_view;
  found.op = entry.op;
  found.identity = entry.identity;
  return found;
}

FoundRecord found_state(const BatchFact& batch, u32 group, const RecordPlace& place, EntryState entry,
                        const GroupState& state) {
  FoundRecord found;
  found.group = group;
  found.command = Command::group_state;
  found.entry = entry;
  found.strict = true;
  found.batch = batch.no;
  found.place = place;
  found.epoch = state.epoch;
  found.view = state.view;
  found.log_view = state.log_view;
  found.op = state.head;
  found.commit = state.commit_max;
  return found;
}

void take_header(FoundRecord& found, const Prepare& prepare, NodeId self) {
  found.command = Command::prepare;
  found.record = RecordState::ok;
  found.live = store_rules::is_live(prepare.node, self);
  found.epoch = prepare.epoch;
  found.view = prepare.view;
  found.op = prepare.op;
  found.identity = prepare.identity;
  found.parent = prepare.parent;
  found.checksum_body = prepare.checksum_body;
  found.timestamp = prepare.timestamp;
  found.commit = prepare.commit;
  found.release = prepare.release;
  found.request_count = prepare.request_count;
  found.operation = prepare.operation;
}

}  // namespace

void SegmentAnalysis::read_batch(BatchFact& batch) {
  collect_entries(batch);
  for (const IndexEntry& entry : scratch_.entries) judge(batch, entry);
  if (!batch.indexed()) walk(batch);
}

void SegmentAnalysis::collect_entries(BatchFact& batch) {
  scratch_.entries.clear();
  for (u32 i = 0; i < batch.pages_expected; ++i) {
    const auto slot = static_cast<u32>(batch.first_slot + i - slot_no(0));
    const IndexReading& reading = scratch_.index[slot];
    if (reading.state != PageState::ok || reading.head.batch_no != batch.no) continue;
    for (u32 k = 0; k < reading.head.count; ++k) scratch_.entries.push_back(index_entry(image_.index.page(slot), k));
  }
  std::sort(scratch_.entries.begin(), scratch_.entries.end(),
            [](const IndexEntry& a, const IndexEntry& b) { return precedes(a.place(), b.page_no, b.offset); });
  for (const IndexEntry& entry : scratch_.entries) batch.groups.add(entry.group);
}

RecordState SegmentAnalysis::gather(const RecordPlace& place) {
  const Bytes pages = image_.wal.span(page_of(place.page), pages_of(place));
  switch (gather_record(pages, place, seed_, limits_, record_bytes(place))) {
    case RecordPages::ok:
      return RecordState::ok;
    case RecordPages::old:
      return RecordState::old;
    case RecordPages::bad:
      return RecordState::bad;
  }
  check(false);
  return RecordState::bad;
}

void SegmentAnalysis::judge(const BatchFact& batch, const IndexEntry& entry) {
  const u32 group = group_index(entry.group);
  if (group == owner_.groups.size()) return;
  if (entry.command != Command::prepare && entry.command != Command::group_state &&
      entry.command != Command::group_checkpoint)
    return;
  FoundRecord found = found_entry(batch, group, entry);
  found.record = gather(found.place);
  if (found.record == RecordState::ok) {
    const MutableBytes bytes = record_bytes(found.place);
    found.record = RecordState::bad;
    if (validate_record(bytes, owner_.cluster, limits_) == Reject::none) {
      if (entry.command == Command::group_state && names(entry, as<GroupState>(bytes.data())))
        return keep_state(batch, group, found.place, EntryState::ok);
      if (entry.command == Command::group_checkpoint && names(entry, as<GroupCheckpoint>(bytes.data())))
        return keep_checkpoint(batch, group, found.place, EntryState::ok);
      if (entry.command == Command::prepare && names(entry, as<Prepare>(bytes.data())))
        take_header(found, as<Prepare>(bytes.data()), owner_.node);
    }
  }
  push_growing(facts_.records, found);
}

// Part of the batch's index is missing: records follow each other, and each page says where its first one begins.
void SegmentAnalysis::walk(BatchFact& batch) {
  const u32 end = page_of(batch.first_page) + batch.page_count;
  Cursor at{page_of(batch.first_page), 0};
  if (!batch.has_head() && scratch_.stamps[at.page].stamp.first_record != 0) batch.rest = RecordState::old;
  while (at.page < end) {
    const IndexEntry* known = known_at(at);
    if (known && known->page_no == page_no(at.page) && known->offset == at.offset) {
      skip(at, known->place());
      continue;
    }
    const StampReading& reading = scratch_.stamps[at.page];
    const bool own = reading.state == PageState::ok && reading.stamp.batch_no == batch.no;
    if (own && at.offset >= reading.stamp.used) {
      at = {at.page + 1, 0};
      continue;
    }
    if (own && at.offset == 0 && reading.stamp.first_record != 0) {  // the end of a record that began before
      at = reading.stamp.first_record == no_record ? Cursor{at.page + 1, 0}
                                                   : Cursor{at.page, reading.stamp.first_record};
      continue;
    }
    if (own && walk_record(batch, at)) continue;
    if (!own) batch.rest = worse(batch.rest, reading.state == PageState::blank ? RecordState::old : RecordState::bad);
    known = known_at({at.page, at.offset + 1});
    at = known && known->page_no == page_no(at.page) ? Cursor{at.page, known->offset} : Cursor{at.page + 1, 0};
  }
}

// A record that no entry names. False: what lies here doesn't even say how long it is.
bool SegmentAnalysis::walk_record(BatchFact& batch, Cursor& at) {
  RecordPlace place{page_no(at.page), static_cast<u16>(at.offset), header_size};
  if (!place_ok(limits_, place)) return batch.rest = RecordState::bad, false;
  RecordState state = gather(place);
  if (state != RecordState::ok) return batch.rest = worse(batch.rest, state), false;
  const Header header = header_at(scratch_.record.data());
  place.size = header.size;
  if (header_checksum(scratch_.record.data()) != header.checksum || !place_ok(limits_, place))
    return batch.rest = RecordState::bad, false;
  state = gather(place);
  if (state == RecordState::ok && validate_record(record_bytes(place), owner_.cluster, limits_) != Reject::none)
    state = RecordState::bad;
  batch.rest = worse(batch.rest, state);
  if (state == RecordState::ok) {
    batch.groups.add(header.group);
    add_found(batch, place);
  }
  skip(at, place);
  return true;
}

void SegmentAnalysis::skip(Cursor& at, const RecordPlace& place) const {
  const u32 total = at.offset + round_up(place.size, record_alignment);
  at = {at.page + total / payload_bytes, total % payload_bytes};
}

const IndexEntry* SegmentAnalysis::known_at(const Cursor& at) const {
  const auto& entries = scratch_.entries;
  const auto found = std::partition_point(entries.begin(), entries.end(), [&](const IndexEntry& entry) {
    return precedes(entry.place(), page_no(at.page), at.offset);
  });
  return found == entries.end() ? nullptr : found;
}

void SegmentAnalysis::add_found(const BatchFact& batch, const RecordPlace& place) {
  const Header header = header_at(scratch_.record.data());
  const u32 group = group_index(header.group);
  if (group == owner_.groups.size()) return;
  if (header.command == Command::group_state) return keep_state(batch, group, place, EntryState::old);
  if (header.command == Command::group_checkpoint) return keep_checkpoint(batch, group, place, EntryState::old);
  FoundRecord found;
  found.group = group;
  found.entry = EntryState::old;
  found.batch = batch.no;
  found.place = place;
  take_header(found, as<Prepare>(scratch_.record.data()), owner_.node);
  push_growing(facts_.records, found);
}

// What lies behind is newer, unless a torn page shows it. A copy may be seen before what it was made of.
void SegmentAnalysis::keep_state(const BatchFact& batch, u32 group, const RecordPlace& place, EntryState entry) {
  const auto state = as<GroupState>(scratch_.record.data());
  if (facts_.list_states) push_growing(facts_.whole_states, found_state(batch, group, place, entry, state));
  FoundState& newest = facts_.states[group];
  const BatchNo made_in = state.incarnation == batch.incarnation ? batch.no : BatchNo();
  const bool same = newest.exists && newest.state.checksum == state.checksum;
  if (!newest.exists || (same && newest.made_in == BatchNo())) newest.made_in = made_in;
  if (newest.exists &&
      (!behind(place, newest.place) || store_rules::is_of_former_lap(state.incarnation, state.state_seq,
                                                                     newest.state.incarnation, newest.state.state_seq)))
    return;
  if (!same) newest.made_in = made_in;
  newest.exists = true;
  newest.entry = entry;
  newest.batch = batch.no;
  newest.place = place;
  newest.state = state;
  newest.suffix = Vec<Prepare>(newest.state.header_count);
  for (u32 i = 0; i < newest.state.header_count; ++i)
    newest.suffix.push_back(as<Prepare>(scratch_.record.data() + std::size_t{header_size} * (i + 1)));
}

void SegmentAnalysis::keep_checkpoint(const BatchFact& batch, u32 group, const RecordPlace& place, EntryState entry) {
  FoundCheckpoint& newest = facts_.checkpoints[group];
  const auto record = as<GroupCheckpoint>(scratch_.record.data());
  if (newest.exists && (!behind(place, newest.place) ||
                        store_rules::is_of_former_lap(record.incarnation, record.record_seq, newest.record.incarnation,
                                                      newest.record.record_seq)))
    return;
  newest = {true, entry, batch.no, place, record};
}

u32 SegmentAnalysis::group_index(GroupId group) const {
  const auto at = std::lower_bound(owner_.groups.begin(), owner_.groups.end(), group);
  const auto index = static_cast<u32>(at - owner_.groups.begin());
  return at != owner_.groups.end() && *at == group ? index : static_cast<u32>(owner_.groups.size());
}

}  // namespace keelson
