#include "keelson/machine/machine.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

// The smallest machine: counts what it was given.
struct Counting {
  static constexpr MachineKind kind{7};
  static int alive;
  static MachineLimits limits(const Limits&) { return {.request_bytes_max = 11}; }
  explicit Counting(const Limits&) { ++alive; }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() { --alive; }

  u64 count = 0;
  Status admit(const RequestView& request) const { return request.body.empty() ? Status::bad_request : Status::ok; }
  void apply(const ApplyCtx& ctx, const RequestView&, ReplyWriter& reply) {
    count += ctx.op.raw();
    reply.append_value(count);
  }
  void reset(Release) { count = 0; }
  u32 section_count() const { return 1; }
  void save_section(SectionId, ByteSink& sink) const { sink.put_value(count); }
  Status load_section(SectionId, ByteSource& source) {
    return source.take_value(count) && source.at_end() ? Status::ok : Status::corrupt_snapshot;
  }
  Status finish_load() { return Status::ok; }
  Digest digest() const { return Digest{count, 0}; }
};
int Counting::alive = 0;
static_assert(Machine<Counting>);
struct NoMachine {};
static_assert(!Machine<NoMachine>);

MachineRegistry registry() {
  MachineRegistry machines = builtin_machines();
  machines.add<Counting>();
  return machines;
}

TEST(MachineRegistry, MakesWhatItKnowsAndNothingElse) {
  const MachineRegistry machines = registry();
  EXPECT_TRUE(machines.knows(machine_kv));
  EXPECT_TRUE(machines.knows(MachineKind(7)));
  EXPECT_FALSE(machines.knows(MachineKind(8)));
  EXPECT_FALSE(machines.make(MachineKind(8), Limits::tiny()));
  EXPECT_EQ(machines.make(machine_kv, Limits::tiny()).kind(), machine_kv);
  EXPECT_EQ(machines.limits(MachineKind(7), Limits::tiny()).request_bytes_max, 11u);
}

TEST(MachineRegistryDeath, RefusesAKindTwice) {
  MachineRegistry machines = registry();
  EXPECT_DEATH(machines.add<Counting>(), "check failed");
}

TEST(AnyMachine, OwnsItsMachineAndCallsIt) {
  {
    AnyMachine machine = registry().make(MachineKind(7), Limits::tiny());
    AnyMachine moved = std::move(machine);
    EXPECT_EQ(Counting::alive, 1);
    RequestView request{};
    EXPECT_EQ(moved.admit(request), Status::bad_request);
    std::byte buffer[16];
    ReplyWriter reply(buffer);
    moved.apply({GroupId(1), Op(5), Timestamp(), Release(), {}, SessionId()}, request, reply);
    EXPECT_EQ(load<u64>(reply.body().data()), 5u);
    EXPECT_EQ(moved.digest().lo, 5u);
    moved.settle_sections();  // says nothing of them: there is always one
    EXPECT_EQ(moved.section_count(), 1u);
    EXPECT_EQ(moved.begin_load(1), Status::ok);
    EXPECT_EQ(moved.begin_load(2), Status::corrupt_snapshot);
    machine = std::move(moved);
    EXPECT_TRUE(machine);
  }
  EXPECT_EQ(Counting::alive, 0);
}

TEST(AnyMachine, AMovedOverMachineIsDestroyed) {
  AnyMachine machine = AnyMachine::make<Counting>(Limits::tiny());
  machine = AnyMachine::make<Counting>(Limits::tiny());
  EXPECT_EQ(Counting::alive, 1);
  machine = AnyMachine();
  EXPECT_EQ(Counting::alive, 0);
}

TEST(ByteSource, NeverReadsPastItsEnd) {
  const u64 words[2] = {1, 2};
  Bytes bytes = std::as_bytes(std::span(words));
  ByteSource source = source_of(bytes);
  u64 word = 0;
  EXPECT_TRUE(source.take_value(word));
  EXPECT_FALSE(source.at_end());
  EXPECT_TRUE(source.take_value(word));
  EXPECT_EQ(word, 2u);
  EXPECT_TRUE(source.at_end());
  EXPECT_FALSE(source.take_value(word));
  EXPECT_FALSE(source.at_end()) << "after a failed read nothing counts as whole";
}

TEST(ReplyWriterDeath, OverflowIsTheMachinesBug) {
  std::byte buffer[4];
  ReplyWriter reply(buffer);
  reply.append_value(u32{1});
  EXPECT_EQ(reply.room(), 0u);
  EXPECT_DEATH(reply.append_value(u8{1}), "check failed");
}

}  // namespace
}  // namespace keelson
