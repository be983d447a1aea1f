#include "keelson/sim/json_object.h"

namespace keelson::sim {

std::string json_string(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_counts(const std::map<std::string, u64>& counts) {
  JsonObject object;
  for (const auto& [name, count] : counts)
    if (count > 0) object.field(name, count);
  return object.close();
}

u64 per_second(u64 count, u64 ns) {
  __extension__ using u128 = unsigned __int128;
  return ns == 0 ? 0 : static_cast<u64>(static_cast<u128>(count) * 1'000'000'000 / ns);
}

}  // namespace keelson::sim
