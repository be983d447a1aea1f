// CheckpointZone: reads and writes of a shard's checkpoint zone, its blocks and the buffers on their way there.
//
// Who uses it: checkpointers of all groups of a shard put bytes in and read sections back; the shard passes completions
// on. What is put waits in memory until a write is free, a bounded number at a time; a block is freed only by whoever
// knows that nothing durable points to it. Not here: what the bytes are (checkpoint_table.h, vsr/checkpointer.h).
#pragma once

#include <optional>

#include "keelson/base/counters.h"
#include "keelson/base/ring.h"
#include "keelson/store/blocks.h"
#include "keelson/store/io_ids.h"
#include "keelson/store/page_buffer.h"
#include "keelson/wire/bag.h"

namespace keelson {

class CheckpointZone {
 public:
  // A completion that concerns somebody.
  struct Done {
    GroupId group;
    IoKind kind = IoKind::write;
    bool ok = false;
    u32 buffer = 0;  // of a read: its bytes, until release()
    u32 tag = 0;     // of a read: what it was asked with
  };

  CheckpointZone(const Limits& limits, IoIds& ids, Counters& counters);

  Blocks& blocks() { return blocks_; }
  u32 buffer_bytes() const { return limits_.checkpoint_buffer_blocks * page_bytes; }

  // A buffer to fill. None: as many hold something as may, or memory for another can't be had.
  std::optional<u32> open();
  MutableBytes bytes(u32 buffer) { return buffers_[buffer].pages.span(0, limits_.checkpoint_buffer_blocks); }
  // Hands a filled buffer over: its first `used` bytes, padded to a block, go to the zone, perhaps in several pieces,
  // which are added to `pieces`. False: no blocks; the buffer is gone. What it took is appended to `runs`.
  [[nodiscard]] bool put(u32 buffer, u32 used, GroupId group, Vec<BlockRun>& runs, u32& pieces);
  // The same in one piece, to blocks that the caller has.
  void put_at(u32 buffer, u32 used, GroupId group, const BlockRun& run) { enqueue(buffer, run, used, group); }
  void discard(u32 buffer);               // that was opened: nothing of it is written
  u32 staged() const { return staged_; }  // buffers filled and not written
  u64 table_bytes_max() const { return u64{limits_.checkpoint_table_blocks} * page_bytes; }
  // Both copies of any table could be staged.
  bool has_room_for_table() const { return staged_ + limits_.table_buffers_max() <= limits_.checkpoint_staged_max; }
  u32 staged_max() const { return limits_.checkpoint_staged_max; }

  // At most a buffer's worth of blocks. False: too many reads are under way. Those for peers are fewer and less urgent:
  // never do they keep a start or a transfer to this node waiting for long.
  bool read(const BlockRun& run, GroupId group, EffectBag& out);
  bool read_for_peer(const BlockRun& run, GroupId group, u32 tag, EffectBag& out);
  // For clients that wait: leaves a read to starts and transfers.
  bool read_body(const BlockRun& run, GroupId group, u32 tag, EffectBag& out);
  void release(u32 buffer);

  // Once per step, after everything that may put.
  void emit(EffectBag& out);
  // None: not an id of this zone. Each piece that was put gives one Done.
  std::optional<Done> on_completion(const Completion& completion);
  bool failed() const { return failed_; }  // a write did: as for the log, nothing more is written
  // A write found no space on the device: whoever asked for it gives up, the log can't be made shorter until there is
  // some again. probe() writes to the block that is the least likely to have a place already, and ends it.
  bool out_of_space() const { return out_of_space_; }
  void probe(EffectBag& out);

  // Blocks for a group's next checkpoint: what its durable one has, and what may have come to its state since.
  struct Need {
    u64 durable = 0;
    u64 grown = 0;
    constexpr bool operator==(const Need&) const = default;
  };
  void change_need(const Need& from, const Need& to);
  // What makes a state larger is refused, before there is no room for the next checkpoint.
  bool is_crowded() const;
  // A checkpoint of each group that has changed would not help.
  bool is_full() const;
  u64 durable_blocks() const { return needed_.durable; }

 private:
  enum class Use : u8 { free, open, queued, writing, reading, held };
  struct Buffer {
    PageBuffer pages;
    Bytes part;
    Use use = Use::free;
    GroupId group;
    BlockRun run;
    IoId id;
    u32 tag = 0;
    bool for_peer = false;
  };
  void on_probed(const Buffer& buffer, bool ok);
  void start_read(const BlockRun& run, GroupId group, u32 tag, bool for_peer, EffectBag& out);
  u32 take_buffer();
  void enqueue(u32 buffer, const BlockRun& run, u32 used, GroupId group);
  void free_buffer(u32 buffer);

  const Limits& limits_;
  IoIds& ids_;
  Counters& counters_;
  Blocks blocks_;
  Vec<Buffer> buffers_;
  Vec<u32> free_;
  Ring<u32> queue_;
  u32 staged_ = 0;
  u32 writing_ = 0;
  u32 reading_ = 0;
  u32 serving_ = 0;  // of them for peers
  Need needed_;      // of all groups
  bool failed_ = false;
  bool out_of_space_ = false;
  bool probing_ = false;
};

}  // namespace keelson
