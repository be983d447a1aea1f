#include "keelson/sim/run/report_codec.h"

#include "keelson/sim/run/report.pb.h"

namespace keelson::sim {

namespace {

void encode(const SeenCall& call, pb::ReportCall& out) {
  out.set_id(call.id);
  out.set_client(call.client);
  out.set_asked(call.asked);
  out.set_answered(call.answered);
  out.set_called(call.called);
  out.set_returned(call.returned);
  out.set_called_ns(call.called_ns);
  out.set_returned_ns(call.returned_ns);
  out.set_known(call.known);
  out.set_wrong(call.wrong);
}

SeenCall decode(const pb::ReportCall& in) {
  return {in.id(),       in.client(),    in.asked(),       in.answered(), in.called(),
          in.returned(), in.called_ns(), in.returned_ns(), in.known(),    in.wrong()};
}

}  // namespace

std::string encode_report(const RunReport& r) {
  pb::Report out;
  out.set_scenario(r.scenario);
  out.set_seed(r.seed);
  out.set_verdict(static_cast<u32>(r.verdict));
  out.set_expected(r.expected);
  out.set_trace_hash(r.trace_hash);
  out.set_verified(r.verified);
  out.set_events(r.events);
  out.set_commits(r.commits);
  out.set_view_changes(r.view_changes);
  out.set_virtual_ns(r.virtual_ns);
  out.set_wall_ns(r.wall_ns);
  out.set_calls_ok(r.calls_ok);
  out.set_calls_fail(r.calls_fail);
  out.set_calls_info(r.calls_info);
  out.set_shape(r.shape);
  for (const auto& name : r.checks) out.add_check(name);
  for (const auto& [name, count] : r.faults) {
    auto* f = out.add_fault();
    f->set_name(name);
    f->set_count(count);
  }
  for (const auto& [name, count] : r.marks) {
    auto* m = out.add_mark();
    m->set_name(name);
    m->set_count(count);
  }
  if (r.failure) {
    auto* f = out.mutable_failure();
    f->set_kind(r.failure->kind);
    f->set_detail(r.failure->detail);
    f->set_reproduce(r.failure->reproduce);
    f->set_at_ns(r.failure->at_ns);
    f->set_event(r.failure->event);
    f->set_phase(r.failure->phase);
    f->set_explanation(r.failure->explanation);
    for (const SeenCall& call : r.failure->calls) encode(call, *f->add_call());
  }
  return out.SerializeAsString();
}

std::optional<RunReport> decode_report(const std::string& bytes) {
  pb::Report in;
  if (!in.ParseFromString(bytes)) return {};
  RunReport r;
  r.scenario = in.scenario();
  r.seed = in.seed();
  r.verdict = static_cast<Verdict>(in.verdict());
  r.expected = in.expected();
  r.trace_hash = in.trace_hash();
  r.verified = in.verified();
  r.events = in.events();
  r.commits = in.commits();
  r.view_changes = in.view_changes();
  r.virtual_ns = in.virtual_ns();
  r.wall_ns = in.wall_ns();
  r.calls_ok = in.calls_ok();
  r.calls_fail = in.calls_fail();
  r.calls_info = in.calls_info();
  r.shape = in.shape();
  r.checks.assign(in.check().begin(), in.check().end());
  for (const auto& f : in.fault()) r.faults[f.name()] = f.count();
  for (const auto& m : in.mark()) r.marks[m.name()] = m.count();
  if (in.has_failure()) {
    r.failure = Failure{in.failure().kind(),  in.failure().detail(), in.failure().reproduce(),  in.failure().at_ns(),
                        in.failure().event(), in.failure().phase(),  in.failure().explanation()};
    for (const auto& call : in.failure().call()) r.failure->calls.push_back(decode(call));
  }
  return r;
}

}  // namespace keelson::sim
