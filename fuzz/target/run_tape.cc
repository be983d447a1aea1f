// Any bytes as a tape: a whole run of a small cluster, with all checkers. A run must end, and nothing may be found: no
// wrong answer, no failed check, no call without an end.
//
// The input chooses one of the scenarios and is then a list of episodes over it (fuzz/gen/tape.h), over a quiet run or
// over one of a seed. What a run reached (rare branches of the kernel, faults, view changes) counts as coverage. A
// finding prints the scenario with its tape, which `keelson sim` runs and `keelson shrink` takes.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "keelson/sim/run/run.h"

#include "fuzz/gen/tape.h"

// Beside the edges: features of the run, by name, each with its magnitude. A section of libFuzzer's; plain memory to
// every other build.
#if defined(__clang__) && defined(__linux__)
__attribute__((section("__libfuzzer_extra_counters")))
#endif
std::array<std::uint8_t, 4096>
    reached_in_run;

namespace {

using namespace keelson;
using namespace keelson::sim;

constexpr u64 episodes_max = 24;

constexpr std::array scenarios{
    // Everything about messages and processes.
    R"(name: "fuzz_messages" cluster { replicas: 3 clients: 2 limits: TINY }
       workload { kv { keys: 2 del: 10 } requests: 12 timeout_ms: 100 think_us: 4000 }
       network { mode: DATAGRAM loss_ppm: 1000 duplicate_ppm: 1000 reorder_ppm: 1000 ghost_ppm: 100 corrupt_ppm: 100 }
       turn { bag_split_ppm: 10000 bag_shuffle_ppm: 10000 effect_shuffle_ppm: 10000 tie_shuffle_ppm: 1000 }
       phase { name: "busy" duration_ms: 600 crash { every_ms: 2000 restart_after_ms: 100 } partition { every_ms: 800 for_ms: 100 }
               client_crash { every_ms: 2000 } pause { every_ms: 2000 for_ms: 100 } }
       background: NONE budget { events: 200000 })",
    // Streams, two shards, three groups: connections that break, mailboxes that lose.
    R"(name: "fuzz_streams" cluster { replicas: 3 clients: 2 shards: 2 groups: 3 limits: TINY tunables { quiesce_after_ms: 100 } }
       workload { kv { keys: 2 } requests: 10 timeout_ms: 200 think_us: 10000 }
       network { loss_ppm: 1000 reset_ppm: 500 half_open_ms: 500 connect_fail_ppm: 10000 slow_ppm: 100 }
       mailbox { drop_ppm: 1000 } turn { fiber_shuffle: true tie_shuffle_ppm: 1000 }
       phase { name: "busy" duration_ms: 600 crash { every_ms: 2000 kind: PROCESS restart_after_ms: 50 } partition { every_ms: 1000 for_ms: 100 gray: true } }
       background: NONE budget { events: 200000 })",
    // Disks: torn, rotten, misread, within the budget; checkpoints soon.
    R"(name: "fuzz_disks" cluster { replicas: 3 clients: 2 limits: TINY }
       workload { kv { keys: 3 value_bytes_max: 300 } requests: 45 timeout_ms: 200 think_us: 1000 }
       disk { lse_ppm: 500 rot_every_ms: 300 read_flip_ppm: 500 misdirect_read_ppm: 500 rot_tail_ppm: 100000 stall_ppm: 100 write_error_ppm: 100 }
       phase { name: "busy" duration_ms: 800 crash { every_ms: 800 kind: POWER restart_after_ms: 50 } power_cut { every_ms: 1500 restart_after_ms: 50 } }
       background: NONE budget { events: 200000 })",
    // Writes that go elsewhere, over five nodes of which some are let down.
    R"(name: "fuzz_marks" cluster { replicas: 5 clients: 1 limits: TINY }
       workload { kv { keys: 2 } requests: 16 timeout_ms: 200 think_us: 4000 }
       disk { misdirect_write_ppm: 2000 revert_ppm: 2000 }
       phase { name: "busy" duration_ms: 500 crash { every_ms: 1500 restart_after_ms: 50 } partition { every_ms: 600 for_ms: 100 } }
       background: NONE budget { events: 200000 })",
    // Two: everybody is needed.
    R"(name: "fuzz_two" cluster { replicas: 2 clients: 2 limits: TINY tunables { strict_ack: true } }
       workload { kv { keys: 1 } requests: 14 timeout_ms: 100 think_us: 4000 }
       network { mode: MIXED loss_ppm: 1000 reorder_ppm: 1000 duplicate_ppm: 1000 }
       disk { lost_flush_ppm: 100000 }
       phase { name: "busy" duration_ms: 600 crash { every_ms: 1000 restart_after_ms: 50 } }
       background: NONE budget { events: 200000 })"};

struct Subject {
  pb::Scenario scenario;
  std::vector<gen::DecidedAt> places;
};

Subject subject_of(const char* text) {
  const std::string_view view(text);
  const auto begin = view.find('"') + 1;
  const auto parsed =
      parse_scenario(text, std::string(view.substr(begin, view.find('"', begin) - begin)) + ".textproto", {});
  if (!parsed) {
    for (const Problem& problem : parsed.error()) std::fprintf(stderr, "%s\n", problem.describe().c_str());
    std::abort();
  }
  Tape tape(SparseTape{});
  Subject subject{resolve(*parsed, {}, tape), {}};
  subject.places = gen::decided_in(subject.scenario, {SparseTape{}, SeededTape{1}, SeededTape{2}, SeededTape{3}});
  return subject;
}

// A name has eight counters, by the magnitude of its count; names that share them lose nothing but some guidance.
void count(std::string_view name, u64 times) {
  if (times == 0) return;
  u64 hash = 14'695'981'039'346'656'037u;
  for (const char c : name) hash = (hash ^ static_cast<u8>(c)) * 1'099'511'628'211u;
  const u64 magnitude = std::min<u64>(7, static_cast<u64>(std::bit_width(times)) - 1);
  reached_in_run[(hash >> 32) % (reached_in_run.size() / 8) * 8 + magnitude] = 1;
}

void count(const RunReport& report) {
  for (const auto& [name, times] : report.marks) count(name, times);
  for (const auto& [name, times] : report.faults) count(name, times);
  count("view changes", report.view_changes);
  count("commits", report.commits);
  count("refused", report.calls_fail);
  count("unknown", report.calls_info);
  count(name_of(report.verdict), 1);
}

[[noreturn]] void tell(const Subject& subject, const SparseTape& tape, const std::string& what) {
  pb::Scenario scenario = subject.scenario;
  *scenario.mutable_tape() = text_of(tape);
  std::fprintf(stderr, "# %s\n# %s.textproto:\n%s", what.c_str(), scenario.name().c_str(), print(scenario).c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& subjects = *new std::vector<Subject>([] {
    std::vector<Subject> all;
    for (const char* text : scenarios) all.push_back(subject_of(text));
    return all;
  }());
  const gen::Draw input = gen::from_bytes(std::as_bytes(std::span(data, size)));
  const gen::Draw draw = [&input](u64 bound) { return input(bound); };  // whoever draws, the input goes on
  const Subject& subject = subjects[draw(subjects.size())];
  const SparseTape sparse = gen::tape(draw, subject.places, episodes_max);
  Tape tape(sparse);
  const RunReport report = run_scenario(subject.scenario, tape, {});
  reached_in_run.fill(0);
  count(report);
  if (report.verdict == Verdict::ok || report.verdict == Verdict::unavailable ||
      report.verdict == Verdict::inconclusive)
    return 0;
  tell(subject, sparse,
       report.failure ? report.failure->kind + ": " + report.failure->detail : name_of(report.verdict));
}
