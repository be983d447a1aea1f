// g++ 12 sees overlap in the concatenation of short strings (GCC bug 105651).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

#include "keelson/sim/run/run.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "keelson/sim/nemesis.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/run/liveness.h"
#include "keelson/sim/settings_of.h"
#include "keelson/vsr/quorum.h"

namespace keelson::sim {
namespace {

constexpr Duration phase_default = seconds(60);
constexpr Duration live_within = seconds(60);
constexpr Duration drained_within = seconds(60);
constexpr Duration quiet_for = seconds(2);

Duration warm_up_of(const pb::Scenario& scenario) {
  return scenario.cluster().limits() == pb::LimitsProfile::TINY ? milliseconds(600) : milliseconds(3000);
}

Duration length_of(const pb::Phase& phase) {
  return phase.has_duration_ms() ? milliseconds(phase.duration_ms()) : Duration(phase_default);
}

class Run {
 public:
  Run(const pb::Scenario& scenario, Tape& tape, const RunOptions& options)
      : scenario_(scenario),
        options_(options),
        tape_(tape),
        cluster_(scenario, tape, options.seed, options.trace),
        nemesis_(cluster_.world, cluster_.roles),
        core_(core_of()) {}

  RunReport run() {
    const auto begin = std::chrono::steady_clock::now();
    warm_up();
    phases();
    if (scenario_.tail() == pb::Tail::FULL) tail();
    if (!broken()) cluster_.replay.at_end();
    RunReport report = describe();
    report.wall_ns = static_cast<u64>((std::chrono::steady_clock::now() - begin).count());
    return report;
  }

 private:
  bool broken() const { return cluster_.world.violation().has_value(); }
  void fail(ViolationKind kind, const std::string& checker, const std::string& invariant, const std::string& detail) {
    cluster_.world.fail({.kind = kind, .checker = checker, .invariant = invariant, .detail = detail});
  }

  void go(Duration time, const std::function<bool()>& until = {}) {
    const Instant end = cluster_.world.now() + time;
    while (!broken() && cluster_.world.now() < end) {
      if (until && until()) return;
      const Duration slice = std::min(milliseconds(100), end.since(cluster_.world.now()));
      cluster_.world.run_for(slice);
      if (options_.progress)
        options_.progress({cluster_.world.events(), cluster_.world.now().ns(), planned_.ns(), phase_});
      if (cluster_.world.now().ns() > scenario_.budget().virtual_ms() * 1'000'000) {
        fail(ViolationKind::inconclusive, "budget", "virtual_ms", "the run took more virtual time than its budget");
        return;
      }
    }
  }

  Duration phases_length() const {
    Duration total;
    for (const auto& phase : scenario_.phase()) total = total + length_of(phase);
    return scenario_.phase().empty() ? Duration(phase_default) : total;
  }

  // Elect primaries, agree on time, register clients: nothing goes wrong yet.
  void warm_up() {
    phase_ = "warm-up";
    planned_ = warm_up_of(scenario_) + phases_length();
    cluster_.world.start_all();
    go(warm_up_of(scenario_));
    start_workloads();
  }

  void start_workloads() {
    const auto& workloads = scenario_.workload();
    const u16 clients = cluster_.world.population().clients;
    u16 next = 0;
    for (const auto& w : workloads) {
      const u16 count = w.has_clients() ? static_cast<u16>(w.clients()) : static_cast<u16>(clients - next);
      for (u16 i = 0; i < count && next < clients; ++i, ++next)
        if (!w.has_idle()) start_kv(next, w);
    }
    if (workloads.empty())
      for (u16 c = 0; c < clients; ++c) start_kv(c, pb::Workload());
  }

  // Requests are spread over the phases unless the file says how fast they come.
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
    mix.think = phases_length() / std::max<u64>(1, w.requests() + w.requests() / 8);
    if (w.has_think_us()) mix.think = microseconds(w.think_us());
    if (w.rate_per_s() > 0) mix.think = seconds(1) / w.rate_per_s();
    if (mixes_.empty()) keys_ = mix;
    keys_.keys = std::max(keys_.keys, mix.keys);
    mixes_.push_back(mix);
    cluster_.clients.run(client, [this, mix](ClientContext& context) { run_kv(context, mix, cluster_.kv_groups); });
  }

  void phases() {
    if (scenario_.phase().empty()) {
      begin_faults(nullptr);
      phase_ = "run";
      go(phase_default, [&] { return cluster_.clients.live() == 0; });
    }
    for (const auto& phase : scenario_.phase()) {
      if (broken()) return;
      phase_ = phase.name();
      begin_faults(&phase);
      const u64 before = cluster_.commits.committed();
      const auto done = [&] { return phase.until_requests() && cluster_.clients.live() == 0; };
      if (phase.has_expect_progress_within_ms()) {
        const Duration within = milliseconds(phase.expect_progress_within_ms());
        go(within, [&] { return cluster_.commits.committed() > before || cluster_.clients.live() == 0; });
        if (!broken() && cluster_.commits.committed() == before && cluster_.clients.live() > 0)
          fail(
              ViolationKind::liveness, "liveness", "progress",
              "no commit within " + std::to_string(phase.expect_progress_within_ms()) + " ms of phase " + phase.name());
        if (!phase.has_duration_ms()) continue;
      }
      go(length_of(phase), done);
    }
  }

  void begin_faults(const pb::Phase* phase) {
    const PhaseFaults faults = faults_of(scenario_, phase);
    cluster_.world.set_settings(settings_of(faults));
    nemesis_.begin(faults);
  }

  // Faults off for the core; it must come to agreement, answer everybody, show what was acknowledged, and be still.
  void tail() {
    phase_ = "heal";
    nemesis_.end();
    cluster_.world.set_settings(calm_settings());
    nemesis_.mend(left_out());
    for (u16 n = 0; n < cluster_.world.population().nodes; ++n) revive(NodeId(n));
    for (u16 c = 0; c < cluster_.world.population().clients; ++c)
      if (cluster_.world.client_state(c) == HostState::down) cluster_.world.start_client(c);
    cluster_.clients.stop();

    phase_ = "liveness";
    live(core_);
    if (broken()) return;
    if (core_.size() < cluster_.world.population().nodes) everybody_back();
    phase_ = "drain";
    drain();
    phase_ = "quiet";
    quiet();
  }

  std::vector<NodeId> left_out() const {
    std::vector<NodeId> out;
    for (u16 n = 0; n < cluster_.world.population().nodes; ++n)
      if (std::find(core_.begin(), core_.end(), NodeId(n)) == core_.end()) out.push_back(NodeId(n));
    return out;
  }

  void revive(NodeId node) {
    const auto out = left_out();
    if (std::find(out.begin(), out.end(), node) != out.end()) {
      if (cluster_.world.state(node) == HostState::up) cluster_.world.crash(node, CrashKind::process);
      return;
    }
    if (cluster_.world.state(node) == HostState::down) cluster_.world.start(node);
    if (cluster_.world.state(node) == HostState::paused) cluster_.world.resume(node);
  }

  // Who must be live in the tail: drawn, but always enough to start a view of every group.
  std::vector<NodeId> core_of() {
    const u16 nodes = cluster_.world.population().nodes;
    std::vector<NodeId> all;
    for (u16 n = 0; n < nodes; ++n) all.emplace_back(n);
    if (scenario_.core() == pb::Core::ALL || nodes != scenario_.cluster().replicas()) return all;
    std::vector<NodeId> core;
    if (scenario_.core() == pb::Core::LISTED) {
      for (const auto node : scenario_.core_node()) core.emplace_back(static_cast<u16>(node));
      return core;
    }
    const u8 least = Quorums::of(static_cast<u8>(nodes)).view_change;
    const Stream& stream = cluster_.roles.nemesis();
    const u64 down = stream.below(Site::nemesis_target, u64{nodes} - least + 1);
    stream.shuffle(Site::nemesis_target, std::span(all));
    all.resize(nodes - down);
    std::sort(all.begin(), all.end());
    return all;
  }

  void live(const std::vector<NodeId>& who) {
    const auto settled = [&] { return not_live(cluster_, who).empty() && cluster_.clients.live() == 0; };
    go(live_within, settled);
    if (broken() || settled()) return;
    // What a torn disk can't rule out, only the nodes that are down can: then the core alone is not able.
    if (who.size() < cluster_.world.population().nodes && waits_for_others(cluster_, who)) return;
    const std::string why = not_live(cluster_, who);
    fail(ViolationKind::liveness, "liveness", why.empty() ? "calls_return" : "core_settles",
         why.empty() ? std::to_string(cluster_.clients.open_calls()) + " calls have not returned" : why);
  }

  void everybody_back() {
    core_.clear();
    for (u16 n = 0; n < cluster_.world.population().nodes; ++n) core_.emplace_back(n);
    nemesis_.mend({});
    for (const NodeId node : core_) revive(node);
    live(core_);
  }

  void drain() {
    if (broken() || mixes_.empty()) return;
    cluster_.clients.resume();
    cluster_.clients.run(0, [this](ClientContext& context) { read_all_keys(context, keys_, cluster_.kv_groups); });
    go(drained_within, [&] { return cluster_.clients.live() == 0; });
    if (!broken() && cluster_.clients.live() > 0)
      fail(ViolationKind::liveness, "liveness", "drain",
           "the final reads were not answered: " + not_live(cluster_, core_));
  }

  void quiet() {
    if (broken()) return;
    go(milliseconds(500));
    const u64 before = cluster_.commits.view_changes();
    go(quiet_for);
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
    const bool tiny = scenario_.cluster().limits() == pb::LimitsProfile::TINY;
    r.shape = std::to_string(scenario_.cluster().replicas()) + " replicas, " +
              std::to_string(scenario_.cluster().clients()) + " clients, " + (tiny ? "tiny" : "standard") + " limits";
    judge(r);
    r.expected = r.verdict == static_cast<Verdict>(scenario_.expect().verdict());
    const std::string limits = tiny ? " --limits tiny" : " --limits standard";
    if (r.failure)
      r.failure->reproduce = "./keelson sim " + options_.named + " --seed " + std::to_string(r.seed) + limits;
    return r;
  }

  void judge(RunReport& r) {
    if (const auto& divergence = tape_.divergence()) {
      r.verdict = Verdict::nondeterministic;
      r.failure = Failure{"tape.divergence", divergence->describe(), "", 0, 0, phase_};
      return;
    }
    if (const auto& violation = cluster_.world.violation()) {
      r.verdict = violation->kind == ViolationKind::safety     ? Verdict::safety
                  : violation->kind == ViolationKind::liveness ? Verdict::liveness
                                                               : Verdict::inconclusive;
      r.failure = Failure{violation->checker + "." + violation->invariant,
                          violation->detail,
                          "",
                          violation->at.ns(),
                          violation->event,
                          phase_};
      return;
    }
    const std::string missing = unmet(r);
    if (missing.empty()) return;
    r.verdict = Verdict::inconclusive;
    r.failure = Failure{"expect.unmet", missing, "", r.virtual_ns, r.events, "end"};
  }

  // What the scenario demanded and the run did not show.
  std::string unmet(const RunReport& r) const {
    const pb::Expect& e = scenario_.expect();
    if (r.commits < e.commits_min())
      return "commits: got " + std::to_string(r.commits) + "; expected at least " + std::to_string(e.commits_min());
    if (r.view_changes < e.view_changes_min())
      return "view_changes: got " + std::to_string(r.view_changes) + "; expected at least " +
             std::to_string(e.view_changes_min());
    if (e.has_view_changes_max() && r.view_changes > e.view_changes_max())
      return "view_changes: got " + std::to_string(r.view_changes) + "; expected at most " +
             std::to_string(e.view_changes_max());
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
  Nemesis nemesis_;
  std::vector<NodeId> core_;
  std::vector<KvMix> mixes_;
  KvMix keys_;
  Duration planned_;
  std::string phase_ = "start";
};

}  // namespace

RunReport run_scenario(const pb::Scenario& scenario, Tape& tape, const RunOptions& options) {
  return Run(scenario, tape, options).run();
}

}  // namespace keelson::sim
