#include "tests/lib/cluster/cluster.h"

#include <algorithm>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/node/shard.h"

namespace keelson::test {
namespace {

constexpr Duration patience = seconds(8);          // for an answer, a view, a crash that was ordered
constexpr Duration disk_time = microseconds(100);  // of each I/O, and of each flush
constexpr Duration crash_poll = microseconds(50);
constexpr std::size_t request_bytes_max = 512;

sim::pb::Scenario scenario_of(const Shape& shape) {
  sim::pb::Scenario scenario;
  auto& cluster = *scenario.mutable_cluster();
  cluster.set_replicas(shape.replicas);
  cluster.set_clients(shape.clients);
  cluster.set_groups(shape.groups);
  if (shape.checkpoint_ops > 0) cluster.set_checkpoint_ops(shape.checkpoint_ops);
  if (shape.checkpoint_blocks > 0) cluster.set_checkpoint_blocks(shape.checkpoint_blocks);
  if (shape.journal_ops > 0) cluster.set_journal_ops(shape.journal_ops);
  if (shape.abdicate != Duration())
    cluster.mutable_tunables()->set_abdicate_ms(static_cast<u32>(shape.abdicate.ns() / 1'000'000));
  if (shape.scrub_every != Duration())
    cluster.mutable_tunables()->set_scrub_every_ms(static_cast<u32>(shape.scrub_every.ns() / 1'000'000));
  if (shape.quiesce_after != Duration())
    cluster.mutable_tunables()->set_quiesce_after_ms(static_cast<u32>(shape.quiesce_after.ns() / 1'000'000));
  cluster.set_limits(shape.standard_limits ? sim::pb::LimitsProfile::STANDARD : sim::pb::LimitsProfile::TINY);
  return scenario;
}

// On a quiet tape every drawn latency is zero. What stalls takes its minimum: a disk with a constant latency.
sim::DiskSettings disk_with(Duration each) {
  sim::DiskSettings disk;
  disk.stall_ppm = sim::ppm_one;
  disk.stall_min = each;
  return disk;
}

sim::Settings settings() {
  sim::Settings calm;
  calm.disk = disk_with(disk_time);
  return calm;
}

}  // namespace

std::string text(Who who) {
  switch (who.kind) {
    case Who::Kind::primary:
      return "the primary";
    case Who::Kind::backup:
      return "backup " + std::to_string(who.index);
    case Who::Kind::backups:
      return "the backups";
    case Who::Kind::node:
      return "node " + std::to_string(who.index);
    case Who::Kind::client:
      return "client " + std::to_string(who.index);
    case Who::Kind::all:
      return "all";
    case Who::Kind::live:
      return "all live";
  }
  return "?";
}

Cluster Cluster::of(u16 replicas, Shape more, Where at) {
  more.replicas = replicas;
  return Cluster(more, at);
}

Cluster::Cluster(const Shape& shape, Where at)
    : shape_(shape),
      made_at_(at),
      tape_(sim::SparseTape{}),
      cluster_(std::make_unique<sim::RunCluster>(scenario_of(shape), tape_, 0, nullptr)),
      slabs_(cluster_->kernel.limits) {
  world().set_settings(settings());
  world().add_observer(*this);
  world().set_reply_reader(this);
  world().watch_writes([this](NodeId node, ShardId, const Write& write) { on_write(node, write); });
  world().network().add_filter([this](const sim::Passage& passage) { return on_send(passage); });
  world().start_all();
  if (shape_.warm) warm_up(at);
}

Cluster::~Cluster() {
  if (!world().violation()) cluster_->replay.at_end();
  if (!world().violation()) cluster_->linearizable.at_end();
  report(made_at_);
  world().set_reply_reader(nullptr);
}

// Everybody normal, the clock agreed on, each client with a session in each group.
void Cluster::warm_up(Where at) {
  for (u32 g = 1; g <= shape_.groups; ++g) {
    use(GroupId(g));
    run_until([this] { return view_on(newest_primary()) && view_on(newest_primary())->clock_synchronized; },
              "a primary with a clock", at);
    for (u16 c = 0; c < shape_.clients; ++c) get("warm-up", client(c)).run(at);
    run_until([this] { return std::ranges::all_of(requests_, [](const Request& r) { return r.status.has_value(); }); },
              "sessions", at);
    run_until_normal(at);
    base_[group_] = view(primary).commit_min.raw();
  }
  requests_.clear();
  asked_.clear();
  answers_.clear();
  notified_.clear();
  use(GroupId(1));
}

// ---------------------------------------------------------------- clients

Asked Cluster::submit(const std::string& name, Who who, Operation operation, Bytes body) {
  check(who.kind == Who::Kind::client);
  requests_.push_back({});
  Request& request = requests_.back();
  request.name = name;
  request.client = who.index;
  request.group = group_;
  request.call = cluster_->history.invoke(who.index, group_, operation, body, world().now());
  world().submit(who.index, {Ticket(requests_.size()), group_, operation, Duration()}, body);
  asked_.erase(name);
  return asked_.emplace(name, Asked(*this, requests_.size() - 1)).first->second;
}

Asked Cluster::request(const std::string& name, Who who) {
  std::vector<std::byte> buffer(request_bytes_max);
  const Bytes bytes = std::as_bytes(std::span(name));
  return submit(name, who, kv_put, encode_kv_put(buffer, bytes, bytes));
}

Asked Cluster::get(const std::string& name, Who who) {
  std::vector<std::byte> buffer(request_bytes_max);
  return submit("get " + name, who, kv_get, encode_kv_get(buffer, std::as_bytes(std::span(name))));
}

Asked Cluster::asked(const std::string& name) {
  const auto at = asked_.find(name);
  check(at != asked_.end());
  return at->second;
}

void Cluster::on_reply(u16, const SubmitReply& reply) {
  Request& request = requests_[reply.ticket.raw() - 1];
  request.status = reply.status;
  request.outcome = reply.outcome;
  const bool lost = reply.status == Status::body_lost;  // executed, and nobody knows what it answered
  const auto end = lost                                              ? sim::CallEnd::info
                   : reply.outcome == keelson::Outcome::executed     ? sim::CallEnd::ok
                   : reply.outcome == keelson::Outcome::not_executed ? sim::CallEnd::fail
                                                                     : sim::CallEnd::info;
  cluster_->history.end(request.call, end, reply.status, reply.message, world().now());
  request.op = cluster_->history.calls()[request.call].op;
  request.body = cluster_->history.calls()[request.call].reply;
}

void Cluster::on_client_gone(u16 gone) {
  for (Request& request : requests_) {
    if (request.client != gone || request.status) continue;
    request.status = Status::cancelled;
    cluster_->history.end(request.call, sim::CallEnd::info, Status::cancelled, MessageRef(), world().now());
  }
}

Cluster& Cluster::crash_client(Who who) {
  check(who.kind == Who::Kind::client);
  world().crash_client(who.index);
  world().start_client(who.index);
  return *this;
}

// ---------------------------------------------------------------- messages

Cluster::Predicate Cluster::between(const Whom& from, const Whom& to, std::initializer_list<Command> commands) {
  return [this, senders = hosts(from), receivers = hosts(to),
          wanted = std::vector<Command>(commands)](const Message& message) {
    const auto& population = world().population();
    const auto among = [&](const std::vector<sim::HostId>& set, sim::UnitId unit) {
      return std::ranges::find(set, population.host_of_unit(unit)) != set.end();
    };
    if (!among(senders, message.from) || !among(receivers, message.to)) return false;
    return wanted.empty() || std::ranges::find(wanted, message.header().command) != wanted.end();
  };
}

Cluster& Cluster::block(const Whom& from, const Whom& to, std::initializer_list<Command> commands) {
  std::string what = "blocked:";
  for (const Command command : commands) what += std::string(" ") + keelson::name_of(command);
  what += " from";
  for (const Who who : from.who) what += ' ' + text(who);
  what += " to";
  for (const Who who : to.who) what += ' ' + text(who);
  taps_.push_back({what, between(from, to, commands), true, nullptr});
  return *this;
}

Cluster& Cluster::block_if(Predicate lost) {
  taps_.push_back({"blocked: what a predicate says", std::move(lost), true, nullptr});
  return *this;
}

Cluster& Cluster::unblock() {
  std::erase_if(taps_, [](const Tap& tap) { return tap.loses; });
  return *this;
}

Recorded Cluster::tap(const Whom& from, const Whom& to, Command command, bool loses) {
  auto copies = std::make_shared<std::vector<Message>>();
  const std::string what = std::string(loses ? "captured: " : "recorded: ") + keelson::name_of(command);
  taps_.push_back({what, between(from, to, {command}), loses, copies});
  return copies;
}

Recorded Cluster::record(const Whom& from, const Whom& to, Command command) { return tap(from, to, command, false); }
Recorded Cluster::capture(const Whom& from, const Whom& to, Command command) { return tap(from, to, command, true); }

Cluster& Cluster::replay(const Message& message) {
  world().network().inject(message.from, message.to, message.bytes);
  return *this;
}

Cluster& Cluster::inject(Who from, Who to, Bytes message) {
  const auto& population = world().population();
  const auto unit = [&](Who who) {
    return who.kind == Who::Kind::client ? population.client_unit(who.index) : population.unit_of(id(who), ShardId(0));
  };
  world().network().inject(unit(from), unit(to), message);
  return *this;
}

sim::Network::Fate Cluster::on_send(const sim::Passage& passage) {
  const Header header = passage.header();
  const Message message{passage.from, passage.to, {passage.message.begin(), passage.message.end()}};
  bool lost = false;
  for (ArmedCrash& armed : armed_) {
    const bool its_own =
        !world().population().is_client(passage.from) && world().population().node_of(passage.from) == armed.node;
    if (!its_own || armed.trigger.kind != Trigger::Kind::send) continue;
    const bool meant = header.command == armed.trigger.command && header.group == armed.group;
    if (!armed.struck && meant && armed.trigger.nth > 0 && --armed.trigger.nth == 0) strike(armed);
    lost = lost || (armed.struck && !armed.over && armed.moment == Moment::before);
  }
  for (Tap& tap : taps_) {
    if (!tap.matches(message)) continue;
    if (tap.copies) tap.copies->push_back(message);
    lost = lost || tap.loses;
  }
  return lost ? sim::Network::Fate::drop : sim::Network::Fate::pass;
}

void Cluster::cut(sim::HostId a, sim::HostId b, Direction direction) {
  if (direction != Direction::inbound) cuts_.push_back({a, b});
  if (direction != Direction::outbound) cuts_.push_back({b, a});
  if (direction != Direction::inbound) world().network().block({a, b});
  if (direction != Direction::outbound) world().network().block({b, a});
}

Cluster& Cluster::cut_off(const Whom& whom, Direction direction) {
  const auto inside = nodes(whom);
  for (const NodeId a : inside)
    for (const NodeId b : members())
      if (std::ranges::find(inside, b) == inside.end()) cut(sim::HostId(a.raw()), sim::HostId(b.raw()), direction);
  return *this;
}

Cluster& Cluster::cut_off_clients(const Whom& whom, Direction direction) {
  for (const NodeId a : nodes(whom))
    for (u16 c = 0; c < shape_.clients; ++c) cut(sim::HostId(a.raw()), world().population().client_host(c), direction);
  return *this;
}

Cluster& Cluster::heal() {
  for (const sim::HostPair pair : cuts_) world().network().unblock(pair);
  cuts_.clear();
  return *this;
}

Cluster& Cluster::reset(Who a, Who b) {
  world().network().reset(hosts(a)[0], hosts(b)[0]);
  return *this;
}

// ---------------------------------------------------------------- processes

Cluster& Cluster::crash(const Whom& whom, CrashKind kind) {
  for (const NodeId node : nodes(whom)) world().crash(node, kind);
  return *this;
}

Cluster& Cluster::crash_on(Who who, Trigger trigger, Moment moment, CrashKind kind) {
  check(trigger.nth > 0);
  armed_.push_back({id(who), group_, trigger, moment, kind});
  return *this;
}

namespace {

// A record's header lies in one part, unless the end of a page cuts it: these records are too small for that.
bool holds_record(const Write& write, Command command, GroupId group) {
  return std::ranges::any_of(write.parts, [&](Bytes part) {
    if (part.size() < header_size) return false;
    const Header header = header_at(part.data());
    return header.command == command && header.group == group && header.checksum == header_checksum(part.data());
  });
}

}  // namespace

void Cluster::on_write(NodeId node, const Write& write) {
  for (ArmedCrash& armed : armed_) {
    if (armed.node != node || armed.struck || armed.trigger.nth == 0) continue;
    const Trigger& trigger = armed.trigger;
    const bool meant = trigger.kind == Trigger::Kind::zone_write     ? write.zone == trigger.zone
                       : trigger.kind == Trigger::Kind::record_write ? holds_record(write, trigger.command, armed.group)
                                                                     : false;
    if (meant && --armed.trigger.nth == 0) strike(armed);
  }
}

// Called from inside a turn, where nobody may crash.
void Cluster::strike(ArmedCrash& armed) {
  armed.struck = true;
  const auto token =
      static_cast<u64>(std::ranges::find_if(armed_, [&](const auto& a) { return &a == &armed; }) - armed_.begin());
  if (armed.moment == Moment::before) {
    world().core().schedule(world().now(), sim::Rank::process, *this, token);
    return;
  }
  // It takes no turn any more, so it hears of nothing; its disk and its connections go on.
  world().stall(armed.node, ShardId(0), patience);
  world().core().schedule(world().now() + crash_poll * 3, sim::Rank::checker, *this, token);
}

void Cluster::on_time(u64 token) {
  ArmedCrash& armed = armed_[token];
  if (armed.moment == Moment::after && disk(armed.node).writes_in_flight() > 0) {
    world().core().schedule(world().now() + crash_poll, sim::Rank::checker, *this, token);
    return;
  }
  armed.over = true;
  world().crash(armed.node, armed.kind);
}

Cluster& Cluster::run_until_down(Who who, Where at) {
  const NodeId node = id(who);
  return run_until([this, node] { return world().state(node) == sim::HostState::down; },
                   sim::text(node) + " to crash as ordered", at);
}

Cluster& Cluster::restart(const Whom& whom) {
  for (const NodeId node : nodes(whom))
    if (world().state(node) == sim::HostState::down) world().start(node);
  return *this;
}

Cluster& Cluster::pause(Who who) { return world().pause(id(who)), *this; }
Cluster& Cluster::resume(Who who) { return world().resume(id(who)), *this; }

Cluster& Cluster::hand_over(Who who) {
  world().control(id(who), ShardId(0), {ControlVerb::transfer, group_, no_node});
  return *this;
}

Cluster& Cluster::step_wall_clock(Who who, std::int64_t delta_ns) {
  return world().step_wall_clock(id(who), delta_ns), *this;
}

// ---------------------------------------------------------------- disks

std::optional<Stretch> Cluster::find_place(NodeId node, Place place) {
  if (place.kind == Place::Kind::superblock_copy) return superblock_stretch(place.number);
  const DiskOwner owner{cluster_->kernel.cluster, ShardId(0), cluster_->kernel.limits};
  const bool inside =
      place.kind == Place::Kind::table || place.kind == Place::Kind::section || place.kind == Place::Kind::blob;
  return inside ? find_in_checkpoint(disk(node), owner, group_, place)
                : find_on_disk(disk(node), owner, group_, place.kind, place.command, op(place.number));
}

bool Cluster::has(Who who, Place place) { return find_place(id(who), place).has_value(); }

Stretch Cluster::stretch_of(NodeId node, Place place) {
  const auto found = find_place(node, place);
  if (!found)
    fail("there is no " + std::string(keelson::name_of(place.command)) + ' ' + std::to_string(place.number) +
             " on the disk of " + sim::text(node),
         made_at_);
  return found.value_or(Stretch{Zone::wal, 0, 0, 0});
}

Cluster& Cluster::corrupt(const Whom& whom, Place place) {
  for (const NodeId node : nodes(whom)) {
    const Stretch stretch = stretch_of(node, place);
    disk(node).zone(stretch.zone).flip_bit(stretch.heart, 3);
  }
  return *this;
}

Cluster& Cluster::unwrite(const Whom& whom, Place place) {
  for (const NodeId node : nodes(whom)) {
    const Stretch stretch = stretch_of(node, place);
    write_stretch(disk(node), stretch, PageBytes(stretch.pages * page_bytes));
  }
  return *this;
}

Cluster& Cluster::unreadable(const Whom& whom, Place place) {
  for (const NodeId node : nodes(whom)) {
    const Stretch stretch = stretch_of(node, place);
    disk(node).zone(stretch.zone).spoil_sector(stretch.heart);
  }
  return *this;
}

Cluster& Cluster::misdirect(Who who, Place from, Place to) {
  const Stretch target = stretch_of(id(who), to);
  Stretch source = stretch_of(id(who), from);
  source.pages = target.pages;
  write_stretch(disk(id(who)), target, read_stretch(disk(id(who)), source));
  return *this;
}

PageBytes Cluster::save(Who who, Place place) { return read_stretch(disk(id(who)), stretch_of(id(who), place)); }

Cluster& Cluster::restore(Who who, Place place, const PageBytes& bytes) {
  write_stretch(disk(id(who)), stretch_of(id(who), place), bytes);
  return *this;
}

Cluster& Cluster::slow_disk(Who who, Duration each) {
  world().set_disk(world().population().host_of(id(who)), disk_with(each));
  return *this;
}

Cluster& Cluster::failing_disk(Who who) {
  sim::DiskSettings bad = disk_with(disk_time);
  bad.write_error_ppm = sim::ppm_one;
  world().set_disk(world().population().host_of(id(who)), bad);
  return *this;
}

Cluster& Cluster::save_disk(Who who) { return world().save_disks(id(who)), *this; }
Cluster& Cluster::restore_disk(Who who) { return world().restore_disks(id(who)), *this; }
Cluster& Cluster::replace_disk(Who who) { return world().wipe(id(who)), *this; }
Cluster& Cluster::good_disk(Who who) { return slow_disk(who, disk_time); }

// ---------------------------------------------------------------- time

Cluster& Cluster::run_for(Duration time, Where at) {
  world().run_for(time);
  report(at);
  return *this;
}

Cluster& Cluster::run_until(const std::function<bool()>& holds, const std::string& what, Where at) {
  const bool held = holds() || world().run_until(holds, patience);
  report(at);
  if (!held && !world().violation()) fail("waited in vain for " + what, at);
  return *this;
}

// To all others that run and that nothing cuts it off from.
bool Cluster::connected(NodeId node) const {
  const auto& population = cluster_->world.population();
  const auto& barriers = cluster_->world.network().barriers();
  return std::ranges::all_of(members(), [&](NodeId other) {
    const sim::HostPair pair{population.host_of(node), population.host_of(other)};
    const bool cut = barriers.any(pair) || barriers.any({pair.to, pair.from});
    return other == node || cut || cluster_->world.state(other) != sim::HostState::up ||
           cluster_->world.network().connected(population.unit_of(node, ShardId(0)),
                                               population.unit_of(other, ShardId(0)));
  });
}

Cluster& Cluster::run_until_normal(Where at) {
  run_until(
      [this] {
        std::optional<View> view;
        bool led = false;
        for (const NodeId node : members()) {
          if (world().state(node) != sim::HostState::up) continue;
          const auto now = view_on(node);
          if (!now) {
            const sim::Program* program = world().program(node, ShardId(0));
            if (program && program->shard()->state() == ShardState::refused) continue;
            return false;
          }
          if (now->fenced != FenceReason::none) continue;
          if (now->status != ReplicaStatus::normal || (view && *view != now->view) || !connected(node)) return false;
          view = now->view;
          led = led || now->primary;
        }
        return led;
      },
      "all that run to be normal in one view", at);
  return run_for(cluster_->kernel.tunables.beat * 3, at);
}

// ---------------------------------------------------------------- who is who

std::vector<NodeId> Cluster::members() const {
  for (const GroupConfig& group : cluster_->programs.groups())
    if (group.group == group_) return {group.members.begin(), group.members.end()};
  check(false);
  return {};
}

std::size_t Cluster::index_on(const sim::Program& program) const {
  for (std::size_t i = 0; i < program.group_count(); ++i)
    if (program.group(i).group == group_) return i;
  return ~std::size_t{0};
}

std::optional<GroupView> Cluster::view_on(NodeId node) const {
  const sim::Program* program = cluster_->world.program(node, ShardId(0));
  if (!program) return {};
  const std::size_t index = index_on(*program);
  if (index == ~std::size_t{0}) return {};
  return program->group(index);
}

NodeId Cluster::newest_primary() const {
  const auto group = members();
  const auto known = newest_.find(group_);
  return group[known == newest_.end() ? 0 : known->second.raw() % group.size()];
}

std::vector<NodeId> Cluster::nodes(const Whom& whom) {
  std::vector<NodeId> chosen;
  const auto add = [&](NodeId node) {
    if (std::ranges::find(chosen, node) == chosen.end()) chosen.push_back(node);
  };
  const auto group = members();
  const NodeId first = newest_primary();
  const auto place = static_cast<std::size_t>(std::ranges::find(group, first) - group.begin());
  for (const Who who : whom.who) {
    switch (who.kind) {
      case Who::Kind::primary:
        add(first);
        break;
      case Who::Kind::backup:
        check(who.index > 0 && who.index < group.size());
        add(group[(place + who.index) % group.size()]);
        break;
      case Who::Kind::backups:
        for (const NodeId node : group)
          if (node != first) add(node);
        break;
      case Who::Kind::node:
        add(NodeId(who.index));
        break;
      case Who::Kind::client:
        break;
      case Who::Kind::all:
        for (const NodeId node : group) add(node);
        break;
      case Who::Kind::live:
        for (const NodeId node : group)
          if (world().state(node) == sim::HostState::up) add(node);
        break;
    }
  }
  return chosen;
}

std::vector<sim::HostId> Cluster::hosts(const Whom& whom) {
  std::vector<sim::HostId> chosen;
  for (const NodeId node : nodes(whom)) chosen.push_back(world().population().host_of(node));
  for (const Who who : whom.who)
    if (who.kind == Who::Kind::client) chosen.push_back(world().population().client_host(who.index));
  return chosen;
}

NodeId Cluster::id(Who who) {
  const auto found = nodes(who);
  check(found.size() == 1);
  return found[0];
}

Who Cluster::pin(Who who) { return node(id(who).raw()); }

}  // namespace keelson::test
