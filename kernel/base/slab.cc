#include "keelson/base/slab.h"

namespace keelson {
namespace {

constexpr std::align_val_t block_alignment{4096};

}  // namespace

Slabs::Slabs(const Limits& limits) {
  const u32 sizes[class_count] = {512, 4096, round_up(limits.batch_bytes_max, 4096u) + 4096,
                                  round_up(limits.message_size_max, 4096u) + 4096};
  const u32 counts[class_count] = {limits.slabs_small, limits.slabs_page, limits.slabs_batch, limits.slabs_message};
  for (u32 i = 0; i < class_count; ++i) {
    auto& c = classes_[i];
    c.block_bytes = sizes[i];
    c.capacity = counts[i];
    c.blocks = static_cast<std::byte*>(::operator new(std::size_t{sizes[i]} * counts[i], block_alignment));
    c.slabs = static_cast<Slab*>(::operator new(sizeof(Slab) * counts[i]));
  }
}

Slabs::~Slabs() {
  check(in_use_ == 0);  // a leaked reference is found here, not by chance
  for (auto& c : classes_) {
    ::operator delete(c.blocks, block_alignment);
    ::operator delete(c.slabs);
  }
}

Slab* Slabs::acquire(u32 bytes) {
  for (auto& c : classes_) {
    if (c.block_bytes < bytes) continue;
    Slab* slab = c.free_list;
    if (slab) {
      c.free_list = slab->next_free;
      --c.free_count;
    } else if (c.untouched < c.capacity) {
      const u32 index = c.untouched++;
      slab = ::new (static_cast<void*>(c.slabs + index))
          Slab{c.blocks + std::size_t{index} * c.block_bytes, c.block_bytes, 0, this, nullptr};
    } else {
      continue;
    }
    slab->references = 1;
    ++in_use_;
    return slab;
  }
  return nullptr;
}

void Slabs::release(Slab* slab) {
  check(slab->pool == this && slab->references == 0);
  for (auto& c : classes_) {
    if (slab < c.slabs || slab >= c.slabs + c.capacity) continue;
    slab->next_free = c.free_list;
    c.free_list = slab;
    ++c.free_count;
    --in_use_;
    return;
  }
  check(false);
}

bool Slabs::scarce() const {
  for (const auto& c : classes_)
    if (c.untouched - c.free_count > c.capacity / 8) return true;
  return false;
}

u32 Slabs::available(u32 bytes) const {
  u32 total = 0;
  for (const auto& c : classes_)
    if (c.block_bytes >= bytes) total += c.free_count + (c.capacity - c.untouched);
  return total;
}

}  // namespace keelson
