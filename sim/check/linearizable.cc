#include "keelson/sim/check/linearizable.h"

#include "keelson/sim/check/kv_calls.h"

namespace keelson::sim {

void Linearizable::at_end() {
  if (!on() || failed()) return;
  const KvJudgement judgement = check_kv(kv_calls(history_));
  if (judgement.linear == Linear::no)
    fail("order", judgement.detail, no_node, ViolationKind::safety, judgement.explanation, judgement.seen);
  if (judgement.linear == Linear::inconclusive) fail("bounds", judgement.detail, no_node, ViolationKind::inconclusive);
}

}  // namespace keelson::sim
