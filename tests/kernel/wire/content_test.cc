// Field rules and body structure of every command but those with suffixes: each rule broken once, by itself.
#include <gtest/gtest.h>

#include "tests/kernel/wire/broken_message.h"

namespace keelson {
namespace {

TEST(Content, AValidMessageOfEveryCommandPasses) {
  for (const Command command : gen::wire_commands())
    for (u64 seed = 0; seed < 50; ++seed)
      EXPECT_EQ(validate_content(valid(command, seed), limits), Reject::none) << name_of(command) << " seed " << seed;
}

TEST(Content, AStoredRecordIsNoMessage) {
  for (const Command command : gen::all_commands()) {
    if (info(command)->author != Author::storage) continue;
    EXPECT_EQ(validate_content(valid(command), limits), Reject::command) << name_of(command);
  }
}

TEST(Content, ProtocolMessagesNameAGroupAnEpochAndAReplica) {
  const auto each = [](auto check_command) {
    check_command(std::type_identity<Prepare>());
    check_command(std::type_identity<PrepareOk>());
    check_command(std::type_identity<Commit>());
    check_command(std::type_identity<StartViewChange>());
    check_command(std::type_identity<DoViewChange>());
    check_command(std::type_identity<StartView>());
    check_command(std::type_identity<GetView>());
    check_command(std::type_identity<GetHeaders>());
    check_command(std::type_identity<Headers>());
    check_command(std::type_identity<GetPrepares>());
    check_command(std::type_identity<Unavailable>());
    check_command(std::type_identity<GetManifest>());
    check_command(std::type_identity<Manifest>());
    check_command(std::type_identity<GetSection>());
    check_command(std::type_identity<Section>());
  };
  each([]<class T>(std::type_identity<T>) {
    SCOPED_TRACE(name_of(T::command_of));
    EXPECT_EQ(after<T>([](T& h, Buffer&) { h.group = no_group; }), Reject::field);
    EXPECT_EQ(after<T>([](T& h, Buffer&) { h.epoch = Epoch(0); }), Reject::field);
    EXPECT_EQ(after<T>([](T& h, Buffer&) { h.replica = ReplicaIndex(6); }), Reject::field);
    EXPECT_EQ(after<T>([](T& h, Buffer&) { h.replica = ReplicaIndex(254); }), Reject::field);
  });
}

TEST(Content, Beat) {
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) { h.group = GroupId(1); }), Reject::field);
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) { h.free_permille = 1001; }), Reject::field);
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) { h.clock_state = 2; }), Reject::field);
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) { h.count += 1; }), Reject::field);
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) { h.count += 1u << 26; }), Reject::field) << "count x 64 must not wrap";
}

Reject with_entry(Command command, void (*change)(GroupEntry&)) {
  for (u64 seed = 1;; ++seed) {
    Buffer message = valid(command, seed);
    if (message.size() == header_size) continue;
    auto entry = load<GroupEntry>(message.data() + header_size);
    change(entry);
    store(message.data() + header_size, entry);
    gen::reseal(message);
    return validate_content(message, limits);
  }
}

TEST(Content, BeatsCarryOnlyWhatANewerOneMayReplace) {
  for (u8 kind = 0; kind < 20; ++kind) {
    static u8 wanted;
    wanted = kind;
    const auto set = [](GroupEntry& e) { e.kind = static_cast<EntryKind>(wanted); };
    const bool replaceable = kind == 2 || kind == 6;
    EXPECT_EQ(with_entry(Command::beat, set), replaceable ? Reject::none : Reject::body) << int{kind};
    EXPECT_EQ(with_entry(Command::entries, set), kind >= 1 && kind <= 7 ? Reject::none : Reject::body) << int{kind};
  }
}

TEST(Content, Entries) {
  EXPECT_EQ(after<Entries>([](Entries& h, Buffer&) { h.group = GroupId(1); }), Reject::field);
  EXPECT_EQ(after<Entries>([](Entries& h, Buffer&) { h.count += 1; }), Reject::field);
  EXPECT_EQ(after<Entries>([](Entries& h, Buffer&) { h.count = 0; }), Reject::field);
  EXPECT_EQ(with_entry(Command::entries, [](GroupEntry& e) { e.group = no_group; }), Reject::body);
  EXPECT_EQ(with_entry(Command::entries, [](GroupEntry& e) { e.epoch = Epoch(0); }), Reject::body);
  EXPECT_EQ(with_entry(Command::entries, [](GroupEntry& e) { e.flags = 1; }), Reject::body);
  EXPECT_EQ(with_entry(Command::entries, [](GroupEntry& e) { e.reserved = 1; }), Reject::body);
}

TEST(Content, AnAckSpeaksForOpsAboveTheRoot) {
  const auto ack = [](void (*change)(GroupEntry&)) {
    static void (*apply)(GroupEntry&);
    apply = change;
    return with_entry(Command::entries, [](GroupEntry& e) {
      e.kind = EntryKind::ack;
      e.op = Op(5);
      e.round = 4;
      apply(e);
    });
  };
  EXPECT_EQ(ack([](GroupEntry&) {}), Reject::none);
  EXPECT_EQ(ack([](GroupEntry& e) { e.round = 5; }), Reject::body);
  EXPECT_EQ(ack([](GroupEntry& e) { e.op = Op(0); }), Reject::body);
  EXPECT_EQ(ack([](GroupEntry& e) { e.identity = Digest(); }), Reject::body);
}

TEST(Content, Request) {
  const auto ask = [](u16 operation, auto change) {
    return after<Request>([&](Request& h, Buffer&) {
      h.client = {1, 1};
      h.session = SessionId(1);
      h.request = RequestNo(1);
      h.ack_floor = RequestNo(0);
      h.operation = Operation(operation);
      change(h);
    });
  };
  const auto as_is = [](Request&) {};
  const auto as_register = [](Request& h) {
    h.session = SessionId(0);
    h.request = RequestNo(0);
  };
  EXPECT_EQ(ask(0x200, [](Request& h) { h.group = no_group; }), Reject::field);
  EXPECT_EQ(ask(0x200, [](Request& h) { h.client = ClientId(); }), Reject::field);
  EXPECT_EQ(ask(0x200, [](Request& h) { h.session = SessionId(0); }), Reject::field);
  EXPECT_EQ(ask(0x200, [](Request& h) { h.request = RequestNo(0); }), Reject::field);
  EXPECT_EQ(ask(1, as_register), Reject::none);
  EXPECT_EQ(ask(1, as_is), Reject::field) << "registering is request 0 of no session";
  EXPECT_EQ(ask(1, [](Request& h) { h.request = RequestNo(0); }), Reject::field);
  EXPECT_EQ(ask(1, [](Request& h) { h.session = SessionId(0); }), Reject::field);
  for (const u16 operation : std::initializer_list<u16>{2, 3, 0x100, 0x1ff, 0x203, 0xffff})
    EXPECT_EQ(ask(operation, as_is), Reject::none);
  for (u16 reserved = 4; reserved < 0x100; ++reserved) EXPECT_EQ(ask(reserved, as_is), Reject::field) << reserved;
  EXPECT_EQ(ask(0, as_is), Reject::field);
  EXPECT_EQ(ask(0, as_register), Reject::field);
}

TEST(Content, Reply) {
  EXPECT_EQ(after<Reply>([](Reply& h, Buffer&) { h.group = no_group; }), Reject::field);
  EXPECT_EQ(after<Reply>([](Reply& h, Buffer&) { h.client = ClientId(); }), Reject::field);
  EXPECT_EQ(after<Reply>([](Reply& h, Buffer&) { h.status = 0xffff; }), Reject::none) << "of a newer release";
}

u64 batch_seed(u32 requests_min) {
  return seed_where<Prepare>([&](const Prepare& h, const Buffer& message) {
    return h.request_count >= requests_min && load<RequestFrame>(message.data() + header_size).body_size % 16 == 5;
  });
}

TEST(Content, Prepare) {
  const u64 seed = batch_seed(2);
  const auto broken = [&](auto change) { return after<Prepare>([&](Prepare& h, Buffer&) { change(h); }, seed); };
  EXPECT_EQ(broken([](Prepare&) {}), Reject::none);
  EXPECT_EQ(broken([](Prepare& h) { h.commit = h.op; }), Reject::none);
  EXPECT_EQ(broken([](Prepare& h) { h.commit = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](Prepare& h) { h.checkpoint_op = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](Prepare& h) { h.durable_checkpoint = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](Prepare& h) {
              h.op = Op(0);
              h.commit = Op(0);
            }),
            Reject::field)
      << "only the root is op 0";
  EXPECT_EQ(broken([](Prepare& h) { h.parent = Digest(); }), Reject::field);
  for (const u8 flags : {entry_flag::stub, entry_flag::lost, entry_flag::suspect, entry_flag::blank})
    EXPECT_EQ(broken([&](Prepare& h) { h.entry_flags = flags; }), Reject::field) << "whole prepares have no form";
  for (u16 operation = 0; operation < 12; ++operation)
    EXPECT_EQ(broken([&](Prepare& h) { h.operation = static_cast<PrepareOperation>(operation); }),
              operation == 2 ? Reject::none : Reject::field)
        << operation;
  EXPECT_EQ(broken([](Prepare& h) { h.request_count = 0; }), Reject::field);
  EXPECT_EQ(broken([](Prepare& h) { h.request_count = limits.batch_requests_max + 1; }), Reject::field);
  EXPECT_EQ(broken([](Prepare& h) { h.request_count = ~u32{0}; }), Reject::field);
  EXPECT_NE(broken([](Prepare& h) { h.request_count -= 1; }), Reject::none);
}

TEST(Content, APrepareIsTheEntryItsIdentitySays) {
  Buffer message = valid(Command::prepare, batch_seed(1));
  Prepare header = as<Prepare>(message.data());
  header.identity.hi ^= 1;
  store(message.data(), header);
  store(message.data(), header_checksum(message.data()));
  EXPECT_EQ(validate_body(message), Reject::none);
  EXPECT_EQ(validate_content(message, limits), Reject::body);
}

TEST(Content, OperationsWithoutRequestsHaveNoBody) {
  const u64 seed = seed_where<Prepare>([](const Prepare& h, const Buffer&) { return h.request_count == 0; });
  EXPECT_EQ(after<Prepare>([](Prepare&, Buffer& m) { m.resize(m.size() + 16); }, seed), Reject::field);
  EXPECT_EQ(after<Prepare>(
                [](Prepare& h, Buffer& m) {
                  h.request_count = 1;
                  m.resize(m.size() + 64);
                },
                seed),
            Reject::field);
}

TEST(Content, TheRootPrepare) {
  const auto root = [](auto change) {
    return after<Prepare>([&](Prepare& h, Buffer& m) {
      m.resize(header_size);
      h.op = h.commit = Op(0);
      h.parent = Digest();
      h.timestamp = Timestamp();
      h.request_count = 0;
      h.operation = PrepareOperation::root;
      change(h, m);
    });
  };
  EXPECT_EQ(root([](Prepare&, Buffer&) {}), Reject::none);
  EXPECT_EQ(root([](Prepare& h, Buffer&) { h.op = Op(1); }), Reject::field);
  EXPECT_EQ(root([](Prepare& h, Buffer&) { h.parent = {1, 0}; }), Reject::field);
  EXPECT_EQ(root([](Prepare& h, Buffer&) { h.timestamp = Timestamp(1); }), Reject::field);
  EXPECT_EQ(root([](Prepare&, Buffer& m) { m.resize(m.size() + 64); }), Reject::field);
}

// What a component of the primary itself asks for.
void make_internal(RequestFrame& frame, u16 operation) {
  const u32 size = frame.body_size;
  frame = RequestFrame();
  frame.body_size = size;
  frame.operation = Operation(operation);
}

// Changes the first frame, then makes every checksum right again.
Reject with_frame(void (*change)(RequestFrame&), bool reseal_bodies = true) {
  Buffer message = valid(Command::prepare, batch_seed(2));
  auto frame = load<RequestFrame>(message.data() + header_size);
  change(frame);
  store(message.data() + header_size, frame);
  if (reseal_bodies)
    gen::reseal(message);
  else
    gen::seal_buffer(message);
  return validate_content(message, limits);
}

TEST(Content, FramesObeyTheRulesOfRequests) {
  EXPECT_EQ(with_frame([](RequestFrame&) {}), Reject::none);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.reserved = 1; }), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.operation = Operation(0); }), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.operation = Operation(0x50); }), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { make_internal(f, 0x300); }), Reject::none)
      << "client 0 is a component of the primary";
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f, 0x300);
              f.session = SessionId(1);
            }),
            Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f, 0x300);
              f.request = RequestNo(1);
            }),
            Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f, 0x300);
              f.operation = operation_register;
            }),
            Reject::body);
}

TEST(Content, FramesAndBodiesFillTheMessageExactly) {
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.body_checksum.lo ^= 1; }, false), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.body_size += 16; }), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.body_size = ~u32{0}; }), Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) { f.body_size = ~u32{0} - 14; }), Reject::body) << "padding must not wrap";
  const u64 seed = batch_seed(2);
  EXPECT_EQ(after<Prepare>([](Prepare&, Buffer& m) { m.resize(m.size() + 16); }, seed), Reject::body);
  EXPECT_EQ(after<Prepare>([](Prepare&, Buffer& m) { m.resize(m.size() - 1); }, seed), Reject::body);
}

TEST(Content, PaddingOfBodiesIsZero) {
  Buffer message = valid(Command::prepare, batch_seed(1));
  const auto header = as<Prepare>(message.data());
  const auto frame = load<RequestFrame>(message.data() + header_size);
  const std::size_t end = header_size + header.request_count * sizeof(RequestFrame) + frame.body_size;
  for (std::size_t pad = 0; pad < 11; ++pad) {
    Buffer dirty = message;
    dirty[end + pad] = std::byte{1};
    EXPECT_EQ(validate_body(dirty), Reject::none);
    EXPECT_EQ(validate_content(dirty, limits), Reject::body) << pad;
  }
}

TEST(Content, PrepareOk) {
  const auto broken = [](auto change) { return after<PrepareOk>([&](PrepareOk& h, Buffer&) { change(h); }); };
  EXPECT_EQ(broken([](PrepareOk& h) { h.identity = Digest(); }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.op_from = Op(0); }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.op_from = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.op = h.head + 1; }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.commit_min = h.head + 1; }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.checkpoint_op = h.commit_min + 1; }), Reject::field);
  EXPECT_EQ(broken([](PrepareOk& h) { h.free_permille = 1001; }), Reject::field);
}

TEST(Content, Commit) {
  EXPECT_EQ(after<Commit>([](Commit& h, Buffer&) { h.checkpoint_op = h.commit + 1; }), Reject::field);
  EXPECT_EQ(after<Commit>([](Commit& h, Buffer&) { h.durable_checkpoint = h.commit + 1; }), Reject::field);
}

TEST(Content, OnlyATransferNamesATarget) {
  const auto vote = [](u8 flags, u32 target) {
    return after<StartViewChange>([&](StartViewChange& h, Buffer&) {
      h.flags = flags;
      h.target_view = View(target);
    });
  };
  EXPECT_EQ(vote(0, 0), Reject::none);
  EXPECT_EQ(vote(flag::transfer, 3), Reject::none);
  EXPECT_EQ(vote(0, 3), Reject::field);
  EXPECT_EQ(vote(flag::transfer, 0), Reject::field);
}

TEST(Content, GetViewAsksWithANonce) {
  EXPECT_EQ(after<GetView>([](GetView& h, Buffer&) { h.nonce = Nonce(); }), Reject::field);
}

TEST(Content, GetHeaders) {
  EXPECT_EQ(after<GetHeaders>([](GetHeaders& h, Buffer&) { h.op_min = h.op_max; }), Reject::none);
  EXPECT_EQ(after<GetHeaders>([](GetHeaders& h, Buffer&) { h.op_min = h.op_max + 1; }), Reject::field);
}

TEST(Content, GetPrepares) {
  EXPECT_EQ(after<GetPrepares>([](GetPrepares& h, Buffer&) { h.count += 1; }), Reject::field);
  EXPECT_EQ(after<GetPrepares>([](GetPrepares& h, Buffer&) { h.count += 1u << 29; }), Reject::field);
  EXPECT_EQ(after<GetPrepares>([](GetPrepares& h, Buffer& m) {
              h.count = 0;
              m.resize(header_size);
            }),
            Reject::field);
  const auto wanted = [](OpIdentity identity) {
    return after<GetPrepares>([&](GetPrepares&, Buffer& m) { store(m.data() + header_size, identity); });
  };
  EXPECT_EQ(wanted({Op(1), {1, 1}}), Reject::none);
  EXPECT_EQ(wanted({Op(0), {1, 1}}), Reject::body);
  EXPECT_EQ(wanted({Op(1), {}}), Reject::body);
}

TEST(Content, Unavailable) {
  for (u16 what = 0; what < 8; ++what)
    EXPECT_EQ(after<Unavailable>([&](Unavailable& h, Buffer&) { h.what = static_cast<Unavailability>(what); }),
              what >= 1 && what <= 3 ? Reject::none : Reject::field);
}

TEST(Content, UnavailableIsAboutAnOpOrACheckpoint) {
  const auto about = [](Op op, Digest id) {
    return after<Unavailable>([&](Unavailable& h, Buffer&) {
      h.op = op;
      h.checkpoint_id = id;
    });
  };
  EXPECT_EQ(about(Op(3), {}), Reject::none);
  EXPECT_EQ(about(Op(), {1, 2}), Reject::none);
  EXPECT_EQ(about(Op(3), {1, 2}), Reject::field);
}

TEST(Content, OnlyADamagedCheckpointHasASectionThatIsUnavailable) {
  const auto about = [](Unavailability what, Digest id) {
    return after<Unavailable>([&](Unavailable& h, Buffer&) {
      h.what = what;
      h.checkpoint_id = id;
      h.section = 4;
    });
  };
  EXPECT_EQ(about(Unavailability::damaged, {1, 2}), Reject::none);
  EXPECT_EQ(about(Unavailability::unknown, {1, 2}), Reject::field);
  EXPECT_EQ(about(Unavailability::damaged, {}), Reject::field);
}

TEST(Content, PartsOfACheckpointNameIt) {
  EXPECT_EQ(after<GetManifest>([](GetManifest& h, Buffer&) { h.checkpoint_op = Op(); }), Reject::field);
  EXPECT_EQ(after<GetManifest>([](GetManifest& h, Buffer&) { h.checkpoint_id = {}; }), Reject::field);
  EXPECT_EQ(after<Manifest>([](Manifest& h, Buffer&) { h.checkpoint_op = Op(); }), Reject::field);
  EXPECT_EQ(after<Manifest>([](Manifest& h, Buffer&) { h.checkpoint_id = {}; }), Reject::field);
  EXPECT_EQ(after<Manifest>([](Manifest& h, Buffer&) { h.part = h.parts; }), Reject::field);
  EXPECT_EQ(after<GetSection>([](GetSection& h, Buffer&) { h.checkpoint_id = {}; }), Reject::field);
  EXPECT_EQ(after<Section>([](Section& h, Buffer&) { h.checkpoint_id = {}; }), Reject::field);
  const auto bytes_end = [](u32 beyond) {
    return after<Section>(
        [&](Section& h, Buffer& m) { h.total = h.offset + static_cast<u32>(m.size() - header_size) - beyond; });
  };
  EXPECT_EQ(bytes_end(0), Reject::none);
  EXPECT_EQ(bytes_end(1), Reject::field);
  EXPECT_EQ(after<Section>([](Section& h, Buffer&) { h.offset = ~u32{0}; }), Reject::field) << "must not wrap";
}

// The largest and smallest values that each rule still takes.
TEST(ContentEdge, OfBeatsAndRequests) {
  EXPECT_EQ(after<Beat>([](Beat& h, Buffer&) {
              h.free_permille = 1000;
              h.clock_state = 1;
            }),
            Reject::none);
  EXPECT_EQ(with_frame([](RequestFrame& f) { make_internal(f, 0x100); }), Reject::none);
  EXPECT_EQ(with_frame([](RequestFrame& f) { make_internal(f, 0xff); }), Reject::body);
}

TEST(ContentEdge, OfPrepares) {
  const u64 bare = seed_where<Prepare>([](const Prepare& h, const Buffer&) { return h.request_count == 0; });
  const auto at_zero = [&](PrepareOperation operation) {
    return after<Prepare>(
        [&](Prepare& h, Buffer&) {
          h.operation = operation;
          h.op = h.commit = Op(0);
        },
        bare);
  };
  EXPECT_EQ(at_zero(PrepareOperation::noop), Reject::field);
  EXPECT_EQ(at_zero(PrepareOperation::pulse), Reject::field);
  const auto numbered_one = [](Prepare& h, Buffer&) {
    h.op = Op(1);
    h.commit = h.checkpoint_op = h.durable_checkpoint = Op(1);
  };
  EXPECT_EQ(after<Prepare>(numbered_one, bare), Reject::none);
  EXPECT_EQ(after<Prepare>(numbered_one, batch_seed(1)), Reject::none);
  const u64 full =
      seed_where<Prepare>([](const Prepare& h, const Buffer&) { return h.request_count == limits.batch_requests_max; });
  EXPECT_EQ(after<Prepare>([](Prepare&, Buffer&) {}, full), Reject::none);
  // Frames without bodies: the message ends with the last frame.
  EXPECT_EQ(after<Prepare>(
                [](Prepare& h, Buffer& m) {
                  h.request_count = 1;
                  RequestFrame frame = load<RequestFrame>(m.data() + header_size);
                  frame.body_size = 0;
                  store(m.data() + header_size, frame);
                  m.resize(header_size + sizeof frame);
                },
                batch_seed(1)),
            Reject::none);
}

TEST(ContentEdge, OfAcksAndCommits) {
  EXPECT_EQ(after<PrepareOk>([](PrepareOk& h, Buffer&) {
              h.op_from = h.op = h.head = h.commit_min = h.checkpoint_op = Op(1);
              h.free_permille = 1000;
            }),
            Reject::none);
  EXPECT_EQ(after<Commit>([](Commit& h, Buffer&) { h.checkpoint_op = h.durable_checkpoint = h.commit; }), Reject::none);
  EXPECT_EQ(after<Commit>([](Commit& h, Buffer&) { h.commit = h.checkpoint_op = h.durable_checkpoint = Op(0); }),
            Reject::none);
}

}  // namespace
}  // namespace keelson
