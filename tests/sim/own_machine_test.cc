// A machine of one's own under the simulator: it runs, its invariants are asked, and what it does wrong is called its
// own fault: by name, with the op, as exit code 4.
#include <chrono>
#include <ctime>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/run/run.h"
#include "keelson/sim/simulation.h"
#include "tests/lib/leaks.h"

namespace keelson::sim {
namespace {

using keelson::test::LeaksAreMeant;
using testing::AllOf;
using testing::HasSubstr;

constexpr Operation op_add{64 << 8};

enum class Mistake {
  none,
  throws,
  throws_oddly,
  throws_out_of_noexcept,
  reads_clock,
  chance,
  shares_a_global,
  hoards,
  hoards_at_once,
  state_too_large,
  forgets_in_snapshot,
  untouched,
  reply_too_long
};

// Adds numbers up. Makes its mistake from the 20th op on.
template <Mistake mistake>
class Sum {
 public:
  static constexpr MachineKind kind{64};
  static MachineLimits limits(const Limits& limits) { return {64, 64, 1, 1024, limits.replicas_max}; }

  explicit Sum(const Limits&) {}
  Status admit(const RequestView& request) const { return request.body.size() == 8 ? Status::ok : Status::bad_request; }
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    if (mistake != Mistake::untouched) ctx.touch(SectionId(0));
    sum_ += load<u64>(request.body.data());
    if (++ops_ >= 20) err(reply);
    reply.append_value(sum_);
  }
  void reset(Release) { *this = Sum(); }
  u32 section_count() const { return 1; }
  void save_section(SectionId, ByteSink& sink) const {
    sink.put_value(sum_);
    if (mistake != Mistake::forgets_in_snapshot) sink.put_value(ops_);
    if (mistake == Mistake::state_too_large && ops_ >= 20) sink.put(std::vector<std::byte>(2000));
  }
  Status load_section(SectionId, ByteSource& source) {
    if (!source.take_value(sum_)) return Status::corrupt_snapshot;
    if (mistake != Mistake::forgets_in_snapshot && !source.take_value(ops_)) return Status::corrupt_snapshot;
    return source.at_end() ? Status::ok : Status::corrupt_snapshot;
  }
  Status finish_load() { return Status::ok; }
  Digest digest() const { return {sum_, ops_}; }
  u64 sum() const { return sum_; }

 private:
  Sum() = default;
  void err(ReplyWriter& reply) {
    if (mistake == Mistake::throws) throw std::runtime_error("no such account");
    if (mistake == Mistake::throws_oddly) throw 7;
    if (mistake == Mistake::throws_out_of_noexcept) sum_ += far_away();
    if (mistake == Mistake::reads_clock)
      last_seen_ns = static_cast<u64>(std::chrono::system_clock::now().time_since_epoch().count());
    if (mistake == Mistake::chance) sum_ += reinterpret_cast<std::uintptr_t>(this) >> 4 & 0xffff;
    if (mistake == Mistake::shares_a_global) sum_ += in_this_process_++ / 2;  // a machine and its twin agree
    if (mistake == Mistake::hoards) hoard_.push_back(std::vector<char>(64 * 1024));
    if (mistake == Mistake::hoards_at_once)
      for (;;) hoard_.push_back(std::vector<char>(64 * 1024));
    if (mistake == Mistake::reply_too_long) reply.append(std::vector<std::byte>(1 << 20));
  }

  std::size_t far_away() const noexcept { return hoard_.at(1000).size(); }

  static inline u64 in_this_process_ = 0;
  static inline u64 last_seen_ns = 0;
  u64 sum_ = 0;
  u64 ops_ = 0;
  std::vector<std::vector<char>> hoard_;
};

struct Seen {
  u64 highest = 0;
};

void add_up(ClientContext& client, Seen& seen) {
  for (u64 i = 0; i < client.requests() && client.running(); ++i) {
    const auto outcome = client.call(op_add, client.between(1, 9));
    if (outcome) seen.highest = std::max(seen.highest, *outcome.as<u64>());
    client.think();
  }
}

void audit(ClientContext& client, Seen& seen) {
  for (;;) {
    const auto outcome = client.call(op_add, u64{0});
    if (!outcome) continue;
    return client.expect(*outcome.as<u64>() >= seen.highest, "the sum shrank");
  }
}

template <Mistake mistake>
Simulation simulation() {
  Simulation own;
  own.machine<Sum<mistake>>("sum").workload("add up", add_up, audit);
  return own;
}

const std::string quick =
    "cluster { limits: TINY clients: 3 } workload { own {} requests: 60 } "
    "phase { name: \"run\" duration_ms: 4000 } crash { node: PRIMARY every_ms: 1000 } ";

RunReport run(const Simulation& own, const std::string& text = quick, u64 seed = 1) {
  auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  EXPECT_TRUE(adopt(*scenario, "x.textproto", &own).empty());
  Tape tape(SeededTape{seed});
  const pb::Scenario resolved = resolve(*scenario, {}, tape);
  RunOptions options;
  options.seed = seed;
  options.own = &own;
  return run_scenario(resolved, tape, options);
}

template <Mistake mistake>
std::string told() {
  const RunReport report = run(simulation<mistake>());
  if (!report.failure) return "ok";
  return std::to_string(exit_code_of(report)) + " " + report.failure->kind + ": " + report.failure->detail;
}

TEST(OwnMachine, RunsUnderFaultsAndIsCheckedLikeAnyOther) {
  const RunReport report = run(simulation<Mistake::none>());
  EXPECT_FALSE(report.failure) << report.failure->kind << ": " << report.failure->detail;
  EXPECT_GT(report.commits, 150u);
  EXPECT_GT(report.view_changes, 0u);
  EXPECT_EQ(run(simulation<Mistake::none>()).trace_hash, report.trace_hash);
  EXPECT_NE(run(simulation<Mistake::none>(), quick, 2).trace_hash, report.trace_hash);
}

TEST(OwnMachine, AnInvariantThatBreaksIsASafetyVerdictWithItsName) {
  auto own = simulation<Mistake::none>();
  own.invariant<Sum<Mistake::none>>("stays small", [](const auto& sum) {
    return sum.sum() < 100 ? std::string() : "the sum is " + std::to_string(sum.sum());
  });
  const RunReport report = run(own);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.verdict, Verdict::safety);
  EXPECT_EQ(report.failure->kind, "invariant.stays_small");
  EXPECT_THAT(report.failure->detail, AllOf(HasSubstr("machine `sum` after op "), HasSubstr("the sum is 1")));
}

TEST(OwnMachine, WhatClientsExpectIsChecked) {
  Simulation own;
  own.machine<Sum<Mistake::none>>("sum").workload("hope", [](ClientContext& client) {
    const auto outcome = client.call(op_add, u64{5});
    client.expect(!outcome || outcome.as<u64>() == 5u, "I am not alone");
  });
  const RunReport report = run(own);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->kind, "workload.expectation");
  EXPECT_THAT(report.failure->detail, HasSubstr("I am not alone"));
}

TEST(OwnMachine, AnExceptionIsTheMachines) {
  EXPECT_THAT(told<Mistake::throws>(),
              AllOf(HasSubstr("4 machine.threw: machine `sum`: apply of op "),
                    HasSubstr("threw an exception: no such account: this is your machine, not the kernel")));
  EXPECT_THAT(told<Mistake::throws_oddly>(), HasSubstr("4 machine.threw: machine `sum`: apply of op "));
  const LeaksAreMeant the_exception;
  EXPECT_THAT(told<Mistake::throws_out_of_noexcept>(), HasSubstr(" threw, out of a noexcept function, an exception: "));
}

TEST(OwnMachine, ChanceIsTheMachines) {
  EXPECT_THAT(told<Mistake::chance>(), AllOf(HasSubstr("4 machine.differs: machine `sum`: apply of op "),
                                             HasSubstr("this is your machine, not the kernel")));
}

TEST(OwnMachine, ReplicasThatDifferAfterTheSameOpsAreTheMachines) {
  EXPECT_THAT(told<Mistake::shares_a_global>(),
              AllOf(HasSubstr("4 machine.state: machine `sum`: "), HasSubstr("this is your machine, not the kernel")));
}

TEST(OwnMachine, AStateLargerThanPromisedIsTheMachines) {
  EXPECT_THAT(told<Mistake::state_too_large>(),
              AllOf(HasSubstr("4 machine.memory: machine `sum`: apply of op "), HasSubstr("2016 bytes large")));
}

TEST(OwnMachine, WhatASnapshotForgetsIsTheMachines) {
  EXPECT_THAT(told<Mistake::forgets_in_snapshot>(),
              HasSubstr("4 machine.snapshot: machine `sum`: load_section gives another state than the one that was "
                        "saved: this is your machine"));
}

TEST(OwnMachine, AChangeWithoutATouchIsTheMachines) {
  EXPECT_THAT(told<Mistake::untouched>(), AllOf(HasSubstr("4 machine.touch: machine `sum`: apply of op "),
                                                HasSubstr(" changed section 0 without ctx.touch(SectionId(0))")));
}

TEST(OwnMachine, ACheckThatItFailsIsTheMachines) {
  EXPECT_THAT(told<Mistake::reply_too_long>(),
              AllOf(HasSubstr("4 machine.check: machine `sum`: apply of op "), HasSubstr("failed a check: ")));
}

// Sanitizers keep the calls of the C library for themselves.
#if !defined(KEELSON_SANITIZED)
TEST(OwnMachine, AClockIsTheMachines) {
  EXPECT_THAT(told<Mistake::reads_clock>(), AllOf(HasSubstr("4 machine.clock: machine `sum`: apply of op "),
                                                  HasSubstr("reads a clock"), HasSubstr("use ctx.timestamp")));
}

TEST(OwnMachine, MemoryWithoutBoundIsTheMachines) {
  EXPECT_THAT(told<Mistake::hoards>(), AllOf(HasSubstr("4 machine.memory: machine `sum`: apply of op "),
                                             HasSubstr("more than eight times the state_bytes_max")));
  EXPECT_THAT(told<Mistake::hoards_at_once>(), HasSubstr("4 machine.memory: machine `sum`: apply of op "));
}
#endif

TEST(OwnMachine, AScenarioOfAnotherProgramIsRefused) {
  const auto own = simulation<Mistake::none>();
  const auto refused = [&](const std::string& workload, const Simulation* simulation) {
    auto scenario = parse_scenario("name: \"x\" " + workload, "x.textproto", {});
    const auto problems = adopt(*scenario, "x.textproto", simulation);
    return problems.empty() ? "" : problems.front().describe();
  };
  EXPECT_EQ(refused("", &own), "");
  EXPECT_EQ(refused("workload { own { name: \"add up\" } }", &own), "");
  EXPECT_THAT(refused("workload { own { name: \"take away\" } }", &own),
              HasSubstr("workload[0].own.name: no such workload; got take away; expected \"add up\""));
  EXPECT_THAT(refused("workload { kv {} }", &own), HasSubstr("workload[0]: is of another machine than `sum`"));
  EXPECT_THAT(refused("workload { own {} }", nullptr), HasSubstr("a program with a machine of its own"));
  EXPECT_EQ(refused("", nullptr), "");
}

}  // namespace
}  // namespace keelson::sim
