#include "keelson/sim/shrink/story.h"

#include <algorithm>
#include <sstream>

#include "keelson/sim/check/linear_text.h"
#include "keelson/sim/faults.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/shrink/black_box.h"
#include "keelson/sim/shrink/child.h"

namespace keelson::sim {
namespace {

std::string seconds_of(u64 at_ns) {
  std::string ms = std::to_string(at_ns / 1'000'000 % 1000);
  return std::to_string(at_ns / 1'000'000'000) + "." + std::string(3 - ms.size(), '0') + ms + " s  ";
}

}  // namespace

void Story::attach(RunCluster& cluster) {
  population_ = cluster.world.population();
  cluster.world.add_observer(*this);
}

void Story::add(u64 at_ns, const std::string& what, const std::string& text) {
  // Losses of several links take turns: looked for as far back as there is nothing else.
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->what == what; ++line) {
    if (line->text != text) continue;
    ++line->count;
    return;
  }
  lines_.push_back({at_ns, what, text});
}

std::string Story::name_of_unit(u64 raw) const {
  const UnitId unit(static_cast<u32>(raw));
  if (raw >= population_.units()) return "somebody";
  if (population_.is_client(unit)) return "client " + std::to_string(population_.client_of(unit));
  return text(population_.node_of(unit));
}

void Story::add_loss(const TraceRecord& record) {
  if (record.b == static_cast<u64>(Lost::no_connection)) return;  // to whoever is not there anyway
  const NodeId from(record.node);
  const std::string who = from == no_node ? "a client" : text(from);
  add(record.at_ns, "messages lost", "a message from " + who + " to " + name_of_unit(record.a) + " is lost");
}

void Story::add_damage(const TraceRecord& record) {
  const auto fault = static_cast<std::size_t>(record.a);
  add(record.at_ns, "damage",
      text(NodeId(record.node)) + ": " + std::string(fault < fault_count ? fault_names[fault] : "damage"));
}

void Story::write(const TraceRecord& record) {
  const std::string who = text(NodeId(record.node));
  switch (record.kind) {
    case RecordKind::spawn:
      if (record.boot > 1) add(record.at_ns, "starts", who + " starts again");
      return;
    case RecordKind::crash:
      add(record.at_ns, "crashes",
          who + (record.a == static_cast<u64>(CrashKind::power) ? " loses power" : "'s process is killed"));
      return;
    case RecordKind::pause:
      return add(record.at_ns, "pauses", who + " stands still");
    case RecordKind::resume:
      return add(record.at_ns, "pauses", who + " goes on");
    case RecordKind::partition:
      return add(record.at_ns, "partitions", std::to_string(record.a) + " links are cut");
    case RecordKind::heal:
      return add(record.at_ns, "partitions", "they are whole again");
    case RecordKind::torn:
      return add(record.at_ns, "torn sectors", "a sector of " + who + "'s write in flight is torn");
    case RecordKind::lose:
      return add_loss(record);
    case RecordKind::duplicate:
      return add(record.at_ns, "messages doubled", "a message to " + name_of_unit(record.a) + " comes twice");
    case RecordKind::corrupt:
      return add(record.at_ns, "messages garbled", "a message to " + name_of_unit(record.a) + " is garbled");
    case RecordKind::clock_step:
      return add(record.at_ns, "clock steps", who + "'s clock jumps");
    case RecordKind::client_crash:
      return add(record.at_ns, "client crashes", "client " + std::to_string(record.a) + " crashes");
    case RecordKind::damage:
      return add_damage(record);
    default:
      return;  // what a cluster does all day
  }
}

void Story::on_turn(const TurnSeen& turn) {
  if (turn.node == no_node) return;
  for (std::size_t g = 0; g < turn.program.group_count(); ++g) {
    const GroupView group = turn.program.group(g);
    if (group.group == metadata_group) continue;
    applied_ = std::max(applied_, group.commit_min.raw());
    if (!group.primary) continue;
    const u64 key = group.group.raw();
    const std::string who = text(turn.node) + " is the primary of view " + std::to_string(group.view.raw());
    if (views_[{key, who}]++ > 0) continue;
    const std::string where = key > 1 ? " of " + text(group.group) : "";
    add(turn.at.ns(), "primaries", who + where + ", op " + std::to_string(group.commit_max.raw()) + " is committed");
  }
}

std::vector<std::string> Story::tell(const RunReport& report) const {
  std::vector<std::string> told, picture;
  if (report.failure && !report.failure->calls.empty()) picture = linear_timeline(report.failure->calls, lines_max / 2);
  const std::size_t room = lines_max - 1 - picture.size();  // for all but the failure
  const std::size_t from = lines_.size() <= room ? 0 : lines_.size() - (room - 1);
  if (from > 0) {
    std::map<std::string, u64> before;
    for (std::size_t i = 0; i < from; ++i) before[lines_[i].what] += lines_[i].count;
    std::string sum = "before that:";
    for (const auto& [what, count] : before)
      sum += (sum.back() == ':' ? " " : ", ") + what + " " + std::to_string(count);
    told.push_back(sum);
  }
  for (std::size_t i = from; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    std::string text = line.text;
    if (line.count > 1) text += ", " + std::to_string(line.count) + " times";
    told.push_back(seconds_of(line.at_ns) + text);
  }
  if (report.failure)
    told.push_back(seconds_of(report.failure->at_ns) + report.failure->kind + ": " + report.failure->detail);
  told.insert(told.end(), picture.begin(), picture.end());
  return told;
}

std::vector<std::string> story_of(const Candidate& candidate, const RunReport& report, RunOptions options) {
  Child child([&] {
    Story story;
    options.trace = &story;
    options.prepare = [&, prepare = options.prepare](RunCluster& cluster) {
      if (prepare) prepare(cluster);
      story.attach(cluster);
    };
    stop_before_death(options, report);
    static_cast<void>(run(candidate, 0, options));
    std::string text;
    for (const auto& line : story.tell(report)) text += line + "\n";
    return text;
  });
  child.wait();
  std::istringstream text(child.result().value_or(""));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

}  // namespace keelson::sim
