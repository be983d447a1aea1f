#include "keelson/sim/barriers.h"

#include <algorithm>

namespace keelson::sim {

bool Barriers::unblock(HostPair pair) {
  check(cell(pair).blocked > 0);
  return --cell(pair).blocked == 0;
}

bool Barriers::unclog(HostPair pair) {
  check(cell(pair).clogged > 0);
  return --cell(pair).clogged == 0;
}

void Barriers::block_commands(HostPair pair, const CommandSet& commands) {
  ++cell(pair).gray;
  grays_.push_back({pair, commands});
}

void Barriers::unblock_commands(HostPair pair, const CommandSet& commands) {
  const auto found = std::find_if(grays_.begin(), grays_.end(),
                                  [&](const Gray& gray) { return gray.pair == pair && gray.commands == commands; });
  check(found != grays_.end());
  grays_.erase(found);
  --cell(pair).gray;
}

bool Barriers::gray_blocks(HostPair pair, Command command) const {
  return std::any_of(grays_.begin(), grays_.end(), [&](const Gray& gray) {
    return gray.pair == pair && gray.commands.test(static_cast<std::size_t>(command));
  });
}

}  // namespace keelson::sim
