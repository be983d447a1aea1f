#include "keelson/machine/kv/kv_table.h"

#include <algorithm>

namespace keelson {
namespace {

constexpr u64 hash_seed = 0x6b76206b65797331;
constexpr u32 buckets_per_change = 2;

u32 u32_of(std::size_t size) { return static_cast<u32>(size); }

}  // namespace

KvTable::KvTable(const KvLimits& limits)
    : limits_(limits), blocks_(std::max(limits.value_bytes_max, kv_key_bytes_max)) {
  check(limits.entries_max < (u64{1} << 31));
  clear();
}

u64 KvTable::hash_of(Bytes key) { return check64_of(key, hash_seed); }

bool KvTable::before(u64 hash_a, Bytes key_a, u64 hash_b, Bytes key_b) {
  if (hash_a != hash_b) return hash_a < hash_b;
  return std::lexicographical_compare(key_a.begin(), key_a.end(), key_b.begin(), key_b.end());
}

std::optional<KvTable::Found> KvTable::find(Bytes key) const {
  const u64 hash = hash_of(key);
  const u32 half = top_bits(hash, bucket_bits_ + 1) & 1;
  const u32 logical = top_bits(hash, bucket_bits_);
  const bool moved = wider_ && logical < migrated_;
  for (u32 i = moved ? wider_[2 * logical + half] : buckets_[logical]; i != none; i = entry(i).next) {
    const Entry& e = entry(i);
    if (e.hash < hash) continue;
    if (is_at(i, hash, key)) return Found{e.written, blocks_.at(e.value_size, e.value_block), e.kept != 0};
    if (e.hash > hash) break;
  }
  return std::nullopt;
}

std::optional<MutableBytes> KvTable::put(Bytes key, u32 value_size, Op op, bool kept) {
  const u64 hash = hash_of(key);
  u32* link = locate(hash, key);
  const u32 held = *link;
  const bool overwrites = is_at(held, hash, key);
  const u64 bytes_before = overwrites ? charge(entry(held).key_size, entry(held).value_size) : 0;
  const u64 bytes_after = bytes_ - bytes_before + charge(u32_of(key.size()), value_size);
  if (bytes_after > limits_.state_bytes_max || (!overwrites && size_ == limits_.entries_max)) return std::nullopt;
  bytes_ = bytes_after;
  u32 index = held;
  if (overwrites) {
    set_value_block(index, entry(index).value_size, value_size);
  } else {
    if (make_entry()) link = locate(hash, key);
    index = take_entry();
    insert(link, index, hash, key);
    set_value_block(index, 0, value_size);
    grow_if_crowded();
  }
  Entry& e = entry(index);
  e.written = op;
  e.kept = kept;
  return blocks_.at(e.value_size, e.value_block);
}

void KvTable::insert(u32* link, u32 index, u64 hash, Bytes key) {
  Entry& e = entry(index);
  e = Entry{hash, Op(), *link, none, none, 0, u32_of(key.size()), 0};
  *link = index;
  e.key_block = blocks_.allocate(e.key_size, index * 2);
  copy(blocks_.at(e.key_size, e.key_block), key);
  ++size_;
}

bool KvTable::erase(Bytes key) {
  const u64 hash = hash_of(key);
  u32* link = locate(hash, key);
  const u32 index = *link;
  if (!is_at(index, hash, key)) return false;
  *link = entry(index).next;
  bytes_ -= charge(entry(index).key_size, entry(index).value_size);
  --size_;
  // A block that moves into a hole may be this entry's other one: read its number only when its turn comes.
  free_block(entry(index).key_size, entry(index).key_block);
  free_block(entry(index).value_size, entry(index).value_block);
  entry(index).next = free_entry_;
  free_entry_ = index;
  return true;
}

void KvTable::clear() {
  blocks_.clear();
  entries_used_ = 0;
  free_entry_ = none;
  size_ = 0;
  bytes_ = 0;
  section_bits_ = 0;
  bucket_bits_ = bucket_bits_min;
  buckets_.reset(new u32[std::size_t{1} << bucket_bits_]);
  std::fill_n(buckets_.get(), std::size_t{1} << bucket_bits_, none);
  wider_.reset();
  migrated_ = 0;
}

bool KvTable::is_at(u32 index, u64 hash, Bytes key) const {
  return index != none && entry(index).hash == hash && equal(key_of(entry(index)), key);
}

u32& KvTable::bucket(u64 hash) {
  const u32 logical = top_bits(hash, bucket_bits_);
  return wider_ && logical < migrated_ ? wider_[top_bits(hash, bucket_bits_ + 1)] : buckets_[logical];
}

u32* KvTable::locate(u64 hash, Bytes key) {
  u32* link = &bucket(hash);
  while (*link != none && before(entry(*link).hash, key_of(entry(*link)), hash, key)) link = &entry(*link).next;
  return link;
}

// The chain of one bucket is one chain, or two once it has moved to wider_.
u32 KvTable::first_of(u32 logical_bucket, u32 half) const {
  if (wider_ && logical_bucket < migrated_) return wider_[2 * logical_bucket + half];
  return half == 0 ? buckets_[logical_bucket] : none;
}

u32 KvTable::take_entry() {
  check(size_ < limits_.entries_max);
  if (free_entry_ != none) {
    const u32 index = free_entry_;
    free_entry_ = entry(index).next;
    return index;
  }
  return entries_used_++;
}

// Room for one more. The first chunk starts small and doubles, behind it all are whole. True: entries have moved.
bool KvTable::make_entry() {
  if (free_entry_ != none) return false;
  if (entries_used_ >= first_entries_ && first_entries_ < entries_per_chunk) {
    const u32 wanted = std::max(entries_min, first_entries_ * 2);
    std::unique_ptr<Entry[]> larger(new Entry[wanted]);
    if (entries_.empty()) entries_ = Vec<std::unique_ptr<Entry[]>>(1);
    if (!entries_.empty()) std::copy_n(entries_[0].get(), first_entries_, larger.get());
    entries_.clear();
    entries_.push_back(std::move(larger));
    first_entries_ = wanted;
    return true;
  }
  if (entries_used_ == entries_.size() * entries_per_chunk)
    push_growing(entries_, std::unique_ptr<Entry[]>(new Entry[entries_per_chunk]));
  return false;
}

void KvTable::set_value_block(u32 index, u32 old_size, u32 new_size) {
  if (!BlockPool::same_block(old_size, new_size)) {
    free_block(old_size, entry(index).value_block);
    entry(index).value_block = new_size ? blocks_.allocate(new_size, index * 2 + 1) : none;
  }
  entry(index).value_size = new_size;
}

void KvTable::free_block(u32 size, u32 number) {
  if (size == 0) return;
  const auto moved = blocks_.free(size, number);
  if (!moved) return;
  Entry& owner = entry(*moved / 2);
  (*moved % 2 ? owner.value_block : owner.key_block) = number;
}

void KvTable::grow_if_crowded() {
  const u64 bucket_count = u64{1} << bucket_bits_;
  if (!wider_) {
    if (size_ <= bucket_count || bucket_bits_ == bucket_bits_max) return;
    widen();
  }
  for (u32 n = 0; n < buckets_per_change && wider_; ++n) migrate_one();
}

// A section is whole buckets. It takes more buckets than there are entries only where these are large, so few.
void KvTable::set_section_bits(u32 bits) {
  check(bits <= bucket_bits_max);
  section_bits_ = bits;
  while (bucket_bits_ < section_bits_) {
    if (!wider_) widen();
    while (wider_) migrate_one();
  }
}

void KvTable::widen() {
  wider_.reset(new u32[std::size_t{2} << bucket_bits_]);
  migrated_ = 0;
}

// A chain is ordered by hash, so its two halves are a front and a back.
void KvTable::migrate_one() {
  const u32 first = buckets_[migrated_];
  u32* link = &wider_[2 * migrated_];
  *link = first;
  while (*link != none && (top_bits(entry(*link).hash, bucket_bits_ + 1) & 1) == 0) link = &entry(*link).next;
  wider_[2 * migrated_ + 1] = *link;
  *link = none;
  if (++migrated_ < u64{1} << bucket_bits_) return;
  buckets_ = std::move(wider_);
  ++bucket_bits_;
}

}  // namespace keelson
