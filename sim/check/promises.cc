#include "keelson/sim/check/promises.h"

#include "keelson/node/shard.h"
#include "keelson/vsr/quorum.h"

namespace keelson::sim {

void Promises::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node) return;
  check_life(seen);
  check_commits(seen);
  check_losses(seen);
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    switch (header.command) {
      case Command::prepare_ok:
        check_prepare_ok(seen.node, send.message.as<PrepareOk>());
        break;
      case Command::prepare:  // of the view it is sent in; a repair copy promises nothing
        if (!(header.flags & flag::repair)) expect_promise(seen.node, header, header.view, "prepare");
        break;
      case Command::do_view_change:
        expect_promise(seen.node, header, send.message.as<DoViewChange>().log_view, "do_view_change");
        break;
      case Command::start_view:
        expect_promise(seen.node, header, header.view, "start_view");
        break;
      default:
        break;
    }
  }
}

// The incarnation that it speaks under is on its disk: the next start finds it there, and takes another.
void Promises::check_life(const TurnSeen& seen) {
  for (const auto& send : seen.out.sends) {
    const Header header = send.message.header();
    if (header.node != seen.node || header.incarnation == Incarnation(0)) continue;
    Life& life = lives_[{seen.node, header.from_shard}];  // a shard forwards the replies of others
    if (life.boot != seen.boot && header.incarnation <= life.incarnation)
      fail("incarnation_stored",
           text(seen.node) + " speaks as incarnation " + std::to_string(header.incarnation.raw()) + " in life " +
               std::to_string(seen.boot) + ", which it did as " + std::to_string(life.incarnation.raw()) + " in life " +
               std::to_string(life.boot),
           seen.node);
    life = {seen.boot, header.incarnation};
  }
}

void Promises::on_disk_replaced(HostId host, bool) {
  std::erase_if(lives_, [&](const auto& life) { return life.first.first == NodeId(host.raw()); });
}

// The log that shows what was lost leaves the disk only when a promise on it says so; and a superblock keeps what
// former lives had made durable, or their losses would be taken for tears.
void Promises::check_losses(const TurnSeen& seen) {
  const auto freed = logs_.freed(seen.node);
  for (std::size_t i = 0; i < seen.program.group_count(); ++i) {
    const GroupView view = seen.program.group(i);
    const u32 lost = view.fenced == FenceReason::amnesiac                ? state_flag::amnesiac
                     : view.recovering == RecoveringReason::head_unknown ? state_flag::unsure
                                                                         : 0;
    auto& [boot, at_start] = lost_at_start_[{seen.node, view.group}];
    if (boot != seen.boot) at_start = lost;
    boot = seen.boot;
    if (!freed || (at_start & lost) == 0 || logs_.confessed(seen.node, view.group, lost, *freed)) continue;
    fail("loss_confessed",
         text(seen.node) + " gave back the log that shows what it lost of " + text(view.group) +
             ", and no promise on its disk says that it did",
         seen.node);
  }
  if (logs_.forgets_former(seen.node))
    fail("former_kept", text(seen.node) + " began a life with a superblock that forgets how far its log was durable",
         seen.node);
}

void Promises::check_commits(const TurnSeen& seen) {
  const Shard* shard = seen.program.shard();
  for (std::size_t i = 0; shard && i < seen.program.group_count(); ++i) {
    const GroupView view = seen.program.group(i);
    check_checkpoint(seen.node, view);
    Op& checked = committed_[view.group];
    for (; checked < view.commit_min; ++checked) {
      const CommittedOp op = shard->committed(i, checked + 1);
      u8 copies = 0;
      for (u16 n = 0; n < world_.population().nodes; ++n)
        copies += op.known && logs_.has_record(NodeId(n), view.group, op.op, op.identity);
      if (!op.known || copies >= Quorums::of(view.voters).replication) continue;
      fail("commit_stored",
           text(seen.node) + " applied " + text(op.op) + " of " + text(view.group) + ", which only " +
               std::to_string(copies) + " of " + std::to_string(view.voters) + " replicas ever stored",
           seen.node);
    }
  }
}

// What lies below it is pruned, and the blocks of the one before are given back: a start must never find that one.
void Promises::check_checkpoint(NodeId node, const GroupView& view) {
  if (view.checkpoint_op == Op(0)) return;
  Digest& counted = counted_checkpoints_[{node, view.group}];
  if (counted == view.checkpoint_id) return;
  counted = view.checkpoint_id;
  if (logs_.marked_checkpoint(node, view.group, view.checkpoint_id).value_or(true)) return;
  fail("checkpoint_stored",
       text(node) + " counts on the checkpoint after " + text(view.checkpoint_op) + " of " + text(view.group) +
           ", whose record no marker on its disk covers",
       node);
}

void Promises::check_prepare_ok(NodeId node, const PrepareOk& ok) {
  expect_promise(node, ok, ok.view, "prepare_ok");
  if (!logs_.stored(node, ok.group, ok.op, ok.identity))
    fail("ack_stored",
         text(node) + " acked " + text(ok.op) + " of " + text(ok.group) + " in view " + std::to_string(ok.view.raw()) +
             ", which its disk has not confirmed",
         node);
  if (logs_.in_strict_tail(node, ok.group, ok.op, ok.identity))
    fail("ack_marked",
         text(node) + " acked " + text(ok.op) + " of " + text(ok.group) +
             ", which no marker covers, and its superblock names a batch behind which nothing counts without one",
         node);
}

void Promises::expect_promise(NodeId node, const Header& header, View log_view, const char* what) {
  if (logs_.promised(node, header.group, header.view, log_view)) return;
  fail("view_stored",
       text(node) + " sent a " + what + " for view " + std::to_string(header.view.raw()) + ", log_view " +
           std::to_string(log_view.raw()) + " of " + text(header.group) + ", which no group_state on its disk promises",
       node);
}

}  // namespace keelson::sim
