// JsonWriter: one JSON object, written from left to right.
//
// Who uses it: the reports of inspect. Commas and quotes are its business, keys and nesting are the caller's. Not here:
// reading JSON, strings (io/json.h).
#pragma once

#include <concepts>
#include <string>

#include "keelson/base/types.h"
#include "keelson/io/json.h"

namespace keelson::io::inspect {

class JsonWriter {
 public:
  JsonWriter& object(const std::string& key = "") { return open(key, '{'); }
  JsonWriter& array(const std::string& key = "") { return open(key, '['); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& field(const std::string& key, const std::string& value) { return put(key, json_string(value)); }
  JsonWriter& field(const std::string& key, const char* value) { return put(key, json_string(value)); }
  JsonWriter& field(const std::string& key, bool value) { return put(key, value ? "true" : "false"); }
  template <std::unsigned_integral T>
  JsonWriter& field(const std::string& key, T value) {
    return put(key, std::to_string(value));
  }
  JsonWriter& null(const std::string& key) { return put(key, "null"); }

  const std::string& text() const { return text_; }

 private:
  JsonWriter& put(const std::string& key, const std::string& value) {
    begin(key);
    text_ += value;
    return *this;
  }
  JsonWriter& open(const std::string& key, char bracket) {
    begin(key);
    text_ += bracket;
    return *this;
  }
  JsonWriter& close(char bracket) {
    text_ += bracket;
    return *this;
  }
  void begin(const std::string& key) {
    const char last = text_.empty() ? '{' : text_.back();
    if (last != '{' && last != '[') text_ += ',';
    if (!key.empty()) text_ += json_string(key) + ":";
  }

  std::string text_;
};

}  // namespace keelson::io::inspect
