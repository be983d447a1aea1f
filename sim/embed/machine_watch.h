// MachineWatch: what a machine of one's own may not do, and how it is told apart from what the kernel does wrong.
//
// Who uses it: WatchedMachine, which calls every function of such a machine inside of a MachineCall: an exception, a
// clock, more memory than the machine said it needs, a failed check() end the run as a violation of checker "machine".
// Not here: comparing a machine with its twin (watched_machine.h).
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "keelson/machine/machine.h"
#include "keelson/sim/memory.h"

namespace keelson::sim {

// Looked at after each op, on each replica.
struct OwnInvariant {
  std::string name;
  std::function<std::string(const void* machine)> wrong;  // empty: it holds
};

struct OwnMachine {
  std::string name;
  MachineKind kind;
  void (*add)(MachineRegistry&) = nullptr;
  std::vector<OwnInvariant> invariants;
};

// The one that machines made on this thread are of, while this lives. One run at a time. An exception that leaves a
// noexcept function of such a machine is the machine's as well: the process's terminate handler sees to that.
class OwnMachineScope {
 public:
  explicit OwnMachineScope(const OwnMachine* machine);
  OwnMachineScope(const OwnMachineScope&) = delete;
  OwnMachineScope& operator=(const OwnMachineScope&) = delete;
  ~OwnMachineScope();

 private:
  const OwnMachine* former_;
  std::terminate_handler former_handler_;
};
const OwnMachine& own_machine_of_thread();

// Lives as long as a call of the machine.
class MachineCall {
 public:
  MachineCall(const OwnMachine& machine, const char* function, Op op, MemoryMeter* meter);
  MachineCall(const MachineCall&) = delete;
  MachineCall& operator=(const MachineCall&) = delete;
  ~MachineCall();

  // "machine `bank`: apply of op 12"
  std::string text() const;
  static const MachineCall* of_thread();
  static void forget();  // the step is left

 private:
  const OwnMachine& machine_;
  const char* function_;
  Op op_;
  MachineCall* outer_;
  MemoryMeter* outer_meter_;
};

// While the machine calls back: what happens then is not its doing.
class OutsideOfMachine {
 public:
  OutsideOfMachine();
  OutsideOfMachine(const OutsideOfMachine&) = delete;
  OutsideOfMachine& operator=(const OutsideOfMachine&) = delete;
  ~OutsideOfMachine();

 private:
  MachineCall* call_;
  MemoryMeter* meter_;
};

// The machine broke its contract: "machine `bank`: apply of op 12 " + what.
[[noreturn]] void blame_machine(const OwnMachine& machine, const char* function, Op op, const std::string& invariant,
                                const std::string& what);
[[noreturn]] void blame_invariant(const OwnMachine& machine, const std::string& name, Op op, const std::string& what);

// A meter that blames the machine for more than `bytes_max`.
MemoryMeter meter_of(u64 bytes_max);

// What every detail about a machine ends with.
inline constexpr const char* not_the_kernel = ": this is your machine, not the kernel";

}  // namespace keelson::sim
