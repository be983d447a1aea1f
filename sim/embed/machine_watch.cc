#include "keelson/sim/embed/machine_watch.h"

#include <cctype>
#include <cstdlib>
#include <utility>

#include "keelson/driver/check_hook.h"
#include "keelson/sim/embed/blame.h"

namespace keelson::sim {
namespace {

// Machines are made by function pointers and called from within the kernel: what they belong to is the thread's.
constinit thread_local const OwnMachine* machine_of_thread = nullptr;
constinit thread_local MachineCall* call_of_thread = nullptr;
constinit thread_local Violation* blamed = nullptr;

std::string call_text(const OwnMachine& machine, const char* function, Op op) {
  std::string text = "machine `" + machine.name + "`: " + function;
  return op == Op() ? text : text + " of op " + std::to_string(op.raw());
}

std::string as_name(const std::string& text) {
  std::string name = text;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

Violation by_machine(const std::string& invariant, const std::string& detail) {
  return {.kind = ViolationKind::machine,
          .checker = "machine",
          .invariant = invariant,
          .detail = detail + not_the_kernel,
          .at = {}};
}

// An exception met a noexcept function. Not a way back: the step is left, where it was called by a machine.
void on_terminate() {
  const MachineCall* call = MachineCall::of_thread();
  if (!call) std::abort();
  std::string what = "something that is not a std::exception";
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what = std::string("an exception: ") + error.what();
  } catch (...) {
  }
  set_memory_meter(nullptr);
  leave_step(by_machine("threw", call->text() + " threw, out of a noexcept function, " + what));
}

}  // namespace

[[noreturn]] void leave_step(Violation violation) {
  const std::string detail = violation.detail;
  delete std::exchange(blamed, new Violation(std::move(violation)));
  check_failed({detail.c_str(), "the step is left", 0});
}

std::optional<Violation> take_blame(const FailedCheck& failed) {
  std::optional<Violation> blame;
  if (const Violation* left_with = std::exchange(blamed, nullptr)) {
    blame = *left_with;
    delete left_with;
  } else if (const MachineCall* call = MachineCall::of_thread()) {
    blame = by_machine("check", call->text() + " failed a check: " + failed.file + ':' + std::to_string(failed.line) +
                                    ": " + failed.function);
  }
  MachineCall::forget();
  return blame;
}

OwnMachineScope::OwnMachineScope(const OwnMachine* machine)
    : former_(std::exchange(machine_of_thread, machine)),
      former_handler_(machine ? std::set_terminate(on_terminate) : std::get_terminate()) {}
OwnMachineScope::~OwnMachineScope() {
  machine_of_thread = former_;
  std::set_terminate(former_handler_);
}

const OwnMachine& own_machine_of_thread() {
  check(machine_of_thread != nullptr);
  return *machine_of_thread;
}

MachineCall::MachineCall(const OwnMachine& machine, const char* function, Op op, MemoryMeter* meter)
    : machine_(machine),
      function_(function),
      op_(op),
      outer_(std::exchange(call_of_thread, this)),
      outer_meter_(set_memory_meter(meter)) {}

MachineCall::~MachineCall() {
  set_memory_meter(outer_meter_);
  call_of_thread = outer_;
}

std::string MachineCall::text() const { return call_text(machine_, function_, op_); }
const MachineCall* MachineCall::of_thread() { return call_of_thread; }
void MachineCall::forget() {
  call_of_thread = nullptr;
  set_memory_meter(nullptr);
}

OutsideOfMachine::OutsideOfMachine()
    : call_(std::exchange(call_of_thread, nullptr)), meter_(set_memory_meter(nullptr)) {}
OutsideOfMachine::~OutsideOfMachine() {
  call_of_thread = call_;
  set_memory_meter(meter_);
}

[[noreturn]] void blame_machine(const OwnMachine& machine, const char* function, Op op, const std::string& invariant,
                                const std::string& what) {
  set_memory_meter(nullptr);
  leave_step(by_machine(invariant, call_text(machine, function, op) + ' ' + what));
}

[[noreturn]] void blame_invariant(const OwnMachine& machine, const std::string& name, Op op, const std::string& what) {
  leave_step({.kind = ViolationKind::safety,
              .checker = "invariant",
              .invariant = as_name(name),
              .detail = "machine `" + machine.name + "` after op " + std::to_string(op.raw()) + ": " + what,
              .at = {}});
}

MemoryMeter meter_of(u64 bytes_max) {
  return {bytes_max, nullptr, [](void*, u64 bytes) {
            const MachineCall* call = MachineCall::of_thread();
            const std::string who = call ? call->text() : "a machine";
            leave_step(by_machine("memory", who + " wants to hold " + std::to_string(bytes) +
                                                " bytes of memory, more than eight times the state_bytes_max that "
                                                "its limits() names, and a MiB"));
          }};
}

}  // namespace keelson::sim
