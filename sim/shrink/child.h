// Child: some work done in a process of its own, so that it may crash, hang or be given up without harm.
//
// Who uses it: the oracle, for every run of a candidate. The work sees a copy of everything as it was, and what it
// returns comes back as bytes. Not here: what the bytes mean, or how many run at once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

namespace keelson::sim {

class Child {
 public:
  explicit Child(const std::function<std::string()>& work);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills it if it is not over

  int fd() const { return fd_; }  // readable: call read()
  bool read();                    // what there is; true: it has ended
  // After it has ended: what it returned, or nothing and how it died.
  const std::optional<std::string>& result() const { return result_; }
  const std::string& how_it_died() const { return how_it_died_; }
  void wait();  // until it has ended

 private:
  void end();

  pid_t pid_ = -1;
  int fd_ = -1;
  std::string bytes_;
  std::optional<std::string> result_;
  std::string how_it_died_;
};

}  // namespace keelson::sim
