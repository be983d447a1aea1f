#include <gtest/gtest.h>
#include <map>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/machine/kv/kv.h"
#include "tests/lib/machine/kv_driver.h"

namespace keelson::test {
namespace {

using Held = std::optional<std::string>;

// The naive machine: what every answer should have been.
class Model {
 public:
  struct Cell {
    std::string value;
    u64 op;
  };
  std::map<std::string, Cell> cells;
  u64 op = 0;

  KvAnswer get(const std::string& key) {
    ++op;
    const auto it = cells.find(key);
    if (it == cells.end()) return {Status::not_found, Op(0), {}, false};
    return {Status::ok, Op(it->second.op), it->second.value, false};
  }
  KvAnswer put(const std::string& key, const std::string& value) {
    cells[key] = {value, ++op};
    return {Status::ok, Op(op), {}, false};
  }
  KvAnswer erase(const std::string& key) {
    ++op;
    if (!cells.erase(key)) return {Status::not_found, Op(0), {}, false};
    return {Status::ok, Op(op), {}, false};
  }
  KvAnswer cas(const std::string& key, const Held& expected, const Held& value) {
    ++op;
    const auto it = cells.find(key);
    const Held held = it == cells.end() ? Held() : it->second.value;
    if (held != expected) return {Status::not_swapped, Op(held ? it->second.op : 0), held, false};
    if (value)
      cells[key] = {*value, op};
    else
      cells.erase(key);
    return {Status::ok, Op(op), value, true};
  }
};

std::string any_key() { return "k" + std::to_string(*rc::gen::inRange(0, 200)); }

std::string any_value() {
  const auto size = *rc::gen::oneOf(rc::gen::inRange(0, 4), rc::gen::inRange(0, 100), rc::gen::inRange(0, 3584));
  return std::string(static_cast<std::size_t>(size), static_cast<char>(*rc::gen::inRange<int>('a', 'e')));
}

Held any_held(Model& model, const std::string& key) {
  if (*rc::gen::inRange(0, 3) == 0) return *rc::gen::inRange(0, 2) ? Held() : Held(any_value());
  const auto it = model.cells.find(key);
  return it == model.cells.end() ? Held() : Held(it->second.value);
}

void any_step(KvDriver& kv, Model& model) {
  const std::string key = any_key();
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      RC_ASSERT(kv.get(key) == model.get(key));
      return;
    case 1:
      RC_ASSERT(kv.erase(key) == model.erase(key));
      return;
    case 2: {
      const Held expected = any_held(model, key);
      const Held value = *rc::gen::inRange(0, 4) ? Held(any_value()) : Held();
      RC_ASSERT(kv.cas(key, expected, value) == model.cas(key, expected, value));
      return;
    }
    default: {
      const std::string value = any_value();
      RC_ASSERT(kv.put(key, value) == model.put(key, value));
    }
  }
}

RC_GTEST_PROP(KvProperty, AnswersAsTheModel, ()) {
  KvDriver kv(Limits::tiny());
  Model model;
  const int steps = *rc::gen::inRange(0, 600);
  for (int i = 0; i < steps; ++i) any_step(kv, model);
  for (const auto& [key, cell] : std::map(model.cells)) RC_ASSERT(kv.get(key) == model.get(key));
}

RC_GTEST_PROP(KvProperty, SurvivesASnapshotAnywhere, ()) {
  KvDriver kv(Limits::tiny());
  Model model;
  for (int i = *rc::gen::inRange(0, 300); i > 0; --i) {
    any_step(kv, model);
    if (*rc::gen::inRange(0, 50) == 0) kv.settle();
  }
  const auto sections = save_sections(kv.machine());
  const Digest digest = kv.machine().digest();
  RC_ASSERT(load_sections(kv.machine(), sections) == Status::ok);
  RC_ASSERT(save_sections(kv.machine()) == sections);
  RC_ASSERT(kv.machine().digest() == digest);
  for (int i = *rc::gen::inRange(0, 100); i > 0; --i) any_step(kv, model);
}

// The same content by another way (fresh inserts in key order) has the same bytes.
RC_GTEST_PROP(KvProperty, BytesDependOnTheContentOnly, ()) {
  KvDriver kv(Limits::tiny());
  Model model;
  for (int i = *rc::gen::inRange(0, 400); i > 0; --i) any_step(kv, model);
  const bool settled = *rc::gen::inRange(0, 2) == 0;
  if (settled) kv.settle();
  // The op of a write is content: replay the surviving writes at their ops.
  KvDriver fresh(Limits::tiny());
  std::map<u64, std::string> writes;
  for (const auto& [key, cell] : model.cells) writes[cell.op] = key;
  for (const auto& [op, key] : writes) {
    while (fresh.op().raw() + 1 < op) fresh.get("nothing");
    fresh.put(key, model.cells[key].value);
  }
  if (settled) fresh.settle();
  RC_ASSERT(save_sections(fresh.machine()) == save_sections(kv.machine()));
  RC_ASSERT(fresh.machine().digest() == kv.machine().digest());
}

RC_GTEST_PROP(KvProperty, DigestTellsStatesApart, ()) {
  KvDriver kv(Limits::tiny());
  Model model;
  for (int i = *rc::gen::inRange(1, 50); i > 0; --i) any_step(kv, model);
  const Digest before = kv.machine().digest();
  const auto cells = model.cells.size();
  kv.put("k of no other", "v");
  RC_ASSERT(kv.machine().digest() != before);
  kv.erase("k of no other");
  RC_ASSERT(kv.machine().digest() == before);
  RC_ASSERT(model.cells.size() == cells);
}

RC_GTEST_PROP(KvProperty, HostileSnapshotsAreRefusedOrCanonical, ()) {
  KvDriver kv(Limits::tiny());
  for (int i = *rc::gen::inRange(0, 40); i > 0; --i) kv.put(any_key(), any_value());
  kv.settle();
  auto sections = save_sections(kv.machine());
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
    std::string& bytes = sections[*rc::gen::inRange<std::size_t>(0, sections.size())];
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  }
  const Status status = load_sections(kv.machine(), sections);
  RC_ASSERT(status == Status::ok || status == Status::corrupt_snapshot);
  // What is taken is a state: saved again it gives the bytes it came from.
  if (status == Status::ok) RC_ASSERT(save_sections(kv.machine()) == sections);
}

RC_GTEST_PROP(KvProperty, RequestsAndRepliesRoundTrip, ()) {
  std::vector<std::byte> buffer(8192);
  const std::string key(*rc::gen::inRange<std::size_t>(1, 257), 'k');
  const Held value = *rc::gen::inRange(0, 2) ? Held(any_value()) : Held();
  const Held expected = *rc::gen::inRange(0, 2) ? Held(any_value()) : Held();
  KvRequest request{as_bytes(key), {}, {}};
  if (value) request.value = as_bytes(*value);
  if (expected) request.expected = as_bytes(*expected);
  const auto decoded = decode_kv_request(kv_cas, encode_kv_request(buffer, request));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(as_string(decoded->key) == key);
  RC_ASSERT(decoded->value.has_value() == value.has_value());
  RC_ASSERT(decoded->expected.has_value() == expected.has_value());
  if (value) RC_ASSERT(as_string(*decoded->value) == *value);
  if (expected) RC_ASSERT(as_string(*decoded->expected) == *expected);
}

RC_GTEST_PROP(KvProperty, DecodersAreTotal, (const std::vector<u8>& noise, u16 operation)) {
  const Bytes bytes = std::as_bytes(std::span(noise));
  (void)decode_kv_request(Operation(operation), bytes);
  (void)decode_kv_reply(bytes);
  const auto request = decode_kv_request(kv_cas, bytes);
  if (request) RC_ASSERT(request->key.size() >= 1 && request->key.size() <= kv_key_bytes_max);
}

}  // namespace
}  // namespace keelson::test
