// StoreImage: the data file of one node as a cluster of real shards left it: two lives, checkpoints, a view change, a
// torn tail; and what the cluster knew meanwhile, to compare any later start with.
//
// Who uses it: the fuzz target of the open path. The driver is a perfect one in lockstep but for the one crash; the
// same seed makes the same image. Not here: damage (store_damage.h), faults of networks and disks (sim/).
#pragma once

#include <memory>
#include <optional>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/node/shard.h"
#include "keelson/store/format.h"

#include "fuzz/gen/message.h"
#include "fuzz/gen/zone_pages.h"

namespace keelson::gen {

inline Limits image_limits() {
  Limits limits = Limits::tiny();
  limits.wal_segments = 40;
  limits.checkpoint_ops = 16;
  limits.log_entries_max = 4096;
  limits.journal_ops_max = 1024;
  limits.applies_per_step_max = 1;  // so that every state is seen
  return limits;
}

struct StoreImage {
  explicit StoreImage(const Limits& with = image_limits()) : limits(with) {}

  static constexpr NodeId node{0};
  static constexpr GroupId solo{2};  // of one voter; the others have three

  Limits limits;
  MachineRegistry machines = builtin_machines();
  std::vector<GroupConfig> groups;
  ZonePages pages{limits};
  std::map<std::pair<GroupId, Op>, Digest> states;       // of a machine after an op
  std::map<std::pair<GroupId, Op>, Digest> checkpoints;  // ids

  ShardConfig config(NodeId of = node) const {
    return {test_cluster, of, Generation(1), ShardId(0), 1, limits, Tunables::tiny(), groups, &machines};
  }
  // Between two steps.
  void watch(const Shard& shard) {
    for (std::size_t i = 0; i < shard.group_count(); ++i) {
      const GroupView view = shard.view(i, true);
      if (view.commit_min == Op(0)) continue;
      const auto [known, fresh] = states.try_emplace({view.group, view.commit_min}, view.machine_digest);
      check(known->second == view.machine_digest);
      if (view.checkpoint_op != Op(0)) checkpoints[{view.group, view.checkpoint_op}] = view.checkpoint_id;
    }
  }
};

class ImageMaker {
 public:
  explicit ImageMaker(u64 seed, const Limits& limits = image_limits()) : draw_(seeded(seed)), image_(limits) {
    for (u64 g = 1; g <= 3; ++g) {
      GroupConfig group{GroupId(g), machine_kv, Vec<NodeId>(nodes)};
      for (u16 n = 0; n < (GroupId(g) == StoreImage::solo ? 1 : nodes); ++n) group.members.push_back(NodeId(n));
      image_.groups.push_back(std::move(group));
      clients_.push_back({GroupId(g), ClientId{g, 7}, {}, {}, {}, 0});
    }
    for (u16 n = 0; n < nodes; ++n) {
      nodes_.emplace_back(image_.limits);
      std::vector<std::byte> zone(superblock_zone_bytes);
      format_superblock({test_cluster, NodeId(n), Generation(1), ShardId(0), 1, image_.limits}, zone);
      const Bytes part = zone;
      nodes_.back().disk.write(Zone::superblock, 0, {&part, 1});
      boot(n);
    }
  }
  ~ImageMaker() {
    for (Node& node : nodes_) node.stop();
  }
  ImageMaker(const ImageMaker&) = delete;
  ImageMaker& operator=(const ImageMaker&) = delete;

  std::unique_ptr<StoreImage> run() {
    const u64 interval = image_.limits.checkpoint_ops;
    answer(2 * interval + 4);
    crash(0);
    answer(8, 2);  // of the groups that go on without it
    boot(0);
    answer(interval + 4);
    crash(0);
    image_.pages = nodes_[0].disk;
    return std::make_unique<StoreImage>(std::move(image_));
  }

 private:
  static constexpr u16 nodes = 3;

  struct Node {
    explicit Node(const Limits& limits)
        : slabs(std::make_unique<Slabs>(limits)), in(limits), next(limits), out(limits), disk(limits) {}
    Node(Node&&) = default;
    void stop() {
      in.clear();
      next.clear();
      out.clear();
      shard.reset();
      connected = false;
    }
    std::unique_ptr<Slabs> slabs;
    std::unique_ptr<Shard> shard;
    EventBag in, next;
    EffectBag out;
    ZonePages disk;
    bool connected = false;  // told of its peers
  };
  struct Client {
    GroupId group;
    ClientId id;
    SessionId session;
    RequestNo request;
    Buffer waiting;  // empty: nothing is asked
    u64 asked_in = 0;
    u64 answered = 0;
  };

  void boot(u16 n) {
    nodes_[n].shard = std::make_unique<Shard>(image_.config(NodeId(n)), *nodes_[n].slabs);
    nodes_[n].next.node.push_back(Boot{{n, 2, 3, turn_}});
  }
  // Of the writes of its last turn each happened, or did not, or half of it.
  void crash(u16 n) {
    Node& node = nodes_[n];
    do turn(n);
    while (node.out.writes.empty());
    for (const Write& write : node.out.writes) {
      const u64 fate = draw_(3);
      if (fate == 0) continue;
      if (fate == 2) {
        Buffer torn;
        for (const Bytes part : write.parts) torn.insert(torn.end(), part.begin(), part.end());
        Buffer former(torn.size());
        node.disk.read(write.zone, write.offset, former);
        for (std::size_t at = 0; at < torn.size(); at += 512)
          if (draw_(2) == 0)
            std::copy_n(former.begin() + static_cast<std::ptrdiff_t>(at), 512,
                        torn.begin() + static_cast<std::ptrdiff_t>(at));
        const Bytes part = torn;
        node.disk.write(write.zone, write.offset, {&part, 1});
        continue;
      }
      node.disk.write(write.zone, write.offset, write.parts);
    }
    node.stop();
    for (u16 other = 0; other < nodes; ++other)
      if (other != n) tell(other, PeerEventKind::lost, n);
  }
  void tell(u16 node, PeerEventKind kind, u16 about) {
    nodes_[node].next.peers.push_back({kind, Peer::node(NodeId(about)), {}, 0});
  }

  // Until each group that is served has so many more answers.
  void answer(u64 more, u64 groups_at_least = 3) {
    std::vector<u64> goal;
    for (const Client& client : clients_) goal.push_back(client.answered + more);
    for (u64 end = turn_ + 20'000;; turn()) {
      u64 there = 0;
      for (std::size_t i = 0; i < clients_.size(); ++i) there += clients_[i].answered >= goal[i];
      if (there >= groups_at_least) return;
      check(turn_ < end);
    }
  }

  // `last`: a node whose effects of this turn are left for crash().
  void turn(std::optional<u16> last = std::nullopt) {
    ++turn_;
    now_ = now_ + milliseconds(1);
    for (Client& client : clients_) ask(client);
    for (u16 n = 0; n < nodes; ++n) {
      Node& node = nodes_[n];
      if (!node.shard) continue;
      std::swap(node.in, node.next);
      node.in.now = now_;
      node.in.wall = WallTime(1'700'000'000'000'000'000 + now_.ns());
      node.shard->step(node.in, node.out);
      node.in.clear();
      introduce(n);
      image_.watch(*node.shard);
      if (last == n && !node.out.writes.empty()) continue;
      carry_out(node);
      node.out.clear();
    }
  }
  void introduce(u16 n) {
    if (nodes_[n].connected || nodes_[n].shard->state() != ShardState::ready) return;
    nodes_[n].connected = true;
    for (u16 other = 0; other < nodes; ++other) {
      if (other == n || !nodes_[other].connected) continue;
      tell(n, PeerEventKind::connected, other);
      tell(other, PeerEventKind::connected, n);
    }
  }
  std::optional<u16> primary_of(GroupId group) const {
    for (u16 n = 0; n < nodes; ++n)
      for (std::size_t i = 0; nodes_[n].shard && i < nodes_[n].shard->group_count(); ++i)
        if (const GroupView view = nodes_[n].shard->view(i); view.group == group && view.primary) return n;
    return std::nullopt;
  }
  void ask(Client& client) {
    if (client.waiting.empty()) make_request(client);
    if (client.asked_in != 0 && turn_ < client.asked_in + 100) return;
    const auto to = primary_of(client.group);
    if (!to) return;
    MessageRef message = copy_message(*nodes_[*to].slabs, client.waiting);
    check(static_cast<bool>(message));
    client.asked_in = turn_;
    nodes_[*to].next.messages.push_back({Peer::client(ConnectionId(client.id.lo)), ShardId(0), std::move(message)});
  }
  void make_request(Client& client) {
    Request request = make<Request>();
    request.cluster = test_cluster;
    request.group = client.group;
    request.client = client.id;
    Buffer room(4000);
    Bytes body;
    if (client.session == SessionId(0)) {
      request.operation = operation_register;
    } else {
      const u64 key = draw_(20);
      const bool large = draw_(6) == 0;
      const u64 size = draw_(300);
      const Buffer value(large ? 3000 : size, static_cast<std::byte>(draw_(256)));
      body = encode_kv_put(room, bytes_of(key), value);
      request.session = client.session;
      request.request = client.request + 1;
      request.ack_floor = client.request;
      request.operation = kv_put;
    }
    client.waiting.assign(header_size, std::byte{0});
    client.waiting.insert(client.waiting.end(), body.begin(), body.end());
    store(client.waiting.data(), request);
    reseal(client.waiting);
    client.asked_in = 0;
  }

  void carry_out(Node& node) {
    for (const Envelope& send : node.out.sends) {
      if (send.peer.is_client()) {
        take(send.message);
        continue;
      }
      Node& to = nodes_[send.peer.node_id().raw()];
      if (!to.connected || to.next.messages.full()) continue;
      if (MessageRef copied = copy_message(*to.slabs, send.message.bytes()))
        to.next.messages.push_back({Peer::node(send.message.header().node), ShardId(0), std::move(copied)});
    }
    for (const Write& write : node.out.writes) {
      node.disk.write(write.zone, write.offset, write.parts);
      node.next.completions.push_back({IoKind::write, write.id, IoStatus::ok});
    }
    for (const Read& read : node.out.reads) {
      node.disk.read(read.zone, read.offset, read.into);
      node.next.completions.push_back({IoKind::read, read.id, IoStatus::ok});
    }
  }
  void take(const MessageRef& message) {
    const Reply reply = message.as<Reply>();
    Client& client = clients_[reply.client.lo - 1];
    const Request asked = as<Request>(client.waiting.data());
    if (reply.request_checksum != asked.checksum_body || reply.request != asked.request) return;
    if (reply.op == Op(0)) return;  // refused: asked again
    if (client.session == SessionId(0))
      client.session = reply.session;
    else
      client.request = reply.request;
    ++client.answered;
    client.waiting.clear();
  }

  Draw draw_;
  StoreImage image_;
  std::vector<Node> nodes_;
  std::vector<Client> clients_;
  Instant now_{1'000'000'000};
  u64 turn_ = 0;
};

}  // namespace keelson::gen
