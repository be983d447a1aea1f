// Checkpointer: one group's checkpoints: what changed since the last one, what still has to be saved of the one under
// way, and when it is durable.
//
// Who uses it: the group's replica. After the checkpoint op every section that changed is pending; applies go on, and
// one that is about to change a pending section saves it first, so the checkpoint holds the state after that op and no
// other. How many sections there are may change from one checkpoint to the next: then all of them have changed. Then
// the table is written twice, then the group_checkpoint record; only when that is stored are the blocks of the
// checkpoint before given back. Source: copy-on-write checkpoints as in TigerBeetle's grid and FoundationDB's pager,
// reduced to one level. A checkpoint may also be received: then its sections come from a peer instead of the own state.
// One that peers fetch is pinned: its blocks stay for a while after a newer one is durable. Not here: when to
// checkpoint (replica_checkpoint.cc), loading (checkpoint_loader.h), what is asked of whom (state_sync.h).
#pragma once

#include <memory>

#include "keelson/machine/machine.h"
#include "keelson/store/checkpoint_table.h"
#include "keelson/store/checkpoint_zone.h"

namespace keelson {

class Checkpointer {
 public:
  // The bytes of a section: the machine's come first, the sessions' behind them.
  using Save = void (*)(const void* self, u32 section, ByteSink& sink);
  enum class Phase : u8 {
    idle,
    saving,     // sections are pending or not stored
    table,      // its table isn't
    record,     // ready for its group_checkpoint record, or waiting for it
    abandoning  // given up: waits for what is under way
  };

  Checkpointer(GroupId group, const void* self, Save save_fn) : group_(group), self_(self), save_(save_fn) {}

  Phase phase() const { return phase_; }
  Op durable_op() const { return durable_.facts.op; }  // 0: none
  Digest durable_id() const { return durable_id_; }
  const CheckpointTable& durable() const { return durable_; }

  // What this replica starts from: all of it is clean.
  void start_from(CheckpointTable table, const GroupCheckpoint& record);
  // That can't be used: everything is to be saved. Its record still names its blocks, and another start may well be
  // able to read them: they stay taken until a newer record is stored.
  void forget(CheckpointZone& zone, Instant now);
  // The state is cut into other sections from here on, before anything else changes in it. What a checkpoint under way
  // has not saved yet can't be had any more: it is given up.
  void recut(Counters& counters);
  // After applying facts.op, when idle. `facts` says how many sections there are, `born(number)` which blobs.
  template <class Born>
  void begin(const CheckpointFacts& facts, Born born) {
    begin_sections(facts);
    const auto state = static_cast<u32>(facts.state_sections());
    for (u32 i = 0; i < facts.blobs; ++i) begin_blob(state + i, born(i));
  }
  // So many sections of the body index from here on: new ones are saved next time.
  void set_blobs(u32 before, u32 now);
  // Before a section changes.
  void touch(u32 section, CheckpointZone& zone, Counters& counters);
  // Blobs are put by the replica, one after the other, whole prepares at a time. The number of the next one; none: all
  // are there, or there is no going on with this checkpoint.
  std::optional<u32> next_blob() const;
  // False: the way into the zone is full, try again later.
  [[nodiscard]] bool has_room_for_blob(const CheckpointZone& zone, u32 bytes) const;
  void put_blob(Bytes bytes, CheckpointZone& zone);
  void end_blob(CheckpointZone& zone, Counters& counters);
  // What should be in it can't be had, or nobody needs it any more.
  void forgo() { starved_ = true; }
  bool is_blob_pending(u32 number) const {
    return is_saving() && pieces_[next_.facts.state_sections() + number] == Piece::pending;
  }
  // Of the table that is being read from.
  const SavedSection& read_blob(u64 reading, u32 number) {
    const CheckpointTable& table = read_from(reading);
    return table.sections[table.facts.state_sections() + number];
  }
  void distrust_blob(u32 number, Op born) {
    if (durable_blob(number, born)) distrust_section(static_cast<u32>(durable_.facts.state_sections()) + number);
  }
  // The durable checkpoint has this blob; where.
  const SavedSection* durable_blob(u32 number, Op born) const;
  bool is_saving() const { return phase_ == Phase::saving && !receiving_; }
  // So many bytes may have come to the state.
  void grow(u64 bytes) { grown_ += bytes; }
  bool has_grown() const { return grown_ > 0; }

  // Once per step: what the next one will need, as far as that has changed.
  void tell_need(CheckpointZone& zone);
  // Once per step. True: append record() now, and tell recorded() when it is stored.
  [[nodiscard]] bool advance(CheckpointZone& zone, Counters& counters);
  // A piece of it. Not stored: there is no space for it, and so not for this checkpoint.
  void written(bool stored) {
    --unstored_;
    starved_ = starved_ || !stored;
  }
  // Fields of the record that the replica doesn't know.
  void fill(GroupCheckpoint& record);
  // A record of this op was stored: it is that one.
  bool is_recording(Op op) const { return phase_ == Phase::record && op == next_.facts.op; }
  // The same once more, of the durable one.
  void fill_durable(GroupCheckpoint& record);
  u32 table_bytes() const { return durable_place_.bytes; }  // of each copy of the durable one's table
  const Digest& table_digest() const { return durable_place_.digest; }
  const BlockRun& table_run(u32 copy) const { return durable_place_.copies[copy]; }
  // The record is stored: this checkpoint counts now. A received one is not yet this replica's state.
  void recorded(CheckpointZone& zone, Counters& counters, Instant now);
  // Applies should wait: more is saved than is written.
  bool behind(const CheckpointZone& zone) const;

  // Receiving. When idle, or receiving another one of which nothing is being written: what that one got so far and this
  // one also needs is kept, and so is what the durable one has. Returns how many sections are there already.
  u32 receive(const CheckpointTable& manifest, CheckpointZone& zone);
  bool receiving() const { return receiving_; }
  bool may_receive() const { return phase_ == Phase::idle || (receiving_ && phase_ == Phase::saving && !unstored_); }
  const CheckpointFacts& incoming() const { return next_.facts; }
  bool lacks(u32 section) const { return receiving_ && phase_ == Phase::saving && pieces_[section] == Piece::pending; }
  u32 lacking() const { return receiving_ && phase_ == Phase::saving ? pending_count_ : 0; }
  // A proven section. False: no memory on the way to the zone, try again later.
  [[nodiscard]] bool take_section(u32 section, Bytes bytes, CheckpointZone& zone);
  // Until its record is appended.
  void stop_receiving();
  // The state is not what the durable checkpoint says: all of it is to be saved next time.
  void distrust_state() { dirty_ = {}; }
  // A section of the durable checkpoint can't be read: it is written afresh with the next one. Should that one be cut
  // differently, it is written whole anyway.
  void distrust_section(u32 section);

  // Serving. Null: no such checkpoint here.
  const CheckpointTable* find(const Digest& id) const;
  // Keeps its blocks until then. False: it isn't here, or as many are kept as may.
  [[nodiscard]] bool pin(const Digest& id, Instant until);
  // Of a pinned one: its blocks stay until that is over. An id doesn't tell which: one that was forgotten may come back
  // from a peer, to other blocks.
  u64 begin_read(const Digest& id);
  // Of the durable one, for the replica itself: as for a peer there has to be a place for it to go to.
  bool may_read_durable() const { return pinned_.size() < held_max; }
  const CheckpointTable& read_from(u64 reading);
  void end_read(u64 reading);
  void release_pins(Instant now, CheckpointZone& zone);
  // The oldest one that is kept for peers; 0: none.
  Op oldest_pinned(Instant now) const;

 private:
  struct Output;
  // The blob on its way into the zone.
  struct BlobOutput {
    DigestStream digest;
    std::optional<u32> buffer;
    u32 used = 0;
  };
  // How long a checkpoint's blocks are wanted: by peers, or because a start may want them.
  struct Pin {
    Instant until;
    u64 serial = 0;  // never used twice
    u32 reads = 0;
    bool named = false;  // it was forgotten, and the log's record is still of this one
    bool holds(Instant now) const;
  };
  // Of both copies of a table.
  struct TablePlace {
    BlockRun copies[2];
    Digest digest;
    u32 bytes = 0;
  };
  // A former durable one.
  struct Pinned {
    CheckpointTable table;
    Digest id;
    Pin pin;
    TablePlace place;  // none while the record in the log is still of this one: durable_place_ is
  };
  // How far a section of the checkpoint in the making is.
  enum class Piece : u8 {
    kept,     // lies where the durable one has it
    pending,  // not saved yet, or not received
    fresh     // written for this one, or on its way
  };
  static constexpr u32 pinned_max = 2;             // for peers,
  static constexpr u32 held_max = pinned_max + 1;  // and one of which a body is being read,
  static constexpr u32 aside_max = held_max + 1;   // and one that was forgotten
  struct Held {
    CheckpointTable* table = nullptr;
    Pin* pin = nullptr;
  };
  Held held(const Digest& id);
  Held held(u64 serial);
  Pin next_pin() { return Pin{Instant(), ++pins_, 0, false}; }
  bool is_shared(u32 section, const CheckpointTable& of) const;
  void free_table(CheckpointTable& table, CheckpointZone& zone);
  void retire(CheckpointTable& table, const Digest& id, const Pin& pin, const TablePlace& place, Instant now,
              CheckpointZone& zone);
  static void free_place(const TablePlace& place, CheckpointZone& zone);
  static void free_section(SavedSection& section, CheckpointZone& zone);
  void begin_sections(const CheckpointFacts& facts);
  void begin_blob(u32 section, Op born);
  u32 in_durable(u32 section) const { return counterpart(section, next_.facts, durable_.facts); }
  void save(u32 section, CheckpointZone& zone, Counters& counters);
  bool write_table(CheckpointZone& zone);
  bool write_copy(CheckpointZone& zone, BlockRun& run);
  void fill(GroupCheckpoint& record, const CheckpointFacts& facts, const Digest& id, const TablePlace& place);
  void give_up(Counters& counters);
  void end_abandoned(CheckpointZone& zone);
  void set_pieces(u32 count);
  void set_clean(u32 count);
  void count_blocks();

  const GroupId group_;
  const void* self_;
  const Save save_;

  Phase phase_ = Phase::idle;
  CheckpointTable durable_;
  CheckpointTable next_;      // in the making; its clean sections are durable_'s
  TablePlace durable_place_;  // in the stored record, also if that checkpoint is forgotten
  TablePlace next_place_;
  u64 record_seq_ = 0;  // of the newest record
  Digest durable_id_;
  Digest next_id_;
  // Sections as the state is cut now: changed since durable_, or since next_ began. Empty: all of them.
  Vec<u8> dirty_;
  Vec<Piece> pieces_;  // of next_
  u32 pending_count_ = 0;
  u32 next_pending_ = 0;
  u32 pending_blobs_ = 0;
  std::unique_ptr<BlobOutput> blob_output_;
  Vec<u8> damaged_blobs_;  // of the durable one, by number; mostly no memory
  u32 unstored_ = 0;       // pieces put into the zone
  bool starved_ = false;
  bool receiving_ = false;
  u64 pins_ = 0;
  Pin pin_;  // of durable_
  u64 durable_blocks_ = 0;
  u64 grown_ = 0;         // bytes that came to the state since durable_
  u64 grown_before_ = 0;  // of them before next_ began
  CheckpointZone::Need told_;
  Vec<Pinned> pinned_;  // at most aside_max; no memory while there are none
};

}  // namespace keelson
