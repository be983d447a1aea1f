// BusWorld: several buses on one MemoryNetwork under a clock that the test turns.
//
// Who uses it: tests of the bus. Each process keeps what its bus told it, so that a test reads it as a story: who
// connected, what arrived, who was lost. Not here: real sockets, shards.
#pragma once

#include <string>

#include "keelson/io/bus.h"
#include "tests/lib/io/memory_network.h"
#include "tests/lib/io/messages.h"

namespace keelson::test {

class BusProcess {
 public:
  BusProcess(MemoryNetwork& network, io::BusConfig config, io::Address replica, io::Address client,
             const Limits& limits)
      : transport(network, std::move(replica), std::move(client)),
        slabs(limits),
        bus(std::move(config), transport, slabs),
        bag(limits) {}

  void turn(Instant now) {
    bag.clear();
    bag.now = now;
    bus.collect(now, bag);
    for (const PeerEvent& event : bag.peers) events.push_back(event);
    for (const Envelope& envelope : bag.messages) {
      received.emplace_back(envelope.peer,
                            std::vector(envelope.message.bytes().begin(), envelope.message.bytes().end()));
      if (echo) bus.send(envelope);
    }
    for (auto& note : bus.take_notes()) notes.push_back(std::move(note));
    bus.flush(now);
  }

  std::size_t count(PeerEventKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const PeerEvent& event) { return event.kind == kind; }));
  }
  // Connected and lost alternate per peer, beginning with connected.
  bool alternates() const {
    std::map<Peer, bool> up;
    for (const PeerEvent& event : events) {
      if (event.kind == PeerEventKind::send_dropped) continue;
      const bool connected = event.kind == PeerEventKind::connected || event.kind == PeerEventKind::client_connected;
      if (up[event.peer] == connected) return false;
      up[event.peer] = connected;
    }
    return true;
  }

  MemoryTransport transport;
  Slabs slabs;
  io::Bus bus;
  EventBag bag;
  std::vector<PeerEvent> events;
  std::vector<std::pair<Peer, std::vector<std::byte>>> received;
  std::vector<io::BusNote> notes;
  bool echo = false;
};

class BusWorld {
 public:
  static io::Address replica_address(u16 node) { return {"127.0.0.1", static_cast<u16>(7701 + 10 * node)}; }
  static io::Address client_address(u16 node) { return {"127.0.0.1", static_cast<u16>(7700 + 10 * node)}; }

  io::BusConfig server_config(u16 node, u16 count = 3) const {
    io::BusConfig config;
    config.self.cluster = cluster_of_tests;
    config.self.node = NodeId(node);
    config.self.limits = limits.digest();
    config.self.boot_id = 1000u + node;
    config.peer.message_size_max = config.client.message_size_max = limits.message_size_max;
    for (u16 id = 0; id < count; ++id) {
      config.self.members.push_back(NodeId(id));
      config.self.book.entries[config.self.book.count++] = {NodeId(id), client_address(id).port, 0,
                                                            *io::numeric_ip("127.0.0.1")};
      if (id > node) config.targets.push_back({replica_address(id), NodeId(id)});
    }
    config.seed = node + 1u;
    return config;
  }
  io::BusConfig client_config(std::vector<io::Address> addresses) const {
    io::BusConfig config;
    config.server = false;
    config.self.boot_id = 77;
    config.client.message_size_max = limits.message_size_max;
    for (auto& address : addresses) config.targets.push_back({std::move(address), no_node});
    return config;
  }

  BusProcess& add(io::BusConfig config, Life life = {Generation(1), Incarnation(1)}) {
    const u16 node = config.server ? config.self.node.raw() : static_cast<u16>(900 + processes.size());
    processes.push_back(
        std::make_unique<BusProcess>(network, std::move(config), replica_address(node), client_address(node), limits));
    processes.back()->bus.start(now, life);
    return *processes.back();
  }
  BusProcess& server(u16 node, u16 count = 3) { return add(server_config(node, count)); }

  void run(Duration span, Duration step = milliseconds(10)) {
    for (const Instant end = now + span; now < end; now = now + step)
      for (auto& process : processes)
        if (!process->transport.frozen) process->turn(now);
  }

  Limits limits = Limits::tiny();
  MemoryNetwork network;
  Instant now{1'000'000'000};
  std::vector<std::unique_ptr<BusProcess>> processes;
};

}  // namespace keelson::test
