// Stage: a World of echo programs on a tape of the test's choice, watched, with everything that a scenario brings.
//
// Who uses it: tests/sim. Not here: kernel programs (tests/lib has the cluster DSL for those).
#pragma once

#include <memory>

#include "keelson/sim/phases.h"
#include "keelson/sim/settings_of.h"
#include "tests/lib/sim/contract.h"
#include "tests/lib/sim/echo.h"

namespace keelson::sim::test {

struct Replies final : ReplyReader {
  void on_reply(u16 client, const SubmitReply& reply) override {
    got.push_back({client, reply.ticket.raw(), reply.status});
  }
  void on_client_gone(u16 client) override { gone.push_back(client); }
  struct Got {
    u16 client;
    u64 ticket;
    Status status;
    bool operator==(const Got&) const = default;
  };
  std::vector<Got> got;
  std::vector<u16> gone;
};

struct Stage {
  explicit Stage(EchoOptions options = {}, u16 clients = 1, TapeSource source = SparseTape{}, Settings settings = {});
  static WorldConfig config_of(const EchoOptions& options, u16 clients, const Settings& settings);

  void ask(u64 ticket, u16 client = 0);
  const EchoShard& shard(u16 node, u16 shard = 0);
  // What went wrong, or nothing.
  std::string why() const;
  u64 count(Fault fault) const { return world.core().faults[fault]; }

  Tape tape;
  EchoPrograms programs;
  ContractWatch watch;
  Replies replies;
  World world;
};

// A stage that plays a scenario file's text, part after part. Clients ask something every 50 ms until the tail.
struct Play {
  Play(const std::string& scenario_text, TapeSource source, Recording recording = Recording::off);
  void run();

  Tape tape;
  pb::Scenario scenario;
  EchoPrograms programs;
  ContractWatch watch;
  Replies replies;
  World world;
  Roles roles;
  DamageBudget budget;
  const MarkWatch marks;
  Nemesis nemesis;
  Steps steps;
  Phases phases;
  u64 asked = 0;

 private:
  void run_part(const Part& part);
};

}  // namespace keelson::sim::test
