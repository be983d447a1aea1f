// PageBuffer: page-aligned memory for I/O, taken once and untouched until needed.
//
// Who uses it: the WAL and recovery, for what they read into and for index pages.
#pragma once

#include <new>
#include <utility>

#include "keelson/store/layout.h"

namespace keelson {

class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(std::size_t pages)
      : data_(static_cast<std::byte*>(::operator new(pages* page_bytes, std::align_val_t(page_bytes)))),
        pages_(pages) {}
  PageBuffer(PageBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), pages_(std::exchange(other.pages_, 0)) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(pages_, other.pages_);
    return *this;
  }
  ~PageBuffer() { ::operator delete(data_, std::align_val_t(page_bytes)); }

  std::size_t pages() const { return pages_; }
  std::byte* page(std::size_t i) {
    check(i < pages_);
    return data_ + i * page_bytes;
  }
  MutableBytes span(std::size_t first, std::size_t count) {
    check(first <= pages_ && count <= pages_ - first);
    return {data_ + first * page_bytes, count * page_bytes};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t pages_ = 0;
};

}  // namespace keelson
