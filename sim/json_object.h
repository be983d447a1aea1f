// JsonObject: one JSON object on one line, written field by field; and lists of values that are JSON already.
//
// Who uses it: whatever prints verdicts, results and summaries for programs. Not here: reading
// (histories/datum.h), or the page's rows (report/payload.cc).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

std::string json_string(std::string_view text);

class JsonObject {
 public:
  JsonObject& field(std::string_view key, const std::string& raw) {
    text_ += (text_.size() > 1 ? "," : "") + json_string(key) + ":" + raw;
    return *this;
  }
  JsonObject& field(std::string_view key, u64 value) { return field(key, std::to_string(value)); }
  JsonObject& field(std::string_view key, bool value) { return field(key, std::string(value ? "true" : "false")); }
  JsonObject& text(std::string_view key, std::string_view value) { return field(key, json_string(value)); }
  std::string close() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

// Of values that `write` makes JSON of.
template <class Items, class Write>
std::string json_list(const Items& items, Write write, std::string_view separator = ",") {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += separator;
    text += write(item);
  }
  return text + "]";
}

// Those that are not 0.
std::string json_counts(const std::map<std::string, u64>& counts);

// So many per second, in whole numbers.
u64 per_second(u64 count, u64 ns);

}  // namespace keelson::sim
