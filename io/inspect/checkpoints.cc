#include "keelson/io/inspect/checkpoints.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "keelson/io/inspect/words.h"
#include "keelson/vsr/checkpoint_loader.h"

namespace keelson::io::inspect {
namespace {

// One section at a time by the kernel's loader.
class SectionProver {
 public:
  explicit SectionProver(const Survey& survey)
      : survey_(survey), zone_(survey.profile->limits, ids_, counters_), out_(survey.profile->limits) {}

  bool is_whole(const SavedSection& section) {
    CheckpointTable only;
    only.facts.machine_sections = 1;
    only.set_sections(1);
    only.sections[0].size = section.size;
    only.sections[0].digest = section.digest;
    for (const BlockRun& run : section.runs) push_growing(only.sections[0].runs, run);
    CheckpointLoader loader(no_group, only, nullptr, [](void*, u32, Bytes) { return true; });
    while (loader.state() == CheckpointLoader::State::reading) {
      loader.advance(zone_, out_);
      for (const Read& read : out_.reads) {
        const bool ok = survey_.image->read(survey_.file_offset(read.zone, read.offset), read.into);
        const auto done = zone_.on_completion({IoKind::read, read.id, ok ? IoStatus::ok : IoStatus::io_error});
        check(done.has_value());
        loader.on_read(*done, zone_);
      }
      out_.clear();
    }
    return loader.state() == CheckpointLoader::State::loaded;
  }

 private:
  const Survey& survey_;
  IoIds ids_;
  Counters counters_;
  CheckpointZone zone_;
  EffectBag out_;
};

class Surveyor {
 public:
  explicit Surveyor(const Survey& survey) : survey_(survey), limits_(survey.profile->limits), prover_(survey) {}

  std::vector<CheckpointSurvey> run() {
    const auto& found = survey_.run->recovery().facts().checkpoints;
    std::vector<CheckpointSurvey> all;
    for (std::size_t i = 0; i < survey_.groups.size(); ++i)
      if (found[i].exists) all.push_back(look_at(survey_.groups[i], found[i]));
    return all;
  }

 private:
  CheckpointSurvey look_at(const GroupSurvey& group, const FoundCheckpoint& found) {
    CheckpointSurvey checkpoint;
    checkpoint.group = &group;
    checkpoint.record = found.record;
    checkpoint.place = found.place;
    for (u32 copy = 0; copy < 2; ++copy) checkpoint.copies[copy] = state_of(found.record, copy);
    checkpoint.table_whole = group.has_checkpoint;
    if (!group.has_checkpoint) return checkpoint;
    checkpoint.blocks = 2 * blocks_for(found.record.table_bytes);
    take_blocks(group, checkpoint);
    for (u32 i = 0; i < group.checkpoint.sections.size(); ++i) add_section(group.checkpoint, i, checkpoint);
    return checkpoint;
  }

  TableState state_of(const GroupCheckpoint& record, u32 copy) const {
    const u64 blocks = blocks_for(record.table_bytes);
    const u32 first = record.table_block[copy];
    if (blocks > limits_.checkpoint_table_blocks || first > limits_.checkpoint_blocks - blocks)
      return TableState::outside;
    std::vector<std::byte> bytes(blocks * page_bytes);
    if (!survey_.image->read(survey_.file_offset(Zone::checkpoint, u64{first} * page_bytes), bytes))
      return TableState::unreadable;
    const bool right = digest_of(Bytes(bytes).first(record.table_bytes)) == record.table_digest;
    return right ? TableState::whole : TableState::damaged;
  }

  // As a shard does before it starts its groups, in their order: two that claim one block contradict each other.
  void take_blocks(const GroupSurvey& group, CheckpointSurvey& checkpoint) {
    std::vector<BlockRun> runs;
    for (const u32 first : checkpoint.record.table_block)
      runs.push_back({first, static_cast<u32>(blocks_for(checkpoint.record.table_bytes))});
    for (const SavedSection& section : group.checkpoint.sections)
      for (const BlockRun& run : section.runs) runs.push_back(run);
    std::map<u32, u32> own;  // first -> end
    for (const BlockRun& run : runs) {
      const GroupId holder = holder_of(run, taken_);
      if (holder != no_group || holder_of(run, own)) {
        checkpoint.overlaps = holder != no_group ? holder : group.group;
        return;
      }
      own[run.first] = run.first + run.count;
    }
    for (const BlockRun& run : runs) taken_[run.first] = {run.first + run.count, group.group};
  }
  struct Taken {
    u32 end = 0;
    GroupId group;
  };
  static GroupId holder_of(const BlockRun& run, const std::map<u32, Taken>& taken) {
    const auto behind = taken.lower_bound(run.first + run.count);
    if (behind == taken.begin()) return no_group;
    const auto before = std::prev(behind);
    return before->second.end > run.first ? before->second.group : no_group;
  }
  static bool holder_of(const BlockRun& run, const std::map<u32, u32>& own) {
    const auto behind = own.lower_bound(run.first + run.count);
    return behind != own.begin() && std::prev(behind)->second > run.first;
  }

  static std::pair<SectionKind, u32> place_of(const CheckpointFacts& facts, u32 number) {
    if (number < facts.machine_sections) return {SectionKind::machine, number};
    number -= facts.machine_sections;
    if (number < facts.session_sections) return {SectionKind::sessions, number};
    number -= facts.session_sections;
    return number < facts.blobs ? std::pair(SectionKind::bodies, number)
                                : std::pair(SectionKind::blob, number - facts.blobs);
  }

  void add_section(const CheckpointTable& table, u32 number, CheckpointSurvey& checkpoint) {
    const SavedSection& saved = table.sections[number];
    SectionSurvey section;
    section.number = number;
    std::tie(section.kind, section.number_of_kind) = place_of(table.facts, number);
    section.bytes = saved.size;
    for (const BlockRun& run : saved.runs) {
      push_growing(section.runs, run);
      checkpoint.blocks += run.count;
    }
    section.whole = prover_.is_whole(saved);
    checkpoint.bytes += saved.size;
    checkpoint.sections.push_back(std::move(section));
  }

  const Survey& survey_;
  const Limits& limits_;
  SectionProver prover_;
  std::map<u32, Taken> taken_;  // by first block
};

}  // namespace

const char* name_of(TableState state) {
  switch (state) {
    case TableState::whole:
      return "whole";
    case TableState::damaged:
      return "damaged";
    case TableState::unreadable:
      return "unreadable";
    case TableState::outside:
      return "outside";
  }
  return "damaged";
}

const char* name_of(SectionKind kind) {
  switch (kind) {
    case SectionKind::machine:
      return "machine";
    case SectionKind::sessions:
      return "sessions";
    case SectionKind::bodies:
      return "bodies";
    case SectionKind::blob:
      return "blob";
  }
  return "machine";
}

std::string name_of(const SectionSurvey& section) {
  const std::string kind = name_of(section.kind);
  return kind + (section.kind == SectionKind::blob ? " " : " section ") + std::to_string(section.number_of_kind);
}

bool CheckpointSurvey::starts() const {
  return table_whole && overlaps == no_group &&
         std::all_of(sections.begin(), sections.end(),
                     [](const SectionSurvey& section) { return section.whole || section.kind == SectionKind::blob; });
}

u64 CheckpointSurvey::damaged_sections() const {
  return static_cast<u64>(
      std::count_if(sections.begin(), sections.end(), [](const SectionSurvey& section) { return !section.whole; }));
}

std::vector<CheckpointSurvey> checkpoints_of(const Survey& survey) {
  if (!survey.groups_known) return {};
  return Surveyor(survey).run();
}

void find_in_checkpoints(const Survey& survey, Findings& findings) {
  for (const CheckpointSurvey& checkpoint : checkpoints_of(survey)) {
    const std::string of =
        "group " + std::to_string(checkpoint.group->group.raw()) + " op " + std::to_string(checkpoint.record.op.raw());
    const auto offset_of = [&](u32 block) { return survey.file_offset(Zone::checkpoint, u64{block} * page_bytes); };
    for (u32 copy = 0; copy < 2; ++copy)
      if (checkpoint.copies[copy] != TableState::whole)
        findings.add(Finding::checkpoint_table, Zone::checkpoint, offset_of(checkpoint.record.table_block[copy]),
                     of + ": copy " + std::to_string(copy) + " " + name_of(checkpoint.copies[copy]));
    if (!checkpoint.table_whole) findings.add(Finding::checkpoint_lost, of + ": neither copy of its table");
    if (checkpoint.overlaps != no_group)
      findings.add(Finding::checkpoint_lost, of + ": a block of it belongs to the checkpoint of group " +
                                                 std::to_string(checkpoint.overlaps.raw()));
    for (const SectionSurvey& section : checkpoint.sections) {
      if (section.whole) continue;
      if (section.runs.empty())
        findings.add(Finding::checkpoint_section, of + ": " + name_of(section));
      else
        findings.add(Finding::checkpoint_section, Zone::checkpoint, offset_of(section.runs[0].first),
                     of + ": " + name_of(section));
    }
  }
}

}  // namespace keelson::io::inspect
