// Ring: a bounded first-in first-out queue, and a window over consecutive positions. Its memory grows with its longest
// use so far, up to the capacity given at construction.
//
// Who uses it: request queues, pipelines, batches in flight. Overflow is a check: who pushes asks full() first.
#pragma once

#include <algorithm>

#include "keelson/base/vec.h"

namespace keelson {

template <class T>
class Ring {
 public:
  Ring() = default;
  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  T& push_back(T value) {
    check(!full());
    if (size_ == slots_.size()) grow();
    T& slot = slots_[wrap(first_ + size_++)];
    slot = std::move(value);
    return slot;
  }
  T pop_front() {
    check(!empty());
    T value = std::exchange(slots_[first_], T{});
    first_ = wrap(first_ + 1);
    --size_;
    return value;
  }
  void pop_back() {
    check(!empty());
    slots_[wrap(first_ + --size_)] = T{};
  }
  void clear() {
    while (!empty()) pop_back();
  }
  T& operator[](std::size_t i) {
    check(i < size_);
    return slots_[wrap(first_ + i)];
  }
  const T& operator[](std::size_t i) const {
    check(i < size_);
    return slots_[wrap(first_ + i)];
  }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == capacity_; }
  // When empty: gives the memory back, until the next use.
  void release() {
    check(empty());
    slots_ = Vec<T>();
    first_ = 0;
  }

 private:
  std::size_t wrap(std::size_t i) const { return i < slots_.size() ? i : i - slots_.size(); }
  void grow() {
    Vec<T> larger(std::min(capacity_, 2 * slots_.size() + 4));
    for (std::size_t i = 0; i < size_; ++i) larger.push_back(std::move((*this)[i]));
    larger.resize(larger.capacity());
    slots_ = std::move(larger);
    first_ = 0;
  }
  std::size_t capacity_ = 0;
  Vec<T> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace keelson
