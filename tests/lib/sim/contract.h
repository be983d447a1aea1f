// ContractWatch: holds a driver to what it promises a program about its bags (docs/architecture.md, the step contract).
//
// Who uses it: tests of the World, under every fault it can inject. It collects complaints instead of stopping, so that
// a property test can print them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "keelson/sim/observer.h"

namespace keelson::sim::test {

class ContractWatch final : public Observer {
 public:
  void on_turn(const TurnSeen& turn) override;

  std::vector<std::string> complaints;
  u64 turns = 0;
  u64 messages = 0;

 private:
  struct Seen {
    u32 boot = 0;
    bool booted = false;
    Instant now;
    std::set<Peer> connected;
    std::map<Peer, Life> lives;
    std::map<u64, IoKind> in_flight;
  };
  void complain(const TurnSeen& turn, const std::string& what);
  void see_peers(const TurnSeen& turn, Seen& seen);
  void see_completions(const TurnSeen& turn, Seen& seen);

  std::map<u32, Seen> units_;
};

}  // namespace keelson::sim::test
