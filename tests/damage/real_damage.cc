// real_damage --damages N --seed S: a live cluster of three real nodes, one of whose data files is damaged again and
// again. Everything acknowledged stays readable, by a quorum that the damaged node is part of; and that node heals, or
// refuses to start as inspect said it would.
//
// One round: write, stop all nodes in order or by SIGKILL, damage one file, predict by inspect, start all, wait until
// the damaged node has caught up, stop another node, read everything. A refused start is followed by the way out of
// the operations manual: the file as it was. Exit 0 if no round failed; a line per round, a table at the end.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/target.h"
#include "tests/damage/file_damage.h"
#include "tests/lib/io/real_cluster.h"

namespace keelson::test {
namespace {

using Clock = std::chrono::steady_clock;
namespace inspect = io::inspect;

constexpr int nodes = 3;
constexpr u64 damages_per_cluster = 25;  // a log only grows
// Group 1 makes its checkpoint at the end of the load (Limits::checkpoint_ops): what was loaded is in there alone, as
// later writes go to other keys.
constexpr u64 load_ops = 4140;
constexpr u64 ops_after_load = 60;
constexpr auto patience = std::chrono::seconds(20);

struct Failed {
  std::string why;
};
void demand(bool holds, const std::string& what) {
  if (!holds) throw Failed{what};
}

enum class Outcome : u8 { healed, refused, fenced, failed };
const char* name_of(Outcome outcome) {
  constexpr const char* names[] = {"healed", "correctly refused", "fenced as told", "FAILED"};
  return names[static_cast<std::size_t>(outcome)];
}

struct GroupStats {
  std::string status;
  std::string fenced;
  u64 commit = 0;
  u64 applied = 0;
};

// A file on its own eyes: what inspect says of it, by the node's own configuration.
struct Look {
  explicit Look(const std::string& config_file)
      : config(*io::load_config(config_file)), target(*inspect::open_target(config.data_dir)) {
    survey = inspect::make_survey(target, inspect::options_of(config));
  }
  io::ServerConfig config;
  inspect::Target target;
  inspect::Survey survey;
};

class Cluster {
 public:
  // `only`: damage of no other place.
  Cluster(const std::string& command, u64 seed, std::optional<DamagePlace> only)
      : command_(command), only_(only), cluster_(command, nodes), prng_(seed) {
    demand(cluster_.written.exit_code == 0, "playground: " + cluster_.written.err);
    demand(cluster_.start_all(), "first start: " + cluster_.failure);
    load();
    stop_all();
  }

  struct Round {
    Outcome outcome = Outcome::failed;
    std::string what;
    DamageKind kind = DamageKind::flip;
    DamagePlace place = DamagePlace::wal;
  };
  // All nodes are down before and after.
  Round round() {
    Round result;
    const u64 victim = prng_.below(nodes);
    victim_ = static_cast<int>(victim);
    const u64 seed = prng_.next();
    std::optional<FileDamage> damage;
    {
      const Look whole(cluster_.config(victim_));
      demand(!whole.survey.refusal, "the file is refused before any damage");
      damage.emplace(whole.target.file, whole.survey, seed);
    }
    damage->strike(only_);
    result.kind = damage->kind();
    result.place = damage->place();
    result.what = "node " + std::to_string(victim) + ": " + damage->describe();
    try {
      result.outcome = start_and_check(*damage);
      stop_all();
    } catch (const Failed& failed) {
      result.what += "\n    " + failed.why + last_words();
      keep_ = true;
    }
    return result;
  }
  bool usable() const { return !spent_; }
  std::string victim_file() const { return Look(cluster_.config(victim_)).target.file; }

 private:
  // Of each node that runs: how it stands now, and what it said before.
  std::string last_words() {
    std::string all;
    for (int node = 0; node < nodes; ++node) {
      if (!cluster_.server(node)) continue;
      cluster_.server(node)->kill(SIGUSR1);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const std::string log = cluster_.server(node)->read_errors();
      std::size_t from = log.size();
      for (int lines = 0; lines < 60 && from != std::string::npos && from > 0; ++lines)
        from = log.rfind('\n', from - 1);
      all += "\n    node " + std::to_string(node) + ":\n" + log.substr(from == std::string::npos ? 0 : from);
    }
    return all;
  }
  Outcome start_and_check(FileDamage& damage) {
    int expected_exit = io::exit_code::done;
    std::string expected_code;
    bool fenced = false;
    {
      const Look damaged(cluster_.config(victim_));
      if (damaged.survey.refusal) {
        expected_exit = damaged.survey.refusal->exit_code;
        expected_code = damaged.survey.refusal->problems.front().code;
      }
      for (const auto& group : damaged.survey.groups) fenced = fenced || group.amnesiac;
    }
    const bool truncated = damage.kind() == DamageKind::truncate;
    demand(!truncated || expected_code == "LAYOUT_TRUNCATED", "inspect calls a truncated file " + expected_code);
    demand(expected_code.empty() || truncated || damage.superblock_copies_hit() > 1,
           "refused for " + expected_code + ", though the superblock has three sound copies");
    for (int node = 0; node < nodes; ++node)
      if (node != victim_) demand(cluster_.start(node), "a sound node does not start: " + cluster_.failure);
    const bool started = cluster_.start(victim_);
    demand(started == expected_code.empty(),
           started ? "started, though inspect said " + expected_code : "does not start: " + cluster_.failure);
    if (!started) {
      expect_refusal(expected_exit, expected_code);
      put_some();
      damage.undo();
      demand(cluster_.start(victim_), "does not start from the file as it was: " + cluster_.failure);
    }
    if (fenced) {
      put_some();
      expect_all_there();
      demand(stats_of(victim_, "fenced=amnesiac"), "inspect says amnesiac, and the node is not fenced");
      spent_ = true;
      return Outcome::fenced;
    }
    expect_caught_up();
    // A quorum of which the damaged node is part; without the primary, so that its own state often answers.
    int other = static_cast<int>((static_cast<u64>(victim_) + 1 + prng_.below(nodes - 1)) % nodes);
    if (const int primary = cluster_.primary(); primary >= 0 && primary != victim_) other = primary;
    cluster_.kill(other, SIGKILL);
    expect_all_there();
    put_some();
    return started ? Outcome::healed : Outcome::refused;
  }

  void expect_refusal(int exit_code, const std::string& code) {
    const int exited = cluster_.server(victim_)->wait();
    cluster_.server(victim_).reset();
    demand(exited == exit_code, "exit code " + std::to_string(exited) + " instead of " + std::to_string(exit_code));
    demand(cluster_.failure.find(code) != std::string::npos, "does not say " + code + ": " + cluster_.failure);
  }

  // As far as the others were when this began, in every group, and taking part. What it knows of and hasn't applied it
  // may still be fetching, and from nobody but the node that is killed next.
  void expect_caught_up() {
    put_some();
    const auto end = Clock::now() + patience;
    std::map<std::string, u64> goal;
    for (int node = 0; node < nodes; ++node) {
      if (node == victim_) continue;
      while (look_at(node).empty()) demand(Clock::now() < end, "a sound node says nothing of its groups");
      for (const auto& [group, stats] : look_at(node)) goal[group] = std::max(goal[group], stats.commit);
    }
    for (;;) {
      const auto groups = look_at(victim_);
      bool there = !groups.empty();
      std::string stand;
      for (const auto& [group, stats] : groups) {
        there = there && stats.status == "normal" && stats.fenced == "none" && stats.applied >= goal[group];
        stand += " group " + group + " " + stats.status + " fenced=" + stats.fenced + " applied " +
                 std::to_string(stats.applied) + " of " + std::to_string(goal[group]);
      }
      if (there) return;
      demand(Clock::now() < end, "has not caught up:" + stand);
    }
  }

  // By its own word, newest first.
  std::map<std::string, GroupStats> look_at(int node) {
    const std::size_t before = cluster_.server(node)->read_errors().size();
    cluster_.server(node)->kill(SIGUSR1);
    std::map<std::string, GroupStats> groups;
    for (int tries = 0; tries < 100 && groups.empty(); ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::string log = cluster_.server(node)->read_errors().substr(before);
      if (log.find("stats.kernel") == std::string::npos || log.empty() || log.back() != '\n') continue;
      for (std::size_t at = 0; (at = log.find("stats.group group=", at)) != std::string::npos; ++at) {
        const std::string line = log.substr(at, log.find('\n', at) - at);
        groups[field(line, "group")] = {field(line, "status"), field(line, "fenced"),
                                        std::stoull(field(line, "commit")), std::stoull(field(line, "applied"))};
      }
    }
    return groups;
  }
  static std::string field(const std::string& line, const std::string& name) {
    const auto at = line.find(" " + name + "=");
    if (at == std::string::npos) return "0";
    const auto from = at + name.size() + 2;
    return line.substr(from, line.find(' ', from) - from);
  }
  bool stats_of(int node, const std::string& text) {
    const auto end = Clock::now() + patience;
    while (Clock::now() < end) {
      for (const auto& [group, stats] : look_at(node))
        if ("fenced=" + stats.fenced == text) return true;
    }
    return false;
  }

  std::vector<std::string> talk(const std::vector<std::string>& commands) {
    std::string input;
    for (const std::string& command : commands) input += command + "\n";
    const Finished done = run({command_, "shell", "--cluster", cluster_.addresses(), "--timeout", "20s"}, input);
    std::vector<std::string> lines;
    for (std::size_t at = 0, end; (end = done.out.find('\n', at)) != std::string::npos; at = end + 1)
      lines.push_back(done.out.substr(at, end - at));
    demand(lines.size() == commands.size(), "the shell gave " + std::to_string(lines.size()) + " of " +
                                                std::to_string(commands.size()) + " answers: " + done.err);
    return lines;
  }
  static bool is_ok(const std::string& line) { return line.rfind("{\"ok\":true,", 0) == 0; }

  void put(const std::string& prefix, u64 count, u64 keys, std::map<std::string, std::string>& into, Prng& prng) {
    std::vector<std::string> commands;
    std::vector<std::pair<std::string, std::string>> pairs;
    for (u64 i = 0; i < count; ++i) {
      const std::string key = prefix + std::to_string(prng.below(keys));
      const u64 size = prng.below(4) == 0 ? prng.below(1500) : prng.below(60);
      pairs.emplace_back(key, std::to_string(prng.next()) + std::string(size, 'v'));
      commands.push_back("put " + key + " " + pairs.back().second);
    }
    const auto answers = talk(commands);
    for (u64 i = 0; i < count; ++i) {
      demand(is_ok(answers[i]), "put refused: " + answers[i]);
      into[pairs[i].first] = pairs[i].second;
    }
  }
  void put_some() { put("key", 8, 40, acknowledged_, prng_); }
  void load() {
    constexpr u64 writers = 4;
    std::vector<std::map<std::string, std::string>> written(writers);
    std::vector<std::string> failures(writers);
    std::vector<std::thread> threads;
    for (u64 i = 0; i < writers; ++i)
      threads.emplace_back([&, i, seed = prng_.next()] {
        Prng prng(seed);
        try {
          put("load" + std::to_string(i) + "-", load_ops / writers, 12, written[i], prng);
        } catch (const Failed& failed) {
          failures[i] = failed.why;
        }
      });
    for (auto& thread : threads) thread.join();
    for (u64 i = 0; i < writers; ++i) {
      demand(failures[i].empty(), failures[i]);
      acknowledged_.merge(written[i]);
    }
    put("key", ops_after_load, 40, acknowledged_, prng_);
  }
  void expect_all_there() {
    std::vector<std::string> commands;
    for (const auto& [key, value] : acknowledged_) commands.push_back("get " + key);
    const auto answers = talk(commands);
    std::size_t i = 0;
    for (const auto& [key, value] : acknowledged_) {
      demand(answers[i].find("\"value\":\"" + value + "\"") != std::string::npos,
             key + " is not what was acknowledged: " + answers[i].substr(0, 200));
      ++i;
    }
  }

  // In order, or killed; either way once what was acknowledged is marked, as it is two milliseconds later: of what no
  // mark proves, nobody can tell damage from a torn write (storage.md, rows 5 and 6).
  void stop_all() {
    const bool in_order = prng_.below(2) == 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int node = 0; node < nodes; ++node)
      if (cluster_.server(node)) cluster_.server(node)->kill(in_order ? SIGTERM : SIGKILL);
    for (int node = 0; node < nodes; ++node) {
      if (!cluster_.server(node)) continue;
      const int exited = cluster_.server(node)->wait();
      demand(exited == (in_order ? 0 : -SIGKILL),
             "a node ended with " + std::to_string(exited) + ": " + cluster_.server(node)->read_errors());
      cluster_.server(node).reset();
    }
  }

  const std::string command_;
  const std::optional<DamagePlace> only_;
  RealCluster cluster_;
  Prng prng_;
  std::map<std::string, std::string> acknowledged_;
  int victim_ = 0;
  bool spent_ = false;
  bool keep_ = false;
};

struct Options {
  std::string command = KEELSON_COMMAND;
  u64 damages = 20;
  u64 first = 0;  // with a new cluster, as after a failure or every 25th
  u64 seed = 1;
  std::optional<DamagePlace> only;
};

int usage() {
  std::fputs(
      "usage: real_damage [--damages N] [--seed S] [--first I] [--only superblock|wal|index|checkpoint|batch] "
      "[--command KEELSON]\n"
      "Damages I..N-1; a cluster is made anew every 25: to see one again, begin with the first of its cluster.\n",
      stderr);
  return io::exit_code::usage;
}

int run_all(const Options& options) {
  std::map<std::string, std::map<Outcome, u64>> table;
  u64 failed = 0;
  const auto begin = Clock::now();
  std::unique_ptr<Cluster> cluster;
  u64 of_cluster = 0;
  for (u64 i = options.first; i < options.damages; ++i) {
    Cluster::Round round;
    const auto from = Clock::now();
    try {
      if (!cluster || of_cluster == damages_per_cluster || !cluster->usable()) {
        cluster.reset();
        cluster = std::make_unique<Cluster>(options.command, options.seed * 1'000'003 + i, options.only);
        of_cluster = 0;
      }
      ++of_cluster;
      round = cluster->round();
    } catch (const Failed& why) {
      round.what += why.why;
    }
    if (round.outcome == Outcome::failed) {
      ++failed;
      const std::string kept = "/tmp/real_damage-" + std::to_string(options.seed) + "-" + std::to_string(i);
      if (cluster && failed <= 3) {
        round.what += "\n    the file as it is now: " + kept;
        (void)run({"/bin/cp", "--sparse=always", cluster->victim_file(), kept});
      }
      cluster.reset();
    }
    ++table[std::string(name_of(round.place)) + " " + name_of(round.kind)][round.outcome];
    std::printf(
        "%llu %s (%lld ms): %s\n", static_cast<unsigned long long>(i), name_of(round.outcome),
        static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - from).count()),
        round.what.c_str());
    std::fflush(stdout);
  }
  std::printf("\n%-22s %8s %18s %15s %8s\n", "damage", "healed", "correctly refused", "fenced as told", "FAILED");
  std::map<Outcome, u64> all;
  for (auto& [what, outcomes] : table) {
    std::printf("%-22s %8llu %18llu %15llu %8llu\n", what.c_str(),
                static_cast<unsigned long long>(outcomes[Outcome::healed]),
                static_cast<unsigned long long>(outcomes[Outcome::refused]),
                static_cast<unsigned long long>(outcomes[Outcome::fenced]),
                static_cast<unsigned long long>(outcomes[Outcome::failed]));
    for (const auto& [outcome, count] : outcomes) all[outcome] += count;
  }
  std::printf("%-22s %8llu %18llu %15llu %8llu\nseed %llu, %lld s\n", "all",
              static_cast<unsigned long long>(all[Outcome::healed]),
              static_cast<unsigned long long>(all[Outcome::refused]),
              static_cast<unsigned long long>(all[Outcome::fenced]),
              static_cast<unsigned long long>(all[Outcome::failed]), static_cast<unsigned long long>(options.seed),
              static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count()));
  return failed == 0 ? io::exit_code::done : io::exit_code::operation_failed;
}

}  // namespace
}  // namespace keelson::test

int main(int argc, char** argv) {
  keelson::test::Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) return keelson::test::usage();
    const std::string flag = argv[i];
    if (flag == "--damages")
      options.damages = std::strtoull(argv[i + 1], nullptr, 10);
    else if (flag == "--seed")
      options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    else if (flag == "--first")
      options.first = std::strtoull(argv[i + 1], nullptr, 10);
    else if (flag == "--only")
      options.only = keelson::test::damage_place(argv[i + 1]);
    else if (flag == "--command")
      options.command = argv[i + 1];
    else
      return keelson::test::usage();
    if (flag == "--only" && !options.only) return keelson::test::usage();
  }
  return keelson::test::run_all(options);
}
