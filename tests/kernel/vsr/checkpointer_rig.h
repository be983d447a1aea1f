// Rig: a checkpointer over a disk in memory, and what its checkpoints have to hold.
//
// Who uses it: the properties of checkpoints and of their sharing between replicas.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <string>

#include "keelson/vsr/checkpoint_loader.h"
#include "keelson/vsr/checkpointer.h"
#include "tests/lib/memory_disk.h"

namespace keelson::test {

inline constexpr GroupId group{3};
inline constexpr u32 machine_sections = 5;  // to begin with
inline constexpr u32 session_sections = 2;
using State = std::vector<std::string>;

inline Limits small_limits() {
  Limits limits = Limits::tiny();
  limits.checkpoint_blocks = *rc::gen::element(24u, 60u, 400u);
  limits.checkpoint_buffers = *rc::gen::element(2u, 4u);
  limits.checkpoint_buffer_blocks = *rc::gen::element(1u, 2u, 3u);
  limits.checkpoint_staged_max = *rc::gen::element(4u, 16u, 64u);
  limits.checkpoint_table_blocks = limits.checkpoint_staged_max * limits.checkpoint_buffer_blocks / 2;
  return limits;
}

struct Rig {
  Limits limits = small_limits();
  IoIds ids;
  Counters counters;
  MemoryDisk disk{limits};
  CheckpointZone zone{limits, ids, counters};
  EffectBag out{limits};
  u32 machines = machine_sections;
  u32 sessions = session_sections;
  State state = State(machine_sections + session_sections);
  Checkpointer checkpointer{
      group, this, [](const void* self, u32 section, ByteSink& sink) {
        const std::string& s = static_cast<const Rig*>(self)->state[section];
        for (std::size_t at = 0; at < s.size(); at += 100)  // in pieces, as machines do
          sink.put(std::as_bytes(std::span(s).subspan(at, std::min<std::size_t>(100, s.size() - at))));
      }};
  Instant now;
  Op op;
  bool record_due = false;
  State at_begin;
  State durable;                         // what the newest stored record is of
  std::optional<GroupCheckpoint> named;  // that record
  std::map<Digest, State> states;        // of every checkpoint that was durable

  void change(u32 section, u32 size, char letter) {
    checkpointer.touch(section, zone, counters);
    state[section].assign(size, letter);
  }
  u32 any_section(u32 draw) const { return draw % static_cast<u32>(state.size()); }
  // Other sections of another content, though some may look like ones of the cut before.
  void recut(u32 other_machines, u32 other_sessions) {
    if (other_machines == machines && other_sessions == sessions) return;
    machines = other_machines;
    sessions = other_sessions;
    checkpointer.recut(counters);
    state.resize(machines + sessions);
    for (std::string& section : state)
      if (section.size() % 2 == 0) section += "recut";
  }
  void begin() {
    if (checkpointer.phase() != Checkpointer::Phase::idle) return;
    op = op + 10;
    CheckpointFacts facts;
    facts.group = group;
    facts.op = op;
    facts.machine_sections = machines;
    facts.session_sections = sessions;
    checkpointer.begin(facts, [](u32) { return Op(); });
    at_begin = state;
  }
  void step() {
    if (checkpointer.phase() != Checkpointer::Phase::idle && !record_due)
      record_due = checkpointer.advance(zone, counters);
    zone.emit(out);
    disk.submit(out);
    out.clear();
  }
  void complete(u32 which) {
    if (disk.idle()) return;
    const auto done = zone.on_completion(disk.complete(which % disk.in_flight()));
    check(done && done->ok && done->group == group && done->kind == IoKind::write);
    checkpointer.written(true);
  }
  void record() {
    if (!record_due) return;
    record_due = false;
    durable = at_begin;
    named = make<GroupCheckpoint>();
    checkpointer.fill(*named);
    checkpointer.recorded(zone, counters, now);
    states[checkpointer.durable_id()] = durable;
  }
  // From both copies of its table, which are the same.
  CheckpointTable table_on_disk() {
    CheckpointTable table;
    for (const u32 first : named->table_block) {
      auto copy = disk.read(Zone::checkpoint, u64{first} * page_bytes, blocks_for(named->table_bytes) * page_bytes);
      copy.resize(named->table_bytes);
      RC_ASSERT(digest_of(copy) == named->table_digest);
      RC_ASSERT(table.decode(copy, limits.checkpoint_blocks) && table.id() == named->checkpoint_id);
    }
    return table;
  }
  // What a start would find, whatever this life thinks of it.
  State loaded_by_a_start() { return loaded(table_on_disk()); }
  // All of the zone, unless blocks were lost.
  u64 free_or_named() {
    if (!named) return zone.blocks().free_count();
    u64 count = zone.blocks().free_count() + 2 * blocks_for(named->table_bytes);
    for (const SavedSection& section : table_on_disk().sections)
      for (const BlockRun& run : section.runs) count += run.count;
    return count;
  }
  // Of the durable one.
  State loaded() { return loaded(checkpointer.durable()); }
  State loaded(const CheckpointTable& table) {
    MemoryDisk read_from = disk.snapshot();
    CheckpointZone fresh(limits, ids, counters);
    State found(table.sections.size());
    CheckpointLoader loader(group, table, &found, [](void* self, u32 section, Bytes bytes) {
      (*static_cast<State*>(self))[section].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return true;
    });
    while (loader.state() == CheckpointLoader::State::reading) {
      loader.advance(fresh, out);
      read_from.submit(out);
      out.clear();
      if (read_from.idle()) continue;
      loader.on_read(*fresh.on_completion(read_from.complete()), fresh);
    }
    RC_ASSERT(loader.state() == CheckpointLoader::State::loaded);
    return found;
  }
};

}  // namespace keelson::test
