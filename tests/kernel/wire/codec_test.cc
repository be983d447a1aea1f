// Bags as bytes: what comes back, what is refused and with which reason, and what a digest of a bag covers.
#include "keelson/wire/codec.h"

#include <gtest/gtest.h>

#include "fuzz/gen/bag.h"

namespace keelson {
namespace {

using gen::Buffer;

class Codec : public testing::Test {
 protected:
  Buffer encoded(const EventBag& bag, const ReadsInFlight* reads = nullptr) {
    Buffer out(encode(bag, reads, {}));
    EXPECT_EQ(encode(bag, reads, out), out.size());
    return out;
  }
  Buffer encoded(const EffectBag& bag) {
    Buffer out(encode(bag, {}));
    EXPECT_EQ(encode(bag, out), out.size());
    return out;
  }
  MessageRef message(Command command, u64 seed = 1) {
    return copy_message(slabs_, gen::Messages(gen::seeded(seed)).of(command));
  }

  Limits limits_ = Limits::tiny();
  Slabs slabs_{limits_};
  EventBag events_{limits_};
  EventBag decoded_{limits_};
  EffectBag effects_{limits_};
  RecordedEffects recorded_{limits_};
};

TEST_F(Codec, EmptyBagsComeBackEmpty) {
  events_.now = Instant(5);
  EXPECT_EQ(decode(encoded(events_), slabs_, limits_, nullptr, decoded_), CodecError::none);
  EXPECT_EQ(decoded_.now, Instant(5));
  EXPECT_FALSE(decoded_.wall.has_value());
  EXPECT_TRUE(decoded_.empty());
  EXPECT_EQ(decode(encoded(effects_), slabs_, limits_, recorded_), CodecError::none);
  EXPECT_TRUE(recorded_.bag.empty());
}

TEST_F(Codec, EventsComeBackFieldByField) {
  events_.now = Instant(9);
  events_.wall = WallTime(10);
  events_.node.push_back(Boot{{1, 2, 3, 4}});
  events_.node.push_back(Control{ControlVerb::drain, GroupId(5), NodeId(6)});
  events_.completions.push_back({IoKind::write, IoId(7), IoStatus::no_space});
  events_.peers.push_back(
      {PeerEventKind::client_lost, Peer::client(ConnectionId(8)), {Generation(9), Incarnation(1)}, 2});
  events_.frames.push_back(
      {FrameEventKind::received, ShardId(3), {FrameKind::to_client, ConnectionId(4), message(Command::reply)}, 0});
  events_.frames.push_back({FrameEventKind::dropped, ShardId(3), {}, 12});
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::prepare)});
  const Buffer body(3, std::byte{7});
  events_.submissions.push_back({Ticket(1), GroupId(2), Operation(3), Duration(4), body});

  ASSERT_EQ(decode(encoded(events_), slabs_, limits_, nullptr, decoded_), CodecError::none);
  EXPECT_EQ(decoded_.now, Instant(9));
  EXPECT_EQ(decoded_.wall, WallTime(10));
  ASSERT_EQ(decoded_.node.size(), 2u);
  EXPECT_EQ(std::get_if<Boot>(&decoded_.node[0])->entropy, (std::array<u64, 4>{1, 2, 3, 4}));
  const Control control = *std::get_if<Control>(&decoded_.node[1]);
  EXPECT_EQ(control.verb, ControlVerb::drain);
  EXPECT_EQ(control.group, GroupId(5));
  EXPECT_EQ(control.target, NodeId(6));
  ASSERT_EQ(decoded_.completions.size(), 1u);
  EXPECT_EQ(decoded_.completions[0].id, IoId(7));
  EXPECT_EQ(decoded_.completions[0].status, IoStatus::no_space);
  ASSERT_EQ(decoded_.peers.size(), 1u);
  EXPECT_EQ(decoded_.peers[0].peer, Peer::client(ConnectionId(8)));
  EXPECT_EQ(decoded_.peers[0].life, (Life{Generation(9), Incarnation(1)}));
  EXPECT_EQ(decoded_.peers[0].count, 2u);
  ASSERT_EQ(decoded_.frames.size(), 2u);
  EXPECT_EQ(decoded_.frames[0].frame.connection, ConnectionId(4));
  EXPECT_TRUE(equal(decoded_.frames[0].frame.message.bytes(), events_.frames[0].frame.message.bytes()));
  EXPECT_FALSE(decoded_.frames[1].frame.message);
  EXPECT_EQ(decoded_.frames[1].count, 12u);
  ASSERT_EQ(decoded_.messages.size(), 1u);
  EXPECT_EQ(decoded_.messages[0].peer, Peer::node(NodeId(5)));
  EXPECT_EQ(decoded_.messages[0].shard, ShardId(6));
  EXPECT_TRUE(equal(decoded_.messages[0].message.bytes(), events_.messages[0].message.bytes()));
  ASSERT_EQ(decoded_.submissions.size(), 1u);
  EXPECT_EQ(decoded_.submissions[0].timeout, Duration(4));
}

TEST_F(Codec, SubmittedBodiesAreSlicesOfTheInput) {
  const Buffer body(5, std::byte{7});
  events_.submissions.push_back({Ticket(1), GroupId(2), Operation(3), Duration(4), body});
  const Buffer bytes = encoded(events_);
  ASSERT_EQ(decode(bytes, slabs_, limits_, nullptr, decoded_), CodecError::none);
  const Bytes got = decoded_.submissions[0].body;
  EXPECT_TRUE(equal(got, body));
  EXPECT_GE(got.data(), bytes.data());
  EXPECT_LE(got.data() + got.size(), bytes.data() + bytes.size());
}

TEST_F(Codec, EffectsComeBackWithTheirBytes) {
  const Buffer page(20, std::byte{1});
  const Buffer more(30, std::byte{2});
  const Bytes parts[] = {page, more};
  Buffer buffer(40);
  effects_.sends.push_back({Peer::node(NodeId(1)), ShardId(2), message(Command::commit)});
  effects_.writes.push_back({IoId(1), Zone::index, 4096, parts, IoClass::scrub});
  effects_.reads.push_back({IoId(2), Zone::wal, 8192, buffer, IoClass::repair});
  effects_.replies.push_back({Ticket(3), Status::busy, Outcome::not_executed, {}});
  effects_.notifications.push_back({NotifyKind::stuck, GroupId(4), 5, 6});
  effects_.closes.push_back({Peer::client(ConnectionId(7)), CloseReason::too_many_errors});
  const Buffer bytes = encoded(effects_);
  ASSERT_EQ(decode(bytes, slabs_, limits_, recorded_), CodecError::none);
  const EffectBag& bag = recorded_.bag;
  ASSERT_EQ(bag.writes.size(), 1u);
  EXPECT_EQ(bag.writes[0].zone, Zone::index);
  EXPECT_EQ(bag.writes[0].offset, 4096u);
  ASSERT_EQ(bag.writes[0].parts.size(), 1u) << "how it was gathered is nobody's business";
  EXPECT_EQ(bag.writes[0].parts[0].size(), 50u);
  EXPECT_TRUE(equal(bag.writes[0].parts[0].first(20), page));
  EXPECT_TRUE(equal(bag.writes[0].parts[0].last(30), more));
  ASSERT_EQ(bag.reads.size(), 1u);
  EXPECT_EQ(bag.reads[0].id, IoId(2));
  EXPECT_TRUE(bag.reads[0].into.empty());
  EXPECT_EQ(recorded_.read_bytes[0], 40u);
  EXPECT_EQ(bag.replies[0].status, Status::busy);
  EXPECT_EQ(bag.notifications[0].b, 6u);
  EXPECT_EQ(bag.closes[0].reason, CloseReason::too_many_errors);
  recorded_.clear();
  EXPECT_TRUE(recorded_.bag.empty());
  EXPECT_EQ(decode(bytes, slabs_, limits_, recorded_), CodecError::none) << "a bag is used again";
}

TEST_F(Codec, ABufferTooSmallIsToldTheSize) {
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::prepare)});
  const Buffer whole = encoded(events_);
  for (std::size_t room = 0; room <= whole.size(); ++room) {
    Buffer out(whole.size(), std::byte{0xaa});
    EXPECT_EQ(encode(events_, nullptr, MutableBytes(out).first(room)), whole.size());
    for (std::size_t i = room; i < out.size(); ++i) ASSERT_EQ(out[i], std::byte{0xaa}) << "wrote behind the buffer";
  }
}

TEST_F(Codec, BytesOfReadsTravelWithTheirCompletions) {
  Buffer wanted(16, std::byte{9});
  effects_.reads.push_back({IoId(4), Zone::wal, 0, wanted, IoClass::repair});
  ReadsInFlight recorder(limits_);
  recorder.issued(effects_);
  events_.completions.push_back({IoKind::read, IoId(4), IoStatus::ok});
  const Buffer bytes = encoded(events_, &recorder);

  Buffer target(16);
  EffectBag again(limits_);
  again.reads.push_back({IoId(4), Zone::wal, 0, target, IoClass::repair});
  ReadsInFlight player(limits_);
  player.issued(again);
  ASSERT_EQ(decode(bytes, slabs_, limits_, &player, decoded_), CodecError::none);
  EXPECT_EQ(target, wanted);
  player.completed(decoded_);
  EXPECT_EQ(player.size(), 0u);
  decoded_.clear();
  EXPECT_EQ(decode(bytes, slabs_, limits_, &player, decoded_), CodecError::unknown_read) << "nobody asked";
  EXPECT_EQ(decode(bytes, slabs_, limits_, nullptr, decoded_), CodecError::unknown_read);

  Buffer shorter(15);
  again.clear();
  again.reads.push_back({IoId(4), Zone::wal, 0, shorter, IoClass::repair});
  player.issued(again);
  EXPECT_EQ(decode(bytes, slabs_, limits_, &player, decoded_), CodecError::unknown_read) << "of another size";
}

TEST_F(Codec, AFailedReadCarriesNothing) {
  Buffer buffer(16, std::byte{9});
  effects_.reads.push_back({IoId(4), Zone::wal, 0, buffer, IoClass::repair});
  ReadsInFlight reads(limits_);
  reads.issued(effects_);
  events_.completions.push_back({IoKind::read, IoId(4), IoStatus::io_error});
  const Buffer bytes = encoded(events_, &reads);
  EXPECT_EQ(bytes, encoded(events_));
  EXPECT_EQ(decode(bytes, slabs_, limits_, &reads, decoded_), CodecError::none);
}

TEST_F(Codec, EveryPrefixIsTruncatedAndEveryTailTrails) {
  gen::Bags bags(gen::seeded(3), slabs_, limits_);
  bags.fill(events_);
  bags.fill(effects_);
  const auto check_cuts = [&](const Buffer& bytes, auto decoding) {
    EXPECT_EQ(decoding(Bytes(bytes)), CodecError::none);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      ASSERT_EQ(decoding(Bytes(bytes).first(size)), CodecError::truncated) << size;
    Buffer longer = bytes;
    longer.push_back(std::byte{0});
    EXPECT_EQ(decoding(Bytes(longer)), CodecError::trailing);
  };
  check_cuts(encoded(events_), [&](Bytes in) {
    decoded_.clear();
    return decode(in, slabs_, limits_, nullptr, decoded_);
  });
  check_cuts(encoded(effects_), [&](Bytes in) {
    recorded_.clear();
    return decode(in, slabs_, limits_, recorded_);
  });
}

TEST_F(Codec, SaysWhichBagItIs) {
  EXPECT_EQ(decode(encoded(effects_), slabs_, limits_, nullptr, decoded_), CodecError::kind);
  EXPECT_EQ(decode(encoded(events_), slabs_, limits_, recorded_), CodecError::kind);
  Buffer newer = encoded(events_);
  newer[0] = std::byte{bag_codec_version + 1};
  EXPECT_EQ(decode(newer, slabs_, limits_, nullptr, decoded_), CodecError::version);
}

TEST_F(Codec, ACountBeyondTheBagIsRefusedBeforeAnythingIsRead) {
  Buffer bytes = encoded(events_);
  store(bytes.data() + 19, ~u32{0});  // of node events: behind version, kind, now, wall
  EXPECT_EQ(decode(bytes, slabs_, limits_, nullptr, decoded_), CodecError::too_many);
  EXPECT_TRUE(decoded_.empty());
}

TEST_F(Codec, UnknownValuesAreRefusedAndLeaveNothing) {
  events_.peers.push_back({PeerEventKind::connected, Peer::node(NodeId(8)), {}, 2});
  const Buffer bytes = encoded(events_);
  const std::size_t peer_at = bytes.size() - 12 - (1 + 9 + 8 + 8);  // in front of it: counts of the arrays behind
  Buffer bad = bytes;
  bad[peer_at] = std::byte{5};
  EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::value);
  EXPECT_TRUE(decoded_.empty());
  bad = bytes;
  bad[peer_at + 1] = std::byte{2};
  EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::value) << "neither node nor client";
  bad = bytes;
  bad[peer_at + 5] = std::byte{1};
  EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::value) << "no node has such a number";
  bad = bytes;
  bad[10] = std::byte{2};
  EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::value) << "wall or no wall";
  bad = bytes;
  bad[11] = std::byte{2};
  EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::value) << "a time without wall";
}

TEST_F(Codec, AMessageIsProvenAgain) {
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::do_view_change)});
  const Buffer bytes = encoded(events_);
  const std::size_t size = events_.messages[0].message.size();
  const std::size_t at = bytes.size() - 4 - size;
  for (std::size_t i = 0; i < size; ++i) {
    Buffer bad = bytes;
    bad[at + i] ^= std::byte{1};
    ASSERT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::message) << i;
    ASSERT_EQ(slabs_.in_use(), 1u);
  }
  EventBag none(limits_);
  none.messages.push_back({Peer::node(NodeId(5)), ShardId(6), {}});
  EXPECT_EQ(decode(encoded(none), slabs_, limits_, nullptr, decoded_), CodecError::message) << "an envelope holds one";
}

TEST_F(Codec, AMessageHasTheSizeOfOne) {
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::commit)});
  const Buffer bytes = encoded(events_);
  const std::size_t at = bytes.size() - 4 - header_size - 4;  // of its size
  for (const u32 size : {1u, 4u, 100u, header_size - 1}) {
    Buffer bad = bytes;
    store(bad.data() + at, size);
    EXPECT_EQ(decode(bad, slabs_, limits_, nullptr, decoded_), CodecError::message) << size;
  }
  const auto of_size = [&](u32 size) {
    Buffer large(size);
    Request header = as<Request>(gen::Messages(gen::seeded(1)).of(Command::request).data());
    store(large.data(), header);
    gen::reseal(large);
    EventBag bag(limits_);
    bag.messages.push_back({Peer::client(ConnectionId(5)), ShardId(6), copy_message(slabs_, large)});
    decoded_.clear();
    return decode(encoded(bag), slabs_, limits_, nullptr, decoded_);
  };
  EXPECT_EQ(of_size(limits_.message_size_max), CodecError::none);
  EXPECT_EQ(of_size(limits_.message_size_max + 1), CodecError::message);
}

TEST_F(Codec, AFullBagComesBack) {
  while (!events_.completions.full()) events_.completions.push_back({IoKind::write, IoId(7), IoStatus::ok});
  while (!events_.peers.full())
    events_.peers.push_back({PeerEventKind::connected, Peer::node(NodeId(0xffff)), {Generation(9), Incarnation(1)}, 2});
  EXPECT_EQ(decode(encoded(events_), slabs_, limits_, nullptr, decoded_), CodecError::none);
  EXPECT_TRUE(decoded_.completions.full());
  EXPECT_TRUE(decoded_.peers.full());
  EXPECT_EQ(decoded_.peers.back().peer, Peer::node(NodeId(0xffff)));
}

TEST_F(Codec, CompletionsOfOthersLeaveReadsInFlight) {
  Buffer buffer(16);
  effects_.reads.push_back({IoId(4), Zone::wal, 0, buffer, IoClass::repair});
  ReadsInFlight reads(limits_);
  reads.issued(effects_);
  events_.completions.push_back({IoKind::write, IoId(4), IoStatus::ok});
  events_.completions.push_back({IoKind::read, IoId(5), IoStatus::ok});
  reads.completed(events_);
  EXPECT_EQ(reads.size(), 1u);
  ASSERT_NE(reads.find(IoId(4)), nullptr);
  EXPECT_EQ(reads.find(IoId(5)), nullptr);
}

TEST_F(Codec, StorageRecordsAreNoMessages) {
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::group_state)});
  EXPECT_EQ(decode(encoded(events_), slabs_, limits_, nullptr, decoded_), CodecError::message);
}

TEST_F(Codec, AnExhaustedPoolIsAnError) {
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::commit)});
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::commit)});
  Limits one = limits_;
  one.slabs_small = 1;
  one.slabs_page = one.slabs_batch = one.slabs_message = 0;
  Slabs small(one);
  EXPECT_EQ(decode(encoded(events_), small, limits_, nullptr, decoded_), CodecError::no_slab);
  EXPECT_EQ(small.in_use(), 0u);
}

TEST_F(Codec, DigestsCoverWhatABagSays) {
  Buffer page(64, std::byte{1});
  const Bytes parts[] = {page};
  const Bytes halves[] = {Bytes(page).first(20), Bytes(page).last(44)};
  const auto digest = [&](const Write& write) {
    EffectBag bag(limits_);
    bag.writes.push_back(write);
    return content_digest(bag);
  };
  const Write write{IoId(1), Zone::wal, 4096, parts, IoClass::wal};
  Write other = write;
  other.parts = halves;
  EXPECT_EQ(digest(write), digest(other)) << "gathered in another way";
  const Digest before = digest(write);
  page[50] ^= std::byte{1};
  EXPECT_NE(digest(write), before);
  page[50] ^= std::byte{1};
  other = write;
  other.offset += 4096;
  EXPECT_NE(digest(other), before);
  other = write;
  other.zone = Zone::index;
  EXPECT_NE(digest(other), before);

  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::prepare, 1)});
  const Digest one_message = content_digest(events_);
  events_.messages.clear();
  EXPECT_NE(content_digest(events_), one_message);
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::prepare, 2)});
  EXPECT_NE(content_digest(events_), one_message);
  events_.messages.clear();
  events_.messages.push_back({Peer::node(NodeId(5)), ShardId(6), message(Command::prepare, 1)});
  EXPECT_EQ(content_digest(events_), one_message) << "another slab, the same bytes";
  events_.now = Instant(1);
  EXPECT_NE(content_digest(events_), one_message);
}

}  // namespace
}  // namespace keelson
