// Datum: a value of a history file, whether it is written as EDN or as JSON: nil, a boolean, a whole number, a text, a
// list, or a map with texts as keys.
//
// Who uses it: history files (kv_file.h, queue_file.h). EDN keywords are texts, as most tools write them (:read is
// read). Hostile input: parsing is total, bounded in depth, and says in which column it stopped. Not here: what
// fields mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

struct Datum {
  enum class Kind : u8 { nil, boolean, number, text, keyword, list, map };
  Kind kind = Kind::nil;
  bool boolean = false;
  std::int64_t number = 0;
  std::string text = {};         // also of a keyword
  std::vector<Datum> list = {};  // of a map: keys and values in turn

  static Datum of(bool value);
  static Datum of(u64 value);
  static Datum of(std::string value);
  static Datum word(std::string value);  // a keyword in EDN, a text in JSON
  static Datum of(std::vector<Datum> values);
  static Datum map() { return {.kind = Kind::map}; }

  Datum& put(std::string key, Datum value);      // at the end of a map
  const Datum* get(std::string_view key) const;  // null: no map, or not in it
  bool is_text() const { return kind == Kind::text || kind == Kind::keyword; }
  bool operator==(const Datum&) const = default;
};

enum class Notation : u8 { edn, json };

struct NotReadable {
  std::size_t column = 0;  // from 1
  std::string what;
};

// One value and nothing behind it but blanks (and in EDN a comment).
tl::expected<Datum, NotReadable> parse_datum(Notation notation, std::string_view line);
std::string print(Notation notation, const Datum& datum);

}  // namespace keelson::sim
