#include "keelson/store/checkpoint_zone.h"

#include <algorithm>

#include "keelson/store/rules.h"

namespace keelson {

CheckpointZone::CheckpointZone(const Limits& limits, IoIds& ids, Counters& counters)
    : limits_(limits),
      ids_(ids),
      counters_(counters),
      blocks_(limits.checkpoint_blocks),
      buffers_(std::size_t{limits.checkpoint_staged_max} + 2 * std::size_t{limits.checkpoint_buffers}),
      free_(buffers_.capacity()),
      queue_(buffers_.capacity()) {}

// Buffers are made when they are first needed, and stay.
u32 CheckpointZone::take_buffer() {
  if (free_.empty()) {
    check(!buffers_.full());
    buffers_.emplace_back();
    buffers_.back().pages = PageBuffer(limits_.checkpoint_buffer_blocks);
    free_.push_back(static_cast<u32>(buffers_.size() - 1));
  }
  const u32 buffer = free_.back();
  free_.pop_back();
  return buffer;
}

void CheckpointZone::free_buffer(u32 buffer) {
  Buffer& b = buffers_[buffer];
  b.use = Use::free;
  b.run = {};
  b.id = IoId();
  free_.push_back(buffer);
}

void CheckpointZone::change_need(const Need& from, const Need& to) {
  needed_.durable += to.durable - from.durable;
  needed_.grown += to.grown - from.grown;
}

bool CheckpointZone::is_crowded() const {
  return store_rules::is_crowded(needed_.durable + needed_.grown, blocks_.count());
}

bool CheckpointZone::is_full() const { return store_rules::is_crowded(needed_.durable, blocks_.count()); }

std::optional<u32> CheckpointZone::open() {
  if (staged_ >= limits_.checkpoint_staged_max) return std::nullopt;
  const u32 buffer = take_buffer();
  buffers_[buffer].use = Use::open;
  ++staged_;
  return buffer;
}

// Runs that lie in a row are one: a table has to name them all.
bool CheckpointZone::put(u32 buffer, u32 used, GroupId group, Vec<BlockRun>& runs, u32& pieces) {
  check(buffers_[buffer].use == Use::open && used > 0 && used <= buffer_bytes());
  const u32 wanted = static_cast<u32>((used + page_bytes - 1) / page_bytes);
  u32 from = buffer;
  for (u32 at = 0; at < wanted;) {
    const BlockRun run = blocks_.allocate(wanted - at);
    if (run.empty() || (at + run.count < wanted && staged_ >= limits_.checkpoint_staged_max)) {
      if (!run.empty()) blocks_.free(run);
      if (buffers_[from].use == Use::open) discard(from);
      return false;
    }
    ++pieces;
    if (!runs.empty() && runs.back().first + runs.back().count == run.first)
      runs.back().count += run.count;
    else
      push_growing(runs, run);
    const u32 bytes_here = std::min(used - at * page_bytes, run.count * page_bytes);
    if (at + run.count < wanted) {  // the zone is in pieces: the rest moves into a buffer of its own
      const u32 rest = *open();
      copy(bytes(rest), bytes(from).subspan(std::size_t{run.count} * page_bytes));
      enqueue(from, run, bytes_here, group);
      from = rest;
    } else {
      enqueue(from, run, bytes_here, group);
    }
    at += run.count;
  }
  return true;
}

void CheckpointZone::discard(u32 buffer) {
  check(buffers_[buffer].use == Use::open);
  --staged_;
  free_buffer(buffer);
}

void CheckpointZone::enqueue(u32 buffer, const BlockRun& run, u32 used, GroupId group) {
  Buffer& b = buffers_[buffer];
  const MutableBytes whole = b.pages.span(0, run.count);
  std::fill(whole.begin() + used, whole.end(), std::byte{0});
  b.part = whole;
  b.use = Use::queued;
  b.group = group;
  b.run = run;
  queue_.push_back(buffer);
}

void CheckpointZone::emit(EffectBag& out) {
  while (!queue_.empty() && !failed_ && writing_ < limits_.checkpoint_buffers) {
    const u32 buffer = queue_.pop_front();
    Buffer& b = buffers_[buffer];
    b.use = Use::writing;
    b.id = ids_.next();
    ++writing_;
    counters_.add(Counter::checkpoint_blocks_written, b.run.count);
    out.writes.push_back({b.id, Zone::checkpoint, u64{b.run.first} * page_bytes, {&b.part, 1}, IoClass::checkpoint});
  }
}

void CheckpointZone::probe(EffectBag& out) {
  if (probing_ || failed_ || writing_ == limits_.checkpoint_buffers) return;
  const BlockRun block = blocks_.allocate_last();
  if (block.empty()) return;
  probing_ = true;
  ++staged_;
  ++writing_;
  const u32 buffer = take_buffer();
  Buffer& b = buffers_[buffer];
  const MutableBytes page = b.pages.span(0, 1);
  std::fill(page.begin(), page.end(), std::byte{0});
  b.part = page;
  b.use = Use::writing;
  b.group = no_group;
  b.run = block;
  b.id = ids_.next();
  out.writes.push_back({b.id, Zone::checkpoint, u64{block.first} * page_bytes, {&b.part, 1}, IoClass::checkpoint});
}

void CheckpointZone::on_probed(const Buffer& buffer, bool ok) {
  probing_ = false;
  blocks_.free(buffer.run);
  if (ok) out_of_space_ = false;
}

bool CheckpointZone::read(const BlockRun& run, GroupId group, EffectBag& out) {
  if (reading_ == limits_.checkpoint_buffers) return false;
  start_read(run, group, 0, false, out);
  return true;
}

bool CheckpointZone::read_for_peer(const BlockRun& run, GroupId group, u32 tag, EffectBag& out) {
  if (reading_ == limits_.checkpoint_buffers || serving_ == limits_.sync_reads_max) return false;
  start_read(run, group, tag, true, out);
  return true;
}

bool CheckpointZone::read_body(const BlockRun& run, GroupId group, u32 tag, EffectBag& out) {
  if (reading_ + 1 >= limits_.checkpoint_buffers) return false;
  start_read(run, group, tag, false, out);
  return true;
}

void CheckpointZone::start_read(const BlockRun& run, GroupId group, u32 tag, bool for_peer, EffectBag& out) {
  check(run.count > 0 && run.count <= limits_.checkpoint_buffer_blocks);
  ++reading_;
  serving_ += for_peer;
  const u32 buffer = take_buffer();
  Buffer& b = buffers_[buffer];
  b.use = Use::reading;
  b.group = group;
  b.run = run;
  b.id = ids_.next();
  b.tag = tag;
  b.for_peer = for_peer;
  out.reads.push_back({b.id, Zone::checkpoint, u64{run.first} * page_bytes, b.pages.span(0, run.count),
                       for_peer ? IoClass::repair : IoClass::checkpoint});
}

void CheckpointZone::release(u32 buffer) {
  check(buffers_[buffer].use == Use::held);
  --reading_;
  serving_ -= buffers_[buffer].for_peer;
  free_buffer(buffer);
}

std::optional<CheckpointZone::Done> CheckpointZone::on_completion(const Completion& completion) {
  for (u32 i = 0; i < buffers_.size(); ++i) {
    Buffer& b = buffers_[i];
    if ((b.use != Use::writing && b.use != Use::reading) || b.id != completion.id) continue;
    const bool ok = completion.status == IoStatus::ok;
    const Done done{b.group, completion.kind, ok, i, b.use == Use::reading ? b.tag : 0};
    if (b.use == Use::reading) {
      b.use = Use::held;
      return done;
    }
    --writing_;
    --staged_;
    if (completion.status == IoStatus::no_space)
      out_of_space_ = true;
    else
      failed_ = failed_ || !store_rules::is_written(Zone::checkpoint, completion.status);
    if (b.group == no_group) on_probed(b, ok);
    free_buffer(i);
    return done;
  }
  return std::nullopt;
}

}  // namespace keelson
