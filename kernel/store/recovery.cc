#include "keelson/store/recovery.h"

#include <algorithm>

#include "keelson/store/log_reach.h"

namespace keelson {
namespace {

SuperblockOwner owner_of(const RecoveryConfig& config) {
  return {config.cluster, config.node, config.generation, config.shard, config.shard_count, config.limits.digest()};
}

bool same_entry(const FoundRecord& a, const FoundRecord& b) {
  return a.group == b.group && a.command == b.command && a.op == b.op && a.identity == b.identity;
}

}  // namespace

Recovery::Recovery(const RecoveryConfig& config, Slabs& slabs, LogChunks& chunks, IoIds& ids, Counters& counters)
    : config_(config),
      slabs_(slabs),
      chunks_(chunks),
      ids_(ids),
      counters_(counters),
      groups_(config.groups.size()),
      group_ids_(config.groups.size()),
      superblock_(std::make_unique<SuperblockFile>(owner_of(config), ids, counters)),
      rewriter_(config.cluster, config.shard, config.node, config.limits, slabs, ids) {
  for (const auto& group : config.groups) groups_.push_back(group);
  std::sort(groups_.begin(), groups_.end(), [](const auto& a, const auto& b) { return a.group < b.group; });
  for (const auto& group : groups_) group_ids_.push_back(group.group);
  owner_ = {config.cluster, config.node, config.shard, group_ids_.span()};
  facts_.segment_pages = config.limits.wal_segment_pages;
  facts_.states = Vec<FoundState>(groups_.size());
  facts_.states.resize(groups_.size());
  facts_.list_states = config.list_states;
  facts_.checkpoints = Vec<FoundCheckpoint>(groups_.size());
  facts_.checkpoints.resize(groups_.size());
  found_tables_ = Vec<CheckpointTable>(groups_.size());
  found_tables_.resize(groups_.size());
}

Recovery::~Recovery() = default;

void Recovery::start(Instant, EffectBag& out) {
  check(phase_ == Phase::superblock && superblock_->state() == SuperblockFile::State::closed);
  superblock_->open(out);
}

bool Recovery::on_completion(Instant now, const Completion& completion, EffectBag& out) {
  now_ = now;
  const bool known = superblock_->on_completion(completion, out) ||
                     (scan_ && (on_probe(completion) || scan_->readers[0].on_completion(completion, out) ||
                                scan_->readers[1].on_completion(completion, out))) ||
                     (tables_ && on_table(completion)) ||
                     (wal_ && rewriter_.on_completion(now, completion, *wal_, out));
  if (known && state_ == State::running) advance(out);
  return known;
}

void Recovery::advance(EffectBag& out) {
  if (superblock_->state() == SuperblockFile::State::refused) return refuse(superblock_->refusal());
  switch (phase_) {
    case Phase::superblock:
      if (superblock_->state() == SuperblockFile::State::ready) probe_ends(out);
      return;
    case Phase::probe:
      if (scan_->probes_open > 0) return;
      if (scan_->probes[0].failed && scan_->probes[1].failed)
        return refuse({"truncated",
                       "Neither the end of the log nor that of its index can be read: the file should have {0} bytes; "
                       "check that it is whole.",
                       {StoreLayout::of(config_.limits).file_bytes(), 0, 0, 0}});
      if (!begin_log())
        return refuse(
            {"superblock_impossible",
             "The superblock says that the log begins at segment {0} and its last life at page {1}: no life of "
             "this node wrote that.",
             {superblock_->current().first_live_segment, superblock_->current().first_page.raw(), 0, 0}});
      phase_ = Phase::scan;
      reader_of(segment_).start(segment_, out);
      return read_ahead(out);
    case Phase::scan:
      while (!scan_->over && !reader_of(segment_).busy()) next_segment(out);
      if (scan_->over && !scan_->readers[0].busy() && !scan_->readers[1].busy()) end_scan(out);
      return;
    case Phase::tables:
      return read_table(out);
    case Phase::incarnation:
      if (superblock_->state() == SuperblockFile::State::ready) end_incarnation(out);
      return;
    case Phase::rewrite:
      if (wal_->poisoned())
        return refuse(
            {"log_write_failed", "The disk refused a write to the log: check the disk, then start again.", {}});
      if (!rewriter_.done()) return;
      if (!give_up_unprotected())
        return refuse({"log_unreadable",
                       "A promise that was read from the log can't be read again: check the disk, then start again.",
                       {}});
      return seal_rewrites(out);
    case Phase::seal:
      if (superblock_->state() != SuperblockFile::State::ready) return;
      phase_ = Phase::over;
      state_ = State::done;
      return;
    case Phase::over:
      return;
  }
}

// A file that was cut short must not be read as one whose tail is damaged.
void Recovery::probe_ends(EffectBag& out) {
  phase_ = Phase::probe;
  scan_ = std::make_unique<Scan>(config_.limits, ids_);
  const StoreLayout layout = StoreLayout::of(config_.limits);
  constexpr Zone zones[probe_count] = {Zone::wal, Zone::index};
  for (u32 i = 0; i < probe_count; ++i) {
    scan_->probes[i].id = ids_.next();
    ++scan_->probes_open;
    out.reads.push_back(Read{scan_->probes[i].id, zones[i], layout.zone_bytes(zones[i]) - page_bytes,
                             scan_->probe_pages.span(i, 1), IoClass::read_client});
  }
}

bool Recovery::on_probe(const Completion& completion) {
  for (Probe& probe : scan_->probes) {
    if (probe.id != completion.id) continue;
    probe.id = IoId();
    probe.failed = completion.status != IoStatus::ok;
    --scan_->probes_open;
    return true;
  }
  return false;
}

// False: no such log can be.
bool Recovery::begin_log() {
  constexpr u64 segment_max = u64{1} << 40;
  const Superblock& known = superblock_->current();
  if (known.first_live_segment > segment_max || known.freed_batch.raw() >> 60 != 0 ||
      segment_of(config_.limits, known.first_page) >= known.first_live_segment + config_.limits.wal_segments)
    return false;
  segment_ = known.first_live_segment;
  facts_.wal_begin = facts_.wal_end = first_page_of(config_.limits, segment_);
  facts_.slots_begin = facts_.slots_end = segment_ * config_.limits.index_pages_per_segment;
  facts_.freed_batch = facts_.highest = known.freed_batch;
  return true;
}

// One segment is read while the one before it is looked at.
void Recovery::read_ahead(EffectBag& out) {
  if (segment_ + 1 < superblock_->current().first_live_segment + config_.limits.wal_segments)
    reader_of(segment_ + 1).start(segment_ + 1, out);
}

// Not before the place where the last life began: it may have left a gap behind what it took for the end.
bool Recovery::at_end() const {
  const Superblock& known = superblock_->current();
  if (segment_ == known.first_live_segment + config_.limits.wal_segments) return true;
  return scan_->blank_segments >= reach_in_segments(config_.limits) &&
         segment_ > segment_of(config_.limits, known.first_page) + reach_in_segments(config_.limits);
}

void Recovery::next_segment(EffectBag& out) {
  SegmentAnalysis analysis(owner_, superblock_->current(), config_.limits, reader_of(segment_).image(), scan_->scratch,
                           facts_);
  // After so many segments without a trace there is nothing behind.
  scan_->blank_segments = analysis.run() ? 0 : scan_->blank_segments + 1;
  note_open_segment(analysis);
  ++segment_;
  scan_->over = at_end();
  if (!scan_->over) read_ahead(out);
}

// The first segment that this life did not fill, if all that lies behind it can't be read. Before the place where it
// began there are gaps that former lives left.
void Recovery::note_open_segment(const SegmentAnalysis& analysis) {
  if (analysis.any_whole()) scan_->open_segment = no_segment;
  if (scan_->open_segment == no_segment && analysis.is_open() &&
      segment_ > segment_of(config_.limits, superblock_->current().first_page))
    scan_->open_segment = segment_;
}

// Damaged pages of the former lap look like damaged ones of this: what lies too far behind a segment that was not
// filled is no trace. Otherwise each start on a rotten ring would pass over all of it.
void Recovery::drop_former_lap() {
  if (scan_->open_segment == no_segment) return;
  const Limits& limits = config_.limits;
  const u64 end = scan_->open_segment + reach_in_segments(limits);
  const PageNo wal_end = first_page_of(limits, end);
  const u64 slots_end = end * limits.index_pages_per_segment;
  if (facts_.wal_end <= wal_end && facts_.slots_end <= slots_end) return;
  counters_.hit(Mark::recovery_former_lap);
  knows_end_ = false;
  facts_.wal_end = std::min(facts_.wal_end, wal_end);
  facts_.slots_end = std::min(facts_.slots_end, slots_end);
  while (!facts_.bad_pages.empty() && facts_.bad_pages.back() >= wal_end.raw()) facts_.bad_pages.pop_back();
  while (!facts_.bad_slots.empty() && facts_.bad_slots.back() >= slots_end) facts_.bad_slots.pop_back();
}

void Recovery::end_scan(EffectBag& out) {
  drop_former_lap();
  scan_.reset();
  const Superblock& old = superblock_->current();
  history_ = std::make_unique<BatchHistory>(facts_, old, counters_);
  judge_records();
  plan_rewrites();
  if (is_last_incarnation(old.incarnation) || history_->highest().raw() >> 61 != 0)
    return refuse({"numbers_used_up", "This data file was started too often: format a new one.", {}});
  phase_ = Phase::tables;
  tables_ = std::make_unique<Tables>(config_.limits);
  read_table(out);
}

void Recovery::read_table(EffectBag& out) {
  if (tables_->read != IoId()) return;
  for (; tables_->group < groups_.size(); ++tables_->group, tables_->copy = 0) {
    const FoundCheckpoint& found = facts_.checkpoints[tables_->group];
    if (!found.exists || !found_tables_[tables_->group].sections.empty()) continue;
    const auto blocks = static_cast<u32>(blocks_for(found.record.table_bytes));
    for (; tables_->copy < 2 * table_rounds; ++tables_->copy) {
      const u32 first = found.record.table_block[tables_->copy % 2];
      if (found.record.table_bytes > table_bytes_max(config_.limits) ||
          first > config_.limits.checkpoint_blocks - blocks)
        continue;
      if (tables_->pages.pages() < blocks) tables_->pages = PageBuffer(blocks);
      tables_->read = ids_.next();
      out.reads.push_back(Read{tables_->read, Zone::checkpoint, u64{first} * page_bytes, tables_->pages.span(0, blocks),
                               IoClass::read_client});
      return;
    }
    counters_.hit(Mark::checkpoint_damaged);
  }
  tables_.reset();
  end_tables(out);
}

bool Recovery::on_table(const Completion& completion) {
  if (completion.id != tables_->read) return false;
  tables_->read = IoId();
  const GroupCheckpoint& record = facts_.checkpoints[tables_->group].record;
  CheckpointTable& table = found_tables_[tables_->group];
  const Bytes bytes = tables_->pages.span(0, blocks_for(record.table_bytes)).first(record.table_bytes);
  const bool whole = completion.status == IoStatus::ok && digest_of(bytes) == record.table_digest &&
                     table.decode(bytes, config_.limits.checkpoint_blocks) && table.id() == record.checkpoint_id &&
                     table.facts.group == record.group && table.facts.op == record.op &&
                     table.facts.identity == record.identity;
  if (whole) return true;
  table.sections.clear();
  ++tables_->copy;
  return true;
}

void Recovery::end_tables(EffectBag& out) {
  const Superblock& old = superblock_->current();
  find_end();
  Superblock next = old;
  next.add_former(wal_start_.durable_batch);
  next.add_begin(wal_start_.next_batch);
  next.incarnation = old.incarnation + 1;
  next.durable_batch = wal_start_.durable_batch;
  next.first_batch = wal_start_.next_batch;
  next.first_page = wal_start_.next_page;
  next.clean = 0;
  next.version = superblock_version;  // what an older format wrote is read as it is
  wal_start_.incarnation = next.incarnation;
  phase_ = Phase::incarnation;
  superblock_->update(next, out);
}

void Recovery::judge_records() {
  for (FoundRecord& record : facts_.records) {
    const RecoveryRow row = row_of(history_->mark_of(record.batch), record.entry, record.record);
    counters_.hit(mark_of(row));
    const bool solo = groups_[record.group].voters == 1;
    record.fate = fate_of(row, solo ? RecordClass::solo : record.strict ? RecordClass::strict : RecordClass::normal);
  }
  std::sort(facts_.records.begin(), facts_.records.end(), [](const FoundRecord& a, const FoundRecord& b) {
    if (a.group != b.group) return a.group < b.group;
    if (a.command != b.command) return a.command < b.command;
    if (a.command == Command::prepare && a.op != b.op) return a.op < b.op;
    if (a.command == Command::prepare && a.identity != b.identity) return a.identity < b.identity;
    if (a.place.page != b.place.page) return a.place.page < b.place.page;
    return a.place.offset < b.place.offset;
  });
}

// A record that counts only with a mark, or whose entry is missing, must not stay alone with what a crash left of it.
bool Recovery::needs_copy(const FoundRecord& record) const {
  if (record.fate != RecordFate::keep || groups_[record.group].voters == 1) return false;
  const bool marked = history_->mark_of(record.batch) == BatchMark::marked;
  return record.entry != EntryState::ok || (record.strict && !marked);
}

bool Recovery::state_needs_copy(u32 group) const {
  const FoundState& state = facts_.states[group];
  if (!state.exists) return false;
  // A copy would come behind a newer promise of which only the entry is left, and hide it.
  for (const FoundRecord& lost : records_of(group, Command::group_state))
    if (supersedes(lost, state)) return false;
  return state.entry != EntryState::ok || history_->mark_of(state.batch) == BatchMark::unmarked;
}

// An older one would count again if this one were lost without a trace, and its blocks may be given away by then.
bool Recovery::checkpoint_needs_copy(u32 group) const {
  const FoundCheckpoint& found = facts_.checkpoints[group];
  if (!found.exists) return false;
  return found.entry != EntryState::ok || history_->mark_of(found.batch) == BatchMark::unmarked;
}

void Recovery::plan_rewrites() {
  for (u32 group = 0; group < facts_.checkpoints.size(); ++group)
    if (checkpoint_needs_copy(group)) rewriter_.add(facts_.checkpoints[group].place);
  for (u32 group = 0; group < facts_.states.size(); ++group)
    if (state_needs_copy(group)) rewriter_.add(facts_.states[group].place);
  // Where a mark proves that a record was durable, its loss would be noticed: those get what room one batch has.
  u64 spare_bytes = u64{config_.limits.wal_batch_pages_max} * payload_bytes;
  const auto& records = facts_.records;
  for (std::size_t i = 0, end = 0; i < records.size(); i = end) {
    const FoundRecord* without_copy = nullptr;
    bool safe = false;
    for (end = i; end < records.size() && same_entry(records[i], records[end]); ++end) {
      if (needs_copy(records[end]))
        without_copy = &records[end];
      else
        safe = safe || records[end].fate == RecordFate::keep;
    }
    if (safe || !without_copy) continue;
    if (history_->mark_of(without_copy->batch) == BatchMark::marked) {
      if (without_copy->place.size > spare_bytes) continue;
      spare_bytes -= without_copy->place.size;
    }
    rewriter_.add(without_copy->place);
  }
}

void Recovery::end_incarnation(EffectBag& out) {
  wal_ = std::make_unique<Wal>(WalConfig{config_.cluster, config_.shard, config_.limits, config_.tunables}, wal_start_,
                               slabs_, ids_, counters_);
  for (const BatchFact& batch : facts_.batches)
    wal_->found_batch(batch.has_head() ? batch.first_slot / config_.limits.index_pages_per_segment
                                       : segment_of(config_.limits, batch.first_page),
                      batch.no);
  phase_ = Phase::rewrite;
  if (!rewriter_.empty()) rewriter_.start(now_, *wal_, out);
  advance(out);
}

// The superblock, too, names the batch that marks the copies: one damaged page must not make them look torn.
void Recovery::seal_rewrites(EffectBag& out) {
  phase_ = Phase::seal;
  Superblock next = superblock_->current();
  if (next.durable_batch >= wal_->marked()) return advance(out);
  next.durable_batch = wal_->marked();
  superblock_->update(next, out);
}

// Records that should have a copy and got none stay readable for now, and may be gone at the next start without a
// trace: they don't count as stored. False: a group's promise is among them.
bool Recovery::give_up_unprotected() {
  for (const RecordPlace& place : rewriter_.failed()) {
    for (const FoundState& state : facts_.states)
      if (state.exists && state.place == place) return false;
    for (const FoundCheckpoint& checkpoint : facts_.checkpoints)
      if (checkpoint.exists && checkpoint.place == place) return false;
    const auto lone = std::find_if(facts_.records.begin(), facts_.records.end(),
                                   [&](const FoundRecord& record) { return record.place == place; });
    check(lone != facts_.records.end());
    if (history_->mark_of(lone->batch) == BatchMark::marked) continue;  // its loss would be noticed
    for (FoundRecord& record : facts_.records)
      if (same_entry(record, *lone) && needs_copy(record)) record.fate = RecordFate::suspect;
  }
  return true;
}

void Recovery::note_end() {
  const BatchFact* last = facts_.batches.empty() ? nullptr : &facts_.batches.back();
  const u64 page = last ? last->pages_end().raw() : facts_.wal_begin.raw();
  const u64 slot = last && last->has_head() ? last->slots_end() : last ? last->slots_before : facts_.slots_begin;
  const bool bad_page = !facts_.bad_pages.empty() && facts_.bad_pages.back() >= page;
  const bool bad_slot = !facts_.bad_slots.empty() && facts_.bad_slots.back() >= slot;
  knows_end_ = knows_end_ && !bad_page && !bad_slot;
}

// Behind every trace, in the log and in its index: what a crash left is never written over.
void Recovery::find_end() {
  const Limits& limits = config_.limits;
  const auto last_segment = [](u64 end, u64 per_segment) { return end == 0 ? 0 : (end - 1) / per_segment; };
  u64 segment = std::max(last_segment(facts_.wal_end.raw(), limits.wal_segment_pages),
                         last_segment(facts_.slots_end, limits.index_pages_per_segment));
  PageNo page = std::max(facts_.wal_end, first_page_of(limits, segment));
  const u64 slots_before = segment * limits.index_pages_per_segment;
  u64 slot = facts_.slots_end > slots_before ? facts_.slots_end - slots_before : 0;
  if (segment_of(limits, page) > segment) slot = 0;
  note_end();
  wal_start_.first_segment = superblock_->current().first_live_segment;
  wal_start_.next_page = page;
  wal_start_.next_index_page = static_cast<u32>(slot);
  const BatchNo highest = history_->highest();
  wal_start_.next_batch = highest + 1;
  wal_start_.durable_batch = history_->highest_marker();
  wal_start_.prev_groups = history_->groups_of(highest);
}

std::span<const FoundRecord> Recovery::records_of(u32 group, Command command) const {
  const auto& all = facts_.records;
  const auto from = std::partition_point(all.begin(), all.end(), [&](const FoundRecord& r) {
    return r.group < group || (r.group == group && r.command < command);
  });
  const auto end = std::partition_point(from, all.end(),
                                        [&](const FoundRecord& r) { return r.group == group && r.command == command; });
  return {from, end};
}

RecoveredGroup Recovery::take_group(GroupId group) {
  check(state_ == State::done);
  const auto at = std::lower_bound(group_ids_.begin(), group_ids_.end(), group);
  check(at != group_ids_.end() && *at == group);
  const auto index = static_cast<u32>(at - group_ids_.begin());
  const GroupFindings findings{group,
                               config_.cluster,
                               groups_[index].voters,
                               records_of(index, Command::group_state),
                               records_of(index, Command::prepare),
                               records_of(index, Command::group_checkpoint),
                               &facts_.states[index],
                               facts_.checkpoints[index].exists ? &facts_.checkpoints[index] : nullptr,
                               history_.get()};
  RecoveredGroup recovered = GroupRecovery(findings, config_.limits, chunks_).run();
  recovered.state_place = facts_.states[index].place;
  recovered.checkpoint_place = facts_.checkpoints[index].place;
  if (!found_tables_[index].sections.empty()) {
    recovered.has_checkpoint = true;
    recovered.checkpoint = facts_.checkpoints[index].record;
    recovered.table = std::move(found_tables_[index]);
  }
  const Op covered = recovered.has_checkpoint ? recovered.checkpoint.op : Op();
  if (groups_[index].voters == 1 && recovered.log.floor() > covered) {
    recovered.log_damaged = true;
    recovered.damaged_op = recovered.log.floor();
  }
  recovered.checkpoint_damaged = facts_.checkpoints[index].exists && !recovered.has_checkpoint;
  return recovered;
}

std::unique_ptr<Wal> Recovery::make_wal() {
  check(state_ == State::done && wal_);
  return std::move(wal_);
}

std::unique_ptr<SuperblockFile> Recovery::take_superblock() {
  check(state_ == State::done && superblock_);
  return std::move(superblock_);
}

void Recovery::refuse(const ShardRefusal& refusal) {
  refusal_ = refusal;
  state_ = State::refused;
}

}  // namespace keelson
