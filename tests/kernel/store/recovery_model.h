// What groups did to a log over several lives, and what must therefore be true of it after any plain crash.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keelson/base/random.h"
#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {

// Everything that a replica can see of a recovered group, but for where records lie.
inline std::string describe(const RecoveredGroup& group) {
  const auto digest = [](const Digest& d) { return std::to_string(d.lo % 100'000); };
  std::string text = "group " + std::to_string(group.group.raw()) + " head " + std::to_string(group.head.raw()) +
                     " commit " + std::to_string(group.commit_max.raw());
  if (group.has_state)
    text += " view " + std::to_string(group.state.view.raw()) + "/" + std::to_string(group.state.log_view.raw()) +
            " seq " + std::to_string(group.state.state_seq);
  if (group.head_unknown) text += " head_unknown";
  if (group.amnesiac) text += " amnesiac";
  if (group.log_damaged) text += " damaged " + std::to_string(group.damaged_op.raw());
  for (Op op(1); op <= group.log.top(); ++op) {
    const LogEntry& entry = group.log.at(op);
    if (entry.bits != 0)
      text += "\n  " + std::to_string(op.raw()) + ": " + std::to_string(entry.bits) + " " + digest(entry.identity) +
              " " + digest(entry.parent) + " view " + std::to_string(entry.view.raw());
  }
  return text;
}

// One group's replica, as far as the store sees it.
struct ModelGroup {
  struct State {
    u32 view = 0;
    u32 log_view = 0;
    std::vector<Digest> log;  // identities of ops 1..head
  };
  struct Bytes {
    std::vector<std::byte> bytes;
    Op op;
  };
  enum class Status { normal, changing, installing };

  GroupId id;
  u8 voters = 3;
  Status status = Status::normal;
  u32 view = 0;
  u32 log_view = 0;
  u64 state_seq = 0;
  u64 stored_seq = 0;
  u64 salt = 0;
  std::vector<Digest> log;                        // of ops 1..head: what the cluster will agree on
  std::map<Digest, Bytes> made;                   // every prepare there ever was
  std::map<u64, State> states;                    // every group_state there ever was, by its number
  std::map<u64, Digest> acked;                    // op -> identity: stored, under a promise that is stored
  std::map<std::pair<u32, u64>, Digest> stamped;  // (log_view, op) -> what was appended so

  u64 acked_max() const { return acked.empty() ? 0 : acked.rbegin()->first; }
};

class Model {
 public:
  using Failure = std::logic_error;

  Model(u64 seed, const Limits& with) : limits(with), prng(seed), disk(formatted_disk(format_of_tests(with))) {
    for (u64 id = 1; id <= 3; ++id) {
      voters.push_back({GroupId(id), id == 3 ? u8{1} : u8{3}});
      groups.emplace_back();
      groups.back().id = GroupId(id);
      groups.back().voters = voters.back().voters;
    }
  }

  u64 draw(u64 n) { return prng.below(n); }
  std::unique_ptr<Life> new_life(MemoryDisk& on) {
    return std::make_unique<Life>(on, recovery_config_of_tests(voters, limits));
  }

  // Recovers, possibly dying in it several times.
  void boot() {
    life.reset();
    for (;;) {
      life = new_life(disk);
      life->start();
      u64 steps = draw(4) == 0 ? draw(30) : ~u64{0};
      while (life->recovering() && steps-- > 0) life->step(draw(disk.in_flight()));
      if (!life->recovering()) break;
      crash();
    }
    while (!disk.idle()) life->step();
    demand(life->done(), "recovery ends");
    life->open();
    acks_seen = 0;
    for (auto& group : groups) resume(group);
  }
  void crash() {
    disk.crash([&](u64 n) { return draw(n); });
    life.reset();
  }

  // ---- what replicas do

  void append(ModelGroup& g) {
    const u32 body = draw(4) == 0 ? static_cast<u32>(draw(6000)) : static_cast<u32>(draw(200));
    if (g.status != ModelGroup::Status::normal || !room(body)) return;
    const Digest parent = g.log.empty() ? Digest{1, 1} : g.log.back();
    put(g, make_prepare(life->slabs, {.group = g.id,
                                      .op = Op(g.log.size() + 1),
                                      .parent = parent,
                                      .view = View(g.log_view),
                                      .body_size = body,
                                      .salt = ++g.salt}));
  }
  void enter_view(ModelGroup& g) {  // a group of one does so at its start only
    if (g.voters == 1) return;
    if (!room_for_state(g)) return;
    ++g.view;
    g.status = ModelGroup::Status::changing;
    put_state(g);
  }
  // Another log may be chosen: nothing acked is given up.
  void install(ModelGroup& g) {
    if (g.status == ModelGroup::Status::normal || !room_for_state(g)) return;
    if (g.voters > 1) g.log.resize(g.acked_max() + draw(g.log.size() - g.acked_max() + 1));
    g.log_view = g.view;
    g.status = ModelGroup::Status::installing;
    put_state(g);
  }
  // An op whose bytes are missing comes again from a peer.
  void repair(ModelGroup& g) {
    if (g.status != ModelGroup::Status::normal || g.log.empty() || g.voters == 1) return;
    const u64 op = 1 + draw(g.log.size());
    const auto& made = g.made.at(g.log[op - 1]);
    if (g.acked.contains(op) || g.stamped.contains({g.log_view, op}) || !room(6000)) return;
    MessageRef message = copy_message(life->slabs, made.bytes);
    Prepare header = message.as<Prepare>();
    header.view = View(g.log_view);
    header.node = life->config.node;
    seal_header(message, header, header.size - header_size);
    append_prepare(g, message);
  }
  void seal() { life->seal(); }
  void io() {
    if (!disk.idle()) life->wal_step(draw(disk.in_flight()));
    learn();
  }
  void pass_time() {
    life->now = life->now + Duration(draw(2'000'000));
    if (life->wal->deadline() <= life->now) life->wal->on_deadline(life->now, life->out);
    life->seal();
  }
  void act() {
    ModelGroup& g = groups[draw(groups.size())];
    const u64 what = draw(40);
    if (what < 14) return append(g);
    if (what < 15) return enter_view(g);
    if (what < 18) return install(g);
    if (what < 20) return repair(g);
    if (what < 28) return seal();
    if (what < 38) return io();
    pass_time();
  }

  // ---- what the disk says

  struct PageFact {
    Zone zone;
    u64 offset;
    BatchNo batch;
    bool marked = false;    // the batch is, by pages of its own incarnation
    bool evidence = false;  // a page that says so, and the only one there may be
  };
  // Every page that isn't zero; batch 0 where it can't be read.
  std::vector<PageFact> pages_in_use() const {
    std::vector<PageFact> pages;
    std::map<BatchNo, Incarnation> incarnations;
    std::map<Incarnation, BatchNo> durable;
    std::vector<IndexHead> heads;
    const u64 seed = page_seed(cluster_of_tests, ShardId(0));
    for (const Zone zone : {Zone::wal, Zone::index})
      for (u64 at = 0; at < u64{12} * limits.wal_segment_pages * page_bytes; at += page_bytes) {
        const auto page = disk.read(zone, at, page_bytes);
        if (all_zero(page)) continue;
        pages.push_back({zone, at, {}});
        const auto index = read_index_page(page.data(), seed, limits);
        const auto stamp = read_stamp(page.data(), seed);
        if (zone == Zone::index && index.state == PageState::ok) {
          pages.back().batch = index.head.batch_no;
          incarnations[index.head.batch_no] = index.head.incarnation;
          heads.push_back(index.head);
        } else if (zone == Zone::wal && stamp.state == PageState::ok) {
          pages.back().batch = stamp.stamp.batch_no;
          incarnations[stamp.stamp.batch_no] = stamp.stamp.incarnation;
        }
      }
    for (const auto& head : heads)
      if (incarnations.contains(head.durable_batch)) {
        BatchNo& d = durable[incarnations.at(head.durable_batch)];
        d = std::max(d, head.durable_batch);
      }
    for (auto& page : pages) {
      if (page.batch == BatchNo()) continue;
      page.marked = page.batch <= durable[incarnations.at(page.batch)];
      for (const auto& head : heads)
        if (page.zone == Zone::index && head.batch_no == page.batch && incarnations.contains(head.durable_batch))
          page.evidence = page.evidence || head.durable_batch == durable[incarnations.at(head.durable_batch)];
    }
    return pages;
  }

  const Limits limits;
  Prng prng;
  MemoryDisk disk;
  std::vector<RecoveryConfig::Group> voters;
  std::vector<ModelGroup> groups;
  std::unique_ptr<Life> life;
  std::size_t acks_seen = 0;

  static void demand(bool holds, const std::string& what) {
    if (!holds) throw Failure(what);
  }

 private:
  bool room(u32 body) const {
    const u64 size = header_size + prepared_size(body);
    return life->wal->has_room(1, size) && life->slabs.available(static_cast<u32>(size)) > 2;
  }
  bool room_for_state(const ModelGroup& g) const {
    const u64 size = header_size * (1 + std::min<u64>(g.log.size(), 5));
    return life->wal->has_room(1, size, Command::group_state) && life->slabs.available(8192) > 2;
  }

  void put(ModelGroup& g, const MessageRef& message) {
    const auto prepare = message.as<Prepare>();
    g.log.push_back(prepare.identity);
    const auto bytes = message.bytes();
    g.made[prepare.identity] = {{bytes.begin(), bytes.end()}, prepare.op};
    append_prepare(g, message);
  }
  void append_prepare(ModelGroup& g, const MessageRef& message) {
    const auto prepare = message.as<Prepare>();
    g.stamped[{g.log_view, prepare.op.raw()}] = prepare.identity;
    life->append(message, g.voters == 1);
  }
  void put_state(ModelGroup& g) {
    GroupState state = make<GroupState>();
    state.group = g.id;
    state.epoch = Epoch(1);
    state.node = life->config.node;
    state.incarnation = life->recovery->incarnation();
    state.view = View(g.view);
    state.log_view = View(g.log_view);
    state.head = Op(g.log.size());
    state.commit_max = state.head.minus_saturating(limits.pipeline_max);
    state.state_seq = ++g.state_seq;
    std::vector<Prepare> suffix;
    for (u64 op = g.log.size(); op > 0 && suffix.size() < limits.pipeline_max + 1; --op)
      suffix.push_back(as<Prepare>(g.made.at(g.log[op - 1]).bytes.data()));
    g.states[g.state_seq] = {g.view, g.log_view, g.log};
    life->append(make_group_state(life->slabs, state, suffix));
  }

  void learn() {
    for (; acks_seen < life->all_stored.size(); ++acks_seen) {
      const StoredRecord& record = life->all_stored[acks_seen];
      ModelGroup& g = groups[record.group.raw() - 1];
      if (record.command == Command::group_state) {
        g.stored_seq = std::max(g.stored_seq, record.state_seq);
        if (record.state_seq != g.state_seq || g.status != ModelGroup::Status::installing) continue;
        g.status = ModelGroup::Status::normal;
        for (u64 op = 1; op <= g.log.size() && g.voters == 1; ++op) g.acked[op] = g.log[op - 1];
        continue;
      }
      const u64 op = record.op.raw();
      const bool current = op <= g.log.size() && g.log[op - 1] == record.identity;
      if (g.status == ModelGroup::Status::normal && current) g.acked[op] = record.identity;
    }
  }

  // Holds what recovery found against what was done, then takes part again: by a view change, as a replica does.
  void resume(ModelGroup& g) {
    const RecoveredGroup found = life->recovery->take_group(g.id);
    judge(g, found);
    g.stored_seq = found.has_state ? found.state.state_seq : 0;
    if (g.voters == 1) {
      g.log.clear();
      for (Op op(1); op <= found.head; ++op) g.log.push_back(found.log.at(op).identity);
    }
    for (const auto& [op, identity] : g.acked) {
      if (op > g.log.size()) g.log.resize(op);
      g.log[op - 1] = identity;
    }
    for (u64 op = 1; op <= g.log.size(); ++op) demand(!g.log[op - 1].is_zero(), "a log without gaps");
    // What is whole counts as acked: the replica may say so to anybody. Alone it does so once it installed a view.
    if (g.voters > 1) g.acked.clear();
    for (u64 op = 1; op <= g.log.size() && g.voters > 1; ++op) {
      const LogEntry& entry = found.log.at(Op(op));
      if (op <= found.head.raw() && entry.has(log_bit::stored) && entry.identity == g.log[op - 1])
        g.acked[op] = entry.identity;
    }
    g.status = ModelGroup::Status::changing;
    ++g.view;
    install(g);
  }

 public:
  // After any damage: what was acked may be missing, but never be denied; a promise may be gone, but not unnoticed.
  static void judge_damaged(const ModelGroup& g, const RecoveredGroup& found) {
    const std::string text = describe(found);
    if (found.amnesiac || found.log_damaged) return;
    for (const auto& [op, identity] : g.acked) {
      const LogEntry& entry = found.log.at(Op(op));
      const bool denied = Op(op) > found.head ? !found.head_unknown
                                              : !entry.has(log_bit::stored) && !entry.has(log_bit::lost) &&
                                                    !entry.has(log_bit::suspect);
      demand(!denied, "acked op " + std::to_string(op) + " is not denied: " + text);
      if (Op(op) <= found.head && entry.has(log_bit::stored))
        demand(entry.identity == identity || Op(op) <= found.commit_max, "nor replaced: " + text);
      if (g.voters == 1) demand(entry.has(log_bit::stored) && Op(op) <= found.head, "nobody else has it: " + text);
    }
    if (g.stored_seq == 0) return;
    const auto& promised = g.states.at(g.stored_seq);
    demand(
        found.has_state && found.state.view >= View(promised.view) && found.state.log_view >= View(promised.log_view),
        "the promise is kept: " + text);
  }

  // After a plain crash: no row 3 or 4, nothing acked is gone, nothing that was given up is back.
  void judge(const ModelGroup& g, const RecoveredGroup& found) const {
    const std::string text = describe(found);
    demand(!found.amnesiac && !found.log_damaged, "no promise is lost: " + text);
    demand(life->counters[Mark::recovery_row_3_lost] == 0, "no row 3: " + text);
    demand(life->counters[Mark::recovery_row_4_amnesiac] == 0, "no row 4: " + text);
    demand(!found.has_state || g.states.contains(found.state.state_seq), "a state that was written: " + text);
    const u64 seq = found.has_state ? found.state.state_seq : 0;
    demand(seq >= g.stored_seq, "the promise is kept: " + text);
    for (const auto& [op, identity] : g.acked) {
      const LogEntry& entry = found.log.at(Op(op));
      demand(entry.has(log_bit::stored | log_bit::full) && entry.identity == identity,
             "acked op " + std::to_string(op) + " is there: " + text);
      demand(op <= found.head.raw(), "acked op below the head: " + text);
    }
    const ModelGroup::State promised = seq > 0 ? g.states.at(seq) : ModelGroup::State{};
    bool linked = true;  // to the promised head; what is not is kept aside, for a peer's headers to judge
    for (Op op = found.log.top(); op > Op(); op = op - 1) {
      const LogEntry& entry = found.log.at(op);
      demand(!entry.has(log_bit::lost), "nothing is lost: " + text);
      if (op.raw() > promised.log.size()) {
        if (entry.blank()) continue;
        demand(promised.view == promised.log_view, "nothing above a view change: " + text);
        const auto stamped = g.stamped.find({promised.log_view, op.raw()});
        demand(stamped != g.stamped.end() && stamped->second == entry.identity, "a record of the log's view: " + text);
        continue;
      }
      const bool right = entry.identity == promised.log[op.raw() - 1];
      demand(right || !linked, "the promised log: " + text);
      demand(right || op <= found.commit_max, "nothing aside in what is reported: " + text);
      if (!entry.has(log_bit::full)) linked = false;
    }
  }
};

}  // namespace keelson::test
