// Fifo: a first-in first-out queue that grows when it must and otherwise allocates nothing.
//
// Who uses it: what waits for a turn, for a link, for a mailbox. Only for trivially copyable elements: whoever puts a
// counted pointer in takes it out again. Not here: bounds; who needs one looks at size().
#pragma once

#include <type_traits>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

template <class T>
  requires std::is_trivially_copyable_v<T>
class Fifo {
 public:
  void push_back(const T& value) {
    if (size_ == slots_.size()) grow();
    slots_[(first_ + size_++) & mask()] = value;
  }
  T pop_front() {
    check(size_ > 0);
    const T value = slots_[first_];
    first_ = (first_ + 1) & mask();
    --size_;
    return value;
  }
  T pop_back() {
    check(size_ > 0);
    return slots_[(first_ + --size_) & mask()];
  }
  T& operator[](std::size_t i) {
    check(i < size_);
    return slots_[(first_ + i) & mask()];
  }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::size_t mask() const { return slots_.size() - 1; }
  void grow() {
    std::vector<T> larger(slots_.empty() ? 8 : 2 * slots_.size());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = slots_[(first_ + i) & mask()];
    slots_.swap(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two of them
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace keelson::sim
