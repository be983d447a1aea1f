#include "keelson/sim/cut.h"

#include <algorithm>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

constexpr pb::Partition::Shape shapes[] = {
    pb::Partition::PRIMARY,      pb::Partition::BACKUP,       pb::Partition::ONE,    pb::Partition::HALVES,
    pb::Partition::UNIFORM_SIZE, pb::Partition::UNIFORM_SIDE, pb::Partition::BRIDGE, pb::Partition::RING,
    pb::Partition::CLIENTS,      pb::Partition::PAIRS};

// What a gray partition may stop.
constexpr Command gray_commands[] = {Command::beat,           Command::entries,      Command::prepare,
                                     Command::prepare_ok,     Command::commit,       Command::start_view_change,
                                     Command::do_view_change, Command::start_view,   Command::get_view,
                                     Command::get_headers,    Command::headers,      Command::get_prepares,
                                     Command::unavailable,    Command::get_manifest, Command::manifest,
                                     Command::get_section,    Command::section};

class Drawing {
 public:
  Drawing(const CutSpec& spec, Roles& roles)
      : spec_(spec), roles_(roles), stream_(roles.nemesis()), who_(roles.world().population()) {}

  std::vector<HostPair> pairs() {
    if (!spec_.nodes.empty()) {
      two_sides(spec_.nodes);
    } else {
      of_shape(spec_.of ? *spec_.of : shapes[stream_.below(Site::partition_shape, std::size(shapes))]);
    }
    std::sort(pairs_.begin(), pairs_.end());
    pairs_.erase(std::unique(pairs_.begin(), pairs_.end()), pairs_.end());
    return std::move(pairs_);
  }

  std::optional<CommandSet> commands() {
    if (!spec_.gray) return {};
    CommandSet chosen;
    for (const Command command : gray_commands)
      if (stream_.below(Site::partition_gray, 2) == 1) chosen.set(static_cast<std::size_t>(command));
    if (chosen.none()) chosen.set(static_cast<std::size_t>(Command::prepare));
    return chosen;
  }

 private:
  void of_shape(pb::Partition::Shape shape) {
    switch (shape) {
      case pb::Partition::PRIMARY:
        return two_sides({roles_.resolve(pb::PRIMARY)});
      case pb::Partition::BACKUP:
        return two_sides({roles_.resolve(pb::BACKUP)});
      case pb::Partition::ONE:
        return two_sides({shuffled_nodes().front()});
      case pb::Partition::UNIFORM_SIZE: {
        const std::size_t size = drawn_size();
        return two_sides(first_of(shuffled_nodes(), size));
      }
      case pb::Partition::UNIFORM_SIDE:
        return two_sides(drawn_side());
      case pb::Partition::HALVES:
        return two_sides(first_of(shuffled_nodes(), who_.nodes / 2));
      case pb::Partition::BRIDGE:
        return bridge();
      case pb::Partition::RING:
        return ring();
      case pb::Partition::CLIENTS:
        return clients();
      case pb::Partition::PAIRS:
        return each_link();
    }
  }

  std::vector<NodeId> all_nodes() const {
    std::vector<NodeId> nodes;
    for (u16 n = 0; n < who_.nodes; ++n) nodes.push_back(NodeId(n));
    return nodes;
  }
  std::vector<NodeId> shuffled_nodes() {
    auto nodes = all_nodes();
    stream_.shuffle(Site::partition_side, std::span(nodes));
    return nodes;
  }
  static std::vector<NodeId> first_of(std::vector<NodeId> nodes, std::size_t count) {
    nodes.resize(std::min(nodes.size(), std::max<std::size_t>(count, 1)));
    return nodes;
  }
  std::size_t drawn_size() { return 1 + stream_.below(Site::partition_side, who_.nodes); }
  std::vector<NodeId> drawn_side() {
    std::vector<NodeId> side;
    for (const NodeId node : all_nodes())
      if (stream_.below(Site::partition_side, 2) == 1) side.push_back(node);
    return side;
  }

  void two_sides(const std::vector<NodeId>& isolated) {
    for (const NodeId a : isolated)
      for (const NodeId b : all_nodes())
        if (std::find(isolated.begin(), isolated.end(), b) == isolated.end())
          separate(who_.host_of(a), who_.host_of(b));
  }
  void bridge() {
    const auto nodes = shuffled_nodes();  // the last one sees everybody
    const std::size_t half = (nodes.size() - 1) / 2;
    for (std::size_t i = 0; i < half; ++i)
      for (std::size_t j = half; j + 1 < nodes.size(); ++j) separate(who_.host_of(nodes[i]), who_.host_of(nodes[j]));
  }
  void ring() {
    const auto nodes = shuffled_nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i)
      for (std::size_t j = i + 2; j < nodes.size(); ++j)
        if (i != 0 || j + 1 != nodes.size()) separate(who_.host_of(nodes[i]), who_.host_of(nodes[j]));
  }
  void clients() {
    const bool only_one_left = stream_.below(Site::partition_side, 2) == 1;
    const NodeId node = roles_.resolve(only_one_left ? pb::BACKUP : pb::PRIMARY);
    for (u16 c = 0; c < who_.clients; ++c)
      for (const NodeId other : all_nodes())
        if ((other == node) != only_one_left) separate(who_.client_host(c), who_.host_of(other));
  }
  void each_link() {
    for (const NodeId a : all_nodes())
      for (const NodeId b : all_nodes())
        if (a != b && stream_.below(Site::partition_link, 2) == 1) pairs_.push_back({who_.host_of(a), who_.host_of(b)});
  }

  // `inner` is the isolated one: what goes to it is inbound.
  void separate(HostId inner, HostId outer) {
    auto kind = spec_.kind;
    if (kind == pb::Partition::MIXED) {
      constexpr pb::Partition::Kind kinds[] = {pb::Partition::BOTH, pb::Partition::INBOUND, pb::Partition::OUTBOUND};
      kind = kinds[stream_.below(Site::partition_link, std::size(kinds))];
    }
    if (kind != pb::Partition::OUTBOUND) pairs_.push_back({outer, inner});
    if (kind != pb::Partition::INBOUND) pairs_.push_back({inner, outer});
  }

  const CutSpec& spec_;
  Roles& roles_;
  const Stream& stream_;
  const Population& who_;
  std::vector<HostPair> pairs_;
};

Digest digest_of_pairs(const std::vector<HostPair>& pairs) {
  std::vector<u32> words;
  for (const HostPair pair : pairs) words.push_back(u32{pair.from.raw()} << 16 | pair.to.raw());
  return words.empty() ? Digest{} : digest_of(std::as_bytes(std::span(words)));
}

}  // namespace

std::optional<std::vector<NodeId>> cut_off_by(const Digest& links, pb::Partition::Kind kind, u16 nodes) {
  constexpr u16 nodes_max = 12;  // all sides are tried
  if (nodes > nodes_max) return {};
  const auto has = [](u32 side, u16 node) { return (side >> node & 1) != 0; };
  for (u32 side = 1; side + 1 < u32{1} << nodes; ++side) {
    std::vector<HostPair> pairs;
    for (u16 from = 0; from < nodes; ++from)
      for (u16 to = 0; to < nodes; ++to)
        if (has(side, from) != has(side, to) &&
            (kind == pb::Partition::BOTH || has(side, from) == (kind == pb::Partition::OUTBOUND)))
          pairs.push_back({HostId(from), HostId(to)});
    if (digest_of_pairs(pairs) != links) continue;
    std::vector<NodeId> nodes_of_side;
    for (u16 node = 0; node < nodes; ++node)
      if (has(side, node)) nodes_of_side.push_back(NodeId(node));
    return nodes_of_side;
  }
  return {};
}

Cut Cut::draw(const CutSpec& spec, Roles& roles) {
  Drawing drawing(spec, roles);
  Cut cut;
  cut.pairs_ = drawing.pairs();
  cut.commands_ = drawing.commands();
  cut.kind_ = static_cast<u64>(spec.kind);
  return cut;
}

void Cut::raise(World& world) {
  if (raised_) return;
  raised_ = true;
  Core& core = world.core();
  if (!pairs_.empty()) core.faults.add(commands_ ? Fault::partition_gray : Fault::partition);
  core.record(RecordKind::partition, {}, {.a = pairs_.size(), .b = kind_, .digest = digest_of_pairs(pairs_)});
  for (const HostPair pair : pairs_) {
    if (commands_) {
      world.network().block_commands(pair, *commands_);
    } else {
      world.network().block(pair);
    }
  }
}

void Cut::lift(World& world) {
  if (!raised_) return;
  raised_ = false;
  world.core().record(RecordKind::heal, {}, {.a = pairs_.size()});
  for (const HostPair pair : pairs_) {
    if (commands_) {
      world.network().unblock_commands(pair, *commands_);
    } else {
      world.network().unblock(pair);
    }
  }
}

}  // namespace keelson::sim
