// A shard's disk and its lives: each boots by recovery, writes with the WAL that recovery made, and may crash.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "keelson/store/format.h"
#include "keelson/store/recovery.h"
#include "tests/lib/memory_disk.h"
#include "tests/lib/store/records.h"

namespace keelson::test {

inline RecoveryConfig recovery_config_of_tests(std::span<const RecoveryConfig::Group> groups,
                                               const Limits& limits = Limits::tiny()) {
  RecoveryConfig config;
  config.cluster = cluster_of_tests;
  config.node = NodeId(1);  // records of tests are by node 0
  config.shard = ShardId(0);
  config.limits = limits;
  config.tunables = Tunables::tiny();
  config.groups = groups;
  return config;
}

inline FormatConfig format_of_tests(const Limits& limits = Limits::tiny()) {
  return {cluster_of_tests, NodeId(1), Generation(0), ShardId(0), 1, limits};
}

inline MemoryDisk formatted_disk(const FormatConfig& format = format_of_tests()) {
  MemoryDisk disk(format.limits);
  std::vector<std::byte> zone(StoreLayout::of(format.limits).superblock_bytes);
  format_superblock(format, zone);
  disk.write(Zone::superblock, 0, zone);
  return disk;
}

// One process on a disk.
class Life {
 public:
  Life(MemoryDisk& on, const RecoveryConfig& given)
      : config(given),
        disk(on),
        slabs(config.limits),
        chunks(config.limits.log_entries_max),
        out(config.limits),
        stored(std::size_t{config.limits.wal_batches_in_flight_max} * config.limits.wal_batch_records_max),
        loaded(config.limits.reads_in_flight_max),
        recovery(std::make_unique<Recovery>(config, slabs, chunks, ids, counters)) {}

  void flush() {
    disk.submit(out);
    out.clear();
  }
  void start() {
    recovery->start(now, out);
    flush();
  }
  bool recovering() const { return recovery->state() == Recovery::State::running; }
  // One I/O of recovery: the i-th oldest.
  void step(std::size_t i = 0, IoStatus status = IoStatus::ok) {
    if (!recovery->on_completion(now, disk.complete(i, status), out)) throw MemoryDisk::Misuse("not an id of recovery");
    flush();
  }
  // Recovers to the end.
  Life& boot() {
    start();
    while (!disk.idle()) step();
    return *this;
  }
  bool done() const { return recovery->state() == Recovery::State::done; }
  RecoveredGroup take(u64 group = 1) { return recovery->take_group(GroupId(group)); }

  // Goes on with the WAL.
  void open() {
    wal = recovery->make_wal();
    superblock = recovery->take_superblock();
  }
  void append(const MessageRef& message, bool strict = false) {
    const Header h = message.header();
    RecordMeta meta{h.group, h.command, h.epoch, h.view, h.view, {}, {}, 0, strict};
    if (h.command == Command::prepare) {
      meta.op = message.as<Prepare>().op;
      meta.identity = message.as<Prepare>().identity;
    } else if (h.command == Command::group_checkpoint) {
      meta.op = message.as<GroupCheckpoint>().op;
      meta.identity = message.as<GroupCheckpoint>().identity;
      meta.strict = true;
    } else {
      const auto state = message.as<GroupState>();
      meta.log_view = state.log_view;
      meta.op = state.head;
      if (state.header_count > 0) meta.identity = as<Prepare>(message.data() + header_size).identity;
      meta.state_seq = state.state_seq;
      meta.state_flags = state.state_flags;
      meta.strict = true;
    }
    wal->append(meta, message);
  }
  void seal() {
    wal->seal_batch(now, out);
    flush();
  }
  void wal_step(std::size_t i = 0, IoStatus status = IoStatus::ok) {
    stored.clear();
    loaded.clear();
    if (!wal->on_completion(now, disk.complete(i, status), stored, loaded, out))
      throw MemoryDisk::Misuse("not an id of the WAL");
    for (const auto& record : stored) all_stored.push_back(record);
    seal();
  }
  void settle() {  // everything emitted is stored, and marked
    seal();
    while (!disk.idle()) wal_step();
    now = now + milliseconds(100);
    if (wal->deadline() <= now) wal->on_deadline(now, out);
    seal();
    while (!disk.idle()) wal_step();
  }
  void write(const MessageRef& message, bool strict = false) {  // a batch of its own, stored
    append(message, strict);
    seal();
    while (!disk.idle()) wal_step();
  }

  // The superblock learns how far the log is marked.
  void seal_marks() {
    Superblock next = superblock->current();
    next.durable_batch = std::max(next.durable_batch, wal->marked());
    superblock->update(next, out);
    flush();
    while (superblock->state() == SuperblockFile::State::updating) {
      if (!superblock->on_completion(disk.complete(), out)) throw MemoryDisk::Misuse("not an id of the superblock");
      flush();
    }
  }
  // Everything before `segment` is given back: the superblock says so first. False: of its Writes only `writes`
  // happened, and this life is over.
  bool free_before(u64 segment, std::size_t writes = superblock_copies) {
    Superblock next = superblock->current();
    next.first_live_segment = segment;
    next.freed_batch = wal->last_batch_before(segment);
    next.durable_batch = std::max(next.durable_batch, wal->marked());
    wal->close_before(segment);
    superblock->update(next, out);
    flush();
    while (superblock->state() == SuperblockFile::State::updating) {
      if (writes-- == 0) return false;
      if (!superblock->on_completion(disk.complete(), out)) throw MemoryDisk::Misuse("not an id of the superblock");
      flush();
    }
    wal->free_before(segment);
    return true;
  }

  const RecoveryConfig config;
  MemoryDisk& disk;
  static inline IoIds ids;  // the disk remembers the ids of earlier lives
  Counters counters;
  Slabs slabs;
  LogChunks chunks;
  EffectBag out;
  Vec<StoredRecord> stored;
  Vec<LoadedRecord> loaded;
  std::vector<StoredRecord> all_stored;
  Instant now{1'000'000};
  std::unique_ptr<Recovery> recovery;
  std::unique_ptr<Wal> wal;
  std::unique_ptr<SuperblockFile> superblock;
};

// A chain of prepares of one group, as its primary would make them.
class Chain {
 public:
  Chain(Slabs& pool, u64 of_group = 1, View stamp = View(0)) : slabs(pool), group(of_group), view(stamp) {}
  MessageRef next(u32 body_size = 64) {
    ++op;
    MessageRef message = make_prepare(slabs, {.group = GroupId(group),
                                              .op = op,
                                              .parent = parent,
                                              .view = view,
                                              .body_size = body_size,
                                              .salt = salt,
                                              .commit = commit});
    parent = message.as<Prepare>().identity;
    headers.push_back(message.as<Prepare>());
    return message;
  }
  const Prepare& at(u64 of) const { return headers.at(of - 1); }
  // The newest `count` headers, from the head downward.
  std::vector<Prepare> suffix(std::size_t count) const {
    return {headers.rbegin(), headers.rbegin() + static_cast<std::ptrdiff_t>(count)};
  }

  Slabs& slabs;
  u64 group;
  View view;
  Op op;
  Digest parent{1, 1};
  u64 salt = 0;
  Op commit;
  std::vector<Prepare> headers;
};

inline MessageRef make_state(Life& life, const Chain& chain, u32 view, u32 log_view, u64 seq, std::size_t count,
                             std::function<void(std::vector<Prepare>&)> change = {}, u32 flags = 0) {
  GroupState state = make<GroupState>();
  state.group = GroupId(chain.group);
  state.epoch = Epoch(1);
  state.node = life.config.node;
  state.incarnation = life.recovery->incarnation();
  state.view = View(view);
  state.log_view = View(log_view);
  state.head = chain.op;
  state.commit_max = chain.op.minus_saturating(count > 0 ? count - 1 : 0);
  state.state_seq = seq;
  state.state_flags = flags;
  auto suffix = chain.suffix(count);
  if (change) change(suffix);
  return make_group_state(life.slabs, state, suffix);
}

}  // namespace keelson::test
