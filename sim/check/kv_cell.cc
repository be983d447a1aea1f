#include "keelson/sim/check/kv_cell.h"

namespace keelson::sim {
namespace {

// Up to which place in the order of answers somebody could tell that a key holds a value: after that, an operation of
// unknown outcome that writes it can be left out.
class KvSightings {
 public:
  explicit KvSightings(const std::vector<LinearOp<KvCell>>& ops);
  // Zero: nobody ever.
  u64 last(u32 value) const;

 private:
  void see(u32 value, u64 at);
  std::vector<u64> last_;  // by value
  u64 any_ = 0;            // of those to whom any value makes a difference
};

KvSightings::KvSightings(const std::vector<LinearOp<KvCell>>& ops) {
  constexpr u64 always = ~u64{0};
  for (const auto& [input, output, called, returned] : ops) {
    if (!output) {
      if (input.act == KvAct::swap) see(input.expected, always);
    } else if (input.act == KvAct::read) {
      see(output->found.value_or(0), returned);
    } else if (input.act == KvAct::erase) {
      if (output->done)
        any_ = std::max(any_, returned);
      else
        see(0, returned);
    } else if (input.act == KvAct::swap) {
      if (output->done)
        see(input.expected, returned);
      else if (output->found)
        see(*output->found, returned);
      else
        any_ = std::max(any_, returned);
    }
  }
}

void KvSightings::see(u32 value, u64 at) {
  if (value >= last_.size()) last_.resize(value + 1);
  last_[value] = std::max(last_[value], at);
}

u64 KvSightings::last(u32 value) const { return value < last_.size() ? std::max(any_, last_[value]) : any_; }

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
      op.returned = seen.last(op.input.act == KvAct::erase ? 0 : op.input.value);
      if (op.input.act == KvAct::read || op.returned < op.called) continue;
    }
    ops[kept.size()] = op;
    kept.push_back(i);
  }
  ops.resize(kept.size());
  return kept;
}

}  // namespace keelson::sim
