// Problem: one thing that is wrong with what an operator gave us, and the way out.
//
// Who uses it: configuration, data directories, the command line. All problems of a file are told at once. Not for:
// our own bugs (check()) and what peers send (counters).
#pragma once

#include <string>
#include <vector>

namespace keelson::io {

struct Problem {
  std::string file;
  int line = 0;  // from 1; 0: of the whole file
  int column = 0;
  std::string code;  // stable, in capitals
  std::string what;
  std::string got;  // may be empty, as the next two
  std::string expected;
  std::string hint;
};
using Problems = std::vector<Problem>;

// file:line:col: CODE: what; got X; expected Y; hint
std::string to_string(const Problem& problem);

// Nothing was started: why, and with which exit code.
struct Refusal {
  int exit_code = 0;
  Problems problems;
};
Refusal refuse(int exit_code, Problem problem);

}  // namespace keelson::io
