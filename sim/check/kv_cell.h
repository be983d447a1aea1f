// KvCell: what one key of a map may answer, as a model for linearize.h. A register is the same.
//
// Who uses it: kv_calls.h, which knows what values look like; here they are numbers, 0 is none. Not here: keys.
#pragma once

#include "keelson/sim/check/linearize.h"

namespace keelson::sim {

enum class KvAct : u8 { read, write, erase, swap };  // get, put, delete, cas
const char* name_of(KvAct act);                      // in history files: read, write, delete, cas

struct KvCell {
  using State = u32;
  static constexpr u32 unseen = ~u32{0};  // any value that nobody saw, of an operation of unknown outcome
  struct Input {
    KvAct act;
    u32 expected, value;
  };
  struct Output {
    bool done;
    std::optional<u32> found;
    bool strange;
  };
  State initial() const { return 0; }
  std::optional<State> step(State held, const Input& input, const Output* output) const;
  u64 hash(State state) const { return state; }
  u64 kind(const Input& i) const { return (u64{i.value} << 32 | i.expected) * 4 + static_cast<u64>(i.act); }
};

// Drops operations of unknown outcome that nobody can have seen, and sets where the others stop to matter: the search
// has less to try, and finds the same. Returns which are kept.
std::vector<u32> leave_out_unseen(std::vector<LinearOp<KvCell>>& ops);

}  // namespace keelson::sim
