#include "keelson/sim/shrink/child.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keelson::sim {
namespace {

// Comes last: whoever doesn't get this far has died.
constexpr char good_end = '.';

[[noreturn]] void serve(int out, const std::function<std::string()>& work) {
  ::signal(SIGINT, SIG_IGN);  // whoever started this decides
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::string bytes = work();
  bytes += good_end;
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::write(out, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ::_exit(1);
    at += static_cast<std::size_t>(n);
  }
  ::_exit(0);
}

}  // namespace

Child::Child(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  pid_ = ::fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    ::close(ends[0]);
    serve(ends[1], work);
  }
  ::close(ends[1]);
  fd_ = ends[0];
}

Child::~Child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  end();
}

bool Child::read() {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n > 0) {
      bytes_.append(buffer, static_cast<std::size_t>(n));
      return false;
    }
    end();
    return true;
  }
}

void Child::wait() {
  while (!read()) {
  }
}

void Child::end() {
  ::close(fd_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !bytes_.empty() && bytes_.back() == good_end) {
    bytes_.pop_back();
    result_ = std::move(bytes_);
    return;
  }
  how_it_died_ = WIFSIGNALED(status) ? std::string("signal ") + ::strsignal(WTERMSIG(status))
                                     : "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace keelson::sim
