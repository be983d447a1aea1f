// The processes of a playground: start, wait until ready, stop.
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keelson/io/clock.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/playground.h"
#include "keelson/io/unique_fd.h"

namespace keelson::io {
namespace {

constexpr Duration ready_patience = seconds(60);
constexpr Duration stop_patience = seconds(5);

struct Child {
  const PlaygroundNode* node;
  pid_t pid = 0;    // 0: gone
  UniqueFd output;  // its ready line
  bool ready = false;
  int exit_code = 0;
};

int exit_code_of(int wait_status) { return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : exit_code::internal; }

class Playground {
 public:
  Playground(const std::vector<PlaygroundNode>& nodes, const std::string& binary) : binary_(binary) {
    for (const auto& node : nodes) children_.push_back({&node, 0, {}, false, 0});
  }

  int run() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, &former_mask_);
    signals_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    for (Child& child : children_) start(child);
    if (!await_ready()) return stop(failure_);
    std::cerr << "playground: all nodes are ready; Ctrl-C stops them" << std::endl;
    while (!asked_to_stop_ && alive() > 0) wait_a_while(Instant::never());
    if (asked_to_stop_) return stop(exit_code::done);
    std::cerr << "playground: no node is left" << std::endl;
    return exit_code::operation_failed;
  }

 private:
  void start(Child& child) {
    int pipe[2];
    check(::pipe2(pipe, O_CLOEXEC) == 0);
    const pid_t parent = ::getpid();
    child.pid = ::fork();
    if (child.pid == 0) {
      // Not in the terminal's foreground group: Ctrl-C reaches the nodes once, through us.
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(exit_code::temporary);
      sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
      ::dup2(pipe[1], STDOUT_FILENO);
      ::execl(binary_.c_str(), "keelson", "server", "--config", child.node->config.c_str(), "--json", nullptr);
      ::_exit(exit_code::system);
    }
    child.output = UniqueFd(pipe[0]);
    ::close(pipe[1]);
  }

  // A line per node, in order, as soon as it and those before it are ready.
  bool await_ready() {
    const Instant deadline = monotonic_now() + ready_patience;
    for (Child& child : children_) {
      while (!child.ready) {
        if (asked_to_stop_) return false;
        if (child.pid == 0 || monotonic_now() >= deadline) {
          std::cerr << "playground: node " << child.node->node << " did not become ready" << std::endl;
          failure_ = child.exit_code ? child.exit_code : exit_code::temporary;
          return false;
        }
        wait_a_while(deadline);
      }
      std::cout << to_json(*child.node, child.pid) << std::endl;
    }
    return true;
  }

  void wait_a_while(Instant deadline) {
    std::vector<pollfd> fds{{signals_.get(), POLLIN, 0}};
    for (const Child& child : children_)
      if (child.pid != 0 && !child.ready) fds.push_back({child.output.get(), POLLIN, 0});
    const u64 left_ms = deadline.since(monotonic_now()).ns() / 1'000'000 + 1;
    ::poll(fds.data(), fds.size(), deadline == Instant::never() ? -1 : static_cast<int>(left_ms));
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      if (info.ssi_signo != SIGCHLD) asked_to_stop_ = true;
    for (std::size_t i = 1; i < fds.size(); ++i)
      if (fds[i].revents != 0) read_output(fds[i].fd);
    reap();
  }

  void read_output(int fd) {
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    for (Child& child : children_)
      if (child.output.get() == fd && got > 0 && std::memchr(buffer, '\n', static_cast<std::size_t>(got)))
        child.ready = true;
  }

  void reap() {
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      for (Child& child : children_) {
        if (child.pid != pid) continue;
        child.pid = 0;
        child.exit_code = exit_code_of(status);
        if (!stopping_)
          std::cerr << "playground: node " << child.node->node << " (pid " << pid << ") ended "
                    << (WIFSIGNALED(status) ? "by signal " + std::to_string(WTERMSIG(status))
                                            : "with exit code " + std::to_string(child.exit_code))
                    << std::endl;
      }
  }

  std::size_t alive() const {
    std::size_t count = 0;
    for (const Child& child : children_) count += child.pid != 0;
    return count;
  }
  void signal_all(int signal) const {
    for (const Child& child : children_)
      if (child.pid != 0) ::kill(child.pid, signal);
  }

  int stop(int code) {
    stopping_ = true;
    signal_all(SIGTERM);
    for (const Instant deadline = monotonic_now() + stop_patience; alive() > 0 && monotonic_now() < deadline;)
      wait_a_while(deadline);
    signal_all(SIGKILL);
    while (alive() > 0) wait_a_while(monotonic_now() + seconds(1));
    return code;
  }

  std::string binary_;
  std::vector<Child> children_;
  UniqueFd signals_;
  sigset_t former_mask_{};
  bool asked_to_stop_ = false;
  bool stopping_ = false;
  int failure_ = exit_code::done;
};

}  // namespace

int run_playground(const std::vector<PlaygroundNode>& nodes, const std::string& binary) {
  return Playground(nodes, binary).run();
}

}  // namespace keelson::io
