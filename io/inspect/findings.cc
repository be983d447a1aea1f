#include "keelson/io/inspect/findings.h"

#include <algorithm>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/checkpoints.h"
#include "keelson/io/inspect/open_damage.h"
#include "keelson/io/inspect/segments.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

// Batches by where they lie in a zone, those without a place left out.
class BatchSpans {
 public:
  template <class Place>
  BatchSpans(const Vec<BatchFact>& batches, bool all_have_one, Place place)
      : batches_(batches), all_have_one_(all_have_one) {
    for (const BatchFact& batch : batches) {
      const auto [from, end] = place(batch);
      if (from < end) spans_.push_back({from, end, &batch});
    }
    std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
  }

  // What may have lain on a page that can't be read.
  struct Held {
    Finding finding = Finding::torn;  // torn, stray; or as `durable` says
    BatchNo from;                     // batches
    BatchNo to;
  };
  // A marker proves that it was durable: of its batch, or of one of the same life behind it.
  Held held_by(u64 page, const BatchHistory& history, Finding durable) const {
    const auto behind =
        std::partition_point(spans_.begin(), spans_.end(), [&](const Span& span) { return span.from <= page; });
    const BatchFact* before = behind == spans_.begin() ? nullptr : (behind - 1)->batch;
    const BatchFact* after = behind == spans_.end() ? nullptr : behind->batch;
    if (before && page < (behind - 1)->end) {
      const bool marked = history.mark_of(before->no) == BatchMark::marked;
      return {marked ? durable : Finding::torn, before->no, before->no};
    }
    const BatchNo from = before ? before->no + 1 : BatchNo(1);
    if (!after) return {history.highest_marker() >= from ? durable : Finding::torn, from, history.highest()};
    const bool one_life = !before || before->incarnation == after->incarnation;
    const bool marked = one_life && history.mark_of(after->no) == BatchMark::marked;
    if (one_life && none_missing(before, *after, from)) return {Finding::stray, from, from};
    return {marked ? durable : Finding::torn, from, after->no - 1};
  }

 private:
  struct Span {
    u64 from = 0;
    u64 end = 0;
    const BatchFact* batch = nullptr;
  };
  // Whether every batch between two neighbours is known, and has nothing to lie here.
  bool none_missing(const BatchFact* before, const BatchFact& after, BatchNo from) const {
    if (after.no <= from) return true;
    const BatchFact* first = before ? before + 1 : batches_.begin();  // both are elements of batches_
    return !all_have_one_ && static_cast<u64>(&after - first) == after.no - from;
  }

  const Vec<BatchFact>& batches_;
  const bool all_have_one_;
  std::vector<Span> spans_;
};

class Finder {
 public:
  Finder(const Survey& survey, Findings& findings) : survey_(survey), findings_(findings) {}

  void run() {
    find_in_superblock();
    if (!survey_.profile) return;
    const u64 expected = StoreLayout::of(limits()).file_bytes();
    if (survey_.bytes != expected)
      findings_.add(Finding::file_size,
                    std::to_string(survey_.bytes) + " bytes instead of " + std::to_string(expected));
    if (!survey_.log_read()) return;
    find_in_log();
    find_in_groups();
    find_in_checkpoints(survey_, findings_);
    read_everything();
  }

  void find_in_log() {
    const std::vector<RecordRow> rows = records_of(survey_);
    const OpenDamage open(survey_, rows);
    find_pages(open);
    find_records(rows, open);
    find_losses(open);
  }

 private:
  const Limits& limits() const { return survey_.profile->limits; }
  const LogFacts& facts() const { return survey_.run->recovery().facts(); }
  const BatchHistory& history() const { return *survey_.run->recovery().history(); }

  void find_in_superblock() {
    if (survey_.opening.refusal.code) {
      findings_.add(Finding::superblock, refusal_text(survey_));
    } else if (survey_.refusal && survey_.refusal->exit_code == exit_code::configuration) {
      findings_.add(Finding::owner, refusal_text(survey_));
    }
    for (u32 i = 0; i < superblock_copies; ++i) {
      const CopyState state = survey_.copies[i].state;
      if (state == CopyState::opened || state == CopyState::intact) continue;
      findings_.add(Finding::superblock_copy, Zone::superblock, superblock_offset(i),
                    "copy " + std::to_string(i) + " " + name_of(state));
    }
    std::vector<std::byte> between(superblock_stride - superblock_copy_bytes);
    for (u32 i = 0; i < superblock_copies; ++i) {
      const u64 at = superblock_offset(i) + superblock_copy_bytes;
      if (survey_.image->read(at, between) && !all_zero(between))
        findings_.add(Finding::stray, Zone::superblock, at, "behind copy " + std::to_string(i));
    }
  }

  // Pages that were written and can't be read.
  void find_pages(const OpenDamage& open) {
    const BatchSpans slots(facts().batches, true, [](const BatchFact& batch) {
      return std::pair{batch.first_slot, batch.has_head() ? batch.slots_end() : batch.first_slot};
    });
    for (const u64 slot : facts().bad_slots) {
      const u64 segment = slot / limits().index_pages_per_segment;
      const auto within = static_cast<u32>(slot % limits().index_pages_per_segment);
      findings_.add(settled(slots.held_by(slot, history(), Finding::index_page), open), Zone::index,
                    survey_.file_offset(Zone::index, index_offset(limits(), segment, within)),
                    "index page " + std::to_string(within) + " of segment " + std::to_string(segment));
    }
    const BatchSpans pages(facts().batches, false, [](const BatchFact& batch) {
      return std::pair{batch.first_page.raw(), batch.pages_end().raw()};
    });
    for (const u64 page : facts().bad_pages)
      findings_.add(
          settled(pages.held_by(page, history(), Finding::wal_page), open), Zone::wal,
          survey_.file_offset(Zone::wal, wal_offset(limits(), PageNo(page))),
          "page " + std::to_string(page) + " of segment " + std::to_string(segment_of(limits(), PageNo(page))));
  }

  // One voter appends in order, so what is durable proves that what lies below it was in the log as well.
  bool is_above_gap(const RecordRow& row) const {
    const GroupSurvey& group = survey_.groups[row.record->group];
    return survey_.groups_known && group.voters == 1 && !group.log_damaged && row.fate == RecordFate::keep &&
           row.mark == BatchMark::marked && row.record->command == Command::prepare && row.record->op > group.head;
  }

  static Finding settled(const BatchSpans::Held& held, const OpenDamage& open) {
    return is_damage(held.finding) && !open.any_open(held.from, held.to) ? Finding::settled : held.finding;
  }

  void find_records(const std::vector<RecordRow>& rows, const OpenDamage& open) {
    for (const RecordRow& row : rows) {
      const FoundRecord& record = *row.record;
      if (is_above_gap(row))
        findings_.add(Finding::records_above_gap, Zone::wal, file_offset_of(survey_, record.place), record_text(row));
      if (row.row == RecoveryRow::keep) continue;
      Finding finding = finding_of(row);
      if (is_damage(finding) && !open.is_open(row)) finding = Finding::settled;
      if (row.row == RecoveryRow::keep_unindexed) {
        findings_.add(finding, Zone::wal, file_offset_of(survey_, record.place),
                      record_text(row) + " is whole, its index entry is not");
        continue;
      }
      const Diagnosis diagnosis = findings_.wants(finding) ? diagnose(survey_, record) : Diagnosis();
      findings_.add(finding, Zone::wal, diagnosis.file_offset, record_text(row) + ": " + diagnosis.what);
    }
  }

  static Finding finding_of(const RecordRow& row) {
    if (row.row == RecoveryRow::keep_unindexed)
      return row.mark == BatchMark::marked ? Finding::record_unindexed : Finding::torn;
    if (row.record->command == Command::group_checkpoint && row.fate != RecordFate::drop)
      return Finding::checkpoint_record;
    switch (row.fate) {
      case RecordFate::damaged:
        return Finding::record_damaged;
      case RecordFate::lost:
      case RecordFate::amnesiac:
        return Finding::record_lost;
      case RecordFate::suspect:
      case RecordFate::head_unknown:
        return Finding::record_suspect;
      case RecordFate::keep:
      case RecordFate::drop:
        return Finding::torn;
    }
    return Finding::torn;
  }

  void find_losses(const OpenDamage& open) {
    for (const Loss& loss : history().losses())
      findings_.add(!open.is_open(loss)                     ? Finding::settled
                    : loss.row == RecoveryRow::lost_unknown ? Finding::content_lost
                                                            : Finding::content_unsure,
                    "up to batch " + std::to_string(loss.batch.raw()) + ", perhaps of " + groups_text(survey_, loss));
  }

  void find_in_groups() {
    for (const GroupSurvey& group : survey_.groups) {
      const std::string name = "group " + std::to_string(group.group.raw());
      if (group.log_damaged)
        findings_.add(Finding::group_log_damaged,
                      name + (group.damaged_op == Op() ? "" : " from op " + std::to_string(group.damaged_op.raw())));
      if (group.amnesiac) findings_.add(Finding::group_amnesiac, name);
      if (group.head_unknown)
        findings_.add(Finding::group_head_unknown, name + " above op " + std::to_string(group.head.raw()));
      for (const OpRange& range : group.lost) findings_.add(Finding::group_ops_lost, name + " " + range_text(range));
      for (const OpRange& range : group.suspect)
        findings_.add(Finding::group_ops_suspect, name + " " + range_text(range));
    }
  }

  void read_everything() {
    Segments segments(*survey_.image, limits());
    for (u64 segment = 0; segment < limits().wal_segments; ++segment) {
      segments.load(segment);
      for (u32 page = 0; page < limits().wal_segment_pages; ++page) look_at_page(segments, page);
      for (u32 slot = 0; slot < limits().index_pages_per_segment; ++slot) look_at_slot(segments, slot);
    }
  }

  void look_at_page(Segments& segments, u32 page) {
    const u64 segment = segments.pages().segment;
    const PageNo no = first_page_of(limits(), segment) + page;
    const u64 at = survey_.file_offset(Zone::wal, wal_offset(limits(), no));
    const std::string name = "page " + std::to_string(no.raw()) + " of segment " + std::to_string(segment);
    if (segments.unreadable(Zone::wal, page)) return findings_.add(Finding::unreadable, Zone::wal, at, name);
    const std::byte* bytes = segments.pages().wal.page(page);
    const StampReading read = read_stamp(bytes, seed());
    const bool valid = read.state == PageState::ok;
    if (no >= facts().wal_end) return look_behind_end(Zone::wal, at, name, bytes, valid);
    const std::size_t used = stamp_bytes + (valid ? read.stamp.used : 0u);
    if (valid && !all_zero({bytes + used, page_bytes - used}))
      findings_.add(Finding::stray, Zone::wal, at + used, "behind the records of " + name);
  }

  void look_at_slot(Segments& segments, u32 slot) {
    const u64 segment = segments.pages().segment;
    const u64 no = segment * limits().index_pages_per_segment + slot;
    const u64 at = survey_.file_offset(Zone::index, index_offset(limits(), segment, slot));
    const std::string name = "index page " + std::to_string(slot) + " of segment " + std::to_string(segment);
    if (segments.unreadable(Zone::index, slot)) return findings_.add(Finding::unreadable, Zone::index, at, name);
    const std::byte* bytes = segments.pages().index.page(slot);
    const IndexReading read = read_index_page(bytes, seed(), limits());
    const bool valid = read.state == PageState::ok;
    if (no >= facts().slots_end) return look_behind_end(Zone::index, at, name, bytes, valid);
    const std::size_t used = sizeof(IndexHead) + (valid ? read.head.count : 0u) * sizeof(IndexEntry);
    if (valid && read_room(bytes) == RoomState::bad)
      findings_.add(Finding::stray, Zone::index, at + used, "the filter behind the entries of " + name);
  }

  // Recovery stops where a log can't go on any more. Whole pages behind that say that it once did.
  void look_behind_end(Zone zone, u64 at, const std::string& name, const std::byte* bytes, bool valid) {
    if (valid)
      findings_.add(Finding::pages_behind_end, zone, at, name);
    else if (!all_zero({bytes, page_bytes}))
      findings_.add(Finding::stray, zone, at, name);
  }

  u64 seed() const { return page_seed(survey_.log_cluster(), survey_.log_shard()); }

  const Survey& survey_;
  Findings& findings_;
};

}  // namespace

void Findings::add(Finding finding, Zone zone, u64 file_offset, const std::string& what) {
  add(finding, FindingPlace{zone, true, file_offset, what});
}
void Findings::add(Finding finding, const std::string& what) { add(finding, FindingPlace{Zone::wal, false, 0, what}); }
void Findings::add(Finding finding, FindingPlace place) {
  Kind& kind = kinds_[static_cast<std::size_t>(finding)];
  ++kind.count;
  if (max_ == 0 || kind.places.size() < max_) kind.places.push_back(std::move(place));
}

bool Findings::any_damage() const {
  for (std::size_t i = 0; i < kinds_.size(); ++i)
    if (kinds_[i].count > 0 && is_damage(static_cast<Finding>(i))) return true;
  return false;
}

Findings find_in_log(const Survey& survey, std::size_t places_max) {
  Findings findings(places_max);
  if (survey.log_read()) Finder(survey, findings).find_in_log();
  return findings;
}

Findings find_all(const Survey& survey, std::size_t places_max) {
  Findings findings(places_max);
  Finder(survey, findings).run();
  return findings;
}

int exit_code_of(const Survey& survey, const Findings& findings) {
  if (survey.refusal) return survey.refusal->exit_code;
  return findings.any_damage() ? exit_code::operation_failed : exit_code::done;
}

}  // namespace keelson::io::inspect
