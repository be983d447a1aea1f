#include "keelson/store/recovery_rewrite.h"

#include "keelson/store/recovery_facts.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

constexpr u32 tries_max = 3;  // a read may fail once and succeed the next time

}  // namespace

LogRewriter::LogRewriter(ClusterId cluster, ShardId shard, NodeId self, const Limits& limits, Slabs& slabs, IoIds& ids)
    : cluster_(cluster),
      seed_(page_seed(cluster, shard)),
      self_(self),
      limits_(limits),
      slabs_(slabs),
      ids_(ids),
      pages_(record_pages_max(limits)),
      stored_(std::size_t{limits.wal_batches_in_flight_max} * limits.wal_batch_records_max) {}

void LogRewriter::add(const RecordPlace& place) { push_growing(places_, place); }

void LogRewriter::start(Instant now, Wal& wal, EffectBag& out) { pump(now, wal, out); }

bool LogRewriter::on_completion(Instant now, const Completion& completion, Wal& wal, EffectBag& out) {
  if (read_ != IoId() && completion.id == read_) {
    read_ = IoId();
    if (completion.status == IoStatus::ok && take()) {
      tries_ = 0;
    } else if (++tries_ < tries_max) {
      --next_;
    } else {
      tries_ = 0;
      push_growing(failed_, places_[next_ - 1]);
    }
  } else {
    stored_.clear();
    if (!wal.on_completion(now, completion, stored_, loaded_, out)) return false;
    unmarked_ -= static_cast<u32>(stored_.size());
  }
  if (!wal.poisoned()) pump(now, wal, out);
  return true;
}

// One record at a time; a batch collects them until it is full.
void LogRewriter::pump(Instant now, Wal& wal, EffectBag& out) {
  if (waiting_) {
    const RecordMeta meta = meta_of(waiting_);
    if (wal.has_room(1, waiting_.size(), meta.command)) {
      wal.append(meta, std::move(waiting_));
      waiting_ = MessageRef();
      ++unmarked_;
    } else if (unmarked_ == 0) {
      waiting_ = MessageRef();  // the log is full
      if (meta.command == Command::prepare) push_growing(failed_, places_[next_ - 1]);
    }
  }
  if (!waiting_ && read_ == IoId() && next_ < places_.size()) read_next(out);
  if (waiting_ || read_ == IoId()) wal.seal_batch(now, out);
}

void LogRewriter::read_next(EffectBag& out) {
  const RecordPlace& place = places_[next_++];
  read_ = ids_.next();
  out.reads.push_back(
      Read{read_, Zone::wal, wal_offset(limits_, place.page), pages_.span(0, pages_of(place)), IoClass::read_client});
}

// False: what was there a moment ago can't be read now, or finds no memory.
bool LogRewriter::take() {
  const RecordPlace& place = places_[next_ - 1];
  Slab* slab = slabs_.acquire(place.size);
  if (!slab) return false;
  MessageRef message(slab);
  const MutableBytes bytes{message.mutable_data(), place.size};
  if (gather_record(pages_.span(0, pages_of(place)), place, seed_, limits_, bytes) != RecordPages::ok) return false;
  if (validate_record(bytes, cluster_, limits_) != Reject::none) return false;
  Header header = message.header();
  if (header.command == Command::prepare && header.node != self_) {
    // A copy made by this node: it says nothing of when the record came (store_rules::is_live).
    Prepare copy = message.as<Prepare>();
    copy.node = self_;
    copy.replica = no_replica;
    seal_header(message, copy, place.size - header_size);
  }
  waiting_ = std::move(message);
  return true;
}

RecordMeta LogRewriter::meta_of(const MessageRef& message) const {
  const Header header = message.header();
  if (header.command == Command::prepare) {
    const auto prepare = message.as<Prepare>();
    return {header.group, header.command, header.epoch, header.view, header.view, prepare.op, prepare.identity, 0,
            true};
  }
  if (header.command == Command::group_checkpoint) {
    const auto checkpoint = message.as<GroupCheckpoint>();
    return {header.group, header.command, header.epoch, header.view, header.view, checkpoint.op, checkpoint.identity, 0,
            true};
  }
  const auto state = message.as<GroupState>();
  const Digest identity = state.header_count > 0 ? as<Prepare>(message.data() + header_size).identity : Digest{};
  return {header.group,    header.command, header.epoch,      header.view, state.log_view, state.head, identity,
          state.state_seq, true,           state.state_flags, true};
}

}  // namespace keelson
