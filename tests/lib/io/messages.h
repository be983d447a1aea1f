// Messages for tests of io: well-formed ones, and ways to spoil them.
#pragma once

#include <cstring>
#include <vector>

#include "keelson/io/link.h"
#include "keelson/wire/message.h"

namespace keelson::test {

inline constexpr ClusterId cluster_of_tests{0x1234, 0x5678};

inline std::vector<std::byte> request_bytes(u32 body_size, u64 request = 1, ClusterId cluster = cluster_of_tests) {
  Request header;
  header.cluster = cluster;
  header.command = Command::request;
  header.group = GroupId(1);
  header.client = {7, 7};
  header.session = SessionId(3);
  header.request = RequestNo(request);
  header.operation = Operation(0x200);
  std::vector<std::byte> bytes(header_size + body_size);
  for (u32 i = 0; i < body_size; ++i) bytes[header_size + i] = static_cast<std::byte>(i * 7 + request);
  store(bytes.data(), header);
  seal_bytes(bytes.data(), body_checksum(Bytes(bytes).subspan(header_size)), static_cast<u32>(bytes.size()));
  return bytes;
}

template <HeaderView T>
MessageRef message_of(Slabs& slabs, T header, u32 body_size = 0) {
  header.cluster = cluster_of_tests;
  header.command = T::command_of;
  MessageRef message = allocate_message(slabs, body_size);
  check(static_cast<bool>(message));
  std::memset(message.mutable_data() + header_size, 0x5a, body_size);
  seal(message, header, body_size);
  return message;
}

// Changes bytes of a header and seals it again: what a hostile peer can do.
template <class Change>
std::vector<std::byte> resealed(std::vector<std::byte> bytes, Change change) {
  change(bytes);
  const Digest sum = header_checksum(bytes.data());
  store(bytes.data(), sum);
  return bytes;
}
template <class T>
void put_at(std::vector<std::byte>& bytes, std::size_t offset, T value) {
  store(bytes.data() + offset, value);
}

}  // namespace keelson::test
