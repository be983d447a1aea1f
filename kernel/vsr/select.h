// Which log a new view starts with, from the do_view_changes that its primary collected. Pure.
//
// Who uses it: replica_view.cc; select_test holds the worked examples, select_model_property_test a random model that
// loses nothing. Source: VSR Revisited section 4.2 step 3, extended by nacks (Protocol-Aware Recovery, section 4) so
// that a damaged copy is never taken for an absent one.
#pragma once

#include <span>

#include "keelson/vsr/quorum.h"
#include "keelson/wire/header.h"

namespace keelson {

// One replica's do_view_change. Entry i is op `head - i`; bit i of a set belongs to it.
struct LogReport {
  ReplicaIndex from;
  Op head;
  Op commit_min;
  Op commit_max;
  View log_view;
  bool tail = false;  // ops above head may be lost there
  u64 present = 0;
  u64 nack = 0;
  u64 suspect = 0;
  const std::byte* entries = nullptr;  // count headers of 256 bytes, as they lie in the message
  u32 count = 0;

  bool lists(Op op) const { return op <= head && head - op < count; }
  Prepare entry(Op op) const { return as<Prepare>(entries + (head - op) * header_size); }  // lists(op)
  bool has(u64 set, Op op) const { return lists(op) && (set >> (head - op) & 1); }
};

enum class SelectKind : u8 {
  wait,           // more reports may settle it
  stuck,          // all are here, and `op` can neither be kept nor forgotten: more evidence is needed
  contradiction,  // two logs of one view disagree at `op`: never pick
  selected,
};
struct Selection {
  SelectKind kind = SelectKind::wait;
  Op op;                    // stuck, contradiction: where; wait: what is missing
  Op head;                  // selected
  Op commit;                // selected: everything up to here is committed
  View log_view;            // selected: of the log that won
  bool truncated = false;   // selected: ops of the winning log were forgotten
  bool full_house = false;  // ... by the word of all voters
};

Selection select(std::span<const LogReport> reports, u8 voters, u32 pipeline_max);

// The identity that the winning logs (those of `log_view`) give to an op: zero when none knows it.
Digest identity_in(std::span<const LogReport> reports, View log_view, Op op);

}  // namespace keelson
