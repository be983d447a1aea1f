// The WAL under any order of appends, seals, completions, failures and power cuts, held against what the disk holds.
#include <gtest/gtest.h>
#include <map>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <set>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

enum class Action : u8 { append, append_strict, append_big, seal, complete, complete_newest, pass_time, load, fail };

struct Step {
  Action action;
  u32 arg;
};
std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << static_cast<int>(step.action) << ":" << step.arg;
}

rc::Gen<std::vector<Step>> any_steps(bool with_failures) {
  using rc::gen::weightedElement;
  const auto action = weightedElement<Action>({{8, Action::append},
                                               {3, Action::append_strict},
                                               {3, Action::append_big},
                                               {8, Action::seal},
                                               {14, Action::complete},
                                               {4, Action::complete_newest},
                                               {2, Action::pass_time},
                                               {4, Action::load},
                                               {with_failures ? 1u : 0u, Action::fail}});
  const auto step = rc::gen::map(rc::gen::pair(action, rc::gen::arbitrary<u32>()), [](const auto& pair) {
    return Step{pair.first, pair.second};
  });
  return rc::gen::scale(6.0, rc::gen::container<std::vector<Step>>(step));
}

Limits any_limits() {
  Limits limits = Limits::tiny();
  limits.wal_segments = *rc::gen::element(4u, 5u, 20u, 200u);
  limits.index_pages_per_segment = *rc::gen::element(7u, 8u, 16u);
  limits.wal_batches_in_flight_max = *rc::gen::element(1u, 2u, 3u);
  limits.writes_in_flight_max = *rc::gen::element(2u, 3u, 8u);
  limits.reads_in_flight_max = 2;
  return limits;
}

// Drives a rig and knows what must be true of it.
class Model {
 public:
  struct Known {
    Prepare header;
    std::vector<std::byte> bytes;
    bool strict;
    RecordPlace place;  // once stored
    BatchNo batch;
  };

  Model(const Limits& limits, const Tunables& tunables) : rig(limits, tunables) {}

  void run(const std::vector<Step>& steps) {
    for (const auto& step : steps) {
      take(step);
      judge();
    }
  }

  void take(const Step& step) {
    switch (step.action) {
      case Action::append:
        return append(16 * (step.arg % 40), false);
      case Action::append_strict:
        return append(16 * (step.arg % 40), true);
      case Action::append_big:
        return append(step.arg % (rig.limits.message_size_max - 400), step.arg % 5 == 0);
      case Action::seal:
        return rig.seal();
      case Action::complete:
        if (!rig.disk.idle()) rig.complete(step.arg % rig.disk.in_flight());
        return on_loaded();
      case Action::complete_newest:
        if (!rig.disk.idle()) rig.complete(rig.disk.in_flight() - 1);
        return on_loaded();
      case Action::pass_time:
        return rig.pass(Duration(step.arg % 1'000'000));
      case Action::load:
        return load(step.arg);
      case Action::fail:
        return fail(step.arg);
    }
  }

  void append(u32 body_size, bool strict) {
    const u64 size = header_size + prepared_size(body_size);
    const Command command = strict ? Command::group_state : Command::prepare;  // which may use the reserve
    if (!rig.wal->has_room(1, size, command) || rig.slabs.available(static_cast<u32>(size)) == 0) return;
    const auto record = rig.append(body_size, strict, GroupId(1 + body_size % 3));
    const auto bytes = record.bytes();
    records[record.as<Prepare>().identity] = {record.as<Prepare>(), {bytes.begin(), bytes.end()}, strict, {}, {}};
  }

  void load(u32 arg) {
    if (stored_order.empty()) return;
    const Known& known = records.at(stored_order[arg % stored_order.size()]);
    const auto& p = known.header;
    if (!rig.wal->load(p.group, p.op, p.identity, known.place, arg, IoClass::repair, rig.out)) return;
    rig.disk.submit(rig.out);
    rig.out.clear();
  }

  void on_loaded() {
    for (const auto& loaded : rig.loaded) {
      const Known& known = records.at(loaded.identity);
      RC_ASSERT(loaded.ok);
      RC_ASSERT((loaded.op == known.header.op && loaded.group == known.header.group));
      RC_ASSERT(equal(loaded.message.bytes(), known.bytes));
    }
    rig.loaded.clear();
  }

  void fail(u32 arg) {
    for (std::size_t i = 0; i < rig.disk.in_flight(); ++i) {
      const std::size_t at = (i + arg) % rig.disk.in_flight();
      if (rig.disk.kind_of(at) != IoKind::write) continue;
      rig.complete(at, arg % 2 ? IoStatus::io_error : IoStatus::no_space);
      RC_ASSERT(rig.wal->poisoned());
      return on_loaded();
    }
  }

  void judge() {
    if (poisoned) RC_ASSERT((rig.all_stored.size() == seen && rig.disk.writes_accepted() == writes_when_poisoned));
    for (; seen < rig.all_stored.size(); ++seen) judge_stored(rig.all_stored[seen]);
    if (rig.wal->poisoned() && !poisoned) {
      poisoned = true;
      writes_when_poisoned = rig.disk.writes_accepted();
    }
  }

  // Reported once; R and E on the disk now; the mark too, where it needs one; nowhere near another record.
  void judge_stored(const StoredRecord& stored) {
    Known& known = records.at(stored.identity);
    RC_ASSERT(!known.place.exists());
    RC_ASSERT((stored.op == known.header.op && stored.place.size == known.bytes.size()));
    known.place = stored.place;
    stored_order.push_back(stored.identity);
    const u64 from = stored.place.page.raw() * payload_bytes + stored.place.offset;
    const u64 to = from + round_up(stored.place.size, record_alignment);
    const auto next = extents.lower_bound(from);
    RC_ASSERT((next == extents.end() || next->first >= to));
    RC_ASSERT((next == extents.begin() || std::prev(next)->second <= from));
    extents[from] = to;
    RC_ASSERT(on_disk(known));
    const auto batch = batch_of(stored);
    RC_ASSERT(batch.has_value());
    known.batch = *batch;
    if (known.strict || strict_ack) RC_ASSERT(highest_marker() >= *batch);
  }

  bool on_disk(const Known& known) const {
    const auto pages = rig.disk.read(Zone::wal, wal_offset(rig.limits, known.place.page),
                                     std::size_t{pages_of(known.place)} * page_bytes);
    std::vector<std::byte> bytes(known.place.size);
    return gather_record(pages, known.place, seed, rig.limits, bytes) == RecordPages::ok && bytes == known.bytes;
  }

  template <class Visit>
  void for_index_pages(Visit visit) const {
    rig.disk.for_written(Zone::index, [&](u64 offset, Bytes page) {
      const auto read = read_index_page(page.data(), seed, rig.limits);
      if (read.state == PageState::ok)
        visit(read, page.data(), offset / page_bytes / rig.limits.index_pages_per_segment);
    });
  }

  std::optional<BatchNo> batch_of(const StoredRecord& stored) const {
    std::optional<BatchNo> found;
    for_index_pages([&](const IndexReading& read, const std::byte* page, u64) {
      for (u32 i = 0; i < read.head.count; ++i)
        if (index_entry(page, i).identity == stored.identity && index_entry(page, i).page_no == stored.place.page &&
            index_entry(page, i).offset == stored.place.offset)
          found = read.head.batch_no;
    });
    return found;
  }
  BatchNo highest_marker() const {
    BatchNo highest;
    for_index_pages(
        [&](const IndexReading& read, const std::byte*, u64) { highest = std::max(highest, read.head.durable_batch); });
    return highest;
  }

  // What recovery will rely on: every record of a marked batch is whole, batches are in their segments, numbers rise.
  void judge_disk() const {
    const BatchNo marked = highest_marker();
    for_index_pages([&](const IndexReading& read, const std::byte* page, u64 segment) {
      RC_ASSERT((segment_of(rig.limits, read.head.first_page) == segment ||
                 (read.head.count == 0 && read.head.first_page == first_page_of(rig.limits, segment + 1))));
      if (read.head.batch_no > marked) return;
      for (u32 i = 0; i < read.head.count; ++i) {
        Known known = records.at(index_entry(page, i).identity);
        known.place = index_entry(page, i).place();
        RC_ASSERT(on_disk(known));
      }
    });
  }

  WalRig rig;
  bool strict_ack = false;
  std::map<Digest, Known> records;
  std::vector<Digest> stored_order;
  std::map<u64, u64> extents;
  std::size_t seen = 0;
  bool poisoned = false;
  u64 writes_when_poisoned = 0;
  const u64 seed = page_seed(cluster_of_tests, ShardId(0));
};

RC_GTEST_PROP(WalProperty, WhatIsReportedIsOnTheDiskAndEverythingIsReportedInTheEnd, ()) {
  const Limits limits = any_limits();
  Tunables tunables = Tunables::tiny();
  tunables.strict_ack = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  Model model(limits, tunables);
  model.strict_ack = tunables.strict_ack;
  model.run(*any_steps(false));

  model.rig.seal();
  while (!model.rig.disk.idle()) {
    model.take({Action::complete, *rc::gen::arbitrary<u32>()});
    model.judge();
  }
  RC_ASSERT(model.stored_order.size() == model.records.size());
  RC_ASSERT(model.rig.slabs.in_use() == 0u);
  // Left alone, the last batch is marked, once.
  model.rig.pass(tunables.marker_delay);
  while (!model.rig.disk.idle()) model.rig.complete();
  for (const auto& [identity, known] : model.records) RC_ASSERT(model.highest_marker() >= known.batch);
  RC_ASSERT(model.rig.wal->deadline() == Instant::never());
  model.judge_disk();
}

RC_GTEST_PROP(WalProperty, AfterAFailedWriteNothingIsStoredAndEverythingIsGivenBack, ()) {
  Model model(any_limits(), Tunables::tiny());
  model.run(*any_steps(true));
  while (!model.rig.disk.idle()) {
    model.take({Action::complete, *rc::gen::arbitrary<u32>()});
    model.judge();
  }
  model.rig.pass(seconds(1));
  model.judge();
  model.judge_disk();
  if (model.poisoned) RC_ASSERT(model.rig.slabs.in_use() == 0u);
  model.rig.wal.reset();
  RC_ASSERT(model.rig.slabs.in_use() == 0u);
}

RC_GTEST_PROP(WalProperty, WhatWasReportedSurvivesThePowerAndMarksNeverLie, ()) {
  Model model(any_limits(), Tunables::tiny());
  model.run(*any_steps(false));
  model.rig.wal.reset();
  model.rig.disk.crash([](u32 n) { return *rc::gen::inRange<u32>(0, n); });
  for (const auto& identity : model.stored_order) RC_ASSERT(model.on_disk(model.records.at(identity)));
  model.judge_disk();
}

}  // namespace
}  // namespace keelson::test
