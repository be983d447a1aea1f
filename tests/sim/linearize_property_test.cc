// Linearizability against what it means: small histories against every order there is; histories of a real object with
// drawn windows are accepted, long ones too; the search and the sweep agree.
#include <gtest/gtest.h>
#include <random>
#include <rapidcheck/gtest.h>

#include "keelson/sim/check/kv_calls.h"

namespace keelson::sim {
namespace {

using Op = LinearOp<KvCell>;
using Ops = std::vector<Op>;

// Tries everything: which of the unknown ones happened, in which order.
bool any_order(const Ops& ops, std::vector<bool>& placed, u32 held) {
  const KvCell cell;
  bool all = true;
  for (std::size_t i = 0; i < ops.size(); ++i) all = all && (placed[i] || !ops[i].output);
  if (all) return true;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (placed[i]) continue;
    bool first = true;  // nobody who is still to come had answered before it was called
    for (std::size_t j = 0; j < ops.size(); ++j)
      first = first && (placed[j] || !ops[j].output || ops[j].returned >= ops[i].called);
    const auto after = first ? cell.step(held, ops[i].input, ops[i].output ? &*ops[i].output : nullptr) : std::nullopt;
    if (!after) continue;
    placed[i] = true;
    if (any_order(ops, placed, *after)) return true;
    placed[i] = false;
  }
  return false;
}

bool any_order(const Ops& ops) {
  std::vector<bool> placed(ops.size(), false);
  return any_order(ops, placed, 0);
}

// Few values and short times, so that about half of the histories can't be.
rc::Gen<Op> drawn_op() {
  return rc::gen::exec([] {
    const auto small = [](int below) { return static_cast<u32>(*rc::gen::resize(100, rc::gen::inRange(0, below))); };
    Op op;
    op.input = {static_cast<KvAct>(small(4)), small(3), 1 + small(2)};
    op.called = small(12);
    op.returned = op.called + small(6);
    if (small(5) == 0) {
      op.returned = ~u64{0};
      return op;
    }
    op.output = KvCell::Output{small(3) != 0, {}, false};
    if (op.input.act == KvAct::write) op.output->done = true;
    if (op.input.act == KvAct::read || (op.input.act == KvAct::swap && !op.output->done && small(2)))
      op.output->found = small(3);
    return op;
  });
}

TEST(LinearizeProperty, AgreesWithEveryOrderThereIs) {
  u64 cases = 0, linear = 0;
  EXPECT_TRUE(rc::check([&] {
    for (int i = 0; i < 50; ++i) {
      const Ops ops = *rc::gen::resize(7, rc::gen::container<Ops>(drawn_op()));
      RC_PRE(ops.size() <= 7);
      const bool expected = any_order(ops);
      Linearizer<KvCell> search(KvCell(), ops), sweep(KvCell(), ops);
      RC_ASSERT(search.search(1'000'000) == std::optional(expected));
      RC_ASSERT(sweep.sweep() == std::optional(expected));
      Ops fewer = ops;
      leave_out_unseen(fewer);
      const auto verdict = linearize(KvCell(), fewer);
      RC_ASSERT(verdict.linear == (expected ? Linear::yes : Linear::no));
      ++cases;
      linear += expected;
    }
  }));
  RecordProperty("cases", std::to_string(cases));
  EXPECT_GT(cases, 5000u);
  EXPECT_GT(linear, cases / 10) << "of " << cases;
  EXPECT_LT(linear, cases * 9 / 10) << "of " << cases;
}

// What a real cell answers when each operation takes effect at its own instant; then everybody's window is widened.
struct Drawn {
  u64 seed;
  u32 ops, width, unknown_percent;
  u32 values;  // 0: each is used once
};
Ops of_a_real_cell(const Drawn& how) {
  std::mt19937_64 random(how.seed);  // thousands of draws by RapidCheck take minutes
  const auto below = [&](u64 n) { return random() % n; };
  const KvCell cell;
  Ops ops;
  u32 held = 0;
  for (u32 i = 0; i < how.ops; ++i) {
    Op op;
    const u64 act = below(4), expected = below(3) ? held : below(how.values + 1),
              value = 1 + (how.values ? below(how.values) : i);
    const u64 before = below(how.width), after = below(how.width);
    op.input = {static_cast<KvAct>(act), static_cast<u32>(expected), static_cast<u32>(value)};
    const u64 at = 1000 + u64{i} * 10;
    op.called = at - std::min<u64>(before, 1000);
    op.returned = at + after;
    const bool unknown = below(100) < how.unknown_percent;
    const bool happened = !unknown || below(2) == 0;
    KvCell::Output output{true, {}, false};
    if (op.input.act == KvAct::read) output.found = held;
    if (op.input.act == KvAct::erase) output.done = held != 0;
    if (op.input.act == KvAct::swap) output.done = held == op.input.expected;
    if (op.input.act == KvAct::swap && !output.done) output.found = held;
    if (happened) held = *cell.step(held, op.input, nullptr);
    if (unknown)
      op.returned = ~u64{0};
    else
      op.output = output;
    ops.push_back(op);
  }
  return ops;
}

RC_GTEST_PROP(LinearizeProperty, AcceptsWhatARealObjectDid, ()) {
  Drawn how{};
  how.seed = *rc::gen::arbitrary<u64>();
  how.ops = *rc::gen::inRange<u32>(0, 400);
  how.width = *rc::gen::inRange<u32>(1, 40);
  how.unknown_percent = *rc::gen::inRange<u32>(0, 12);
  Ops ops = of_a_real_cell(how);
  leave_out_unseen(ops);
  RC_ASSERT(linearize(KvCell(), ops).linear == Linear::yes);
}

// Values that come again hide which unknown operation took effect: harder, and less of them is decided.
RC_GTEST_PROP(LinearizeProperty, AcceptsWhatARealObjectDidWithFewValues, ()) {
  Drawn how{};
  how.seed = *rc::gen::arbitrary<u64>();
  how.ops = *rc::gen::inRange<u32>(0, 100);
  how.width = *rc::gen::inRange<u32>(1, 40);
  how.unknown_percent = *rc::gen::inRange<u32>(0, 6);
  how.values = *rc::gen::inRange<u32>(1, 5);
  Ops ops = of_a_real_cell(how);
  leave_out_unseen(ops);
  RC_ASSERT(linearize(KvCell(), ops).linear == Linear::yes);
}

// A read of what nobody ever wrote, somewhere in a history that could be: found, and found there.
RC_GTEST_PROP(LinearizeProperty, FindsTheAnswerThatCanNotBe, ()) {
  Ops ops = of_a_real_cell({.seed = *rc::gen::arbitrary<u64>(),
                            .ops = *rc::gen::inRange<u32>(1, 200),
                            .width = 40,
                            .unknown_percent = 10,
                            .values = 0});
  const auto at = *rc::gen::inRange<std::size_t>(0, ops.size());
  RC_PRE(ops[at].output.has_value());
  ops[at].input.act = KvAct::read;
  ops[at].output = KvCell::Output{true, 9999, false};
  const auto verdict = linearize(KvCell(), ops);
  RC_ASSERT(verdict.linear != Linear::yes);
  if (verdict.linear == Linear::no && ops[verdict.failed].returned > ops[at].returned) RC_FAIL("found too late");
}

}  // namespace
}  // namespace keelson::sim
