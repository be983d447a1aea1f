// Field rules and body structure of every command: each rule broken once, by itself, with all checksums right.
#include <gtest/gtest.h>

#include "keelson/wire/validate.h"

#include "fuzz/gen/message.h"

namespace keelson {
namespace {

using gen::Buffer;

const Limits limits = Limits::tiny();

Buffer valid(Command command, u64 seed = 1) { return gen::Messages(gen::seeded(seed)).of(command); }

// The verdict on a valid message after one change to its header. Every checksum and identity is right again.
template <HeaderView T, class Change>
Reject after(Change change, u64 seed = 1) {
  Buffer message = valid(T::command_of, seed);
  T header = as<T>(message.data());
  change(header, message);
  store(message.data(), header);
  gen::reseal(message);
  return validate_content(message, limits);
}

// The same for the n-th 256-byte entry of the body.
template <HeaderView T, class Change>
Reject after_entry(std::size_t n, Change change, u64 seed = 1) {
  return after<T>(
      [&](T&, Buffer& message) {
        std::byte* at = message.data() + header_size * (n + 1);
        Prepare entry = as<Prepare>(at);
        change(entry);
        store(at, entry);
      },
      seed);
}

// A seed whose message has what a test needs.
template <HeaderView T, class Wanted>
u64 seed_where(Wanted wanted) {
  for (u64 seed = 1; seed < 10'000; ++seed) {
    const Buffer message = valid(T::command_of, seed);
    if (wanted(as<T>(message.data()), message)) return seed;
  }
  ADD_FAILURE() << "no seed gives such a " << name_of(T::command_of);
  return 1;
}

Prepare entry_of(const Buffer& message, std::size_t n) { return as<Prepare>(message.data() + header_size * (n + 1)); }

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
  const auto internal = [](RequestFrame& f) {
    const u32 size = f.body_size;
    f = RequestFrame();
    f.body_size = size;
    f.operation = Operation(0x300);
  };
  static void (*make_internal)(RequestFrame&) = internal;
  EXPECT_EQ(with_frame(internal), Reject::none) << "client 0 is a component of the primary";
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f);
              f.session = SessionId(1);
            }),
            Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f);
              f.request = RequestNo(1);
            }),
            Reject::body);
  EXPECT_EQ(with_frame([](RequestFrame& f) {
              make_internal(f);
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

TEST(Content, DoViewChange) {
  const u64 seed = seed_where<DoViewChange>([](const DoViewChange& h, const Buffer&) {
    return h.header_count == 3 && h.op.raw() > 100 && h.log_view < h.view && h.commit_min.raw() > 0;
  });
  const auto broken = [&](auto change) {
    return after<DoViewChange>([&](DoViewChange& h, Buffer& m) { change(h, m); }, seed);
  };
  EXPECT_EQ(broken([](DoViewChange&, Buffer&) {}), Reject::none);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.header_count = 0; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.header_count = 2; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.header_count = 4; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.header_count = 3 + (1u << 24); }), Reject::field);
  for (u64 DoViewChange::*set : {&DoViewChange::present, &DoViewChange::nack, &DoViewChange::suspect}) {
    EXPECT_EQ(broken([&](DoViewChange& h, Buffer&) { h.*set = 0b111; }), Reject::none);
    for (u32 bit = 3; bit < 64; ++bit)
      EXPECT_EQ(broken([&](DoViewChange& h, Buffer&) { h.*set = u64{1} << bit; }), Reject::field) << bit;
  }
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.commit_max = h.commit_min - 1; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.commit_min = h.commit_max = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.checkpoint_op = h.commit_min + 1; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.log_view = h.view + 1; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.tail = 2; }), Reject::field);
  EXPECT_EQ(broken([](DoViewChange& h, Buffer&) { h.op = h.op + 1; }), Reject::body) << "entry 0 is op";
}

TEST(Content, ASuffixNeverReachesBelowTheRoot) {
  const u64 seed = seed_where<DoViewChange>([](const DoViewChange& h, const Buffer&) { return h.header_count == 2; });
  EXPECT_EQ(after<DoViewChange>(
                [](DoViewChange& h, Buffer& m) {
                  h.op = h.commit_min = h.commit_max = h.checkpoint_op = Op(0);
                  Prepare entry = entry_of(m, 0);
                  entry.op = Op(0);
                  store(m.data() + header_size, entry);
                  store(m.data() + 2 * header_size, entry);
                },
                seed),
            Reject::field);
}

TEST(Content, SixtyFourEntriesFillTheSets) {
  Limits wide = limits;
  wide.pipeline_max = 63;
  wide.message_size_max = 65 * 256 + 256;
  for (u64 seed = 1;; ++seed) {
    Buffer message = gen::Messages(gen::seeded(seed), wide).of(Command::do_view_change);
    DoViewChange header = as<DoViewChange>(message.data());
    if (header.header_count != 64) continue;
    header.present = header.nack = header.suspect = ~u64{0};
    store(message.data(), header);
    gen::reseal(message);
    EXPECT_EQ(validate_content(message, wide), Reject::none);
    // One more than the sets have bits.
    header.header_count = 65;
    store(message.data(), header);
    message.insert(message.end(), message.end() - header_size, message.end());
    gen::reseal(message);
    EXPECT_EQ(validate_content(message, wide), Reject::field);
    break;
  }
}

template <class Wanted>
u64 dvc_seed(Wanted wanted) {
  return seed_where<DoViewChange>(
      [&](const DoViewChange& h, const Buffer& m) { return h.header_count >= 2 && wanted(entry_of(m, 0)); });
}
bool is_full(const Prepare& e) { return e.entry_flags == 0 && e.operation == PrepareOperation::batch; }
bool is_stub(const Prepare& e) { return e.entry_flags == entry_flag::stub; }
bool is_blank(const Prepare& e) { return e.entry_flags == entry_flag::blank; }

TEST(Content, EntriesOfASuffixPassTheStepsOfHeaders) {
  const u64 seed = dvc_seed(is_full);
  const auto broken = [&](auto change) { return after_entry<DoViewChange>(0, change, seed); };
  EXPECT_EQ(broken([](Prepare&) {}), Reject::none);
  EXPECT_EQ(broken([](Prepare& e) { e.command = Command::prepare_ok; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.protocol = 2; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.cluster = {3, 3}; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.group = GroupId(77); }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.epoch = Epoch(2); }), Reject::body) << "of a later epoch than its teller's";
  EXPECT_EQ(broken([](Prepare& e) { e.epoch = Epoch(0); }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.reserved = 1; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.flags = 0x80; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.size = 255; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.size = limits.message_size_max + 1; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.size = 256 + 63; }), Reject::body) << "too small for its frame";
  EXPECT_EQ(broken([](Prepare& e) { e.op = e.op + 1; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.commit = e.op + 1; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.operation = PrepareOperation::none; }), Reject::body);
  EXPECT_EQ(broken([](Prepare& e) { e.operation = PrepareOperation::seal; }), Reject::body);
}

TEST(Content, ADamagedEntrySpoilsItsMessage) {
  Buffer message = valid(Command::do_view_change, dvc_seed(is_full));
  for (std::size_t bit = 0; bit < 8 * header_size; ++bit) {
    Buffer damaged = message;
    damaged[header_size + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    gen::seal_buffer(damaged);
    ASSERT_EQ(validate_content(damaged, limits), Reject::body) << bit;
  }
}

TEST(Content, AFullEntryIsTheOneItsIdentitySays) {
  Buffer message = valid(Command::do_view_change, dvc_seed(is_full));
  Prepare entry = entry_of(message, 0);
  entry.identity.lo ^= 1;
  store(message.data() + header_size, entry);
  store(message.data() + header_size, header_checksum(message.data() + header_size));
  gen::seal_buffer(message);
  EXPECT_EQ(validate_content(message, limits), Reject::body);
}

TEST(Content, FormsOfEntries) {
  const auto form = [](bool (*wanted)(const Prepare&), auto change) {
    return after_entry<DoViewChange>(0, change, dvc_seed(wanted));
  };
  EXPECT_EQ(form(is_stub, [](Prepare&) {}), Reject::none);
  EXPECT_EQ(form(is_stub, [](Prepare& e) { e.identity = Digest(); }), Reject::body);
  EXPECT_EQ(form(is_stub, [](Prepare& e) { e.operation = PrepareOperation::batch; }), Reject::body);
  EXPECT_EQ(form(is_stub, [](Prepare& e) { e.request_count = 1; }), Reject::body);
  EXPECT_EQ(form(is_blank, [](Prepare&) {}), Reject::none);
  EXPECT_EQ(form(is_blank, [](Prepare& e) { e.identity = {1, 1}; }), Reject::body);
  EXPECT_EQ(form(is_blank, [](Prepare& e) { e.parent = {1, 1}; }), Reject::body);
  EXPECT_EQ(form(is_blank, [](Prepare& e) { e.operation = PrepareOperation::noop; }), Reject::body);
  for (unsigned flags = 1; flags < 256; ++flags)
    EXPECT_EQ(form(is_full, [&](Prepare& e) { e.entry_flags = static_cast<u8>(flags); }), Reject::body) << flags;
  for (const u8 damage : {entry_flag::lost, entry_flag::suspect}) {
    EXPECT_EQ(form(is_stub, [&](Prepare& e) { e.entry_flags |= damage; }), Reject::body) << "never on the wire";
    EXPECT_EQ(form(is_blank, [&](Prepare& e) { e.entry_flags |= damage; }), Reject::body) << "never on the wire";
  }
}

TEST(Content, StartView) {
  const u64 seed = seed_where<StartView>([](const StartView& h, const Buffer& m) {
    return h.header_count == 3 && h.commit.raw() > 1 && entry_of(m, 2).entry_flags == 0;
  });
  const auto broken = [&](auto change) {
    return after<StartView>([&](StartView& h, Buffer& m) { change(h, m); }, seed);
  };
  EXPECT_EQ(broken([](StartView&, Buffer&) {}), Reject::none);
  EXPECT_EQ(broken([](StartView& h, Buffer&) { h.commit = h.op + 1; }), Reject::field);
  EXPECT_EQ(broken([](StartView& h, Buffer&) { h.checkpoint_op = h.commit + 1; }), Reject::field);
  EXPECT_EQ(broken([](StartView& h, Buffer&) { h.durable_checkpoint = h.commit + 1; }), Reject::field);
  EXPECT_EQ(broken([](StartView& h, Buffer&) { h.header_count = 2; }), Reject::field);
  EXPECT_EQ(broken([](StartView& h, Buffer&) {
              h.commit = h.commit - 1;
              h.checkpoint_op = h.durable_checkpoint = Op(0);
            }),
            Reject::field)
      << "uncommitted ops without a header";
  EXPECT_EQ(broken([](StartView& h, Buffer& m) {
              h.header_count = 2;
              m.resize(m.size() - header_size);
            }),
            Reject::field);
  EXPECT_EQ(broken([](StartView& h, Buffer&) {
              h.op = h.op + 1;
              h.commit = h.op;
            }),
            Reject::body);
}

TEST(Content, StartViewIsAChainWithAStubAtMostAtItsCommit) {
  const u64 seed = seed_where<StartView>([](const StartView& h, const Buffer& m) {
    return h.header_count == 3 && entry_of(m, 2).entry_flags == entry_flag::stub;
  });
  EXPECT_EQ(after<StartView>([](StartView&, Buffer&) {}, seed), Reject::none);
  EXPECT_EQ(after_entry<StartView>(
                2, [](Prepare& e) { e.identity.lo ^= 1; }, seed),
            Reject::body)
      << "not the parent";
  EXPECT_EQ(after_entry<StartView>(
                1, [](Prepare& e) { e.timestamp = Timestamp(1); }, seed),
            Reject::body)
      << "another entry than its child's parent";
  const auto stub = [](Prepare& e) {
    e.entry_flags = entry_flag::stub;
    e.operation = PrepareOperation::none;
    e.request_count = 0;
  };
  EXPECT_EQ(after_entry<StartView>(1, stub, seed), Reject::body) << "an uncommitted op must be in full";
  EXPECT_EQ(after_entry<StartView>(0, stub, seed), Reject::body);
  EXPECT_EQ(after_entry<StartView>(
                2,
                [](Prepare& e) {
                  e.entry_flags = entry_flag::blank;
                  e.identity = e.parent = Digest();
                },
                seed),
            Reject::body);
}

TEST(Content, GetViewAsksWithANonce) {
  EXPECT_EQ(after<GetView>([](GetView& h, Buffer&) { h.nonce = Nonce(); }), Reject::field);
}

TEST(Content, GetHeaders) {
  EXPECT_EQ(after<GetHeaders>([](GetHeaders& h, Buffer&) { h.op_min = h.op_max; }), Reject::none);
  EXPECT_EQ(after<GetHeaders>([](GetHeaders& h, Buffer&) { h.op_min = h.op_max + 1; }), Reject::field);
}

TEST(Content, HeadersAreFullAndDescend) {
  const u64 seed = seed_where<Headers>([](const Headers&, const Buffer& m) { return m.size() == 4 * header_size; });
  EXPECT_EQ(after<Headers>([](Headers&, Buffer& m) { m.resize(m.size() - 1); }, seed), Reject::field);
  EXPECT_EQ(after_entry<Headers>(
                1,
                [](Prepare& e) {
                  e.op = e.op + 1;
                  e.commit = Op(0);
                },
                seed),
            Reject::body);
  EXPECT_EQ(after_entry<Headers>(
                2,
                [](Prepare& e) {
                  e.op = e.op - 3;
                  e.commit = Op(0);
                },
                seed),
            Reject::none)
      << "gaps are fine";
  EXPECT_EQ(after_entry<Headers>(
                0,
                [](Prepare& e) {
                  e.entry_flags = entry_flag::stub;
                  e.operation = PrepareOperation::none;
                  e.request_count = 0;
                },
                seed),
            Reject::body);
  EXPECT_EQ(after_entry<Headers>(
                0, [](Prepare& e) { e.group = GroupId(66); }, seed),
            Reject::body);
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

template <HeaderView T, class Change>
Reject record_after(Change change, u64 seed = 1) {
  Buffer record = valid(T::command_of, seed);
  T header = as<T>(record.data());
  change(header, record);
  store(record.data(), header);
  gen::reseal(record);
  return validate_record(record, gen::test_cluster, limits);
}

TEST(Record, PreparesAndGroupStatesPassTheSameSteps) {
  for (u64 seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(validate_record(valid(Command::prepare, seed), gen::test_cluster, limits), Reject::none);
    EXPECT_EQ(validate_record(valid(Command::group_state, seed), gen::test_cluster, limits), Reject::none) << seed;
  }
  EXPECT_EQ(validate_record(valid(Command::prepare), {1, 1}, limits), Reject::cluster);
  EXPECT_EQ(validate_record(valid(Command::commit), gen::test_cluster, limits), Reject::command);
  EXPECT_EQ(validate_record(valid(Command::group_create), gen::test_cluster, limits), Reject::command);
  const auto state = [](auto change) { return record_after<GroupState>([&](GroupState& h, Buffer&) { change(h); }); };
  EXPECT_EQ(state([](GroupState& h) { h.protocol = 2; }), Reject::protocol);
  EXPECT_EQ(state([](GroupState& h) { h.unused_small = 1; }), Reject::reserved);
  EXPECT_EQ(state([](GroupState& h) { h.log_view = h.view + 1; }), Reject::field);
  EXPECT_EQ(state([](GroupState& h) { h.checkpoint_op = h.commit_max + 1; }), Reject::field);
  EXPECT_EQ(state([](GroupState& h) { h.header_count += 1; }), Reject::field);
  EXPECT_EQ(state([](GroupState& h) { h.state_flags = 2; }), Reject::field);
  EXPECT_EQ(state([](GroupState& h) { h.group = no_group; }), Reject::field);
}

TEST(Record, AnyBitFlippedIsFound) {
  for (const Command command : {Command::prepare, Command::group_state}) {
    Buffer record = valid(command, 5);
    for (std::size_t bit = 0; bit < 8 * record.size(); ++bit) {
      record[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      ASSERT_NE(validate_record(record, gen::test_cluster, limits), Reject::none) << name_of(command) << " bit " << bit;
      record[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

TEST(Record, EntriesOfAGroupStateMayBeLostOrSuspect) {
  const u64 seed = seed_where<GroupState>([](const GroupState& h, const Buffer& m) {
    return h.header_count >= 2 && (entry_of(m, 0).entry_flags & ~(entry_flag::lost | entry_flag::suspect)) == 0;
  });
  const auto entry = [&](auto change) {
    return record_after<GroupState>(
        [&](GroupState&, Buffer& m) {
          Prepare e = entry_of(m, 0);
          change(e);
          e.identity = identity_of(e);
          store(m.data() + header_size, e);
        },
        seed);
  };
  for (const u8 flags : {u8{0}, entry_flag::lost, entry_flag::suspect})
    EXPECT_EQ(entry([&](Prepare& e) { e.entry_flags = flags; }), Reject::none) << int{flags};
  EXPECT_EQ(entry([](Prepare& e) { e.entry_flags = 16; }), Reject::body);
  EXPECT_EQ(entry([](Prepare& e) { e.op = e.op + 1; }), Reject::body);
}

}  // namespace
}  // namespace keelson
