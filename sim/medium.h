// Medium: what one zone of a simulated disk holds durably, as sparse 4 KiB pages. Pages never written are zeros.
//
// Who uses it: Disk writes and reads it, checkers compare it with what was promised. Trailing zeros of a page are not
// stored: a log page holds a few hundred bytes, and a long run keeps every page it ever wrote. Not here: time, crashes,
// what is in flight (storage.h).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "keelson/base/bytes.h"

namespace keelson::sim {

inline constexpr u32 page_bytes = 4096;
inline constexpr u32 sector_bytes = 512;
inline constexpr u32 sectors_per_page = page_bytes / sector_bytes;

// Part of a page's content; whoever has it owns it.
struct Page {
  Page* next = nullptr;
  u16 length = 0;     // the bytes beyond are zeros
  u8 unreadable = 0;  // bit per sector
  u8 size_class = 0;

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  Bytes bytes() const { return {reinterpret_cast<const std::byte*>(this + 1), length}; }
};

class PagePool {
 public:
  PagePool() = default;
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  Page* make(const std::byte* content);  // of page_bytes
  void release(Page* page);
  u64 bytes_held() const { return bytes_held_; }

 private:
  static constexpr std::size_t class_count = 7;  // 64 << class bytes of content
  std::array<Page*, class_count> free_{};
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  u64 bytes_held_ = 0;
};

class Medium {
 public:
  Medium(PagePool& pool, u64 size_bytes);
  Medium(const Medium&) = delete;
  Medium& operator=(const Medium&) = delete;
  ~Medium() { wipe(); }

  u64 size_bytes() const { return size_bytes_; }
  void put(u64 page_no, Page* page);               // takes it over; null: zeros
  Page* exchange(u64 page_no, Page* page);         // the same, and the former page is the caller's
  const Page* at(u64 page_no) const;               // null: zeros
  void write(u64 offset, Bytes bytes);             // both multiples of a page
  bool read(u64 offset, MutableBytes into) const;  // multiples of a page; false: some of it is unreadable
  void read_page(u64 page_no, std::byte* into) const;

  // Damage at rest.
  void spoil_sector(u64 offset);  // unreadable until it is rewritten
  void flip_bit(u64 offset, unsigned bit);
  u64 damaged() const { return damaged_; }  // how often one of these was done
  void wipe();
  void copy_from(const Medium& other);  // of the same size

 private:
  static constexpr u64 chunk_pages = 256;
  using Chunk = std::array<Page*, chunk_pages>;

  PagePool& pool_;
  u64 size_bytes_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  u64 damaged_ = 0;
};

}  // namespace keelson::sim
