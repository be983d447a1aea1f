#include <algorithm>

#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

// One thing that a start would do.
struct Action {
  std::string kind;  // stable, for programs
  std::string text;
};

class Plan {
 public:
  explicit Plan(const Survey& survey) : survey_(survey) {
    if (survey.live)
      add("live", "a node runs on it and has repaired what it found; this is what its next start would do");
    if (survey.refusal) {
      add("refuse", "refuses the file and writes nothing: " + refusal_text(survey));
      return;
    }
    plan_superblock();
    plan_log();
    for (const GroupSurvey& group : survey.groups) plan_group(group);
    plan_writes();
  }
  const std::vector<Action>& actions() const { return actions_; }

 private:
  void add(const std::string& kind, const std::string& text) { actions_.push_back({kind, text}); }

  void plan_superblock() {
    const Superblock& current = survey_.opening.current;
    add("open", "opens superblock sequence " + std::to_string(current.sequence) + ", incarnation " +
                    std::to_string(current.incarnation.raw()));
    for (u32 i = 0; i < survey_.opening.repair_count; ++i) {
      const u32 copy = survey_.opening.repair[i];
      add("rewrite_copy", "writes superblock copy " + std::to_string(copy) + " again at byte " +
                              std::to_string(superblock_offset(copy)) + ": it is " +
                              name_of(survey_.copies[copy].state));
    }
  }

  void plan_log() {
    const Recovery& recovery = survey_.run->recovery();
    const std::vector<RecordRow> rows = records_of(survey_);
    add("scan", "reads " + plural(recovery.facts().batches.size(), "batch") + " with " + plural(rows.size(), "record"));
    std::string torn;
    u64 count = 0;
    for (const RecordRow& row : rows) {
      if (row.fate != RecordFate::drop) continue;
      if (++count <= shown_max) torn += (torn.empty() ? "" : ", ") + record_text(row);
    }
    if (count > 0)
      add("forget_torn", "forgets " + plural(count, "record") + " as torn by a crash, as none was ever acknowledged: " +
                             torn + (count > shown_max ? ", ..." : ""));
    const Findings found = find_in_log(survey_, 1);
    if (const u64 above = found.count(Finding::records_above_gap); above > 0)
      add("drop_above_gap",
          "drops " + plural(above, "record") + " above a missing op, though they were durable, from " +
              found.places(Finding::records_above_gap)[0].what + " on: keep a copy of the directory before that start");
    for (const Loss& loss : recovery.history()->losses())
      add("unknown_content", std::string("finds that something ") +
                                 (loss.row == RecoveryRow::lost_unknown ? "durable is gone" : "may be gone") +
                                 " and nothing names it, up to batch " + std::to_string(loss.batch.raw()) +
                                 ", perhaps of " + groups_text(survey_, loss));
    const WalStart& end = recovery.log_end();
    add("new_incarnation", "writes superblock sequence " + std::to_string(survey_.opening.current.sequence + 1) +
                               " with incarnation " + std::to_string(end.incarnation.raw()) + ", durable batch " +
                               std::to_string(end.durable_batch.raw()) + ", first batch " +
                               std::to_string(end.next_batch.raw()));
    if (!recovery.rewrites().empty())
      add("copy_records", "writes " + plural(recovery.rewrites().size(), "record") +
                              " again at the end of the log, at page " + std::to_string(end.next_page.raw()) +
                              ", as their index entries are gone, or a crash left them without a mark");
  }

  void plan_group(const GroupSurvey& group) {
    const std::string name = "group " + std::to_string(group.group.raw()) + ": ";
    if (group.log_damaged)
      return add("fence",
                 name + "fences it as log_damaged" +
                     (group.damaged_op == Op() ? "" : " from op " + std::to_string(group.damaged_op.raw())) +
                     ": it has one voter, so nobody has another copy; restore a backup of the whole directory");
    if (group.amnesiac || group.forgotten)
      return add("fence", name + "fences it as amnesiac: " +
                              (group.amnesiac ? "promises were lost with damaged pages"
                                              : "the data was formatted anew after its node took part") +
                              "; leave the node off, the others go on while they are a quorum");
    const bool changing = group.has_state && group.state.log_view < group.state.view;
    add("group", name + "goes on at head " + std::to_string(group.head.raw()) + ", commit at least " +
                     std::to_string(group.commit_max.raw()) + ", view " +
                     std::to_string(group.has_state ? group.state.view.raw() : 0) +
                     (changing ? ", in the midst of a view change" : "") +
                     (group.head_unknown ? ", after asking its peers whether there were ops above its head" : ""));
    fetch(name, "lost", group.lost, "were stored here and can't be read");
    fetch(name, "suspect", group.suspect, "may never have been stored; a quorum forgets them if nobody has them");
    fetch(name, "absent", group.absent, "are not here");
  }

  void fetch(const std::string& name, const std::string& kind, const std::vector<OpRange>& ranges, const char* why) {
    if (!ranges.empty())
      add("fetch_" + kind, name + "fetches " + ranges_text(ranges, shown_max) + " from its peers: they " + why);
  }

  void plan_writes() {
    u64 bytes = 0;
    for (const DryRun::Written& write : survey_.run->written()) bytes += write.bytes;
    add("writes", "in all " + plural(survey_.run->written().size(), "write") + ", " + std::to_string(bytes) +
                      " bytes, before any replica starts");
  }

  static constexpr std::size_t shown_max = 5;
  const Survey& survey_;
  std::vector<Action> actions_;
};

}  // namespace

std::string repair_text(const Survey& survey, const Style& style) {
  std::string text = survey.file + ": a start\n";
  if (survey.voters_assumed && !survey.refusal)
    text =
        "the voters of a group stand in the configuration: several are assumed (--config FILE or --voters 1 say so)\n" +
        text;
  const Plan plan(survey);
  for (const Action& action : plan.actions())
    text += "  " + (action.kind == "refuse" || action.kind == "fence" ? bad(action.text, style) : action.text) + "\n";
  return text + "nothing was written\n";
}

std::string repair_json(const Survey& survey) {
  JsonWriter json = head_json(survey, "repair");
  json.field("voters_assumed", survey.voters_assumed).array("actions");
  const Plan plan(survey);
  for (const Action& action : plan.actions())
    json.object().field("kind", action.kind).field("text", action.text).end_object();
  return json.end_array().end_object().text();
}

}  // namespace keelson::io::inspect
