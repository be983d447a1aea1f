// Survey: all that can be found out about one data file without touching it: its superblock, what a start would do
// with it, what its log holds, and what recovery would make of each group.
//
// Who uses it: the reports of inspect and `repair --dry-run`. Where a start would refuse the file, the log is read all
// the same if anything says whose it is, and `log_read_as` says what was taken for granted. Any bytes are legal. Not
// here: how any of it is printed.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "keelson/io/config.h"
#include "keelson/io/inspect/dry_run.h"
#include "keelson/io/inspect/profile.h"
#include "keelson/io/inspect/target.h"

namespace keelson::io::inspect {

struct SurveyOptions {
  std::vector<RecoveryConfig::Group> groups;  // that a configuration names
  u8 voters = 0;                              // of all others; 0: unknown, several are assumed
  bool configured_only = false;               // as a start would: groups that it does not name are passed over
  const ServerConfig* config = nullptr;       // must be that of the directory
};
// Those of a configuration.
SurveyOptions options_of(const ServerConfig& config);

enum class CopyState : u8 {
  opened,     // a copy of the superblock that would be opened
  misplaced,  // the same, but with another copy's number
  older,
  newer,    // intact, and alone: an update that was never finished
  intact,   // and nothing would be opened
  damaged,  // its checksum does not hold
  foreign,  // not a superblock at all
  blank,    // zeros
  unreadable,
};
const char* name_of(CopyState state);

struct CopySurvey {
  CopyState state = CopyState::unreadable;
  SuperblockCopy copy;
};

struct OpRange {
  Op from;
  Op to;
};

struct GroupSurvey {
  GroupId group;
  u8 voters = 0;
  bool configured = false;
  bool has_state = false;
  bool forgotten = false;  // formatted anew after its node took part: it must not vote
  GroupState state;
  Op head;
  Op commit_max;
  bool head_unknown = false;
  bool amnesiac = false;
  bool log_damaged = false;
  Op damaged_op;
  u64 stored = 0;
  std::vector<OpRange> lost;     // was stored, can't be read
  std::vector<OpRange> suspect;  // un-marked damage: probably never acked
  std::vector<OpRange> absent;   // at or below the head, and not here
  bool has_checkpoint = false;   // the newest that the log names has a table that is whole
  CheckpointTable checkpoint;
};

struct Survey {
  std::string file;
  u64 bytes = 0;
  bool live = false;
  int pid = 0;
  const Image* image = nullptr;

  std::optional<Identity> identity;
  std::array<CopySurvey, superblock_copies> copies;
  SuperblockOpening opening;
  std::optional<Superblock> believed;  // the one to be opened, or the newest intact copy
  std::optional<Profile> profile;      // by which the log was read

  std::optional<Refusal> refusal;  // what a start would end with
  Superblock read_as;              // whose log it was read as
  std::string log_read_as;         // what was taken for granted to read the log; or why it wasn't read
  bool groups_configured = false;  // else there may be groups of which the log holds no trace
  bool voters_assumed = false;
  std::unique_ptr<DryRun> run;  // null: the log wasn't read
  bool groups_known = false;
  std::vector<GroupSurvey> groups;

  ClusterId log_cluster() const { return read_as.cluster; }
  ShardId log_shard() const { return read_as.shard; }
  bool log_read() const { return run && run->recovery().history(); }
  u64 file_offset(Zone zone, u64 offset) const { return StoreLayout::of(profile->limits).zone_offset(zone) + offset; }
};

Survey make_survey(const Target& target, const SurveyOptions& options);

}  // namespace keelson::io::inspect
