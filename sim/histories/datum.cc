#include "keelson/sim/histories/datum.h"

#include <charconv>

namespace keelson::sim {
namespace {

constexpr int depth_max = 16;

// Reads one value. The first error stops it: everything after returns at once.
class Reader {
 public:
  Reader(Notation notation, std::string_view line) : edn_(notation == Notation::edn), line_(line) {}

  tl::expected<Datum, NotReadable> run() {
    Datum datum = value(0);
    blanks();
    if (!failed_ && at_ < line_.size()) fail("something follows the value");
    if (failed_) return tl::unexpected(NotReadable{column_, what_});
    return datum;
  }

 private:
  Datum fail(const std::string& what) {
    if (!std::exchange(failed_, true)) {
      column_ = at_ + 1;
      what_ = what;
    }
    return {};
  }

  bool more() const { return !failed_ && at_ < line_.size(); }
  char next() const { return line_[at_]; }
  bool take(char c) {
    blanks();
    if (!more() || next() != c) return false;
    ++at_;
    return true;
  }

  void blanks() {
    while (more() && (next() == ' ' || next() == '\t' || next() == '\r' || (edn_ && next() == ','))) ++at_;
    if (edn_ && more() && next() == ';') at_ = line_.size();
  }

  Datum value(int depth) {
    blanks();
    if (depth > depth_max) return fail("values within values, more than " + std::to_string(depth_max) + " deep");
    if (!more()) return fail("a value is missing");
    const char c = next();
    if (c == '"') return Datum::of(text());
    if (c == '{') return map(depth);
    if (c == '[' || (edn_ && c == '(')) return list(depth, c == '[' ? ']' : ')');
    if (c == '-' || (c >= '0' && c <= '9')) return number();
    if (edn_ && c == ':') {
      ++at_;
      return Datum::word(word());
    }
    const std::string name = word();
    if (name == (edn_ ? "nil" : "null")) return {};
    if (name == "true" || name == "false") return Datum::of(name == "true");
    at_ -= name.size();
    return fail(edn_ ? "expected a value: nil, true, 7, \"text\", :keyword, [..] or {..}"
                     : "expected a value: null, true, 7, \"text\", [..] or {..}");
  }

  std::string word() {
    const auto begin = at_;
    while (more() && next() != '\0' && std::string_view(" \t\r,;()[]{}\":").find(next()) == std::string_view::npos)
      ++at_;
    return std::string(line_.substr(begin, at_ - begin));
  }

  Datum number() {
    Datum datum{.kind = Datum::Kind::number};
    const auto [end, error] = std::from_chars(line_.data() + at_, line_.data() + line_.size(), datum.number);
    if (error != std::errc()) return fail("expected a whole number below 2^63");
    at_ = static_cast<std::size_t>(end - line_.data());
    if (more() && (next() == '.' || next() == 'e' || next() == 'E')) return fail("expected a whole number");
    return datum;
  }

  std::string text() {
    std::string out;
    for (++at_; more() && next() != '"'; ++at_) {
      if (next() != '\\') {
        out += next();
        continue;
      }
      if (++at_; more()) escaped(out);
    }
    if (!more()) {
      fail("a text without its closing quote");
      return {};
    }
    ++at_;
    return out;
  }

  void escaped(std::string& out) {
    static constexpr std::string_view names = "nrtbf\"\\/", bytes = "\n\r\t\b\f\"\\/";
    const auto known = names.find(next());
    if (known != std::string_view::npos) {
      out += bytes[known];
      return;
    }
    unsigned code = 0;
    const char* const digits = line_.data() + at_ + 1;
    const bool four = next() == 'u' && line_.size() - at_ > 4;
    if (!four || std::from_chars(digits, digits + 4, code, 16).ptr != digits + 4 || code >= 0x80) {
      fail("an escape that isn't known: \\n, \\\", \\\\, or \\u00XX below 80");
      return;
    }
    out += static_cast<char>(code);
    at_ += 4;
  }

  Datum list(int depth, char close) {
    Datum datum{.kind = Datum::Kind::list};
    ++at_;
    while (!failed_ && !take(close)) {
      if (!edn_ && !datum.list.empty() && !take(',')) return fail("expected , or ]");
      datum.list.push_back(value(depth + 1));
    }
    return datum;
  }

  Datum map(int depth) {
    Datum datum = Datum::map();
    ++at_;
    while (!failed_ && !take('}')) {
      if (!edn_ && !datum.list.empty() && !take(',')) return fail("expected , or }");
      Datum key = value(depth + 1);
      if (!failed_ && !key.is_text()) return fail(edn_ ? "expected a keyword before a value" : "expected \"name\":");
      if (!failed_ && datum.get(key.text)) return fail("given twice: " + key.text);
      if (!edn_ && !failed_ && !take(':')) return fail("expected : after a name");
      Datum held = value(depth + 1);
      datum.put(std::move(key.text), std::move(held));
    }
    return datum;
  }

  const bool edn_;
  std::string_view line_;
  std::size_t at_ = 0;
  bool failed_ = false;
  std::size_t column_ = 0;
  std::string what_;
};

std::string quoted(const std::string& text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (byte < 0x20)
      out += std::string("\\u00") + hex[byte >> 4] + hex[byte & 15];
    else
      out += c;
  }
  return out + "\"";
}

}  // namespace

Datum Datum::of(bool value) { return {.kind = Kind::boolean, .boolean = value}; }
Datum Datum::of(u64 value) { return {.kind = Kind::number, .number = static_cast<std::int64_t>(value)}; }
Datum Datum::of(std::string value) { return {.kind = Kind::text, .text = std::move(value)}; }
Datum Datum::word(std::string value) { return {.kind = Kind::keyword, .text = std::move(value)}; }
Datum Datum::of(std::vector<Datum> values) { return {.kind = Kind::list, .list = std::move(values)}; }

Datum& Datum::put(std::string key, Datum value) {
  list.push_back(word(std::move(key)));
  list.push_back(std::move(value));
  return *this;
}

const Datum* Datum::get(std::string_view key) const {
  if (kind != Kind::map) return nullptr;
  for (std::size_t i = 0; i + 1 < list.size(); i += 2)
    if (list[i].text == key) return &list[i + 1];
  return nullptr;
}

tl::expected<Datum, NotReadable> parse_datum(Notation notation, std::string_view line) {
  return Reader(notation, line).run();
}

std::string print(Notation notation, const Datum& datum) {
  const bool edn = notation == Notation::edn;
  switch (datum.kind) {
    case Datum::Kind::nil:
      return edn ? "nil" : "null";
    case Datum::Kind::boolean:
      return datum.boolean ? "true" : "false";
    case Datum::Kind::number:
      return std::to_string(datum.number);
    case Datum::Kind::text:
      return quoted(datum.text);
    case Datum::Kind::keyword:
      return edn ? ":" + datum.text : quoted(datum.text);
    case Datum::Kind::list:
    case Datum::Kind::map:
      break;
  }
  const bool is_map = datum.kind == Datum::Kind::map;
  std::string out(1, is_map ? '{' : '[');
  for (std::size_t i = 0; i < datum.list.size(); ++i) {
    const bool after_key = is_map && i % 2 == 1;
    if (i > 0) out += after_key ? (edn ? " " : ":") : (edn && !is_map ? " " : edn ? ", " : ",");
    out += print(notation, datum.list[i]);
  }
  return out + (is_map ? '}' : ']');
}

}  // namespace keelson::sim
