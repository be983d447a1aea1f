// The bytes of kv requests and replies, and the bounds they obey.
//
// Who uses it: the kv machine, and whoever talks to it (shell, CLI, workloads, checkers). Encoders write into a buffer
// of the caller; decoders are total on hostile bytes and borrow from what they are given. Not here: what an operation
// does (kv.h), and the envelope around a body (wire/header.h).
#pragma once

#include <optional>

#include "keelson/base/bytes.h"
#include "keelson/base/expected.h"
#include "keelson/base/limits.h"
#include "keelson/wire/commands.h"

namespace keelson {

inline constexpr Operation kv_get{0x200};  // value, or not_found
inline constexpr Operation kv_put{0x201};
inline constexpr Operation kv_delete{0x202};  // not_found when there was nothing
inline constexpr Operation kv_cas{0x203};     // writes when the value held is the one expected, else not_swapped

inline constexpr u32 kv_key_bytes_max = 256;

struct KvLimits {
  u32 value_bytes_max = 0;
  u32 kept_bytes_min = 0;     // larger values stay in the log, the machine knows where
  u32 request_bytes_max = 0;  // of a body
  u32 reply_bytes_max = 0;    // of a body
  u64 entries_max = 0;
  u64 state_bytes_max = 0;  // as kv_table.h charges entries
};
KvLimits kv_limits(const Limits& limits);

// A decoded request. Absent `value`: get and delete have none; in a cas: delete on success. Absent `expected` in a cas:
// the key is expected not to exist.
struct KvRequest {
  Bytes key;
  std::optional<Bytes> value;
  std::optional<Bytes> expected;
};
// The body of `request` in `buffer`; empty when it doesn't fit or the key is longer than any.
Bytes encode_kv_request(MutableBytes buffer, const KvRequest& request);
// bad_request: an unknown operation, or a body that is none of it. Judges shape and key size; values by admit.
Expected<KvRequest> decode_kv_request(Operation operation, Bytes body);

inline Bytes encode_kv_get(MutableBytes buffer, Bytes key) { return encode_kv_request(buffer, {key, {}, {}}); }
inline Bytes encode_kv_put(MutableBytes buffer, Bytes key, Bytes value) {
  return encode_kv_request(buffer, {key, value, {}});
}
inline Bytes encode_kv_delete(MutableBytes buffer, Bytes key) { return encode_kv_request(buffer, {key, {}, {}}); }
inline Bytes encode_kv_cas(MutableBytes buffer, Bytes key, std::optional<Bytes> expected, std::optional<Bytes> value) {
  return encode_kv_request(buffer, {key, value, expected});
}

// A decoded reply body (of statuses ok, not_found, not_swapped; others have an empty body).
struct KvReply {
  Op written;                  // the op that wrote what the key holds now, or that removed it; 0: nothing known
  std::optional<Bytes> value;  // what the key holds now: get and cas
  bool swapped = false;        // cas
};
struct KvReplyHead {
  Op written;
  u32 value_size = 0;
  u8 has_value = 0;
  u8 swapped = 0;
  u16 zero = 0;
};
static_assert(sizeof(KvReplyHead) == 16);
Expected<KvReply> decode_kv_reply(Bytes body);  // bad_request

}  // namespace keelson
