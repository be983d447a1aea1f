// Limits: the name and size of every bound in keelson. Tunables: every time span of the protocol.
//
// Who uses it: everybody; store and vsr both size their memory from it at construction. Two profiles: `standard` is
// what people run, `tiny` makes overflows happen within seconds of simulation. Nodes of one cluster must agree on
// all of Limits but the "local" part: digest() is compared when two nodes connect.
#pragma once

#include <initializer_list>

#include "keelson/base/types.h"

namespace keelson {

struct Limits {
  // Shared by all nodes of a cluster.
  u32 replicas_max = 6;
  u32 groups_max = 16 * 1024;            // per shard, beside the metadata group
  u32 pipeline_max = 32;                 // prepares in flight; view change derives commits from it
  u32 request_queue_max = 256;           // per group
  u32 batch_requests_max = 256;          // per prepare
  u32 batch_bytes_max = 64 * 1024;       // per prepare, frames included
  u32 message_size_max = 1 << 20;        // header and body, bytes
  u32 sessions_max = 1024;               // per group
  u64 session_ttl_ns = 600'000'000'000;  // replicated time
  u64 journal_ops_max = 1 << 20;         // ops a group's log holds: head - checkpoint
  u32 wal_page_bytes = 4096;
  u32 wal_segment_pages = 1024;  // a start reads as many segments past the end as batches in flight can reach
  u32 wal_segments = 256;
  u32 index_pages_per_segment = 1024;
  u32 wal_batch_pages_max = 320;
  u32 reply_bytes_max = 64 * 1024;    // one retained reply of a session
  u32 checkpoint_ops = 4096;          // ops between two checkpoints of a group
  u32 checkpoint_blocks = 1 << 20;    // of the checkpoint zone, 4 KiB each
  u32 reply_parts_max = 256;          // retained bodies in one reply
  u32 blob_bytes_max = 4 << 20;       // of retained bodies in one blob of a checkpoint
  u64 retained_bytes_max = 1 << 30;   // per group: prepares whose bodies are retained
  u32 checkpoint_table_blocks = 256;  // of a checkpoint's table: a run of blocks, or more, for each section
  // Local to a node.
  u32 wal_batches_in_flight_max = 4;
  u32 wal_batch_records_max = 4096;
  u32 writes_in_flight_max = 64;
  u32 reads_in_flight_max = 64;
  u32 checkpoint_buffers = 16;  // per shard: reads and writes of the checkpoint zone under way, each
  u32 checkpoint_buffer_blocks = 16;
  u32 checkpoint_staged_max = 1024;  // buffers of what was saved and isn't written yet; beyond: tried again later
  u32 repair_in_flight_max = 32;     // per replica
  u32 sync_in_flight_max = 16;       // sections that a replica fetches at once, each whole in memory
  u32 sync_reads_max = 4;            // per shard: reads of the checkpoint zone for peers
  u32 body_reads_max = 8;            // per replica: retained prepares that are read back at once
  u32 entries_max = 4096;            // GroupEntry per message
  u32 body_cache_ops_max = 256;      // per group: recent prepares kept in memory
  u32 log_entries_max = 4 << 20;     // per shard, all groups
  u32 events_per_bag_max = 16384;
  u32 applies_per_step_max = 1024;
  u32 clients_max = 4096;         // connections per shard
  u32 mailbox_frames_max = 1024;  // per pair of shards
  u32 slabs_small = 32 * 1024;    // 512 bytes each
  u32 slabs_page = 16 * 1024;     // 4 KiB
  u32 slabs_batch = 4 * 1024;     // batch_bytes_max + 4 KiB
  u32 slabs_message = 64;         // message_size_max + 4 KiB

  static constexpr Limits standard() { return {}; }
  static constexpr Limits tiny() {
    Limits limits;
    limits.groups_max = 8;
    limits.pipeline_max = 4;
    limits.request_queue_max = 4;
    limits.batch_requests_max = 4;
    limits.batch_bytes_max = 4096;
    limits.message_size_max = 8192;
    limits.sessions_max = 4;
    limits.session_ttl_ns = 2'000'000'000;
    limits.journal_ops_max = 4096;
    limits.wal_segment_pages = 16;
    limits.wal_segments = 128;
    limits.index_pages_per_segment = 16;
    limits.wal_batch_pages_max = 8;
    limits.reply_bytes_max = 4096;
    limits.checkpoint_ops = 32;
    limits.checkpoint_blocks = 512;
    limits.checkpoint_table_blocks = 8;
    limits.reply_parts_max = 4;
    limits.retained_bytes_max = 2048 * 1024;
    limits.blob_bytes_max = 16 * 1024;
    limits.wal_batches_in_flight_max = 3;
    limits.wal_batch_records_max = 64;
    limits.writes_in_flight_max = 8;
    limits.reads_in_flight_max = 6;
    limits.checkpoint_buffers = 4;
    limits.checkpoint_buffer_blocks = 2;
    limits.checkpoint_staged_max = 256;
    limits.repair_in_flight_max = 3;
    limits.sync_in_flight_max = 2;
    limits.sync_reads_max = 2;
    limits.body_reads_max = 2;
    limits.entries_max = 8;
    limits.body_cache_ops_max = 8;
    limits.log_entries_max = 64 * 1024;
    limits.events_per_bag_max = 16;
    limits.applies_per_step_max = 8;
    limits.clients_max = 64;
    limits.mailbox_frames_max = 8;
    limits.slabs_small = 256;
    limits.slabs_page = 256;
    limits.slabs_batch = 32;
    limits.slabs_message = 128;
    return limits;
  }

  // Of a shard's whole store: the log's, the checkpoints', the superblock's two copies at a time (all four to read),
  // and one of the scrub's.
  constexpr u32 writes_max() const { return writes_in_flight_max + checkpoint_buffers + 2; }
  constexpr u32 reads_max() const { return reads_in_flight_max + checkpoint_buffers + 4 + 1; }
  constexpr u32 outbox_entries_max() const { return 2 * (groups_max + 1); }  // per node and step
  // Of both copies of a checkpoint's table.
  constexpr u32 table_buffers_max() const { return 2 * ((checkpoint_table_blocks - 1) / checkpoint_buffer_blocks + 1); }
  constexpr u32 request_body_max() const { return message_size_max - 320; }
  // Of the shared part: two nodes with different ones don't talk.
  Digest digest() const;
};

constexpr bool consistent(const Limits& limits) {
  return limits.replicas_max <= 6 && limits.pipeline_max + 1 <= 64 &&
         (limits.pipeline_max + 2) * 256 <= limits.message_size_max &&
         limits.batch_bytes_max + 256 <= limits.message_size_max &&
         limits.wal_batch_pages_max <= limits.wal_segment_pages &&
         // the largest message fits a batch: a page holds 32 bytes of stamp
         limits.message_size_max + limits.wal_page_bytes <= limits.wal_batch_pages_max * (limits.wal_page_bytes - 32) &&
         // a full batch's index fits a segment, with a marker page for it and each batch in flight; 63 entries per page
         (limits.wal_batch_records_max + 62) / 63 <= 255 &&
         (limits.wal_batch_records_max + 62) / 63 + limits.wal_batches_in_flight_max + 1 <=
             limits.index_pages_per_segment &&
         limits.wal_segments >= 4 && limits.body_cache_ops_max >= 2 * limits.pipeline_max &&
         limits.checkpoint_ops >= 2 * limits.pipeline_max && limits.checkpoint_buffers >= 2 &&
         // both copies of a table are staged at once
         limits.checkpoint_table_blocks > 0 && limits.table_buffers_max() <= limits.checkpoint_staged_max &&
         limits.sync_reads_max < limits.checkpoint_buffers && limits.body_reads_max >= 2 &&
         limits.blob_bytes_max >= limits.message_size_max &&
         // a block of a section fits a message
         limits.message_size_max >= 256 + 4096;
}
static_assert(consistent(Limits::standard()));
static_assert(consistent(Limits::tiny()));

// Jitter, where a field says so, comes from the shard's generator.
struct Tunables {
  Duration beat = milliseconds(50);
  Duration primary_suspected = milliseconds(200);
  Duration primary_suspected_jitter = milliseconds(100);
  Duration primary_lost = milliseconds(50);         // after PeerLost
  Duration sign_of_life_fresh = milliseconds(150);  // a backup that heard the primary this recently casts no vote
  Duration vote_resend = milliseconds(100);
  Duration vote_valid = milliseconds(1000);
  Duration view_change_give_up = milliseconds(400);  // x 2^k, k <= 4, +-50 %
  Duration get_view = milliseconds(100);
  Duration prepare_resend = milliseconds(100);  // x 2^k, <= 1.6 s
  Duration repair_pace = milliseconds(20);
  Duration reclaim_patience = milliseconds(2000);  // for a checkpoint, before ops are copied to free a segment
  Duration abdicate = milliseconds(400);
  Duration watchdog = milliseconds(2000);
  Duration quiesce_after = milliseconds(3000);  // without a request, before a group's backups are asked to sleep
  Duration quiesce_resend = milliseconds(200);  // x 2^k, <= 3.2 s
  Duration wake_pace = milliseconds(10);        // the groups that slept under a lost primary: some per
  Duration sync_stall = milliseconds(2000);     // without progress of repair, before a peer's checkpoint is fetched
  Duration sync_retry = milliseconds(200);      // an answer of a transfer is waited for
  Duration sync_pin = milliseconds(30000);      // a checkpoint is kept after a peer asked for a piece of it
  Duration space_probe = milliseconds(1000);    // on a device that has no space, for whether it has some again
  Duration scrub_pace = milliseconds(20);       // one read of a scrub tour per
  Duration scrub_every = seconds(24 * 3600);    // from the begin of one tour to that of the next, at least
  Duration marker_delay = milliseconds(2);
  Duration clock_window_min = milliseconds(2000);
  Duration clock_window_max = milliseconds(20000);
  Duration clock_tolerance_max = milliseconds(500);
  Duration clock_valid = milliseconds(60000);
  Duration client_resend = milliseconds(200);    // x 2^k, <= 3.2 s
  Duration voter_missing = milliseconds(10000);  // not heard for so long: strict_ack, until it is heard again
  bool strict_ack = false;                       // stored means marked, for every record

  static constexpr Tunables standard() { return {}; }
  // A fifth of the standard ones.
  static constexpr Tunables tiny() {
    Tunables t;
    for (Duration* d : {&t.beat,
                        &t.primary_suspected,
                        &t.primary_suspected_jitter,
                        &t.primary_lost,
                        &t.sign_of_life_fresh,
                        &t.vote_resend,
                        &t.vote_valid,
                        &t.view_change_give_up,
                        &t.get_view,
                        &t.prepare_resend,
                        &t.repair_pace,
                        &t.reclaim_patience,
                        &t.quiesce_after,
                        &t.quiesce_resend,
                        &t.space_probe,
                        &t.scrub_pace,
                        &t.abdicate,
                        &t.watchdog,
                        &t.sync_retry,
                        &t.marker_delay,
                        &t.clock_window_min,
                        &t.clock_window_max,
                        &t.client_resend,
                        &t.voter_missing})
      *d = *d / 5;
    t.sync_stall = t.repair_pace * 10;
    t.sync_pin = milliseconds(400);
    return t;
  }
};

}  // namespace keelson
