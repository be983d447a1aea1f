// Reports: what a recorder makes of a run, the causal past, what is left of a long run, and the page's data.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "keelson/sim/check/checker.h"
#include "keelson/sim/report/causes.h"
#include "keelson/sim/report/reporting.h"
#include "keelson/sim/run/cluster.h"

namespace keelson::sim {
namespace {

using google::protobuf::Value;
using testing::HasSubstr;

pb::Scenario resolved(const std::string& text) {
  const auto scenario = parse_scenario("background: NONE " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{1});
  return resolve(scenario.value_or(pb::Scenario()), {}, tape);
}

// Of nearly everything that can happen.
const std::string eventful =
    "name: 'x' cluster { replicas: 3 clients: 2 shards: 2 limits: TINY } workload { kv {} requests: 60 } "
    "network { mode: DATAGRAM loss_ppm: 20000 duplicate_ppm: 20000 corrupt_ppm: 5000 } "
    "phase { name: 'rough' duration_ms: 4000 crash { every_ms: 1500 restart_after_ms: 100 } "
    "client_crash { every_ms: 1500 } pause { every_ms: 700 for_ms: 100 } partition { every_ms: 700 for_ms: 200 } }";

class KindCounter final : public TraceSink {
 public:
  void write(const TraceRecord& record) override { ++counts_[record.kind]; }
  u64 operator[](RecordKind kind) { return counts_[kind]; }

 private:
  std::map<RecordKind, u64> counts_;
};

struct Recorded {
  Reporting reporting;
  KindCounter records;
  RunReport report;
  std::string page;
};
std::unique_ptr<Recorded> record(const std::string& text, const std::function<void(RunCluster&)>& prepare = {}) {
  auto run = std::make_unique<Recorded>();
  Tape tape(SeededTape{1});
  RunOptions how{"./keelson sim x.textproto --seed 1", 1, &run->records, {}};
  how.prepare = prepare;
  const auto scenario = resolved(text);
  run->reporting.watch(how, scenario);
  run->report = run_scenario(scenario, tape, how);
  return run;
}

u64 count_rows(const Timeline& t, const std::function<bool(const Row&, const RowType&)>& holds) {
  u64 n = 0;
  for (const Row& row : t.rows) n += holds(row, t.type_of(row));
  return n;
}
u64 count_named(const Timeline& t, const std::string& name) {
  return count_rows(t, [&](const Row&, const RowType& type) { return type.name == name; });
}

Value parse(const std::string& json) {
  Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &value);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return value;
}
const Value& at(const Value& value, const std::string& key) {
  static const Value none;
  const auto found = value.struct_value().fields().find(key);
  EXPECT_NE(found, value.struct_value().fields().end()) << key;
  return found == value.struct_value().fields().end() ? none : found->second;
}
std::string data_of(const std::string& page) {
  const std::string begin = "id=\"data\">";
  const auto from = page.find(begin) + begin.size();
  return page.substr(from, page.find("</script>", from) - from);
}
std::string page_of(Recorded& run) {
  std::ostringstream out;
  EXPECT_TRUE(run.reporting.write_page(out, run.report, "keelson test", "again"));
  return out.str();
}

TEST(Report, TheRunIsTheOneWithoutIt) {
  Tape tape(SeededTape{1});
  const auto without = run_scenario(resolved(eventful), tape, {"", 1, nullptr, {}});
  EXPECT_EQ(record(eventful)->report.trace_hash, without.trace_hash);
}

TEST(Report, EachKindOfRecordIsThere) {
  const auto run = record(eventful);
  Timeline& t = run->reporting.timeline();
  const auto message = [](const Row&, const RowType& type) { return type.of == RowClass::message; };
  const auto fated = [&](Fate fate) {
    return count_rows(t, [&](const Row& row, const RowType& type) {
      return message(row, type) &&
             (fate == Fate::lost ? row.fate >= static_cast<u8>(Fate::lost) : row.fate == static_cast<u8>(fate));
    });
  };
  EXPECT_EQ(fated(Fate::delivered) + fated(Fate::duplicate), run->records[RecordKind::deliver]);
  EXPECT_GT(fated(Fate::duplicate), 0u);
  EXPECT_GT(fated(Fate::lost), 0u);
  // A corrupted message's checksum may be what was hit: then its loss finds no message.
  EXPECT_LE(fated(Fate::lost), run->records[RecordKind::lose]);
  EXPECT_GE(fated(Fate::lost) + run->records[RecordKind::corrupt], run->records[RecordKind::lose]);
  const std::pair<const char*, RecordKind> same[] = {
      {"phase", RecordKind::phase},         {"spawn", RecordKind::spawn},
      {"crash", RecordKind::crash},         {"pause", RecordKind::pause},
      {"resume", RecordKind::resume},       {"partition", RecordKind::partition},
      {"heal", RecordKind::heal},           {"peer_connected", RecordKind::peer_connected},
      {"peer_lost", RecordKind::peer_lost}, {"corrupt", RecordKind::corrupt},
      {"frame", RecordKind::post},          {"damage", RecordKind::damage}};
  for (const auto& [name, kind] : same) EXPECT_EQ(count_named(t, name), run->records[kind]) << name;
  for (const auto& [name, kind] : {std::pair{"write", RecordKind::write_done}, {"read", RecordKind::read_done}})
    EXPECT_EQ(count_rows(t, [&](const Row& row, const RowType& type) { return type.name == name && row.fate > 0; }),
              run->records[kind])
        << name;
  for (const char* name : {"primary", "view change", "commit", "call", "answer"})
    EXPECT_GT(count_named(t, name), 0u) << name;
  EXPECT_EQ(count_named(t, "client crash"), run->records[RecordKind::client_crash]);
  EXPECT_GT(run->records[RecordKind::client_crash], 0u);
  EXPECT_GE(count_named(t, "answer"), run->report.calls_ok + run->report.calls_fail);
}

TEST(Report, CausesComeBeforeAndWhoeverUsesARowIsATurnOfItsReceiver) {
  const auto run = record(eventful);
  const Timeline& t = run->reporting.timeline();
  u64 handled = 0;
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const Row& row = t.rows[i];
    EXPECT_LE(t.rows[i > 0 ? i - 1 : 0].at_ns, row.at_ns);
    EXPECT_LE(row.cause, i);
    if (row.used == 0) continue;
    ASSERT_GT(row.used, i + 1);
    const Row& turn = t.rows[row.used - 1];
    EXPECT_EQ(t.type_of(turn).of, RowClass::turn);
    if (t.type_of(row).of != RowClass::message) continue;
    ++handled;
    EXPECT_EQ(turn.lane, row.to);
    EXPECT_GE(turn.at_ns, row.at_ns + row.length_ns);
  }
  EXPECT_GT(handled, run->records[RecordKind::deliver] * 9 / 10);
}

TEST(Report, BandsSayWhoWasDownAndWhoWasCutOff) {
  const auto run = record(eventful);
  std::map<std::string_view, u64> kinds;
  for (const Band& band : run->reporting.timeline().bands) {
    ++kinds[band.kind];
    EXPECT_LE(band.begin_ns, band.end_ns);
    EXPECT_FALSE(band.hosts.empty());
  }
  EXPECT_EQ(kinds["down"], run->records[RecordKind::crash]);
  EXPECT_GE(kinds["cut"], 1u);
  EXPECT_GE(kinds["paused"], 1u);
}

TEST(Report, ThePagesDataAreJsonAndSayWhatTheTimelineSays) {
  const auto run = record(eventful);
  const std::string page = page_of(*run);
  const Value data = parse(data_of(page));
  const Timeline& t = run->reporting.timeline();
  EXPECT_EQ(at(at(data, "run"), "scenario").string_value(), "x");
  EXPECT_EQ(at(at(data, "run"), "hash").string_value(), run->report.trace_hash);
  const Value& rows = at(data, "rows");
  EXPECT_EQ(at(rows, "count").number_value(), static_cast<double>(t.rows.size()));
  double time = 0;
  std::size_t i = 0;
  for (const Value& delta : at(rows, "t").list_value().values()) {
    time += delta.number_value();
    ASSERT_EQ(time, static_cast<double>(t.rows[i].at_ns));
    ++i;
  }
  for (const char* column : {"d", "y", "l", "o", "f", "g", "c", "u", "p"})
    EXPECT_EQ(static_cast<std::size_t>(at(rows, column).list_value().values_size()), t.rows.size()) << column;
  EXPECT_EQ(static_cast<std::size_t>(at(data, "types").list_value().values_size()), t.types.size());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, testing::Not(HasSubstr("@DATA@")));
}

TEST(Report, NoTextOfARunEndsTheScript) {
  const std::string evil = "</script><script>alert(1)</script><!--";
  auto run = record(
      "name: 'x' cluster { replicas: 1 clients: 1 limits: TINY } workload { kv {} requests: 2 } "
      "phase { name: '" +
      evil + "' duration_ms: 100 }");
  run->report.scenario = evil;
  run->report.failure = Failure{"a.b", evil, evil, 0, 0, evil};
  const std::string page = page_of(*run);
  std::size_t ends = 0;
  for (auto found = page.find("</script"); found != std::string::npos; found = page.find("</script", found + 1)) ++ends;
  EXPECT_EQ(ends, 2u) << "of the data, and of the page's own script";
  EXPECT_EQ(page.find("<!--"), std::string::npos);
  const Value data = parse(data_of(page));
  EXPECT_EQ(at(at(at(data, "run"), "failure"), "detail").string_value(), evil);
  EXPECT_EQ(at(at(data, "run"), "scenario").string_value(), evil);
}

TEST(Report, AFailedRunShowsItsViolationAndWhatLedToIt) {
  struct Failing final : Checker {
    explicit Failing(World& world) : Checker(world, "failing") {}
    void on_turn(const TurnSeen& turn) override {
      if (turn.node == NodeId(1) && turn.program.group_count() > 0 && turn.program.group(0).commit_min >= Op(5))
        fail("five", "five are enough", turn.node);
    }
  };
  std::unique_ptr<Failing> failing;
  const auto run = record("name: 'x' cluster { replicas: 3 clients: 1 limits: TINY } workload { kv {} requests: 30 }",
                          [&](RunCluster& cluster) {
                            failing = std::make_unique<Failing>(cluster.world);
                            cluster.world.add_observer(*failing);
                          });
  ASSERT_TRUE(run->report.failure);
  const Timeline& t = run->reporting.timeline();
  ASSERT_EQ(t.violation, t.rows.size()) << "nothing comes after it";
  const Row& violation = t.rows[t.violation - 1];
  EXPECT_EQ(violation.lane, 1);
  EXPECT_EQ(t.type_of(t.rows[violation.cause - 1]).of, RowClass::turn);
  const auto past = causal_past(t);
  u64 prepares = 0, beats = 0, calls = 0;
  for (std::size_t i = 0; i < past.size(); ++i) {
    prepares += past[i] && t.type_of(t.rows[i]).name == "prepare" && t.rows[i].to == 1;
    beats += past[i] && t.type_of(t.rows[i]).name == "beat";
    calls += past[i] && t.type_of(t.rows[i]).name == "call";
  }
  EXPECT_GE(prepares, 5u) << "those that were committed";
  EXPECT_GE(calls, 4u) << "and who asked for them";
  EXPECT_LT(beats, count_named(t, "beat")) << "beats that nobody learned from are no causes";
}

// --- timelines made by hand

struct Made {
  Timeline t;
  Made() {
    t.types = {{"turn", RowClass::turn, {}, {}}, {"prepare", RowClass::message, {"op"}, {{}}}};
    t.lanes = {{"node 0", 0, false}, {"node 1", 1, false}};
  }
  RowId turn(u16 lane, RowId before) { return add(0, lane, before); }
  RowId message(RowId turn, std::int64_t op) {
    const RowId id = add(1, t.rows[turn - 1].lane, turn);
    t.rows[id - 1].place = static_cast<u32>(t.types[1].columns[0].size());
    t.types[1].columns[0].push_back(op);
    return id;
  }
  RowId add(u16 type, u16 lane, RowId cause) {
    Row row{};
    row.at_ns = t.rows.size() * 10;
    row.cause = cause;
    row.type = type;
    row.lane = lane;
    t.rows.push_back(row);
    return static_cast<RowId>(t.rows.size());
  }
};

TEST(CausalPast, HoldsWhatTheViolatingTurnWasGivenAndNothingElse) {
  Made m;
  const RowId a = m.turn(0, 0);
  const RowId told = m.message(a, 1), lost = m.message(a, 2);
  const RowId apart = m.turn(0, a);
  const RowId b = m.turn(1, 0);
  m.t.rows[told - 1].used = b;
  m.t.violation = m.add(0, 1, b);
  EXPECT_EQ(causal_past(m.t), (std::vector<bool>{true, true, false, false, true, true}));
  EXPECT_EQ(lost, 3u);
  EXPECT_EQ(apart, 4u);
}

TEST(CutTimeline, KeepsTheViolationItsPastAndTheEnd) {
  Made m;
  const RowId root = m.turn(0, 0);
  const RowId told = m.message(root, 77);
  for (int i = 0; i < 100; ++i) m.message(root, i);
  const RowId b = m.turn(1, 0);
  m.t.rows[told - 1].used = b;
  m.t.violation = m.add(0, 1, b);
  cut_to(m.t, 10);
  ASSERT_EQ(m.t.rows.size(), 10u);
  EXPECT_EQ(m.t.violation, 10u);
  EXPECT_EQ(m.t.types[1].columns[0], (std::vector<std::int64_t>{77, 94, 95, 96, 97, 98, 99}));
  EXPECT_EQ(m.t.rows[1].used, 9u) << "the turn that took the message, by its new number";
  EXPECT_EQ(m.t.rows[9].cause, 9u);
  EXPECT_GT(m.t.window_from_ns, 0u);
}

TEST(CutTimeline, KeepsThePhases) {
  Made m;
  m.t.types.push_back({"phase", RowClass::mark, {"name$"}, {{5}}});
  m.add(2, no_lane, 0);
  const RowId root = m.turn(0, 0);
  for (int i = 0; i < 100; ++i) m.message(root, i);
  cut_to(m.t, 10);
  ASSERT_EQ(m.t.rows.size(), 10u);
  EXPECT_EQ(m.t.type_of(m.t.rows[0]).name, "phase");
  EXPECT_EQ(m.t.types[2].columns[0], (std::vector<std::int64_t>{5}));
}

TEST(CutTimeline, LeavesAShortOneAlone) {
  Made m;
  m.turn(0, 0);
  cut_to(m.t, 1);
  EXPECT_EQ(m.t.rows.size(), 1u);
  EXPECT_EQ(m.t.window_from_ns, 0u);
}

}  // namespace
}  // namespace keelson::sim
