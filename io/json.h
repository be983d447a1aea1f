// JSON strings: written so that every reader takes them, read with all of the standard's escapes.
//
// Who uses it: the shell and everything that prints JSON lines. Not here: a JSON document model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keelson::io {

bool is_utf8(std::string_view text);  // of Unicode scalar values, shortest forms only

// With quotes. Bytes that are no UTF-8 come out as U+FFFD.
std::string json_string(std::string_view text);

// Reads the string literal that begins at text[at], moves `at` behind it. None: not a whole string literal.
std::optional<std::string> parse_json_string(std::string_view text, std::size_t& at);

}  // namespace keelson::io
