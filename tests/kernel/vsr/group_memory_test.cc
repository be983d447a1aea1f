// What a group costs that has little state and is idle: its map, its sessions and its checkpoint together. 10,000 of
// them share a shard, so nothing may be reserved for a size that a group doesn't have. This program counts every
// operator new.
#include <cstdlib>
#include <gtest/gtest.h>
#include <malloc.h>
#include <new>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/vsr/checkpointer.h"
#include "keelson/vsr/sessions.h"
#include "keelson/vsr/state_sync.h"

namespace {

unsigned long allocations = 0;
unsigned long live_bytes = 0;

// Not inlined: gcc would take malloc and free for mismatched with the library's new and delete.
[[gnu::noinline]] void* counted(std::size_t size, std::size_t alignment) {
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(size ? size : 1)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) std::abort();
  ++allocations;
  live_bytes += malloc_usable_size(memory);
  return memory;
}

[[gnu::noinline]] void give_back(void* memory) {
  if (memory) live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

namespace keelson {
namespace {

// What all groups of a shard share.
struct Shared {
  Limits limits = Limits::standard();
  IoIds ids;
  Counters counters;
  CheckpointZone zone{limits, ids, counters};
  EffectBag out{limits};
  Vec<std::byte> request{Vec<std::byte>(4096)};
  Vec<std::byte> reply{Vec<std::byte>(limits.reply_bytes_max)};

  Shared() {
    request.resize(request.capacity());
    reply.resize(reply.capacity());
  }
};

struct Group {
  Shared& shared;
  AnyMachine machine;
  Sessions sessions;
  Checkpointer checkpointer;
  StateSync sync;
  Op op;
  u64 requests = 0;

  explicit Group(Shared& s)
      : shared(s),
        machine(builtin_machines().make(machine_kv, s.limits)),
        sessions(s.limits),
        checkpointer(GroupId(1), this,
                     [](const void* self, u32 section, ByteSink& sink) {
                       const auto& group = *static_cast<const Group*>(self);
                       const u32 machines = group.machine.section_count();
                       if (section < machines) return group.machine.save_section(SectionId(section), sink);
                       group.sessions.save_section(section - machines, sink);
                     }),
        sync(s.limits, milliseconds(100)) {
    op = op + 1;
    sessions.register_client(ClientId{1, 1}, op, Timestamp(1));
    sessions.set_touch({this, [](void* self, SectionId section) {
                          auto& group = *static_cast<Group*>(self);
                          group.touch(group.machine.section_count() + section.raw());
                        }});
  }
  void touch(u32 section) { checkpointer.touch(section, shared.zone, shared.counters); }

  void put(u32 key, u32 value_size) {
    op = op + 1;
    char name[8] = {'k', 'e', 'y', ' ', static_cast<char>('a' + key / 26 % 26), static_cast<char>('a' + key % 26)};
    static const char value[4096] = {};
    RequestView view{};
    view.frame.client = ClientId{1, 1};
    view.frame.session = SessionId(1);
    view.frame.ack_floor = RequestNo(requests);
    view.frame.request = RequestNo(++requests);
    view.frame.operation = kv_put;
    view.body = encode_kv_put(shared.request.span(), std::as_bytes(std::span(name)),
                              std::as_bytes(std::span(value).first(value_size)));
    ReplyWriter reply(shared.reply.span());
    machine.apply(
        {GroupId(1), op, Timestamp(op.raw()), Release(1), view.frame.client, view.frame.session,
         SectionTouch(this, [](void* self, SectionId section) { static_cast<Group*>(self)->touch(section.raw()); })},
        view, reply);
    sessions.executed(view.frame, op, Timestamp(op.raw()), reply.status(), reply.body());
  }

  void checkpoint() {
    op = op + 1;
    const u32 machines = machine.section_count(), of_sessions = sessions.section_count();
    machine.settle_sections();
    sessions.settle_sections();
    if (machines != machine.section_count() || of_sessions != sessions.section_count())
      checkpointer.recut(shared.counters);
    CheckpointFacts facts;
    facts.group = GroupId(1);
    facts.op = op;
    facts.machine_sections = machine.section_count();
    facts.session_sections = sessions.section_count();
    checkpointer.begin(facts, [](u32) { return Op(); });
    while (!checkpointer.advance(shared.zone, shared.counters)) {
      shared.zone.emit(shared.out);
      for (const Write& write : shared.out.writes) {
        check(shared.zone.on_completion({IoKind::write, write.id, IoStatus::ok}).has_value());
        checkpointer.written(true);
      }
      shared.out.clear();
    }
    checkpointer.recorded(shared.zone, shared.counters, Instant());
  }
};

TEST(GroupMemory, OfThreeKeysIsLittle) {
  Shared shared;
  Group warm(shared);  // takes the zone's buffers
  warm.put(0, 10);
  warm.checkpoint();
  const u32 blocks_before = shared.zone.blocks().free_count();
  const unsigned long before = live_bytes;
  const unsigned long made = allocations;
  Group group(shared);
  const unsigned long empty = live_bytes - before;
  for (u32 key = 0; key < 3; ++key) group.put(key, 32);
  const unsigned long filled = live_bytes - before;
  group.checkpoint();
  const u32 blocks = blocks_before - shared.zone.blocks().free_count();
  group.put(1, 32);
  group.checkpoint();
  const unsigned long idle = live_bytes - before;
  std::printf(
      "heap: %lu bytes without keys, %lu with three, %lu with checkpoints, in %lu pieces; %zu bytes of objects "
      "(checkpointer %zu, sessions %zu, state sync %zu); %u blocks on disk\n",
      empty, filled, idle, allocations - made, sizeof(Checkpointer) + sizeof(Sessions) + sizeof(StateSync),
      sizeof(Checkpointer), sizeof(Sessions), sizeof(StateSync), blocks);
  EXPECT_LT(idle, 1536u);
  EXPECT_EQ(blocks, 4u) << "a section of the map, one of the sessions, the table twice";
}

TEST(GroupMemory, CheckpointsOfASteadyStateTakeNone) {
  Shared shared;
  Group group(shared);
  const auto round = [&] {
    for (u32 key = 0; key < 300; ++key) group.put(key, 100);
    group.checkpoint();
  };
  for (u32 i = 0; i < 3; ++i) round();
  EXPECT_GT(group.machine.section_count(), 4u);
  const unsigned long before = allocations;
  for (u32 i = 0; i < 5; ++i) round();
  EXPECT_EQ(allocations, before);
}

TEST(GroupMemory, ATransferHasNoneWhenItIsOver) {
  Shared shared;
  const unsigned long before = live_bytes;
  StateSync sync(shared.limits, milliseconds(100));
  EXPECT_EQ(live_bytes, before);
  sync.start({Op(5), Digest{1, 1}}, Instant());
  EXPECT_GT(live_bytes, before);
  sync.stop();
  EXPECT_EQ(live_bytes, before);
}

TEST(GroupMemory, ThisTestCanFail) {
  const unsigned long before = live_bytes;
  const auto block = std::make_unique<int[]>(3);
  EXPECT_GT(live_bytes, before);
}

}  // namespace
}  // namespace keelson
