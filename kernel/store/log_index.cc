#include "keelson/store/log_index.h"

#include <algorithm>
#include <new>

namespace keelson {
namespace {

constexpr LogEntry blank_entry{};

constexpr std::size_t chunk_of(Op op) { return (op.raw() - 1) / LogChunks::entries_per_chunk; }
constexpr std::size_t entry_of(Op op) { return (op.raw() - 1) % LogChunks::entries_per_chunk; }
constexpr std::size_t chunks_for(u64 ops) {
  return (ops + LogChunks::entries_per_chunk - 1) / LogChunks::entries_per_chunk;
}

}  // namespace

LogChunks::LogChunks(u32 entries_max)
    : chunks_(static_cast<Chunk*>(
          ::operator new(chunks_for(entries_max) * sizeof(Chunk), std::align_val_t(alignof(Chunk))))),
      capacity_(static_cast<u32>(chunks_for(entries_max))) {}

LogChunks::~LogChunks() {
  check(in_use_ == 0);  // every index gave its chunks back
  ::operator delete(chunks_, std::align_val_t(alignof(Chunk)));
}

LogChunks::Chunk* LogChunks::acquire() {
  if (in_use_ == capacity_) return nullptr;
  ++in_use_;
  Chunk* chunk = free_list_;
  if (chunk)
    free_list_ = chunk->next_free;
  else
    chunk = chunks_ + untouched_++;
  return ::new (static_cast<void*>(chunk)) Chunk{};
}

void LogChunks::release(Chunk* chunk) {
  check(in_use_ > 0 && chunk >= chunks_ && chunk < chunks_ + untouched_);
  chunk->next_free = free_list_;
  free_list_ = chunk;
  --in_use_;
}

LogIndex::LogIndex(LogChunks& chunks, u64 journal_ops_max) : chunks_(&chunks), ops_max_(journal_ops_max) {}

LogIndex::LogIndex(LogIndex&& other) noexcept
    : chunks_(other.chunks_),
      ops_max_(other.ops_max_),
      directory_(std::move(other.directory_)),
      first_chunk_(other.first_chunk_),
      floor_(other.floor_),
      at_floor_(other.at_floor_),
      top_(std::exchange(other.top_, other.floor_)) {}

LogIndex::~LogIndex() { truncate_above(floor_); }

std::size_t LogIndex::slot_of(Op op) const { return chunk_of(op) - first_chunk_; }

const LogEntry& LogIndex::at(Op op) const {
  if (op <= floor_) return op == floor_ ? at_floor_ : blank_entry;
  if (op > top_) return blank_entry;
  const std::size_t i = slot_of(op);
  return i < directory_.size() && directory_[i] ? directory_[i]->entries[entry_of(op)] : blank_entry;
}

bool LogIndex::has_room(Op op) const {
  if (op <= floor_ || op - floor_ > ops_max_) return false;
  const std::size_t i = slot_of(op);
  return (i < directory_.size() && directory_[i]) || chunks_->available() > 0;
}

LogEntry& LogIndex::touch(Op op) {
  check(has_room(op));
  const std::size_t i = slot_of(op);
  if (i >= directory_.capacity()) grow_directory(i + 1);
  if (i >= directory_.size()) directory_.resize(i + 1);
  if (!directory_[i]) directory_[i] = chunks_->acquire();
  if (op > top_) top_ = op;
  return directory_[i]->entries[entry_of(op)];
}

void LogIndex::grow_directory(std::size_t size) {
  Vec<LogChunks::Chunk*> larger(std::max(size, directory_.capacity() * 2));
  for (LogChunks::Chunk* chunk : directory_) larger.push_back(chunk);
  directory_ = std::move(larger);
}

void LogIndex::truncate_above(Op head) {
  check(head >= floor_);
  const std::size_t kept = head == floor_ ? 0 : slot_of(head) + 1;
  while (directory_.size() > kept) {
    if (LogChunks::Chunk* chunk = directory_.back()) chunks_->release(chunk);
    directory_.pop_back();
  }
  for (Op op = head + 1; op <= top_ && slot_of(op) < directory_.size(); ++op)
    if (LogChunks::Chunk* chunk = directory_[slot_of(op)]) chunk->entries[entry_of(op)] = LogEntry{};
  if (top_ > head) top_ = head;
}

void LogIndex::prune(Op floor, const Digest& identity) {
  check(floor >= floor_);
  const LogEntry known = at(floor);
  at_floor_ = known.identity == identity ? known : LogEntry{};
  at_floor_.identity = identity;
  at_floor_.bits |= log_bit::identity;
  at_floor_.bits &= static_cast<u16>(log_bit::identity | log_bit::full | log_bit::linked);
  at_floor_.place = RecordPlace{};
  floor_ = floor;
  top_ = std::max(top_, floor);
  drop_chunks_to(chunk_of(floor + 1));
}

void LogIndex::begin_above(Op floor, const Digest& identity) {
  truncate_above(floor_);
  at_floor_ = LogEntry{};
  at_floor_.identity = identity;
  at_floor_.bits = identity.is_zero() ? u16{0} : log_bit::identity;
  floor_ = top_ = floor;
  first_chunk_ = chunk_of(floor + 1);
}

void LogIndex::drop_chunks_to(std::size_t first) {
  const std::size_t count = std::min(first - first_chunk_, directory_.size());
  for (std::size_t i = 0; i < count; ++i)
    if (directory_[i]) chunks_->release(directory_[i]);
  directory_.erase_front(count);
  first_chunk_ = first;
}

Prepare LogIndex::header_of(Op op, ClusterId cluster, GroupId group, Epoch epoch) const {
  const LogEntry& entry = at(op);
  Prepare header = make<Prepare>();
  header.cluster = cluster;
  header.group = group;
  header.epoch = epoch;
  header.op = op;
  if (entry.blank()) {
    header.entry_flags = entry_flag::blank;
    return header;
  }
  header.identity = entry.identity;
  header.view = entry.view;
  if (!entry.has(log_bit::full)) {
    header.entry_flags = entry_flag::stub;
    return header;
  }
  header.size = entry.size;
  header.checksum_body = entry.checksum_body;
  header.release = entry.release;
  header.parent = entry.parent;
  header.commit = entry.commit;
  header.timestamp = entry.timestamp;
  header.request_count = entry.request_count;
  header.operation = entry.operation;
  return header;
}

void LogIndex::set_header(Op op, const Prepare& prepare) {
  LogEntry& entry = touch(op);
  check(prepare.op == op && prepare.entry_flags == 0 && !prepare.identity.is_zero());
  check(entry.blank() || entry.identity == prepare.identity);
  entry.identity = prepare.identity;
  entry.parent = prepare.parent;
  entry.checksum_body = prepare.checksum_body;
  entry.timestamp = prepare.timestamp;
  entry.commit = prepare.commit;
  entry.size = prepare.size;
  entry.request_count = prepare.request_count;
  entry.release = prepare.release;
  entry.operation = prepare.operation;
  // The stamp of a record that the WAL holds, or is about to, stays what it was appended with.
  if (!(entry.bits & (log_bit::stored | log_bit::appended))) entry.view = prepare.view;
  entry.bits |= log_bit::identity | log_bit::full;
}

}  // namespace keelson
