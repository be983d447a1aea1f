// A bank: eight accounts, and transfers in two steps. First money is taken out of an account and put into an envelope,
// then the envelope is opened into another account. Whatever crashes in between, no money appears or disappears.
//
// With BANK_BUG it does: a client that got no answer asks again, and an envelope that is gone is paid out once more.
#pragma once

#include <array>
#include <map>

#include "keelson/sim/simulation.h"

using namespace keelson;

// --- what clients say to it

constexpr MachineKind bank_kind{64};  // below 64 are keelson's own
constexpr Operation op_take{(64 << 8) + 0}, op_pay{(64 << 8) + 1}, op_balances{(64 << 8) + 2};
constexpr u32 account_count = 8;
constexpr u64 money_at_first = 100;

struct Take {
  u64 envelope;  // named by the client, used once
  u64 from;
  u64 amount;
};
struct Pay {
  u64 envelope;
  u64 to;
  u64 amount;
};
struct Balances {
  std::array<u64, account_count> accounts{};
  u64 in_envelopes = 0;
};

// --- the machine: what is replicated

class Bank {
 public:
  static constexpr MachineKind kind = bank_kind;
  static constexpr u64 envelopes_max = 10'000;
  static MachineLimits limits(const Limits&) {
    return {.request_bytes_max = sizeof(Pay),
            .reply_bytes_max = sizeof(Balances),
            .entries_max = account_count + envelopes_max,
            .state_bytes_max = 8 * account_count + 8 + 16 * envelopes_max,
            .sections_max = 1};
  }

  explicit Bank(const Limits&) { reset(Release(1)); }

  // Before it is replicated: can this request be understood at all?
  Status admit(const RequestView& request) const {
    const Operation op = request.frame.operation;
    if (op == op_balances) return request.body.empty() ? Status::ok : Status::bad_request;
    if (op == op_take && request.body.size() == sizeof(Take))
      return load<Take>(request.body.data()).from < account_count ? Status::ok : Status::bad_request;
    if (op == op_pay && request.body.size() == sizeof(Pay))
      return load<Pay>(request.body.data()).to < account_count ? Status::ok : Status::bad_request;
    return Status::bad_request;
  }

  // On every replica, in the same order. Says that it changes its (only) section before it does.
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    const Operation op = request.frame.operation;
    if (op == op_balances) {
      reply.append_value(balances());
    } else if (op == op_take) {
      ctx.touch(SectionId(0));
      reply.append_value(take(load<Take>(request.body.data())));
    } else {
      ctx.touch(SectionId(0));
      pay(load<Pay>(request.body.data()));
    }
  }

  void reset(Release) {
    accounts_.fill(money_at_first);
    envelopes_.clear();
  }

  // Snapshots: the same state gives the same bytes, hence a std::map and not an unordered one.
  u32 section_count() const { return 1; }
  void save_section(SectionId, ByteSink& sink) const {
    for (const u64 money : accounts_) sink.put_value(money);
    sink.put_value(u64{envelopes_.size()});
    for (const auto& [id, amount] : envelopes_) {
      sink.put_value(id);
      sink.put_value(amount);
    }
  }
  Status load_section(SectionId, ByteSource& source) {
    u64 count = 0, id = 0, amount = 0;
    for (u64& money : accounts_)
      if (!source.take_value(money)) return Status::corrupt_snapshot;
    if (!source.take_value(count) || count > envelopes_max) return Status::corrupt_snapshot;
    for (; count > 0; --count) {
      if (!source.take_value(id) || !source.take_value(amount)) return Status::corrupt_snapshot;
      envelopes_[id] = amount;
    }
    return source.at_end() ? Status::ok : Status::corrupt_snapshot;
  }
  Status finish_load() { return Status::ok; }
  Digest digest() const {
    DigestStream stream;
    ByteSink sink = sink_into(stream);
    save_section(SectionId(0), sink);
    return stream.finish();
  }

  Balances balances() const {
    Balances all{accounts_, 0};
    for (const auto& [id, amount] : envelopes_) all.in_envelopes += amount;
    return all;
  }

 private:
  // How much is in the envelope now. Asking again changes nothing.
  u64 take(const Take& wanted) {
    if (const auto known = envelopes_.find(wanted.envelope); known != envelopes_.end()) return known->second;
    u64& account = accounts_[wanted.from];
    if (account < wanted.amount || envelopes_.size() == envelopes_max) return 0;
    account -= wanted.amount;
    return envelopes_[wanted.envelope] = wanted.amount;
  }

  void pay(const Pay& wanted) {
#ifdef BANK_BUG
    envelopes_.erase(wanted.envelope);  // there or not
    accounts_[wanted.to] += wanted.amount;
#else
    const auto envelope = envelopes_.find(wanted.envelope);
    if (envelope == envelopes_.end()) return;  // paid already
    accounts_[wanted.to] += envelope->second;
    envelopes_.erase(envelope);
#endif
  }

  std::array<u64, account_count> accounts_{};
  std::map<u64, u64> envelopes_;  // how much is in each
};

// --- what must hold, after each op on each replica

inline std::string sum_is_constant(const Balances& now) {
  u64 sum = now.in_envelopes;
  for (const u64 money : now.accounts) sum += money;
  if (sum == account_count * money_at_first) return {};
  return "there are " + std::to_string(sum) + " coins, there were " + std::to_string(account_count * money_at_first);
}
inline std::string conserved(const Bank& bank) { return sum_is_constant(bank.balances()); }

// --- what clients do

// Until it is answered, or refused: a timeout says nothing.
template <class Request>
sim::Outcome insist(sim::ClientContext& client, Operation op, const Request& request) {
  for (;;) {
    sim::Outcome outcome = client.call(op, request);
    if (outcome || !client.running()) return outcome;
    client.sleep(milliseconds(20));
  }
}

inline void transfers(sim::ClientContext& client) {
  for (u64 i = 0; i < client.requests() && client.running(); ++i) {
    const u64 envelope = u64{client.client()} << 48 | (client.serial_base() + i);
    const u64 from = client.below(account_count);
    const u64 to = client.below(account_count);
    const u64 amount = client.between(1, 30);
    const sim::Outcome taken = insist(client, op_take, Take{envelope, from, amount});
    if (taken && taken.as<u64>() == amount) insist(client, op_pay, Pay{envelope, to, amount});
    client.think();
  }
}

// At the end, when nothing goes wrong any more, one client asks for everything.
inline void audit(sim::ClientContext& client) {
  sim::Outcome all;
  while (!all) all = client.call(op_balances, Bytes());
  const std::string wrong = sum_is_constant(*all.as<Balances>());
  client.expect(wrong.empty(), wrong);
}

inline sim::Simulation bank_simulation() {
  sim::Simulation simulation;
  simulation.machine<Bank>("bank").invariant<Bank>("money is conserved", conserved);
  simulation.workload("transfers", transfers, audit);
  return simulation;
}
