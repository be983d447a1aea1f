#include "tests/lib/sim/echo.h"

#include <algorithm>

namespace keelson::sim::test {
namespace {

constexpr u64 superblock_io = 1'000'000'000;
constexpr u32 boot_page_count = 2;
constexpr Duration resend_every = milliseconds(200);
constexpr GroupId echo_group{1};

}  // namespace

EchoShard::EchoShard(const EchoOptions& options, NodeId node, ShardId shard, Slabs& slabs)
    : options_(options), node_(node), shard_(shard), slabs_(slabs), boot_pages_(boot_page_count * page_bytes) {}

EchoShard::~EchoShard() = default;

GroupView EchoShard::group(std::size_t) const {
  GroupView view;
  view.group = echo_group;
  view.status = ReplicaStatus::normal;
  view.primary = node_.raw() == options_.primary;
  view.view = View(options_.primary);
  view.commit_max = Op(requests_logged);
  return view;
}

Instant EchoShard::deadline() const { return options_.spin ? Instant() : next_beat_; }

void EchoShard::step(const EventBag& in, EffectBag& out) {
  for (const auto& event : in.node)
    if (event.index() == 0) {
      for (u64 i = 0; i < boot_page_count; ++i)
        out.reads.push_back({.id = IoId(superblock_io + i),
                             .zone = Zone::superblock,
                             .offset = i * page_bytes,
                             .into = MutableBytes(boot_pages_).subspan(i * page_bytes, page_bytes)});
      if (options_.leak_slab) leaked_ = slabs_.acquire(16);
    }
  for (const auto& done : in.completions) {
    on_completion(done, out);
    if (life_ != Life{} && next_beat_ == Instant::never()) next_beat_ = in.now + options_.beat;
  }
  for (const auto& event : in.peers) {
    if (event.kind == PeerEventKind::connected) peers.insert(event.peer.node_id().raw());
    if (event.kind == PeerEventKind::lost) peers.erase(event.peer.node_id().raw());
  }
  for (const auto& event : in.frames) {
    if (event.kind == FrameEventKind::dropped) {
      ++frames_dropped;
      continue;
    }
    const auto request = event.frame.message.as<Request>();
    const Peer client = Peer::client(event.frame.connection);
    if (event.frame.kind == FrameKind::to_group) {
      on_request({event.shard, client, request}, event.frame.message.body(), out);
    } else {
      reply_to(client, request, out);
    }
  }
  for (const auto& message : in.messages) {
    if (message.message.command() == Command::commit) {
      ++beats_heard;
      last_beat[message.peer.node_id().raw()] = message.message.as<Commit>().round;
      continue;
    }
    const auto request = message.message.as<Request>();
    check(!options_.fail_check);
    const ShardId owner(static_cast<u16>(request.request.raw() % options_.shards));
    if (owner == shard_) {
      on_request({shard_, message.peer, request}, message.message.body(), out);
    } else {
      out.posts.push_back({owner, {FrameKind::to_group, message.peer.connection(), message.message}});
    }
  }
  if (in.now >= next_beat_) beat(in.now, out);
}

void EchoShard::count_boot(const Completion& done, EffectBag& out) {
  const std::byte* page = boot_pages_.data() + (done.id.raw() - superblock_io) * page_bytes;
  const u64 count = load<u64>(page);
  if (done.status == IoStatus::ok && load<u64>(page + sizeof(u64)) == ~count) boots = std::max(boots, count);
  if (++boot_reads_ < boot_page_count) return;
  ++boots;
  const MutableBytes older = MutableBytes(boot_pages_).subspan(boots % boot_page_count * page_bytes, page_bytes);
  store(older.data(), boots);
  store(older.data() + sizeof(u64), ~boots);
  parts_[superblock_io] = older;
  out.writes.push_back({.id = IoId(superblock_io),
                        .zone = Zone::superblock,
                        .offset = boots % boot_page_count * page_bytes,
                        .parts = {&parts_[superblock_io], 1}});
}

void EchoShard::on_completion(const Completion& done, EffectBag& out) {
  if (done.kind == IoKind::read) return count_boot(done, out);
  if (done.id.raw() == superblock_io) {
    life_ = {Generation(1), Incarnation(static_cast<u32>(boots))};
    return;
  }
  --writes_in_flight_;
  ++requests_logged;
  const auto found = pending_.find(done.id.raw());
  if (found != pending_.end()) {
    answer(found->second, out);
    pending_.erase(found);
  }
  pages_.erase(done.id.raw());
  parts_.erase(done.id.raw());
  if (!waiting_.empty()) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    on_request(next.first, next.second, out);
  }
}

void EchoShard::on_request(const Pending& pending, Bytes body, EffectBag& out) {
  if (writes_in_flight_ + 1 >= options_.limits.writes_in_flight_max) {
    waiting_.emplace_back(pending, std::vector<std::byte>(body.begin(), body.end()));
    return;
  }
  const u64 id = next_io_++;
  pending_.emplace(id, pending);
  auto& page = pages_[id];
  page.resize(page_bytes);
  store(page.data(), pending.request.request);
  copy(MutableBytes(page).subspan(8), body.first(std::min<std::size_t>(body.size(), page_bytes - 8)));
  write_page(Zone::wal, next_page_ * page_bytes, IoId(id), out);
  if (options_.overlap_writes) {
    options_.overlap_writes = false;
    pages_[next_io_] = page;
    write_page(Zone::wal, next_page_ * page_bytes, IoId(next_io_), out);
    ++next_io_;
  }
  ++next_page_;
}

void EchoShard::write_page(Zone zone, u64 offset, IoId id, EffectBag& out) {
  ++writes_in_flight_;
  parts_[id.raw()] = pages_[id.raw()];
  out.writes.push_back({.id = id, .zone = zone, .offset = offset, .parts = {&parts_[id.raw()], 1}});
}

void EchoShard::answer(const Pending& pending, EffectBag& out) {
  if (pending.from == shard_) return reply_to(pending.client, pending.request, out);
  MessageRef carrier = allocate_message(slabs_, 0);
  if (!carrier) return;
  Request request = pending.request;
  seal(carrier, request, 0);
  out.posts.push_back({pending.from, {FrameKind::to_client, pending.client.connection(), std::move(carrier)}});
}

void EchoShard::reply_to(const Peer& client, const Request& request, EffectBag& out) {
  auto reply = make<Reply>();
  reply.cluster = echo_cluster;
  reply.group = request.group;
  reply.node = node_;
  reply.client = request.client;
  reply.request = request.request;
  MessageRef message = make_message(slabs_, reply);
  if (message) out.sends.push_back({client, ShardId(0), std::move(message)});
}

void EchoShard::beat(Instant now, EffectBag& out) {
  next_beat_ = now + options_.beat;
  auto beat = make<Commit>();
  beat.cluster = echo_cluster;
  beat.group = echo_group;
  beat.node = node_;
  beat.incarnation = life_.incarnation;
  beat.round = ++beat_no_;
  MessageRef message = make_message(slabs_, beat);
  if (!message) return;
  if (options_.bad_seal) message.mutable_data()[0] ^= std::byte{1};
  for (const u16 peer : peers) out.sends.push_back({Peer::node(NodeId(peer)), shard_, message});
}

EchoClient::EchoClient(const EchoOptions& options, const ClientStart& given, Slabs& slabs)
    : start(given), options_(options), slabs_(slabs) {}

Instant EchoClient::deadline() const {
  Instant first = open_.empty() ? Instant::never() : resend_;
  for (const auto& [ticket, open] : open_) first = std::min(first, open.give_up);
  return first;
}

void EchoClient::step(const EventBag& in, EffectBag& out) {
  for (const auto& event : in.peers) {
    if (event.kind == PeerEventKind::connected) nodes.insert(event.peer.node_id().raw());
    if (event.kind == PeerEventKind::lost) nodes.erase(event.peer.node_id().raw());
  }
  for (const auto& message : in.messages) {
    const auto reply = message.message.as<Reply>();
    check(reply.client == start.id);
    const Ticket ticket(reply.request.raw());
    if (open_.erase(ticket) == 0) continue;
    out.replies.push_back(
        {.ticket = ticket, .status = Status::ok, .outcome = Outcome::executed, .message = message.message});
  }
  for (const auto& submission : in.submissions) {
    Open open{RequestNo(submission.ticket.raw()),
              submission.group,
              submission.operation,
              {submission.body.begin(), submission.body.end()},
              in.now + submission.timeout};
    send(submission.ticket, open, out);
    open_.emplace(submission.ticket, std::move(open));
    if (resend_ <= in.now || resend_ == Instant::never()) resend_ = in.now + resend_every;
  }
  const bool resend = in.now >= resend_;
  if (resend) resend_ = in.now + resend_every;
  for (auto it = open_.begin(); it != open_.end();) {
    if (in.now >= it->second.give_up) {
      out.replies.push_back(
          {.ticket = it->first, .status = Status::deadline_passed, .outcome = Outcome::unknown, .message = {}});
      it = open_.erase(it);
      continue;
    }
    if (resend) send(it->first, it->second, out);
    ++it;
  }
}

void EchoClient::send(Ticket, const Open& open, EffectBag& out) {
  if (nodes.empty()) return;
  auto request = make<Request>();
  request.cluster = echo_cluster;
  request.group = open.group;
  request.client = start.id;
  request.request = open.number;
  request.operation = open.operation;
  const auto body_size = static_cast<u32>(open.body.size());
  MessageRef message = allocate_message(slabs_, body_size);
  if (!message) return;
  copy(body_of(message, body_size), open.body);
  seal(message, request, body_size);
  auto node = nodes.begin();
  std::advance(node, static_cast<std::ptrdiff_t>(attempts_++ % nodes.size()));
  out.sends.push_back({Peer::node(NodeId(*node)), ShardId(0), std::move(message)});
}

std::unique_ptr<Program> EchoPrograms::make_shard(NodeId node, ShardId shard, Slabs& slabs) {
  return std::make_unique<EchoShard>(options, node, shard, slabs);
}

std::unique_ptr<Program> EchoPrograms::make_client(const ClientStart& start, Slabs& slabs) {
  return std::make_unique<EchoClient>(options, start, slabs);
}

DiskShape EchoPrograms::disk_shape() const {
  return {.zone_bytes = {boot_page_count * page_bytes, u64{page_bytes} * 65'536, page_bytes, page_bytes},
          .writes_in_flight_max = options.limits.writes_in_flight_max,
          .reads_in_flight_max = options.limits.reads_in_flight_max};
}

void EchoPrograms::format(NodeId, ShardId, Disk&) { ++formatted; }

}  // namespace keelson::sim::test
