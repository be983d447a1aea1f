// KvModel: what a replicated map must answer, by a std::map, written apart from the kernel's machine.
//
// Who uses it: the replay checker, beside a machine of the kernel's own: a machine that is wrong in the same way
// everywhere agrees with itself. It judges answers only; its memory is that of the values. Not here: sessions, which
// request is executed, what a full machine refuses.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keelson/machine/machine.h"

namespace keelson::sim {

class KvModel {
 public:
  struct Answer {
    Status status = Status::ok;
    std::vector<std::byte> body;
  };
  // What `op` answers to a well-formed request, and does.
  Answer apply(Op op, const RequestView& request);

 private:
  struct Cell {
    std::string value;
    Op written;
  };
  std::map<std::string, Cell> cells_;
};

}  // namespace keelson::sim
