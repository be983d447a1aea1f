#include "sim_options.h"

#include <algorithm>
#include <random>
#include <sched.h>

#include "keelson/sim/histories/kv_file.h"
#include "keelson/sim/report/exports.h"
#include "keelson/sim/simulation.h"

#include "duration.h"
#include "history_files.h"

namespace keelson::bin {
namespace {

constexpr u64 seed_max = (u64{1} << 53) - 1;  // exact in JSON

bool parse_number(const std::string& text, u64& value) {
  if (text.empty() || text.size() > 16 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); }))
    return false;
  value = std::stoull(text);
  return value <= seed_max;
}

// "A..B", "I/N"
bool parse_pair(const std::string& text, const std::string& between, u64& first, u64& second) {
  const auto at = text.find(between);
  return at != std::string::npos && parse_number(text.substr(0, at), first) &&
         parse_number(text.substr(at + between.size()), second);
}

using Wrong = std::optional<std::string>;

Wrong read_shard(SimRequest& request) {
  const std::string& text = request.options.shard;
  if (text.empty()) return {};
  u64 part = 0, parts = 0;
  if (!parse_pair(text, "/", part, parts) || part >= parts)
    return "--shard: got " + text + "; expected I/N with I < N, such as 0/64 for the first of 64 parts";
  if (request.options.seeds.empty()) return "--shard cuts --seeds A..B into parts; give the whole range with --seeds";
  if (request.seeds.size() < parts)
    return "--shard: got " + text + "; " + std::to_string(request.seeds.size()) + " seeds can't be cut into " +
           std::to_string(parts) + " parts";
  request.seeds = sim::part_of(request.seeds, part, parts);
  return {};
}

Wrong read_seeds(SimRequest& request) {
  const SimOptions& options = request.options;
  sim::SeedRange& range = request.seeds;
  if (!options.seed.empty() && !options.seeds.empty()) return "--seed and --seeds exclude each other";
  if (!options.seeds.empty()) {
    if (!parse_pair(options.seeds, "..", range.from, range.to))
      return "--seeds: got " + options.seeds + "; expected A..B with A <= B < 2^53, such as 1..200";
    if (range.from > range.to)
      return "--seeds: got " + options.seeds + ", which is no seed at all: " + std::to_string(range.from) +
             " is above " + std::to_string(range.to) + "; expected A..B with A <= B < 2^53, such as 1..200";
  } else if (!options.seed.empty()) {
    if (!parse_number(options.seed, range.from))
      return "--seed: got " + options.seed + "; expected a number below 2^53";
    range.to = range.from;
  } else {
    range.from = range.to = std::random_device()() % 1'000'000'000;
  }
  return read_shard(request);
}

Wrong read_kept(SimRequest& request) {
  const SimOptions& options = request.options;
  if (!options.budget.empty()) {
    request.budget = parse_duration(options.budget);
    if (!request.budget) return "--budget: got " + options.budget + "; expected a duration such as 90s, 10m or 8h";
  }
  if (options.out.empty()) {
    if (options.resume) return std::string("--resume goes on with the campaign in --out DIR; name the folder");
    if (options.shrink) return std::string("--shrink writes into --out DIR; name the folder");
    return {};
  }
  if (options.seeds.empty() && options.seed.empty())
    return std::string("--out keeps a campaign, whose seeds must be named: --seeds A..B");
  if (options.recorded() || options.hash_only)
    return std::string("--out keeps a campaign; --tape, --trace, --report, --export and --history write a single run");
  return {};
}

Wrong read_fork(SimRequest& request) {
  const SimOptions& options = request.options;
  if (options.fork.empty()) return {};
  sim::Fork fork;
  if (!parse_pair(options.fork, ":", fork.event, fork.seed))
    return "--fork: got " + options.fork + "; expected EVENT:SEED, such as 51200:3";
  if (options.seed.empty()) return std::string("--fork goes on with a run that must be named: --seed N");
  request.fork = fork;
  return {};
}

// What this process may use, which may be less than the machine has.
unsigned cores() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1u, static_cast<unsigned>(CPU_COUNT(&set))) : 1;
}

}  // namespace

tl::expected<SimRequest, std::string> read_options(const SimOptions& options) {
  SimRequest request;
  request.options = options;
  if (const Wrong wrong = read_seeds(request)) return tl::unexpected(*wrong);
  if (!options.limits.empty() && options.limits != "standard" && options.limits != "tiny")
    return tl::unexpected("--limits: got " + options.limits + "; expected standard or tiny");
  if (!options.limits.empty())
    request.overrides.limits =
        options.limits == "tiny" ? sim::pb::LimitsProfile::TINY : sim::pb::LimitsProfile::STANDARD;
  if (!options.exported.empty() && !sim::export_named(options.exported[0]))
    return tl::unexpected("--export: got " + options.exported[0] + "; expected shiviz or perfetto, and a file");
  if (!options.history.empty() && !sim::notation_of(options.history))
    return tl::unexpected(bad_history_name(options.history));
  if (const Wrong wrong = read_fork(request)) return tl::unexpected(*wrong);
  request.verify_every = options.seeds.empty() ? 1 : 8;
  if (!options.verify.empty() &&
      (options.verify.rfind("1/", 0) != 0 || !parse_number(options.verify.substr(2), request.verify_every)))
    return tl::unexpected("--verify: got " + options.verify +
                          "; expected 1/N, such as 1/8 (one run in eight), or 1/0 for none");
  if (const Wrong wrong = read_kept(request)) return tl::unexpected(*wrong);
  if (options.markdown && !options.list) return tl::unexpected(std::string("--markdown is a form of --list"));
  if (request.options.jobs == 0) request.options.jobs = cores();
  return request;
}

void SimOptions::add_to(CLI::App& command, const Tool& tool) {
  const std::string one = tool.own ? "scenarios/" + tool.own->own_machine().name + ".textproto"
                                   : std::string("scenarios/smoke/default.textproto");
  command.add_option("scenario", scenarios, "files, or folders of .textproto files; none: " + one);
  command.add_option("--seed", seed, "run this seed (none given: a random one, which is printed)");
  command.add_option("--seeds", seeds, "run all seeds of A..B");
  command.add_option("--shard", shard, "I/N: of these seeds only the I-th of N equal parts, I from 0 on");
  command.add_option("--jobs", jobs, "worker processes (default: one per core)");
  command.add_option("--limits", limits, "standard or tiny, whatever the scenario says");
  command.add_option("--budget", budget, "start no more runs after this time, such as 90s, 10m or 8h");
  command.add_option("--out", out, "keep the campaign in this folder: results, a summary, a page");
  command.add_flag("--resume", resume, "go on with what is in that folder");
  command.add_flag("--shrink", shrink, "at the end, shrink the first failure of each signature into that folder");
  command.add_flag("--json", json, "one JSON object per run, and a summary for --seeds");
  command.add_option("--trace", trace, "write every event of a single run to this file, as JSON lines");
  command.add_option("--tape", tape, "write the decisions of a single run to this file, for replay");
  command.add_option("--report", report, "write a page that shows a single run: an HTML file for any browser");
  command.add_option("--export", exported, "shiviz or perfetto, and a file: a single run for those viewers")
      ->type_name("KIND FILE")
      ->expected(2);
  command.add_option("--history", history,
                     "write what the clients of a single run saw: .edn (Knossos), .json or .jsonl (Porcupine)");
  command.add_option("--fork", fork, "EVENT:SEED: from that event on, go on with the decisions of another seed");
  command.add_option("--verify", verify,
                     "1/N: run one in N twice and compare the hashes (default: with --seeds 1/8, else 1/1)");
  command.add_flag("--common-marks", common_marks,
                   "fail unless the runs together reach every mark of the kernel that each campaign should");
  command.add_flag("--list", list, "say what each scenario shows, and run nothing");
  command.add_flag("--markdown", markdown, "of --list: as the page docs/scenarios.md");
  command.add_flag("--print", print, "print the scenario with everything resolved, and run nothing");
  command.add_flag("--hash-only", hash_only, "run and print the trace hash only")->group("");
}

}  // namespace keelson::bin
