#include "keelson/wire/message.h"

#include "keelson/base/checksum.h"

namespace keelson {

MessageRef allocate_message(Slabs& slabs, u32 body_size) {
  check(body_size <= ~u32{0} - header_size);
  Slab* slab = slabs.acquire(header_size + body_size);
  return slab ? MessageRef(slab) : MessageRef();
}

MessageRef copy_message(Slabs& slabs, Bytes bytes) {
  check(bytes.size() >= header_size && bytes.size() <= ~u32{0});
  Slab* slab = slabs.acquire(static_cast<u32>(bytes.size()));
  if (!slab) return {};
  copy({slab->data, slab->size}, bytes);
  return MessageRef(slab);
}

void seal_bytes(std::byte* header, Digest checksum_body, u32 size) {
  store(header + offsetof(Header, checksum_body), checksum_body);
  store(header + offsetof(Header, size), size);
  store(header + offsetof(Header, checksum), header_checksum(header));
}

Digest body_checksum(Bytes body) { return digest_of(body); }

}  // namespace keelson
