#include "keelson/machine/kv/kv_codec.h"

#include <algorithm>

namespace keelson {
namespace {

// Key, value and expected value follow, in this order.
struct RequestHead {
  u32 value_size = 0;
  u32 expected_size = 0;
  u16 key_size = 0;
  u8 has_value = 0;
  u8 has_expected = 0;
  u32 zero = 0;
};
static_assert(sizeof(RequestHead) == 16);

constexpr u64 state_bytes_per_message_byte = 256;  // standard: 1 MiB messages, 256 MiB of state
constexpr u64 state_bytes_per_entry = 256;
constexpr u32 kept_of_message =
    256;  // standard: values of a page and more; tiny: 32 bytes, so that short runs keep most

// Part of a body, taken from its front.
Bytes split(Bytes& rest, std::size_t size) {
  const Bytes front = rest.first(size);
  rest = rest.subspan(size);
  return front;
}

std::optional<Bytes> split_if(bool present, Bytes& rest, std::size_t size) {
  return present ? std::optional(split(rest, size)) : std::nullopt;
}

// Absent has size zero; a flag is 0 or 1.
bool well_formed(u8 flag, u32 size) { return flag <= 1 && (flag == 1 || size == 0); }

}  // namespace

KvLimits kv_limits(const Limits& limits) {
  constexpr u32 reply_overhead = 512;  // the head, and room for what a later release adds to it
  KvLimits kv;
  const u32 of_reply = limits.reply_bytes_max - reply_overhead;
  // A cas carries two values.
  const u32 of_request = (limits.request_body_max() - static_cast<u32>(sizeof(RequestHead)) - kv_key_bytes_max) / 2;
  kv.value_bytes_max = std::min(of_reply, of_request);
  kv.kept_bytes_min = limits.message_size_max / kept_of_message;
  kv.request_bytes_max = static_cast<u32>(sizeof(RequestHead)) + kv_key_bytes_max + 2 * kv.value_bytes_max;
  kv.reply_bytes_max = static_cast<u32>(sizeof(KvReplyHead)) + kv.value_bytes_max;
  kv.state_bytes_max = limits.message_size_max * state_bytes_per_message_byte;
  kv.entries_max = kv.state_bytes_max / state_bytes_per_entry;
  return kv;
}

Bytes encode_kv_request(MutableBytes buffer, const KvRequest& request) {
  const Bytes value = request.value.value_or(Bytes());
  const Bytes expected = request.expected.value_or(Bytes());
  if (request.key.size() > kv_key_bytes_max || buffer.size() < sizeof(RequestHead) + request.key.size() ||
      value.size() > buffer.size() || expected.size() > buffer.size() ||
      sizeof(RequestHead) + request.key.size() + value.size() + expected.size() > buffer.size())
    return {};
  RequestHead head;
  head.value_size = static_cast<u32>(value.size());
  head.expected_size = static_cast<u32>(expected.size());
  head.key_size = static_cast<u16>(request.key.size());
  head.has_value = request.value ? 1 : 0;
  head.has_expected = request.expected ? 1 : 0;
  std::size_t size = 0;
  for (const Bytes part : {bytes_of(head), request.key, value, expected}) {
    copy(buffer.subspan(size), part);
    size += part.size();
  }
  return buffer.first(size);
}

Expected<KvRequest> decode_kv_request(Operation operation, Bytes body) {
  if (body.size() < sizeof(RequestHead)) return Unexpected(Status::bad_request);
  const auto head = load<RequestHead>(body.data());
  const u64 size = sizeof head + u64{head.key_size} + head.value_size + head.expected_size;
  const bool takes_value = operation == kv_put || operation == kv_cas;
  if (operation < kv_get || operation > kv_cas || size != body.size() || head.zero != 0 ||
      !well_formed(head.has_value, head.value_size) || !well_formed(head.has_expected, head.expected_size) ||
      head.key_size == 0 || head.key_size > kv_key_bytes_max || (head.has_value && !takes_value) ||
      (operation == kv_put && !head.has_value) || (head.has_expected && operation != kv_cas))
    return Unexpected(Status::bad_request);
  Bytes rest = body.subspan(sizeof head);
  const Bytes key = split(rest, head.key_size);
  const auto value = split_if(head.has_value, rest, head.value_size);
  return Expected<KvRequest>(tl::in_place, key, value, split_if(head.has_expected, rest, head.expected_size));
}

Expected<KvReply> decode_kv_reply(Bytes body) {
  if (body.size() < sizeof(KvReplyHead)) return Unexpected(Status::bad_request);
  const auto head = load<KvReplyHead>(body.data());
  if (sizeof head + u64{head.value_size} != body.size() || !well_formed(head.has_value, head.value_size) ||
      head.swapped > 1 || head.zero != 0)
    return Unexpected(Status::bad_request);
  Bytes rest = body.subspan(sizeof head);
  return KvReply{head.written, split_if(head.has_value, rest, head.value_size), head.swapped == 1};
}

}  // namespace keelson
