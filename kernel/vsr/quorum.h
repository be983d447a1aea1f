// Quorum sizes of a group, and sets of replicas that count towards them. Only here are replicas added up.
//
// Any replication quorum meets any view-change quorum (Flexible Paxos, Howard et al. 2016, section 3), and a nack
// quorum proves that no replication quorum can have prepared an op (Protocol-Aware Recovery, Alagappan et al. 2018,
// section 4). quorum_test checks this for every size.
#pragma once

#include <algorithm>
#include <bit>
#include <span>

#include "keelson/base/types.h"

namespace keelson {

inline constexpr u8 voters_max = 6;

struct Quorums {
  u8 replication;  // stored copies that commit an op
  u8 view_change;  // do_view_changes that start a view, votes that leave one
  u8 nack;         // replicas that never acked an op, to forget it
  u8 read;         // confirmations of a view, to answer a read

  // 1 to voters_max voters. Two replicate on both, because one disk is no durability.
  static constexpr Quorums of(u8 voters) {
    check(voters >= 1 && voters <= voters_max);
    const u8 view_change = voters == 2 ? u8{2} : static_cast<u8>(voters / 2 + 1);
    const u8 replication = voters == 2 ? u8{2} : static_cast<u8>(voters - view_change + 1);
    return {replication, view_change, static_cast<u8>(voters - replication + 1),
            static_cast<u8>(voters - view_change + 1)};
  }

  // The highest op that `count` of them have reached.
  static constexpr Op reached_by(u8 count, std::span<const Op> ops) {
    Op reached;
    for (const Op op : ops)
      if (std::count_if(ops.begin(), ops.end(), [op](Op other) { return other >= op; }) >= count)
        reached = std::max(reached, op);
    return reached;
  }
};

// A set of replicas: a duplicate message never counts twice.
class Votes {
 public:
  constexpr bool add(ReplicaIndex from) {  // false if counted already
    check(from.raw() < voters_max);
    const u8 bit = static_cast<u8>(1u << from.raw());
    const bool added = !(from_ & bit);
    from_ = static_cast<u8>(from_ | bit);
    return added;
  }
  constexpr bool has(ReplicaIndex from) const { return from.raw() < voters_max && (from_ >> from.raw() & 1); }
  constexpr u8 count() const { return static_cast<u8>(std::popcount(from_)); }
  constexpr void remove(ReplicaIndex from) { from_ = static_cast<u8>(from_ & ~(1u << from.raw())); }
  constexpr bool empty() const { return from_ == 0; }
  constexpr void clear() { from_ = 0; }

 private:
  u8 from_ = 0;
};

}  // namespace keelson
