#include "keelson/sim/shrink/black_box.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <new>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "keelson/sim/run/cluster.h"

namespace keelson::sim {

struct BlackBox::Shared {
  u64 events = 0, at_ns = 0;
  bool hung = false;
  char phase[64] = {};
};

namespace {

constexpr suseconds_t look_us = 250'000;  // of computing time
constexpr int looks_in_one_event = 6;
constexpr std::size_t alt_stack_bytes = 1 << 16;  // a fiber's stack may be what is used up

// Of the child's one run; handlers get no context.
const World* world = nullptr;
void (*note)() = nullptr;
void (*note_hung)() = nullptr;

void on_death(int) {
  note();  // and the process goes on dying: the handler is gone by now
}

void on_look(int) {
  static u64 before = 0;
  static int looks = 0;
  if (!world) return;
  looks = world->events() == before ? looks + 1 : 0;
  before = world->events();
  if (looks < looks_in_one_event) return;
  note_hung();
  ::_exit(1);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_ONSTACK;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

bool died(const RunReport& report) { return report.failure && report.failure->kind.rfind("process.", 0) == 0; }

void stop_before_death(RunOptions& options, const RunReport& report) {
  if (died(report) && report.events > 1) options.until_event = report.events - 1;
}

BlackBox::BlackBox() {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  shared_ = new (memory) Shared;
}

BlackBox::~BlackBox() { ::munmap(shared_, sizeof(Shared)); }

void BlackBox::install(RunOptions& options) {
  static Shared* shared;
  shared = shared_;
  note = [] {
    if (!world) return;
    shared->events = world->events();
    shared->at_ns = world->now().ns();
  };
  note_hung = [] {
    note();
    shared->hung = true;
  };
  options.prepare = [prepare = options.prepare](RunCluster& cluster) {
    world = &cluster.world;
    if (prepare) prepare(cluster);
  };
  options.progress = [progress = options.progress](const RunProgress& at) {
    const auto length = std::min(at.phase.size(), sizeof shared->phase - 1);
    std::copy_n(at.phase.begin(), length, shared->phase);
    shared->phase[length] = '\0';
    if (progress) progress(at);
  };
  static char alt_stack[alt_stack_bytes];
  stack_t stack{};
  stack.ss_sp = alt_stack;
  stack.ss_size = sizeof alt_stack;
  ::sigaltstack(&stack, nullptr);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    handle(signal, on_death, static_cast<int>(SA_RESETHAND));
  handle(SIGPROF, on_look, SA_RESTART);
  itimerval look{};
  look.it_interval.tv_usec = look.it_value.tv_usec = look_us;
  ::setitimer(ITIMER_PROF, &look, nullptr);
}

RunReport BlackBox::report(const pb::Scenario& scenario, const std::string& how_it_died) const {
  RunReport report;
  report.shape = shape_of(scenario);
  report.verdict = Verdict::safety;
  report.expected = false;
  report.events = shared_->events;
  report.virtual_ns = shared_->at_ns;
  report.failure = Failure{
      "process.died", "the run's process ended by " + how_it_died, "", shared_->at_ns, shared_->events, shared_->phase};
  if (shared_->hung) {
    report.failure->kind = "process.hung";
    report.failure->detail = "this event does not come to its end";
  }
  return report;
}

}  // namespace keelson::sim
