// ClientContext: what a workload's fiber may do: call, sleep, choose, note. Clients: all of them, and who answers whom.
//
// Who uses it: workloads, as straight-line code; docs/simulation.md shows one. Every call enters the history. Choices
// come from stream work/<client>, so that one client's do not move another's. Not here: what is called (kv.h, or an
// embedder's own).
#pragma once

#include <map>
#include <optional>
#include <span>

#include "keelson/sim/fiber.h"
#include "keelson/sim/history.h"
#include "keelson/sim/world.h"

namespace keelson::sim {

struct Outcome {
  CallEnd end = CallEnd::info;  // ok, fail or info
  Status status = Status::ok;
  Op op;
  std::vector<std::byte> body;
  explicit operator bool() const { return end == CallEnd::ok; }
  // The reply as a value, if it has that size.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> as() const {
    if (body.size() != sizeof(T)) return {};
    return load<T>(body.data());
  }
};

class Clients;

// What the scenario wants of a workload.
struct WorkloadAsk {
  std::vector<GroupId> groups;
  u64 requests = 0;
  Duration timeout;
  Duration think;  // mean
};

class ClientContext {
 public:
  ClientContext(Clients& clients, u16 client, u64 serial_base, Stream choices, const WorkloadAsk& ask)
      : clients_(clients), client_(client), serial_base_(serial_base), choices_(choices), ask_(ask) {}

  // Suspends until there is an answer, or none can come any more.
  Outcome call(GroupId group, Operation operation, Bytes body, Duration timeout);
  // In the first group, with the scenario's timeout.
  Outcome call(Operation operation, Bytes body) { return call(ask_.groups.front(), operation, body, ask_.timeout); }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  Outcome call(Operation operation, const T& request) {
    static_assert(std::has_unique_object_representations_v<T>, "padding bytes would be sent");
    return call(operation, bytes_of(request));
  }
  // Gives the session of this group back, if there is one. No call of the history: it asks the machine for nothing.
  void leave(GroupId group, Duration timeout);
  void sleep(Duration duration);
  void think();          // as long as the scenario says, on average
  bool running() const;  // false: the workload is asked to end
  const std::vector<GroupId>& groups() const { return ask_.groups; }
  u64 requests() const { return ask_.requests; }  // that the scenario wants of this client
  Instant now() const;
  u16 client() const { return client_; }
  u64 serial_base() const { return serial_base_; }  // differs between the lives of a client: for values used once

  u64 below(u64 bound) { return below(Site::work_value, bound); }
  u64 between(u64 lo, u64 hi) { return between(Site::work_value, lo, hi); }
  bool chance(u64 ppm) { return chance(Site::work_chance, ppm); }
  u64 below(Site site, u64 bound) { return choices_.below(site, bound); }
  u64 between(Site site, u64 lo, u64 hi) { return choices_.range(site, lo, hi); }
  Duration exponential(Site site, Duration mean) { return choices_.exponential(site, mean); }
  bool chance(Site site, u64 ppm) { return choices_.chance(site, ppm); }
  template <class T>
  const T& pick(std::span<const T> from) {
    return from[below(Site::work_pick, from.size())];
  }

  // An own invariant: false is a safety verdict with this text.
  void expect(bool holds, const std::string& what);

 private:
  Outcome submit(std::optional<u64> call, GroupId group, Operation operation, Bytes body, Duration timeout);

  Clients& clients_;
  u16 client_;
  u64 serial_base_;
  Stream choices_;
  const WorkloadAsk& ask_;
};

class Clients final : public ReplyReader, private FiberOwner, private Task {
 public:
  using Body = std::function<void(ClientContext&)>;

  Clients(World& world, History& history);
  ~Clients() override;

  // Runs `body` for this client from now on; again after each restart of its process, until it returns by itself.
  void run(u16 client, Body body, WorkloadAsk ask = {});
  void resume() { running_ = true; }
  void stop() { running_ = false; }  // running() is false from now on
  bool running() const { return running_; }
  // Sends everybody home: bodies end where they sleep, or wait for a reply.
  void dismiss();
  std::size_t open_calls() const { return open_.size(); }
  std::size_t live() const { return fibers_.live(); }
  // After events outside of the World's own (a start, a stop), so that fibers get to run.
  void wake();

  void on_reply(u16 client, const SubmitReply& reply) override;
  void on_client_gone(u16 client) override;
  void on_client_started(u16 client);

 private:
  friend class ClientContext;
  struct OpenCall {
    std::optional<u64> call;  // in the history
    u16 client;
    Waiter waiter;
    Outcome* outcome;
  };
  struct Client {
    Body body;
    WorkloadAsk ask;
    bool done = false;
    u64 lives = 0;
    FiberGroup group{0};
  };
  Instant now() const override { return world_.now(); }
  u64 choose(u64 ready) override;
  void on_time(u64 token) override;
  void schedule();
  void spawn(u16 client);

  World& world_;
  History& history_;
  Fibers fibers_;
  std::map<Ticket, OpenCall> open_;
  std::vector<Client> clients_;
  Stream order_;  // of those that are ready at the same instant
  u64 next_ticket_ = 1;
  bool running_ = true;
  Instant scheduled_ = Instant::never();
};

}  // namespace keelson::sim
