// The 256-byte header of every message, log record and storage record, and one typed view per command.
//
// Little endian, fields naturally aligned from its start; 128 bytes common to all, 128 for the command. A view is
// loaded by copy (as<Prepare>(bytes)): slices of a network buffer lie at any address. The table is docs/protocol.md;
// the static_asserts below are the same table in code. Not here: whether a header may be believed (validate.h).
#pragma once

#include "keelson/base/bytes.h"
#include "keelson/wire/commands.h"

namespace keelson {

inline constexpr u32 header_size = 256;
inline constexpr u16 protocol_version = 1;

namespace flag {
inline constexpr u8 repair = 1;  // a stored copy that was asked for: judged by identity, not by view
inline constexpr u8 standby = 2;
inline constexpr u8 transfer = 4;
}  // namespace flag

struct Header {
  Digest checksum;       // XXH3-128 of bytes 16..255
  Digest checksum_body;  // of the body; of a prepare: of its frame array only
  ClusterId cluster;
  GroupId group;
  u32 size = header_size;  // header and body
  Epoch epoch;
  View view;  // sender's; on a stored prepare: the log_view under which this copy was appended
  Release release;
  u16 protocol = protocol_version;
  Command command = Command::ping;
  u8 flags = 0;
  NodeId node;  // author of this copy
  ReplicaIndex replica = no_replica;
  u8 reserved = 0;
  Incarnation incarnation;  // of `node`
  ShardId to_shard;         // receiver's; only where group is 0
  ShardId from_shard;
  u64 sent = 0;  // author's monotonic ns; beats only
  TraceId trace;
  BatchNo first_batch;  // what the author's disk holds, tagged (store/disk_claim.h); where tells_disk, else 0
  BatchNo stored_batch;
};
static_assert(sizeof(Header) == 128);

struct Beat : Header {
  static constexpr Command command_of = Command::beat;
  u64 beat_no = 0;
  u64 echo_sent = 0;     // `sent` of the newest beat of the receiver that this node saw
  u64 echo_held_ns = 0;  // how long ago that was
  WallTime wall;
  u64 catalog_op = 0;
  u32 count = 0;  // GroupEntries in the body
  u16 free_permille = 1000;
  u8 clock_state = 0;  // 1: synchronized
  u8 wants = 0;
  BatchNo lost_batch;  // the receiver's node told of it in a former life, and began this one below it; 0: no
  u64 unused[9] = {};
};

struct Entries : Header {
  static constexpr Command command_of = Command::entries;
  u64 unused_before[5] = {};
  u32 count = 0;
  u32 unused_small = 0;
  u64 unused[10] = {};
};

struct Request : Header {
  static constexpr Command command_of = Command::request;
  ClientId client;
  SessionId session;    // 0 with operation register
  RequestNo request;    // 0 with operation register
  RequestNo ack_floor;  // the newest that was executed; those between were refused
  u32 deadline_ms = 0;  // from receipt; 0: none
  Operation operation;
  u8 unused_byte = 0;
  u8 request_flags = 0;
  u64 unused[10] = {};
};

struct Reply : Header {
  static constexpr Command command_of = Command::reply;
  ClientId client;
  SessionId session;
  RequestNo request;
  Op op;  // 0: refused before it got one
  Timestamp timestamp;
  u16 status = 0;  // Status
  NodeId hint_primary = no_node;
  u32 unused_small = 0;
  u64 unused_before = 0;
  Digest request_checksum;  // the request's checksum_body
  u64 unused[6] = {};
};

struct ClientPing : Header {
  static constexpr Command command_of = Command::client_ping;
  Nonce nonce;
  u64 unused[14] = {};
};

// Carries a view only from a replica in status normal; else view 0 and no_node.
struct ClientPong : Header {
  static constexpr Command command_of = Command::client_pong;
  Nonce nonce;
  NodeId hint_primary = no_node;
  u16 unused_small[3] = {};
  u64 unused[13] = {};
};

namespace entry_flag {
inline constexpr u8 stub = 1;     // identity known, the rest lost
inline constexpr u8 lost = 2;     // in a group_state only: was stored, can't be read
inline constexpr u8 suspect = 4;  // in a group_state only: un-marked damage, probably never acked
inline constexpr u8 blank = 8;    // op known, nothing else
}  // namespace entry_flag

struct Prepare : Header {
  static constexpr Command command_of = Command::prepare;
  Digest identity;
  Digest parent;  // identity of op - 1
  Op op;
  Op commit;  // author's commit_max when it was first prepared; a hint
  Timestamp timestamp;
  Op durable_checkpoint;
  u32 request_count = 0;
  PrepareOperation operation = PrepareOperation::none;
  u16 unused_small = 0;
  Op checkpoint_op;
  Digest checkpoint_id;
  u64 unused[3] = {};
  u8 unused_bytes[7] = {};
  u8 entry_flags = 0;  // of suffix entries; 0 in a prepare
};

namespace want {
inline constexpr u16 checkpoint = 1;  // the author can't go on with the log, nor with the checkpoint that it knows of
}  // namespace want

struct PrepareOk : Header {
  static constexpr Command command_of = Command::prepare_ok;
  Digest identity;  // of op
  Op op_from;       // acks op_from..op
  Op op;
  Op commit_min;
  Op checkpoint_op;
  Op head;
  u16 free_permille = 1000;
  u16 wants = 0;
  u32 unused_small = 0;
  Digest checkpoint_id;
  u64 unused[6] = {};
};

struct Commit : Header {
  static constexpr Command command_of = Command::commit;
  Digest identity;  // of op `commit`
  Op commit;
  Op durable_checkpoint;
  Op checkpoint_op;
  Digest checkpoint_id;
  u64 round = 0;
  u64 unused[8] = {};
};

struct StartViewChange : Header {
  static constexpr Command command_of = Command::start_view_change;
  u16 reason = 0;
  u16 unused_small = 0;
  View target_view;  // transfer only
  u64 unused[15] = {};
};

// Body: one suffix entry (a Prepare header) per op, from `op` downward. Bit i of a set belongs to op - i.
struct DoViewChange : Header {
  static constexpr Command command_of = Command::do_view_change;
  Op op;
  Op commit_min;
  Op commit_max;
  Op checkpoint_op;
  View log_view;
  u32 header_count = 0;
  u64 present = 0;  // bytes readable now
  u64 nack = 0;     // certainly never acked as part of this log
  u64 suspect = 0;  // un-marked damage
  Timestamp timestamp_max;
  u8 tail = 0;  // 1: ops above `op` may be lost here
  u8 unused_bytes[7] = {};
  u64 unused[6] = {};
};

// Body: full headers from `op` downward to `commit` (that one may be a stub).
struct StartView : Header {
  static constexpr Command command_of = Command::start_view;
  Nonce nonce;  // of the get_view it answers, or 0
  Op op;
  Op commit;
  Op checkpoint_op;
  Digest checkpoint_id;
  u32 header_count = 0;
  u32 unused_small = 0;
  Op durable_checkpoint;
  u64 unused[7] = {};
};

struct GetView : Header {
  static constexpr Command command_of = Command::get_view;
  Nonce nonce;
  Op head;
  u16 wants = 0;  // as in prepare_ok, by one who has nothing to ack
  u16 unused_half = 0;
  u32 unused_small = 0;
  u64 unused[12] = {};
};

struct GetHeaders : Header {
  static constexpr Command command_of = Command::get_headers;
  Op op_min;
  Op op_max;
  u64 unused[14] = {};
};

struct Headers : Header {
  static constexpr Command command_of = Command::headers;
  Op floor;
  u64 unused[15] = {};
};

// Body: count x OpIdentity.
struct GetPrepares : Header {
  static constexpr Command command_of = Command::get_prepares;
  u32 count = 0;
  u32 unused_small = 0;
  u64 unused[15] = {};
};
struct OpIdentity {
  Op op;
  Digest identity;
};
static_assert(sizeof(OpIdentity) == 24);

enum class Unavailability : u16 { pruned = 1, damaged = 2, unknown = 3 };
// Never a nack. Of a checkpoint, where its id is set: `op` is 0.
struct Unavailable : Header {
  static constexpr Command command_of = Command::unavailable;
  Unavailability what = Unavailability::unknown;
  u16 unused_small[3] = {};
  Op floor;
  Op op;
  Digest checkpoint_id;
  u32 section = 0;  // of that, when it is damaged
  u32 unused_word = 0;
  u64 unused[10] = {};
};

// Asks for a part of what a checkpoint's id is the digest of.
struct GetManifest : Header {
  static constexpr Command command_of = Command::get_manifest;
  Op checkpoint_op;
  Digest checkpoint_id;
  u32 part = 0;
  u32 unused_small = 0;
  u64 unused[12] = {};
};

// Body: that part's bytes.
struct Manifest : Header {
  static constexpr Command command_of = Command::manifest;
  Op checkpoint_op;
  Digest checkpoint_id;
  u32 part = 0;
  u32 parts = 0;
  u64 unused[12] = {};
};

// Asks for bytes of a section, from `offset` on.
struct GetSection : Header {
  static constexpr Command command_of = Command::get_section;
  Digest checkpoint_id;
  u32 section = 0;
  u32 offset = 0;  // bytes
  u64 unused[13] = {};
};

// Body: some of its bytes; how many is up to whoever sends them.
struct Section : Header {
  static constexpr Command command_of = Command::section;
  Digest checkpoint_id;
  u32 section = 0;
  u32 offset = 0;
  u32 total = 0;  // bytes of the section
  u32 unused_small = 0;
  u64 unused[12] = {};
};

namespace state_flag {
inline constexpr u32 amnesiac = 1;  // promises may be lost
inline constexpr u32 unsure = 2;    // ops above the head may be lost: until a log is installed
}  // namespace state_flag

// Stored, never sent: what this replica has promised. Body: suffix entries from `head` downward.
struct GroupState : Header {
  static constexpr Command command_of = Command::group_state;
  u64 state_seq = 0;  // the newest one counts
  Op commit_max;
  Op head;
  Op checkpoint_op;  // a replication quorum has this checkpoint or a newer one
  Digest checkpoint_id;
  View log_view;
  u32 header_count = 0;
  u32 state_flags = 0;  // state_flag
  u32 unused_small = 0;
  u64 unused[8] = {};
};

// Stored, never sent: a checkpoint after `op` is complete on this replica. Its table lies in the checkpoint zone,
// twice.
struct GroupCheckpoint : Header {
  static constexpr Command command_of = Command::group_checkpoint;
  Op op;
  Digest identity;  // of op
  Digest checkpoint_id;
  Digest table_digest;
  u32 table_bytes = 0;
  u32 table_block[2] = {};  // first block of each copy
  u32 unused_small = 0;
  u64 record_seq = 0;  // grows with each record of this group on this disk
  u64 unused[6] = {};
};

// What a shard tells another shard about one group; several travel in one `entries` or `beat`.
enum class EntryKind : u8 { ack = 1, commit = 2, read_round = 3, read_ack = 4, quiesce = 5, wake = 6, view_ahead = 7 };
struct GroupEntry {
  GroupId group;
  Epoch epoch;
  View view;
  Op op;
  Op commit;
  Digest identity;
  Op checkpoint_op;  // the primary's: of a quorum; a backup's: its own
  u32 round = 0;     // ack: op - op_from
  EntryKind kind = EntryKind::commit;
  u8 flags = 0;
  ReplicaIndex replica;
  u8 reserved = 0;
};
static_assert(sizeof(GroupEntry) == 64);

// One request inside a prepare; bodies follow the frames in order, each padded to 16 bytes.
struct RequestFrame {
  ClientId client;
  SessionId session;
  RequestNo request;
  RequestNo ack_floor;
  u32 body_size = 0;
  Operation operation;
  u16 reserved = 0;
  Digest body_checksum;
};
static_assert(sizeof(RequestFrame) == 64);

template <class T>
concept HeaderView = std::is_base_of_v<Header, T> && sizeof(T) == header_size && std::is_trivially_copyable_v<T>;

static_assert(HeaderView<GroupCheckpoint>);
static_assert(HeaderView<Beat> && HeaderView<Entries> && HeaderView<Request> && HeaderView<Reply>);
static_assert(HeaderView<ClientPing> && HeaderView<ClientPong> && HeaderView<Prepare> && HeaderView<PrepareOk>);
static_assert(HeaderView<Commit> && HeaderView<StartViewChange> && HeaderView<DoViewChange> && HeaderView<StartView>);
static_assert(HeaderView<GetView> && HeaderView<GetHeaders> && HeaderView<Headers> && HeaderView<GetPrepares>);
static_assert(HeaderView<Unavailable> && HeaderView<GroupState>);
static_assert(HeaderView<GetManifest> && HeaderView<Manifest> && HeaderView<GetSection> && HeaderView<Section>);

// Offsets are part of the format. The views inherit the common half, so offsetof is "conditionally supported": both
// compilers support it, and say so with a warning.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
static_assert(offsetof(Header, cluster) == 32 && offsetof(Header, group) == 48 && offsetof(Header, size) == 56);
static_assert(offsetof(Header, view) == 64 && offsetof(Header, protocol) == 72 && offsetof(Header, command) == 74);
static_assert(offsetof(Header, node) == 76 && offsetof(Header, incarnation) == 80 && offsetof(Header, sent) == 88);
static_assert(offsetof(Header, trace) == 96 && offsetof(Beat, beat_no) == 128 && offsetof(Beat, count) == 168);
static_assert(offsetof(Entries, count) == 168 && offsetof(Request, request) == 152 &&
              offsetof(Request, operation) == 172);
static_assert(offsetof(Request, request_flags) == 175 && offsetof(Reply, op) == 160 && offsetof(Reply, status) == 176);
static_assert(offsetof(Reply, request_checksum) == 192 && offsetof(Prepare, op) == 160);
static_assert(offsetof(Prepare, request_count) == 192 && offsetof(Prepare, checkpoint_op) == 200);
static_assert(offsetof(Prepare, checkpoint_id) == 208 && offsetof(Prepare, entry_flags) == 255);
static_assert(offsetof(PrepareOk, op) == 152 && offsetof(PrepareOk, checkpoint_id) == 192);
static_assert(offsetof(Commit, commit) == 144 && offsetof(Commit, round) == 184);
static_assert(offsetof(DoViewChange, log_view) == 160 && offsetof(DoViewChange, present) == 168);
static_assert(offsetof(DoViewChange, tail) == 200 && offsetof(StartView, op) == 144);
static_assert(offsetof(StartView, header_count) == 184 && offsetof(StartView, durable_checkpoint) == 192);
static_assert(offsetof(GetView, head) == 144 && offsetof(Unavailable, op) == 144 &&
              offsetof(Unavailable, floor) == 136 && offsetof(Unavailable, checkpoint_id) == 152);
static_assert(offsetof(Manifest, checkpoint_id) == 136 && offsetof(Manifest, parts) == 156);
static_assert(offsetof(GetManifest, part) == 152 && offsetof(GetSection, offset) == 148);
static_assert(offsetof(Section, section) == 144 && offsetof(Section, total) == 152);
static_assert(offsetof(GroupEntry, identity) == 32 && offsetof(GroupEntry, round) == 56);
#pragma GCC diagnostic pop

template <HeaderView T>
T as(const std::byte* bytes) {
  return load<T>(bytes);
}
inline Header header_at(const std::byte* bytes) { return load<Header>(bytes); }

// A fresh header of one command: size and command set, all else zero.
template <HeaderView T>
T make() {
  T header{};
  header.command = T::command_of;
  return header;
}

// Over bytes 16..255 of the header as it lies in memory.
Digest header_checksum(const std::byte* header);

// What makes a prepare the entry that it is: everything but view, author, commit and checkpoint hints
// (docs/protocol.md).
Digest identity_of(const Prepare& prepare);

}  // namespace keelson
