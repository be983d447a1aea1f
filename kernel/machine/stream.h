// ByteSink and ByteSource: where a snapshot's bytes go to and come from, piece by piece.
//
// Who uses it: machines and the session table save and load their sections through these; checkpoints, state sync,
// digests and tests stand behind them. Neither owns anything; both are passed by reference for one section. Not here:
// checksums and section sizes on disk (whoever stands behind adds them).
#pragma once

#include "keelson/base/bytes.h"
#include "keelson/base/checksum.h"
#include "keelson/base/types.h"
#include "keelson/base/vec.h"

namespace keelson {

using SectionId = Id<struct SectionIdTag, u32>;

// Told before a section's content changes: a checkpoint under way takes what it was.
class SectionTouch {
 public:
  using Fn = void (*)(void* self, SectionId section);
  constexpr SectionTouch() = default;
  constexpr SectionTouch(void* self, Fn fn) : self_(self), fn_(fn) {}
  void operator()(SectionId section) const {
    if (fn_) fn_(self_, section);
  }

 private:
  void* self_ = nullptr;
  Fn fn_ = nullptr;
};

class ByteSink {
 public:
  using Put = void (*)(void* self, Bytes bytes);
  ByteSink(void* self, Put put_bytes) : self_(self), put_(put_bytes) {}

  void put(Bytes bytes) {
    written_ += bytes.size();
    put_(self_, bytes);
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put_value(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>, "padding bytes would make equal states differ");
    put(bytes_of(value));
  }
  u64 written() const { return written_; }

 private:
  void* self_;
  Put put_;
  u64 written_ = 0;
};

// A section's bytes may be hostile: every read says whether there was as much left.
class ByteSource {
 public:
  // Fills `into` with the next bytes; false: they can't be had, and nothing more is read.
  using Take = bool (*)(void* self, MutableBytes into);
  ByteSource(void* self, Take take_bytes, u64 size) : self_(self), take_(take_bytes), left_(size) {}

  [[nodiscard]] bool take(MutableBytes into) {
    if (into.size() > left_ || !take_(self_, into)) {
      left_ = 0;
      failed_ = true;
      return false;
    }
    left_ -= into.size();
    return true;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] bool take_value(T& value) {
    std::byte bytes[sizeof(T)];
    if (!take(bytes)) return false;
    value = load<T>(bytes);
    return true;
  }
  u64 left() const { return left_; }
  // Read to its last byte, nothing missing and nothing behind.
  bool at_end() const { return left_ == 0 && !failed_; }

 private:
  void* self_;
  Take take_;
  u64 left_;
  bool failed_ = false;
};

inline ByteSink sink_into(DigestStream& stream) {
  return {&stream, [](void* self, Bytes bytes) { static_cast<DigestStream*>(self)->add(bytes); }};
}

// `bytes` is consumed from its front and must outlive the source.
inline ByteSource source_of(Bytes& bytes) {
  return {&bytes,
          [](void* self, MutableBytes into) {
            Bytes& rest = *static_cast<Bytes*>(self);
            copy(into, rest.first(into.size()));
            rest = rest.subspan(into.size());
            return true;
          },
          bytes.size()};
}

}  // namespace keelson
