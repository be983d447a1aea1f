// Checkpoints under any order of changes, steps and completions: one that is durable holds the state after its op and
// no other, a later one never touches its blocks before it is durable itself, even if this life can't read it, and no
// block is lost. How many sections there are changes as well.
#include "tests/kernel/vsr/checkpointer_rig.h"

namespace keelson::test {
namespace {

RC_GTEST_PROP(CheckpointerProperty, ADurableCheckpointIsTheStateAfterItsOp, ()) {
  Rig rig;
  u32 recuts = 0, forgotten = 0;
  for (const u32 draw : *rc::gen::scale(4.0, rc::gen::container<std::vector<u32>>(rc::gen::arbitrary<u32>()))) {
    const u32 arg = draw / 16;
    switch (draw % 9) {
      case 0:
      case 1:
        rig.change(rig.any_section(arg), arg / 8 % 9000, static_cast<char>('a' + arg % 26));
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
      case 7:
        if (arg % 4 == 1 && rig.checkpointer.phase() == Checkpointer::Phase::idle &&
            rig.checkpointer.durable_op() > Op(0)) {
          ++forgotten;
          rig.checkpointer.forget(rig.zone, rig.now);
        }
        if (arg % 4 > 0) break;
        recuts += rig.checkpointer.durable_op() > Op(0);
        rig.recut(1 + arg / 4 % 9, 1 + arg / 64 % 3);
        break;
      default:
        rig.record();
    }
    if (rig.checkpointer.durable_op() > Op(0)) RC_ASSERT(rig.loaded() == rig.durable);
    if (rig.named) RC_ASSERT(rig.loaded_by_a_start() == rig.durable);
  }
  for (u32 i = 0; i < 2000 && rig.checkpointer.phase() != Checkpointer::Phase::idle; ++i) {
    rig.step();
    rig.complete(0);
    rig.record();
  }
  RC_ASSERT(rig.checkpointer.phase() == Checkpointer::Phase::idle);
  RC_ASSERT(rig.free_or_named() == rig.limits.checkpoint_blocks);
  RC_ASSERT(rig.zone.staged() == 0u);
  RC_TAG(!rig.named ? "none durable" : "durable");
  RC_TAG(forgotten > 0 ? "forgotten" : "never forgotten");
  RC_TAG(recuts > 0 ? "recut" : "never recut");
}

// A table that is longer than a buffer is written and read in pieces.
RC_GTEST_PROP(CheckpointerProperty, ATableMayBeLongerThanABuffer, ()) {
  Rig rig;
  RC_PRE(rig.limits.checkpoint_blocks >= 400 && rig.limits.checkpoint_staged_max >= 16);
  const u32 machines = *rc::gen::inRange(80u, 300u);
  rig.recut(machines, session_sections);
  for (u32 i = 0; i < 20; ++i) rig.change(rig.any_section(i * 31), 10 + i, 'x');
  rig.begin();
  for (u32 i = 0; i < 10'000 && rig.checkpointer.phase() != Checkpointer::Phase::idle; ++i) {
    rig.step();
    rig.complete(i);
    rig.record();
  }
  const u64 bytes = rig.checkpointer.durable().encoded_bytes();
  if (rig.checkpointer.durable_op() == Op(0)) return;  // its table may be too long for these limits
  RC_CLASSIFY(bytes > rig.zone.buffer_bytes());
  RC_ASSERT(bytes <= rig.zone.table_bytes_max());
  RC_ASSERT(rig.loaded() == rig.durable);
  RC_ASSERT(rig.named->table_bytes == bytes);
  RC_ASSERT(rig.loaded_by_a_start() == rig.durable);
}

}  // namespace
}  // namespace keelson::test
