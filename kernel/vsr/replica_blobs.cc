// Blobs: the part of a checkpoint that holds the prepares whose bodies are retained, so that the log can be freed.
#include <algorithm>

#include "keelson/vsr/body_rules.h"
#include "keelson/vsr/replica.h"
#include "keelson/wire/prepare.h"

namespace keelson {
namespace {

constexpr u64 put_per_step_max = 256 * 1024;  // bytes

}  // namespace

// The checkpoint that begins here has blobs that no former one has: what they consist of is known now, whatever becomes
// of the index meanwhile.
void Replica::plan_blobs() {
  drop_plan();
  std::size_t count = 0;
  const auto blobs = body_index_.blobs();
  const auto is_new = [&](u32 i) { return checkpointer_.is_blob_pending(i); };
  for (u32 i = 0; i < blobs.size(); ++i) count += is_new(i) ? blobs[i].ops.size() : 0;
  if (count == 0) return;
  BodyWork& work = body_work();
  work.plan = Vec<BodyWork::Planned>(count);
  work.planned = 0;
  for (u32 i = 0; i < blobs.size(); ++i)
    for (const Op op : is_new(i) ? blobs[i].ops.span() : std::span<const Op>())
      work.plan.push_back({i, *body_index_.find(op)});
}

void Replica::drop_plan() {
  if (!body_work_) return;
  for (u32& read : body_work_->ahead) end_read(read);
  body_work_->ahead = {};
  body_work_->plan = {};
  body_work_->canonical = {};
}

// Prepares go into them in order, as fast as they are read and the zone takes them.
void Replica::make_blobs(Turn& turn) {
  if (!body_work_ || body_work_->plan.empty()) return;
  BodyWork& work = *body_work_;
  u64 put = 0;
  while (checkpointer_.is_saving() && checkpointer_.next_blob() && work.planned < work.plan.size()) {
    if (put >= put_per_step_max || !put_next_body(turn)) break;
    put += work.plan[work.planned - 1].what.size;
  }
  if (!checkpointer_.is_saving() || work.planned == work.plan.size()) drop_plan();
}

// False: it has to be waited for.
bool Replica::put_next_body(Turn& turn) {
  BodyWork& work = *body_work_;
  const BodyIndex::Entry& what = work.plan[work.planned].what;
  if (!checkpointer_.has_room_for_blob(turn.checkpoints, what.size)) return false;
  read_ahead_bodies(turn);
  const MessageRef* prepare = bodies_.get(what.op, what.identity);
  const bool read_before = !work.ahead.empty() && is_read_of(work.ahead[0], what.op);
  if (!prepare && !read_before) {  // it left the memory since the reads ahead of it began
    for (u32& read : work.ahead) end_read(read);
    work.ahead.clear();
    return false;
  }
  if (!prepare) {
    const BodyRead& read = work.reads[work.ahead[0]];
    const bool lost = read.state == BodyRead::State::lost;
    if (lost && !body_rules::goes_without(voters(), lacked_in_a_row_)) {
      if (lacked_in_a_row_ < 0xff) ++lacked_in_a_row_;
      return checkpointer_.forgo(), false;
    }
    if (read.state != BodyRead::State::here && !lost) return false;
    prepare = &read.message;
  }
  if (work.canonical.capacity() < what.size) work.canonical = Vec<std::byte>(what.size);
  work.canonical.clear();
  work.canonical.resize(what.size);  // zeros, where there is nobody who could have it
  if (*prepare) write_canonical(*prepare, work.canonical.span());
  checkpointer_.put_blob(work.canonical.span(), turn.checkpoints);
  if (read_before) {
    end_read(work.ahead[0]);
    work.ahead.erase_at(0);
  }
  const u32 blob = work.plan[work.planned++].blob;
  if (work.planned == work.plan.size() || work.plan[work.planned].blob != blob) {
    if (!checkpointer_.next_blob()) return true;  // there was no space for it
    checkpointer_.end_blob(turn.checkpoints, turn.counters);
    turn.counters.hit(Mark::blob_saved);
  }
  return true;
}

bool Replica::is_read_of(u32 read, Op op) const { return body_work_->reads[read].what.op == op; }

// Half of the reads are left to clients and peers.
void Replica::read_ahead_bodies(Turn& turn) {
  BodyWork& work = *body_work_;
  const u32 most = std::max(1u, config_.limits.body_reads_max / 2);
  if (work.ahead.capacity() == 0) work.ahead = Vec<u32>(most);
  std::size_t next = work.planned;
  if (!work.ahead.empty())
    while (next < work.plan.size() && work.plan[next].what.op != work.reads[work.ahead.back()].what.op) ++next;
  if (!work.ahead.empty()) ++next;
  for (u32 looked = 0; next < work.plan.size() && !work.ahead.full() && looked < 64; ++next, ++looked) {
    const BodyIndex::Entry& what = work.plan[next].what;
    if (bodies_.get(what.op, what.identity)) continue;
    const u32 read = begin_read(turn, what, no_replica);
    if (read == no_read) return;
    work.ahead.push_back(read);
  }
}

}  // namespace keelson
