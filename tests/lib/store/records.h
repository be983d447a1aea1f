// Records for tests of the store and above: prepares and group_states that pass every check.
#pragma once

#include <vector>

#include "keelson/wire/prepare.h"

namespace keelson::test {

inline constexpr ClusterId cluster_of_tests{0x1234, 0x5678};

struct PrepareOf {
  GroupId group{1};
  Op op{1};
  Digest parent{1, 1};
  View view{};
  u32 body_size = 64;  // of its one request
  u64 salt = 0;        // another salt, another prepare
  Epoch epoch{1};
  Op commit{};
};

inline MessageRef make_prepare(Slabs& slabs, const PrepareOf& wanted) {
  std::vector<std::byte> body(wanted.body_size);
  for (std::size_t i = 0; i < body.size(); ++i)
    body[i] = static_cast<std::byte>(i * 31 + wanted.salt + wanted.op.raw());
  RequestFrame frame;
  frame.client = {7 + wanted.salt, 9};
  frame.session = SessionId(1);
  frame.request = RequestNo(wanted.op.raw());
  frame.operation = Operation(0x201);
  frame.body_size = wanted.body_size;
  frame.body_checksum = body_checksum(body);

  const u32 size = static_cast<u32>(prepared_size(wanted.body_size));
  MessageRef message = allocate_message(slabs, size);
  check(static_cast<bool>(message));
  PrepareBodyWriter writer(body_of(message, size), 1);
  writer.add(frame, body);
  Prepare prepare = make<Prepare>();
  prepare.cluster = cluster_of_tests;
  prepare.group = wanted.group;
  prepare.epoch = wanted.epoch;
  prepare.view = wanted.view;
  prepare.node = NodeId(0);
  prepare.replica = ReplicaIndex(0);
  prepare.op = wanted.op;
  prepare.parent = wanted.parent;
  prepare.commit = wanted.commit;
  prepare.timestamp = Timestamp(1000 * wanted.op.raw() + wanted.salt);
  prepare.operation = PrepareOperation::batch;
  prepare.request_count = 1;
  static_cast<void>(seal_prepare(message, prepare, size));
  return message;
}

// `suffix`: whole, stub or blank entries, from state.head downward; sealed here.
inline MessageRef make_group_state(Slabs& slabs, GroupState state, const std::vector<Prepare>& suffix) {
  const u32 size = static_cast<u32>(suffix.size()) * header_size;
  MessageRef message = allocate_message(slabs, size);
  check(static_cast<bool>(message));
  std::byte* to = message.mutable_data() + header_size;
  for (const auto& entry : suffix) {
    store(to, entry);
    seal_bytes(to, entry.checksum_body, entry.size);
    to += header_size;
  }
  state.cluster = cluster_of_tests;
  state.command = Command::group_state;
  state.header_count = static_cast<u32>(suffix.size());
  seal(message, state, size);
  return message;
}

}  // namespace keelson::test
