#include "keelson/sim/check/promises.h"

namespace keelson::sim {

void Promises::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node) return;
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

void Promises::check_prepare_ok(NodeId node, const PrepareOk& ok) {
  expect_promise(node, ok, ok.view, "prepare_ok");
  if (!logs_.stored(node, ok.group, ok.op, ok.identity))
    fail("ack_stored",
         text(node) + " acked " + text(ok.op) + " of " + text(ok.group) + " in view " + std::to_string(ok.view.raw()) +
             ", which its disk has not confirmed",
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
