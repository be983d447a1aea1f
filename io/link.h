// Link messages: what two processes say to each other before anything of the kernel passes between them.
//
// Who uses it: the handshake, connections, tests that forge them. Exactly 512 bytes each: a 256-byte header and a fixed
// 256-byte body, because nothing is parsed before it is known who talks. Not here: who may connect (handshake.h) and
// which of two connections stays (bus.h). TLS and the cluster key have their places in the body and are zero.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "keelson/io/address.h"
#include "keelson/wire/header.h"

namespace keelson::io {

inline constexpr u32 link_size = 512;
using LinkBytes = std::array<std::byte, link_size>;

enum class Plane : u8 { replica = 1, client = 2 };
const char* name_of(Plane plane);

// X(name, number, is it a fault of the configuration, text)
#define KEELSON_REJECTS(X)                                                                          \
  X(version, 1, true, "no common protocol version: upgrade the older of the two")                   \
  X(cluster, 2, true, "another cluster: check the address and cluster.id")                          \
  X(unknown_node, 3, true, "not a member: check cluster.member on both nodes")                      \
  X(not_your_turn, 4, true,                                                                         \
    "the lower node id dials: two processes run under one cluster.node_id, or member lists differ") \
  X(identity, 5, true, "another node answers at this address: check cluster.member")                \
  X(auth, 6, true, "the keys differ")                                                               \
  X(duplicate_node, 7, true, "a live process already runs under this node id: stop one of them")    \
  X(stale_dial, 8, false, "a newer connection exists")                                              \
  X(limits, 9, true, "the limits differ: format all nodes with the same data.wal_mib and release")  \
  X(lane, 10, true, "no such lane")                                                                 \
  X(busy, 11, false, "too many connections at once")                                                \
  X(draining, 12, false, "the node is stopping")                                                    \
  X(too_many, 13, false, "too many connections")                                                    \
  X(generation, 14, true, "an older data file of this node: it was replaced")

enum class RejectCode : u16 {
  none = 0,
#define X(name, number, fault, text) name = number,
  KEELSON_REJECTS(X)
#undef X
};
struct RejectInfo {
  const char* name;
  bool configuration_fault;  // repeating won't help; the dialer backs off to its longest pause
  const char* text;
};
RejectInfo info(RejectCode code);  // total

// The body of hello, welcome, confirm, ready (replica plane) and reject. Little endian; unused bytes are zero, checked.
struct LinkBody {
  std::array<u8, 8> magic{'K', 'E', 'E', 'L', 'S', 'O', 'N', '1'};
  u16 proto_min = protocol_version;
  u16 proto_max = protocol_version;
  Plane plane = Plane::replica;
  u8 mode = 0;  // 0: plain
  u16 lane = 0;
  ClusterId cluster;  // zero in a client's hello: it wants to be told
  NodeId node;        // 0 of clients
  u16 shard_count = 1;
  u16 lanes = 1;
  RejectCode reject = RejectCode::none;
  Generation generation;
  Incarnation incarnation;
  u64 boot_id = 0;   // random per process
  u64 dial_seq = 0;  // counts a process's attempts: the newest connection of two wins
  std::array<u8, 32> nonce{};
  Digest limits;
  Release release_min;
  Release release_max;
  u32 ping_interval_ms = 0;
  u32 retry_after_ms = 0;
  std::array<u8, 32> mac{};
  u64 features = 0;
  u64 wall = 0;
  u8 key_id = 0;
  std::array<u8, 7> zero{};
  u16 node_count = 0;  // members of the cluster; a client addresses nodes 0 .. node_count - 1
  std::array<u8, 70> reserved{};
};
static_assert(sizeof(LinkBody) == 256 && std::is_trivially_copyable_v<LinkBody>);
static_assert(offsetof(LinkBody, plane) == 12 && offsetof(LinkBody, cluster) == 16 && offsetof(LinkBody, node) == 32);
static_assert(offsetof(LinkBody, generation) == 40 && offsetof(LinkBody, boot_id) == 48);
static_assert(offsetof(LinkBody, nonce) == 64 && offsetof(LinkBody, limits) == 96 && offsetof(LinkBody, mac) == 128);
static_assert(offsetof(LinkBody, features) == 160 && offsetof(LinkBody, key_id) == 176);
static_assert(offsetof(LinkBody, node_count) == 184);

// Where clients reach the nodes: the body of `ready` on the client plane.
struct NodeAddress {
  NodeId node;
  u16 port = 0;
  u32 unused = 0;
  IpBytes ip{};
};
static_assert(sizeof(NodeAddress) == 24);
struct AddressBook {
  static constexpr u32 entries_max = 10;
  std::array<u8, 8> magic{'K', 'E', 'E', 'L', 'B', 'O', 'O', 'K'};
  u32 count = 0;
  u32 unused = 0;
  std::array<NodeAddress, entries_max> entries{};
};
static_assert(sizeof(AddressBook) == 256);

// Who a link message comes from.
struct LinkSender {
  ClusterId cluster;
  NodeId node;
  Incarnation incarnation;
};

LinkBytes make_link(Command command, const LinkSender& sender, const LinkBody& body);
LinkBytes make_book(const LinkSender& sender, const AddressBook& book);

// None unless the bytes are a well-formed link message of this plane: header verified, magic right, unused bytes zero.
struct Link {
  Header header;
  LinkBody body;
};
std::optional<Link> read_link(std::span<const std::byte, link_size> bytes, Plane plane);
std::optional<AddressBook> read_book(std::span<const std::byte, link_size> bytes);

}  // namespace keelson::io
