// MemoryDisk: a disk for tests of kernel/: takes the I/O of an EffectBag, carries it out in the order a test asks for,
// fails it, tears it in sectors of 512 bytes when the power goes, and hands damage out where it is told to.
//
// What the step contract forbids (docs/architecture.md: overlap, misalignment, bytes that change under a Write) throws
// Misuse, so that a test fails and a property shrinks. Pages that were never written are zeros, as after format.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "keelson/store/layout.h"
#include "keelson/wire/bag.h"

namespace keelson::test {

class MemoryDisk {
 public:
  static constexpr std::size_t sector_bytes = 512;
  struct Misuse : std::logic_error {
    using std::logic_error::logic_error;
  };

  explicit MemoryDisk(const StoreLayout& layout) : layout_(layout) {}
  explicit MemoryDisk(const Limits& limits) : MemoryDisk(StoreLayout::of(limits)) {}

  // ---- driving

  void submit(const EffectBag& bag) {
    for (const auto& write : bag.writes) submit(write);
    for (const auto& read : bag.reads) submit(read);
  }
  void submit(const Write& write) {
    demand(!write.parts.empty() && write.parts.size() <= 1024, "a Write has 1 to 1024 parts");
    Operation op{IoKind::write, write.id, write.zone, write.offset, joined(write.parts), write.parts, {}};
    accept(std::move(op));
  }
  void submit(const Read& read) {
    Operation op{IoKind::read, read.id,  read.zone, read.offset, std::vector<std::byte>(read.into.size()),
                 {},           read.into};
    accept(std::move(op));
  }

  std::size_t in_flight() const { return operations_.size(); }
  bool idle() const { return operations_.empty(); }
  IoKind kind_of(std::size_t i) const { return operations_.at(i).kind; }
  Zone zone_of(std::size_t i) const { return operations_.at(i).zone; }

  // The i-th oldest operation happens, or fails: a failed write leaves what was there.
  Completion complete(std::size_t i = 0, IoStatus status = IoStatus::ok) {
    Operation op = std::move(operations_.at(i));
    operations_.erase(operations_.begin() + static_cast<std::ptrdiff_t>(i));
    if (op.kind == IoKind::write) {
      demand(joined(op.parts) == op.bytes, "the bytes of a Write changed before it was done");
      if (status == IoStatus::ok) write(op.zone, op.offset, op.bytes);
    } else if (status == IoStatus::ok) {
      read(op.zone, op.offset, op.into);
      for (u64 page = op.offset; page < op.offset + op.bytes.size(); page += page_bytes)
        if (unreadable_.contains({op.zone, page})) status = IoStatus::io_error;
    }
    return {op.kind, op.id, status};
  }

  // The power goes. Of each write in flight the disk holds nothing, all, or some sectors. draw(n) is any of 0..n-1.
  template <class Draw>
  void crash(Draw draw) {
    for (const auto& op : operations_) {
      if (op.kind != IoKind::write) continue;
      const auto fate = draw(3);
      if (fate == 0) continue;
      for (std::size_t at = 0; at < op.bytes.size(); at += sector_bytes)
        if (fate == 1 || draw(2) == 0) write(op.zone, op.offset + at, Bytes(op.bytes).subspan(at, sector_bytes));
    }
    operations_.clear();
  }
  // The process dies, the machine lives on: nothing in flight happens.
  void forget_in_flight() { operations_.clear(); }

  // ---- what the disk holds

  void read(Zone zone, u64 offset, MutableBytes into) const {
    for_pages(offset, into.size(), [&](u64 page, std::size_t from, std::size_t at, std::size_t n) {
      const auto it = pages_.find({zone, page});
      if (it == pages_.end())
        std::fill_n(into.begin() + static_cast<std::ptrdiff_t>(at), n, std::byte{0});
      else
        std::copy_n(it->second.begin() + static_cast<std::ptrdiff_t>(from), n,
                    into.begin() + static_cast<std::ptrdiff_t>(at));
    });
  }
  std::vector<std::byte> read(Zone zone, u64 offset, std::size_t size) const {
    std::vector<std::byte> bytes(size);
    read(zone, offset, MutableBytes(bytes));
    return bytes;
  }
  void write(Zone zone, u64 offset, Bytes bytes) {
    for_pages(offset, bytes.size(), [&](u64 page, std::size_t from, std::size_t at, std::size_t n) {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), n,
                  pages_[{zone, page}].begin() + static_cast<std::ptrdiff_t>(from));
      unreadable_.erase({zone, page});
    });
  }

  // Every page of a zone that was ever written, in order.
  template <class Visit>
  void for_written(Zone zone, Visit visit) const {
    for (auto it = pages_.lower_bound({zone, 0}); it != pages_.end() && it->first.first == zone; ++it)
      visit(it->first.second, Bytes(it->second));
  }

  // ---- damage

  void flip_bit(Zone zone, u64 offset, u32 bit = 0) {
    auto byte = read(zone, offset, 1);
    byte[0] ^= std::byte{1} << bit;
    write(zone, offset, byte);
  }
  void fill(Zone zone, u64 offset, std::size_t size, std::byte value) {
    write(zone, offset, std::vector<std::byte>(size, value));
  }
  // Reads of this page fail until it is written again.
  void make_unreadable(Zone zone, u64 offset) { unreadable_.insert({zone, offset / page_bytes * page_bytes}); }

  // A copy has no operations in flight, and no id was used: what another process would find.
  MemoryDisk snapshot() const {
    MemoryDisk copy = *this;
    copy.operations_.clear();
    copy.ids_.clear();
    return copy;
  }
  bool same_content(const MemoryDisk& other) const { return pages_ == other.pages_; }
  u64 writes_accepted() const { return writes_accepted_; }

 private:
  struct Operation {
    IoKind kind;
    IoId id;
    Zone zone;
    u64 offset;
    std::vector<std::byte> bytes;  // of a write, as they were when it was issued; of a read, their number
    std::span<const Bytes> parts;  // the issuer's: a driver reads them when it likes
    MutableBytes into;
  };

  static void demand(bool holds, const char* what) {
    if (!holds) throw Misuse(what);
  }
  static std::vector<std::byte> joined(std::span<const Bytes> parts) {
    std::vector<std::byte> bytes;
    for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
  }
  template <class Visit>
  static void for_pages(u64 offset, std::size_t size, Visit visit) {
    for (std::size_t at = 0; at < size;) {
      const std::size_t from = (offset + at) % page_bytes;
      const std::size_t n = std::min<std::size_t>(page_bytes - from, size - at);
      visit(offset + at - from, from, at, n);
      at += n;
    }
  }

  void accept(Operation op) {
    const u64 size = op.bytes.size();
    demand(op.offset % page_bytes == 0 && size % page_bytes == 0 && size > 0, "I/O is aligned to pages");
    demand(op.offset + size <= layout_.zone_bytes(op.zone), "I/O stays in its zone");
    demand(ids_.insert(op.id).second, "an IoId is used once");
    for (const auto& other : operations_) {
      const bool apart =
          other.zone != op.zone || other.offset + other.bytes.size() <= op.offset || op.offset + size <= other.offset;
      demand(apart || (other.kind == IoKind::read && op.kind == IoKind::read), "I/Os in flight do not overlap");
    }
    if (op.kind == IoKind::write) ++writes_accepted_;
    operations_.push_back(std::move(op));
  }

  StoreLayout layout_;
  std::vector<Operation> operations_;
  std::map<std::pair<Zone, u64>, std::array<std::byte, page_bytes>> pages_;
  std::set<std::pair<Zone, u64>> unreadable_;
  std::set<IoId> ids_;
  u64 writes_accepted_ = 0;
};

}  // namespace keelson::test
