#include "keelson/sim/shrink/shrinker.h"

#include <algorithm>

#include "keelson/sim/shrink/black_box.h"
#include "keelson/sim/shrink/child.h"
#include "keelson/sim/shrink/lift.h"
#include "keelson/sim/shrink/scenario_edits.h"
#include "keelson/sim/shrink/tape_edits.h"

namespace keelson::sim {
namespace {

constexpr u64 fresh_seeds = 6;  // per edit
constexpr u64 seeds_for_a_shorter_run = 24;
constexpr u64 seeds_for_a_script = 16;
constexpr std::size_t first_ms_max = 24;     // of a script that is begun earlier
constexpr u64 scenario_share_ppm = 450'000;  // of the budget, at most, before decisions have their turn
constexpr u64 values_max = 64;               // of more, nobody looks at the sizes
constexpr u64 entries_max = 200;             // a file with more of them says less than a seed

class Shrinker {
 public:
  explicit Shrinker(const ShrinkConfig& config)
      : config_(config), oracle_(config.limits, options_of(config), [this] {
          tell();
          return !config_.interrupted || !config_.interrupted();
        }) {}

  ShrinkResult run() {
    if (!begin()) return std::move(result_);
    simplify("scenario", 0);
    shorter_seed();
    simplify("seeds", fresh_seeds);
    shorter_seed();
    louder();
    if (lift(seeds_for_a_script)) simplify("seeds", fresh_seeds);
    hurry();
    const Candidate seeded = best_;
    const RunReport seeded_report = report_;
    share_ppm_ = ppm_one;
    if (go_quiet()) {
      for (u64 before = ~u64{0}; before > size() && !oracle_.over();) {
        before = size();
        drop_parts();
        simplify("scenario", 0);
        drop_entries();
        lift(0);
        hurry();
      }
      sooner();
      lower_values();
      if (best_.entries() > entries_max && seeded.tape.streams.empty()) {
        best_ = seeded;
        report_ = seeded_report;
      }
    }
    return finish();
  }

 private:
  static RunOptions options_of(const ShrinkConfig& config) {
    RunOptions options;
    options.prepare = config.prepare;
    options.own = config.own;
    return options;
  }

  void tell() const {
    if (config_.progress)
      config_.progress({pass_, oracle_.runs(), report_.events, result_.before.events, oracle_.spent_ppm()});
  }

  u64 size() const { return best_.entries() + serialise(best_.scenario).size(); }
  bool stage_over() const { return oracle_.over() || oracle_.spent_ppm() >= share_ppm_; }
  // A little longer is allowed, so that simpler things may take a detour; it doesn't add up.
  u64 events_max() const { return least_events_ + least_events_ / 4 + 200; }

  void accept(Found found) {
    best_ = std::move(found.candidate);
    report_ = std::move(found.report);
    least_events_ = std::min(least_events_, report_.events);
  }
  bool try_one(Candidate candidate, u64 events_max) {
    auto found = oracle_.first({1, [&](std::size_t) { return std::optional(candidate); }, events_max});
    if (found) accept(std::move(*found));
    return found.has_value();
  }

  bool begin() {
    pass_ = "first run";
    best_ = config_.start;
    result_.before = report_ = oracle_.judge(best_);
    result_.signature = signature_of(report_);
    if (result_.signature.empty()) return false;
    oracle_.set_signature(result_.signature);
    oracle_.set_condition(config_.condition);
    least_events_ = report_.events;
    if (const auto recorded = oracle_.record(best_, report_))
      result_.nonquiet_before = Candidate{{}, nonquiet_of(*recorded)}.entries();
    best_.scenario.set_name(regression_name(result_.signature));
    best_.scenario = without_defaults(best_.scenario);
    Candidate cut = best_;
    cut.scenario = cut_after(best_.scenario, *report_.failure);
    if (is_sound(cut.scenario)) try_one(cut, events_max());
    return true;
  }

  // Goes through the edits of the scenario until none helps any more, each with the decisions as they are and with so
  // many fresh seeds.
  void simplify(const char* pass, u64 seeds) {
    pass_ = pass;
    const std::size_t tries = 1 + seeds;
    for (std::size_t at = 0, last = 0; !stage_over();) {
      const auto edits = edits_of(best_.scenario);
      if (at >= edits.size()) at = 0;
      if (edits.empty()) return;
      // Around, from the one after the last success back to it.
      const auto number = [&](std::size_t i) { return (at + i / tries) % edits.size(); };
      auto found = oracle_.first(
          {edits.size() * tries, [&](std::size_t i) { return edited(edits[number(i)], i % tries); }, events_max()});
      if (!found) return;
      last = number(found->index);
      accept(std::move(*found));
      at = last;
    }
  }

  std::optional<Candidate> edited(const Edit& edit, u64 seed) const {
    if (!is_sound(edit.scenario)) return {};
    if (seed == 0) return Candidate{edit.scenario, best_.tape};
    return Candidate{edit.scenario, {{}, TapeBase::seeded(seed)}};
  }

  void shorter_seed() {
    while (!stage_over() && report_.events > 0) {
      const u64 shorter = report_.events - report_.events / 5;
      auto found = oracle_.first({seeds_for_a_shorter_run,
                                  [&](std::size_t i) {
                                    return std::optional(Candidate{best_.scenario, {{}, TapeBase::seeded(i + 1)}});
                                  },
                                  shorter});
      if (!found) return;
      accept(std::move(*found));
    }
  }

  // More faults of a kind, so that the one that matters comes sooner.
  void louder() {
    pass_ = "rates";
    while (!stage_over()) {
      const auto edits = louder_edits_of(best_.scenario);
      auto found = oracle_.first({edits.size() * fresh_seeds,
                                  [&](std::size_t i) { return edited(edits[i / fresh_seeds], 1 + i % fresh_seeds); },
                                  report_.events - report_.events / 4});
      if (!found) return;
      accept(std::move(*found));
    }
  }

  // Crashes and pauses as steps, with what else is on the tape, or with fresh seeds.
  bool lift(u64 seeds) {
    pass_ = "script";
    if (stage_over()) return false;
    RunOptions options = options_of(config_);
    Child child([&] {
      FaultLog log;
      options.trace = &log;
      stop_before_death(options, report_);
      static_cast<void>(sim::run(best_, 0, options));
      const auto script = lifted(best_.scenario, log);
      return script ? serialise(*script) : std::string();
    });
    child.wait();
    Candidate scripted{{}, best_.tape};
    if (!child.result() || child.result()->empty() || !scripted.scenario.ParseFromString(*child.result()) ||
        !is_sound(scripted.scenario))
      return false;
    if (!scripted.tape.base.seed)
      std::erase_if(scripted.tape.streams, [](const SparseStream& stream) { return stream.name == "nemesis"; });
    auto found = oracle_.first({1 + seeds,
                                [&](std::size_t i) {
                                  if (i > 0) scripted.tape = {{}, TapeBase::seeded(i)};
                                  return std::optional(scripted);
                                },
                                events_max()});
    if (found) accept(std::move(*found));
    return found.has_value();
  }

  // Clients that don't think, and the script soon after the beginning: a failure that needs some request to be under
  // way mostly needs no other ones.
  void hurry() {
    pass_ = "script";
    if (stage_over() || best_.scenario.step_size() == 0) return;
    const bool seeded = best_.tape.base.seed.has_value();
    SparseTape thoughtless = best_.tape;
    for (auto& stream : thoughtless.streams)
      std::erase_if(stream.entries, [](const Override& entry) { return entry.site == Site::work_think; });
    const std::vector<SparseTape> tapes = {SparseTape{}, thoughtless};
    auto found =
        oracle_.first({first_ms_max * tapes.size(),
                       [&](std::size_t i) -> std::optional<Candidate> {
                         Candidate hurried{begun_at(best_.scenario, i / tapes.size()), tapes[i % tapes.size()]};
                         for (auto& workload : *hurried.scenario.mutable_workload())
                           if (seeded) workload.set_think_us(0);
                         if (!is_sound(hurried.scenario)) return {};
                         return hurried;
                       },
                       events_max()});
    if (found && smaller(*found)) accept(std::move(*found));
  }
  bool smaller(const Found& found) const {
    return std::pair(found.candidate.entries(), found.report.events) < std::pair(best_.entries(), report_.events) ||
           (best_.tape.base.seed && !found.candidate.tape.base.seed);
  }

  // From a seed to the decisions that it made, and nothing else.
  bool go_quiet() {
    pass_ = "quiet";
    if (oracle_.over()) return false;
    Candidate silent{best_.scenario, {}};
    if (try_one(silent, events_max())) return true;
    return prune();
  }

  // The same run, told by the decisions that it made and that were not quiet.
  bool prune() {
    const auto recorded = oracle_.record(best_, report_);
    if (!recorded) return false;
    Candidate told{best_.scenario, nonquiet_of(*recorded)};
    if (!best_.tape.base.seed && !died(report_)) {
      best_ = std::move(told);
      return true;
    }
    return try_one(std::move(told), ~u64{0});
  }

  void drop_parts() {
    pass_ = "decisions";
    for (std::size_t at = 0; !oracle_.over();) {
      const auto list = TapeList::of(best_.tape);
      const auto parts = list.parts();
      if (at >= parts.size()) return;
      auto found = oracle_.first({parts.size() - at,
                                  [&](std::size_t i) {
                                    return std::optional(Candidate{best_.scenario, list.without(parts[at + i]).tape()});
                                  },
                                  events_max()});
      if (!found) return;
      // What comes before was tried and is needed, so far; the larger of what comes after may be gone by now.
      at += found->index;
      accept(std::move(*found));
      prune();
    }
  }

  // Delta debugging: chunks of half the list, then of a quarter, down to single decisions.
  void drop_entries() {
    pass_ = "decisions";
    std::size_t chunk = std::max<std::size_t>(1, best_.entries() / 2);
    while (!oracle_.over() && best_.entries() > 0) {
      const u64 before = best_.entries();
      sweep(chunk);
      if (best_.entries() < before) prune();
      if (chunk == 1 && best_.entries() >= before) return;
      chunk = std::max<std::size_t>(1, std::min<std::size_t>(chunk / 2, best_.entries() / 2));
    }
  }

  void sweep(std::size_t chunk) {
    for (std::size_t at = 0; !oracle_.over();) {
      const auto list = TapeList::of(best_.tape);
      if (at >= list.entries.size()) return;
      const std::size_t chunks = (list.entries.size() - at + chunk - 1) / chunk;
      auto found =
          oracle_.first({chunks,
                         [&](std::size_t i) {
                           return std::optional(Candidate{best_.scenario, list.without(at + i * chunk, chunk).tape()});
                         },
                         events_max()});
      if (!found) return;
      at += found->index * chunk;
      accept(std::move(*found));
    }
  }

  // The same decision at an earlier chance, if the run is shorter then.
  void sooner() {
    pass_ = "sooner";
    if (best_.entries() > values_max) return;
    constexpr std::size_t tries = 5;
    for (std::size_t at = 0; !oracle_.over() && report_.events > 0;) {
      const auto list = TapeList::of(best_.tape);
      if (at >= list.entries.size()) return;
      auto found = oracle_.first({(list.entries.size() - at) * tries,
                                  [&](std::size_t i) -> std::optional<Candidate> {
                                    const u64 n = list.entries[at + i / tries].decision.n;
                                    const u64 earlier[tries] = {0, n / 4, n / 2, n - n / 4, n - std::min<u64>(1, n)};
                                    auto moved = list.moved(at + i / tries, earlier[i % tries]);
                                    if (!moved) return {};
                                    return Candidate{best_.scenario, moved->tape()};
                                  },
                                  report_.events - 1});
      if (!found) return;
      at += found->index / tries;
      accept(std::move(*found));
    }
  }

  void lower_values() {
    pass_ = "values";
    if (best_.entries() > values_max) return;
    constexpr u64 divisors[] = {~u64{0}, 1000, 30, 4, 2};  // the first one gives 1
    constexpr std::size_t tries = std::size(divisors);
    for (std::size_t at = 0; !oracle_.over();) {
      const auto list = TapeList::of(best_.tape);
      if (at >= list.entries.size()) return;
      auto found = oracle_.first({(list.entries.size() - at) * tries,
                                  [&](std::size_t i) -> std::optional<Candidate> {
                                    TapeList lower = list;
                                    u64& value = lower.entries[at + i / tries].decision.value;
                                    const u64 to = std::max<u64>(1, value / divisors[i % tries]);
                                    if (to >= value) return {};
                                    value = to;
                                    return Candidate{best_.scenario, lower.tape()};
                                  },
                                  events_max()});
      if (!found) return;
      at += found->index / tries;
      accept(std::move(*found));
    }
  }

  ShrinkResult finish() {
    result_.finished = !oracle_.over();
    best_.scenario = without_defaults(best_.scenario);
    if (const auto recorded = oracle_.record(best_, report_))
      result_.nonquiet_after = Candidate{{}, nonquiet_of(*recorded)}.entries();
    result_.after = std::move(report_);
    result_.best = std::move(best_);
    result_.runs = oracle_.runs();
    return std::move(result_);
  }

  const ShrinkConfig& config_;
  ShrinkResult result_;
  Candidate best_;
  RunReport report_;  // of the best
  u64 least_events_ = 0;
  u64 share_ppm_ = scenario_share_ppm;
  const char* pass_ = "";
  Oracle oracle_;
};

}  // namespace

ShrinkResult shrink(const ShrinkConfig& config) { return Shrinker(config).run(); }

std::string regression_name(const std::string& signature) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto blank = signature.find(' ');
  std::string name = signature.substr(blank == std::string::npos ? 0 : blank + 1);
  name = name.substr(0, name.find(' '));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  name += '_';
  for (int i = 7; i >= 0; --i) name += digits[signature_hash(signature) >> (4 * i) & 15];
  return name;
}

}  // namespace keelson::sim
