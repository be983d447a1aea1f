// Parcels: the bytes of messages between two processes, counted references on blocks that are reused for ever.
//
// Who uses it: network and mailboxes. What leaves a shard is copied into a parcel once, however many receivers it has,
// and copied into a receiver's slab when its bag is formed: so a crash takes nobody else's bytes with it, and a message
// that waits in the network holds no slab. Not here: delivery.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "keelson/base/bytes.h"

namespace keelson::sim {

struct Parcel {
  Parcel* next_free = nullptr;
  u32 references = 0;
  u32 size = 0;
  u8 size_class = 0;
  bool body_proven = false;  // its body checksum was verified before, for another receiver of the same bytes
  bool tampered = false;     // not what some process sealed: it may be rejected, others may not

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  Bytes bytes() { return {data(), size}; }
};

class Parcels {
 public:
  Parcels() = default;
  Parcels(const Parcels&) = delete;
  Parcels& operator=(const Parcels&) = delete;

  Parcel* copy(Bytes bytes);  // one reference
  static void retain(Parcel* parcel) { ++parcel->references; }
  void release(Parcel* parcel);

  u64 in_use() const { return in_use_; }
  u64 bytes_held() const { return bytes_held_; }

 private:
  static constexpr std::size_t class_count = 16;  // blocks of 512 << class bytes

  std::array<Parcel*, class_count> free_{};
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  u64 in_use_ = 0;
  u64 bytes_held_ = 0;
};

inline void Parcels::release(Parcel* parcel) {
  check(parcel->references > 0);
  if (--parcel->references > 0) return;
  --in_use_;
  parcel->next_free = free_[parcel->size_class];
  free_[parcel->size_class] = parcel;
}

}  // namespace keelson::sim
