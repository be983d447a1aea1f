// A WAL on a MemoryDisk, driven by hand: what a shard and a driver do around it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "keelson/store/wal.h"
#include "tests/lib/memory_disk.h"
#include "tests/lib/store/records.h"

namespace keelson::test {

class WalRig {
 public:
  explicit WalRig(const Limits& given = Limits::tiny(), Tunables tunables = Tunables::tiny(), WalStart start = fresh())
      : limits(given),
        slabs(limits),
        disk(limits),
        out(limits),
        stored(std::size_t{limits.wal_batches_in_flight_max} * limits.wal_batch_records_max),
        loaded(limits.reads_in_flight_max),
        wal(std::make_unique<Wal>(WalConfig{cluster_of_tests, ShardId(0), limits, tunables}, start, slabs, ids,
                                  counters)) {}

  static WalStart fresh() { return {Incarnation(1), PageNo(0), 0, BatchNo(1), BatchNo(0), {}}; }
  static RecordMeta meta_of(const MessageRef& message, bool strict = false) {
    const Header h = message.header();
    if (h.command == Command::prepare) {
      const auto p = message.as<Prepare>();
      return {h.group, h.command, h.epoch, h.view, h.view, p.op, p.identity, 0, strict};
    }
    const auto s = message.as<GroupState>();
    return {h.group, h.command, h.epoch, h.view, s.log_view, s.head, {}, s.state_seq, strict};
  }

  // One record of its own making; the op is the next one.
  MessageRef append(u32 body_size = 64, bool strict = false, GroupId group = GroupId(1)) {
    ++op;
    MessageRef message = make_prepare(slabs, {.group = group, .op = op, .body_size = body_size});
    wal->append(meta_of(message, strict), message);
    return message;
  }
  void seal() {
    wal->seal_batch(now, out);
    disk.submit(out);
    out.clear();
  }
  // The i-th oldest operation, as a step of its own; the batch is sealed at its end.
  void complete(std::size_t i = 0, IoStatus status = IoStatus::ok) {
    complete_only(i, status);
    seal();
  }
  void complete_only(std::size_t i = 0, IoStatus status = IoStatus::ok) {
    stored.clear();
    loaded.clear();
    const Completion completion = disk.complete(i, status);
    if (!wal->on_completion(now, completion, stored, loaded, out)) throw MemoryDisk::Misuse("not an id of the WAL");
    for (const auto& record : stored) all_stored.push_back(record);
  }
  void complete_all() {
    while (!disk.idle()) complete();
  }
  void pass(Duration d) {
    now = now + d;
    if (wal->deadline() <= now) wal->on_deadline(now, out);
    seal();
  }
  bool is_stored(const MessageRef& message) const {
    const auto identity = message.as<Prepare>().identity;
    for (const auto& record : all_stored)
      if (record.identity == identity) return true;
    return false;
  }
  RecordPlace place_of(const MessageRef& message) const {
    const auto identity = message.as<Prepare>().identity;
    for (const auto& record : all_stored)
      if (record.identity == identity) return record.place;
    return {};
  }
  bool load(const MessageRef& message, const RecordPlace& place) {
    const auto p = message.as<Prepare>();
    const bool issued = wal->load(p.group, p.op, p.identity, place, 77, IoClass::repair, out);
    disk.submit(out);
    out.clear();
    return issued;
  }
  // What is on the disk at a place: the index pages of a segment.
  std::vector<IndexReading> index_of(u64 segment = 0) const {
    std::vector<IndexReading> readings;
    for (u32 i = 0; i < limits.index_pages_per_segment; ++i) {
      const auto page = disk.read(Zone::index, index_offset(limits, segment, i), page_bytes);
      readings.push_back(read_index_page(page.data(), page_seed(cluster_of_tests, ShardId(0)), limits));
    }
    return readings;
  }

  const Limits limits;
  Slabs slabs;
  IoIds ids;
  Counters counters;
  MemoryDisk disk;
  EffectBag out;
  Vec<StoredRecord> stored;  // by the last completion
  Vec<LoadedRecord> loaded;
  std::vector<StoredRecord> all_stored;
  Instant now{1'000'000};
  Op op;
  std::unique_ptr<Wal> wal;
};

}  // namespace keelson::test
