// Vec: a bounded vector. Its capacity is fixed at construction; overflowing it is a check, so who fills it asks first.
//
// Who uses it: bags, tables, everything in kernel/ that would otherwise be a std::vector (which throws). Elements are
// destroyed by clear(), the memory stays: a steady state allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "keelson/base/check.h"

namespace keelson {

template <class T>
class Vec {
 public:
  Vec() = default;
  explicit Vec(std::size_t capacity)
      // NOLINTNEXTLINE(bugprone-sizeof-expression)
      : data_(capacity ? static_cast<T*>(::operator new(capacity * sizeof(T), std::align_val_t(alignof(T)))) : nullptr),
        capacity_(capacity) {}
  Vec(Vec&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Vec& operator=(Vec&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  ~Vec() { release(); }

  template <class... Args>
  T& emplace_back(Args&&... args) {
    check(size_ < capacity_);
    return *::new (static_cast<void*>(data_ + size_++)) T{std::forward<Args>(args)...};
  }
  T& push_back(T value) { return emplace_back(std::move(value)); }
  void pop_back() {
    check(size_ > 0);
    data_[--size_].~T();
  }
  void clear() {
    std::destroy_n(data_, size_);
    size_ = 0;
  }
  // New elements are value-initialised.
  void resize(std::size_t size) {
    check(size <= capacity_);
    while (size_ > size) pop_back();
    std::uninitialized_value_construct_n(data_ + size_, size - size_);
    size_ = size;
  }
  void erase_at(std::size_t index) {
    check(index < size_);
    for (std::size_t i = index; i + 1 < size_; ++i) data_[i] = std::move(data_[i + 1]);
    pop_back();
  }

  void erase_front(std::size_t count) {
    check(count <= size_);
    for (std::size_t i = 0; i + count < size_; ++i) data_[i] = std::move(data_[i + count]);
    while (count-- > 0) pop_back();
  }

  T& operator[](std::size_t index) {
    check(index < size_);
    return data_[index];
  }
  const T& operator[](std::size_t index) const {
    check(index < size_);
    return data_[index];
  }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == capacity_; }

  operator std::span<const T>() const { return {data_, size_}; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  void release() {
    clear();
    ::operator delete(data_, std::align_val_t(alignof(T)));
  }
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Moves to twice the room when it is full: for memory that follows the size of something found, never per message.
template <class T>
T& push_growing(Vec<T>& to, T value) {
  if (to.full()) {
    Vec<T> larger(to.capacity() * 2 + 4);
    for (T& element : to) larger.push_back(std::move(element));
    to = std::move(larger);
  }
  return to.push_back(std::move(value));
}

}  // namespace keelson
