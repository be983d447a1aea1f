#include "keelson/sim/run/campaign.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <malloc.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "keelson/sim/run/report_codec.h"

namespace keelson::sim {
namespace {

bool write_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int fd, void* data, std::size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = ::read(fd, at, size);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

RunReport run_task(const Campaign& campaign, const CampaignTask& task) {
  RunReport report = campaign.run(task);
  if (!is_verified(task, campaign.verify_every)) return report;
  const std::string again = campaign.run_elsewhere(task);
  report.verified = again == report.trace_hash;
  if (report.verified) return report;
  report.verdict = Verdict::nondeterministic;
  report.expected = false;
  report.failure = Failure{"determinism.two_hashes",
                           again.empty() ? "the second run did not end" : "the second run's trace hash is " + again,
                           campaign.again(task),
                           0,
                           0,
                           ""};
  if (!again.empty() && campaign.first_difference) report.failure->detail += "; " + campaign.first_difference(task);
  return report;
}

// A task, and its place among those that were given out.
struct Given {
  std::size_t place = 0;
  CampaignTask task;
};

// One worker process: takes tasks from a pipe, answers with reports.
class Worker {
 public:
  explicit Worker(const Campaign& campaign) : campaign_(campaign) { start(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // Later workers hold copies of this one's pipe, so closing it ends nothing; an idle worker has nothing to lose.
  ~Worker() {
    ::kill(pid_, SIGKILL);
    stop();
  }

  bool busy() const { return given_.has_value(); }
  const Given& given() const { return *given_; }
  int answers() const { return from_worker_; }
  void give(const Given& given) {
    given_ = given;
    since_ = std::chrono::steady_clock::now();
    // A dead worker is found when it answers.
    static_cast<void>(write_all(to_worker_, &given.task, sizeof given.task));
  }
  RunReport take() {
    const CampaignTask task = std::exchange(given_, {})->task;
    u64 size = 0;
    if (read_all(from_worker_, &size, sizeof size)) {
      std::string bytes(size, '\0');
      if (read_all(from_worker_, bytes.data(), size))
        if (auto report = decode_report(bytes)) return *report;
    }
    const std::string how = stop() + (std::exchange(killed_, false) ? ", since there was no end of it" : "");
    start();
    return campaign_.died(task, how);
  }
  // take() finds out.
  void kill_if_hung() {
    if (campaign_.patience.count() == 0 || killed_ || std::chrono::steady_clock::now() - since_ < campaign_.patience)
      return;
    ::kill(pid_, SIGKILL);
    killed_ = true;
  }

 private:
  void start() {
    int down[2], up[2];
    if (::pipe(down) != 0 || ::pipe(up) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      serve(down[0], up[1]);
    }
    ::close(down[0]);
    ::close(up[1]);
    to_worker_ = down[1];
    from_worker_ = up[0];
  }
  [[noreturn]] void serve(int in, int out) const {
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);  // whoever ends the campaign lets its runs end
    CampaignTask task;
    while (read_all(in, &task, sizeof task)) {
      const std::string bytes = encode_report(run_task(campaign_, task));
      ::malloc_trim(0);  // or a worker grows by what each run left in pieces: 10 MB, on standard limits
      const u64 size = bytes.size();
      if (!write_all(out, &size, sizeof size) || !write_all(out, bytes.data(), size)) break;
    }
    ::_exit(0);
  }
  std::string stop() {
    ::close(to_worker_);
    ::close(from_worker_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    if (WIFSIGNALED(status)) return std::string("signal ") + ::strsignal(WTERMSIG(status));
    return "exit code " + std::to_string(WEXITSTATUS(status));
  }

  const Campaign& campaign_;
  pid_t pid_ = 0;
  int to_worker_ = -1;
  int from_worker_ = -1;
  std::optional<Given> given_;
  std::chrono::steady_clock::time_point since_;
  bool killed_ = false;
};

class Collector {
 public:
  Collector(const Campaign& campaign, Summary& summary) : campaign_(campaign), summary_(summary) {}
  void add(const Given& given, RunReport report) {
    if (campaign_.on_finished) campaign_.on_finished(given.task, report);
    waiting_.emplace(given.place, std::move(report));
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      summary_.add(waiting_.begin()->second);
      campaign_.on_report(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++next_;
    }
  }
  std::size_t done() const { return next_ + waiting_.size(); }

 private:
  const Campaign& campaign_;
  Summary& summary_;
  std::map<std::size_t, RunReport> waiting_;
  std::size_t next_ = 0;
};

}  // namespace

bool is_verified(const CampaignTask& task, u64 verify_every) {
  return verify_every != 0 && (task.scenario + task.seed) % verify_every == 0;
}

std::string first_difference(const std::string& here, const std::string& there) {
  std::ifstream one(here), other(there);
  std::string mine, its;
  for (u64 line = 1;; ++line) {
    const bool more = static_cast<bool>(std::getline(one, mine)), others = static_cast<bool>(std::getline(other, its));
    if (!more && !others) return "two further runs have the same trace";
    if (more && others && mine == its) continue;
    return "two further runs differ first in record " + std::to_string(line) +
           " of their traces: " + (more ? mine : "the end") + " and " + (others ? its : "the end");
  }
}

Summary run_campaign(const Campaign& campaign) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto begin = std::chrono::steady_clock::now();
  Summary summary;
  Collector collector(campaign, summary);
  std::deque<Worker> workers;
  std::size_t given = 0;
  // A worker is started when there is something for it to do.
  const auto idle_worker = [&]() -> Worker* {
    for (auto& worker : workers)
      if (!worker.busy()) return &worker;
    return workers.size() < std::max(campaign.jobs, 1u) ? &workers.emplace_back(campaign) : nullptr;
  };
  for (std::optional<CampaignTask> next = campaign.next();;) {
    while (next && !campaign.interrupted()) {
      Worker* const worker = idle_worker();
      if (!worker) break;
      worker->give({given++, *next});
      next = campaign.next();
    }
    std::vector<pollfd> waiting;
    std::vector<Worker*> whose;
    for (auto& worker : workers) {
      if (!worker.busy()) continue;
      waiting.push_back({worker.answers(), POLLIN, 0});
      whose.push_back(&worker);
    }
    if (waiting.empty()) break;
    ::poll(waiting.data(), waiting.size(), 250);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) {
        whose[i]->kill_if_hung();
        continue;
      }
      const Given done = whose[i]->given();
      collector.add(done, whose[i]->take());
    }
    campaign.on_progress(collector.done(), summary.failed.size());
  }
  summary.wall_ns = static_cast<u64>((std::chrono::steady_clock::now() - begin).count());
  return summary;
}

// Not fork: a worker's address space may be larger than what the machine would grant twice.
std::string run_and_capture(const std::vector<std::string>& command, u64 salt) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);

  std::vector<std::string> variables{"KEELSON_FILL_MEMORY=" + std::to_string(1 + salt % 255),
                                     "KEELSON_PADDING=" + std::string(salt % 3000, 'x')};
  for (char** variable = environ; *variable; ++variable) variables.emplace_back(*variable);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_fds[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n; !failed && (n = ::read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  ::close(pipe_fds[0]);
  if (failed) return {};
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? out : std::string();
}

}  // namespace keelson::sim
