#include "keelson/vsr/body_index.h"

#include <algorithm>

#include "keelson/vsr/body_rules.h"
#include "keelson/wire/header.h"

namespace keelson {
namespace {

constexpr u32 blobs_repacked_max = 4;  // bytes that one checkpoint writes again, in blobs

struct SavedBlob {
  u32 blob = 0;
  u32 count = 0;
  Op born;
};
static_assert(std::has_unique_object_representations_v<SavedBlob>);

struct SavedBody {
  Op op;
  Digest identity;
  u32 size = 0;
  u32 wanted = 0;
};
static_assert(std::has_unique_object_representations_v<SavedBody>);

}  // namespace

BodyIndex::BodyIndex(const Limits& limits)
    : blob_bytes_max_(limits.blob_bytes_max), retained_bytes_max_(limits.retained_bytes_max) {}

// ---------------------------------------------------------------- who wants what

BodyIndex::Entry* BodyIndex::find_mutable(Op op) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), op, [](const Entry& e, Op o) { return e.op < o; });
  return at != entries_.end() && at->op == op ? &*at : nullptr;
}

const BodyIndex::Entry* BodyIndex::find(Op op) const { return const_cast<BodyIndex*>(this)->find_mutable(op); }

bool BodyIndex::retain(Op op, const Digest& identity, u32 size) {
  if (!entries_.empty() && entries_.back().op == op) {
    Entry& entry = entries_.back();
    if (entry.wanted == 0) {
      if (size > retained_bytes_max_ - bytes_wanted_) return false;
      bytes_wanted_ += size;
    }
    ++entry.wanted;
    return true;
  }
  check(entries_.empty() || entries_.back().op < op);
  if (size > retained_bytes_max_ - std::min(bytes_wanted_, retained_bytes_max_)) return false;
  bytes_wanted_ += size;
  push_growing(entries_, Entry{op, identity, size, 1, Place(), Place()});
  return true;
}

bool BodyIndex::share(Op op) {
  Entry* entry = find_mutable(op);
  if (!entry || entry->wanted == 0) return false;
  if (entry->place.blob != no_blob) touch_(SectionId(entry->place.blob));
  ++entry->wanted;
  return true;
}

bool BodyIndex::release(Op op) {
  Entry* entry = find_mutable(op);
  if (!entry || entry->wanted == 0) return false;
  if (entry->place.blob != no_blob) touch_(SectionId(entry->place.blob));
  if (--entry->wanted > 0) return true;
  bytes_wanted_ -= entry->size;
  if (entry->place.blob != no_blob) blobs_[entry->place.blob].bytes_wanted -= entry->size;
  return true;
}

Digest BodyIndex::digest_with(const Digest& machine) const {
  if (bytes_wanted_ == 0) return machine;
  DigestStream stream;
  stream.add_value(machine);
  for (const Entry& entry : entries_) {
    if (entry.wanted == 0) continue;
    stream.add_value(entry.op);
    stream.add_value(u64{entry.wanted});
  }
  return stream.finish();
}

// ---------------------------------------------------------------- at a checkpoint op

bool BodyIndex::is_sparse(const Blob& blob) const { return body_rules::is_sparse(blob.bytes_wanted, blob_bytes_max_); }

// Which blobs end: those that nobody wants, and of the sparse ones as many as one checkpoint may write again. False:
// nothing changes.
bool BodyIndex::choose() {
  chosen_ = Vec<u8>(blobs_.size());
  chosen_.resize(blobs_.size());
  bool any = !entries_.empty() && entries_.back().place.blob == no_blob;
  const bool newcomers = any;
  u64 again = 0;
  u32 sparse = 0;
  bool shrinks = false;
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    const Blob& blob = blobs_[i];
    if (blob.born == Op(0)) continue;
    if (blob.bytes_wanted > 0 && !is_sparse(blob)) continue;
    if (again + blob.bytes_wanted > u64{blobs_repacked_max} * blob_bytes_max_) continue;
    again += blob.bytes_wanted;
    sparse += blob.bytes_wanted > 0;
    shrinks = shrinks || blob.bytes_wanted * 2 <= blob.bytes;
    chosen_[i] = 1;
    any = true;
  }
  // One that is small because little is retained stays as it is.
  if (!newcomers && sparse == 1 && !shrinks)
    for (std::size_t i = 0; i < blobs_.size(); ++i)
      if (blobs_[i].bytes_wanted > 0) chosen_[i] = 0;
  return newcomers || std::any_of(chosen_.begin(), chosen_.end(), [](u8 chosen) { return chosen != 0; });
}

bool BodyIndex::moves(const Entry& entry) const {
  return entry.wanted > 0 && (entry.place.blob == no_blob || chosen_[entry.place.blob] != 0);
}

void BodyIndex::repack(Op checkpoint) {
  for (u32 i = 0; i < blobs_.size(); ++i) {
    if (chosen_[i] == 0) continue;
    touch_(SectionId(i));
    blobs_[i] = Blob{};
  }
  std::size_t kept = 0;
  u32 blob = no_blob;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    const bool ends = entry.place.blob == no_blob || chosen_[entry.place.blob] != 0;
    if (ends && entry.wanted == 0) continue;
    if (ends) {
      if (blob == no_blob || entry.size > blob_bytes_max_ - blobs_[blob].bytes) {
        blob = free_number();
        blobs_[blob].born = checkpoint;
      }
      Blob& to = blobs_[blob];
      entry.place = {blob, to.bytes, checkpoint};
      to.bytes += entry.size;
      to.bytes_wanted += entry.size;
      push_growing(to.ops, entry.op);
    }
    if (kept != i) entries_[kept] = entry;
    ++kept;
  }
  entries_.resize(kept);
  while (!blobs_.empty() && blobs_.back().born == Op(0)) {
    touch_(SectionId(static_cast<u32>(blobs_.size() - 1)));
    blobs_.pop_back();
  }
}

u32 BodyIndex::free_number() {
  for (u32 i = 0; i < blobs_.size(); ++i) {
    if (blobs_[i].born != Op(0)) continue;
    touch_(SectionId(i));
    return i;
  }
  push_growing(blobs_, Blob());
  push_growing(chosen_, u8{0});
  return static_cast<u32>(blobs_.size() - 1);
}

// ---------------------------------------------------------------- sections

void BodyIndex::save_section(u32 blob, ByteSink& sink) const {
  const Blob& from = blobs_[blob];
  sink.put_value(SavedBlob{blob, static_cast<u32>(from.ops.size()), from.born});
  for (const Op op : from.ops) {
    const Entry& entry = *find(op);
    sink.put_value(SavedBody{entry.op, entry.identity, entry.size, entry.wanted});
  }
}

void BodyIndex::reset() {
  entries_ = {};
  blobs_ = {};
  chosen_ = {};
  bytes_wanted_ = 0;
}

Status BodyIndex::begin_load(u32 blobs) {
  if (blobs > retained_bytes_max_) return Status::corrupt_snapshot;
  blobs_ = Vec<Blob>(blobs);
  blobs_.resize(blobs);
  return Status::ok;
}

Status BodyIndex::load_section(u32 blob, ByteSource& source) {
  SavedBlob saved;
  if (blob >= blobs_.size() || !source.take_value(saved) || saved.blob != blob || blobs_[blob].born != Op(0) ||
      (saved.born == Op(0)) != (saved.count == 0) || saved.count > source.left() / sizeof(SavedBody))
    return Status::corrupt_snapshot;
  Blob& to = blobs_[blob];
  to.born = saved.born;
  to.ops = Vec<Op>(saved.count);
  Op before;
  for (u32 i = 0; i < saved.count; ++i) {
    SavedBody body;
    if (!source.take_value(body) || body.op <= before || body.op > saved.born || body.identity.is_zero() ||
        body.size < header_size || body.size > blob_bytes_max_ - to.bytes)
      return Status::corrupt_snapshot;
    before = body.op;
    push_growing(entries_, Entry{body.op, body.identity, body.size, body.wanted, {blob, to.bytes, saved.born}, {}});
    to.ops.push_back(body.op);
    to.bytes += body.size;
    if (body.wanted == 0) continue;
    to.bytes_wanted += body.size;
    bytes_wanted_ += body.size;
  }
  return source.at_end() ? Status::ok : Status::corrupt_snapshot;
}

Status BodyIndex::finish_load() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.op < b.op; });
  const bool twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                        [](const Entry& a, const Entry& b) { return a.op == b.op; }) != entries_.end();
  return twice || bytes_wanted_ > retained_bytes_max_ ? Status::corrupt_snapshot : Status::ok;
}

}  // namespace keelson
