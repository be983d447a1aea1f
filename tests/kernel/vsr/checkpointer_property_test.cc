// Checkpoints under any order of changes, steps and completions: one that is durable holds the state after its op and
// no other, a later one never touches its blocks before it is durable itself, and no block is lost.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <string>

#include "keelson/vsr/checkpoint_loader.h"
#include "keelson/vsr/checkpointer.h"
#include "tests/lib/memory_disk.h"

namespace keelson::test {
namespace {

constexpr GroupId group{3};
constexpr u32 machine_sections = 5;
constexpr u32 session_sections = 2;
using State = std::vector<std::string>;

Limits small_limits() {
  Limits limits = Limits::tiny();
  limits.checkpoint_blocks = *rc::gen::element(24u, 60u, 400u);
  limits.checkpoint_buffers = *rc::gen::element(2u, 4u);
  limits.checkpoint_buffer_blocks = *rc::gen::element(1u, 2u, 3u);
  limits.checkpoint_staged_max = *rc::gen::element(4u, 16u, 64u);
  return limits;
}

struct Rig {
  Limits limits = small_limits();
  IoIds ids;
  Counters counters;
  MemoryDisk disk{limits};
  CheckpointZone zone{limits, ids, counters};
  EffectBag out{limits};
  State state = State(machine_sections + session_sections);
  Checkpointer checkpointer{
      group, machine_sections, session_sections, this, [](const void* self, u32 section, ByteSink& sink) {
        const std::string& s = static_cast<const Rig*>(self)->state[section];
        for (std::size_t at = 0; at < s.size(); at += 100)  // in pieces, as machines do
          sink.put(std::as_bytes(std::span(s).subspan(at, std::min<std::size_t>(100, s.size() - at))));
      }};
  Instant now;
  Op op;
  bool record_due = false;
  State at_begin;
  State durable;

  void change(u32 section, u32 size, char letter) {
    checkpointer.touch(section, zone, counters);
    state[section].assign(size, letter);
  }
  void begin() {
    if (checkpointer.phase() != Checkpointer::Phase::idle) return;
    op = op + 10;
    CheckpointFacts facts;
    facts.group = group;
    facts.op = op;
    checkpointer.begin(facts);
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
    checkpointer.written();
  }
  void record() {
    if (!record_due) return;
    record_due = false;
    durable = at_begin;
    checkpointer.recorded(zone, counters, now);
  }
  // What a start would read of the durable one.
  State loaded() {
    MemoryDisk read_from = disk.snapshot();
    CheckpointZone fresh(limits, ids, counters);
    State found(machine_sections + session_sections);
    CheckpointLoader loader(group, checkpointer.durable(), &found, [](void* self, u32 section, Bytes bytes) {
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
  u32 durable_blocks() const {
    u32 blocks = 0;
    for (const auto& section : checkpointer.durable().sections)
      for (const BlockRun& run : section.runs) blocks += run.count;
    return blocks;
  }
};

RC_GTEST_PROP(CheckpointerProperty, ADurableCheckpointIsTheStateAfterItsOp, ()) {
  Rig rig;
  for (const u32 draw : *rc::gen::scale(4.0, rc::gen::container<std::vector<u32>>(rc::gen::arbitrary<u32>()))) {
    const u32 arg = draw / 16;
    switch (draw % 8) {
      case 0:
      case 1:
        rig.change(arg % (machine_sections + session_sections), arg / 8 % 9000, static_cast<char>('a' + arg % 26));
        break;
      case 2:
        rig.begin();
        break;
      case 3:
      case 4:
        rig.step();
        break;
      case 5:
      case 6:
        rig.complete(arg);
        break;
      default:
        rig.record();
    }
    if (rig.checkpointer.durable_op() > Op(0)) RC_ASSERT(rig.loaded() == rig.durable);
  }
  for (u32 i = 0; i < 2000 && rig.checkpointer.phase() != Checkpointer::Phase::idle; ++i) {
    rig.step();
    rig.complete(0);
    rig.record();
  }
  RC_ASSERT(rig.checkpointer.phase() == Checkpointer::Phase::idle);
  if (rig.checkpointer.durable_op() > Op(0)) {
    RC_ASSERT(rig.loaded() == rig.durable);
    rig.checkpointer.forget(rig.zone, rig.now);
  }
  RC_ASSERT(rig.zone.blocks().free_count() == rig.limits.checkpoint_blocks);
  RC_ASSERT(rig.zone.staged() == 0u);
  RC_TAG(rig.checkpointer.durable_id().is_zero() && rig.durable.empty() ? "none durable" : "durable");
}

}  // namespace
}  // namespace keelson::test
