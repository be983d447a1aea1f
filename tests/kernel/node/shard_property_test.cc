// A step is total: whatever well-formed messages, completions, losses and times arrive, in whatever order, a shard goes
// on, keeps its invariants and its promises, says nothing that nobody would take, and gives every slab back.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/kernel/node/shard_walk.h"

namespace keelson::test {

std::ostream& operator<<(std::ostream& out, const Move& move) {
  return out << "{" << int{move.kind} << ", " << move.seed << "}";
}

namespace {

std::vector<Move> moves() {
  const auto move = rc::gen::build<Move>(rc::gen::set(&Move::kind, rc::gen::inRange<u8>(0, 16)),
                                         rc::gen::set(&Move::seed, rc::gen::resize(100, rc::gen::arbitrary<u64>())));
  return *rc::gen::resize(1000, rc::gen::container<std::vector<Move>>(move));
}

RC_GTEST_PROP(ShardProperty, AnyBagsAreTaken, ()) {
  const std::vector<Move> all = moves();
  ShardWalk walk(NodeId(*rc::gen::inRange<u16>(0, 3)), *rc::gen::element<u64>(2, 10, 100, 1000));
  for (const Move& move : all) walk.play(move);
  walk.settle();
  RC_TAG(walk.committed() > 20 ? "commits" : "few commits", walk.views() > 1 ? "views" : "one view");
  RC_ASSERT(walk.slabs_left() == 0u);
}

}  // namespace
}  // namespace keelson::test
