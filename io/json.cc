#include "keelson/io/json.h"

#include <cstdint>

namespace keelson::io {
namespace {

// Length of the UTF-8 sequence at the front; 0 where there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::optional<std::uint32_t> parse_hex4(std::string_view text, std::size_t& at) {
  if (text.size() - at < 4) return std::nullopt;
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text[at++];
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      code = code * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      code = code * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return code;
}

// Behind "\u": four digits, or a pair of surrogates.
bool parse_unicode(std::string_view text, std::size_t& at, std::string& out) {
  auto code = parse_hex4(text, at);
  if (!code || (*code >= 0xdc00 && *code <= 0xdfff)) return false;
  if (*code >= 0xd800 && *code <= 0xdbff) {
    if (text.substr(at, 2) != "\\u") return false;
    at += 2;
    const auto low = parse_hex4(text, at);
    if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
    code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
  }
  append_utf8(out, *code);
  return true;
}

bool parse_escape(std::string_view text, std::size_t& at, std::string& out) {
  if (at == text.size()) return false;
  switch (text[at++]) {
    case '"':
      out += '"';
      return true;
    case '\\':
      out += '\\';
      return true;
    case '/':
      out += '/';
      return true;
    case 'b':
      out += '\b';
      return true;
    case 'f':
      out += '\f';
      return true;
    case 'n':
      out += '\n';
      return true;
    case 'r':
      out += '\r';
      return true;
    case 't':
      out += '\t';
      return true;
    case 'u':
      return parse_unicode(text, at, out);
    default:
      return false;
  }
}

void append_escaped(std::string& out, char c) {
  constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
        out += c;
        return;
      }
      out += "\\u00";
      out += digits[c >> 4 & 15];
      out += digits[c & 15];
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 1) append_escaped(out, text[0]);
    if (length > 1) out += text.substr(0, length);
    if (length == 0) out += "\xef\xbf\xbd";
    text.remove_prefix(length ? length : 1);
  }
  return out + "\"";
}

std::optional<std::string> parse_json_string(std::string_view text, std::size_t& at) {
  if (at >= text.size() || text[at] != '"') return std::nullopt;
  std::string out;
  for (++at; at < text.size();) {
    const char c = text[at++];
    if (c == '"') return out;
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    if (c != '\\') {
      out += c;
    } else if (!parse_escape(text, at, out)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace keelson::io
