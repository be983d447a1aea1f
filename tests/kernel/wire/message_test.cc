// MessageRef counts references and never copies bytes; sealing makes a message that verifies; prepares are laid out.
#include "keelson/wire/message.h"

#include <gtest/gtest.h>
#include <vector>

#include "keelson/base/checksum.h"
#include "keelson/wire/prepare.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

std::vector<std::byte> text(const char* s) {
  const Bytes bytes = std::as_bytes(std::span(s, std::strlen(s)));
  return {bytes.begin(), bytes.end()};
}

TEST(MessageRef, CopiesCountAndTheLastOneGivesTheSlabBack) {
  Slabs slabs(Limits::tiny());
  {
    MessageRef a = allocate_message(slabs, 10);
    ASSERT_TRUE(a);
    EXPECT_EQ(slabs.in_use(), 1u);
    MessageRef b = a;
    EXPECT_EQ(a.data(), b.data());
    a = MessageRef();
    EXPECT_EQ(slabs.in_use(), 1u);
    MessageRef c = std::move(b);
    EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move): a moved-from ref is empty
    EXPECT_EQ(slabs.in_use(), 1u);
    MessageRef& alias = c;
    c = alias;
    EXPECT_TRUE(c);
    c = allocate_message(slabs, 20);
    EXPECT_EQ(slabs.in_use(), 1u);
  }
  EXPECT_EQ(slabs.in_use(), 0u);
}

TEST(MessageRef, IsASliceAtAnyOffset) {
  Slabs slabs(Limits::tiny());
  Slab* slab = slabs.acquire(4096);
  ClientPing ping = make<ClientPing>();
  ping.nonce = {7, 8};
  store(slab->data + 33, ping);
  seal_bytes(slab->data + 33, digest_of_nothing(), header_size);
  const MessageRef message(slab, 33);
  EXPECT_EQ(message.as<ClientPing>().nonce, (Nonce{7, 8}));
  EXPECT_EQ(message.command(), Command::client_ping);
  EXPECT_EQ(message.bytes().size(), header_size);
  EXPECT_TRUE(message.body().empty());
}

TEST(Seal, SetsSizeAndBothChecksums) {
  Slabs slabs(Limits::tiny());
  const auto body = text("forty-two");
  MessageRef message = allocate_message(slabs, 9);
  copy(body_of(message, 9), body);
  seal(message, make<Reply>(), 9);
  EXPECT_EQ(message.size(), header_size + 9);
  EXPECT_TRUE(equal(message.body(), body));
  EXPECT_EQ(message.header().checksum_body, digest_of(body));
  EXPECT_EQ(message.header().checksum, header_checksum(message.data()));
  EXPECT_EQ(validate_body(message.bytes()), Reject::none);
}

TEST(Seal, OfNoBodyIsTheConstant) {
  Slabs slabs(Limits::tiny());
  const MessageRef message = make_message(slabs, make<GetView>());
  EXPECT_EQ(message.header().checksum_body, digest_of_nothing());
  EXPECT_EQ(message.size(), header_size);
}

TEST(CopyMessage, IsEqualAndItsOwn) {
  Slabs slabs(Limits::tiny());
  const MessageRef message = make_message(slabs, make<GetView>());
  const MessageRef other = copy_message(slabs, message.bytes());
  EXPECT_NE(message.data(), other.data());
  EXPECT_TRUE(equal(message.bytes(), other.bytes()));
}

TEST(Messages, AreEmptyWhenThePoolIs) {
  Limits limits = Limits::tiny();
  limits.slabs_small = limits.slabs_page = limits.slabs_batch = limits.slabs_message = 1;
  Slabs slabs(limits);
  std::vector<MessageRef> held;
  for (int i = 0; i < 4; ++i) held.push_back(make_message(slabs, make<GetView>()));
  for (const auto& message : held) EXPECT_TRUE(message);
  EXPECT_FALSE(make_message(slabs, make<GetView>()));
  EXPECT_FALSE(allocate_message(slabs, 0));
  EXPECT_FALSE(copy_message(slabs, held[0].bytes()));
  held.pop_back();
  EXPECT_TRUE(make_message(slabs, make<GetView>()));
  EXPECT_FALSE(allocate_message(slabs, 1 << 24)) << "longer than any slab";
}

struct Asked {
  Request request;
  std::vector<std::byte> body;
};
Asked asked(u64 number, const char* body) {
  Asked out{make<Request>(), text(body)};
  out.request.client = {number, 1};
  out.request.session = SessionId(number);
  out.request.request = RequestNo(number + 1);
  out.request.ack_floor = RequestNo(number);
  out.request.operation = Operation(0x201);
  out.request.size = header_size + static_cast<u32>(out.body.size());
  out.request.checksum_body = digest_of(out.body);
  return out;
}

TEST(Prepare, WrittenFromRequestsReadsBackAsThem) {
  Slabs slabs(Limits::tiny());
  const Asked requests[] = {asked(1, "sixteen bytes ok"), asked(2, ""), asked(3, "17 bytes, padded.")};
  u64 body_size = 0;
  for (const auto& r : requests) body_size += prepared_size(static_cast<u32>(r.body.size()));
  EXPECT_EQ(body_size, 3 * 64u + 16 + 0 + 32);

  MessageRef message = allocate_message(slabs, static_cast<u32>(body_size));
  const MutableBytes body = body_of(message, static_cast<u32>(body_size));
  std::ranges::fill(body, std::byte{0xee});
  PrepareBodyWriter writer(body, 3);
  for (const auto& r : requests) {
    EXPECT_FALSE(writer.complete());
    writer.add(frame_of(r.request), r.body);
  }
  EXPECT_TRUE(writer.complete());

  Prepare header = make<Prepare>();
  header.group = GroupId(1);
  header.epoch = Epoch(1);
  header.op = Op(1);
  header.parent = {1, 1};
  header.request_count = 3;
  header.operation = PrepareOperation::batch;
  const Prepare prepare = seal_prepare(message, header, static_cast<u32>(body_size));
  EXPECT_EQ(prepare.identity, identity_of(prepare));
  EXPECT_TRUE(equal(bytes_of(prepare), message.bytes().first(header_size))) << "the header returned is the one sealed";
  EXPECT_EQ(prepare.checksum_body, digest_of(message.body().first(3 * 64))) << "frames only";
  EXPECT_EQ(validate_body(message.bytes()), Reject::none);
  EXPECT_EQ(validate_content(message.bytes(), Limits::tiny()), Reject::none);

  PrepareBody reader(message);
  RequestView view;
  for (const auto& r : requests) {
    ASSERT_TRUE(reader.next(view));
    EXPECT_EQ(view.frame.client, r.request.client);
    EXPECT_EQ(view.frame.session, r.request.session);
    EXPECT_EQ(view.frame.request, r.request.request);
    EXPECT_EQ(view.frame.ack_floor, r.request.ack_floor);
    EXPECT_EQ(view.frame.operation, r.request.operation);
    EXPECT_TRUE(equal(view.body, r.body));
  }
  EXPECT_FALSE(reader.next(view));
}

TEST(Prepare, OfRequestsWithoutBodiesIsFramesAlone) {
  Slabs slabs(Limits::tiny());
  const Asked empty = asked(1, "");
  MessageRef message = allocate_message(slabs, 2 * sizeof(RequestFrame));
  PrepareBodyWriter writer(body_of(message, 2 * sizeof(RequestFrame)), 2);
  writer.add(frame_of(empty.request), empty.body);
  writer.add(frame_of(empty.request), empty.body);
  EXPECT_TRUE(writer.complete());
  EXPECT_DEATH(writer.add(frame_of(empty.request), empty.body), "check failed") << "a third one";
  Prepare header = make<Prepare>();
  header.request_count = 2;
  seal_prepare(message, header, 2 * sizeof(RequestFrame));
  EXPECT_EQ(validate_body(message.bytes()), Reject::none);
  EXPECT_DEATH(seal_prepare(message, header, 2 * sizeof(RequestFrame) - 1), "check failed");
}

TEST(Prepare, TheWriterStaysWithinItsBody) {
  std::vector<std::byte> memory(64 + 16 + 1, std::byte{0xcc});
  const Asked small = asked(1, "five!");
  PrepareBodyWriter writer(MutableBytes(memory).first(64 + 16), 1);
  writer.add(frame_of(small.request), small.body);
  EXPECT_TRUE(all_zero(Bytes(memory).subspan(64 + 5, 11)));
  EXPECT_EQ(memory.back(), std::byte{0xcc});
}

TEST(PrepareDeathTest, AWriterThatIsGivenTooMuchIsABug) {
  std::vector<std::byte> body(64 + 16);
  const Asked fits = asked(1, "sixteen bytes ok");
  const Asked large = asked(1, "seventeen bytes !");
  EXPECT_DEATH(PrepareBodyWriter(body, 1).add(frame_of(large.request), large.body), "check failed");
  PrepareBodyWriter writer(body, 1);
  EXPECT_DEATH(writer.add(frame_of(large.request), fits.body), "check failed") << "the frame says another size";
  writer.add(frame_of(fits.request), fits.body);
  EXPECT_DEATH(writer.add(frame_of(fits.request), fits.body), "check failed");
}

}  // namespace
}  // namespace keelson
