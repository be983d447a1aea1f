#include "keelson/vsr/sessions.h"

#include <algorithm>

#include "keelson/machine/sections.h"

namespace keelson {
namespace {

constexpr u32 index_slots_min = 4;
constexpr u32 reply_bytes_min = 64;
constexpr u32 most_sections = 16;  // of 64 sessions each, on standard limits

// splitmix64's finaliser over both halves in turn: ids that differ in any bit end up elsewhere.
u64 mix(ClientId client) {
  const auto finish = [](u64 z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  return finish(finish(client.lo) + client.hi);
}

// One entry of a section; the reply's bytes and its parts follow.
struct SavedEntry {
  ClientId client;
  SessionId session;
  RequestNo executed;
  Digest request_checksum;
  Op last_op;
  Timestamp last_timestamp;
  u32 reply_size = 0;
  u16 status = 0;
  Operation operation;
  u32 part_count = 0;
  u32 zero = 0;
};
static_assert(sizeof(SavedEntry) == 80);

struct SavedSection {
  u32 section = 0;
  u32 count = 0;
};

}  // namespace

Sessions::Sessions(const Limits& limits)
    : sessions_max_(limits.sessions_max),
      reply_bytes_max_(limits.reply_bytes_max),
      reply_parts_max_(limits.reply_parts_max),
      ttl_(limits.session_ttl_ns) {
  check(sessions_max_ > 0);
}

Sessions::Verdict Sessions::judge(const RequestFrame& frame, Timestamp timestamp) const {
  const u32 found = find(frame.client);
  const SessionFacts* facts = found == absent ? nullptr : &entries_[found].facts;
  if (frame.operation != operation_register) return judge_request(facts, frame);
  const bool has_room = facts || !is_full() || idlest(timestamp) != absent;
  return judge_register(facts, frame, has_room);
}

Expected<SessionId> Sessions::register_client(ClientId client, Op op, Timestamp timestamp) {
  const u32 found = find(client);
  if (found != absent) return entries_[found].facts.session;
  if (is_full()) {
    const u32 victim = idlest(timestamp);
    if (victim == absent) return Unexpected(Status::sessions_full);
    touch_(SectionId(section_of(entries_[victim].client)));
    remove(victim);
    ++evictions_;
  }
  touch_(SectionId(section_of(client)));
  return insert(client, op, timestamp).facts.session;
}

void Sessions::executed(const RequestFrame& frame, Op op, Timestamp timestamp, Status status, Bytes reply,
                        std::span<const ReplyPart> parts) {
  const u32 found = find(frame.client);
  check(found != absent);
  Entry& entry = entries_[found];
  check(judge_request(&entry.facts, frame) == Verdict::execute);
  touch_(SectionId(section_of(frame.client)));
  entry.facts.executed = frame.request;
  entry.facts.request_checksum = frame.body_checksum;
  entry.facts.operation = frame.operation;
  entry.last_op = op;
  entry.last_timestamp = timestamp;
  entry.status = status;
  // What the one before referred to goes last: it may be what this one refers to.
  for (const ReplyPart& part : parts) share_(share_self_, part.ref.op, true);
  share_bodies(entry, false);
  const MutableBytes room = room_for_reply(entry, reply.size(), parts.size());
  copy(room, reply);
  copy(room.subspan(reply.size()), std::as_bytes(parts));
}

void Sessions::share_bodies(const Entry& entry, bool held) const {
  for (u32 i = 0; i < entry.part_count; ++i)
    share_(share_self_, load<ReplyPart>(entry.parts().data() + i * sizeof(ReplyPart)).ref.op, held);
}

void Sessions::unregister_client(ClientId client) {
  const u32 found = find(client);
  check(found != absent);
  touch_(SectionId(section_of(client)));
  remove(found);
}

std::optional<Sessions::Retained> Sessions::retained(ClientId client) const {
  const u32 found = find(client);
  if (found == absent || entries_[found].facts.executed == RequestNo(0)) return std::nullopt;
  const Entry& entry = entries_[found];
  return Retained{entry.facts.executed,
                  entry.status,
                  entry.last_op,
                  entry.last_timestamp,
                  entry.facts.request_checksum,
                  entry.facts.operation,
                  entry.reply.span().first(entry.reply_size),
                  entry.part_count,
                  entry.parts()};
}

std::optional<SessionId> Sessions::session_of(ClientId client) const {
  const u32 found = find(client);
  return found == absent ? std::nullopt : std::optional(entries_[found].facts.session);
}

void Sessions::reset() {
  entries_.clear();
  section_count_ = 1;
  for (u32& slot : index_.span()) slot = absent;
}

// O(sessions), and only for a register that meets a full table.
u32 Sessions::idlest(Timestamp timestamp) const {
  u32 best = absent;
  for (u32 i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!is_idle(timestamp, entry.last_timestamp, ttl_)) continue;
    if (best == absent || entry.last_op < entries_[best].last_op ||
        (entry.last_op == entries_[best].last_op && entry.client < entries_[best].client))
      best = i;
  }
  return best;
}

MutableBytes Sessions::room_for_reply(Entry& entry, std::size_t bytes, std::size_t parts) {
  check(bytes <= reply_bytes_max_ && parts <= reply_parts_max_);
  const std::size_t size = bytes + parts * sizeof(ReplyPart);
  if (size > entry.reply.capacity()) {
    const std::size_t capacity = std::max<std::size_t>(std::bit_ceil(size), reply_bytes_min);
    entry.reply = Vec<std::byte>(capacity);
    entry.reply.resize(capacity);
  }
  entry.reply_size = static_cast<u32>(bytes);
  entry.part_count = static_cast<u32>(parts);
  return entry.reply.span().first(size);
}

// The table: entries are dense, index_ finds them by client.

u32 Sessions::home_of(ClientId client) const { return static_cast<u32>(mix(client) & (index_.size() - 1)); }

u32 Sessions::section_of(ClientId client) const { return static_cast<u32>((mix(client) >> 32) & (section_count_ - 1)); }

u32 Sessions::find(ClientId client) const {
  if (index_.empty()) return absent;
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  for (u32 slot = home_of(client); index_[slot] != absent; slot = (slot + 1) & mask)
    if (entries_[index_[slot]].client == client) return index_[slot];
  return absent;
}

Sessions::Entry& Sessions::insert(ClientId client, Op op, Timestamp timestamp) {
  if (entries_.capacity() == 0) entries_ = Vec<Entry>(1);
  Entry& entry = push_growing(entries_, Entry{});
  entry.client = client;
  entry.facts.session = SessionId(op.raw());
  entry.last_op = op;
  entry.last_timestamp = timestamp;
  if (entries_.size() * 2 > index_.size())
    grow_index();
  else
    place(static_cast<u32>(entries_.size() - 1));
  return entry;
}

void Sessions::remove(u32 index) {
  share_bodies(entries_[index], false);
  vacate(slot_of(index));
  const u32 last = static_cast<u32>(entries_.size() - 1);
  if (index != last) {
    index_[slot_of(last)] = index;
    entries_[index] = std::move(entries_[last]);
  }
  entries_.pop_back();
}

void Sessions::place(u32 index) {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  u32 slot = home_of(entries_[index].client);
  while (index_[slot] != absent) slot = (slot + 1) & mask;
  index_[slot] = index;
}

u32 Sessions::slot_of(u32 index) const {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  u32 slot = home_of(entries_[index].client);
  while (index_[slot] != index) slot = (slot + 1) & mask;
  return slot;
}

// Backward shift: what probed past the hole moves into it, so that no look-up stops early.
void Sessions::vacate(u32 slot) {
  const u32 mask = static_cast<u32>(index_.size()) - 1;
  u32 hole = slot;
  for (u32 next = (hole + 1) & mask; index_[next] != absent; next = (next + 1) & mask) {
    const u32 home = home_of(entries_[index_[next]].client);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    index_[hole] = index_[next];
    hole = next;
  }
  index_[hole] = absent;
}

void Sessions::grow_index() {
  const std::size_t slots = std::max<std::size_t>(index_slots_min, index_.size() * 2);
  index_ = Vec<u32>(slots);
  index_.resize(slots);
  for (u32& slot : index_.span()) slot = absent;
  for (u32 i = 0; i < entries_.size(); ++i) place(i);
}

// Snapshots.

u32 Sessions::sections_max() const { return std::bit_floor(std::min(most_sections, sessions_max_)); }

void Sessions::settle_sections() {
  const u64 per_section = (sessions_max_ + sections_max() - 1) / sections_max();
  section_count_ = settled_sections(section_count_, (entries_.size() + per_section - 1) / per_section, sections_max());
}

Status Sessions::begin_load(u32 sections) {
  if (!may_have_sections(sections, sections_max())) return Status::corrupt_snapshot;
  section_count_ = sections;
  return Status::ok;
}

void Sessions::save_section(u32 section, ByteSink& sink) const {
  check(section < section_count_);
  order_.clear();
  for (u32 i = 0; i < entries_.size(); ++i)
    if (is_saved_in(section, section_of(entries_[i].client))) push_growing(order_, i);
  std::sort(order_.begin(), order_.end(), [this](u32 a, u32 b) { return entries_[a].client < entries_[b].client; });
  sink.put_value(SavedSection{section, static_cast<u32>(order_.size())});
  for (const u32 i : order_) {
    const Entry& entry = entries_[i];
    sink.put_value(SavedEntry{entry.client, entry.facts.session, entry.facts.executed, entry.facts.request_checksum,
                              entry.last_op, entry.last_timestamp, entry.reply_size, static_cast<u16>(entry.status),
                              entry.facts.operation, entry.part_count, 0});
    sink.put(entry.reply.span().first(entry.reply_size));
    sink.put(entry.parts());
  }
}

Status Sessions::load_section(u32 section, ByteSource& source) {
  SavedSection saved;
  if (section >= section_count_ || !source.take_value(saved) || saved.section != section)
    return Status::corrupt_snapshot;
  ClientId previous;
  for (u32 i = 0; i < saved.count; ++i) {
    const Status status = load_entry(section, i ? &previous : nullptr, source);
    if (status != Status::ok) return status;
    previous = entries_.back().client;
  }
  return source.at_end() ? Status::ok : Status::corrupt_snapshot;
}

Status Sessions::load_entry(u32 section, const ClientId* previous, ByteSource& source) {
  SavedEntry saved;
  if (!source.take_value(saved)) return Status::corrupt_snapshot;
  const bool never_executed = saved.executed == RequestNo(0);
  if (is_full() || section_of(saved.client) != section || find(saved.client) != absent ||
      (previous && !(*previous < saved.client)) || saved.reply_size > reply_bytes_max_ ||
      saved.part_count > reply_parts_max_ || saved.zero != 0 || saved.session.raw() > saved.last_op.raw() ||
      (never_executed &&
       (saved.reply_size != 0 || saved.part_count != 0 || saved.status != 0 || saved.operation != Operation(0) ||
        !saved.request_checksum.is_zero() || saved.session.raw() != saved.last_op.raw())))
    return Status::corrupt_snapshot;
  Entry& entry = insert(saved.client, saved.last_op, saved.last_timestamp);
  entry.facts = {saved.session, saved.executed, saved.request_checksum, saved.operation};
  entry.status = static_cast<Status>(saved.status);
  u32 at = 0;
  if (!source.take(room_for_reply(entry, saved.reply_size, saved.part_count))) return Status::corrupt_snapshot;
  for (u32 i = 0; i < entry.part_count; ++i) {
    const auto part = load<ReplyPart>(entry.parts().data() + i * sizeof(ReplyPart));
    if (part.at > entry.reply_size || (i > 0 && part.at < at) || part.zero != 0) return Status::corrupt_snapshot;
    at = part.at;
  }
  return Status::ok;
}

Digest Sessions::digest() const {
  DigestStream stream;
  ByteSink sink = sink_into(stream);
  for (u32 section = 0; section < section_count_; ++section) save_section(section, sink);
  return stream.finish();
}

}  // namespace keelson
