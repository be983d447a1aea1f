#include "keelson/vsr/state_sync.h"

#include <algorithm>
#include <bit>

#include "keelson/store/layout.h"
#include "keelson/vsr/rules.h"

namespace keelson {

// A checkpoint whose table would not fit a buffer could not be stored here.
StateSync::StateSync(const Limits& limits, Duration retry)
    : sections_max_(sections_max(table_bytes_max(limits))),
      blocks_(limits.checkpoint_blocks),
      fetches_max_(limits.sync_in_flight_max),
      retry_(retry) {}

void StateSync::start(const SyncTarget& target, Instant now) {
  stop();
  heard_ = now;
  active_ = true;
  target_ = target;
  fetches_ = Vec<Fetch>(fetches_max_);
  fetches_.resize(fetches_max_);
}

void StateSync::stop() {
  active_ = has_manifest_ = false;
  refused_ = silent_ = Votes();
  part_ = 0;
  waiting_ = {};
  manifest_ = {};
  manifest_bytes_ = {};
  fetches_ = {};
}

// ---------------------------------------------------------------- asking

ReplicaIndex StateSync::next_peer(ReplicaIndex self, u8 voters, Votes wrong) {
  ReplicaIndex silent = no_replica;
  for (u8 tries = 0; tries < voters; ++tries) {
    rotation_ = (rotation_ + 1) % voters;
    const ReplicaIndex peer(static_cast<u8>(rotation_));
    if (peer == self || refused_.has(peer) || wrong.has(peer)) continue;
    if (!silent_.has(peer)) return peer;
    silent = peer;
  }
  if (silent != no_replica) silent_.clear();
  return silent;
}

bool StateSync::refused_by_all(Instant now, Duration patience, ReplicaIndex self, u8 voters) const {
  const bool doubtful = !refused_.empty() || std::any_of(fetches_.begin(), fetches_.end(), [](const Fetch& fetch) {
    return fetch.used && fetch.doubtful;
  });
  if (doubtful && now.since(heard_) >= patience) return true;
  for (u8 i = 0; i < voters; ++i)
    if (ReplicaIndex(i) != self && !refused_.has(ReplicaIndex(i))) return false;
  return true;
}

bool StateSync::next_ask(Instant now, ReplicaIndex self, u8 voters, Ask& out) {
  if (!active_) return false;
  if (has_manifest_)
    return std::any_of(fetches_.begin(), fetches_.end(),
                       [&](Fetch& fetch) { return ask_for(fetch, now, self, voters, out); });
  if (waiting_.whom != no_replica && waiting_.until > now) return false;
  out = Ask{.whom = next_peer(self, voters, Votes()), .manifest = true, .part = part_};
  if (out.whom == no_replica) return false;
  waiting_ = {out.whom, now + retry_};
  return true;
}

bool StateSync::ask_for(Fetch& fetch, Instant now, ReplicaIndex self, u8 voters, Ask& out) {
  if (!fetch.used || fetch.whole || (fetch.waiting.whom != no_replica && fetch.waiting.until > now)) return false;
  if (fetch.waiting.whom != no_replica && ++fetch.silences == silences_max) {
    silent_.add(fetch.peer);
    leave_peer(fetch);
  }
  if (now >= fetch.again) fetch.wrong.clear();
  if (fetch.peer == no_replica) fetch.peer = next_peer(self, voters, fetch.wrong);
  if (fetch.peer == no_replica) return false;
  fetch.waiting = {fetch.peer, now + retry_};
  out = Ask{.whom = fetch.peer, .section = fetch.section, .offset = static_cast<u32>(fetch.bytes.size())};
  return true;
}

void StateSync::leave_peer(Fetch& fetch) {
  fetch.peer = no_replica;
  fetch.silences = 0;
  fetch.waiting = {};
  fetch.bytes.clear();
}

void StateSync::doubt_peer(Fetch& fetch, Instant now) {
  if (fetch.wrong.empty()) fetch.again = now + retry_;
  fetch.wrong.add(fetch.peer);
  fetch.doubtful = true;
  leave_peer(fetch);  // somebody else may have it whole
}

Instant StateSync::deadline(Instant now) const {
  Instant first = Instant::never();
  const auto consider = [&](const Waiting& waiting) {
    if (waiting.whom != no_replica && waiting.until > now) first = std::min(first, waiting.until);
  };
  if (active_ && !has_manifest_) consider(waiting_);
  for (const Fetch& fetch : fetches_) {
    if (!active_ || !fetch.used || fetch.whole) continue;
    consider(fetch.waiting);
    if (fetch.peer == no_replica && !fetch.wrong.empty()) first = std::min(first, fetch.again);
  }
  return first;
}

// ---------------------------------------------------------------- answers

// Parts come in order; only the whole can be proven.
bool StateSync::on_manifest(Instant now, ReplicaIndex from, const Manifest& answer, Bytes body) {
  if (!active_ || has_manifest_ || answer.checkpoint_id != target_.id || answer.part != part_ || waiting_.whom != from)
    return false;
  const bool fits =
      part_ == 0 ? begin_manifest(body) : body.size() <= manifest_bytes_.capacity() - manifest_bytes_.size();
  if (!fits) {
    part_ = 0;
    manifest_bytes_ = {};
    refused_.add(from);
    return false;
  }
  heard_ = now;
  const std::size_t begin = manifest_bytes_.size();
  manifest_bytes_.resize(begin + body.size());
  copy(manifest_bytes_.span().subspan(begin), body);
  ++part_;
  waiting_ = {};
  if (!manifest_bytes_.full()) return true;
  const bool whole = manifest_.decode_manifest(manifest_bytes_.span(), blocks_) && manifest_.id() == target_.id &&
                     manifest_.facts.op == target_.op;
  part_ = 0;
  manifest_bytes_ = {};
  has_manifest_ = whole;
  if (!whole) refused_.add(from);
  return whole;
}

// Its facts say how long it is. They are not proven yet, so they may ask for the memory of a largest one, no more.
bool StateSync::begin_manifest(Bytes first_part) {
  if (first_part.size() < sizeof(CheckpointFacts)) return false;
  const auto facts = load<CheckpointFacts>(first_part.data());
  const u64 sections = facts.sections();
  if (sections > sections_max_ || first_part.size() > manifest_bytes_of(sections)) return false;
  manifest_bytes_ = Vec<std::byte>(manifest_bytes_of(sections));
  return true;
}

bool StateSync::has_room() const {
  return std::any_of(fetches_.begin(), fetches_.end(), [](const Fetch& fetch) { return !fetch.used; });
}

bool StateSync::is_fetching(u32 section) const {
  return std::any_of(fetches_.begin(), fetches_.end(),
                     [&](const Fetch& fetch) { return fetch.used && fetch.section == section; });
}

void StateSync::fetch(u32 section) {
  const auto free = std::find_if(fetches_.begin(), fetches_.end(), [](const Fetch& fetch) { return !fetch.used; });
  check(has_manifest_ && free != fetches_.end() && !is_fetching(section));
  free->used = true;
  free->whole = false;
  free->section = section;
  free->wrong.clear();
  free->doubtful = false;
  leave_peer(*free);
  const u64 size = manifest_.sections[section].size;
  if (free->bytes.capacity() < size) free->bytes = Vec<std::byte>(std::bit_ceil(size));
}

bool StateSync::on_section(Instant now, ReplicaIndex from, const Section& answer, Bytes body, Counters& counters) {
  if (!active_ || !has_manifest_ || answer.checkpoint_id != target_.id) return false;
  const auto fetch = std::find_if(fetches_.begin(), fetches_.end(), [&](const Fetch& f) {
    return f.used && !f.whole && f.section == answer.section && f.waiting.whom == from;
  });
  if (fetch == fetches_.end() || answer.offset != fetch->bytes.size()) return false;
  const SavedSection& named = manifest_.sections[answer.section];
  if (answer.total != named.size || body.size() > named.size - answer.offset) return false;
  fetch->waiting = {};
  fetch->silences = 0;
  fetch->bytes.resize(answer.offset + body.size());
  copy(fetch->bytes.span().subspan(answer.offset), body);
  const bool whole = fetch->bytes.size() == named.size;
  fetch->whole = whole && rules::accepts_section(named, fetch->bytes.span());
  if (rules::is_progress(fetch->whole, fetch->doubtful)) heard_ = now;
  if (!whole) return true;
  if (fetch->whole) return counters.add(Counter::sync_sections_received), true;
  doubt_peer(*fetch, now);
  counters.hit(Mark::sync_section_refused);
  counters.add(Counter::drop_section_digest);
  return true;
}

void StateSync::on_unknown(ReplicaIndex from, const Digest& id) {
  if (!active_ || id != target_.id) return;
  refused_.add(from);
  if (waiting_.whom == from) waiting_ = {};
  for (Fetch& fetch : fetches_)
    if (fetch.used && !fetch.whole && fetch.peer == from) leave_peer(fetch);
}

void StateSync::on_damaged(Instant now, ReplicaIndex from, const Digest& id, u32 section) {
  if (!active_ || id != target_.id) return;
  for (Fetch& fetch : fetches_)
    if (fetch.used && !fetch.whole && fetch.peer == from && fetch.section == section) doubt_peer(fetch, now);
}

}  // namespace keelson
