// Disk: the simulated storage of one shard. Writes are volatile until they complete, complete in any order, and tear
// sector by sector when the power fails.
//
// Who uses it: World, which turns the instants given here into completion events; tests and scripted steps damage it.
// It outlives its process: a restart finds what the medium holds. Misuse by the kernel (overlapping, unaligned or
// out-of-zone operations) is reported, never tolerated. Not here: formats (kernel/store), when crashes happen
// (process.h).
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "keelson/sim/faults.h"
#include "keelson/sim/medium.h"
#include "keelson/sim/settings.h"
#include "keelson/sim/tape.h"
#include "keelson/wire/effect.h"

namespace keelson::sim {

inline constexpr std::size_t zone_count = 4;

struct DiskShape {
  std::array<u64, zone_count> zone_bytes{};
  u32 writes_in_flight_max = 0;
  u32 reads_in_flight_max = 0;
};

enum class CrashKind : u8 {
  process,  // the operating system lives: a write in flight happens as a whole or not at all
  power     // it may also tear
};

class Disk {
 public:
  struct Accepted {
    u32 slot = 0;  // what complete() takes
    Instant done_at;
    Digest digest;  // of what is written
  };
  // Why an operation breaks the step contract (docs/architecture.md).
  using Refused = std::string;

  Disk(const DiskShape& shape, PagePool& pages, Stream stream, const DiskSettings& settings, FaultCounts& faults);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk();

  // The operations of one turn start together and share a flush.
  void begin_turn() {
    flush_drawn_ = false;
    ++turn_;
  }
  // The bytes are copied here: what the kernel does with its buffers afterwards changes nothing.
  tl::expected<Accepted, Refused> submit(Instant now, const Write& write);
  tl::expected<Accepted, Refused> submit(Instant now, const Read& read);
  // The operation happens now. A read's bytes are then where it wanted them.
  Completion complete(u32 slot);
  // The process knows of the completion: a page of the index that it writes from now on marks what completed.
  void learned(IoId write);
  // The process is gone, and with it every operation in flight. Of the writes, the medium holds what `kind` leaves.
  void crash(CrashKind kind);

  u32 writes_in_flight() const { return writes_in_flight_; }
  bool writing(Zone zone) const;  // a write of the zone is in flight

  // Of this disk alone, times that of the settings: a limping disk.
  void set_slow(u64 factor) { slow_ = factor; }

  Medium& zone(Zone zone) { return *zones_[static_cast<std::size_t>(zone)]; }
  const Medium& zone(Zone zone) const { return *zones_[static_cast<std::size_t>(zone)]; }
  const DiskShape& shape() const { return shape_; }
  u64 writes_done() const { return writes_done_; }

  // --- damage (storage_damage.cc); false: nothing was written yet, or the budget says no
  bool rot();   // 1 to 8 bits of a page that was written change
  void wipe();  // blank
  // The whole disk as it is, and back to that. No operation is in flight then.
  void save_image();
  bool has_image() const { return image_[0] != nullptr; }
  void restore_image();
  // Something that the budget limits was ever done to it.
  bool hurt() const { return hurt_; }
  bool failed() const { return failed_; }  // a write did: reads fail, too, until the process is gone
  bool torn() const { return torn_; }      // ever
  struct Damage {
    Fault fault{};
    Zone zone{};
    u64 offset = 0;
  };
  // What was since the last call, for the trace.
  std::vector<Damage> take_damage() { return std::exchange(damage_, {}); }

 private:
  struct Extent {
    Zone zone = Zone::wal;
    u64 first_page = 0;
    u64 pages = 0;
  };
  struct Operation {
    bool in_flight = false;
    IoKind kind = IoKind::write;
    IoId id;
    Zone zone = Zone::wal;
    u64 offset = 0;
    u64 bytes = 0;
    Page* pages = nullptr;  // a write's content, in order
    MutableBytes into;      // a read's
    IoStatus status = IoStatus::ok;
    u64 turn = 0;    // in which it was submitted
    u64 covers = 0;  // of the index: all turns up to this one are marked by it
  };
  // Confirmed, and not yet marked by a later page of the index: a lying device may lose it. What damage of marked
  // writes needs is kept until then.
  enum class Doom : u8 { none, revert, misdirect };
  struct Confirmed {
    u64 turn = 0;
    Extent where;
    std::vector<Page*> former;  // empty: zeros
    Doom doom = Doom::none;
  };

  const char* objection(IoKind kind, IoId id, Zone zone, u64 offset, u64 bytes) const;  // null: none
  static Refused refusal(const char* objection, IoKind kind, Zone zone, u64 offset, u64 bytes);
  Operation& add(IoKind kind, IoId id, Zone zone, u64 offset, u64 bytes);
  Duration latency(Site site, Duration mean);
  Page* stage(std::span<const Bytes> parts, u64 bytes, Digest& digest);
  void land(Operation& write);
  void tear(Operation& write);
  Page* torn_page(const std::byte* former, const std::byte* fresh, u8 former_unreadable);
  void forget(Operation& write);
  // storage_damage.cc
  void put(Zone zone, u64 page_no, Page* page);
  void confirm(Operation& write);
  u64 covered_now() const;
  void mark(u64 turn);
  void keep_marked(u64 turn);
  void settle(Confirmed& write);
  void bring_back(Confirmed& write, Fault fault);
  void misdirect(Confirmed& write);
  void forget_unmarked(CrashKind kind);
  void release(Confirmed& write);
  void misdirect_read(const Operation& read);
  void note(Fault fault, Zone zone, u64 offset);
  void remember(const Extent& written);
  static bool keeps_log(Zone zone);
  bool strikes(Zone zone) const;
  Zone draw_zone();
  std::vector<u64> written_in(Zone zone, u64 offset, u64 bytes) const;  // pages
  bool may_damage(Zone zone, u64 page_no);
  void damaged(Fault fault, Zone zone, u64 page_no);
  void rot_page(Fault fault, Zone zone, u64 page_no);
  void rot_tail(Fault fault);
  void heal_tail();
  Page* copy_of(Zone zone, u64 page_no);
  void lose_sector(const Operation& read);
  void flip_read(const Operation& read);
  u32 slot_of(const Operation& operation) const { return static_cast<u32>(&operation - operations_.data()); }

  DiskShape shape_;
  PagePool& pages_;
  Stream stream_;
  const DiskSettings& settings_;
  FaultCounts& faults_;
  std::array<std::unique_ptr<Medium>, zone_count> zones_;
  std::vector<Operation> operations_;
  u32 writes_in_flight_ = 0;
  u32 reads_in_flight_ = 0;
  u64 slow_ = 1;
  u64 writes_done_ = 0;
  bool flush_drawn_ = false;
  Duration flush_;
  u64 turn_ = 1;
  std::vector<std::pair<IoId, u64>> unlearned_;  // completed writes that the process has not heard of; their turn
  std::vector<Confirmed> unmarked_;
  std::array<std::vector<Extent>, zone_count> written_;  // confirmed, oldest first
  std::array<std::vector<Extent>, zone_count> marked_;   // of them, where a mark proves it
  std::set<std::pair<Zone, u64>> damaged_;               // pages that don't hold what was written there
  struct Weak {
    Zone zone{};
    u64 page_no = 0;
    Page* sound = nullptr;
  };
  std::vector<Weak> weak_;  // hold again what was written there when the process is gone the next time
  std::vector<Damage> damage_;
  bool hurt_ = false;
  bool torn_ = false;
  bool failed_ = false;  // a write failed: everything does, until the process is gone
  std::array<std::unique_ptr<Medium>, zone_count> image_;
};

}  // namespace keelson::sim
