// Target: the data file that a path names, and what lies beside it: whose it is, and whether a node runs on it.
//
// Who uses it: inspect and `repair --dry-run`. The path is a node's data directory or a data file, inside one or on its
// own. Everything is opened for reading, nothing is held locked. Not here: what the file holds.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "keelson/io/data_dir.h"
#include "keelson/io/inspect/image.h"

namespace keelson::io::inspect {

struct Target {
  std::string file;
  std::unique_ptr<Image> image;
  std::optional<Identity> identity;         // of the directory around it
  std::optional<Refusal> identity_refusal;  // why there is none, where a node would refuse to start for it
  bool live = false;                        // a process holds the directory's lock: pages may be half written
  int pid = 0;                              // that process, if it can be found out
};

// Refused: 73 where there is nothing, 77 where it may not be read, 65 where it is no file, 74 otherwise.
tl::expected<Target, Refusal> open_target(const std::string& path);

}  // namespace keelson::io::inspect
