// What each kind of finding is called and what it means to an operator.
#include "keelson/io/inspect/findings.h"

namespace keelson::io::inspect {
namespace {

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
    {"records_above_gap", true, "durable, above an op that is missing, in a group of one voter: a start drops them"},
    {"group_log_damaged", true, "one voter, and an op is gone: fenced at the next start; restore a backup"},
    {"group_amnesiac", true, "promises may be lost: takes no part any more; leave the node off"},
    {"group_head_unknown", true, "ops above its head may be lost: asks its peers before it takes part"},
    {"group_ops_lost", true, "fetched from peers; never voted away by this node"},
    {"group_ops_suspect", true, "fetched from peers if any has them, else forgotten by a quorum"},
    {"checkpoint_record", true, "the record of a group's newest checkpoint: a start takes the one before, or the log"},
    {"checkpoint_table", true, "one of two copies: a start uses the other, the next checkpoint writes both"},
    {"checkpoint_lost", true, "can't be used: a start replays the log from its first op instead"},
    {"checkpoint_section", true, "its bytes do not hold: a start replays the log from its first op instead"},
    {"torn", false, "left by a crash, never acknowledged: forgotten at the next start"},
    {"settled", false, "damaged, and nothing depends on it any more: superseded, or whole in another place"},
    {"stray", false, "bytes where there should be zeros, or a filter of groups: nothing depends on them"},
};
static_assert(std::size(about) == static_cast<std::size_t>(Finding::count));

}  // namespace

const char* name_of(Finding finding) { return about[static_cast<std::size_t>(finding)].name; }
const char* meaning_of(Finding finding) { return about[static_cast<std::size_t>(finding)].meaning; }
bool is_damage(Finding finding) { return about[static_cast<std::size_t>(finding)].damage; }

}  // namespace keelson::io::inspect
