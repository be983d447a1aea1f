#include "keelson/sim/run/run.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>

#include "keelson/sim/check_off.h"
#include "keelson/sim/phases.h"
#include "keelson/sim/run/caretaker.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/run/liveness.h"

namespace keelson::sim {
namespace {

Verdict verdict_of(ViolationKind kind) {
  switch (kind) {
    case ViolationKind::safety:
      return Verdict::safety;
    case ViolationKind::liveness:
      return Verdict::liveness;
    case ViolationKind::inconclusive:
      return Verdict::inconclusive;
    case ViolationKind::unavailable:
      return Verdict::unavailable;
    case ViolationKind::machine:
      return Verdict::nondeterministic;
  }
  return Verdict::inconclusive;
}

constexpr Duration still_after = milliseconds(500);  // of quiet, until views must not change any more

class Run {
 public:
  Run(const pb::Scenario& scenario, Tape& tape, const RunOptions& options)
      : scenario_(scenario),
        options_(options),
        tape_(tape),
        cluster_(scenario, tape, options.seed, options.trace, options.own),
        caretaker_(cluster_.world),
        budget_(scenario, cluster_.programs.groups(), cluster_.world.population().nodes, tape.stream("budget")),
        marks_(cluster_.world, waits_for_marks(scenario)),
        nemesis_(cluster_.world, cluster_.roles, budget_, marks_),
        steps_(cluster_.world, cluster_.roles, scenario, marks_),
        phases_(cluster_.world, nemesis_, steps_, budget_, scenario) {}

  RunReport run() {
    const auto begin = std::chrono::steady_clock::now();
    if (options_.prepare) options_.prepare(cluster_);
    for (const Part& part : phases_.parts())
      if (part.kind == PartKind::warm_up || part.kind == PartKind::faults) planned_ = planned_ + part.limit;
    for (std::size_t i = 0; i < phases_.parts().size() && !broken(); ++i) {
      phase_ = phases_.parts()[i].name;
      phases_.begin(i);
      tell();
      run(phases_.parts()[i]);
    }
    for (Checker* checker : {static_cast<Checker*>(&cluster_.replay), static_cast<Checker*>(&cluster_.linearizable)})
      if (!broken()) checker->at_end();
    if (options_.look) options_.look(cluster_);
    RunReport report = describe();
    report.wall_ns = static_cast<u64>((std::chrono::steady_clock::now() - begin).count());
    return report;
  }

 private:
  bool broken() const { return cluster_.world.violation().has_value() || left(); }
  bool left() const { return options_.until_event > 0 && cluster_.world.events() >= options_.until_event; }
  void fail(ViolationKind kind, const std::string& checker, const std::string& invariant, const std::string& detail) {
    if (kind == ViolationKind::liveness && !is_on(scenario_, Checked::liveness)) return;
    cluster_.world.fail({.kind = kind, .checker = checker, .invariant = invariant, .detail = detail});
  }

  void tell() const {
    if (options_.progress)
      options_.progress({cluster_.world.events(), cluster_.world.now().ns(), planned_.ns(), phase_});
  }

  void go(Duration time, const std::function<bool()>& until = {}) {
    const Instant end = cluster_.world.now() + time;
    while (!broken() && cluster_.world.now() < end) {
      if (until && until()) return;
      const Duration slice = std::min(milliseconds(100), end.since(cluster_.world.now()));
      run_to(cluster_.world.now() + slice);
      tell();
      if (cluster_.world.now().ns() > scenario_.budget().virtual_ms() * 1'000'000) {
        fail(ViolationKind::inconclusive, "budget", "virtual_ms", "the run took more virtual time than its budget");
        return;
      }
    }
  }

  // Unless the run is left before. On the way it may have to go on with other decisions.
  void run_to(Instant end) {
    World& world = cluster_.world;
    const auto rest = [&] { return end.since(world.now()); };
    if (options_.fork && !forked_) {
      world.run_until([&] { return left() || world.events() >= options_.fork->event; }, rest());
      forked_ = world.events() >= options_.fork->event;
      if (forked_) tape_.fork(options_.fork->seed);
    }
    if (options_.until_event > 0) world.run_until([this] { return left(); }, rest());
    if (!left()) world.run_until(end);
  }

  void run(const Part& part) {
    switch (part.kind) {
      case PartKind::warm_up:  // elect primaries, agree on time
        cluster_.world.start_all();
        go(part.limit);
        return start_workloads();
      case PartKind::faults:
        return faults(part);
      case PartKind::liveness:
        return liveness(part);
      case PartKind::drain:
        return drain(part);
      case PartKind::quiet:
        return quiet(part);
    }
  }

  // The time in which requests are to come: all phases of the file.
  Duration busy_time() const {
    Duration total;
    for (const Part& part : phases_.parts())
      if (part.kind == PartKind::faults) total = total + part.limit;
    return total;
  }

  void start_workloads() {
    const auto& workloads = scenario_.workload();
    const u16 clients = cluster_.world.population().clients;
    u16 next = 0;
    for (const auto& w : workloads) {
      const u16 count = w.has_clients() ? static_cast<u16>(w.clients()) : static_cast<u16>(clients - next);
      for (u16 i = 0; i < count && next < clients; ++i, ++next)
        if (w.has_own())
          start_own(next, w);
        else if (!w.has_idle())
          start_kv(next, w);
    }
    if (workloads.empty())
      for (u16 c = 0; c < clients; ++c) start_kv(c, pb::Workload());
  }

  // Requests are spread over the phases unless the file says how fast they come.
  Duration think_of(const pb::Workload& w) const {
    if (w.rate_per_s() > 0) return seconds(1) / w.rate_per_s();
    if (w.has_think_us()) return microseconds(w.think_us());
    return busy_time() / std::max<u64>(1, w.requests() + w.requests() / 8);
  }

  WorkloadAsk ask_of(const pb::Workload& w) const {
    return {cluster_.data_groups, w.requests(), milliseconds(w.timeout_ms()), think_of(w)};
  }

  void start_own(u16 client, const pb::Workload& w) {
    auto at = own_.find(w.own().name());
    if (at == own_.end()) {
      check(options_.own != nullptr && options_.own->find(w.own().name()) != nullptr);
      at = own_.emplace(w.own().name(), Own{options_.own->find(w.own().name())->begin(), ask_of(w)}).first;
    }
    cluster_.clients.run(client, at->second.bodies.work, ask_of(w));
  }

  void start_kv(u16 client, const pb::Workload& w) {
    KvMix mix;
    mix.put = w.kv().put();
    mix.get = w.kv().get();
    mix.cas = w.kv().cas();
    mix.del = w.kv().del();
    mix.keys = w.kv().keys();
    mix.hot_ppm = w.kv().hot_ppm();
    mix.value_bytes_max = std::min(w.kv().value_bytes_max(), cluster_.kernel.limits.reply_bytes_max / 2);
    mix.requests = w.requests();
    mix.timeout = milliseconds(w.timeout_ms());
    mix.think = think_of(w);
    if (mixes_.empty()) keys_ = mix;
    keys_.keys = std::max(keys_.keys, mix.keys);
    mixes_.push_back(mix);
    cluster_.clients.run(client, [this, mix](ClientContext& context) { run_kv(context, mix, cluster_.data_groups); });
  }

  bool requests_done() const { return cluster_.clients.live() == 0; }

  void faults(const Part& part) {
    const bool alone = scenario_.phase().empty();  // then there is no next phase to wait for
    const Instant end = cluster_.world.now() + part.limit;
    if (part.progress_within > Duration()) {
      const u64 before = cluster_.commits.committed();
      go(part.progress_within, [&] { return cluster_.commits.committed() > before || requests_done(); });
      if (!broken() && cluster_.commits.committed() == before && !requests_done())
        fail(ViolationKind::liveness, "liveness", "progress",
             "no commit within " + std::to_string(part.progress_within.ns() / 1'000'000) + " ms of phase " + part.name);
      if (part.limit <= part.progress_within) return;
    }
    if (end > cluster_.world.now())
      go(end.since(cluster_.world.now()), [&] { return (part.until_requests || alone) && requests_done(); });
  }

  // Everything that concerns the core is whole again: it must agree, and answer everybody.
  void liveness(const Part& part) {
    for (u16 c = 0; c < cluster_.world.population().clients; ++c)
      if (cluster_.world.client_state(c) == HostState::down) cluster_.world.start_client(c);
    caretaker_.try_again();
    cluster_.clients.stop();
    settle(part);
    if (broken() || phases_.core().size() == cluster_.world.population().nodes) return;
    phase_ = "everybody";
    phases_.bring_back();
    settle(part);
  }

  void settle(const Part& part) {
    const auto settled = [&] {
      return not_live(cluster_, phases_.core()).empty() && cluster_.clients.open_calls() == 0;
    };
    go(part.limit, settled);
    if (broken() || settled()) return;
    // What a torn disk can't rule out, only the nodes that are down can: then the core alone is not able.
    const bool all = phases_.core().size() == cluster_.world.population().nodes;
    if (!all && waits_for_others(cluster_, phases_.core())) return;
    if (const std::string cost = unavailable(cluster_, phases_.core()); !cost.empty()) {
      if (all) fail(ViolationKind::unavailable, "damage", "quorum", cost);
      return;
    }
    const std::string why = not_live(cluster_, phases_.core());
    fail(ViolationKind::liveness, "liveness", why.empty() ? "calls_return" : "core_settles",
         why.empty() ? std::to_string(cluster_.clients.open_calls()) + " calls have not returned" : why);
  }

  // Reads back what was acknowledged.
  void drain(const Part& part) {
    const bool audited = std::any_of(own_.begin(), own_.end(), [](const auto& o) { return o.second.bodies.audit; });
    if (mixes_.empty() && !audited) return;
    cluster_.clients.dismiss();  // whoever still thinks about its next request
    cluster_.clients.resume();
    const WorkloadAsk ask = audited ? own_.begin()->second.ask : WorkloadAsk();
    cluster_.clients.run(
        0, [this](ClientContext& context) { read_back(context); }, ask);
    go(part.limit, [&] { return requests_done(); });
    if (broken() || requests_done()) return;
    const std::string why = "the final reads were not answered: " + why_not_read();
    // Of a node that is alone, nobody else has what its disk has lost; it says so each time it is asked.
    if (cluster_.world.population().nodes == 1 && last_told() == Status::body_lost)
      return fail(ViolationKind::unavailable, "damage", "body", why);
    fail(ViolationKind::liveness, "liveness", "drain", why);
  }

  void read_back(ClientContext& context) {
    if (!mixes_.empty()) read_all_keys(context, keys_, cluster_.data_groups);
    for (auto& [name, own] : own_)
      if (own.bodies.audit) own.bodies.audit(context);
  }

  // What client 0, which reads back, heard last, unless that was what it asked for.
  std::optional<Status> last_told() const {
    const auto& calls = cluster_.history.calls();
    const auto last = std::find_if(calls.rbegin(), calls.rend(),
                                   [](const Call& call) { return call.client == 0 && call.end != CallEnd::open; });
    if (last == calls.rend() || last->end == CallEnd::ok) return {};
    return last->refusal.value_or(last->status);
  }

  std::string why_not_read() {
    std::string why = std::to_string(cluster_.clients.open_calls()) + " calls are open";
    if (const auto told = last_told()) why.append(", client 0 was told ").append(info(*told).name);
    const std::string who = not_live(cluster_, phases_.core());
    return why + "; " + (who.empty() ? state_of_groups(cluster_, phases_.core()) : who);
  }

  void quiet(const Part& part) {
    go(still_after);
    const u64 before = cluster_.commits.view_changes();
    go(part.limit);
    if (!broken() && cluster_.commits.view_changes() != before)
      fail(ViolationKind::liveness, "liveness", "restless", "views still change though nothing goes wrong");
  }

  RunReport describe() {
    RunReport r;
    r.scenario = scenario_.name();
    r.seed = options_.seed;
    r.trace_hash = hex(cluster_.world.core().trace.hash());
    r.events = cluster_.world.events();
    r.commits = cluster_.commits.committed();
    r.view_changes = cluster_.commits.view_changes();
    r.virtual_ns = cluster_.world.now().ns();
    r.calls_ok = cluster_.history.count(CallEnd::ok);
    r.calls_fail = cluster_.history.count(CallEnd::fail);
    r.calls_info = cluster_.history.count(CallEnd::info);
    for (std::size_t f = 0; f < fault_count; ++f)
      r.faults[std::string(fault_names[f])] = cluster_.world.core().faults[static_cast<Fault>(f)];
    r.marks = cluster_.shards.marks();
    r.shape = shape_of(scenario_);
    r.checks = checkers_on(scenario_);
    judge(r);
    r.expected = r.verdict == static_cast<Verdict>(scenario_.expect().verdict()) ||
                 (r.verdict == Verdict::unavailable && scenario_.expect().may_be_unavailable());
    if (r.failure) r.failure->reproduce = options_.again;
    return r;
  }

  // Replicas that executed the same requests came to different states.
  static bool is_state(const Violation& v) {
    return (v.checker == "commits" && (v.invariant == "state_equal" || v.invariant == "checkpoint_equal")) ||
           (v.checker == "replay" && (v.invariant == "state" || v.invariant == "answer"));
  }
  static void blame_state_on(const OwnMachine& machine, RunReport& r) {
    r.verdict = Verdict::nondeterministic;
    r.failure->kind = "machine.state";
    r.failure->detail = "machine `" + machine.name + "`: " + r.failure->detail + not_the_kernel;
  }

  void judge(RunReport& r) {
    if (const auto& divergence = tape_.divergence()) {
      r.verdict = Verdict::nondeterministic;
      r.failure = Failure{"tape.divergence", divergence->describe(), "", 0, 0, phase_};
      return;
    }
    if (const auto& violation = cluster_.world.violation()) {
      r.verdict = verdict_of(violation->kind);
      r.failure = Failure{violation->checker + "." + violation->invariant,
                          violation->detail,
                          "",
                          violation->at.ns(),
                          violation->event,
                          phase_,
                          violation->explanation,
                          violation->calls};
      if (options_.own && is_state(*violation)) blame_state_on(options_.own->own_machine(), r);
      return;
    }
    if (left()) return;
    // Not something that the run failed to show, but something that must not have happened.
    const pb::Expect& e = scenario_.expect();
    if (e.has_view_changes_max() && r.view_changes > e.view_changes_max() && is_on(scenario_, Checked::liveness)) {
      r.verdict = Verdict::liveness;
      r.failure = Failure{
          "liveness.view_changes",
          "got " + std::to_string(r.view_changes) + "; expected at most " + std::to_string(e.view_changes_max()),
          "",
          r.virtual_ns,
          r.events,
          "end"};
      return;
    }
    const std::string missing = unmet(r);
    if (missing.empty()) return;
    r.verdict = Verdict::inconclusive;
    r.failure = Failure{"expect.unmet", missing, "", r.virtual_ns, r.events, "end"};
  }

  // What the scenario demanded and the run did not show.
  std::string unmet(const RunReport& r) const {
    if (steps_.waiting() > 0)
      return std::to_string(steps_.waiting()) + " of " + std::to_string(scenario_.step_size()) +
             " steps never happened: what they wait for did not come true, or the phases ended before";
    const pb::Expect& e = scenario_.expect();
    if (r.commits < e.commits_min())
      return "commits: got " + std::to_string(r.commits) + "; expected at least " + std::to_string(e.commits_min());
    if (r.view_changes < e.view_changes_min())
      return "view_changes: got " + std::to_string(r.view_changes) + "; expected at least " +
             std::to_string(e.view_changes_min());
    for (const auto& mark : e.mark())
      if (!r.marks.contains(mark)) return "mark." + mark + ": never reached";
    const auto& injected = e.injected();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    injected.GetReflection()->ListFields(injected, &fields);
    for (const auto* field : fields) {
      const u64 wanted = injected.GetReflection()->GetUInt64(injected, field);
      const u64 got = injected_count(field->name());
      if (got < wanted)
        return "injected." + field->name() + ": got " + std::to_string(got) + "; expected at least " +
               std::to_string(wanted);
    }
    return {};
  }

  u64 injected_count(const std::string& enumerator) const {
    static constexpr std::string_view enumerators[] = {
#define KEELSON_SIM_FAULT(name, text) #name,
#include "keelson/sim/faults.def"
#undef KEELSON_SIM_FAULT
    };
    const auto at = std::find(std::begin(enumerators), std::end(enumerators), enumerator);
    if (at == std::end(enumerators)) return 0;
    return cluster_.world.core().faults[static_cast<Fault>(at - std::begin(enumerators))];
  }

  const pb::Scenario& scenario_;
  const RunOptions& options_;
  Tape& tape_;
  RunCluster cluster_;
  Caretaker caretaker_;
  const DamageBudget budget_;
  const MarkWatch marks_;
  Nemesis nemesis_;
  Steps steps_;
  Phases phases_;
  std::vector<KvMix> mixes_;
  KvMix keys_;
  struct Own {
    WorkloadBodies bodies;
    WorkloadAsk ask;
  };
  std::map<std::string, Own> own_;  // by the workload's name
  Duration planned_;
  bool forked_ = false;
  std::string phase_ = "start";
};

}  // namespace

std::string shape_of(const pb::Scenario& scenario) {
  const pb::Cluster& cluster = scenario.cluster();
  return std::to_string(cluster.replicas()) + " replicas, " + std::to_string(cluster.clients()) + " clients, " +
         (cluster.limits() == pb::LimitsProfile::TINY ? "tiny" : "standard") + " limits";
}

RunReport run_scenario(const pb::Scenario& scenario, Tape& tape, const RunOptions& options) {
  return Run(scenario, tape, options).run();
}

}  // namespace keelson::sim
