// Tape edits: a sparse tape as a flat list, of which parts are left out or made smaller.
//
// Who uses it: the shrinker's quiet and value passes. Not here: trying them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keelson/sim/tape.h"

namespace keelson::sim {

struct TapeEntry {
  u32 stream = 0;  // in TapeList::streams
  Override decision;
};

struct TapeList {
  std::vector<std::string> streams;
  std::vector<TapeEntry> entries;

  static TapeList of(const SparseTape& tape);
  SparseTape tape() const;  // over a quiet base

  // Sets of entries that belong together, as numbers of entries; the largest parts first: what kind of place (net,
  // disk, nemesis ...), what is decided (net.delay, at all places), where, what is decided there.
  std::vector<std::vector<std::size_t>> parts() const;
  TapeList without(const std::vector<std::size_t>& part) const;
  TapeList without(std::size_t from, std::size_t count) const;
  // One decision is made at another chance of its kind; nothing, if there is a decision for that one.
  std::optional<TapeList> moved(std::size_t entry, u64 n) const;
};

}  // namespace keelson::sim
