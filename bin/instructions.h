// InstructionCounter: instructions of this thread in user space, counted by the processor. On machines (and in
// containers) that don't let programs count, it reads 0; then `tests/bench/kernel_layers` counts with valgrind.
#pragma once

#include "keelson/base/types.h"

namespace keelson::bin {

class InstructionCounter {
 public:
  InstructionCounter();
  ~InstructionCounter();
  InstructionCounter(const InstructionCounter&) = delete;
  InstructionCounter& operator=(const InstructionCounter&) = delete;
  u64 read() const;  // since construction

 private:
  int file_ = -1;
};

}  // namespace keelson::bin
