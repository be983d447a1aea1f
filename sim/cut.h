// Cut: a partition: which directed pairs of hosts it separates, and for which commands.
//
// Who uses it: the nemesis and scripted steps draw one of a shape, raise it, and lift it again. Clients keep their
// links to both sides unless the shape is about them. Not here: when, and what the network does about it.
#pragma once

#include <optional>
#include <vector>

#include "keelson/sim/roles.h"

namespace keelson::sim {

struct CutSpec {
  std::optional<pb::Partition::Shape> of;  // none: drawn
  pb::Partition::Kind kind = pb::Partition::BOTH;
  bool gray = false;
  std::vector<NodeId> nodes;  // these on one side, instead of a shape
};

class Cut {
 public:
  // Decides on everything that is left open.
  static Cut draw(const CutSpec& spec, Roles& roles);

  void raise(World& world);
  void lift(World& world);
  bool raised() const { return raised_; }
  const std::vector<HostPair>& pairs() const { return pairs_; }

 private:
  std::vector<HostPair> pairs_;
  std::optional<CommandSet> commands_;  // only these; none: all
  u64 kind_ = 0;
  bool raised_ = false;
};

// Whose side was cut off, from what the trace says of a partition: the digest of its links and its kind. Nothing if it
// was none of two sides.
std::optional<std::vector<NodeId>> cut_off_by(const Digest& links, pb::Partition::Kind kind, u16 nodes);

}  // namespace keelson::sim
