#include "keelson/sim/check/kv_cell.h"

#include <utility>

namespace keelson::sim {
namespace {

// Before which place in the order of answers somebody could tell that a key holds a value: from there on, an operation
// of unknown outcome that writes it can be left out.
class KvSightings {
 public:
  explicit KvSightings(const std::vector<LinearOp<KvCell>>& ops) {
    for (const auto& op : ops)
      if (op.output) see_answer(op.input, *op.output, op.returned + 1);
    // Whoever swaps it may, if what it writes can be seen.
    for (bool more = true; std::exchange(more, false);)
      for (const auto& [input, output, called, returned] : ops)
        if (!output && input.act == KvAct::swap) more = see(input.expected, last(input.value)) || more;
  }
  // Zero: nobody ever.
  u64 last(u32 value) const { return std::max(any_, last_as_itself(value)); }
  u64 last_as_itself(u32 value) const { return value < last_.size() ? last_[value] : 0; }

 private:
  void see_answer(const KvCell::Input& input, const KvCell::Output& output, u64 at) {
    if (input.act == KvAct::read) see(output.found.value_or(0), at);
    if (input.act == KvAct::erase && !output.done) see(0, at);
    if (input.act == KvAct::swap) see(output.done ? input.expected : output.found.value_or(input.expected), at);
    const bool anything =
        (input.act == KvAct::erase && output.done) || (input.act == KvAct::swap && !output.done && !output.found);
    if (anything) any_ = std::max(any_, at);
  }

  bool see(u32 value, u64 at) {
    if (value >= last_.size()) last_.resize(value + 1);
    const bool later = at > last_[value];
    last_[value] = std::max(last_[value], at);
    return later;
  }

  std::vector<u64> last_;  // by value
  u64 any_ = 0;            // of those to whom it only matters whether the key holds something (else)
};

}  // namespace

const char* name_of(KvAct act) {
  switch (act) {
    case KvAct::read:
      return "read";
    case KvAct::write:
      return "write";
    case KvAct::erase:
      return "delete";
    case KvAct::swap:
      return "cas";
  }
  return "?";
}

std::optional<KvCell::State> KvCell::step(State held, const Input& input, const Output* output) const {
  if (output && output->strange) return std::nullopt;
  const auto unless = [&](bool wrong, State after) { return wrong ? std::optional<State>() : after; };
  const bool found_other = output && output->found && *output->found != held;
  switch (input.act) {
    case KvAct::read:
      return unless(found_other, held);
    case KvAct::write:
      return input.value;
    case KvAct::erase:
      return unless(output && output->done != (held != 0), 0);
    case KvAct::swap:
      if (held != input.expected) return unless(output && (output->done || found_other), held);
      return unless(output && !output->done, input.value);
  }
  return std::nullopt;
}

std::vector<u32> leave_out_unseen(std::vector<LinearOp<KvCell>>& ops) {
  const KvSightings seen(ops);
  std::vector<u32> kept;
  for (u32 i = 0; i < ops.size(); ++i) {
    LinearOp<KvCell>& op = ops[i];
    if (!op.output) {
      if (op.input.act == KvAct::erase) op.input.value = 0;
      const u64 last = seen.last(op.input.value);
      if (op.input.act == KvAct::read || last <= op.called) continue;
      op.returned = last - 1;
      if (op.input.value != 0 && seen.last_as_itself(op.input.value) == 0) op.input.value = KvCell::unseen;
    }
    ops[kept.size()] = op;
    kept.push_back(i);
  }
  ops.resize(kept.size());
  return kept;
}

}  // namespace keelson::sim
