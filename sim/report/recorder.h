// Recorder: watches one run and writes down its timeline: turns, messages, disk operations, calls, faults, and what
// caused what.
//
// Who uses it: `--report` and `--export`, attached from RunOptions::prepare, itself as the trace sink. It reads the
// trace records and the two bags of each turn and changes nothing, so the trace hash is that of the run without it. Not
// here: the page (page.h). All of a run is held in memory, about 300 bytes per row.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <unordered_map>

#include "keelson/sim/faults.h"
#include "keelson/sim/network.h"
#include "keelson/sim/observer.h"
#include "keelson/sim/report/timeline.h"
#include "keelson/sim/trace.h"

namespace keelson::sim {

class RunCluster;
class World;

class Recorder final : public TraceSink, public Observer {
 public:
  Recorder();
  // `also` gets every record, too.
  void pass_on(TraceSink* also) { also_ = also; }
  void attach(RunCluster& cluster, std::vector<std::string> phases);
  void write(const TraceRecord& record) override;
  void on_turn(const TurnSeen& turn) override;
  // When the run is over, and its cluster still there.
  void finish();

  Timeline& timeline() { return timeline_; }

 private:
  // What has arrived at a unit and waits for its turn.
  struct Waiting {
    RowClass kind{};
    u64 key = 0;  // disk: id; frame: the sibling's lane
    Digest digest;
    RowId row = 0;
  };
  struct UnitState {
    std::deque<Waiting> waiting;
    std::map<std::pair<u8, u64>, RowId> disk;  // operations in flight, by kind and id
    std::map<u64, RowId> calls;                // open, by ticket
    std::map<u64, ReplicaState> groups;
    RowId last_busy = 0;  // its newest turn that did anything, or its start
  };
  struct Digests {
    std::size_t operator()(const Digest& d) const { return static_cast<std::size_t>(d.lo ^ d.hi); }
  };
  static constexpr std::size_t no_band = ~std::size_t{0};
  static constexpr u8 call_unknown = 3;  // fate of a call; 0: open, 1: executed, 2: refused
  using Fields = std::initializer_list<std::int64_t>;

  // recorder.cc: records
  u16 type(RowClass of, const std::string& name, const std::vector<std::string>& fields);
  u16 mark_type(const std::string& name, const std::vector<std::string>& fields);
  RowId add(u16 type, u64 at_ns, u16 lane, RowId cause, Fields values);
  RowId mark(const std::string& name, const TraceRecord& record, const std::vector<std::string>& fields, Fields values);
  Row& row(RowId id) { return timeline_.rows[id - 1]; }
  u16 lane_of(const TraceRecord& record) const;
  void on_life(const TraceRecord& record);
  void on_message(const TraceRecord& record);
  void on_deliver(const TraceRecord& record);
  void on_lose(const TraceRecord& record);
  void on_corrupt(const TraceRecord& record);
  void on_disk_done(const TraceRecord& record);
  void on_frame(const TraceRecord& record);
  void on_violation(const TraceRecord& record);
  void lost(Row& message, u64 at_ns, u64 reason);
  RowId copy_of(RowId original, u64 at_ns);
  RowId find_sent(const Digest& digest, u16 from, u16 to_host, bool open) const;
  void note_gone(u16 host);

  // recorder_bands.cc: what lasts
  void look_at_barriers(u64 at_ns);
  void look_at_faults(const TraceRecord& record);
  void open_host_band(std::string_view kind, u16 host, u64 at_ns);
  void close_host_band(std::string_view kind, u16 host, u64 at_ns);

  // recorder_turn.cc: turns
  RowId add_turn(const TurnSeen& turn);
  void add_calls(const TurnSeen& turn, RowId next_row);
  bool take_inputs(const TurnSeen& turn, RowId turn_row);
  RowId take(UnitState& unit, RowClass kind, u64 key, const Digest* digest, RowId turn_row);
  bool see_groups(const TurnSeen& turn, RowId turn_row);
  void see_change(const TurnSeen& turn, RowId turn_row, const ReplicaState& before, const ReplicaState& after);
  void add_effects(const TurnSeen& turn, RowId turn_row);
  void add_message(const TurnSeen& turn, RowId turn_row, const Envelope& send);
  void add_answer(const TurnSeen& turn, RowId turn_row, const SubmitReply& reply);
  void add_disk(const TurnSeen& turn, RowId turn_row, u8 kind, u64 id, Zone zone, u64 offset, u64 bytes);
  void add_violation(RowId turn_row);
  void note_calls(const std::vector<SeenCall>& calls);
  u16 group_of(GroupId group);
  u16 lane_of_peer(const Peer& peer, ShardId shard) const;

  Timeline timeline_;
  TraceSink* also_ = nullptr;
  World* world_ = nullptr;
  Population population_;
  std::vector<UnitState> units_;
  std::unordered_map<Digest, std::vector<RowId>, Digests> sent_;  // never iterated
  std::map<u64, u16> client_of_connection_;                       // lanes, as learned from what clients sent
  std::map<std::string, u16> type_places_;
  std::array<u16, 256> message_types_{};  // by command; 0: not met
  u16 turn_type_ = 0;
  std::optional<TraceRecord> turn_;                                     // recorded, and not yet seen
  std::optional<TraceRecord> violation_;                                // the same
  RowId effects_from_ = 0;                                              // rows of the newest turn's effects begin here
  std::map<std::pair<std::string_view, u16>, std::size_t> host_bands_;  // open ones
  std::vector<u8> pairs_;                                               // by (from, to): what was seen last
  std::vector<std::size_t> pair_bands_;                                 // the open band of it
  FaultCounts faults_;
  std::vector<std::int64_t> values_;  // scratch
};

}  // namespace keelson::sim
