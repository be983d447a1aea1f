#include "keelson/io/inspect/findings.h"

#include <algorithm>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/segments.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

// Batches by where they lie in a zone, those without a place left out.
class BatchSpans {
 public:
  template <class Place>
  BatchSpans(const Vec<BatchFact>& batches, Place place) {
    for (const BatchFact& batch : batches) {
      const auto [from, end] = place(batch);
      if (from < end) spans_.push_back({from, end, &batch});
    }
    std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
  }

  // Whether a marker proves it of the page: its batch is marked, or one of the same life behind it.
  bool was_durable(u64 page, const BatchHistory& history) const {
    const auto behind =
        std::partition_point(spans_.begin(), spans_.end(), [&](const Span& span) { return span.from <= page; });
    const Span* before = behind == spans_.begin() ? nullptr : &*(behind - 1);
    if (before && page < before->end) return history.mark_of(before->batch->no) == BatchMark::marked;
    if (behind == spans_.end()) return history.highest_marker() > (before ? before->batch->no : BatchNo());
    const bool one_life = !before || before->batch->incarnation == behind->batch->incarnation;
    return one_life && history.mark_of(behind->batch->no) == BatchMark::marked;
  }

 private:
  struct Span {
    u64 from = 0;
    u64 end = 0;
    const BatchFact* batch = nullptr;
  };
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
    read_everything();
  }

  void find_in_log() {
    find_pages();
    find_records();
    find_losses();
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

  // Pages that were written and can't be read, and whether a marker proves that they were durable.
  void find_pages() {
    const BatchSpans slots(facts().batches, [](const BatchFact& batch) {
      return std::pair{batch.first_slot, batch.has_head() ? batch.slots_end() : batch.first_slot};
    });
    for (const u64 slot : facts().bad_slots) {
      const u64 segment = slot / limits().index_pages_per_segment;
      const auto within = static_cast<u32>(slot % limits().index_pages_per_segment);
      findings_.add(slots.was_durable(slot, history()) ? Finding::index_page : Finding::torn, Zone::index,
                    survey_.file_offset(Zone::index, index_offset(limits(), segment, within)),
                    "index page " + std::to_string(within) + " of segment " + std::to_string(segment));
    }
    const BatchSpans pages(facts().batches, [](const BatchFact& batch) {
      return std::pair{batch.first_page.raw(), batch.pages_end().raw()};
    });
    for (const u64 page : facts().bad_pages)
      findings_.add(
          pages.was_durable(page, history()) ? Finding::wal_page : Finding::torn, Zone::wal,
          survey_.file_offset(Zone::wal, wal_offset(limits(), PageNo(page))),
          "page " + std::to_string(page) + " of segment " + std::to_string(segment_of(limits(), PageNo(page))));
  }

  void find_records() {
    for (const RecordRow& row : records_of(survey_)) {
      const FoundRecord& record = *row.record;
      if (row.row == RecoveryRow::keep) continue;
      if (row.row == RecoveryRow::keep_unindexed) {
        const bool marked = row.mark == BatchMark::marked;
        findings_.add(marked ? Finding::record_unindexed : Finding::torn, Zone::wal,
                      file_offset_of(survey_, record.place), record_text(row) + " is whole, its index entry is not");
        continue;
      }
      const Finding finding = finding_of(row.fate);
      const Diagnosis diagnosis = findings_.wants(finding) ? diagnose(survey_, record) : Diagnosis();
      findings_.add(finding, Zone::wal, diagnosis.file_offset, record_text(row) + ": " + diagnosis.what);
    }
  }

  static Finding finding_of(RecordFate fate) {
    switch (fate) {
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

  void find_losses() {
    for (const Loss& loss : history().losses())
      findings_.add(loss.row == RecoveryRow::lost_unknown ? Finding::content_lost : Finding::content_unsure,
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
    if (valid && !all_zero({bytes + used, page_bytes - used}))
      findings_.add(Finding::stray, Zone::index, at + used, "behind the entries of " + name);
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

struct About {
  const char* name;
  bool damage;
  const char* meaning;
};

constexpr About about[] = {
    {"file_size", true, "the file was cut short or made longer: a start refuses it; restore it as a whole"},
    {"unreadable", true, "the disk does not give these pages: as damaged as if their bytes were wrong"},
    {"superblock", true, "no superblock can be believed: a start refuses the file; restore it as a whole"},
    {"owner", true, "the data of another node, or of other limits: a start refuses it; put files back where they were"},
    {"superblock_copy", true, "written again at the next start, from the copies that are whole"},
    {"index_page", true, "was durable, and its check does not hold: records are found by their own headers instead"},
    {"wal_page", true, "was durable, and its stamp does not hold: nothing names what it held"},
    {"record_damaged", true, "was durable, in a group of one voter: nobody has another copy; restore a backup"},
    {"record_lost", true, "was durable and can't be read: never forgotten, fetched from peers"},
    {"record_suspect", true, "torn or damaged, nothing proves which: probably never acknowledged, peers decide"},
    {"record_unindexed", true, "nothing is lost: the entry is written again at the next start"},
    {"content_lost", true, "was durable, and neither entry nor record is left"},
    {"content_unsure", true, "torn or damaged, and nothing says what it held"},
    {"pages_behind_end", true, "whole pages behind the end that a start sees: what lay between was zeroed"},
    {"group_log_damaged", true, "one voter, and an op is gone: fenced at the next start; restore a backup"},
    {"group_amnesiac", true, "promises may be lost: takes no part any more; leave the node off"},
    {"group_head_unknown", true, "ops above its head may be lost: asks its peers before it takes part"},
    {"group_ops_lost", true, "fetched from peers; never voted away by this node"},
    {"group_ops_suspect", true, "fetched from peers if any has them, else forgotten by a quorum"},
    {"torn", false, "left by a crash, never acknowledged: forgotten at the next start"},
    {"stray", false, "bytes where there should be zeros; nothing reads them"},
};
static_assert(std::size(about) == static_cast<std::size_t>(Finding::count));

}  // namespace

const char* name_of(Finding finding) { return about[static_cast<std::size_t>(finding)].name; }
const char* meaning_of(Finding finding) { return about[static_cast<std::size_t>(finding)].meaning; }
bool is_damage(Finding finding) { return about[static_cast<std::size_t>(finding)].damage; }

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
