#include "keelson/sim/check/kv_model.h"

#include "keelson/machine/kv/kv_codec.h"

namespace keelson::sim {
namespace {

std::string string_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

KvModel::Answer answer(Status status, Op written, const std::optional<std::string>& value, bool swapped) {
  KvReplyHead head;
  head.written = written;
  head.value_size = value ? static_cast<u32>(value->size()) : 0;
  head.has_value = value ? 1 : 0;
  head.swapped = swapped ? 1 : 0;
  const Bytes bytes = bytes_of(head);
  KvModel::Answer result{status, {bytes.begin(), bytes.end()}};
  if (value)
    for (const char c : *value) result.body.push_back(static_cast<std::byte>(c));
  return result;
}

}  // namespace

KvModel::Answer KvModel::apply(Op op, const RequestView& request) {
  const auto decoded = decode_kv_request(request.frame.operation, request.body);
  if (!decoded) return {decoded.error(), {}};
  const std::string key = string_of(decoded->key);
  const auto at = cells_.find(key);
  const bool held = at != cells_.end();
  std::optional<std::string> value;
  if (decoded->value) value = string_of(*decoded->value);

  if (request.frame.operation == kv_get)
    return held ? answer(Status::ok, at->second.written, at->second.value, false)
                : answer(Status::not_found, Op(), {}, false);
  if (request.frame.operation == kv_delete) {
    if (!held) return answer(Status::not_found, Op(), {}, false);
    cells_.erase(at);
    return answer(Status::ok, op, {}, false);
  }
  if (request.frame.operation == kv_put) {
    cells_[key] = {*value, op};
    return answer(Status::ok, op, {}, false);
  }
  const bool as_expected =
      held == decoded->expected.has_value() && (!held || at->second.value == string_of(*decoded->expected));
  if (!as_expected)
    return held ? answer(Status::not_swapped, at->second.written, at->second.value, false)
                : answer(Status::not_swapped, Op(), {}, false);
  if (value)
    cells_[key] = {*value, op};
  else
    cells_.erase(key);
  return answer(Status::ok, op, value, true);
}

}  // namespace keelson::sim
