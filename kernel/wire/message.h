// MessageRef: a counted reference to one message in a slab. Message building and sealing.
//
// Who uses it: everything that sends, stores or keeps a message. A ref is two words, copying it counts a reference;
// bytes are never copied by a copy of the ref. A sealed message is never written again. Not here: validation.
#pragma once

#include "keelson/base/slab.h"
#include "keelson/wire/header.h"

namespace keelson {

class MessageRef {
 public:
  MessageRef() = default;
  // Takes over the reference that acquire() gave.
  explicit MessageRef(Slab* slab, u32 offset = 0) : slab_(slab), offset_(offset) {}
  MessageRef(const MessageRef& other) : slab_(other.slab_), offset_(other.offset_) {
    if (slab_) retain(slab_);
  }
  MessageRef(MessageRef&& other) noexcept : slab_(other.slab_), offset_(other.offset_) { other.slab_ = nullptr; }
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(slab_, other.slab_);
    std::swap(offset_, other.offset_);
    return *this;
  }
  ~MessageRef() {
    if (slab_) release(slab_);
  }

  explicit operator bool() const { return slab_ != nullptr; }
  const std::byte* data() const { return slab_->data + offset_; }
  std::byte* mutable_data() { return slab_->data + offset_; }  // by whoever builds it, before it is sealed
  Header header() const { return header_at(data()); }
  Command command() const { return load<Command>(data() + offsetof(Header, command)); }
  u32 size() const { return load<u32>(data() + offsetof(Header, size)); }
  template <HeaderView T>
  T as() const {
    return keelson::as<T>(data());
  }
  Bytes bytes() const { return {data(), size()}; }
  Bytes body() const { return {data() + header_size, size() - header_size}; }

 private:
  Slab* slab_ = nullptr;
  u32 offset_ = 0;
};

// An unsealed message with room for `body_size` bytes; empty when the pool has no slab.
MessageRef allocate_message(Slabs& slabs, u32 body_size);
inline MutableBytes body_of(MessageRef& message, u32 body_size) {
  return {message.mutable_data() + header_size, body_size};
}

// Writes the header in front of the body and computes both checksums. `header.size` is set from body_size.
template <HeaderView T>
void seal(MessageRef& message, T header, u32 body_size);

// The same for a header whose checksum_body is already right (a prepare: of its frames).
template <HeaderView T>
void seal_header(MessageRef& message, T header, u32 body_size);

// A message without a body; empty when the pool has no slab.
template <HeaderView T>
MessageRef make_message(Slabs& slabs, const T& header) {
  MessageRef message = allocate_message(slabs, 0);
  if (message) seal(message, header, 0);
  return message;
}

// A copy in a slab of its own; empty when the pool has no slab, or the bytes are longer than any slab.
MessageRef copy_message(Slabs& slabs, Bytes bytes);

void seal_bytes(std::byte* header, Digest checksum_body, u32 size);

template <HeaderView T>
void seal_header(MessageRef& message, T header, u32 body_size) {
  store(message.mutable_data(), header);
  seal_bytes(message.mutable_data(), header.checksum_body, header_size + body_size);
}

Digest body_checksum(Bytes body);

template <HeaderView T>
void seal(MessageRef& message, T header, u32 body_size) {
  header.checksum_body = body_checksum({message.data() + header_size, body_size});
  seal_header(message, header, body_size);
}

}  // namespace keelson
