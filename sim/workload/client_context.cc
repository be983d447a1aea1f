#include "keelson/sim/workload/client_context.h"

namespace keelson::sim {

Outcome ClientContext::call(GroupId group, Operation operation, Bytes body, Duration timeout) {
  const u64 call = clients_.history_.invoke(client_, group, operation, body, now());
  return submit(call, group, operation, body, timeout);
}

void ClientContext::leave(GroupId group, Duration timeout) {
  submit(std::nullopt, group, operation_unregister, {}, timeout);
}

Outcome ClientContext::submit(std::optional<u64> call, GroupId group, Operation operation, Bytes body,
                              Duration timeout) {
  const Ticket ticket(clients_.next_ticket_++);
  Outcome outcome;
  clients_.open_[ticket] = {call, client_, clients_.fibers_.next_wait(), &outcome};
  clients_.world_.submit(client_, {ticket, group, operation, timeout}, body);
  // A client that crashes cancels this fiber; its open calls then end as info.
  clients_.fibers_.wait(Instant::never());
  return outcome;
}

void ClientContext::sleep(Duration duration) { clients_.fibers_.sleep(duration); }
void ClientContext::think() {
  if (ask_.think > Duration(0)) sleep(exponential(Site::work_think, ask_.think));
}
bool ClientContext::running() const { return clients_.running_; }
Instant ClientContext::now() const { return clients_.world_.now(); }

void ClientContext::expect(bool holds, const std::string& what) {
  if (!holds) throw ExpectFailed{what};
}

Clients::Clients(World& world, History& history)
    : world_(world),
      history_(history),
      fibers_(*this, FiberOrder::chosen),
      clients_(world.population().clients),
      order_(world.core().tape.stream("world")) {
  world.set_reply_reader(this);
}

// What is open when the run ends stays unknown.
Clients::~Clients() { world_.set_reply_reader(nullptr); }

void Clients::run(u16 client, Body body, WorkloadAsk ask) {
  clients_[client].body = std::move(body);
  clients_[client].ask = std::move(ask);
  clients_[client].done = false;
  spawn(client);
}

void Clients::spawn(u16 client) {
  Client& c = clients_[client];
  c.group = FiberGroup(client + 1u);
  fibers_.spawn(
      "client " + std::to_string(client),
      [this, client] {
        ClientContext context(*this, client, clients_[client].lives++ << 32,
                              world_.core().tape.stream("work/c" + std::to_string(client)), clients_[client].ask);
        clients_[client].body(context);
        clients_[client].done = true;
      },
      c.group);
  schedule();
}

void Clients::on_client_started(u16 client) {
  if (clients_[client].body && !clients_[client].done) spawn(client);
}

void Clients::on_reply(u16, const SubmitReply& reply) {
  const auto at = open_.find(reply.ticket);
  if (at == open_.end()) return;
  const OpenCall open = at->second;
  open_.erase(at);
  const bool lost = reply.status == Status::body_lost;  // executed, and nobody knows what it answered
  const CallEnd end = lost                                              ? CallEnd::info
                      : reply.outcome == keelson::Outcome::executed     ? CallEnd::ok
                      : reply.outcome == keelson::Outcome::not_executed ? CallEnd::fail
                                                                        : CallEnd::info;
  *open.outcome = {end, reply.status, Op(0), {}};
  if (open.call) {
    history_.end(*open.call, end, reply.status, reply.message, world_.now());
    const Call& call = history_.calls()[*open.call];
    open.outcome->op = call.op;
    open.outcome->body = call.reply;
  }
  fibers_.wake(open.waiter);
  schedule();
}

void Clients::on_client_gone(u16 client) {
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.client != client) {
      ++at;
      continue;
    }
    if (at->second.call) history_.end(*at->second.call, CallEnd::info, Status::cancelled, MessageRef(), world_.now());
    at = open_.erase(at);
  }
  if (clients_[client].body) fibers_.cancel_group(clients_[client].group);
  schedule();
}

void Clients::dismiss() {
  for (Client& client : clients_) {
    if (client.body) fibers_.cancel_group(client.group);
    client.done = true;
  }
  schedule();
}

void Clients::wake() { schedule(); }

u64 Clients::choose(u64 ready) {
  return world_.core().settings.turn.fiber_shuffle ? order_.below(Site::fiber_shuffle, ready) : 0;
}

void Clients::schedule() {
  const Instant next = fibers_.next_ready();
  if (next == Instant::never() || next >= scheduled_) return;
  scheduled_ = next;
  world_.core().schedule(std::max(next, world_.now()), Rank::fiber, *this);
}

void Clients::on_time(u64) {
  scheduled_ = Instant::never();
  if (fibers_.next_ready() <= world_.now()) fibers_.run_next();
  if (!fibers_.errors().empty()) {
    const FiberError& error = fibers_.errors().front();
    world_.fail({.checker = "workload", .invariant = "expectation", .detail = error.fiber + ": " + error.what});
  }
  schedule();
}

}  // namespace keelson::sim
