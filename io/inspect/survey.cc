#include "keelson/io/inspect/survey.h"

#include <algorithm>

#include "keelson/io/exit_code.h"
#include "keelson/io/groups.h"
#include "keelson/io/inspect/segments.h"
#include "keelson/io/runtime_setup.h"
#include "keelson/vsr/rules.h"

namespace keelson::io::inspect {
namespace {

constexpr u8 voters_assumed = 3;

using Places = std::array<std::array<std::byte, superblock_copy_bytes>, superblock_copies>;

CopyState state_of(const SuperblockCopy& copy, Bytes bytes, const SuperblockOpening& opening, u32 place) {
  if (bytes.empty()) return CopyState::unreadable;
  if (all_zero(bytes)) return CopyState::blank;
  if (copy.superblock.magic != superblock_magic) return CopyState::foreign;
  if (!copy.intact) return CopyState::damaged;
  if (opening.refusal.code) return CopyState::intact;
  if (copy.superblock.checksum == opening.current.checksum)
    return copy.superblock.copy == place ? CopyState::opened : CopyState::misplaced;
  return copy.superblock.sequence < opening.current.sequence ? CopyState::older : CopyState::newer;
}

void look_at_superblock(const Image& image, Survey& survey) {
  Places bytes;
  std::array<Bytes, superblock_copies> places;
  for (u32 i = 0; i < superblock_copies; ++i)
    if (image.read(superblock_offset(i), bytes[i])) places[i] = bytes[i];
  survey.opening = open_superblock(places);
  for (u32 i = 0; i < superblock_copies; ++i) {
    CopySurvey& copy = survey.copies[i];
    copy.copy = read_superblock_copy(places[i], i);
    copy.state = state_of(copy.copy, places[i], survey.opening, i);
  }
  if (!survey.opening.refusal.code) {
    survey.believed = survey.opening.current;
    return;
  }
  for (const CopySurvey& copy : survey.copies) {
    const bool usable = copy.copy.intact && copy.copy.superblock.version <= superblock_version;
    if (usable && (!survey.believed || copy.copy.superblock.sequence > survey.believed->sequence))
      survey.believed = copy.copy.superblock;
  }
}

// Whose data it must be: cluster, node and so on, as a superblock names them.
Superblock owner_of(const Identity& identity) {
  Superblock owner;
  owner.sequence = 1;
  owner.cluster = identity.cluster;
  owner.node = identity.node;
  owner.generation = identity.generation;
  owner.shard_count = identity.shards;
  owner.limits_digest = identity.limits_digest;
  return owner;
}

Refusal wrong_size(const Survey& survey, u64 expected) {
  return refuse(
      exit_code::bad_data,
      {survey.file, 0, 0, "LAYOUT_TRUNCATED", "not the size it was made with", std::to_string(survey.bytes) + " bytes",
       std::to_string(expected) + " bytes",
       "restore the file as a whole, or leave the node off: one formatted anew takes no part in the groups it "
       "was in"});
}

Refusal unknown_limits(const Survey& survey, const Superblock& owner) {
  return refuse(exit_code::configuration, {survey.file,
                                           0,
                                           0,
                                           "LIMITS_UNKNOWN",
                                           "formatted under limits that this release doesn't know",
                                           "digest " + std::to_string(owner.limits_digest.lo),
                                           {},
                                           "use the release that wrote it"});
}

class Surveyor {
 public:
  Surveyor(const Target& target, const SurveyOptions& options, Survey& survey)
      : target_(target), options_(options), survey_(survey) {}

  void run() {
    look_at_superblock(*target_.image, survey_);
    find_refusal_of_directory();
    start();
    if (!survey_.log_read()) read_log_anyway();
    if (survey_.run && survey_.run->recovery().state() == Recovery::State::done) take_groups();
  }

 private:
  void refuse_with(Refusal refusal) {
    if (!survey_.refusal) survey_.refusal = std::move(refusal);
  }

  void find_refusal_of_directory() {
    if (target_.identity_refusal) return refuse_with(*target_.identity_refusal);
    if (!options_.config || !target_.identity) return;
    Problems wrong = identity_mismatches(*options_.config, *target_.identity);
    if (!wrong.empty()) refuse_with({exit_code::configuration, std::move(wrong)});
  }

  // What a node of this directory does first; of a file on its own, the node that the file says it is of.
  void start() {
    std::optional<Superblock> owner;
    if (target_.identity)
      owner = owner_of(*target_.identity);
    else
      owner = survey_.believed;
    if (!owner) return refuse_with(not_opened());
    survey_.profile = profile_of(owner->limits_digest);
    if (!survey_.profile) return refuse_with(unknown_limits(survey_, *owner));
    const u64 expected = StoreLayout::of(survey_.profile->limits).file_bytes();
    if (survey_.bytes != expected) refuse_with(wrong_size(survey_, expected));
    recover(*owner, std::nullopt);
    const Recovery& recovery = survey_.run->recovery();
    if (recovery.state() == Recovery::State::refused) refuse_with(refusal_of(recovery.refusal(), survey_.file));
  }

  // Without a directory that says it was formatted, this may be any file.
  Refusal not_opened() const {
    const bool foreign = std::all_of(survey_.copies.begin(), survey_.copies.end(), [](const CopySurvey& copy) {
      return copy.state == CopyState::foreign || copy.state == CopyState::blank || copy.state == CopyState::unreadable;
    });
    if (!foreign) return refusal_of(survey_.opening.refusal, survey_.file);
    return refuse(exit_code::bad_data, {survey_.file,
                                        0,
                                        0,
                                        "NO_DATA_FILE",
                                        "holds no trace of a superblock",
                                        {},
                                        {},
                                        "name a node's data directory, or the data file in it"});
  }

  // The same with a superblock that is taken for granted.
  void read_log_anyway() {
    survey_.run.reset();
    const bool too_new = std::any_of(survey_.copies.begin(), survey_.copies.end(), [](const CopySurvey& copy) {
      return copy.copy.intact && copy.copy.superblock.version > superblock_version;
    });
    if (too_new) {
      survey_.log_read_as = "not read: it is of a newer format";
      return;
    }
    std::optional<Superblock> owner = survey_.believed;
    survey_.log_read_as = "read by what the newest intact copy of the superblock says";
    if (!survey_.opening.refusal.code) survey_.log_read_as = "read as that of the node that the file says it is of";
    if (!owner && target_.identity) {
      owner = owner_of(*target_.identity);
      survey_.log_read_as = "read by what identity.textproto says; which markers earlier starts had found isn't known";
    }
    survey_.profile = owner ? profile_of(owner->limits_digest) : std::nullopt;
    if (!survey_.profile) {
      survey_.log_read_as = owner ? "not read: this release doesn't know its limits"
                                  : "not read: nothing says of which cluster it is, so no check of its pages can hold";
      return;
    }
    recover(*owner, owner);
    if (!survey_.log_read()) survey_.log_read_as = "not read: its end can't be";
  }

  void recover(const Superblock& owner, const std::optional<Superblock>& assumed) {
    survey_.run.reset();
    survey_.groups.clear();
    find_groups(owner);
    std::vector<RecoveryConfig::Group> groups;
    for (const GroupSurvey& group : survey_.groups) groups.push_back({group.group, group.voters});
    RecoveryConfig config;
    config.cluster = owner.cluster;
    config.node = owner.node;
    config.generation = owner.generation;
    config.shard = owner.shard;
    config.shard_count = owner.shard_count;
    config.limits = survey_.profile->limits;
    config.tunables = Tunables::standard();
    config.groups = groups;
    config.list_states = true;
    survey_.run = std::make_unique<DryRun>(*target_.image, config, assumed);
    survey_.run->run();
    survey_.read_as = owner;
  }

  void find_groups(const Superblock& owner) {
    const auto add = [&](GroupId group, u8 voters, bool configured) {
      GroupSurvey found;
      found.group = group;
      found.voters = voters;
      found.configured = configured;
      survey_.groups.push_back(std::move(found));
    };
    for (const auto& group : options_.groups) add(group.group, group.voters, true);
    if (!options_.configured_only || options_.groups.empty()) {
      const std::size_t configured = survey_.groups.size();
      const u8 voters = options_.voters != 0 ? options_.voters : voters_assumed;
      for (const GroupId group : groups_in(*target_.image, survey_.profile->limits, owner.cluster, owner.shard)) {
        const auto known = survey_.groups.begin() + static_cast<std::ptrdiff_t>(configured);
        if (std::none_of(survey_.groups.begin(), known, [&](const auto& g) { return g.group == group; }))
          add(group, voters, false);
      }
      survey_.voters_assumed = options_.voters == 0 && survey_.groups.size() > configured;
    }
    std::sort(survey_.groups.begin(), survey_.groups.end(),
              [](const auto& a, const auto& b) { return a.group < b.group; });
  }

  void take_groups() {
    survey_.groups_known = true;
    for (GroupSurvey& group : survey_.groups) take(survey_.run->recovery().take_group(group.group), group);
  }

  void take(RecoveredGroup from, GroupSurvey& group) const {
    group.has_state = from.has_state;
    group.state = from.state;
    group.forgotten = rules::has_forgotten(survey_.read_as.generation, group.voters);
    group.head = from.head;
    group.commit_max = from.commit_max;
    group.head_unknown = from.head_unknown;
    group.amnesiac = from.amnesiac;
    group.log_damaged = from.log_damaged;
    group.damaged_op = from.damaged_op;
    group.has_checkpoint = from.has_checkpoint;
    group.checkpoint = std::move(from.table);
    for (Op op(1); op <= from.head; ++op) {
      const LogEntry& entry = from.log.at(op);
      if (entry.has(log_bit::stored)) {
        ++group.stored;
        continue;
      }
      auto& ranges = entry.has(log_bit::lost) ? group.lost : entry.has(log_bit::suspect) ? group.suspect : group.absent;
      if (!ranges.empty() && ranges.back().to + 1 == op)
        ranges.back().to = op;
      else
        ranges.push_back({op, op});
    }
  }

  const Target& target_;
  const SurveyOptions& options_;
  Survey& survey_;
};

}  // namespace

const char* name_of(CopyState state) {
  switch (state) {
    case CopyState::opened:
      return "opened";
    case CopyState::misplaced:
      return "misplaced";
    case CopyState::older:
      return "older";
    case CopyState::newer:
      return "newer";
    case CopyState::intact:
      return "intact";
    case CopyState::damaged:
      return "damaged";
    case CopyState::foreign:
      return "foreign";
    case CopyState::blank:
      return "blank";
    case CopyState::unreadable:
      return "unreadable";
  }
  return "unreadable";
}

SurveyOptions options_of(const ServerConfig& config) {
  SurveyOptions options;
  options.config = &config;
  const GroupList list(config);
  for (const GroupConfig& group : list.span())
    options.groups.push_back({group.group, static_cast<u8>(group.members.size())});
  return options;
}

Survey make_survey(const Target& target, const SurveyOptions& options) {
  Survey survey;
  survey.file = target.file;
  survey.bytes = target.image->bytes();
  survey.live = target.live;
  survey.pid = target.pid;
  survey.image = target.image.get();
  survey.identity = target.identity;
  survey.groups_configured = !options.groups.empty();
  Surveyor(target, options, survey).run();
  return survey;
}

}  // namespace keelson::io::inspect
