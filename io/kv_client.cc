#include "keelson/io/kv_client.h"

#include "keelson/machine/kv/kv_codec.h"

namespace keelson::io {
namespace {

Bytes as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }
std::optional<Bytes> as_bytes(const std::optional<std::string>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

Operation operation_of(KvCommand::Verb verb) {
  switch (verb) {
    case KvCommand::Verb::get:
      return kv_get;
    case KvCommand::Verb::put:
      return kv_put;
    case KvCommand::Verb::remove:
      return kv_delete;
    case KvCommand::Verb::cas:
      return kv_cas;
  }
  return kv_get;
}

std::string capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// Nobody who could answer did: one word for all of these, because a caller does the same about each.
bool is_unavailable(Status status) {
  return status == Status::deadline_passed || status == Status::not_primary || status == Status::busy ||
         status == Status::shutting_down || status == Status::clock_unsynchronized || status == Status::fenced ||
         status == Status::stuck || status == Status::cancelled || status == Status::epoch_closed;
}

KvResult failed(const CallResult& call, Status status, const std::string& detail) {
  KvResult result;
  result.op = call.op;
  result.took = call.took;
  result.status = status;
  result.error = is_unavailable(status) ? "UNAVAILABLE" : capitals(info(status).name);
  result.unknown = call.outcome == Outcome::unknown;
  result.detail = std::string(info(status).meaning);
  if (!detail.empty()) result.detail += ": " + detail;
  return result;
}

}  // namespace

KvResult run(KvCaller& caller, const KvCommand& command) {
  std::vector<std::byte> buffer(command.key.size() + (command.value ? command.value->size() : 0) +
                                (command.expected ? command.expected->size() : 0) + 64);
  const Bytes body =
      encode_kv_request(buffer, {as_bytes(command.key), as_bytes(command.value), as_bytes(command.expected)});
  CallResult none;
  none.outcome = Outcome::not_executed;
  if (command.key.size() > kv_key_bytes_max)
    return failed(none, Status::bad_request, "a key has at most " + std::to_string(kv_key_bytes_max) + " bytes");
  if (body.empty() || body.size() > Limits::standard().request_body_max()) return failed(none, Status::too_large, "");

  const CallResult call = caller.call(operation_of(command.verb), body);
  const bool answered =
      call.outcome == Outcome::executed &&
      (call.status == Status::ok || call.status == Status::not_found || call.status == Status::not_swapped);
  if (!answered) return failed(call, call.status, call.detail);
  const auto reply = decode_kv_reply(call.body);
  if (!reply) {
    CallResult odd = call;
    odd.outcome = Outcome::unknown;
    return failed(odd, Status::bad_request, "the answer is not one of a key-value map");
  }
  KvResult result;
  result.ok = true;
  result.op = call.op;
  result.took = call.took;
  result.status = call.status;
  result.found = call.status != Status::not_found;
  result.swapped = reply->swapped;
  if (reply->value)
    result.value = std::string(reinterpret_cast<const char*>(reply->value->data()), reply->value->size());
  return result;
}

}  // namespace keelson::io
