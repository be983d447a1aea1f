// Process: a child of a test, with pipes to talk to it. Killed when the test is done with it, whatever happened.
//
// Who uses it: tests of the command and the real-process tests. run() is for commands that end by themselves.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace keelson::test {

class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  void write(const std::string& text);  // to its stdin
  void close_input();
  std::optional<std::string> read_line(std::chrono::milliseconds patience = std::chrono::seconds(30));  // of stdout
  std::string read_rest();    // of stdout, until its end
  std::string read_errors();  // of stderr so far
  void kill(int signal);
  int wait();  // exit code, or -signal

 private:
  pid_t pid_ = 0;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;  // a file: nobody need read it for the child to go on
  std::string pending_;
};

struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
};
Finished run(const std::vector<std::string>& arguments, const std::string& input = "");

// So many consecutive ports, free when this was asked; never the same twice in one process.
unsigned short free_ports(int count);

}  // namespace keelson::test
