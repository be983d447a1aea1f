// The header's format: every field where docs/protocol.md says, every other byte zero or refused, identity as defined.
#include "keelson/wire/header.h"

#define XXH_INLINE_ALL  // no symbol of libxxhash is needed

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <xxhash.h>

#include "keelson/wire/reserved.h"

#include "fuzz/gen/message.h"

namespace keelson {
namespace {

struct Field {
  const char* name;
  std::size_t offset;
  std::size_t size;
  std::size_t actual_offset;
  std::size_t actual_size;
};

#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define FIELD(type, field, at, size) \
  Field { #field, at, size, offsetof(type, field), sizeof(type::field) }

// docs/protocol.md, messages: the header
const std::vector<Field> common_table{
    FIELD(Header, checksum, 0, 16),     FIELD(Header, checksum_body, 16, 16), FIELD(Header, cluster, 32, 16),
    FIELD(Header, group, 48, 8),        FIELD(Header, size, 56, 4),           FIELD(Header, epoch, 60, 4),
    FIELD(Header, view, 64, 4),         FIELD(Header, release, 68, 4),        FIELD(Header, protocol, 72, 2),
    FIELD(Header, command, 74, 1),      FIELD(Header, flags, 75, 1),          FIELD(Header, node, 76, 2),
    FIELD(Header, replica, 78, 1),      FIELD(Header, incarnation, 80, 4),    FIELD(Header, to_shard, 84, 2),
    FIELD(Header, from_shard, 86, 2),   FIELD(Header, sent, 88, 8),           FIELD(Header, trace, 96, 16),
    FIELD(Header, first_batch, 112, 8), FIELD(Header, stored_batch, 120, 8),
};

// ... and the area of each command
const std::map<Command, std::vector<Field>> area_tables{
    {Command::beat,
     {FIELD(Beat, beat_no, 128, 8), FIELD(Beat, echo_sent, 136, 8), FIELD(Beat, echo_held_ns, 144, 8),
      FIELD(Beat, wall, 152, 8), FIELD(Beat, catalog_op, 160, 8), FIELD(Beat, count, 168, 4),
      FIELD(Beat, free_permille, 172, 2), FIELD(Beat, clock_state, 174, 1), FIELD(Beat, wants, 175, 1),
      FIELD(Beat, lost_batch, 176, 8)}},
    {Command::entries, {FIELD(Entries, count, 168, 4)}},
    {Command::request,
     {FIELD(Request, client, 128, 16), FIELD(Request, session, 144, 8), FIELD(Request, request, 152, 8),
      FIELD(Request, ack_floor, 160, 8), FIELD(Request, deadline_ms, 168, 4), FIELD(Request, operation, 172, 2),
      FIELD(Request, request_flags, 175, 1)}},
    {Command::reply,
     {FIELD(Reply, client, 128, 16), FIELD(Reply, session, 144, 8), FIELD(Reply, request, 152, 8),
      FIELD(Reply, op, 160, 8), FIELD(Reply, timestamp, 168, 8), FIELD(Reply, status, 176, 2),
      FIELD(Reply, hint_primary, 178, 2), FIELD(Reply, request_checksum, 192, 16)}},
    {Command::client_ping, {FIELD(ClientPing, nonce, 128, 16)}},
    {Command::client_pong, {FIELD(ClientPong, nonce, 128, 16), FIELD(ClientPong, hint_primary, 144, 2)}},
    {Command::prepare,
     {FIELD(Prepare, identity, 128, 16), FIELD(Prepare, parent, 144, 16), FIELD(Prepare, op, 160, 8),
      FIELD(Prepare, commit, 168, 8), FIELD(Prepare, timestamp, 176, 8), FIELD(Prepare, durable_checkpoint, 184, 8),
      FIELD(Prepare, request_count, 192, 4), FIELD(Prepare, operation, 196, 2), FIELD(Prepare, checkpoint_op, 200, 8),
      FIELD(Prepare, checkpoint_id, 208, 16), FIELD(Prepare, entry_flags, 255, 1)}},
    {Command::prepare_ok,
     {FIELD(PrepareOk, identity, 128, 16), FIELD(PrepareOk, op_from, 144, 8), FIELD(PrepareOk, op, 152, 8),
      FIELD(PrepareOk, commit_min, 160, 8), FIELD(PrepareOk, checkpoint_op, 168, 8), FIELD(PrepareOk, head, 176, 8),
      FIELD(PrepareOk, free_permille, 184, 2), FIELD(PrepareOk, wants, 186, 2),
      FIELD(PrepareOk, checkpoint_id, 192, 16)}},
    {Command::commit,
     {FIELD(Commit, identity, 128, 16), FIELD(Commit, commit, 144, 8), FIELD(Commit, durable_checkpoint, 152, 8),
      FIELD(Commit, checkpoint_op, 160, 8), FIELD(Commit, checkpoint_id, 168, 16), FIELD(Commit, round, 184, 8)}},
    {Command::start_view_change, {FIELD(StartViewChange, reason, 128, 2), FIELD(StartViewChange, target_view, 132, 4)}},
    {Command::do_view_change,
     {FIELD(DoViewChange, op, 128, 8), FIELD(DoViewChange, commit_min, 136, 8), FIELD(DoViewChange, commit_max, 144, 8),
      FIELD(DoViewChange, checkpoint_op, 152, 8), FIELD(DoViewChange, log_view, 160, 4),
      FIELD(DoViewChange, header_count, 164, 4), FIELD(DoViewChange, present, 168, 8),
      FIELD(DoViewChange, nack, 176, 8), FIELD(DoViewChange, suspect, 184, 8),
      FIELD(DoViewChange, timestamp_max, 192, 8), FIELD(DoViewChange, tail, 200, 1)}},
    {Command::start_view,
     {FIELD(StartView, nonce, 128, 16), FIELD(StartView, op, 144, 8), FIELD(StartView, commit, 152, 8),
      FIELD(StartView, checkpoint_op, 160, 8), FIELD(StartView, checkpoint_id, 168, 16),
      FIELD(StartView, header_count, 184, 4), FIELD(StartView, durable_checkpoint, 192, 8)}},
    {Command::get_view, {FIELD(GetView, nonce, 128, 16), FIELD(GetView, head, 144, 8), FIELD(GetView, wants, 152, 2)}},
    {Command::get_headers, {FIELD(GetHeaders, op_min, 128, 8), FIELD(GetHeaders, op_max, 136, 8)}},
    {Command::headers, {FIELD(Headers, floor, 128, 8)}},
    {Command::get_prepares, {FIELD(GetPrepares, count, 128, 4)}},
    {Command::unavailable,
     {FIELD(Unavailable, what, 128, 2), FIELD(Unavailable, floor, 136, 8), FIELD(Unavailable, op, 144, 8),
      FIELD(Unavailable, checkpoint_id, 152, 16), FIELD(Unavailable, section, 168, 4)}},
    {Command::get_manifest,
     {FIELD(GetManifest, checkpoint_op, 128, 8), FIELD(GetManifest, checkpoint_id, 136, 16),
      FIELD(GetManifest, part, 152, 4)}},
    {Command::manifest,
     {FIELD(Manifest, checkpoint_op, 128, 8), FIELD(Manifest, checkpoint_id, 136, 16), FIELD(Manifest, part, 152, 4),
      FIELD(Manifest, parts, 156, 4)}},
    {Command::get_section,
     {FIELD(GetSection, checkpoint_id, 128, 16), FIELD(GetSection, section, 144, 4),
      FIELD(GetSection, offset, 148, 4)}},
    {Command::section,
     {FIELD(Section, checkpoint_id, 128, 16), FIELD(Section, section, 144, 4), FIELD(Section, offset, 148, 4),
      FIELD(Section, total, 152, 4)}},
};

TEST(Header, FieldsLieWhereTheProtocolSays) {
  for (const auto& f : common_table) {
    EXPECT_EQ(f.actual_offset, f.offset) << f.name;
    EXPECT_EQ(f.actual_size, f.size) << f.name;
  }
  for (const auto& [command, fields] : area_tables)
    for (const auto& f : fields) {
      EXPECT_EQ(f.actual_offset, f.offset) << name_of(command) << "." << f.name;
      EXPECT_EQ(f.actual_size, f.size) << name_of(command) << "." << f.name;
    }
}

TEST(Header, EntriesAndFramesLieWhereTheProtocolSays) {
  const Field fields[] = {
      FIELD(GroupEntry, group, 0, 8),          FIELD(GroupEntry, epoch, 8, 4),
      FIELD(GroupEntry, view, 12, 4),          FIELD(GroupEntry, op, 16, 8),
      FIELD(GroupEntry, commit, 24, 8),        FIELD(GroupEntry, identity, 32, 16),
      FIELD(GroupEntry, checkpoint_op, 48, 8), FIELD(GroupEntry, round, 56, 4),
      FIELD(GroupEntry, kind, 60, 1),          FIELD(GroupEntry, flags, 61, 1),
      FIELD(GroupEntry, replica, 62, 1),       FIELD(RequestFrame, client, 0, 16),
      FIELD(RequestFrame, session, 16, 8),     FIELD(RequestFrame, request, 24, 8),
      FIELD(RequestFrame, ack_floor, 32, 8),   FIELD(RequestFrame, body_size, 40, 4),
      FIELD(RequestFrame, operation, 44, 2),   FIELD(RequestFrame, body_checksum, 48, 16),
  };
  for (const auto& f : fields) {
    EXPECT_EQ(f.actual_offset, f.offset) << f.name;
    EXPECT_EQ(f.actual_size, f.size) << f.name;
  }
}

// Byte by byte: one that belongs to no field of the tables must be zero, one that does may be anything.
TEST(Header, ExactlyTheBytesWithoutAFieldMustBeZero) {
  for (const auto& [command, fields] : area_tables) {
    std::set<std::size_t> used;
    for (const auto& table : {common_table, fields})
      for (const auto& f : table)
        for (std::size_t i = 0; i < f.size; ++i) used.insert(f.offset + i);
    if (command != Command::beat)
      for (std::size_t i = 88; i < 96; ++i) used.erase(i);  // `sent`
    if (!tells_disk(command))
      for (std::size_t i = 112; i < 128; ++i) used.erase(i);
    for (std::size_t at = 0; at < header_size; ++at) {
      if (at == 74 || at == 75 || (command == Command::request && at == 175)) continue;  // command, flags
      gen::Buffer header(header_size);
      store(header.data() + 74, command);
      header[at] = std::byte{0x80};
      EXPECT_EQ(reserved_ok(header.data()), used.contains(at)) << name_of(command) << " byte " << at;
    }
  }
}

TEST(Header, UnknownFlagsAreRefused) {
  gen::Buffer header(header_size);
  store(header.data() + 74, Command::request);
  for (unsigned bit = 0; bit < 8; ++bit) {
    header[75] = static_cast<std::byte>(1u << bit);
    EXPECT_EQ(reserved_ok(header.data()), bit < 3) << "flag bit " << bit;
  }
  header[75] = std::byte{0};
  for (unsigned bit = 0; bit < 8; ++bit) {
    header[175] = static_cast<std::byte>(1u << bit);
    EXPECT_EQ(reserved_ok(header.data()), bit == 0) << "request flag bit " << bit;
  }
}

TEST(Header, CommandNumbersAreUniqueAndNamed) {
  std::set<u8> numbers;
  std::set<std::string> names;
  for (const Command command : gen::all_commands()) {
    numbers.insert(static_cast<u8>(command));
    names.insert(name_of(command));
    EXPECT_LE(info(command)->body_min, info(command)->body_max);
  }
  EXPECT_EQ(numbers.size(), gen::all_commands().size());
  EXPECT_EQ(names.size(), gen::all_commands().size());
  EXPECT_EQ(static_cast<u8>(Command::prepare), 32);
  EXPECT_EQ(static_cast<u8>(Command::group_state), 192);
  EXPECT_STREQ(name_of(static_cast<Command>(0)), "unknown");
  EXPECT_FALSE(info(static_cast<Command>(255)).has_value());
}

TEST(Header, ChecksumCoversEverythingButItself) {
  gen::Buffer header(header_size);
  for (std::size_t i = 0; i < header.size(); ++i) header[i] = static_cast<std::byte>(i * 7);
  const auto expected = XXH3_128bits(header.data() + 16, 240);
  EXPECT_EQ(header_checksum(header.data()), (Digest{expected.low64, expected.high64}));
  for (std::size_t i = 0; i < header.size(); ++i) {
    auto changed = header;
    changed[i] ^= std::byte{1};
    EXPECT_EQ(header_checksum(changed.data()) == header_checksum(header.data()), i < 16) << i;
  }
}

Prepare some_prepare() {
  Prepare p = make<Prepare>();
  p.cluster = {1, 2};
  p.group = GroupId(3);
  p.epoch = Epoch(4);
  p.release = Release(5);
  p.op = Op(6);
  p.timestamp = Timestamp(7);
  p.parent = {8, 9};
  p.checksum_body = {10, 11};
  p.size = 1212;
  p.request_count = 13;
  p.operation = PrepareOperation::batch;
  return p;
}

TEST(Identity, IsTheHashOfItsBlockAsTheProtocolLaysItOut) {
  const Prepare p = some_prepare();
  std::byte block[128] = {};
  store(block + 0, p.cluster);
  store(block + 16, p.group);
  store(block + 24, p.epoch);
  store(block + 28, p.release);
  store(block + 32, p.op);
  store(block + 40, p.timestamp);
  store(block + 48, p.parent);
  store(block + 64, p.checksum_body);
  store(block + 80, p.size);
  store(block + 84, p.request_count);
  store(block + 88, p.operation);
  const auto expected = XXH3_128bits_withSeed(block, sizeof block, 0x4b4c50524550);
  EXPECT_EQ(identity_of(p), (Digest{expected.low64, expected.high64}));
}

TEST(Identity, SurvivesANewPrimaryAndANewAuthor) {
  const Prepare p = some_prepare();
  Prepare copy = p;
  copy.view = View(99);
  copy.node = NodeId(4);
  copy.replica = ReplicaIndex(2);
  copy.incarnation = Incarnation(8);
  copy.commit = Op(5);
  copy.durable_checkpoint = Op(2);
  copy.checkpoint_op = Op(3);
  copy.checkpoint_id = {1, 1};
  copy.flags = flag::repair;
  copy.trace = {5, 5};
  copy.checksum = {4, 4};
  EXPECT_EQ(identity_of(copy), identity_of(p));
}

TEST(Identity, CoversEverythingThatMakesTheEntry) {
  const Prepare p = some_prepare();
  const auto changed = [&](auto change) {
    Prepare other = p;
    change(other);
    return identity_of(other) != identity_of(p);
  };
  EXPECT_TRUE(changed([](Prepare& o) { o.cluster.hi ^= 1; }));
  EXPECT_TRUE(changed([](Prepare& o) { o.group = GroupId(4); }));
  EXPECT_TRUE(changed([](Prepare& o) { o.epoch = Epoch(5); }));
  EXPECT_TRUE(changed([](Prepare& o) { o.release = Release(6); }));
  EXPECT_TRUE(changed([](Prepare& o) { o.op = Op(7); }));
  EXPECT_TRUE(changed([](Prepare& o) { o.timestamp = Timestamp(8); }));
  EXPECT_TRUE(changed([](Prepare& o) { o.parent.lo ^= 1; }));
  EXPECT_TRUE(changed([](Prepare& o) { o.checksum_body.lo ^= 1; }));
  EXPECT_TRUE(changed([](Prepare& o) { o.size += 1; }));
  EXPECT_TRUE(changed([](Prepare& o) { o.request_count += 1; }));
  EXPECT_TRUE(changed([](Prepare& o) { o.operation = PrepareOperation::noop; }));
}

}  // namespace
}  // namespace keelson
