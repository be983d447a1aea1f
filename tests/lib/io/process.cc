#include "tests/lib/io/process.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "keelson/base/check.h"

namespace keelson::test {
namespace {

bool is_free(unsigned short port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

std::string drain(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  int in[2];
  int out[2];
  check(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0);
  std::string path = "/tmp/keelson-stderr-XXXXXX";
  err_ = ::mkostemp(path.data(), O_CLOEXEC);
  check(err_ >= 0);
  ::unlink(path.c_str());
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  in_ = in[1];
  out_ = out[0];
  ::close(in[0]);
  ::close(out[1]);
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }
Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(in_, other.in_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  std::swap(pending_, other.pending_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait();
  }
  for (const int fd : {in_, out_, err_})
    if (fd >= 0) ::close(fd);
}

void Process::write(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(in_, text.data() + at, text.size() - at);
    if (written <= 0) return;
    at += static_cast<std::size_t>(written);
  }
}

void Process::close_input() {
  if (in_ >= 0) ::close(std::exchange(in_, -1));
}

std::optional<std::string> Process::read_line(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd fd{out_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&fd, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
    char buffer[65536];
    const ssize_t got = ::read(out_, buffer, sizeof buffer);
    if (got <= 0) return std::nullopt;
    pending_.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string Process::read_rest() { return std::exchange(pending_, {}) + drain(out_); }

std::string Process::read_errors() {
  ::lseek(err_, 0, SEEK_SET);
  return drain(err_);
}

void Process::kill(int signal) {
  if (pid_ > 0) ::kill(pid_, signal);
}

int Process::wait() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, 0) != pid_) return 0;
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Finished run(const std::vector<std::string>& arguments, const std::string& input) {
  Process process(arguments);
  std::thread writer([&] {
    process.write(input);
    process.close_input();
  });
  Finished finished;
  finished.out = process.read_rest();
  writer.join();
  finished.exit_code = process.wait();
  finished.err = process.read_errors();
  return finished;
}

unsigned short free_ports(int count) {
  // Below the range that the system hands out by itself; where to begin depends on the process, so that tests that
  // run at the same time look in different places.
  static unsigned next = 10'000 + static_cast<unsigned>(::getpid()) * 37 % 20'000;
  for (;; ++next) {
    if (next + static_cast<unsigned>(count) > 32'000) next = 10'000;
    bool all = true;
    for (int i = 0; i < count && all; ++i) all = is_free(static_cast<unsigned short>(next + static_cast<unsigned>(i)));
    if (!all) continue;
    const auto first = static_cast<unsigned short>(next);
    next += static_cast<unsigned>(count);
    return first;
  }
}

}  // namespace keelson::test
