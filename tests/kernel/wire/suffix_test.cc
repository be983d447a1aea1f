// Messages that carry a log's end: do_view_change, start_view, headers, group_state. Each rule broken once, by itself.
#include <gtest/gtest.h>

#include "tests/kernel/wire/broken_message.h"

namespace keelson {
namespace {

TEST(Suffix, DoViewChange) {
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

TEST(Suffix, ASuffixNeverReachesBelowTheRoot) {
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

TEST(Suffix, AStartViewNeverReachesBelowTheRootEither) {
  const u64 seed = seed_where<StartView>([](const StartView& h, const Buffer&) { return h.header_count == 3; });
  const auto at = [&](u64 op) {
    return after<StartView>(
        [&](StartView& h, Buffer&) {
          h.op = h.commit = Op(op);
          h.checkpoint_op = h.durable_checkpoint = Op(0);
        },
        seed);
  };
  EXPECT_EQ(at(1), Reject::field);
  EXPECT_EQ(at(2), Reject::body) << "enough ops, but its entries are others";
}

TEST(Suffix, SixtyFourEntriesFillTheSets) {
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
    header.present = header.nack = header.suspect = 0;
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

TEST(Suffix, EntriesOfASuffixPassTheStepsOfHeaders) {
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

TEST(Suffix, ADamagedEntrySpoilsItsMessage) {
  Buffer message = valid(Command::do_view_change, dvc_seed(is_full));
  for (std::size_t bit = 0; bit < 8 * header_size; ++bit) {
    Buffer damaged = message;
    damaged[header_size + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    gen::seal_buffer(damaged);
    ASSERT_EQ(validate_content(damaged, limits), Reject::body) << bit;
  }
}

TEST(Suffix, AFullEntryIsTheOneItsIdentitySays) {
  Buffer message = valid(Command::do_view_change, dvc_seed(is_full));
  Prepare entry = entry_of(message, 0);
  entry.identity.lo ^= 1;
  store(message.data() + header_size, entry);
  store(message.data() + header_size, header_checksum(message.data() + header_size));
  gen::seal_buffer(message);
  EXPECT_EQ(validate_content(message, limits), Reject::body);
}

TEST(Suffix, FormsOfEntries) {
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

TEST(Suffix, StartView) {
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

TEST(Suffix, StartViewIsAChainWithAStubAtMostAtItsCommit) {
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

TEST(Suffix, HeadersAreFullAndDescend) {
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

TEST(SuffixEdge, OfReportsAndViews) {
  const u64 seed = seed_where<DoViewChange>(
      [](const DoViewChange& h, const Buffer&) { return h.header_count == h.op.raw() + 1 && h.header_count > 1; });
  EXPECT_EQ(after<DoViewChange>(
                [](DoViewChange& h, Buffer&) {
                  h.commit_min = h.commit_max = h.checkpoint_op = h.op;
                  h.log_view = h.view;
                  h.tail = 1;
                },
                seed),
            Reject::none)
      << "down to the root, everything committed";
  const u64 to_root = seed_where<StartView>(
      [](const StartView& h, const Buffer&) { return h.header_count == h.op.raw() + 1 && h.header_count > 1; });
  EXPECT_EQ(after<StartView>([](StartView& h, Buffer&) { h.commit = h.checkpoint_op = h.durable_checkpoint = h.op; },
                             to_root),
            Reject::none)
      << "further down than the commit";
  const auto whole_state = [](const GroupState& h, const Buffer&) {
    return h.header_count == h.head.raw() + 1 && h.header_count > 1;
  };
  EXPECT_EQ(record_after<GroupState>(
                [](GroupState& h, Buffer&) {
                  h.checkpoint_op = h.commit_max;
                  h.log_view = h.view;
                  h.state_flags = 1;
                },
                seed_where<GroupState>(whole_state)),
            Reject::none);
  EXPECT_EQ(
      record_after<GroupState>([](GroupState& h, Buffer&) { h.head = Op(0); }, seed_where<GroupState>(whole_state)),
      Reject::field)
      << "entries below the root";
}

TEST(SuffixEdge, OfEntries) {
  const u64 seed = dvc_seed(is_full);
  const auto entry = [&](auto change) { return after_entry<DoViewChange>(0, change, seed); };
  EXPECT_EQ(entry([](Prepare& e) { e.size = limits.message_size_max; }), Reject::none);
  EXPECT_EQ(entry([](Prepare& e) { e.size = header_size + sizeof(RequestFrame); }), Reject::none);
  EXPECT_EQ(after<DoViewChange>([](DoViewChange& h, Buffer&) { h.epoch = Epoch(2); }, seed), Reject::none)
      << "entries of an earlier epoch";
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
  EXPECT_EQ(state([](GroupState& h) { h.state_flags = 4; }), Reject::field);
  EXPECT_EQ(state([](GroupState& h) { h.group = no_group; }), Reject::field);
}

TEST(Record, MayBeAsLargeAsAMessage) {
  const auto prepare_of = [](u32 size) {
    Buffer record = valid(Command::prepare, 1);
    Prepare header = as<Prepare>(record.data());
    RequestFrame frame;
    frame.operation = Operation(0x200);
    frame.body_size = size - header_size - static_cast<u32>(sizeof frame);
    header.operation = PrepareOperation::batch;
    header.request_count = 1;
    record.assign(size, std::byte{0});
    store(record.data(), header);
    store(record.data() + header_size, frame);
    gen::reseal(record);
    return validate_record(record, gen::test_cluster, limits);
  };
  EXPECT_EQ(prepare_of(limits.message_size_max), Reject::none);
  EXPECT_EQ(prepare_of(limits.message_size_max + 16), Reject::size);
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
