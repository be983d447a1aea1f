#include "keelson/store/superblock_file.h"

#include "keelson/store/rules.h"

namespace keelson {

SuperblockFile::SuperblockFile(const SuperblockOwner& owner, IoIds& ids, Counters& counters)
    : owner_(owner), ids_(ids), counters_(counters), pages_(superblock_copies + 1) {}

void SuperblockFile::open(EffectBag& out) {
  check(state_ == State::closed);
  state_ = State::opening;
  read_all(IoClass::read_client, out);
}

void SuperblockFile::scrub(EffectBag& out) {
  check(state_ == State::ready && busy_ == 0);
  state_ = State::scrubbing;
  read_all(IoClass::scrub, out);
}

void SuperblockFile::read_all(IoClass io_class, EffectBag& out) {
  for (u32 copy = 0; copy < superblock_copies; ++copy) {
    in_flight_[copy] = ids_.next();
    out.reads.push_back(
        Read{in_flight_[copy], Zone::superblock, superblock_offset(copy), pages_.span(copy, 1), io_class});
    ++busy_;
  }
}

void SuperblockFile::update(Superblock next, EffectBag& out) {
  check(state_ == State::ready && busy_ == 0);
  counters_.hit(Mark::superblock_update);
  next.sequence = current_.sequence + 1;
  next.parent = current_.checksum;
  next_ = next;
  state_ = State::updating;
  written_ = failed_ = 0;
  for (u32 copy = 0; copy < store_rules::superblock_round(); ++copy) write(copy, next_, out);
}

bool SuperblockFile::on_completion(const Completion& completion, EffectBag& out) {
  for (u32 copy = 0; copy < superblock_copies; ++copy) {
    if (in_flight_[copy] != completion.id) continue;
    in_flight_[copy] = IoId();
    --busy_;
    if (completion.kind == IoKind::read)
      read_done(copy, completion.status == IoStatus::ok, out);
    else
      write_done(store_rules::is_written(Zone::superblock, completion.status), out);
    return true;
  }
  return false;
}

void SuperblockFile::read_done(u32 copy, bool ok, EffectBag& out) {
  read_ok_[copy] = ok;
  if (busy_ > 0) return;
  state_ == State::scrubbing ? compared(out) : opened(out);
}

void SuperblockFile::compared(EffectBag& out) {
  const MutableBytes expected = pages_.span(superblock_copies, 1);
  opening_.repair_count = repaired_ = 0;
  for (u32 copy = 0; copy < superblock_copies; ++copy) {
    encode_superblock(current_, copy, expected);
    if (!read_ok_[copy] || !equal(pages_.span(copy, 1), expected))
      opening_.repair[opening_.repair_count++] = static_cast<u8>(copy);
  }
  repair_next(out);
}

void SuperblockFile::opened(EffectBag& out) {
  Bytes places[superblock_copies];
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    if (read_ok_[copy]) places[copy] = pages_.span(copy, 1);
  opening_ = open_superblock(places);
  if (opening_.refusal.code) return refuse(opening_.refusal);
  current_ = opening_.current;
  const ShardRefusal foreign = check_owner(current_, owner_);
  if (foreign.code) return refuse(foreign);
  repair_next(out);
}

void SuperblockFile::repair_next(EffectBag& out) {
  if (repaired_ == opening_.repair_count) {
    state_ = State::ready;
    return;
  }
  counters_.hit(Mark::recovery_superblock_copy_repaired);
  write(opening_.repair[repaired_++], current_, out);
}

void SuperblockFile::write(u32 copy, const Superblock& superblock, EffectBag& out) {
  check(in_flight_[copy] == IoId());
  const MutableBytes page = pages_.span(copy, 1);
  const Digest checksum = encode_superblock(superblock, copy, page);
  if (state_ == State::updating) next_.checksum = checksum;
  parts_[copy] = page;
  in_flight_[copy] = ids_.next();
  out.writes.push_back(
      Write{in_flight_[copy], Zone::superblock, superblock_offset(copy), {&parts_[copy], 1}, IoClass::wal});
  ++busy_;
}

// A failed Write is never tried again in place: a flush that is tried again may lie.
void SuperblockFile::write_done(bool ok, EffectBag& out) {
  if (state_ != State::updating) {
    if (ok) return repair_next(out);
    return refuse({"superblock_write_failed",
                   "The disk refused to write a superblock copy again (copy {0}): check the disk, then start again.",
                   {opening_.repair[repaired_ - 1], 0, 0, 0}});
  }
  ok ? ++written_ : ++failed_;
  if (busy_ > 0) return;
  if (store_rules::goes_to_second_round(written_, failed_)) {
    for (u32 copy = store_rules::superblock_round(); copy < superblock_copies; ++copy) write(copy, next_, out);
    return;
  }
  if (!store_rules::is_superblock_stored(written_))
    return refuse({"superblock_write_failed",
                   "The disk stored only {0} of 4 superblock copies: check the disk, then start again.",
                   {written_, 0, 0, 0}});
  current_ = next_;
  state_ = State::ready;
}

void SuperblockFile::refuse(const ShardRefusal& refusal) {
  refusal_ = refusal;
  state_ = State::refused;
}

}  // namespace keelson
