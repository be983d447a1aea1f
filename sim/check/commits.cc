#include "keelson/sim/check/commits.h"

#include <algorithm>
#include <cstdlib>

#include "keelson/node/shard.h"
#include "keelson/vsr/quorum.h"

namespace keelson::sim {
namespace {

constexpr u64 digest_every = 32;  // ops: the digest of a machine's state costs its size
constexpr Duration right_clock_error = seconds(1);
// Of a majority of right clocks: their own error, what they may differ by, and half of a slow round trip.
constexpr Duration timestamp_error = seconds(20);

}  // namespace

std::string text(const Digest& digest) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string s;
  for (int shift = 60; shift >= 32; shift -= 4) s += hex[digest.hi >> shift & 15];
  return s;
}

void Commits::on_start(HostId host, u32) {
  for (auto& [id, group] : groups_) {
    const auto at = group.nodes.find(NodeId(host.raw()));
    if (at == group.nodes.end()) continue;
    at->second.applied = at->second.digested = Op();  // a fresh machine starts over
    at->second.started = false;
  }
}

// What the node promised is not on its disk any more. Whether that does harm shows elsewhere.
void Commits::on_disk_replaced(HostId host, bool) {
  for (auto& [id, group] : groups_) {
    const auto at = group.nodes.find(NodeId(host.raw()));
    if (at == group.nodes.end()) continue;
    at->second.view = at->second.log_view = View();
    at->second.checkpoint = Op();
  }
}

void Commits::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || !seen.program.shard()) return;
  watch_clocks(seen.at);
  see_stamps(seen);
  for (std::size_t i = 0; i < seen.program.group_count() && !failed(); ++i) see_group(seen, i);
}

// A majority of clocks that has ever been wrong may have stamped what later timestamps have to be above.
void Commits::watch_clocks(Instant truth) {
  now_ = NodeClock::true_wall(truth);
  if (!most_clocks_right_) return;
  const auto right = std::count_if(timekeepers_.begin(), timekeepers_.end(), [&](NodeId node) {
    const WallTime shown = world_.clock(world_.population().host_of(node)).wall(truth);
    return world_.state(node) == HostState::absent ||
           std::max(shown, now_).ns() - std::min(shown, now_).ns() <= right_clock_error.ns();
  });
  most_clocks_right_ = 2 * static_cast<std::size_t>(right) > timekeepers_.size();
}

// Of what nobody prepared before: it has its timestamp from the primary's clock, now.
void Commits::see_stamps(const TurnSeen& seen) {
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    if (header.command != Command::prepare || (header.flags & flag::repair) != 0) continue;
    const Prepare prepare = send.message.as<Prepare>();
    Group& group = groups_[header.group];
    if (prepare.op <= group.prepared) continue;
    group.prepared = prepare.op;
    const auto ahead = static_cast<std::int64_t>(prepare.timestamp.ns()) - static_cast<std::int64_t>(now_.ns());
    if (most_clocks_right_ && std::abs(ahead) > static_cast<std::int64_t>(timestamp_error.ns()))
      fail("true_time",
           text(seen.node) + " stamped " + text(prepare.op) + " of " + text(header.group) + " " +
               std::to_string(std::abs(ahead) / static_cast<std::int64_t>(milliseconds(1).ns())) +
               (ahead > 0 ? " ms ahead" : " ms behind") + ", though most clocks are right",
           seen.node);
  }
}

void Commits::see_group(const TurnSeen& seen, std::size_t index) {
  const GroupView view = seen.program.group(index);
  Group& group = groups_[view.group];
  OnNode& mine = group.nodes[seen.node];
  if (view.fenced == FenceReason::contradiction)
    return fail("fenced",
                text(seen.node) + " fenced " + text(view.group) + ": it saw two identities of one op in one view",
                seen.node);
  // And knows it, and takes no part.
  const bool forgot = view.fenced == FenceReason::amnesiac || view.fenced == FenceReason::log_damaged;
  if (!forgot && (view.stored_view < mine.view || view.stored_log_view < mine.log_view))
    fail("view_regressed",
         text(seen.node) + " holds view " + std::to_string(view.stored_view.raw()) + ", log_view " +
             std::to_string(view.stored_log_view.raw()) + " of " + text(view.group) + " after view " +
             std::to_string(mine.view.raw()) + ", log_view " + std::to_string(mine.log_view.raw()),
         seen.node);
  mine.view = std::max(mine.view, view.stored_view);
  mine.log_view = std::max(mine.log_view, view.stored_log_view);
  if (view.primary) see_primary(seen, view, group);
  if (view.checkpoint_damaged && !damaged(seen.node))
    fail(
        "checkpoint_whole",
        text(seen.node) + " could not read its checkpoint of " + text(view.group) + ", though nothing damaged its disk",
        seen.node);
  see_checkpoint(seen, view, group, mine);
  see_durable(seen, view, group);
  see_floor(seen, view, mine);
  if (mine.started && view.commit_min > Op(0) && view.commit_min < mine.applied)
    return fail("applied_regressed",
                text(seen.node) + " has applied " + text(view.commit_min) + " of " + text(view.group) +
                    " in the same life in which it had applied " + text(mine.applied),
                seen.node);
  if (view.commit_min > mine.applied) see_commits(seen, index, view, group, mine);
}

// Of any shard, by a fault or a story.
bool Commits::damaged(NodeId node) const {
  for (u16 shard = 0; shard < world_.population().shards; ++shard) {
    const Disk& disk = world_.disk(node, ShardId(shard));
    if (disk.hurt() || disk.failed()) return true;
    for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index, Zone::checkpoint})
      if (disk.zone(zone).damaged() > 0) return true;
  }
  return false;
}

void Commits::see_primary(const TurnSeen& seen, const GroupView& view, Group& group) {
  const auto [at, fresh] = group.primaries.try_emplace(view.view, seen.node, seen.boot);
  if (fresh) view_changes_ += group.primaries.size() > 1;
  if (at->second == std::pair(seen.node, seen.boot)) return;
  fail("one_primary",
       "view " + std::to_string(view.view.raw()) + " of " + text(view.group) +
           " has two primaries: " + text(at->second.first) + " in life " + std::to_string(at->second.second) + " and " +
           text(seen.node) + " in life " + std::to_string(seen.boot),
       seen.node);
}

void Commits::see_checkpoint(const TurnSeen& seen, const GroupView& view, Group& group, OnNode& mine) {
  // Below a log that let go of what a quorum has in newer ones, it is of no use.
  const bool useless = mine.checkpoint < view.floor && has_checkpoints(group, view, mine.checkpoint + 1);
  if (view.checkpoint_op < mine.checkpoint && !useless && !damaged(seen.node))
    return fail("checkpoint_regressed",
                text(seen.node) + " has the checkpoint after " + text(view.checkpoint_op) + " of " + text(view.group) +
                    ", and had the one after " + text(mine.checkpoint) + "; its log begins above " + text(view.floor),
                seen.node);
  if (view.checkpoint_op == Op(0)) return;
  mine.checkpoint = view.checkpoint_op;
  mine.ever = std::max(mine.ever, view.checkpoint_op);
  const auto [at, fresh] = group.checkpoints.try_emplace(view.checkpoint_op.raw(), view.checkpoint_id);
  if (at->second == view.checkpoint_id) return;
  fail("checkpoint_equal",
       text(seen.node) + " has another checkpoint than others after " + text(view.checkpoint_op) + " of " +
           text(view.group) + ": " + text(view.checkpoint_id) + ", not " + text(at->second),
       seen.node);
}

// What a quorum is said to have in checkpoints, so many replicas did complete (docs/protocol.md, 29).
void Commits::see_durable(const TurnSeen& seen, const GroupView& view, Group& group) {
  if (view.durable_checkpoint <= group.durable) return;
  if (has_checkpoints(group, view, view.durable_checkpoint)) {
    group.durable = view.durable_checkpoint;
    return;
  }
  fail("checkpoint_durable",
       text(seen.node) + " takes the checkpoint after " + text(view.durable_checkpoint) + " of " + text(view.group) +
           " for durable, and fewer than a quorum of " + std::to_string(view.voters) + " replicas have it",
       seen.node);
}

bool Commits::has_checkpoints(const Group& group, const GroupView& view, Op op) {
  const auto complete =
      std::count_if(group.nodes.begin(), group.nodes.end(), [&](const auto& node) { return node.second.ever >= op; });
  return complete >= Quorums::of(view.voters).replication;
}

// An op leaves a log that goes on only when it is in this replica's checkpoint and in those of a quorum (30). Where a
// state was taken over, or has to be, the log begins with it; whoever a quorum's checkpoint has left behind needs none.
void Commits::see_floor(const TurnSeen& seen, const GroupView& view, OnNode& mine) {
  const bool pruned = mine.started && view.floor > mine.floor && view.commit_min >= view.floor;
  const bool began_anew = mine.started && view.floor > mine.head && view.commit_min < view.floor;
  const Op kept_by_others = view.started_at == mine.started_at ? view.durable_checkpoint : view.checkpoint_op;
  mine.started = true;
  mine.floor_before = std::exchange(mine.floor, view.floor);
  const Op head_before = std::exchange(mine.head, view.head);
  mine.started_at = view.started_at;
  if (began_anew && view.durable_checkpoint < head_before)
    return fail("log_covered",
                text(seen.node) + " dropped its log of " + text(view.group) + " up to " + text(head_before) +
                    " for one above " + text(view.floor) + ", a quorum's checkpoint is after " +
                    text(view.durable_checkpoint),
                seen.node);
  if (!pruned || view.floor <= std::min(view.checkpoint_op, kept_by_others)) return;
  // Its log begins with what it would apply next, and that is in a quorum's checkpoints: it needs one of them.
  const bool left_behind = view.commit_min == view.floor && view.commit_max > view.commit_min;
  if (left_behind && view.floor < view.durable_checkpoint) return;
  if (view.floor <= view.durable_checkpoint && lacks_room(seen, view.group, mine.floor_before)) return;
  fail("prune_covered",
       text(seen.node) + " forgot the log of " + text(view.group) + " up to " + text(view.floor) +
           ", its checkpoint is after " + text(view.checkpoint_op) + ", a quorum's after " +
           text(view.durable_checkpoint),
       seen.node);
}

// It is told of a head that a log from that floor can't reach: then it lets go of what a quorum has, whatever it has.
bool Commits::lacks_room(const TurnSeen& seen, GroupId group, Op floor) const {
  return std::any_of(seen.in.messages.begin(), seen.in.messages.end(), [&](const Envelope& heard) {
    const Header header = heard.message.header();
    return header.command == Command::start_view && header.group == group &&
           heard.message.as<StartView>().op > floor + limits_.journal_ops_max;
  });
}

void Commits::see_commits(const TurnSeen& seen, std::size_t index, const GroupView& view, Group& group, OnNode& mine) {
  const Shard& shard = *seen.program.shard();
  // What a checkpoint covers may be gone from the log, or damaged in it; the state that it left is compared below.
  if (mine.applied < view.started_at) mine.applied = view.started_at;
  for (Op op = mine.applied + 1; op <= view.commit_min; ++op)
    if (!agrees(seen.node, view, group, shard.committed(index, op))) return;
  mine.applied = view.commit_min;
  if (view.commit_min.raw() / digest_every == mine.digested.raw() / digest_every) return;
  mine.digested = view.commit_min;
  Digest digest;
  if (!world_.guarded(seen.node, [&] { digest = shard.view(index, true).machine_digest; })) return;
  const auto [at, fresh] = group.digests.try_emplace(view.commit_min.raw(), digest);
  if (at->second == digest) return;
  fail("state_equal",
       text(seen.node) + " has another state than others after " + text(view.commit_min) + " of " + text(view.group) +
           ": " + text(digest) + ", not " + text(at->second),
       seen.node);
}

bool Commits::agrees(NodeId node, const GroupView& view, Group& group, const CommittedOp& op) {
  const auto what = [&] { return text(node) + ", " + text(op.op) + " of " + text(view.group) + ": "; };
  const Op floor_before = group.nodes[node].floor_before;
  if (!op.known && op.op > floor_before && op.op <= view.floor) return true;  // this turn applied it and let it go
  if (!op.known) return fail("applied_known", what() + "applied, but not in its log", node), false;
  if (op.op.raw() <= group.log.size()) {
    const CommittedOp& canonical = group.log[op.op.raw() - 1];
    if (canonical.identity == op.identity && canonical.timestamp == op.timestamp) return true;
    fail("agreement", what() + "applied " + text(op.identity) + ", while " + text(canonical.identity) + " is committed",
         node);
    return false;
  }
  if (op.op.raw() != group.log.size() + 1) return fail("order", what() + "applied out of order", node), false;
  if (!group.log.empty() && op.parent != group.log.back().identity)
    return fail("chain", what() + "its parent is not the op committed before it", node), false;
  if (!group.log.empty() && op.timestamp <= group.log.back().timestamp)
    return fail("timestamps", what() + "its timestamp is not above the one before", node), false;
  group.log.push_back(op);
  ++committed_;
  return true;
}

const std::vector<CommittedOp>& Commits::log(GroupId group) const {
  static const std::vector<CommittedOp> none;
  const auto at = groups_.find(group);
  return at == groups_.end() ? none : at->second.log;
}

std::optional<Digest> Commits::digest_at(GroupId group, Op op) const {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return {};
  const auto taken = at->second.digests.find(op.raw());
  if (taken == at->second.digests.end()) return {};
  return taken->second;
}

Op Commits::applied(NodeId node, GroupId group) const {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return Op();
  const auto mine = at->second.nodes.find(node);
  return mine == at->second.nodes.end() ? Op() : mine->second.applied;
}

}  // namespace keelson::sim
