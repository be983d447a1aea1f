#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/node/shard.h"
#include "keelson/wire/validate.h"
#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

constexpr std::size_t sent_kept = 48;

std::string chars(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string list(const std::vector<std::string>& names) {
  std::string lines = "{";
  for (const auto& name : names) lines += (lines.size() > 1 ? ", " : "") + name;
  return lines + "}";
}

std::string name_of(RecoveringReason reason) {
  switch (reason) {
    case RecoveringReason::none:
      return "none";
    case RecoveringReason::replaying:
      return "replaying";
    case RecoveringReason::head_unknown:
      return "head_unknown";
    case RecoveringReason::amnesiac:
      return "amnesiac";
  }
  return "?";
}

std::string name_of(NotifyKind kind) {
  constexpr const char* names[] = {"ready",        "refused", "became_primary", "lost_primary", "fenced",  "stuck",
                                   "storage_full", "waiting", "no_space",       "space_again",  "old_disk"};
  return names[static_cast<std::size_t>(kind)];
}

std::string milliseconds_text(Instant at) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%9.3f ms", static_cast<double>(at.ns()) / 1e6);
  return buffer;
}

// The op that a message is about, as far as it is about one.
u64 op_of(const MessageRef& message) {
  switch (message.command()) {
    case Command::prepare:
      return message.as<Prepare>().op.raw();
    case Command::prepare_ok:
      return message.as<PrepareOk>().op.raw();
    case Command::do_view_change:
      return message.as<DoViewChange>().op.raw();
    case Command::start_view:
      return message.as<StartView>().op.raw();
    case Command::reply:
      return message.as<Reply>().op.raw();
    default:
      return 0;
  }
}

}  // namespace

// ---------------------------------------------------------------- what is seen

void Cluster::on_turn(const sim::TurnSeen& seen) {
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    if (header.command == Command::beat) continue;
    sent_.push_back({seen.at, seen.unit, send.peer, header, op_of(send.message)});
    if (sent_.size() > sent_kept) sent_.pop_front();
    if (header.command != Command::reply) continue;
    const Bytes body = send.message.body();
    answers_.push_back({seen.node, send.message.as<Reply>(), {body.begin(), body.end()}});
  }
  if (seen.node == no_node) return;
  for (const auto& notify : seen.out.notifications)
    if (notify.group == no_group || notify.group == group_) notified_[seen.node].push_back(notify.kind);
  for (std::size_t i = 0; i < seen.program.group_count(); ++i) {
    const GroupView view = seen.program.group(i);
    if (view.primary) newest_[view.group] = std::max(newest_[view.group], view.view);
  }
}

void Cluster::report(Where at) {
  const auto& violation = world().violation();
  if (!violation || reported_) return;
  reported_ = true;
  fail("checker " + violation->checker + ": " + violation->invariant + ": " + violation->detail, at);
}

void Cluster::fail(const std::string& what, Where at) {
  ADD_FAILURE_AT(at.file_name(), static_cast<int>(at.line())) << what << "\n" << describe();
}

GroupView Cluster::view(Who who) { return view_on(id(who)).value_or(GroupView{}); }

u64 Cluster::count(Who who, Counter counter) {
  const sim::Program* program = world().program(id(who), ShardId(0));
  return program ? program->shard()->counters()[counter] : 0;
}

// The names of the requests that it has applied, read from the bytes that were written to disks.
std::vector<std::string> Cluster::log_on(NodeId node) {
  std::vector<std::string> names;
  const sim::Program* program = world().program(node, ShardId(0));
  if (!program || index_on(*program) == ~std::size_t{0}) return names;
  const std::size_t index = index_on(*program);
  const GroupView view = program->group(index);
  const auto& canonical = cluster_->commits.log(view.group);  // for what a checkpoint covers, and the log has no more
  for (Op at(base_[group_] + 1); at <= view.commit_min; ++at) {
    const CommittedOp op = program->shard()->committed(index, at);
    const Bytes bytes = cluster_->logs.prepare(op.known ? op.identity : canonical[at.raw() - 1].identity);
    if (bytes.empty()) continue;
    PrepareBody requests(copy_message(slabs_, bytes));
    RequestView request;
    while (requests.next(request)) {
      if (request.frame.operation != kv_put) continue;
      const auto put = decode_kv_request(kv_put, request.body);
      names.push_back(put ? chars(put->key) : "?");
    }
  }
  return names;
}

// ---------------------------------------------------------------- requests

bool Asked::answered() const { return cluster_.requests_[number_].status.has_value(); }
Op Asked::op() const { return Op(cluster_.requests_[number_].op - cluster_.op(0)); }
Cluster& Asked::run(Where at) const { return cluster_.run(at); }
Cluster& Asked::run_for(Duration time, Where at) const { return cluster_.run_for(time, at); }

const Asked& Asked::expect_refused(Status status, Where at) const {
  const auto& request = cluster_.requests_[number_];
  cluster_.run_until([this] { return answered(); }, "an answer to " + request.name, at);
  if (request.status && *request.status != status)
    cluster_.fail(
        "request " + request.name + " was answered " + info(*request.status).name + "; expected " + info(status).name,
        at);
  return *this;
}

const Asked& Asked::expect_reply(Where at) const { return expect_refused(Status::ok, at); }

const Asked& Asked::expect_value(const std::string& value, Where at) const {
  expect_reply(at);
  const auto reply = decode_kv_reply(cluster_.requests_[number_].body);
  const std::string got = reply && reply->value ? chars(*reply->value) : "nothing";
  if (got != value) cluster_.fail("the value read is " + got + "; expected " + value, at);
  return *this;
}

const Asked& Asked::expect_no_reply(Where at) const {
  const auto& request = cluster_.requests_[number_];
  if (request.status)
    cluster_.fail("request " + request.name + " was answered " + info(*request.status).name + "; expected no answer",
                  at);
  return *this;
}

Cluster& Cluster::expect_reply(const std::string& name, Where at) { return asked(name).expect_reply(at), *this; }
Cluster& Cluster::expect_no_reply(const std::string& name, Where at) { return asked(name).expect_no_reply(at), *this; }

// ---------------------------------------------------------------- replicas

Cluster& Expectation::on(const Whom& whom, Where at) {
  const auto nodes = cluster_.nodes(whom);
  for (const NodeId node : nodes)
    if (const std::string instead = found_(node); !instead.empty())
      cluster_.fail(sim::text(node) + ": " + instead + "; expected " + what_, at);
  if (nodes.empty()) cluster_.fail("expected " + what_ + " of nobody", at);
  return cluster_;
}

namespace {

// Compares one number of a replica's view.
Expectation::Found found_in(const std::function<std::optional<GroupView>(NodeId)>& view,
                            const std::function<std::string(const GroupView&)>& instead) {
  return [view, instead](NodeId node) {
    const auto now = view(node);
    return now ? instead(*now) : std::string("it doesn't run");
  };
}

}  // namespace

Expectation Cluster::expect_commit(u64 number) {
  return {*this, "commit " + std::to_string(number),
          found_in([this](NodeId node) { return view_on(node); },
                   [this, number](const GroupView& v) -> std::string {
                     if (v.commit_min == op(number) && v.commit_max == op(number)) return {};
                     return "commit " + counted(v.commit_max) + ", applied " + counted(v.commit_min);
                   })};
}

Expectation Cluster::expect_applied(u64 number) {
  return {*this, "applied " + std::to_string(number),
          found_in([this](NodeId node) { return view_on(node); },
                   [this, number](const GroupView& v) -> std::string {
                     if (v.commit_min == op(number)) return {};
                     return "applied " + counted(v.commit_min);
                   })};
}

Expectation Cluster::expect_head(u64 number) {
  return {*this, "head " + std::to_string(number),
          found_in([this](NodeId node) { return view_on(node); },
                   [this, number](const GroupView& v) -> std::string {
                     if (v.head == op(number)) return {};
                     return "head " + counted(v.head);
                   })};
}

Expectation Cluster::expect_log(const std::vector<std::string>& names) {
  return {*this, "log " + list(names), [this, names](NodeId node) -> std::string {
            const auto there = log_on(node);
            return there == names ? "" : "log " + list(there);
          }};
}

Expectation Cluster::expect_status(ReplicaStatus status) {
  return {*this, std::string("status ") + keelson::name_of(status),
          found_in([this](NodeId node) { return view_on(node); },
                   [status](const GroupView& v) -> std::string {
                     return v.status == status ? "" : std::string("status ") + keelson::name_of(v.status);
                   })};
}

Expectation Cluster::expect_recovering(RecoveringReason reason) {
  return {*this, "recovering: " + name_of(reason),
          found_in([this](NodeId node) { return view_on(node); },
                   [reason](const GroupView& v) -> std::string {
                     if (v.status == ReplicaStatus::recovering && v.recovering == reason) return {};
                     return std::string(keelson::name_of(v.status)) + ": " + name_of(v.recovering);
                   })};
}

Expectation Cluster::expect_view(u64 number) {
  return {*this, "view " + std::to_string(number),
          found_in([this](NodeId node) { return view_on(node); },
                   [number](const GroupView& v) -> std::string {
                     return v.view.raw() == number ? "" : "view " + std::to_string(v.view.raw());
                   })};
}

Expectation Cluster::expect_fenced(FenceReason reason) {
  return {*this, std::string("fenced: ") + keelson::name_of(reason),
          found_in([this](NodeId node) { return view_on(node); },
                   [reason](const GroupView& v) -> std::string {
                     return v.fenced == reason ? "" : std::string("fenced: ") + keelson::name_of(v.fenced);
                   })};
}

Expectation Cluster::expect_refused(const std::string& code) {
  return {*this, "data refused: " + code, [this, code](NodeId node) -> std::string {
            const sim::Program* program = world().program(node, ShardId(0));
            if (!program) return "it doesn't run";
            if (program->shard()->state() != ShardState::refused) return "data accepted";
            const std::string found = program->shard()->refusal().code;
            return found == code ? "" : "data refused: " + found;
          }};
}

Expectation Cluster::expect_notified(NotifyKind kind) {
  return {*this, "a notice: " + name_of(kind), [this, kind](NodeId node) -> std::string {
            return std::ranges::find(notified_[node], kind) != notified_[node].end() ? "" : "no such notice";
          }};
}

Expectation Cluster::expect_not_notified(NotifyKind kind) {
  return {*this, "no notice: " + name_of(kind), [this, kind](NodeId node) -> std::string {
            return std::ranges::find(notified_[node], kind) == notified_[node].end() ? "" : "there was one";
          }};
}

Cluster& Cluster::expect_primary(Who who, Where at) {
  const NodeId node = id(who);
  const auto view = view_on(node);
  if (!view || !view->primary) fail(sim::text(node) + " is not primary; expected that it is", at);
  return *this;
}

Cluster& Cluster::expect_mark(Mark mark, Where at) {
  if (hits(mark) == 0) fail(std::string("mark ") + keelson::name_of(mark) + " was not reached", at);
  return *this;
}

Cluster& Cluster::expect_no_mark(Mark mark, Where at) {
  if (hits(mark) != 0) fail(std::string("mark ") + keelson::name_of(mark) + " was reached", at);
  return *this;
}

Cluster& Cluster::expect_that(bool holds, const std::string& what, Where at) {
  if (!holds) fail("expected " + what, at);
  return *this;
}

// ---------------------------------------------------------------- for whoever reads a failure

std::string Cluster::name_of_unit(sim::UnitId unit) const {
  const auto& population = cluster_->world.population();
  if (population.is_client(unit)) return "client " + std::to_string(population.client_of(unit));
  return "node " + std::to_string(population.node_of(unit).raw());
}

std::string Cluster::describe_sent(const Sent& sent) const {
  std::string line = milliseconds_text(sent.at) + "  " + name_of_unit(sent.from) + " -> ";
  line += sent.to.is_client() ? "a client" : "node " + std::to_string(sent.to.node_id().raw());
  line += std::string("  ") + keelson::name_of(sent.header.command);
  if (sent.header.flags & flag::repair) line += " (repair)";
  line += " view " + std::to_string(sent.header.view.raw());
  const auto base = base_.find(sent.header.group);
  const u64 before = base == base_.end() ? 0 : base->second;
  if (sent.op > before) line += " op " + std::to_string(sent.op - before);
  if (sent.header.group != group_)
    line += sent.header.group == metadata_group ? " (metadata)" : " (" + sim::text(sent.header.group) + ")";
  return line;
}

std::string Cluster::counted(Op at) const {
  const u64 before = op(0).raw();
  return at.raw() < before ? "before 1" : std::to_string(at.raw() - before);
}

std::string Cluster::describe_node(NodeId node) {
  std::string line = "  " + sim::text(node) + ": ";
  constexpr const char* states[] = {"absent", "up", "paused", "down"};
  line += states[static_cast<std::size_t>(world().state(node))];
  const sim::Program* program = world().program(node, ShardId(0));
  if (!program) return line + "\n";
  if (program->shard()->state() == ShardState::refused)
    return line + ", data refused: " + program->shard()->refusal().code + "\n";
  const auto v = view_on(node);
  if (!v) return line + ", booting\n";
  line += std::string(", ") + keelson::name_of(v->status);
  if (v->status == ReplicaStatus::recovering) line += " (" + name_of(v->recovering) + ")";
  if (v->primary) line += ", primary";
  line += ", view " + std::to_string(v->view.raw()) + ", log_view " + std::to_string(v->log_view.raw());
  if (v->stored_view != v->view || v->stored_log_view != v->log_view)
    line += " (stored " + std::to_string(v->stored_view.raw()) + ", " + std::to_string(v->stored_log_view.raw()) + ")";
  line += ", op " + counted(v->head) + ", commit " + counted(v->commit_max) + ", applied " + counted(v->commit_min);
  if (v->pipeline + v->queue > 0)
    line += ", pipeline " + std::to_string(v->pipeline) + ", queue " + std::to_string(v->queue);
  const u64 missing = program->shard()->missing(index_on(*program));
  if (missing > 0) line += ", missing " + std::to_string(missing);
  if (v->stuck_op != Op(0)) line += ", stuck at " + counted(v->stuck_op);
  if (v->fenced != FenceReason::none) line += std::string(", fenced: ") + keelson::name_of(v->fenced);
  return line + ", log " + list(log_on(node)) + "\n";
}

std::string Cluster::describe() {
  std::string lines = "at " + milliseconds_text(world().now()) + ", " + sim::text(group_) + "\n";
  for (const NodeId node : members()) lines += describe_node(node);
  for (const Request& request : requests_) {
    lines += "  request " + request.name + " of client " + std::to_string(request.client) + ": ";
    lines += request.status ? std::string(info(*request.status).name) + " at op " +
                                  std::to_string(request.op.raw() - std::min(request.op.raw(), base_[request.group]))
                            : std::string("open");
    lines += "\n";
  }
  for (const Tap& tap : taps_) lines += "  " + tap.what + "\n";
  for (const sim::HostPair& cut : cuts_)
    lines += "  cut: host " + std::to_string(cut.from.raw()) + " to host " + std::to_string(cut.to.raw()) + "\n";
  lines += "  last messages, beats aside:\n";
  for (const Sent& sent : sent_) lines += "    " + describe_sent(sent) + "\n";
  return lines;
}

}  // namespace keelson::test
