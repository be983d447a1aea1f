// ShardWalk: one shard of a cluster of three whose peers, clients, disk and clock do whatever is drawn. Peers may lie:
// what they say is well formed, as a driver sees to, and no more.
//
// Who uses it: the property that a step is total. Most moves are near what an honest peer would do, or the walk would
// not get beyond the first view. A failed check(), a misuse of the disk, and a message that no receiver would take are
// thrown, so that a property shrinks the moves. Not here: honest peers (tests/lib/cluster), agreement (sim/check).
#pragma once

#include <csetjmp>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>

#include "keelson/driver/check_hook.h"
#include "keelson/machine/kv/kv_codec.h"
#include "keelson/node/shard.h"
#include "keelson/store/format.h"
#include "tests/lib/memory_disk.h"

#include "fuzz/gen/message.h"

namespace keelson::test {

struct Move {
  u8 kind = 0;  // modulo how many there are
  u64 seed = 0;
};

class ShardWalk {
 public:
  struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // One in `lie_in` times a peer says what an honest one would not.
  ShardWalk(NodeId self, u64 lie_in)
      : self_(self),
        lie_in_(lie_in),
        limits_(limits()),
        slabs_(std::make_unique<Slabs>(limits_)),
        disk_(limits_),
        in_(limits_),
        out_(limits_) {
    for (const u64 group : {1, 2}) {
      GroupConfig config{GroupId(group), machine_kv, Vec<NodeId>(3)};
      if (group == 2) config.members.push_back(self);  // alone
      for (u16 n = 0; group == 1 && n < 3; ++n) config.members.push_back(NodeId(n));
      groups_.push_back(std::move(config));
    }
    std::vector<std::byte> zone(superblock_zone_bytes);
    format_superblock({gen::test_cluster, self, Generation(1), ShardId(0), 1, limits_}, zone);
    disk_.write(Zone::superblock, 0, zone);
    boot();
  }
  ~ShardWalk() {
    stop();
    if (slabs_->in_use() > 0) static_cast<void>(slabs_.release());  // of a shard that is not to go on
  }
  ShardWalk(const ShardWalk&) = delete;
  ShardWalk& operator=(const ShardWalk&) = delete;

  void play(const Move& move) {
    draw_ = gen::seeded(move.seed);
    switch (move.kind % 16) {
      case 0:
        if (lies()) say_anything();
        break;
      case 1:
      case 2:
        say_again();
        break;
      case 3:
      case 4:
        say_prepare();
        break;
      case 5:
      case 6:
        say_entry();
        break;
      case 7:
      case 8:
        ask();
        break;
      case 9:
        say_beat();
        break;
      case 10:
        pass_time();
        break;
      case 11:
      case 12:
        complete(IoStatus::ok);
        break;
      case 13:
        if (lies() && draw_(8) == 0) complete(one_of({IoStatus::io_error, IoStatus::no_space}));
        break;
      case 14:
        connect();
        break;
      case 15:
        if (lies()) restart();
        break;
    }
    if (draw_(4) != 0) step();
    if (draw_(2) == 0) settle();
  }
  // All I/O is done, until none is left or nothing can be said to be new.
  void settle() {
    for (u32 turns = 0; turns < 1000 && !disk_.idle(); ++turns) {
      while (!disk_.idle() && !in_.completions.full()) in_.completions.push_back(disk_.complete());
      step();
    }
  }
  void step() {
    in_.now = now_;
    in_.wall = wall();
    guarded([](ShardWalk& walk) { walk.shard_->step(walk.in_, walk.out_); });
    in_.clear();
    if (shard_->state() == ShardState::ready) guarded([](ShardWalk& walk) { walk.shard_->check_invariants(); });
    disk_.submit(out_);
    for (const Envelope& send : out_.sends) hear(send);
    out_.clear();
    watch();
  }

  const Shard& shard() const { return *shard_; }
  u64 committed() const { return committed_; }
  u64 views() const { return views_; }
  // With nothing in flight and no shard left, every slab is back.
  u32 slabs_left() {
    stop();
    return slabs_->in_use();
  }

 private:
  static constexpr u64 said_max = 64;

  struct Peer_ {
    bool connected = false;
    Incarnation life{1};
  };
  struct Session {
    SessionId id;
    RequestNo executed;
  };
  struct Client {
    bool connected = false;
    std::map<GroupId, Session> sessions;
  };
  struct Seen {  // of one group, in this life
    View view;
    Op commit_min;
    Op committed;  // as far as anybody said
    View said;     // the newest view in which the shard took part, by its own words, in any life
    std::map<Op, Digest> identities;
  };

  static Limits limits() {
    Limits limits = Limits::tiny();
    limits.wal_segments = 40;
    limits.checkpoint_ops = 16;
    limits.log_entries_max = 4096;
    limits.journal_ops_max = 256;
    return limits;
  }

  bool lies() { return draw_(lie_in_) == 0; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[draw_(values.size())];
  }

  WallTime wall() const { return WallTime(1'700'000'000'000'000'000 + now_.ns()); }

  // ---- the shard

  void guarded(void (*act)(ShardWalk&)) {
    const ScopedCheckHook hook({[](void* context, const CheckSite& site) {
                                  auto& walk = *static_cast<ShardWalk*>(context);
                                  walk.site_ = site;
                                  std::longjmp(walk.back_, 1);
                                },
                                this});
    if (setjmp(back_) == 0) {
      act(*this);
      return;
    }
    static_cast<void>(shard_.release());  // whatever it was doing, it must not go on
    throw Broken(std::string("check failed: ") + site_.file + ":" + std::to_string(site_.line) + ": " + site_.function);
  }
  static void demand(bool holds, const std::string& what) {
    if (!holds) throw Broken(what);
  }
  void boot() {
    shard_ = std::make_unique<Shard>(ShardConfig{gen::test_cluster, self_, Generation(1), ShardId(0), 1, limits_,
                                                 Tunables::tiny(), groups_, &machines_},
                                     *slabs_);
    in_.node.push_back(Boot{{1, 2, 3, ++lives_}});
    step();
    settle();
    for (u16 n = 0; n < 3; ++n)
      if (NodeId(n) != self_) meet(NodeId(n));
  }
  void stop() {
    in_.clear();
    out_.clear();
    shard_.reset();
  }
  void restart() {
    stop();
    disk_.crash([&](u64 bound) { return draw_(bound); });
    disk_ = disk_.snapshot();
    for (Peer_& peer : peers_) peer.connected = false;
    for (Client& client : clients_) client.connected = false;
    for (auto& [group, seen] : seen_) seen.view = View(), seen.commit_min = Op();
    boot();
  }
  // What it says now, and what it said, in this life and the ones before.
  void watch() {
    if (shard_->state() != ShardState::ready) return;
    for (std::size_t i = 0; i < shard_->group_count(); ++i) {
      const GroupView view = shard_->view(i);
      Seen& seen = seen_[view.group];
      demand(view.view >= seen.view, "a view falls");
      demand(view.commit_min >= seen.commit_min || view.commit_min == Op(), "what was applied falls");
      demand(view.commit_min <= view.head, "more is applied than there is");
      const bool sure = view.fenced == FenceReason::none && view.recovering != RecoveringReason::amnesiac;
      demand(!sure || view.view >= seen.said, "a promise is forgotten");
      views_ += view.view > seen.view;
      committed_ += view.commit_min > seen.commit_min;
      seen.committed = std::max(seen.committed, view.commit_max);
      seen.view = view.view;
      seen.commit_min = view.commit_min;
    }
  }
  void hear(const Envelope& send) {
    const gen::Buffer bytes(send.message.bytes().begin(), send.message.bytes().end());
    const Header header = send.message.header();
    const bool client = send.peer.is_client();
    const LinkRules rules{gen::test_cluster, Author::node, client ? no_node : self_, limits_.message_size_max};
    const std::string what = "a message of command " + std::to_string(static_cast<u16>(header.command));
    demand(accepts(bytes, rules), what + " that nobody takes: " + name_of(refusal_of(bytes, rules)));
    demand(client || (send.peer.node_id() != self_ && send.peer.node_id().raw() < 3), what + " to nobody");
    if (header.command == Command::reply) return take(send.message.as<Reply>());
    if (header.command == Command::beat) heard_beat_ = header.sent;
    if (said_.size() == said_max) said_.pop_front();
    said_.push_back(bytes);
    Seen& seen = seen_[header.group];
    if (header.command == Command::prepare && header.flags == 0) {
      const auto prepare = send.message.as<Prepare>();
      seen.identities[prepare.op] = prepare.identity;
    }
    if (header.command == Command::do_view_change || header.command == Command::start_view ||
        header.command == Command::prepare_ok)
      seen.said = std::max(seen.said, header.view);
  }
  Reject refusal_of(const gen::Buffer& bytes, const LinkRules& rules) const {
    if (const Reject reject = validate_header(bytes.data(), rules); reject != Reject::none) return reject;
    if (const Reject reject = validate_body(bytes); reject != Reject::none) return reject;
    return validate_content(bytes, limits_);
  }
  bool accepts(const gen::Buffer& bytes, const LinkRules& rules) const {
    return refusal_of(bytes, rules) == Reject::none;
  }

  // ---- peers

  NodeId a_peer() {
    const auto n = static_cast<u16>(draw_(2));
    return NodeId(n < self_.raw() ? n : static_cast<u16>(n + 1));
  }
  GroupId a_group() { return draw_(4) == 0 ? GroupId(2) : GroupId(1); }
  Seen& seen_of_one() { return seen_[GroupId(1)]; }
  View a_view() {
    const View now = seen_of_one().view;
    return lies() ? View(static_cast<u32>(draw_(now.raw() + 4))) : now;
  }
  Op an_op() {
    const Op now = head();
    if (lies()) return Op(1 + draw_(now.raw() + 4));
    return Op(now.raw() + 3 - std::min(now.raw() + 2, draw_(5)));
  }
  Op head() const { return shard_->state() == ShardState::ready ? shard_->view(0).head : Op(); }
  // None: an honest peer would not speak of it.
  std::optional<Digest> identity_at(Op op) {
    if (lies()) return Digest{draw_(3) + 1, 1};
    if (op == Op(0)) return identity_of(root());
    const auto known = seen_of_one().identities.find(op);
    if (known == seen_of_one().identities.end()) return std::nullopt;
    return known->second;
  }
  // Op 0 of group 1, which every log begins with.
  static Prepare root() {
    Prepare root = make<Prepare>();
    root.cluster = gen::test_cluster;
    root.group = GroupId(1);
    root.epoch = Epoch(1);
    root.operation = PrepareOperation::root;
    root.checksum_body = digest_of_nothing();
    return root;
  }
  // As if `peer` had written it; whoever can't have is not heard.
  void deliver(gen::Buffer message, NodeId peer) {
    auto header = header_at(message.data());
    header.node = peer;
    header.incarnation = peers_[peer.raw()].life;
    if (header.replica != no_replica) header.replica = ReplicaIndex(static_cast<u8>(peer.raw()));
    header.first_batch = header.stored_batch = BatchNo();
    std::memcpy(message.data(), &header, sizeof header);
    gen::reseal(message);
    const LinkRules rules{gen::test_cluster, Author::node, peer, limits_.message_size_max};
    if (!peers_[peer.raw()].connected || !accepts(message, rules) || in_.messages.full()) return;
    if (MessageRef copied = copy_message(*slabs_, message))
      in_.messages.push_back({Peer::node(peer), ShardId(0), std::move(copied)});
  }
  void say_anything() {
    const auto& commands = gen::wire_commands();
    gen::Buffer message = gen::Messages(draw_, limits_).of(commands[draw_(commands.size())]);
    auto header = header_at(message.data());
    header.from_shard = header.to_shard = ShardId(0);
    if (header.group != GroupId(0)) {
      header.group = a_group();
      header.view = a_view();
    }
    std::memcpy(message.data(), &header, sizeof header);
    if (header.command == Command::do_view_change || header.command == Command::start_view ||
        header.command == Command::headers)
      for (std::size_t at = header_size; at < message.size(); at += header_size) {
        auto entry = header_at(message.data() + at);
        entry.group = header.group;
        entry.view = std::min(entry.view, header.view);
        std::memcpy(message.data() + at, &entry, sizeof entry);
      }
    deliver(std::move(message), a_peer());
  }
  // What the shard itself said comes back from a peer, and perhaps a field of it is another.
  void say_again() {
    if (said_.empty()) return;
    const std::size_t recent = std::min<std::size_t>(said_.size(), draw_(2) == 0 ? 4 : said_.size());
    gen::Buffer message = said_[said_.size() - 1 - draw_(recent)];
    NodeId peer = a_peer();
    auto header = header_at(message.data());
    if (draw_(4) == 0) header.view = a_view() + static_cast<u32>(draw_(2));
    std::memcpy(message.data(), &header, sizeof header);
    if (header.command == Command::do_view_change && draw_(2) == 0) {
      if (as<DoViewChange>(message.data()).op < seen_of_one().committed && !lies()) return;
      begin_view(message);
      peer = NodeId(static_cast<u16>(header.view.raw() % 3));
    }
    for (u64 n = lies() ? 1 + draw_(3) : 0; n > 0; --n) {
      const std::size_t at = sizeof(Header) + 8 * draw_((message.size() - sizeof(Header)) / 8);
      const auto number = load<u64>(message.data() + at);
      store(message.data() + at, one_of<u64>({number + 1, number - 1, 0, draw_(8), draw_(~u64{0})}));
    }
    deliver(std::move(message), peer);
  }
  // The log that a do_view_change tells of becomes that of its view.
  static void begin_view(gen::Buffer& message) {
    const auto vote = as<DoViewChange>(message.data());
    StartView start = make<StartView>();
    static_cast<Header&>(start) = vote;
    start.command = Command::start_view;
    start.op = vote.op;
    start.header_count = vote.header_count;
    start.commit = vote.op - (vote.header_count - 1);
    store(message.data(), start);
  }
  // The op behind the newest one, or another, of the primary of the view.
  void say_prepare() {
    Prepare prepare = make<Prepare>();
    prepare.cluster = gen::test_cluster;
    prepare.group = GroupId(1);
    prepare.epoch = Epoch(1);
    prepare.release = Release(1);
    prepare.view = a_view();
    prepare.op = an_op();
    const NodeId primary(static_cast<u16>(prepare.view.raw() % 3));
    const auto told = prepares_.find({prepare.view, prepare.op});
    if (told != prepares_.end() && !lies()) return deliver(told->second, primary);
    if (prepare.op <= seen_of_one().committed && !lies()) return;
    const auto parent = identity_at(prepare.op - 1);
    if (!parent) return;
    prepare.parent = *parent;
    prepare.commit = std::min(lies() ? prepare.op : seen_of_one().committed, prepare.op.minus_saturating(1 + draw_(4)));
    prepare.timestamp = Timestamp(prepare.op.raw() * 1000 + draw_(2));
    prepare.replica = ReplicaIndex(0);
    gen::Buffer body;
    if (draw_(3) == 0) {
      prepare.operation = one_of({PrepareOperation::noop, PrepareOperation::checkpoint});
      prepare.checksum_body = digest_of_nothing();
    } else {
      prepare.operation = PrepareOperation::batch;
      prepare.request_count = 1;
      RequestFrame frame;
      frame.client = ClientId{1, 7};
      gen::Buffer room(300);
      Bytes bytes;
      if (draw_(3) == 0) {
        frame.operation = operation_register;
      } else {
        const u64 key = draw_(20);
        bytes = encode_kv_put(room, bytes_of(key), gen::Buffer(draw_(100)));
        frame.session = clients_[0].sessions[GroupId(1)].id;
        frame.request = RequestNo(1 + draw_(4));
        frame.operation = kv_put;
      }
      frame.body_size = static_cast<u32>(bytes.size());
      frame.body_checksum = body_checksum(bytes);
      body.resize(prepared_size(frame.body_size));
      PrepareBodyWriter writer(body, 1);
      writer.add(frame, bytes);
    }
    gen::Buffer message(header_size);
    message.insert(message.end(), body.begin(), body.end());
    store(message.data(), prepare);
    gen::reseal(message);
    if (primary != self_) {
      seen_of_one().identities[prepare.op] = as<Prepare>(message.data()).identity;
      prepares_[{prepare.view, prepare.op}] = message;
    }
    deliver(std::move(message), primary);
  }
  // An ack, a commit, or one of the others, as shards tell each other of groups.
  void say_entry() {
    GroupEntry entry;
    entry.group = a_group();
    entry.epoch = Epoch(1);
    entry.view = a_view();
    entry.op = an_op();
    entry.kind = lies() ? static_cast<EntryKind>(1 + draw_(7)) : one_of({EntryKind::ack, EntryKind::commit});
    entry.commit = entry.kind == EntryKind::commit ? entry.op : entry.op.minus_saturating(draw_(3));
    const auto identity = identity_at(entry.op);
    if (!identity) return;
    entry.identity = *identity;
    if (entry.kind == EntryKind::commit && entry.group == GroupId(1) && !lies()) {
      if (entry.op > head()) return;
      Op& committed = seen_of_one().committed;
      committed = std::max(committed, entry.op);
    }
    entry.checkpoint_op = draw_(4) == 0 ? Op(draw_(entry.commit.raw() + 1)) : Op();
    entry.round = entry.kind == EntryKind::ack ? static_cast<u32>(draw_(std::min<u64>(entry.op.raw(), 4))) : 0;
    const NodeId peer = entry.kind == EntryKind::commit ? NodeId(static_cast<u16>(entry.view.raw() % 3)) : a_peer();
    if (peer == self_) return;
    entry.replica = ReplicaIndex(static_cast<u8>(peer.raw()));
    Entries header = make<Entries>();
    header.cluster = gen::test_cluster;
    header.count = 1;
    gen::Buffer message(header_size + sizeof entry);
    store(message.data(), header);
    store(message.data() + header_size, entry);
    deliver(std::move(message), peer);
  }
  // Clocks agree, unless it lies.
  void say_beat() {
    Beat beat = make<Beat>();
    beat.cluster = gen::test_cluster;
    beat.sent = now_.ns() + 1;
    beat.beat_no = ++beats_;
    beat.echo_sent = heard_beat_;
    beat.wall = wall() + (lies() ? Duration(draw_(~u64{0} >> 8)) : Duration());
    beat.clock_state = 1;
    gen::Buffer message(header_size);
    store(message.data(), beat);
    deliver(std::move(message), a_peer());
  }
  void connect() {
    const NodeId node = a_peer();
    Peer_& peer = peers_[node.raw()];
    if (in_.peers.full()) return;
    if (draw_(8) == 0) {
      in_.peers.push_back({PeerEventKind::send_dropped, Peer::node(node), {}, 1 + draw_(9)});
      return;
    }
    if (!peer.connected) return meet(node);
    if (draw_(4) != 0) return;  // as a rule they stay
    peer.connected = false;
    in_.peers.push_back({PeerEventKind::lost, Peer::node(node), {Generation(1), peer.life}, 0});
    if (draw_(2) == 0) peer.life = Incarnation(peer.life.raw() + 1);
  }
  void meet(NodeId node) {
    Peer_& peer = peers_[node.raw()];
    peer.connected = true;
    in_.peers.push_back({PeerEventKind::connected, Peer::node(node), {Generation(1), peer.life}, 0});
  }

  // ---- clients

  void ask() {
    const u64 n = draw_(2);
    Client& client = clients_[n];
    const Peer peer = Peer::client(ConnectionId(n + 1));
    if (in_.peers.full() || in_.messages.full()) return;
    if (!client.connected || draw_(16) == 0) {
      client.connected = !client.connected;
      in_.peers.push_back(
          {client.connected ? PeerEventKind::client_connected : PeerEventKind::client_lost, peer, {}, 0});
      if (!client.connected) return;
    }
    Request request = make<Request>();
    request.cluster = gen::test_cluster;
    request.group = a_group();
    request.client = ClientId{n + 1, 7};
    gen::Buffer room(4000);
    Bytes body;
    Session& session = client.sessions[request.group];
    if (session.id == SessionId(0) || lies()) {
      request.operation = operation_register;
    } else {
      const u64 key = draw_(20);
      body = encode_kv_put(room, bytes_of(key), gen::Buffer(draw_(6) == 0 ? 3000 : draw_(200)));
      request.session = session.id;
      request.request = session.executed + (lies() ? draw_(3) : 1);
      request.ack_floor = session.executed;
      request.operation = lies() ? Operation(static_cast<u16>(draw_(1000))) : kv_put;
    }
    gen::Buffer message(header_size);
    message.insert(message.end(), body.begin(), body.end());
    store(message.data(), request);
    gen::reseal(message);
    const LinkRules rules{gen::test_cluster, Author::client, no_node, limits_.message_size_max};
    if (!accepts(message, rules)) return;
    if (MessageRef copied = copy_message(*slabs_, message))
      in_.messages.push_back({peer, ShardId(0), std::move(copied)});
  }
  void take(const Reply& reply) {
    if (reply.client.lo == 0 || reply.client.lo > clients_.size() || reply.op == Op(0)) return;
    clients_[reply.client.lo - 1].sessions[reply.group] = {reply.session, reply.request};
  }

  // ---- time and disk

  void pass_time() {
    const Instant due = shard_->deadline();
    switch (draw_(4)) {
      case 0:
        now_ = now_ + milliseconds(draw_(8) == 0 ? draw_(2000) : draw_(10));
        return;
      case 1:
        return;
      default:
        if (due != Instant::never()) now_ = std::max(now_, due);
    }
  }
  void complete(IoStatus status) {
    for (u64 n = 1 + draw_(4); n > 0 && !disk_.idle() && !in_.completions.full(); --n)
      in_.completions.push_back(disk_.complete(draw_(disk_.in_flight()), status));
  }

  gen::Draw draw_ = gen::seeded(1);
  const NodeId self_;
  const u64 lie_in_;
  const Limits limits_;
  const MachineRegistry machines_ = builtin_machines();
  std::vector<GroupConfig> groups_;
  std::unique_ptr<Slabs> slabs_;
  MemoryDisk disk_;
  EventBag in_;
  EffectBag out_;
  std::unique_ptr<Shard> shard_;
  Instant now_{1'000'000'000};
  u64 lives_ = 0;
  Peer_ peers_[3];
  std::array<Client, 2> clients_;
  std::map<GroupId, Seen> seen_;
  std::deque<gen::Buffer> said_;
  std::map<std::pair<View, Op>, gen::Buffer> prepares_;  // of group 1, by its other primaries
  u64 heard_beat_ = 0;
  u64 beats_ = 0;
  u64 committed_ = 0;
  u64 views_ = 0;
  std::jmp_buf back_;
  CheckSite site_{};
};

}  // namespace keelson::test
