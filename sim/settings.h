// What the simulated machines and networks are like right now: every rate, delay and switch, resolved to plain numbers.
//
// Who uses it: World and its models read it; phases replace it; tests fill it in by hand. Everything at its default is
// a quiet world with realistic delays. Rates are parts per million. Not here: faults that come and go by themselves
// (nemesis.h), scenario files (scenario.h).
#pragma once

#include "keelson/base/types.h"

namespace keelson::sim {

// stream: first in, first out, nothing lost inside a connection; what breaks is the connection. datagram: every message
// decides alone. Events of peers mean the same in both.
enum class LinkMode : u8 { stream, datagram, mixed };  // mixed: each link draws its own

struct NetworkSettings {
  LinkMode mode = LinkMode::stream;
  Duration delay_min = microseconds(100);
  Duration delay_mean = microseconds(400);  // exponential, beside the minimum
  Duration delay_max = seconds(3600);       // cuts the exponential off
  u64 slow_ppm = 0;                         // messages with an extra delay
  Duration slow_mean = milliseconds(500);
  u64 loss_ppm = 0;       // stream: refused by the send queue, and the sender hears of it
  u64 duplicate_ppm = 0;  // datagram only
  u64 reorder_ppm = 0;    // datagram only: messages held back for reorder_mean
  Duration reorder_mean = milliseconds(5);
  u64 ghost_ppm = 0;  // datagram only: a copy 1 to 60 s later, across restarts
  u64 corrupt_ppm = 0;
  u64 corrupt_bits_max = 8;
  u64 reset_ppm = 0;                    // per message: its connection breaks
  Duration half_open_max = Duration();  // how much later than necessary an end hears of a broken connection
  Duration connect = milliseconds(1);
  u64 connect_fail_ppm = 0;
  Duration reconnect_min = milliseconds(50);  // doubles with each failure up to the maximum
  Duration reconnect_max = milliseconds(1000);
  Duration silence_max = milliseconds(3000);  // a connection without a sign of its other end is given up
  u64 bandwidth_bytes_per_s = 0;              // of a link; 0: infinite
  u64 send_queue_bytes = 1024 * 1024;         // of a stream link, in flight and waiting
  u64 receive_buffer_bytes = 256 * 1024;      // of a process that takes no turns
};

enum class DamageZone : u8 { any, superblock, wal, index, checkpoint };  // where damage strikes

struct DiskSettings {
  Duration read_mean = microseconds(80);  // all exponential
  Duration write_mean = microseconds(80);
  Duration flush_mean = microseconds(400);  // once per turn with writes
  u64 slow = 1;                             // every latency times this
  u64 stall_ppm = 0;                        // one operation takes stall_min to stall_max
  Duration stall_min = milliseconds(100);
  Duration stall_max = milliseconds(10'000);
  u64 torn_ppm = 1'000'000;  // of the writes in flight at a power crash; the others are whole or not at all
  u32 atomic_bytes = 512;    // 512 or 4096: what a device writes whole or not at all
  u64 space_blocks = 0;      // of the checkpoint zone, from its begin: beyond, the device has no space; 0: it has
  u64 write_error_ppm = 0;   // in damage_zone; from then on every operation fails, until the process is gone
  u64 read_error_ppm = 0;
  u64 lost_flush_ppm = 0;  // of power crashes: confirmed writes that no mark covers are gone
  // Damage: only disks that the budget gives up have it (damage_budget.h).
  u64 lse_ppm = 0;              // of reads: a sector of what they read is unreadable from then on
  u64 read_flip_ppm = 0;        // of reads: bits are wrong this once
  u64 misdirect_read_ppm = 0;   // of reads: other pages' bytes, this once
  u64 misdirect_write_ppm = 0;  // of marked writes: they turn out to lie elsewhere
  u64 revert_ppm = 0;           // of marked writes: their old bytes come back
  u64 rot_tail_ppm = 0;         // of crashes: what the log and its index got last rots
  u64 weak_tail_ppm = 0;        // of crashes: the same, until the next one
  DamageZone damage_zone = DamageZone::any;

  DiskSettings without_damage() const {
    DiskSettings sound = *this;
    sound.lse_ppm = sound.read_flip_ppm = sound.misdirect_read_ppm = sound.misdirect_write_ppm = sound.revert_ppm =
        sound.rot_tail_ppm = sound.weak_tail_ppm = 0;
    return sound;
  }
};

struct ClockSettings {
  u64 drift_ppm_max = 0;                   // either way, drawn per boot
  Duration offset_max = milliseconds(50);  // of the wall clock, either way, drawn once per node
  Duration timer_late_mean = Duration();   // exponential
  bool huge_base = false;                  // monotonic clocks start near 2^62
};

struct MailboxSettings {
  Duration delay_mean = microseconds(2);
  u64 drop_ppm = 0;  // as if the mailbox had been full
};

struct TurnSettings {
  Duration turn = microseconds(2);  // service time of a turn: this and `event` for each event
  Duration event = Duration(200);
  u64 slow = 1;                // service time times this
  u64 bag_split_ppm = 0;       // of bags with two events or more
  u64 bag_shuffle_ppm = 0;     // of bags with messages of two sources or more
  u64 effect_shuffle_ppm = 0;  // of turns with two effects or more
  u64 tie_shuffle_ppm = 0;     // of events with others at the same instant
  bool fiber_shuffle = false;  // which of the clients that are ready at the same instant goes first is drawn
};

struct CrashSettings {  // of every crash, scripted or random
  u64 mid_bag_ppm = 0;  // a subset of the last turn's effects is carried out
  u64 in_boot_ppm = 0;  // a restart that crashes again while it recovers
  u32 in_boot_max = 5;  // ... at most this often in a row
  Duration in_boot_within = milliseconds(20);
};

struct Settings {
  NetworkSettings network;
  DiskSettings disk;
  ClockSettings clock;
  MailboxSettings mailbox;
  TurnSettings turn;
  CrashSettings crash;
};

}  // namespace keelson::sim
