// The strong types of every identifier and quantity that could be swapped with another.
//
// Who uses it: everybody. A function that takes an Op cannot be handed a View; arithmetic exists only where it means
// something, and is checked. Not here: anything that knows of messages or of the protocol (wire/, vsr/).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "keelson/base/check.h"

namespace keelson {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// An identifier: comparable, nothing else.
template <class Tag, class Rep>
class Id {
 public:
  using rep = Rep;
  constexpr Id() = default;
  constexpr explicit Id(Rep raw) : raw_(raw) {}
  constexpr Rep raw() const { return raw_; }
  constexpr auto operator<=>(const Id&) const = default;

 private:
  Rep raw_ = 0;
};

// A position in a sequence: an identifier that can be advanced, with overflow checked (a wrapped op is never legal).
template <class Tag, class Rep>
class Ordinal {
 public:
  using rep = Rep;
  constexpr Ordinal() = default;
  constexpr explicit Ordinal(Rep raw) : raw_(raw) {}
  constexpr Rep raw() const { return raw_; }
  constexpr auto operator<=>(const Ordinal&) const = default;

  constexpr Ordinal operator+(Rep n) const {
    check(n <= std::numeric_limits<Rep>::max() - raw_);
    return Ordinal(static_cast<Rep>(raw_ + n));
  }
  constexpr Ordinal operator-(Rep n) const {
    check(n <= raw_);
    return Ordinal(static_cast<Rep>(raw_ - n));
  }
  constexpr Rep operator-(Ordinal other) const {
    check(other.raw_ <= raw_);
    return static_cast<Rep>(raw_ - other.raw_);
  }
  constexpr Ordinal& operator++() { return *this = *this + 1; }
  constexpr Ordinal minus_saturating(Rep n) const { return n < raw_ ? Ordinal(static_cast<Rep>(raw_ - n)) : Ordinal(); }

 private:
  Rep raw_ = 0;
};

using NodeId = Id<struct NodeIdTag, u16>;                 // a process's place in the cluster's member list
using ShardId = Id<struct ShardIdTag, u16>;               // one core's share of a node
using GroupId = Id<struct GroupIdTag, u64>;               // one replicated log; 0 addresses the node itself
using Generation = Ordinal<struct GenerationTag, u32>;    // data files of one node id
using Incarnation = Ordinal<struct IncarnationTag, u32>;  // process starts on one data file
using Epoch = Ordinal<struct EpochTag, u32>;              // configurations of one group
using View = Ordinal<struct ViewTag, u32>;
using Op = Ordinal<struct OpTag, u64>;
using Release = Ordinal<struct ReleaseTag, u32>;      // machine semantics
using ReplicaIndex = Id<struct ReplicaIndexTag, u8>;  // place in the epoch's member list
using SessionId = Id<struct SessionIdTag, u64>;       // the op that registered it
using RequestNo = Ordinal<struct RequestNoTag, u64>;
using IoId = Id<struct IoIdTag, u64>;                  // one Read or Write effect
using ConnectionId = Id<struct ConnectionIdTag, u64>;  // one client connection of a driver
using Ticket = Id<struct TicketTag, u64>;              // one in-process submission
using BatchNo = Ordinal<struct BatchNoTag, u64>;       // group commits of a WAL
using PageNo = Ordinal<struct PageNoTag, u64>;         // WAL pages; counts up for ever

inline constexpr GroupId no_group{0};
inline constexpr GroupId metadata_group{u64{1} << 63};
inline constexpr ReplicaIndex no_replica{255};
inline constexpr NodeId no_node{0xffff};

// 128 bits, as stored and sent (low word first). Digest is an XXH3-128, the others are random.
template <class Tag>
struct Wide {
  u64 lo = 0;
  u64 hi = 0;
  constexpr auto operator<=>(const Wide&) const = default;
  constexpr bool is_zero() const { return lo == 0 && hi == 0; }
};
using Digest = Wide<struct DigestTag>;
using ClientId = Wide<struct ClientIdTag>;
using ClusterId = Wide<struct ClusterIdTag>;
using TraceId = Wide<struct TraceIdTag>;
using Nonce = Wide<struct NonceTag>;

// Nanoseconds. Instant is one machine's monotonic clock; Timestamp is replicated time since 1970; WallTime is one
// machine's idea of the time since 1970 and is read by vsr/clock only.
class Duration {
 public:
  constexpr Duration() = default;
  constexpr explicit Duration(u64 ns) : ns_(ns) {}
  constexpr u64 ns() const { return ns_; }
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration d) const { return Duration(ns_ + d.ns_); }
  constexpr Duration operator-(Duration d) const { return Duration(d.ns_ < ns_ ? ns_ - d.ns_ : 0); }
  constexpr Duration operator*(u64 n) const { return Duration(ns_ * n); }
  constexpr Duration operator/(u64 n) const { return Duration(ns_ / n); }

 private:
  u64 ns_ = 0;
};
constexpr Duration microseconds(u64 n) { return Duration(n * 1'000); }
constexpr Duration milliseconds(u64 n) { return Duration(n * 1'000'000); }
constexpr Duration seconds(u64 n) { return Duration(n * 1'000'000'000); }

template <class Tag>
class PointInTime {
 public:
  constexpr PointInTime() = default;
  constexpr explicit PointInTime(u64 ns) : ns_(ns) {}
  constexpr u64 ns() const { return ns_; }
  constexpr auto operator<=>(const PointInTime&) const = default;
  static constexpr PointInTime never() { return PointInTime(std::numeric_limits<u64>::max()); }
  // Saturates: a deadline beyond the end of time is never.
  constexpr PointInTime operator+(Duration d) const {
    return d.ns() < never().ns_ - ns_ ? PointInTime(ns_ + d.ns()) : never();
  }
  constexpr PointInTime operator-(Duration d) const { return PointInTime(d.ns() < ns_ ? ns_ - d.ns() : 0); }
  constexpr Duration since(PointInTime earlier) const { return Duration(earlier.ns_ < ns_ ? ns_ - earlier.ns_ : 0); }

 private:
  u64 ns_ = 0;
};
using Instant = PointInTime<struct MonotonicTag>;
using Timestamp = PointInTime<struct ReplicatedTag>;
using WallTime = PointInTime<struct WallTag>;

// Views of different epochs compare by epoch first; every "newer view" of the protocol means a newer ViewId.
struct ViewId {
  Epoch epoch;
  View view;
  constexpr auto operator<=>(const ViewId&) const = default;
};

// Incarnations of a node's data files follow each other, so that messages, which say no generation, have an order: the
// first file's begin at 1, the next one's at 2^20 + 1.
inline constexpr u32 incarnation_bits = 20;
inline constexpr u32 generations_max = 1u << (32 - incarnation_bits);
constexpr Incarnation incarnation_before_first(Generation generation) {
  return Incarnation((generation.raw() == 0 ? 0 : generation.raw() - 1) << incarnation_bits);
}
constexpr bool same_file(Incarnation a, Incarnation b) {
  return a.raw() >> incarnation_bits == b.raw() >> incarnation_bits;
}
constexpr bool is_last_incarnation(Incarnation incarnation) {
  return ~incarnation.raw() % (1u << incarnation_bits) == 0;
}

// A process start of a node.
struct Life {
  Generation generation;
  Incarnation incarnation;
  constexpr auto operator<=>(const Life&) const = default;
};

}  // namespace keelson
