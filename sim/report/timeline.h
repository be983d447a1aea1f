// Timeline: what happened in one run, as rows in the order of time, each with its cause and whoever used it.
//
// Who uses it: the recorder fills one, causes.h marks and cuts it, payload.h and the exports write it. A row is small
// and all of one run are kept: what a row has beside its columns lies in the table of its type. Not here: how any of it
// looks.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

enum class RowClass : u8 { turn, message, disk, call, mark, peer, frame };

// How a message ended; those above `lost` in the order of network.h's Lost.
enum class Fate : u8 { under_way, delivered, duplicate, lost };

using RowId = u32;  // place, counted from 1; 0: none
inline constexpr u16 no_lane = 0xffff;

struct Row {
  u64 at_ns = 0;
  u64 length_ns = 0;  // until it arrived, completed, returned
  RowId cause = 0;    // always an earlier row
  RowId used = 0;     // the turn that took it: a later row
  u32 place = 0;      // in the columns of its type
  u16 type = 0;
  u16 lane = no_lane;  // where it happened; a message: its sender's
  u16 to = no_lane;    // a message: its receiver's
  u16 group = 0;       // place in Timeline::groups, from 1; 0: none
  u8 fate = 0;         // Fate, or the status of what completed
  bool idle = false;   // a turn that neither learned nor decided anything
};

// Names of fields end in how they are shown: `$` a place in strings, `#` hexadecimal, `~` nanoseconds.
struct RowType {
  std::string name;
  RowClass of = RowClass::mark;
  std::vector<std::string> fields;
  std::vector<std::vector<std::int64_t>> columns;
};

struct Lane {
  std::string name;
  u16 host = 0;
  bool client = false;
};

// A replica after the turn in which something of it changed.
struct ReplicaState {
  static constexpr std::string_view fields[] = {
      "status",     "recovering", "fenced",     "primary", "view",     "log_view", "head",  "applied",
      "commit_max", "checkpoint", "durable_cp", "syncing", "stuck_op", "pipeline", "queue", "missing"};
  static constexpr std::size_t watched = 13;  // the first so many: a change of these is worth a state of its own
  RowId row = 0;
  u16 lane = 0;
  u16 group = 0;
  std::array<u64, std::size(fields)> values{};
};

// Something that lasted: hosts that were down or stood still, pairs that were cut off (from, to).
struct Band {
  std::string_view kind;  // down, paused, cut, clog, gray
  u64 begin_ns = 0;
  u64 end_ns = 0;
  std::vector<std::pair<u16, u16>> hosts;
};

struct Timeline {
  std::vector<Lane> lanes;
  std::vector<u64> groups;
  std::vector<std::string> strings;
  std::vector<RowType> types;
  std::vector<Row> rows;
  std::vector<ReplicaState> states;
  std::vector<Band> bands;
  std::vector<std::string> phases;
  RowId violation = 0;
  std::vector<RowId> violation_causes;
  u64 end_ns = 0;

  // What is left out of a long run (causes.h).
  u64 rows_total = 0;
  u64 window_from_ns = 0;

  RowType& type_of(const Row& row) { return types[row.type]; }
  const RowType& type_of(const Row& row) const { return types[row.type]; }
  u32 string(const std::string& text) {
    const auto [at, is_new] = string_places_.try_emplace(text, static_cast<u32>(strings.size()));
    if (is_new) strings.push_back(text);
    return at->second;
  }

 private:
  std::map<std::string, u32> string_places_;
};

}  // namespace keelson::sim
