// Buses over a hostile network: what the driver promises the kernel holds whatever sockets do.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/lib/io/bus_world.h"

namespace keelson::io {
namespace {

using test::BusProcess;
using test::BusWorld;

// The receiver of a message finds in it who sent it to whom, and its number.
MessageRef numbered(Slabs& slabs, u16 from, u16 to, u64 number) {
  PrepareOk ok;
  ok.node = NodeId(from);
  ok.group = GroupId(to + 1u);
  ok.op = Op(number);
  return test::message_of(slabs, ok);
}

void disturb(BusWorld& world, u64& number) {
  const auto who = static_cast<u16>(*rc::gen::inRange(0, 3));
  BusProcess& process = *world.processes[who];
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
    case 1:
    case 2: {
      const auto to = static_cast<u16>((who + *rc::gen::inRange(1, 3)) % 3);
      for (int i = *rc::gen::inRange(1, 20); i > 0; --i)
        if (process.slabs.available(header_size) > 0)
          process.bus.send({Peer::node(NodeId(to)), ShardId(), numbered(process.slabs, who, to, ++number)});
      break;
    }
    case 3:
      if (const auto sockets = process.transport.sockets(); !sockets.empty())
        process.transport.reset(sockets[*rc::gen::inRange<std::size_t>(0, sockets.size())]);
      break;
    case 4:
      process.transport.frozen = !process.transport.frozen;
      break;
    case 5:
      process.transport.call_max = *rc::gen::inRange<std::size_t>(1, 2000);
      break;
    case 6: {
      const SocketId socket = process.transport.connect_stranger(*rc::gen::element(Plane::replica, Plane::client));
      const auto noise = *rc::gen::container<std::vector<u8>>(600, rc::gen::arbitrary<u8>());
      process.transport.stranger_sends(socket, std::as_bytes(std::span(noise)));
      break;
    }
    default:
      process.bus.close(world.now, Peer::node(NodeId(static_cast<u16>((who + 1) % 3))));
  }
  world.run(milliseconds(*rc::gen::inRange<u64>(1, 1500)), milliseconds(*rc::gen::element<u64>(1, 5, 20, 100)));
}

RC_GTEST_PROP(BusUnderFaults, TellsTheKernelTheTruth, ()) {
  BusWorld world;
  for (u16 node = 0; node < 3; ++node) world.server(node);
  u64 number = 0;
  for (int i = *rc::gen::inRange(1, 25); i > 0; --i) disturb(world, number);
  for (auto& process : world.processes) {
    process->transport.frozen = false;
    process->transport.call_max = ~std::size_t{0};
  }
  world.run(seconds(8));
  for (u16 node = 0; node < 3; ++node) {
    BusProcess& process = *world.processes[node];
    RC_ASSERT(process.alternates());
    RC_ASSERT(process.bus.open_count(Plane::replica) == 2u);  // progress once faults stop
    RC_ASSERT(process.slabs.in_use() == 0u);
    std::map<NodeId, Op> last;  // in order, nothing twice, nothing of others
    for (const auto& [from, bytes] : process.received) {
      const auto ok = as<PrepareOk>(bytes.data());
      RC_ASSERT(ok.group == GroupId(node + 1u));
      RC_ASSERT(Peer::node(ok.node) == from);
      RC_ASSERT(ok.op > last[ok.node]);
      last[ok.node] = ok.op;
    }
  }
}

}  // namespace
}  // namespace keelson::io
