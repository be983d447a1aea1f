// A lock service. Who gets the lock has it until a lease ends, and gets a fencing token: a number that only grows. What
// the lock protects refuses older tokens, so that a holder who slept through the end of its lease does no harm.
//
// With LOCK_CLOCK the machine looks at the computer's clock instead of the op's timestamp: replicas then disagree.
#include <chrono>
#include <map>

#include "keelson/sim/main.h"

using namespace keelson;

// --- what clients say to it

constexpr Operation op_acquire{64 << 8}, op_release{(64 << 8) + 1};
constexpr Duration lease = milliseconds(400);

struct Acquire {
  u64 owner;  // never 0
};
struct GiveBack {
  u64 token;
};
struct Granted {
  u64 token;  // 0: somebody else has it
};

// --- the machine: what is replicated

class Lock {
 public:
  static constexpr MachineKind kind{64};
  static MachineLimits limits(const Limits&) {
    return {.request_bytes_max = 8,
            .reply_bytes_max = sizeof(Granted),
            .entries_max = 1,
            .state_bytes_max = 64,
            .sections_max = 1};
  }

  explicit Lock(const Limits&) {}

  Status admit(const RequestView& request) const {
    const Operation op = request.frame.operation;
    const bool known = op == op_acquire || op == op_release;
    return known && request.body.size() == 8 && load<u64>(request.body.data()) != 0 ? Status::ok : Status::bad_request;
  }

  // Time is that of the op: the same on every replica, and never going back.
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    ctx.touch(SectionId(0));
    if (state_.holder != 0 && now(ctx) >= state_.ends_ns) state_.holder = 0;
    if (request.frame.operation == op_release) {
      if (load<GiveBack>(request.body.data()).token == state_.token) state_.holder = 0;
      return;
    }
    const u64 owner = load<Acquire>(request.body.data()).owner;
    if (state_.holder != 0 && state_.holder != owner) return reply.append_value(Granted{0});
    if (state_.holder == 0) ++state_.token;  // asking again, as holder, makes the lease longer
    state_.holder = owner;
    state_.ends_ns = now(ctx) + lease.ns();
    reply.append_value(Granted{state_.token});
  }

  void reset(Release) { state_ = {}; }
  u32 section_count() const { return 1; }
  void save_section(SectionId, ByteSink& sink) const { sink.put_value(state_); }
  Status load_section(SectionId, ByteSource& source) {
    return source.take_value(state_) && source.at_end() ? Status::ok : Status::corrupt_snapshot;
  }
  Status finish_load() { return Status::ok; }
  Digest digest() const { return digest_of(bytes_of(state_)); }

  u64 token() const { return state_.token; }
  u64 holder() const { return state_.holder; }

 private:
  static u64 now(const ApplyCtx& ctx) {
#ifdef LOCK_CLOCK
    static_cast<void>(ctx);
    return static_cast<u64>(std::chrono::system_clock::now().time_since_epoch().count());
#else
    return ctx.timestamp.ns();
#endif
  }

  struct State {
    u64 token = 0;   // of the newest holder
    u64 holder = 0;  // 0: nobody
    u64 ends_ns = 0;
  };
  State state_;
};

// --- what must hold

std::string holder_has_token(const Lock& lock) {
  return lock.holder() != 0 && lock.token() == 0 ? "somebody holds it without a token" : "";
}

// What the lock protects, and what clients were told: shared by the clients of one run.
struct Protected {
  u64 newest_token = 0;           // that wrote
  std::map<u64, u64> granted_to;  // owner by token

  // Nobody else was ever given this token, and whoever asked later got no smaller one.
  void on_granted(sim::ClientContext& client, u64 token, u64 owner, u64 newest_before) {
    const u64 first = granted_to.try_emplace(token, owner).first->second;
    client.expect(first == owner, "token " + std::to_string(token) + " was given to two owners");
    client.expect(token >= newest_before, "token " + std::to_string(token) + " was given after " +
                                              std::to_string(newest_before) + " was in use");
  }
  bool write(u64 token) {
    if (token < newest_token) return false;  // fenced off
    newest_token = token;
    return true;
  }
};

// --- what clients do: get the lock, write under it, sometimes for longer than the lease, give it back or forget to

void workers(sim::ClientContext& client, Protected& shared) {
  for (u64 i = 0; i < client.requests() && client.running(); ++i) {
    const u64 owner = u64{client.client() + 1u} << 48 | (client.serial_base() + i);
    const u64 newest_before = shared.newest_token;
    const sim::Outcome outcome = client.call(op_acquire, Acquire{owner});
    const u64 token = outcome ? outcome.as<Granted>()->token : 0;
    if (token != 0) {
      shared.on_granted(client, token, owner, newest_before);
      shared.write(token);
      client.sleep(milliseconds(client.between(10, 600)));
      shared.write(token);
      if (!client.chance(200'000)) client.call(op_release, GiveBack{token});
    }
    client.think();
  }
}

int main(int argc, char** argv) {
  sim::Simulation simulation;
  simulation.machine<Lock>("lock").invariant<Lock>("a holder has a token", holder_has_token);
  simulation.workload("workers", workers);
  return sim::main(argc, argv, simulation);
}
