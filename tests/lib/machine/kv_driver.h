// KvDriver: applies kv requests to a machine one by one, as a replica would, and decodes what comes back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/machine/machine.h"

namespace keelson::test {

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string as_string(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct KvAnswer {
  Status status = Status::ok;
  Op written;
  std::optional<std::string> value;
  bool swapped = false;
  bool operator==(const KvAnswer&) const = default;
};
std::ostream& operator<<(std::ostream& out, const KvAnswer& answer);

class KvDriver {
 public:
  explicit KvDriver(const Limits& limits) : limits_(limits), machine_(builtin_machines().make(machine_kv, limits)) {}

  AnyMachine& machine() { return machine_; }
  u32 settle() { return machine_.settle_sections(), machine_.section_count(); }  // as a checkpoint op does
  Op op() const { return op_; }

  KvAnswer get(std::string_view key) { return run(kv_get, {as_bytes(key), {}, {}}); }
  KvAnswer put(std::string_view key, std::string_view value) {
    return run(kv_put, {as_bytes(key), as_bytes(value), {}});
  }
  KvAnswer erase(std::string_view key) { return run(kv_delete, {as_bytes(key), {}, {}}); }
  KvAnswer cas(std::string_view key, const std::optional<std::string>& expected,
               const std::optional<std::string>& value) {
    KvRequest request{as_bytes(key), {}, {}};
    if (value) request.value = as_bytes(*value);
    if (expected) request.expected = as_bytes(*expected);
    return run(kv_cas, request);
  }
  KvAnswer run(Operation operation, const KvRequest& request);
  bool grows(Operation operation, std::string_view key, const std::optional<std::string>& value) const;
  // Any body; the status of admit, which apply must answer alike.
  KvAnswer run_body(Operation operation, Bytes body);

 private:
  Limits limits_;
  AnyMachine machine_;
  Op op_;
};

std::vector<std::string> save_sections(const AnyMachine& machine);
Status load_sections(AnyMachine& machine, const std::vector<std::string>& sections);

}  // namespace keelson::test
