// Reading hostile headers: each reason, in the order of docs/protocol.md (reading hostile bytes), and what it costs.
#include "keelson/wire/validate.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

#include "fuzz/gen/message.h"

namespace keelson {
namespace {

using gen::Buffer;

const Limits limits = Limits::tiny();

Buffer valid(Command command, u64 seed = 1) { return gen::Messages(gen::seeded(seed)).of(command); }

// Seals the header after `change`, without touching size or body checksum.
template <HeaderView T, class Change>
Buffer changed(Buffer message, Change change) {
  T header = as<T>(message.data());
  change(header);
  store(message.data(), header);
  store(message.data(), header_checksum(message.data()));
  return message;
}

Reject header_verdict(const Buffer& message, const LinkRules& rules) { return validate_header(message.data(), rules); }
Reject header_verdict(const Buffer& message) {
  const auto known = info(header_at(message.data()).command);
  return header_verdict(message, known ? gen::rules_for(header_at(message.data()).command, limits)
                                       : gen::rules_for(Command::prepare, limits));
}

TEST(ValidateHeader, TakesAValidOneOfEveryWireCommand) {
  for (const Command command : gen::wire_commands())
    EXPECT_EQ(header_verdict(valid(command)), Reject::none) << name_of(command);
}

TEST(ValidateHeader, ARecordOfAStoreIsNoMessage) {
  for (const Command command : gen::all_commands()) {
    if (info(command)->author != Author::storage) continue;
    EXPECT_EQ(header_verdict(valid(command), gen::rules_for(Command::prepare, limits)), Reject::command)
        << name_of(command);
  }
}

TEST(ValidateHeader, UnknownNumbersAreDroppedAndNotFatal) {
  for (unsigned number = 0; number < 256; ++number) {
    if (info(static_cast<Command>(number))) continue;
    const auto message =
        changed<GetView>(valid(Command::get_view), [&](auto& h) { h.command = static_cast<Command>(number); });
    EXPECT_EQ(header_verdict(message), Reject::command) << number;
  }
  EXPECT_FALSE(closes_connection(Reject::command));
}

// Every defect at once, repaired one by one in the documented order: each time the next reason is the one given.
TEST(ValidateHeader, ReasonsComeInTheDocumentedOrder) {
  Buffer message = valid(Command::prepare_ok);
  PrepareOk header = as<PrepareOk>(message.data());
  const PrepareOk good = header;
  header.protocol = 99;
  header.cluster = {6, 6};
  header.command = static_cast<Command>(200);
  header.size = 300;  // in range of a message, not of a prepare_ok
  header.reserved = 1;
  header.node = NodeId(9);
  header.op_from = Op(0);  // a field rule
  const auto verdict = [&](bool seal) {
    store(message.data(), header);
    if (seal) store(message.data(), header_checksum(message.data()));
    return header_verdict(message, gen::rules_for(Command::prepare_ok, limits));
  };
  EXPECT_EQ(verdict(false), Reject::header_checksum);
  EXPECT_EQ(verdict(true), Reject::protocol);
  header.protocol = protocol_version;
  EXPECT_EQ(verdict(true), Reject::cluster);
  header.cluster = gen::test_cluster;
  EXPECT_EQ(verdict(true), Reject::command);
  header.command = Command::prepare_ok;
  EXPECT_EQ(verdict(true), Reject::size);
  header.size = header_size;
  EXPECT_EQ(verdict(true), Reject::reserved);
  header.reserved = 0;
  EXPECT_EQ(verdict(true), Reject::author);
  header.node = good.node;
  EXPECT_EQ(verdict(true), Reject::none) << "fields are not the connection's business";
  EXPECT_EQ(validate_content(message, limits), Reject::field);
}

// With a size that can't be, nothing behind it decides: whatever else is wrong, the answer stays `size`.
TEST(ValidateHeader, NothingPastABadSizeIsLookedAt) {
  for (const Command command : gen::wire_commands()) {
    const auto known = *info(command);
    std::vector<u32> bad{0, header_size - 1, limits.message_size_max + 1, ~u32{0}};
    if (known.body_min > 0) bad.push_back(header_size + known.body_min - 1);
    if (known.body_max < limits.message_size_max) bad.push_back(header_size + known.body_max + 1);
    for (const u32 size : bad) {
      const auto message = changed<GetView>(valid(command), [&](auto& h) { h.size = size; });
      EXPECT_EQ(header_verdict(message), Reject::size) << name_of(command) << " " << size;
      const auto worse = changed<GetView>(message, [&](auto& h) {
        h.flags = 0xff;
        h.reserved = 7;
        h.node = NodeId(12);
        h.nonce = {~u64{0}, ~u64{0}};
        for (u64& word : h.unused) word = ~u64{0};
      });
      EXPECT_EQ(header_verdict(worse), Reject::size) << name_of(command) << " " << size;
      EXPECT_EQ(header_verdict(worse, gen::rules_for(Command::request, limits)), Reject::size) << name_of(command);
    }
  }
}

TEST(ValidateHeader, AnUnknownCommandOfAnImpossibleSizeLosesTheFraming) {
  for (const u32 size : {0u, 255u, limits.message_size_max + 1, ~0u}) {
    const auto message = changed<GetView>(valid(Command::get_view), [&](auto& h) {
      h.command = static_cast<Command>(111);
      h.size = size;
    });
    EXPECT_EQ(header_verdict(message), Reject::size) << size;
  }
  for (const u32 size : {header_size, limits.message_size_max}) {
    const auto message = changed<GetView>(valid(Command::get_view), [&](auto& h) {
      h.command = static_cast<Command>(111);
      h.size = size;
    });
    EXPECT_EQ(header_verdict(message), Reject::command) << size;
  }
}

TEST(ValidateHeader, TheLargestMessageIsTheLimit) {
  const auto sized = [](u32 size) {
    return header_verdict(changed<Request>(valid(Command::request), [&](auto& h) { h.size = size; }));
  };
  EXPECT_EQ(sized(limits.message_size_max), Reject::none);
  EXPECT_EQ(sized(limits.message_size_max + 1), Reject::size);
}

TEST(ValidateHeader, AnyBitOfItFlippedIsFound) {
  for (const Command command : gen::wire_commands()) {
    Buffer message = valid(command);
    for (std::size_t bit = 0; bit < 8 * header_size; ++bit) {
      message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      ASSERT_EQ(header_verdict(message, gen::rules_for(command, limits)), Reject::header_checksum)
          << name_of(command) << " bit " << bit;
      message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

TEST(ValidateHeader, FromAClientOnlyWhatClientsSay) {
  for (const Command command : gen::wire_commands()) {
    const LinkRules client{gen::test_cluster, Author::client, no_node, limits.message_size_max};
    const auto author = info(command)->author;
    EXPECT_EQ(header_verdict(valid(command), client), author == Author::node ? Reject::author : Reject::none)
        << name_of(command);
  }
}

TEST(ValidateHeader, FromANodeOnlyWhatThatNodeSays) {
  for (const Command command : gen::wire_commands()) {
    const LinkRules node{gen::test_cluster, Author::node, gen::test_node, limits.message_size_max};
    const bool of_clients = info(command)->author == Author::client;
    EXPECT_EQ(header_verdict(valid(command), node), of_clients ? Reject::author : Reject::none) << name_of(command);
    LinkRules other = node;
    other.node = NodeId(4);
    auto message = changed<Prepare>(valid(command), [](auto& h) { h.flags = 0; });
    EXPECT_EQ(header_verdict(message, other), Reject::author) << name_of(command);
  }
}

TEST(ValidateHeader, ARepairCopyIsJudgedByIdentityNotByAuthor) {
  const LinkRules other{gen::test_cluster, Author::node, NodeId(4), limits.message_size_max};
  const auto repair = [](auto& h) { h.flags = flag::repair; };
  EXPECT_EQ(header_verdict(changed<Prepare>(valid(Command::prepare), repair), other), Reject::none);
  EXPECT_EQ(header_verdict(changed<PrepareOk>(valid(Command::prepare_ok), repair), other), Reject::author);
}

TEST(ValidateHeader, AClientTakesAnswersFromAnyNodeAndNothingElse) {
  const LinkRules server{gen::test_cluster, Author::node, no_node, limits.message_size_max};
  for (const Command command : gen::wire_commands()) {
    const bool answer = command == Command::reply || command == Command::client_pong;
    const bool link = info(command)->author == Author::link;
    EXPECT_EQ(header_verdict(valid(command), server), answer || link ? Reject::none : Reject::author)
        << name_of(command);
  }
}

TEST(ValidateBody, AnyBitOfTheCoveredPartFlippedIsFound) {
  for (const Command command : gen::wire_commands()) {
    for (u64 seed = 1; seed < 4; ++seed) {
      Buffer message = valid(command, seed);
      EXPECT_EQ(validate_body(message), Reject::none) << name_of(command);
      std::size_t covered = message.size();
      if (command == Command::prepare)
        covered = header_size + as<Prepare>(message.data()).request_count * sizeof(RequestFrame);
      for (std::size_t bit = 8 * header_size; bit < 8 * covered; ++bit) {
        message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        ASSERT_EQ(validate_body(message), Reject::body_checksum) << name_of(command) << " bit " << bit;
        message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      }
    }
  }
}

TEST(ValidateBody, OfAPrepareEveryOtherBitIsFoundWithItsContent) {
  for (u64 seed = 1; seed < 9; ++seed) {
    Buffer message = valid(Command::prepare, seed);
    const std::size_t frames = as<Prepare>(message.data()).request_count * sizeof(RequestFrame);
    for (std::size_t bit = 8 * (header_size + frames); bit < 8 * message.size(); ++bit) {
      message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      ASSERT_EQ(validate_body(message), Reject::none);
      ASSERT_EQ(validate_content(message, limits), Reject::body) << bit;
      message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

TEST(ValidateBody, APrepareTooShortForItsFramesIsMalformed) {
  const auto message = changed<Prepare>(valid(Command::prepare), [](auto& h) { h.request_count = ~u32{0}; });
  EXPECT_EQ(validate_body(message), Reject::body);
}

TEST(Validate, BytesThatAreNoWholeMessageHaveNoContent) {
  Buffer message = valid(Command::beat);
  message.push_back(std::byte{0});
  EXPECT_EQ(validate_body(message), Reject::size);
  EXPECT_EQ(validate_content(message, limits), Reject::size);
  EXPECT_EQ(validate_record(message, gen::test_cluster, limits), Reject::size);
  message.resize(200);
  EXPECT_EQ(validate_body(message), Reject::size);
  EXPECT_EQ(validate_content(message, limits), Reject::size);
  EXPECT_EQ(validate_content({}, limits), Reject::size);
  EXPECT_EQ(validate_record({}, gen::test_cluster, limits), Reject::size);
}

TEST(Reject, FramingLossClosesTheRestIsCounted) {
  for (const Reject closing :
       {Reject::header_checksum, Reject::protocol, Reject::cluster, Reject::size, Reject::body_checksum})
    EXPECT_TRUE(closes_connection(closing)) << name_of(closing);
  for (const Reject dropped :
       {Reject::none, Reject::command, Reject::reserved, Reject::author, Reject::field, Reject::body})
    EXPECT_FALSE(closes_connection(dropped)) << name_of(dropped);
}

TEST(Reject, EachHasItsNameAndItsCounter) {
  std::set<std::string> names;
  std::set<Counter> counters;
  for (int i = 1; i <= static_cast<int>(Reject::body); ++i) {
    names.insert(name_of(static_cast<Reject>(i)));
    counters.insert(counter_of(static_cast<Reject>(i)));
  }
  EXPECT_EQ(names.size(), 10u);
  EXPECT_EQ(counters.size(), 10u);
  EXPECT_DEATH(counter_of(Reject::none), "check failed");
}

}  // namespace
}  // namespace keelson
