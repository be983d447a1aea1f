#include "keelson/sim/shrink/scenario_edits.h"

#include <algorithm>
#include <functional>
#include <google/protobuf/descriptor.h>
#include <iterator>

#include "keelson/sim/phases.h"
#include "keelson/sim/shrink/proto_paths.h"

namespace keelson::sim {
namespace {

constexpr u32 checkpoint_ops_min = 64;  // of scenario.proto

class Edits {
 public:
  // Without a workload there is one all the same, and it may be smaller.
  explicit Edits(const pb::Scenario& plain) : plain_(plain) {
    if (plain_.workload_size() == 0) plain_.add_workload()->mutable_kv();
  }

  template <class Change>
  void add(std::string what, Change change) {
    pb::Scenario scenario = plain_;
    change(scenario);
    edits_.push_back({std::move(what), std::move(scenario)});
  }
  // Smaller values of one number, the smallest first.
  template <class Set>
  void less(const std::string& what, u64 now, u64 least, Set set) {
    u64 before = now;
    if (now <= least) return;
    const u64 a_little = std::max<u64>(1, now / 16);  // by one, from far away, would never come to an end
    for (const u64 to : {least, now / 8, now / 4, now / 2, now - now / 4, now - a_little}) {
      if (to < least || to >= now || to == before) continue;
      before = to;
      add(what + " " + std::to_string(to), [&](pb::Scenario& scenario) { set(scenario, to); });
    }
  }
  const pb::Scenario& plain() const { return plain_; }
  std::vector<Edit> take() && { return std::move(edits_); }

 private:
  pb::Scenario plain_;
  std::vector<Edit> edits_;
};

u32 narrow(u64 value) { return static_cast<u32>(value); }

void end_early(Edits& edits) {
  const auto& plain = edits.plain();
  if (plain.tail() == pb::Tail::FULL) {
    edits.add("tail", [](pb::Scenario& s) {
      s.set_tail(pb::Tail::NONE);
      s.clear_core();
      s.clear_core_node();
    });
    if (plain.core() == pb::Core::RANDOM) edits.add("core", [](pb::Scenario& s) { s.set_core(pb::Core::ALL); });
  }
  if (plain.background() != pb::Background::NONE)
    edits.add("background", [](pb::Scenario& s) { s.set_background(pb::Background::NONE); });
}

// Numbers that only go down together: what is waited for, and the requests that bring it about.
void shrink_counts(Edits& edits) {
  const auto& plain = edits.plain();
  if (std::none_of(plain.step().begin(), plain.step().end(),
                   [](const pb::Step& step) { return step.when().commit_at_least() > 1; }))
    return;
  for (const u64 part : {8ull, 4ull, 2ull})
    edits.add("counts / " + std::to_string(part), [&](pb::Scenario& s) {
      for (auto& step : *s.mutable_step())
        if (step.when().has_commit_at_least())
          step.mutable_when()->set_commit_at_least(std::max<u64>(1, step.when().commit_at_least() / part));
      for (auto& workload : *s.mutable_workload())
        if (workload.has_requests()) workload.set_requests(std::max<u64>(1, workload.requests() / part));
      if (s.cluster().has_checkpoint_ops())
        s.mutable_cluster()->set_checkpoint_ops(
            std::max<u32>(checkpoint_ops_min, s.cluster().checkpoint_ops() / narrow(part)));
    });
}

void shrink_cluster(Edits& edits) {
  const pb::Cluster& cluster = edits.plain().cluster();
  if (cluster.limits() != pb::LimitsProfile::TINY)
    edits.add("cluster.limits", [](pb::Scenario& s) { s.mutable_cluster()->set_limits(pb::LimitsProfile::TINY); });
  edits.less("cluster.groups", cluster.groups(), 1,
             [](pb::Scenario& s, u64 to) { s.mutable_cluster()->set_groups(narrow(to)); });
  edits.less("cluster.shards", cluster.shards(), 1,
             [](pb::Scenario& s, u64 to) { s.mutable_cluster()->set_shards(narrow(to)); });
  if (cluster.has_nodes() && cluster.nodes() > cluster.replicas())
    edits.add("cluster.nodes", [](pb::Scenario& s) { s.mutable_cluster()->clear_nodes(); });
  edits.less("cluster.replicas", cluster.replicas(), 1, [](pb::Scenario& s, u64 to) {
    if (s.cluster().nodes() == s.cluster().replicas()) s.mutable_cluster()->clear_nodes();
    s.mutable_cluster()->set_replicas(narrow(to));
  });
  edits.less("cluster.clients", cluster.clients(), 1, [](pb::Scenario& s, u64 to) {
    s.mutable_cluster()->set_clients(narrow(to));
    for (auto& workload : *s.mutable_workload()) workload.clear_clients();
  });
}

// The operations of a mix, and how often each.
void shrink_mix(Edits& edits, int w) {
  using Set = void (pb::Kv::*)(u32);
  const pb::Kv& kv = edits.plain().workload(w).kv();
  const std::pair<const char*, std::pair<u32, Set>> weights[] = {{"del", {kv.del(), &pb::Kv::set_del}},
                                                                 {"cas", {kv.cas(), &pb::Kv::set_cas}},
                                                                 {"get", {kv.get(), &pb::Kv::set_get}},
                                                                 {"put", {kv.put(), &pb::Kv::set_put}}};
  for (const auto& [name, weight] : weights) {
    const Set set = weight.second;
    if (weight.first > 0)
      edits.add(std::string("workload.kv.") + name,
                [&](pb::Scenario& s) { (s.mutable_workload(w)->mutable_kv()->*set)(0); });
  }
}

void shrink_workloads(Edits& edits) {
  for (int w = 0; w < edits.plain().workload_size(); ++w) {
    const pb::Workload& workload = edits.plain().workload(w);
    if (workload.has_idle()) continue;
    edits.less("workload.requests", workload.requests(), 1,
               [w](pb::Scenario& s, u64 to) { s.mutable_workload(w)->set_requests(to); });
    if (workload.think_us() > 0 || !workload.has_think_us())  // without it they take as long as the phases
      edits.add("workload.think_us", [w](pb::Scenario& s) {
        s.mutable_workload(w)->clear_rate_per_s();
        s.mutable_workload(w)->set_think_us(0);
      });
    if (!workload.has_kv()) continue;
    shrink_mix(edits, w);
    edits.less("workload.kv.keys", workload.kv().keys(), 1,
               [w](pb::Scenario& s, u64 to) { s.mutable_workload(w)->mutable_kv()->set_keys(narrow(to)); });
    edits.less("workload.kv.value_bytes_max", workload.kv().value_bytes_max(), 16,
               [w](pb::Scenario& s, u64 to) { s.mutable_workload(w)->mutable_kv()->set_value_bytes_max(narrow(to)); });
  }
}

void shrink_times(Edits& edits) {
  edits.less("warm_up_ms", warm_up_ms_of(edits.plain()), 1, [](pb::Scenario& s, u64 to) { s.set_warm_up_ms(to); });
  for (int i = 0; i < edits.plain().step_size(); ++i) {
    const pb::Step& step = edits.plain().step(i);
    if (step.has_at_ms())
      edits.less("step.at_ms", step.at_ms(), 0, [i](pb::Scenario& s, u64 to) { s.mutable_step(i)->set_at_ms(to); });
    if (step.has_times())
      edits.less("step.times", step.times(), 2,
                 [i](pb::Scenario& s, u64 to) { s.mutable_step(i)->set_times(narrow(to)); });
    if (step.has_for_ms())
      edits.less("step.for_ms", step.for_ms(), 1, [i](pb::Scenario& s, u64 to) { s.mutable_step(i)->set_for_ms(to); });
  }
  for (int i = 0; i < edits.plain().step_size(); ++i)
    if (const pb::When& when = edits.plain().step(i).when(); when.has_commit_at_least())
      edits.less("step.when.commit_at_least", when.commit_at_least(), 1,
                 [i](pb::Scenario& s, u64 to) { s.mutable_step(i)->mutable_when()->set_commit_at_least(to); });
  for (int p = 0; p < edits.plain().phase_size(); ++p)
    if (const pb::Phase& phase = edits.plain().phase(p); phase.has_duration_ms())
      edits.less(phase.name() + ".duration_ms", phase.duration_ms(), 1,
                 [p](pb::Scenario& s, u64 to) { s.mutable_phase(p)->set_duration_ms(to); });
}

// Without them a scenario asks for more, or for something else: they have edits of their own, or none.
constexpr std::string_view kept[] = {"name",
                                     "cluster",
                                     "replicas",
                                     "nodes",
                                     "shards",
                                     "groups",
                                     "clients",
                                     "kv",
                                     "idle",
                                     "own",
                                     "put",
                                     "get",
                                     "cas",
                                     "del",
                                     "keys",
                                     "value_bytes_max",
                                     "requests",
                                     "think_us",
                                     "warm_up_ms",
                                     "duration_ms",
                                     "until_requests",
                                     "background",
                                     "tail",
                                     "core",
                                     "core_node",
                                     "of",
                                     "kind",
                                     "node",
                                     "from",
                                     "to",
                                     "every_ms",
                                     "for_ms",
                                     "at_ms",
                                     "when",
                                     "commit_at_least",
                                     "view_at_least",
                                     "do",
                                     "command",
                                     "torn_ppm",
                                     "mid_bag_ppm",
                                     "in_write_ppm",
                                     "in_boot_ppm",
                                     "budget",
                                     "events",
                                     "virtual_ms",
                                     "tape",
                                     "expect",
                                     "beyond_model"};

bool may_go(const pb::Scenario& plain, const ProtoPath& path) {
  const auto& field = *path.back().field;
  const bool element = path.back().index >= 0;
  if (element && field.name() == "phase") return plain.phase_size() > 1;
  if (element && field.name() == "workload") return plain.workload_size() > 1;
  return std::find(std::begin(kept), std::end(kept), field.name()) == std::end(kept);
}

void take_away(Edits& edits) {
  auto paths = paths_of(edits.plain());
  std::stable_sort(paths.begin(), paths.end(),
                   [](const ProtoPath& a, const ProtoPath& b) { return a.size() < b.size(); });
  for (const auto& path : paths)
    if (may_go(edits.plain(), path)) edits.add(name_of(path), [&](pb::Scenario& s) { remove(s, path); });
}

}  // namespace

std::vector<Edit> edits_of(const pb::Scenario& plain) {
  Edits edits(plain);
  end_early(edits);
  shrink_counts(edits);
  shrink_cluster(edits);
  shrink_workloads(edits);
  take_away(edits);
  shrink_times(edits);
  return std::move(edits).take();
}

namespace {

constexpr u64 ppm_max = 1'000'000;

void set_number(google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field, u64 to) {
  const auto& access = *message.GetReflection();
  if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT64)
    access.SetUInt64(&message, field, to);
  else
    access.SetUInt32(&message, field, narrow(to));
}

u64 number_of(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field) {
  const auto& access = *message.GetReflection();
  return field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT64 ? access.GetUInt64(message, field)
                                                                                : access.GetUInt32(message, field);
}

}  // namespace

std::vector<Edit> louder_edits_of(const pb::Scenario& plain) {
  Edits edits(plain);
  for (const auto& path : paths_of(plain)) {
    const auto* field = path.back().field;
    const bool rate = field->name().ends_with("_ppm");
    if (path.size() < 2 || field->is_repeated() || (!rate && field->name() != "every_ms")) continue;
    const u64 now = number_of(parent_of(plain, path), field);
    const u64 to = rate ? std::min(ppm_max, now * 10) : std::max<u64>(1, now / 4);
    if (to == now) continue;
    edits.add(name_of(path) + " " + std::to_string(to),
              [&](pb::Scenario& s) { set_number(mutable_parent_of(s, path), field, to); });
  }
  return std::move(edits).take();
}

pb::Scenario cut_after(const pb::Scenario& plain, const Failure& failure) {
  pb::Scenario cut = plain;
  cut.clear_tag();
  if (failure.kind == "expect.unmet") return cut;
  cut.clear_expect();
  const auto at = std::find_if(cut.phase().begin(), cut.phase().end(),
                               [&](const pb::Phase& phase) { return phase.name() == failure.phase; });
  if (at == cut.phase().end()) return cut;
  const auto keep = static_cast<int>(at - cut.phase().begin()) + 1;
  while (cut.phase_size() > keep) cut.mutable_phase()->RemoveLast();
  cut.set_tail(pb::Tail::NONE);
  cut.clear_core();
  cut.clear_core_node();
  return cut;
}

}  // namespace keelson::sim
