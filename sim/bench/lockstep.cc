#include "keelson/sim/bench/lockstep.h"

#include <cstring>

#include "keelson/base/checksum.h"
#include "keelson/machine/kv/kv_codec.h"
#include "keelson/store/format.h"
#include "keelson/store/layout.h"

namespace keelson::sim {
namespace {

constexpr ClusterId cluster{1, 2};
constexpr u64 wall_start = 1'700'000'000'000'000'000;
constexpr Duration patience = seconds(5);  // without an answer

// A disk that keeps nothing of the log: a tour that reads it again would find it damaged.
Tunables tunables(const LockstepConfig& config) {
  Tunables standard = Tunables::standard();
  if (!config.machine) standard.scrub_pace = seconds(1'000'000);
  return standard;
}

}  // namespace

Lockstep::Lockstep(const LockstepConfig& config)
    : config_(config), machines_(builtin_machines()), nodes_(config.nodes), clients_(config.clients) {
  if (config.machine) now_ = config.machine->now();
  for (u32 i = 0; i < config.groups; ++i) {
    GroupConfig g{GroupId(i + 1), machine_kv, Vec<NodeId>(config.nodes)};
    for (u16 n = 0; n < config.nodes; ++n) g.members.push_back(NodeId(n));
    groups_.push_back(std::move(g));
  }
  for (u32 i = 0; i < config.clients; ++i) {
    clients_[i].id = ClientId{i + 1, 7};
    clients_[i].group = GroupId(i % config.groups + 1);
  }
  body_.resize(config.value_bytes + 256 + 64);
  for (u16 n = 0; n < config.nodes; ++n) {
    Node& node = nodes_[n];
    node.slabs = std::make_unique<Slabs>(config.limits);
    node.superblock.resize(StoreLayout::of(config.limits).superblock_bytes);
    format_superblock(lockstep_format(NodeId(n), config.limits), node.superblock);
    node.in = std::make_unique<EventBag>(config.limits);
    node.next = std::make_unique<EventBag>(config.limits);
    node.out = std::make_unique<EffectBag>(config.limits);
    if (n != config.absent) boot(n);
  }
}

// Bags and shards hold references into the pools.
Lockstep::~Lockstep() {
  for (u16 n = 0; n < static_cast<u16>(nodes_.size()); ++n) stop(n);
}

void Lockstep::boot(u16 n) {
  Node& node = nodes_[n];
  if (config_.machine) node.disk = config_.machine->open(n);
  node.shard = std::make_unique<Shard>(ShardConfig{cluster, NodeId(n), Generation(1), ShardId(0), 1, config_.limits,
                                                   tunables(config_), groups_, &machines_},
                                       *node.slabs);
  node.next->node.push_back(Boot{{n, 2, 3, 4}});
}

// The disk first: it writes from memory of the shard.
void Lockstep::stop(u16 n) {
  Node& node = nodes_[n];
  node.disk.reset();
  node.in->clear();
  node.next->clear();
  node.out->clear();
  node.shard.reset();
}

FormatConfig lockstep_format(NodeId node, const Limits& limits) {
  return {cluster, node, Generation(1), ShardId(0), 1, limits};
}

bool Lockstep::run(u64 ops) {
  const u64 goal = answered_ + ops;
  u64 before = answered_;
  for (Instant since = now_; answered_ < goal;) {
    turn();
    if (answered_ != before) since = now_;
    before = answered_;
    if (now_.since(since) > patience) return false;
  }
  return true;
}

void Lockstep::idle(u32 turns) {
  for (; turns > 0; --turns) turn(false);
}

void Lockstep::turn(bool with_requests) {
  ++turns_;
  now_ = config_.machine ? config_.machine->now() : now_ + config_.turn_time;
  if (with_requests) submit(nodes_[0]);
  bool any = false;
  for (auto& node : nodes_) {
    if (!node.shard) continue;
    if (node.disk) node.disk->collect(node.next->completions);
    if (config_.machine && node.next->empty() && now_ < node.shard->deadline()) continue;
    step(node);
    any = true;
  }
  if (!any) wait();
}

void Lockstep::step(Node& node) {
  std::swap(node.in, node.next);
  node.in->now = now_;
  node.in->wall = WallTime(wall_start + now_.ns());
  node.shard->step(*node.in, *node.out);
  node.in->clear();
  carry_out(node);
  node.out->clear();
}

void Lockstep::wait() {
  Instant until = now_ + milliseconds(50);
  for (const auto& node : nodes_)
    if (node.shard) until = std::min(until, node.shard->deadline());
  if (config_.machine) config_.machine->wait(until);
}

// Node 0 is the primary of view 0 and stays it.
void Lockstep::submit(Node& primary) {
  if (!primary.shard || primary.shard->state() != ShardState::ready) return;
  if (config_.machine && config_.in_flight_max - in_flight_ < config_.requests_per_bag) return;
  u32 sent = 0;
  for (u32 tried = 0; tried < clients_.size() && sent < config_.requests_per_bag; ++tried) {
    Client& client = clients_[next_client_];
    next_client_ = (next_client_ + 1) % clients_.size();
    if (client.waiting) continue;
    MessageRef message = make_request(*primary.slabs, client);
    if (!message) return;
    client.waiting = true;
    client.asked = now_;
    ++in_flight_;
    ++sent;
    primary.next->messages.push_back(
        Envelope{Peer::client(ConnectionId(client.id.lo)), ShardId(0), std::move(message)});
  }
  bags_ += sent > 0;
}

MessageRef Lockstep::make_request(Slabs& slabs, Client& client) {
  Request request = make<Request>();
  request.cluster = cluster;
  request.group = client.group;
  request.client = client.id;
  Bytes body;
  if (client.session == SessionId(0)) {
    request.operation = operation_register;
  } else {
    const u64 key = sequence_++ % config_.keys;
    MutableBytes buffer(body_);
    body = encode_kv_put(buffer.first(64 + config_.value_bytes), bytes_of(key), Bytes(body_).last(config_.value_bytes));
    request.session = client.session;
    request.request = client.request + 1;
    request.ack_floor = client.request;
    request.operation = kv_put;
  }
  const u32 size = static_cast<u32>(body.size());
  MessageRef message = allocate_message(slabs, size);
  if (!message) return message;
  copy(body_of(message, size), body);
  seal(message, request, size);
  return message;
}

void Lockstep::carry_out(Node& node) {
  for (const auto& send : node.out->sends) {
    if (send.peer.is_client()) {
      deliver_reply(send.message);
      continue;
    }
    Node& to = nodes_[send.peer.node_id().raw()];
    if (!to.shard) continue;
    bytes_sent_ += send.message.size();
    MessageRef copied = copy_message(*to.slabs, send.message.bytes());
    const LinkRules rules{cluster, Author::node, send.message.header().node, config_.limits.message_size_max};
    const bool good = copied && validate_header(copied.data(), rules) == Reject::none &&
                      validate_body(copied.bytes()) == Reject::none;
    check(good && !to.next->messages.full());
    to.next->messages.push_back(Envelope{Peer::node(send.message.header().node), ShardId(0), std::move(copied)});
  }
  flushes_ += &node == nodes_.data() && !node.out->writes.empty();
  for (const auto& write : node.out->writes) {
    u64 bytes = 0;
    for (const Bytes part : write.parts) bytes += part.size();
    bytes_written_ += bytes;
    log_bytes_written_ += write.zone == Zone::wal || write.zone == Zone::index ? bytes : 0;
  }
  if (node.disk) return node.disk->submit(node.out->writes.span(), node.out->reads.span());
  for (const auto& write : node.out->writes) node.next->completions.push_back({IoKind::write, write.id, IoStatus::ok});
  for (const auto& effect : node.out->reads) {
    read(node, effect);
    node.next->completions.push_back({IoKind::read, effect.id, IoStatus::ok});
  }
}

void Lockstep::read(Node& node, const Read& effect) {
  std::memset(effect.into.data(), 0, effect.into.size());
  if (effect.zone == Zone::superblock)
    copy(effect.into, Bytes(node.superblock).subspan(effect.offset, effect.into.size()));
}

void Lockstep::deliver_reply(const MessageRef& message) {
  const Reply reply = message.as<Reply>();
  Client& client = clients_[reply.client.lo - 1];
  client.waiting = false;
  --in_flight_;
  if (reply.status != static_cast<u16>(Status::ok)) return;  // asked again, in a later turn
  if (client.session == SessionId(0)) {
    client.session = reply.session;
    return;
  }
  client.request = reply.request;
  if (config_.machine) latencies_.push_back(now_.since(client.asked));
  ++answered_;
}

}  // namespace keelson::sim
