// Giving a checkpoint to a peer: its manifest, then bytes of its sections, read from the disk a few at a time.
#include <algorithm>

#include "keelson/vsr/replica.h"

namespace keelson {
namespace {

u32 part_bytes(const Limits& limits) { return std::min(limits.message_size_max - header_size, limits.batch_bytes_max); }

}  // namespace

void Replica::refuse_checkpoint(Turn& turn, ReplicaIndex to, const Digest& id, Unavailability why, u32 section) {
  turn.counters.add(Counter::sync_refused);
  Unavailable answer = header<Unavailable>();
  answer.what = why;
  answer.floor = log_.floor();
  answer.checkpoint_id = id;
  answer.section = section;
  send_header(turn, to, answer);
}

void Replica::on_get_manifest(Turn& turn, ReplicaIndex from, const GetManifest& ask) {
  const CheckpointTable* table = checkpointer_.find(ask.checkpoint_id);
  if (!table || table->facts.op != ask.checkpoint_op)
    return refuse_checkpoint(turn, from, ask.checkpoint_id, Unavailability::unknown);
  const u64 bytes = table->manifest_bytes();
  const u64 begin = u64{ask.part} * part_bytes(config_.limits);
  if (begin >= bytes) return ignore(turn, Counter::drop_field);
  const u32 size = static_cast<u32>(std::min<u64>(bytes - begin, part_bytes(config_.limits)));
  MessageRef message = allocate_message(turn.slabs, size);
  if (!message) return turn.counters.add(Counter::drop_no_slab);
  table->encode_manifest(begin, body_of(message, size));
  Manifest answer = header<Manifest>();
  answer.checkpoint_op = ask.checkpoint_op;
  answer.checkpoint_id = ask.checkpoint_id;
  answer.part = ask.part;
  answer.parts = static_cast<u32>((bytes + part_bytes(config_.limits) - 1) / part_bytes(config_.limits));
  seal(message, answer, size);
  send(turn, from, std::move(message));
}

// One read of the disk per answer: as many blocks as lie in a row and fit a message. Whoever finds all reads taken
// hears nothing and asks again.
void Replica::on_get_section(Turn& turn, ReplicaIndex from, const GetSection& ask) {
  const CheckpointTable* table = checkpointer_.find(ask.checkpoint_id);
  if (!table || !checkpointer_.pin(ask.checkpoint_id, turn.now + config_.tunables.sync_pin))
    return refuse_checkpoint(turn, from, ask.checkpoint_id, Unavailability::unknown);
  if (ask.section >= table->sections.size()) return ignore(turn, Counter::drop_field);
  const SavedSection& section = table->sections[ask.section];
  if (ask.offset >= section.size || ask.offset % page_bytes != 0) return ignore(turn, Counter::drop_field);
  if (ask.checkpoint_id != checkpointer_.durable_id()) turn.counters.hit(Mark::sync_served_pinned);

  u32 skip = ask.offset / page_bytes;
  const BlockRun* run = section.runs.begin();
  for (; skip >= run->count; ++run) skip -= run->count;
  const u32 blocks_max = std::min(config_.limits.checkpoint_buffer_blocks, part_bytes(config_.limits) / page_bytes);
  const BlockRun wanted{run->first + skip, std::min(run->count - skip, blocks_max)};
  if (serving_.empty()) {
    serving_ = Vec<Serving>(config_.limits.sync_reads_max);
    serving_.resize(serving_.capacity());
  }
  const auto slot = std::find_if(serving_.begin(), serving_.end(), [](const Serving& s) { return !s.used; });
  if (slot == serving_.end()) return;
  const auto tag = static_cast<u32>(slot - serving_.begin()) + 1;
  if (!turn.checkpoints.read_for_peer(wanted, group(), tag, turn.out)) return;
  const u64 reading = checkpointer_.begin_read(ask.checkpoint_id);
  const u64 bytes = std::min<u64>(section.size - ask.offset, u64{wanted.count} * page_bytes);
  *slot = {true, from, ask.checkpoint_id, reading, ask.section, ask.offset, static_cast<u32>(bytes)};
}

void Replica::on_served_read(Turn& turn, const CheckpointZone::Done& done) {
  const Serving serving = std::exchange(serving_[done.tag - 1], Serving{});
  check(serving.used);
  const SavedSection& section = checkpointer_.read_from(serving.reading).sections[serving.section];
  const Bytes bytes = turn.checkpoints.bytes(done.buffer).first(serving.bytes);
  const bool whole = serving.bytes == section.size;
  if (!done.ok || (whole && digest_of(bytes) != section.digest))
    on_damaged_section(turn, serving);
  else
    send_section(turn, serving, section.size, bytes);
  turn.checkpoints.release(done.buffer);
  checkpointer_.end_read(serving.reading);
}

void Replica::send_section(Turn& turn, const Serving& serving, u64 total, Bytes bytes) {
  const u32 size = static_cast<u32>(bytes.size());
  MessageRef message = allocate_message(turn.slabs, size);
  if (!message) return turn.counters.add(Counter::drop_no_slab);
  copy(body_of(message, size), bytes);
  Section answer = header<Section>();
  answer.checkpoint_id = serving.id;
  answer.section = serving.section;
  answer.offset = serving.offset;
  answer.total = static_cast<u32>(total);
  seal(message, answer, size);
  send(turn, serving.to, std::move(message));
  turn.counters.hit(Mark::sync_served);
  turn.counters.add(Counter::sync_chunks_served);
}

// The next checkpoint writes it afresh; as primary this replica makes one soon.
void Replica::on_damaged_section(Turn& turn, const Serving& serving) {
  turn.counters.hit(Mark::sync_source_damaged);
  if (serving.id == checkpointer_.durable_id()) {
    checkpointer_.distrust_section(serving.section);
    renew_checkpoint(turn);
  }
  refuse_checkpoint(turn, serving.to, serving.id, Unavailability::damaged, serving.section);
}

}  // namespace keelson
