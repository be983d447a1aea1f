#include "keelson/sim/medium.h"

#include <bit>
#include <utility>

namespace keelson::sim {
namespace {

constexpr u32 smallest_content = 64;
constexpr u64 carved_bytes = 64 * 1024;

// Without its trailing zeros, eight bytes at a time.
u16 content_length(const std::byte* content) {
  u32 length = page_bytes;
  while (length > 0 && load<u64>(content + length - 8) == 0) length -= 8;
  return static_cast<u16>(length);
}

std::size_t class_of(u16 length) {
  const u32 units = (length + smallest_content - 1u) / smallest_content;
  return units <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(units - 1));
}

}  // namespace

Page* PagePool::make(const std::byte* content) {
  const u16 length = content_length(content);
  const std::size_t size_class = class_of(length);
  if (!free_[size_class]) {
    const u64 block = sizeof(Page) + (u64{smallest_content} << size_class);
    const u64 count = carved_bytes / block;
    blocks_.push_back(std::unique_ptr<std::byte[]>(new std::byte[block * count]));
    bytes_held_ += block * count;
    std::byte* memory = blocks_.back().get();
    for (u64 i = count; i-- > 0;) {
      auto* fresh = ::new (static_cast<void*>(memory + i * block)) Page{};
      fresh->size_class = static_cast<u8>(size_class);
      fresh->next = free_[size_class];
      free_[size_class] = fresh;
    }
  }
  Page* page = free_[size_class];
  free_[size_class] = page->next;
  page->next = nullptr;
  page->length = length;
  page->unreadable = 0;
  copy({page->data(), length}, {content, length});
  return page;
}

void PagePool::release(Page* page) {
  page->next = free_[page->size_class];
  free_[page->size_class] = page;
}

Medium::Medium(PagePool& pool, u64 size_bytes) : pool_(pool), size_bytes_(size_bytes) {
  check(size_bytes % page_bytes == 0);
  chunks_.resize((size_bytes / page_bytes + chunk_pages - 1) / chunk_pages);
}

void Medium::put(u64 page_no, Page* page) {
  if (Page* former = exchange(page_no, page)) pool_.release(former);
}

Page* Medium::exchange(u64 page_no, Page* page) {
  check(page_no < size_bytes_ / page_bytes);
  auto& chunk = chunks_[page_no / chunk_pages];
  if (!chunk) {
    if (!page) return nullptr;
    chunk = std::make_unique<Chunk>();
  }
  return std::exchange((*chunk)[page_no % chunk_pages], page);
}

const Page* Medium::at(u64 page_no) const {
  check(page_no < size_bytes_ / page_bytes);
  const auto& chunk = chunks_[page_no / chunk_pages];
  return chunk ? (*chunk)[page_no % chunk_pages] : nullptr;
}

void Medium::write(u64 offset, Bytes bytes) {
  check(offset % page_bytes == 0 && bytes.size() % page_bytes == 0);
  for (u64 done = 0; done < bytes.size(); done += page_bytes)
    put((offset + done) / page_bytes, pool_.make(bytes.data() + done));
}

bool Medium::read(u64 offset, MutableBytes into) const {
  check(offset % page_bytes == 0 && into.size() % page_bytes == 0);
  bool readable = true;
  for (u64 done = 0; done < into.size(); done += page_bytes) {
    const u64 page_no = (offset + done) / page_bytes;
    read_page(page_no, into.data() + done);
    const Page* page = at(page_no);
    readable = readable && (!page || page->unreadable == 0);
  }
  return readable;
}

void Medium::read_page(u64 page_no, std::byte* into) const {
  const Page* page = at(page_no);
  const u32 length = page ? page->length : 0;
  if (length > 0) std::memcpy(into, page->bytes().data(), length);
  std::memset(into + length, 0, page_bytes - length);
}

void Medium::spoil_sector(u64 offset) {
  ++damaged_;
  const u64 page_no = offset / page_bytes;
  std::byte content[page_bytes];
  read_page(page_no, content);
  const Page* old = at(page_no);
  const auto unreadable = static_cast<u8>((old ? old->unreadable : 0) | (1u << (offset % page_bytes / sector_bytes)));
  Page* spoilt = pool_.make(content);
  spoilt->unreadable = unreadable;
  put(page_no, spoilt);
}

void Medium::flip_bit(u64 offset, unsigned bit) {
  ++damaged_;
  const u64 page_no = offset / page_bytes;
  std::byte content[page_bytes];
  read_page(page_no, content);
  content[offset % page_bytes] ^= static_cast<std::byte>(1u << (bit % 8));
  const Page* old = at(page_no);
  const u8 unreadable = old ? old->unreadable : 0;
  Page* flipped = pool_.make(content);
  flipped->unreadable = unreadable;
  put(page_no, flipped);
}

void Medium::copy_from(const Medium& other) {
  check(size_bytes_ == other.size_bytes_);
  wipe();
  std::byte content[page_bytes];
  for (u64 c = 0; c < other.chunks_.size(); ++c) {
    if (!other.chunks_[c]) continue;
    for (u64 page_no = c * chunk_pages; page_no < (c + 1) * chunk_pages; ++page_no) {
      const Page* page = (*other.chunks_[c])[page_no % chunk_pages];
      if (!page) continue;
      other.read_page(page_no, content);
      Page* copied = pool_.make(content);
      copied->unreadable = page->unreadable;
      put(page_no, copied);
    }
  }
}

void Medium::wipe() {
  for (auto& chunk : chunks_) {
    if (!chunk) continue;
    for (Page* page : *chunk)
      if (page) pool_.release(page);
    chunk.reset();
  }
}

}  // namespace keelson::sim
