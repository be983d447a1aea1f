// Everything that can be wrong with a scenario file, with the exact place and text of its message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/scenario.h"

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<std::string> errors_of(const std::string& text, const BaseReader& bases = {}) {
  const auto scenario = parse_scenario(text, "net/x.textproto", bases);
  std::vector<std::string> errors;
  if (!scenario)
    for (const auto& problem : scenario.error()) errors.push_back(problem.describe());
  return errors;
}

struct Case {
  std::string name;
  std::string text;   // after `name: "x"` in line 1, unless it starts with !
  std::string error;  // after "net/x.textproto:"
};

std::string name_of_case(const testing::TestParamInfo<Case>& instance) { return instance.param.name; }

class ScenarioErrors : public testing::TestWithParam<Case> {};

TEST_P(ScenarioErrors, SayWhereAndWhat) {
  const auto& text = GetParam().text;
  const auto errors = errors_of(text.starts_with('!') ? text.substr(1) : "name: \"x\"\n" + text);
  EXPECT_THAT(errors, ElementsAre("net/x.textproto:" + GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"UnclosedMessage", "cluster { replicas: 3\n",
         "3:1: SCN_SYNTAX: a message is not closed; got the end of the file; expected }"},
        {"MissingColon", "network { loss_ppm 5 }",
         "2:20: SCN_SYNTAX: a colon is missing after loss_ppm; got 5; expected :"},
        {"MissingValue", "network { loss_ppm: }",
         "2:21: SCN_SYNTAX: network.loss_ppm: a value is missing; got }; expected a whole number, 0 or more"},
        {"StrayBrace", "tag: \"smoke\" }",
         "2:14: SCN_SYNTAX: a field name should stand here; got }; expected a field of Scenario"},
        {"UnclosedString", "tag: \"smoke", "2:12: SCN_SYNTAX: Unexpected end of string."},
        {"UnclosedList", "tag: [\"smoke\"",
         "2:14: SCN_SYNTAX: a list is not closed; got the end of the file; expected ]"},
        {"EmptyFileHasNoName", "!",
         "1:1: SCN_NAME: name: missing; expected name: \"x\"; a scenario is called like its file"},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Schema, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"UnknownField", "network {\n  loss_pm: 5\n\n  mode: STREAM\n}",
         "3:3: SCN_FIELD: network.loss_pm: unknown field of Network; got loss_pm; expected loss_ppm"},
        {"UnknownFieldWithoutAGuess", "workload { idle {} speed: 3 }",
         "2:20: SCN_FIELD: workload[0].speed: unknown field of Workload; got speed; expected kv, idle, own, "
         "clients, requests, rate_per_s, think_us, timeout_ms"},
        {"UnknownMessage", "queue { a { b: [1, { c: 2 }] } }\n",
         "2:1: SCN_FIELD: queue: unknown field of Scenario; got queue; expected " +
             std::string("name, schema, base, cluster, workload, phase, tail, step, swarm, expect, budget, check_off, "
                         "tape, tag, "
                         "core, core_node, network, partition, crash, pause, clock, disk, mailbox, turn, power_cut, "
                         "beyond_model, background, warm_up_ms, client_crash")},
        {"ColumnsCountATabAsOne", "\tnetwork {\tmod: STREAM }",
         "2:12: SCN_FIELD: network.mod: unknown field of Network; got mod; expected mode"},
        {"ColumnsCountCharactersNotBytes", "check_off: \"ü\"",
         "2:1: SCN_UNKNOWN: check_off[0]: unknown name; got ü; expected commits, promises, evidence, replay, "
         "linearizable, sleepers, invariants, "
         "liveness"},
        {"FieldAfterWideCharacters", "tag: 'ü' tg: 3",
         "2:10: SCN_FIELD: tg: unknown field of Scenario; got tg; expected tag"},
        {"UnknownEnumValue", "partition { kind:\n  SIDEWAYS }",
         "3:3: SCN_ENUM: partition.kind: unknown value; got SIDEWAYS; expected BOTH, INBOUND, OUTBOUND, MIXED"},
        {"UnknownEnumNumber", "tail: 7", "2:7: SCN_ENUM: tail: unknown value; got 7; expected FULL, NONE"},
        {"NodeThatIsNone", "pause { node: N32 }", "2:15: SCN_ENUM: pause.node[0]: unknown value; got N32; expected N2"},
        {"StringForNumber", "cluster { replicas: \"3\" }",
         "2:21: SCN_TYPE: cluster.replicas: wrong kind of value; got \"3\"; expected a whole number, 0 or more"},
        {"FractionForNumber", "network { loss_ppm: 1.5 }",
         "2:21: SCN_TYPE: network.loss_ppm: wrong kind of value; got 1.5; expected a whole number, 0 or more"},
        {"NumberForMessage", "network: 5",
         "2:10: SCN_TYPE: network: wrong kind of value; got 5; expected a message: { … }"},
        {"MessageForNumber", "schema { a: 1 }", "2:8: SCN_SYNTAX: a colon is missing after schema; got {; expected :"},
        {"WordForBool", "swarm { on: yes }",
         "2:13: SCN_TYPE: swarm.on: wrong kind of value; got yes; expected true or false"},
        {"NumberForString", "tag: 5", "2:6: SCN_TYPE: tag[0]: wrong kind of value; got 5; expected a string: \"…\""},
        {"GivenTwice", "tail: FULL\ntail: NONE", "3:1: SCN_TWICE: tail: given twice; expected it once"},
        {"TwoOfAOneof", "workload { kv {} idle {} }",
         "2:18: SCN_TWICE: workload[0].idle: excludes kv; got both; expected one of the two"},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Ranges, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"PartsPerMillion", "network { loss_ppm: 1000001 }",
         "2:21: SCN_RANGE: network.loss_ppm: out of range; got 1000001; expected 0 to 1000000; parts per million: "
         "1000000 "
         "is always"},
        {"Negative", "network { loss_ppm: -1 }",
         "2:21: SCN_RANGE: network.loss_ppm: out of range; got -1; expected 0 to 1000000; parts per million: 1000000 "
         "is "
         "always"},
        {"BeyondItsType", "expect { view_changes_min: 4294967296 }",
         "2:28: SCN_RANGE: expect.view_changes_min: out of range; got 4294967296; expected 0 to 4294967295"},
        {"BeyondAnyType", "budget { events: 99999999999999999999 }",
         "2:18: SCN_RANGE: budget.events: out of range; got 99999999999999999999; expected 1 to 18446744073709551615"},
        {"BelowItsLeast", "cluster { shards: 0 }",
         "2:19: SCN_RANGE: cluster.shards: out of range; got 0; expected 1 to 8"},
        {"InAPhase", "phase { name: \"a\" duration_ms: 5 }\nphase { name: \"b\" duration_ms: 0 }",
         "3:32: SCN_RANGE: phase[1].duration_ms: out of range; got 0; expected 1 to 86400000; a phase of nothing tests "
         "nothing"},
        {"InAList", "tag: [\"smoke\", 5]",
         "2:16: SCN_TYPE: tag[1]: wrong kind of value; got 5; expected a string: \"…\""},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Cluster, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"NoReplicas", "cluster { replicas: 0 }",
         "2:11: SCN_QUORUM: cluster.replicas: no quorum is defined for this many; got 0; expected 1 to 6; more nodes "
         "than "
         "replicas are set with nodes"},
        {"TooManyReplicas", "cluster { replicas: 7 }",
         "2:11: SCN_QUORUM: cluster.replicas: no quorum is defined for this many; got 7; expected 1 to 6; more nodes "
         "than "
         "replicas are set with nodes"},
        {"FewerNodesThanReplicas", "cluster {\n  replicas: 5 nodes: 3\n}",
         "3:15: SCN_QUORUM: cluster.nodes: fewer than replicas, so no group has a quorum; got 3; expected 5 to 32"},
        {"TooManyNodes", "cluster { nodes: 33 }",
         "2:11: SCN_QUORUM: cluster.nodes: too many; got 33; expected 3 to 32"},
        {"TooManyGroups", "cluster { groups: 9 }",
         "2:11: SCN_LIMITS: cluster.groups: more than the shards of a node hold under these limits; got 9; expected 1 "
         "to "
         "8; limits: STANDARD holds more, and so do more shards"},
        {"NodeOutOfTheCluster", "crash { every_ms: 5000 node: N3 }",
         "2:24: SCN_NODES: crash.node[0]: no such node; got N3; expected N0 to N2, or a role"},
        {"NodeByNumberInAStep", "step { at_ms: 1 do { drop { from: [0, 4] } } }",
         "2:29: SCN_NODES: step[0].do[0].drop.from[1]: no such node; got N4; expected N0 to N2, or a role"},
        {"NodeThatASwarmMayNotDraw", "swarm { on: true }\nstep { at_ms: 1 do { crash { node: N1 } } }",
         "3:30: SCN_NODES: step[0].do[0].crash.node[0]: the swarm may draw a cluster without this node; got N1; set "
         "cluster.replicas"},
        {"ListedCoreWithoutAList", "core: LISTED",
         "2:1: SCN_CORE: core: LISTED without a list; expected core: LISTED and core_node together"},
        {"CoreListNotUsed", "core_node: [N0, N1]",
         "2:1: SCN_CORE: core_node: a list that core does not use; expected core: LISTED and core_node together"},
        {"CoreWithoutAQuorum", "core: LISTED\ncore_node: N0",
         "3:1: SCN_CORE: core_node: no quorum; got 1 nodes; expected at least 2 of 3 replicas"},
        {"CoreWithoutATail", "tail: NONE core: ALL",
         "2:12: SCN_CORE: core: there is no tail for it; got tail: NONE; expected tail: FULL"},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Names, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"NotTheFilesName", "!# a comment\nname: \"y\"",
         "2:1: SCN_NAME: name: differs from the file's; got y; expected x; a scenario is called like its file"},
        {"NewerSchema", "schema: 2",
         "2:1: SCN_SCHEMA: schema: unknown version; got 2; expected 1; a newer keelson may read this file"},
        {"PhaseTwice", "phase { name: \"a\" duration_ms: 5 }\nphase { name: \"a\" duration_ms: 5 }",
         "3:9: SCN_DUPLICATE: phase[1].name: the same name again; got a; expected each name once"},
        {"TagTwice", "tag: \"long\"\ntag: \"long\"",
         "3:1: SCN_DUPLICATE: tag[1]: the same name again; got long; expected each name once"},
        {"UnknownTag", "tag: \"quick\"",
         "2:1: SCN_UNKNOWN: tag[0]: unknown name; got quick; expected smoke, nightly, long, perf"},
        {"UnknownChecker", "check_off: \"commit\"",
         "2:1: SCN_UNKNOWN: check_off[0]: unknown name; got commit; expected commits"},
        {"UnknownFeature", "swarm { on: true always: \"network.los_ppm\" }",
         "2:18: SCN_SWARM: swarm.always[0]: unknown name; got network.los_ppm; expected network.loss_ppm"},
        {"FeatureAlwaysAndNever", "swarm { on: true always: \"crash\"\n never: \"crash\" }",
         "3:2: SCN_SWARM: swarm.never: also in always; got crash; expected it in one of the two"},
        {"SwarmThatIsOff", "swarm { never: \"crash\" }",
         "2:1: SCN_SWARM: swarm: says what to draw but is not on; expected on: true"},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    WorkloadsAndPhases, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"WorkloadOfNoKind", "workload { requests: 5 }",
         "2:1: SCN_WORKLOAD: workload[0]: of what kind; expected kv { } or idle { }"},
        {"NoOperation", "workload { kv { put: 0 get: 0 cas: 0 } }",
         "2:12: SCN_WORKLOAD: workload[0].kv: no operation has a weight; got put, get, cas and del 0; expected at "
         "least one "
         "above 0"},
        {"MoreClientsThanThereAre", "workload { idle {} clients: 5 }",
         "2:20: SCN_WORKLOAD: workload[0].clients: more than the cluster has; got 5; expected 0 to 4; set "
         "cluster.clients"},
        {"NoClients", "workload { idle {} clients: 0 }",
         "2:20: SCN_WORKLOAD: workload[0].clients: a workload without clients; got 0; expected 1 or more"},
        {"PhaseThatNeverEnds", "phase { name: \"a\" }",
         "2:1: SCN_PHASE: phase[0]: never ends; expected duration_ms, until_requests or expect_progress_within_ms"},
        {"PhaseThatEndsTwice", "phase { name: \"a\" duration_ms: 5 until_requests: true }",
         "2:34: SCN_PHASE: phase[0]: ends twice; got duration_ms and until_requests; expected one of the two"},
        {"PhaseWithoutName", "phase { duration_ms: 5 }",
         "2:1: SCN_PHASE: phase[0].name: missing; expected a name, for reports"},
        {"PhaseWaitsForNothing", "workload { idle {} }\nphase { name: \"a\" until_requests: true }",
         "3:19: SCN_PHASE: phase[0].until_requests: no workload has requests to finish; expected a kv workload with "
         "requests "
         "above 0"},
        {"ProgressAfterTheEnd", "phase { name: \"a\" duration_ms: 5 expect_progress_within_ms: 6 }",
         "2:34: SCN_PHASE: phase[0].expect_progress_within_ms: longer than the phase; got 6; expected 1 to 5"},
        {"PhasesBeyondTheBudget", "phase { name: \"a\" duration_ms: 600001 }",
         "2:1: SCN_PHASE: phase: all together longer than the budget; got 600001 ms; expected at most "
         "budget.virtual_ms, "
         "600000"},
        {"FewerViewChangesThanNone", "expect { view_changes_min: 3 view_changes_max: 2 }",
         "2:30: SCN_MIN_MAX: expect.view_changes_max: less than view_changes_min; got 2; expected at least 3"},
        {"DelayMaxBelowMin", "network { delay_us { min: 300 max: 200 } }",
         "2:31: SCN_MIN_MAX: network.delay_us: max is less than min; got 200; expected at least 300"},
        {"DelayOfAPhase", "phase { name: \"a\" duration_ms: 9 network { delay_us { max: 1 } } }",
         "2:55: SCN_MIN_MAX: phase[0].network.delay_us: max is less than min; got 1; expected at least 100"},
    }),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    StepsAndFaults, ScenarioErrors,
    testing::ValuesIn(std::vector<Case>{
        {"StepWithoutTime", "step { do { heal {} } }", "2:1: SCN_STEP: step[0]: when; expected at_ms or when { }"},
        {"StepWithTwoTimes", "step { at_ms: 1 when { view_at_least: 2 } do { heal {} } }",
         "2:1: SCN_STEP: step[0]: when; got both at_ms and when; expected at_ms or when { }"},
        {"StepOnNoCondition", "step { when { } do { heal {} } }",
         "2:8: SCN_STEP: step[0].when: no condition; expected commit_at_least, view_at_least or mark"},
        {"StepAtNoSuchMark", "step { when { mark: \"wal_wraped\" } do { heal {} } }",
         "2:15: SCN_UNKNOWN: step[0].when.mark: unknown name; got wal_wraped; expected wal_wrapped"},
        {"StepAtNoMark", "step { when { view_at_least: 1 mark_turns: 2 } do { heal {} } }",
         "2:32: SCN_STEP: step[0].when.mark_turns: turns that reach what; expected mark"},
        {"StepAgainButNotHowOften", "step { at_ms: 1 do { heal {} } every_ms: 5 }",
         "2:1: SCN_STEP: step[0]: one of every_ms and times alone; expected both, or neither"},
        {"StepAgainBeforeItIsUndone", "step { at_ms: 1 do { pause { } } for_ms: 9 every_ms: 9 times: 2 }",
         "2:44: SCN_STEP: step[0].every_ms: again before it is undone; got 9; expected more than for_ms, 9"},
        {"StepAgainAfterTheEnd",
         "phase { name: \"a\" duration_ms: 50 }\nstep { at_ms: 10 do { heal {} } every_ms: 20 times: 3 }",
         "3:46: SCN_STEP: step[0].times: the last time is after the last phase; got 50 ms; expected less than 50 ms"},
        {"HereIsNowhere", "step { at_ms: 1 do { pause { node: HERE } } }",
         "2:30: SCN_NODES: step[0].do[0].pause.node[0]: where what came true; got HERE; a role or a "
         "number, or a step with when { }"},
        {"StepThatDoesNothing", "step { at_ms: 1 }", "2:1: SCN_STEP: step[0]: does nothing; expected do { }"},
        {"EmptyDo", "step { at_ms: 1 do { } }",
         "2:17: SCN_STEP: step[0].do[0]: does nothing; expected one of crash, restart, pause, resume, partition, heal, "
         "drop, …"},
        {"StepAfterTheEnd", "phase { name: \"a\" duration_ms: 50 }\nstep { at_ms: 50 do { heal {} } }",
         "3:8: SCN_STEP: step[0].at_ms: after the last phase; got 50; expected less than 50"},
        {"UndoingAHeal", "step { at_ms: 1 do { heal {} } for_ms: 5 }",
         "2:32: SCN_STEP: step[0].for_ms: what is done cannot be undone; expected crash, pause, partition or drop"},
        {"LogOfLessThanFourCheckpoints", "cluster { checkpoint_ops: 100 journal_ops: 399 }",
         "2:31: SCN_LIMITS: cluster.journal_ops: less than four checkpoints' worth, or of unknown ones; got 399; "
         "expected at least 400"},
        {"LogOfUnknownCheckpoints", "cluster { journal_ops: 4000 }",
         "2:11: SCN_LIMITS: cluster.journal_ops: less than four checkpoints' worth, or of unknown ones; got 4000; "
         "expected checkpoint_ops to be given"},
        {"StepOfNoTime", "step { at_ms: 1 do { clock_step { offset_ms: 0 } } }",
         "2:22: SCN_STEP: step[0].do[0].clock_step: steps by nothing; got 0; expected offset_ms above or below 0"},
        {"CutTwice", "partition { of: PRIMARY node: N1 }",
         "2:13: SCN_FAULT: partition: both of and node say who is cut off; expected one of the two"},
        {"CutInAStep", "step { at_ms: 1 do { partition { of: RING } } }",
         "2:34: SCN_STEP: step[0].do[0].partition.of: a ring of so few nodes cuts nothing; got 3 nodes; expected 4 "
         "nodes or "
         "more"},
        {"BridgeOfTwo", "cluster { replicas: 2 } partition { of: BRIDGE }",
         "2:37: SCN_FAULT: partition.of: a bridge needs two sides and a middle; got 2 nodes; expected 3 nodes or more"},
        {"PartitionOfOne", "cluster { replicas: 1 }\nphase { name: \"a\" duration_ms: 9 partition {} }",
         "3:34: SCN_FAULT: phase[0].partition: one node cannot be cut off from others; expected of: CLIENTS, or more "
         "nodes"},
        {"PartitionForEver", "partition { every_ms: 500 }",
         "2:1: SCN_FAULT: partition: comes again and never heals; expected for_ms"},
        {"FlapLongerThanThePartition", "partition { for_ms: 5 flap_ms: 6 }",
         "2:23: SCN_FAULT: partition.flap_ms: longer than the partition itself; expected less than for_ms"},
        {"PauseForEver", "pause { every_ms: 500 }",
         "2:1: SCN_FAULT: pause: comes again and never ends; expected for_ms"},
        {"CrashHowOften", "crash { }",
         "2:1: SCN_FAULT: crash: how often; expected every_ms, at_mark or rare_mark_ppm, or a step for a "
         "single crash"},
        {"PowerCutHowOften", "power_cut { }",
         "2:1: SCN_FAULT: power_cut: how often; expected every_ms, or a step for a single one"},
        {"ClientCrashHowOften", "client_crash { }",
         "2:1: SCN_FAULT: client_crash: how often; expected every_ms, or a step for a single one"},
        {"ClockStepHowOften", "clock { step_ms: 5 }", "2:9: SCN_FAULT: clock.step_ms: how often; expected every_ms"},
        {"ClockStepByNothing", "clock { every_ms: 500 }",
         "2:9: SCN_FAULT: clock.every_ms: steps by nothing; expected step_ms above 0"},
        {"SectorSize", "disk { atomic_bytes: 1024 }",
         "2:8: SCN_FAULT: disk.atomic_bytes: no disk writes so much whole; got 1024; expected 512 or 4096"},
        {"LostFlushThatNobodyNotices", "disk { lost_flush_ppm: 5 }",
         "2:8: SCN_FAULT: disk.lost_flush_ppm: nobody can notice that acked writes are gone; expected "
         "cluster.tunables.strict_ack: true, or beyond_model: true"},
        {"OldDiskWithoutWitnesses",
         "disk { stale_every_ms: 5 }\nphase { name: \"p\" duration_ms: 9 crash { every_ms: 5 } }",
         "2:8: SCN_FAULT: disk.stale_every_ms: an old disk is noticed by who was told of more, and nobody may be left; "
         "expected no crashes, power cuts, partitions or other replaced disks beside it, or beyond_model: true"},
        {"BlankPagesBesideRot", "disk { revert_ppm: 5 }\nphase { name: \"p\" duration_ms: 9 disk { rot_every_ms: 5 } }",
         "2:8: SCN_FAULT: disk.revert_ppm: with a damaged mark, a blank page is no damage; expected no rot, latent "
         "errors "
         "or wrong reads beside it, or beyond_model: true"},
        {"DamageWithoutASecondCopy", "cluster { replicas: 1 } disk { lse_ppm: 5 }",
         "2:25: SCN_FAULT: disk: damage would leave no copy of a single replica's data; expected beyond_model: true, "
         "or "
         "more replicas"},
        {"ReorderedStream", "network { mode: STREAM reorder_ppm: 5 }",
         "2:11: SCN_FAULT: network.mode: streams neither reorder nor return; expected DATAGRAM or MIXED with ghost_ppm "
         "or "
         "reorder_ppm"},
    }),
    name_of_case);

TEST(ScenarioProblems, AreAllToldAtOnceInTheOrderOfTheFile) {
  const auto errors = errors_of(
      "name: \"x\"\n"
      "network { los_ppm: 5 mode: SOMETIMES delay_us { min: -3 } }\n"
      "claster { replicas: 0 }\n"
      "tail: 99\n");
  EXPECT_THAT(errors, ElementsAre(StartsWith("net/x.textproto:2:11: SCN_FIELD: network.los_ppm"),
                                  StartsWith("net/x.textproto:2:28: SCN_ENUM: network.mode"),
                                  StartsWith("net/x.textproto:2:54: SCN_RANGE: network.delay_us.min"),
                                  StartsWith("net/x.textproto:3:1: SCN_FIELD: claster"),
                                  StartsWith("net/x.textproto:4:7: SCN_ENUM: tail")));
}

TEST(ScenarioProblems, NoTextCrashesTheReader) {
  const std::string text =
      "name: \"x\" cluster { replicas: 3 } phase [{ name: 'a' duration_ms: 5 }] step { at_ms: 1 do { clock_step { "
      "offset_ms: -5 } } } tag: [\"long\"];";
  EXPECT_THAT(errors_of(text), IsEmpty());
  for (std::size_t i = 0; i < text.size(); ++i) {
    static_cast<void>(errors_of(text.substr(0, i)));
    for (const char c : std::string("{}[]<>:,;-\"'#0x \0\xff", 19)) {
      auto changed = text;
      changed[i] = c;
      static_cast<void>(errors_of(changed));
    }
  }
  EXPECT_FALSE(errors_of("x " + std::string(100'000, '{')).empty());
}

TEST(ScenarioProblems, OfABaseNameTheBase) {
  const auto base = [](const std::string& text) {
    return [text](std::string_view) { return std::optional(BaseText{"net/lossy.textproto", text}); };
  };
  const std::string text = "name: \"x\"\nbase: \"net/lossy\"\n";
  EXPECT_THAT(errors_of(text), ElementsAre("net/x.textproto:2:1: SCN_BASE: base: no such file; got net/lossy; expected "
                                           "\"folder/name\" of a scenario, without .textproto"));
  EXPECT_THAT(errors_of(text, base("name: \"lossy\" los: 3")),
              ElementsAre(StartsWith("net/lossy.textproto:1:15: SCN_FIELD")));
  EXPECT_THAT(errors_of(text, base("name: \"lossy\"\ncrash {}")),
              testing::Contains(StartsWith("net/lossy.textproto:2:1: SCN_FAULT: crash: how often")));
  EXPECT_THAT(errors_of(text, base("name: \"lossy\" base: \"other\"")),
              ElementsAre(HasSubstr(":2:1: SCN_BASE: base: has a base")));
  EXPECT_THAT(errors_of(text + "cluster { nodes: 4 }", base("name: \"lossy\" cluster { replicas: 5 }")),
              ElementsAre(StartsWith("net/x.textproto:3:11: SCN_QUORUM: cluster.nodes: fewer than replicas")));
}

TEST(ScenarioProblems, OfAFileThatCannotBeRead) {
  const auto missing = load_scenario("/nowhere/x.textproto");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error()[0].describe(), StartsWith("/nowhere/x.textproto:1:1: SCN_FILE: cannot be read"));
  EXPECT_FALSE(load_scenario("/tmp")) << "a folder is no scenario";
}

}  // namespace
}  // namespace keelson::sim
