// linearize: is there an order of these operations that a sequential object could have done, one after the other, each
// at some instant between its call and its answer? (Herlihy & Wing 1990.)
//
// Who uses it: kv_calls.h for maps and registers; whoever has a SequentialModel. One partition at a time: operations on
// different keys are asked about apart (Horn & Kroening 2015). An operation whose outcome is unknown may take effect at
// any time after its call, or never. Bounded by SearchLimits: what would take more is inconclusive, never ok. Not
// here: where operations come from, how a violation is told (linear_text.h).
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <unordered_map>

#include "keelson/sim/check/linear_parts.h"

namespace keelson::sim {

// `step`: the state after `input` was answered with `output`, nothing where the object could not have answered so; a
// null output asks what it does if nobody knows the answer. Pure, total.
template <class M>
concept SequentialModel = requires(const M& m, const typename M::State& state, const typename M::Input& input,
                                   const typename M::Output* output) {
  { m.initial() } -> std::same_as<typename M::State>;
  { m.step(state, input, output) } -> std::same_as<std::optional<typename M::State>>;
  { m.hash(state) } -> std::same_as<u64>;
  { m.kind(input) } -> std::same_as<u64>;  // inputs of the same kind do the same
  { state == state } -> std::convertible_to<bool>;
};

template <class M>
struct LinearOp {
  typename M::Input input;
  std::optional<typename M::Output> output;  // nothing: unknown whether and with what answer
  // Places in one order of all calls and answers; equal ones are concurrent. Without an output `returned` is where the
  // operation stops to matter: from there on nobody could tell whether it takes effect.
  u64 called = 0;
  u64 returned = ~u64{0};
};

enum class Linear : u8 { yes, no, inconclusive };

template <class M>
struct LinearVerdict {
  Linear linear = Linear::yes;
  std::string why;                        // inconclusive: which bound
  u32 failed = 0;                         // no: the operation whose answer can't be, given all answers before it
  u64 explained = 0;                      // no: how many answers before it can be explained
  std::vector<typename M::State> before;  // no: what the object may have held then; empty if that takes too long to say
  u64 configurations = 0;                 // cached, at most at one time
};

// Two ways through the same tree. `search` goes down first (Wing & Gong 1993; Lowe 2017: an operation is placed no
// sooner than an answer forces it), remembering where it has been: soon done when an order exists. `sweep` keeps all
// configurations after each answer, and no older ones: its memory doesn't grow with the history, so it proves that no
// order exists, and shows where it ends.
template <SequentialModel M>
class Linearizer {
 public:
  Linearizer(const M& model, const std::vector<LinearOp<M>>& ops, const SearchLimits& limits = {})
      : model_(model), ops_(ops), limits_(limits), schedule_(intervals(model, ops)) {
    state_id(model_.initial());
  }

  LinearVerdict<M> run() {
    if (schedule_.too_wide())
      return inconclusive(std::string("more than ") + std::to_string(Schedule::open_max) +
                          " operations are under way at once");
    const u64 soon = 10'000 + 20 * u64{schedule_.steps().size()};
    if (search(soon).value_or(false)) return verdict_;
    if (const auto swept = sweep()) return *swept ? verdict_ : violation(failed_step_);
    const auto found = search(limits_.configurations_max);
    if (found) return *found ? verdict_ : violation(deepest_);
    return inconclusive("neither an order nor the lack of one was found within " +
                        std::to_string(limits_.configurations_max) + " cached configurations and " +
                        std::to_string(limits_.work_max) + " steps");
  }

  // The two ways on their own, for tests: nothing means that a bound was reached.
  std::optional<bool> search(u64 configurations_max) {
    begin(configurations_max);
    Antichains visited(used_, work_);
    std::vector<Frame> path;
    const auto visit = [&](Configuration c) {
      advance(c);
      deepest_ = std::max(deepest_, c.step);
      if (c.step < schedule_.steps().size() && !visited.add(c)) return;
      path.push_back({c, 0});
    };
    visit({});
    while (!path.empty()) {
      if (path.back().at.step == schedule_.steps().size()) return true;
      if (over(visited.size())) return std::nullopt;
      const auto next = next_child(path.back());
      if (next)
        visit(*next);
      else
        path.pop_back();
    }
    return false;
  }

  std::optional<bool> sweep() {
    begin(limits_.configurations_max);
    std::vector<Configuration> all{Configuration{}};
    for (u32 s = 0; s < schedule_.steps().size(); ++s) {
      Antichains reached(used_, work_), next(used_, work_);
      for (const Configuration& c : all) reached.add(c);
      for (std::size_t i = 0; i < reached.entries().size(); ++i) {
        if (!reached.alive(i)) continue;
        if (over(reached.size() + next.size())) return std::nullopt;
        sweep_one(reached.entries()[i], reached, next);
      }
      std::vector<Configuration> after = next.living();
      if (after.empty()) {
        failed_step_ = s;
        for (const Configuration& c : all)
          if (std::find(before_.begin(), before_.end(), c.state) == before_.end()) before_.push_back(c.state);
        return false;
      }
      all = std::move(after);
      if (used_.elements() > used_elements_kept) forget_used(all, schedule_.steps()[s].unknown);
    }
    return true;
  }

 private:
  static constexpr u64 used_elements_kept = 4096;
  struct Frame {
    Configuration at;
    u32 choice;
  };

  static std::vector<Interval> intervals(const M& model, const std::vector<LinearOp<M>>& ops) {
    std::vector<Interval> all;
    all.reserve(ops.size());
    for (const auto& op : ops) all.push_back({op.called, op.returned, op.output.has_value(), model.kind(op.input)});
    return all;
  }

  void begin(u64 configurations_max) {
    used_ = {};
    before_.clear();
    deepest_ = 0;
    configurations_max_ = std::min(configurations_max, limits_.configurations_max);
    work_ = 0;
  }
  bool over(u64 cached) {
    const u64 weight = cached + used_.elements() / 8;
    verdict_.configurations = std::max(verdict_.configurations, weight);
    return weight > configurations_max_ || work_ > limits_.work_max;
  }

  // Past answers of operations that were placed before.
  void advance(Configuration& c) const {
    while (c.step < schedule_.steps().size() && (c.placed & schedule_.bit(schedule_.steps()[c.step].op))) {
      c.placed &= ~schedule_.bit(schedule_.steps()[c.step].op);
      ++c.step;
    }
  }

  // Next what may be placed at a step whose answer is due: the answered operation itself; one that makes the answer
  // possible; any; and so on with those of unknown outcome. Each of these may come twice; the second is pruned.
  std::optional<Configuration> next_child(Frame& frame) {
    const Step& step = schedule_.steps()[frame.at.step];
    const u32 open = static_cast<u32>(step.open.size()), unknown = static_cast<u32>(step.unknown.size());
    while (frame.choice < 1 + 2 * open + 2 * unknown) {
      const u32 choice = frame.choice++;
      if (choice == 0) {
        if (auto c = place_answered(frame.at, step.op)) return c;
      } else if (choice <= 2 * open) {
        auto c = place_open(frame.at, step.open[(choice - 1) % open]);
        if (c && (choice > open || place_answered(*c, step.op))) return c;
      } else {
        const u32 i = choice - 1 - 2 * open;
        auto c = place_unknown(frame.at, step.unknown[i % unknown]);
        if (c && (i >= unknown || place_answered(*c, step.op))) return c;
      }
    }
    return std::nullopt;
  }

  void sweep_one(Configuration c, Antichains& reached, Antichains& next) {
    const Step& step = schedule_.steps()[c.step];
    if (c.placed & schedule_.bit(step.op)) {
      c.placed &= ~schedule_.bit(step.op);
      ++c.step;
      next.add(c);
      return;
    }
    if (const auto done = place_answered(c, step.op)) next.add(*done);
    for (const u32 op : step.open)
      if (const auto more = place_open(c, op)) reached.add(*more);
    for (const u32 op : step.unknown)
      if (const auto more = place_unknown(c, op)) reached.add(*more);
  }

  std::optional<Configuration> place_answered(Configuration c, u32 op) {
    const auto state = step_model(c.state, op);
    if (!state) return std::nullopt;
    c.state = *state;
    ++c.step;
    return c;
  }

  std::optional<Configuration> place_open(Configuration c, u32 op) {
    if (c.placed & schedule_.bit(op)) return std::nullopt;
    const auto state = step_model(c.state, op);
    if (!state) return std::nullopt;
    c.state = *state;
    c.placed |= schedule_.bit(op);
    return c;
  }

  // Where it changes nothing it need not have happened; of several alike the one called first may as well be it.
  std::optional<Configuration> place_unknown(Configuration c, u32 op) {
    if (used_.contains(c.used, op)) return std::nullopt;
    const u32 alike = schedule_.alike_before(op);
    if (alike != Schedule::none && !used_.contains(c.used, alike)) return std::nullopt;
    const auto state = step_model(c.state, op);
    if (!state || *state == c.state) return std::nullopt;
    c.state = *state;
    c.used = used_.with(c.used, op);
    return c;
  }

  // Sets without what can't be used again anyway.
  void forget_used(std::vector<Configuration>& all, const std::vector<u32>& unknown) {
    UsedSets fresh;
    for (Configuration& c : all) {
      u32 set = 0;
      for (const u32 op : used_[c.used])
        if (std::find(unknown.begin(), unknown.end(), op) != unknown.end()) set = fresh.with(set, op);
      c.used = set;
    }
    used_ = std::move(fresh);
  }

  std::optional<u32> step_model(u32 state, u32 op) {
    ++work_;
    const auto after = model_.step(states_[state], ops_[op].input, ops_[op].output ? &*ops_[op].output : nullptr);
    if (!after) return std::nullopt;
    return *after == states_[state] ? state : state_id(*after);
  }

  u32 state_id(const typename M::State& state) {
    auto& same_hash = ids_[model_.hash(state)];  // looked up, never walked
    for (const u32 id : same_hash)
      if (states_[id] == state) return id;
    same_hash.push_back(static_cast<u32>(states_.size()));
    states_.push_back(state);
    return same_hash.back();
  }

  LinearVerdict<M> violation(u32 step) {
    auto verdict = verdict_;
    verdict.linear = Linear::no;
    verdict.failed = schedule_.steps()[step].op;
    verdict.explained = step;
    for (const u32 id : before_) verdict.before.push_back(states_[id]);
    return verdict;
  }

  LinearVerdict<M> inconclusive(const std::string& why) {
    auto verdict = verdict_;
    verdict.linear = Linear::inconclusive;
    verdict.why = why;
    return verdict;
  }

  const M& model_;
  const std::vector<LinearOp<M>>& ops_;
  SearchLimits limits_;
  Schedule schedule_;
  UsedSets used_;
  std::vector<typename M::State> states_;
  std::unordered_map<u64, std::vector<u32>> ids_;
  LinearVerdict<M> verdict_;
  u64 configurations_max_ = 0;
  u64 work_ = 0;
  u32 deepest_ = 0;
  u32 failed_step_ = 0;
  std::vector<u32> before_;  // states
};

template <SequentialModel M>
LinearVerdict<M> linearize(const M& model, const std::vector<LinearOp<M>>& ops, const SearchLimits& limits = {}) {
  return Linearizer<M>(model, ops, limits).run();
}

}  // namespace keelson::sim
