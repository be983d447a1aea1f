// Barriers: which directed pairs of hosts are cut off from each other, or slowed to a halt, right now.
//
// Who uses it: the nemesis and scripted steps raise and lift barriers, in any nesting; Network asks at each message. A
// barrier that is up twice must be lifted twice. Not here: shapes of partitions (partition.h), what a cut does to
// messages.
#pragma once

#include <bitset>
#include <vector>

#include "keelson/sim/arrival.h"

namespace keelson::sim {

using CommandSet = std::bitset<256>;

struct HostPair {
  HostId from;
  HostId to;
  auto operator<=>(const HostPair&) const = default;
};

class Barriers {
 public:
  explicit Barriers(u16 hosts) : hosts_(hosts), cells_(std::size_t{hosts} * hosts) {}

  // True when the pair's state changed: it was the first to be raised, or the last to be lifted.
  bool block(HostPair pair) { return cell(pair).blocked++ == 0; }
  bool unblock(HostPair pair);
  bool clog(HostPair pair) { return cell(pair).clogged++ == 0; }
  bool unclog(HostPair pair);

  // Only these commands don't pass.
  void block_commands(HostPair pair, const CommandSet& commands);
  void unblock_commands(HostPair pair, const CommandSet& commands);

  bool blocked(HostPair pair) const { return cell(pair).blocked > 0; }
  bool clogged(HostPair pair) const { return cell(pair).clogged > 0; }
  bool blocked_for(HostPair pair, Command command) const { return cell(pair).gray > 0 && gray_blocks(pair, command); }
  bool any(HostPair pair) const {
    const Cell& state = cell(pair);
    return (state.blocked | state.clogged | state.gray) != 0;
  }

 private:
  struct Cell {
    u16 blocked = 0;
    u16 clogged = 0;
    u16 gray = 0;
  };
  struct Gray {
    HostPair pair;
    CommandSet commands;
  };
  Cell& cell(HostPair pair) { return cells_[std::size_t{pair.from.raw()} * hosts_ + pair.to.raw()]; }
  const Cell& cell(HostPair pair) const { return cells_[std::size_t{pair.from.raw()} * hosts_ + pair.to.raw()]; }
  bool gray_blocks(HostPair pair, Command command) const;

  u16 hosts_;
  std::vector<Cell> cells_;
  std::vector<Gray> grays_;
};

}  // namespace keelson::sim
