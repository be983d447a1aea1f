// Any bytes on a disk are legal: pages whose checks hold but whose content makes no sense, and garbage between them.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/base/random.h"
#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {
namespace {

// Small ones, and those next to the end of their range.
u64 any_number(Prng& prng) {
  switch (prng.below(4)) {
    case 0:
      return prng.below(8);
    case 1:
      return prng.below(600);
    case 2:
      return ~u64{0} - prng.below(3);
    default:
      return prng.next();
  }
}
template <class To>
To any(Prng& prng) {
  return To(static_cast<typename To::rep>(any_number(prng)));
}
u32 small(Prng& prng, u64 bound) { return static_cast<u32>(prng.below(bound)); }

class AnyDisk {
 public:
  AnyDisk(u64 seed, const Limits& with)
      : limits(with), prng(seed), pool(with), disk(formatted_disk(format_of_tests(with))) {}

  void add() {
    switch (prng.below(4)) {
      case 0:
        return fill();
      case 1:
        return add_records();
      default:
        return add_index_page();
    }
  }

  const Limits limits;
  Prng prng;
  Slabs pool;
  MemoryDisk disk;

 private:
  static constexpr u64 segments = 3;

  void fill() {
    const Zone zone = prng.below(2) == 0 ? Zone::wal : Zone::index;
    const u64 page = prng.below(60);
    disk.fill(zone, page * page_bytes, page_bytes, static_cast<std::byte>(prng.below(256)));
  }

  IndexEntry any_entry(const IndexHead& head) {
    IndexEntry entry;
    entry.group = GroupId(1 + prng.below(4));
    entry.op = prng.below(4) == 0 ? any<Op>(prng) : Op(prng.below(20));
    entry.identity = {prng.below(3), 1};
    entry.page_no = PageNo(head.first_page.raw() + prng.below(head.page_count + 1));
    entry.offset = static_cast<u16>(16 * prng.below(254));
    const u64 command = prng.below(12);
    entry.command = command == 0 ? Command::entries : command < 4 ? Command::group_state : Command::prepare;
    entry.flags = static_cast<u8>(prng.below(3));
    entry.size = 256 + small(prng, 900);
    entry.view = View(small(prng, 3));
    entry.log_view = View(small(prng, 3));
    entry.epoch = Epoch(1);
    return entry;
  }

  void add_index_page() {
    const u64 segment = prng.below(segments);
    const u32 slot = small(prng, limits.index_pages_per_segment);
    IndexHead head;
    head.batch_no = prng.below(3) == 0 ? any<BatchNo>(prng) : BatchNo(slot + 1 + 8 * segment);
    head.durable_batch = prng.below(2) == 0 ? any<BatchNo>(prng) : BatchNo(prng.below(head.batch_no.raw() | 1));
    head.incarnation = Incarnation(small(prng, 4));
    head.pages = static_cast<u8>(prng.below(3) > 0 ? 1 : 1 + prng.below(200));
    head.page_of = static_cast<u8>(prng.below(head.pages));
    head.page_count = small(prng, 5);
    head.first_page = first_page_of(limits, segment) + prng.below(limits.wal_segment_pages);
    if (prng.below(2) == 0) head.prev_groups = GroupBloom::of_all();
    std::vector<IndexEntry> entries(head.page_count == 0 ? 0 : 1 + prng.below(4));
    for (auto& entry : entries) entry = any_entry(head);
    std::vector<std::byte> page(page_bytes);
    write_index_page(head, entries, page_seed(cluster_of_tests, ShardId(0)), page.data());
    disk.write(Zone::index, index_offset(limits, segment, slot), page);
  }

  MessageRef any_record() {
    PrepareOf wanted;
    wanted.group = GroupId(1 + prng.below(4));
    wanted.op = prng.below(4) == 0 ? any<Op>(prng) : Op(prng.below(20));
    if (wanted.op == Op()) wanted.op = Op(1);
    wanted.view = View(small(prng, 3));
    wanted.body_size = small(prng, 3000);
    wanted.salt = prng.below(3);
    wanted.commit = Op(prng.below(wanted.op.raw()));
    const MessageRef prepare = make_prepare(pool, wanted);
    if (prng.below(3) > 0) return prepare;
    GroupState state = make<GroupState>();
    state.group = wanted.group;
    state.epoch = Epoch(1);
    state.view = View(2 + small(prng, 2));
    state.log_view = View(small(prng, 3));
    state.head = wanted.op;
    state.commit_max = any<Op>(prng);
    state.state_seq = any_number(prng);
    state.state_flags = prng.below(8) == 0;
    std::vector<Prepare> suffix;
    if (prng.below(3) > 0) suffix.push_back(prepare.as<Prepare>());
    return make_group_state(pool, state, suffix);
  }

  void add_records() {
    std::vector<std::byte> payload;
    for (u64 records = 1 + prng.below(4); records > 0; --records) {
      const MessageRef record = any_record();
      payload.insert(payload.end(), record.bytes().begin(), record.bytes().end());
      payload.resize(round_up<std::size_t>(payload.size(), record_alignment));
    }
    PageStamp stamp;
    const PageNo first(prng.below(segments * limits.wal_segment_pages));
    stamp.batch_no = prng.below(3) == 0 ? any<BatchNo>(prng) : BatchNo(1 + prng.below(40));
    stamp.incarnation = Incarnation(small(prng, 4));
    for (std::size_t at = 0; at < payload.size(); at += payload_bytes) {
      stamp.page_no = first + at / payload_bytes;
      stamp.used = static_cast<u16>(std::min<std::size_t>(payload_bytes, payload.size() - at));
      const auto start = static_cast<u16>(prng.below(stamp.used));
      stamp.first_record = at == 0 ? u16{0} : prng.below(2) == 0 ? no_record : start;
      std::vector<std::byte> page(page_bytes);
      write_stamp(stamp, page_seed(cluster_of_tests, ShardId(0)), page.data());
      std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(at), stamp.used, page.begin() + stamp_bytes);
      disk.write(Zone::wal, wal_offset(limits, stamp.page_no), page);
    }
  }
};

RC_GTEST_PROP(Recovery, AnyBytesAreLegal, ()) {
  Limits limits = Limits::tiny();
  limits.wal_segments = 20;
  AnyDisk any(*rc::gen::arbitrary<u64>(), limits);
  for (u32 count = *rc::gen::inRange(0u, 30u); count > 0; --count) any.add();
  const std::vector<RecoveryConfig::Group> groups = {{GroupId(1), 3}, {GroupId(2), 1}, {GroupId(3), 5}};
  for (int i = 0; i < 3; ++i) {
    Life life(any.disk, recovery_config_of_tests(groups, limits));
    life.boot();
    if (life.recovery->state() == Recovery::State::refused) {
      const std::string code = life.recovery->refusal().code;
      RC_ASSERT(code == "numbers_used_up" || code == "superblock_impossible");
      return;
    }
    RC_ASSERT(life.done());
    for (const auto& group : groups) {
      const RecoveredGroup found = life.recovery->take_group(group.group);
      RC_ASSERT(found.head - found.log.floor() <= limits.journal_ops_max);
      RC_ASSERT(found.log.top() <= found.head);
      RC_ASSERT(found.head.minus_saturating(limits.pipeline_max) <= found.commit_max);
    }
    life.open();
    Chain chain(life.slabs, 4);
    if (life.wal->has_room(1, 1000)) life.write(chain.next());
  }
}

}  // namespace
}  // namespace keelson::test
