#include "keelson/sim/check/evidence.h"

#include "keelson/vsr/quorum.h"

namespace keelson::sim {

void Evidence::Ops::add(Op from, Op last) {
  for (auto& [low, high] : runs_) {
    if (from > high + 1 || last + 1 < low) continue;
    low = std::min(low, from);
    high = std::max(high, last);
    return;
  }
  runs_.emplace_back(from, last);
}

Op Evidence::Ops::last() const {
  Op last;
  for (const auto& run : runs_) last = std::max(last, run.second);
  return last;
}

bool Evidence::Ops::has(Op op) const {
  return std::any_of(runs_.begin(), runs_.end(), [op](const auto& run) { return run.first <= op && op <= run.second; });
}

void Evidence::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || failed()) return;
  hear(seen);
  see_sends(seen);
  for (std::size_t i = 0; i < seen.program.group_count(); ++i) see_group(seen, seen.program.group(i));
}

void Evidence::hear(const TurnSeen& seen) {
  for (const auto& heard : seen.in.messages) {
    const Header header = heard.message.header();
    if (header.command != Command::get_prepares) continue;
    auto& asked = asked_[{seen.node, {header.node, header.group}}];
    for (u32 i = 0; i < heard.message.as<GetPrepares>().count; ++i)
      asked.insert(load<OpIdentity>(heard.message.data() + header_size + i * sizeof(OpIdentity)).identity);
  }
}

void Evidence::see_sends(const TurnSeen& seen) {
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    if (header.command == Command::prepare_ok) {
      const PrepareOk ok = send.message.as<PrepareOk>();
      for (Acks* acks : {&acked_, &remembered_}) (*acks)[{header.group, header.view}][seen.node].add(ok.op_from, ok.op);
    } else if (header.command == Command::do_view_change) {
      check_nacks(seen.node, send.message);
    } else if (header.command == Command::get_view) {
      known(seen.node, header.group, seen.boot).nonce = send.message.as<GetView>().nonce;
    } else if (header.command == Command::prepare && (header.flags & flag::repair) == 0) {
      const Prepare made = send.message.as<Prepare>();
      prepared_[{header.group, header.view}].add(made.op, made.identity);
    } else if (header.command == Command::prepare) {
      const Prepare copy = send.message.as<Prepare>();
      const NodeId asker = send.peer.node_id();
      if (!asked_[{seen.node, {asker, header.group}}].contains(copy.identity))
        fail("repair_asked",
             text(seen.node) + " sent " + text(asker) + " " + text(copy.op) + " of " + text(header.group) +
                 " to repair its log, which did not ask for that one",
             seen.node);
    }
  }
}

// It denies in good faith: others have to find out (docs/protocol.md, an old copy of a disk).
void Evidence::on_disk_replaced(HostId host, bool) {
  for (auto& [view, acks] : remembered_) acks.erase(NodeId(host.raw()));
  std::erase_if(logs_, [&](const auto& of) { return of.first.first == NodeId(host.raw()); });
}

Op Evidence::acked_to(NodeId node, GroupId group, View view) const {
  const auto acks = remembered_.find({group, view});
  if (acks == remembered_.end()) return {};
  const auto mine = acks->second.find(node);
  return mine == acks->second.end() ? Op() : mine->second.last();
}

bool Evidence::has_acked(NodeId node, GroupId group, View view, Op op) const {
  const auto acks = remembered_.find({group, view});
  if (acks == remembered_.end()) return false;
  const auto mine = acks->second.find(node);
  return mine != acks->second.end() && mine->second.has(op);
}

// A nack says: certainly never acked, as part of this log, or of the one that this replica had before it and that had
// the same op there.
void Evidence::check_nacks(NodeId node, const MessageRef& message) {
  const DoViewChange report = message.as<DoViewChange>();
  if (const Op acked = acked_to(node, report.group, report.log_view); acked > report.op && report.tail == 0)
    return fail("nack_true",
                text(node) + " says that its log of " + text(report.group) + " ends at " + text(report.op) +
                    ", and acked " + text(acked) + " of it in view " + std::to_string(report.log_view.raw()),
                node);
  if (report.nack == 0) return;
  const Logs& logs = logs_[{node, report.group}];
  for (u32 i = 0; i < report.header_count; ++i) {
    const Op op = report.op - i;
    if (op <= report.commit_max) return;  // never judged
    if ((report.nack >> i & 1) == 0) continue;
    View acked = report.log_view;
    if (!has_acked(node, report.group, acked, op)) {
      acked = logs.before;
      const auto made = prepared_.find({report.group, acked});
      const auto entry = load<Prepare>(message.data() + header_size * (i + 1));
      const bool same =
          logs.newest == report.log_view && made != prepared_.end() && made->second.has(op, entry.identity);
      if (!same || !has_acked(node, report.group, acked, op)) continue;
    }
    return fail("nack_true",
                text(node) + " says that it never acked " + text(op) + " of " + text(report.group) +
                    ", and did in view " + std::to_string(acked.raw()),
                node);
  }
}

Evidence::Known& Evidence::known(NodeId node, GroupId group, u32 boot) {
  Known& known = known_[{node, group}];
  if (known.boot != boot) known = Known();
  known.boot = boot;
  return known;
}

void Evidence::see_group(const TurnSeen& seen, const GroupView& view) {
  if (Logs& logs = logs_[{seen.node, view.group}]; view.stored_log_view > logs.newest)
    logs = {view.stored_log_view, logs.newest};
  Known& before = known(seen.node, view.group, seen.boot);
  if (before.recovering && before.view == view.view && view.status != ReplicaStatus::recovering)
    check_answered(seen, view, before);
  if (!view.primary) {
    before.primary = false;
  } else if (!before.primary || before.view != view.view) {
    before.primary = true;
    before.committed = view.commit_max;
    before.inherited = Op(0);
    for (const auto& send : seen.out.sends)
      if (const Header header = send.message.header();
          header.command == Command::start_view && header.group == view.group)
        before.inherited = send.message.as<StartView>().op;
  }
  before.view = view.view;
  before.recovering = view.status == ReplicaStatus::recovering;
  if (!before.primary) return;
  check_committed(seen.node, view, before);
  if (view.commit_min < before.inherited) check_inherited(seen, view, before);
}

// Its own disk may be slow: it counts as one of them here.
void Evidence::check_committed(NodeId node, const GroupView& view, Known& known) {
  for (; known.committed < view.commit_max; ++known.committed) {
    const Op op = known.committed + 1;
    std::size_t acks = 1;
    for (const auto& [who, ops] : acked_[{view.group, view.view}]) acks += who != node && ops.has(op);
    if (acks >= Quorums::of(view.voters).replication) continue;
    fail("commit_acked",
         text(node) + " takes " + text(op) + " of " + text(view.group) + " for committed in view " +
             std::to_string(view.view.raw()) + ", in which at most " + std::to_string(acks) + " of " +
             std::to_string(view.voters) + " replicas acked it",
         node);
  }
}

// The start_view of its view that ends a replica's doubt has the number of its question. Another one may be of a
// former life of either side, and tell of a log that has been cut since.
void Evidence::check_answered(const TurnSeen& seen, const GroupView& view, const Known& known) {
  bool any = false;
  for (const auto& heard : seen.in.messages) {
    const Header header = heard.message.header();
    if (header.command != Command::start_view || header.group != view.group || header.view != view.view) continue;
    const Nonce nonce = heard.message.as<StartView>().nonce;
    if (!nonce.is_zero() && nonce == known.nonce) return;
    any = true;
  }
  if (any)
    fail("start_view_asked",
         text(seen.node) + " did not know its log of " + text(view.group) + ", and believed a start_view of view " +
             std::to_string(view.view.raw()) + " that was no answer to it",
         seen.node);
}

// Sessions and state as of what it has applied can't judge a request yet.
void Evidence::check_inherited(const TurnSeen& seen, const GroupView& view, const Known& known) {
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    if (header.command != Command::prepare || header.group != view.group || (header.flags & flag::repair) != 0)
      continue;
    const Op op = send.message.as<Prepare>().op;
    if (op > known.inherited)
      return fail("inherited_first",
                  text(seen.node) + " prepared " + text(op) + " of " + text(view.group) + " and had applied " +
                      text(view.commit_min) + " of the log up to " + text(known.inherited) + " that it inherited",
                  seen.node);
  }
}

}  // namespace keelson::sim
