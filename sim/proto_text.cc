#include "keelson/sim/proto_text.h"

#include <algorithm>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "keelson/base/types.h"
#include "keelson/sim/scenario.pb.h"

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;
using proto::FieldDescriptor;
using proto::io::Tokenizer;

constexpr std::size_t names_listed_max = 12;

// The tokenizer counts bytes from 0, and a tab as the way to the next multiple of 8.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      lines_.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  Position at(int line, int column) const {
    Position position{line + 1, 1};
    if (static_cast<std::size_t>(line) >= lines_.size()) return position;
    int reached = 0;
    for (const char c : lines_[static_cast<std::size_t>(line)]) {
      if (reached >= column) break;
      reached += c == '\t' ? 8 - reached % 8 : 1;
      const bool continues_character = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
      position.column += continues_character ? 0 : 1;
    }
    return position;
  }

 private:
  std::vector<std::string_view> lines_;
};

struct Bounds {
  u64 min = 0;
  u64 max = 0;
  std::string hint;
};

bool is_unsigned(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 || field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
}
bool is_signed(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 || field.cpp_type() == FieldDescriptor::CPPTYPE_INT64;
}
bool is_wide(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64 || field.cpp_type() == FieldDescriptor::CPPTYPE_INT64;
}

Bounds bounds_of(const FieldDescriptor& field) {
  Bounds bounds{0, is_wide(field) ? std::numeric_limits<u64>::max() : std::numeric_limits<u32>::max(), {}};
  if (field.options().HasExtension(pb::range)) {
    const auto& range = field.options().GetExtension(pb::range);
    if (range.has_min()) bounds.min = range.min();
    if (range.has_max()) bounds.max = range.max();
    bounds.hint = range.hint();
  } else if (field.name().ends_with("_ppm")) {
    bounds.max = 1'000'000;
    bounds.hint = "parts per million: 1000000 is always";
  }
  return bounds;
}

std::string kind_of(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "a message: { … }";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a string: \"…\"";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "a name";
    default:
      return is_unsigned(field) ? "a whole number, 0 or more" : "a whole number";
  }
}

std::vector<std::string> field_names(const proto::Descriptor& message) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(message.field_count()));
  for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->name());
  return names;
}

std::vector<std::string> value_names(const proto::EnumDescriptor& type) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(type.value_count()));
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  return names;
}

std::string alternatives(std::string_view name, const std::vector<std::string>& names) {
  auto near = closest(name, names);
  if (!near.empty() && names.size() > names_listed_max) return near;
  return joined(names);
}

}  // namespace

std::string Problem::describe() const {
  std::string text = file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": " + code + ": " + what;
  if (!got.empty()) text += "; got " + got;
  if (!expected.empty()) text += "; expected " + expected;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

// Follows the text format's grammar with the schema in hand. A wrong value is noted and skipped; a token where none can
// stand ends the walk, since nothing behind it is certain.
class ProtoText::Walk final : public proto::io::ErrorCollector {
 public:
  Walk(ProtoText& out, std::string_view text)
      : out_(out), lines_(text), input_(text.data(), static_cast<int>(text.size())), tokens_(&input_, this) {
    tokens_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
    tokens_.set_require_space_after_number(false);
  }

  void run(const proto::Descriptor& schema) {
    tokens_.Next();
    message(schema, "", "");
  }

  void AddError(int line, proto::io::ColumnNumber column, const std::string& text) override {
    if (stopped_) return;
    stopped_ = true;
    add(lines_.at(line, column), "SCN_SYNTAX", text);
  }

 private:
  bool at_end() { return stopped_ || tokens_.current().type == Tokenizer::TYPE_END; }
  bool is(std::string_view symbol) { return !stopped_ && tokens_.current().text == symbol; }
  bool is_symbol(std::string_view symbol) { return is(symbol) && tokens_.current().type == Tokenizer::TYPE_SYMBOL; }
  bool take(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    tokens_.Next();
    return true;
  }
  Position here() { return lines_.at(tokens_.current().line, tokens_.current().column); }
  std::string shown() { return at_end() ? "the end of the file" : tokens_.current().text; }

  void add(Position at, std::string code, std::string what, std::string got = {}, std::string expected = {},
           std::string hint = {}) {
    out_.problems_.push_back(Problem{out_.file_, at, std::move(code), std::move(what), std::move(got),
                                     std::move(expected), std::move(hint)});
  }
  void stop(std::string what, std::string expected) {
    if (stopped_) return;
    add(here(), "SCN_SYNTAX", std::move(what), shown(), std::move(expected));
    stopped_ = true;
  }

  void message(const proto::Descriptor& schema, const std::string& path, std::string_view close) {
    std::map<std::string, int> seen;            // field name: how often
    std::map<std::string, std::string> chosen;  // oneof: field
    while (!at_end() && !(close.size() == 1 && is_symbol(close))) {
      if (tokens_.current().type != Tokenizer::TYPE_IDENTIFIER)
        return stop("a field name should stand here",
                    close.empty() ? "a field of " + schema.name() : "a field or " + std::string(close));
      field(schema, path, seen, chosen);
      if (!take(",")) take(";");
    }
    if (!close.empty() && !take(close)) stop("a message is not closed", std::string(close));
  }

  void field(const proto::Descriptor& schema, const std::string& path, std::map<std::string, int>& seen,
             std::map<std::string, std::string>& chosen) {
    const Position at = here();
    const std::string name = tokens_.current().text;
    tokens_.Next();
    const FieldDescriptor* known = schema.FindFieldByName(name);
    const std::string full = path.empty() ? name : path + '.' + name;
    if (known == nullptr) {
      const auto names = field_names(schema);
      add(at, "SCN_FIELD", full + ": unknown field of " + schema.name(), name, alternatives(name, names));
      take(":");
      return skip_value();
    }
    note_use(*known, at, full, seen[name], chosen);
    const bool colon = take(":");
    if (known->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE && !colon)
      return stop("a colon is missing after " + name, ":");
    if (known->is_repeated() && take("[")) {
      while (!at_end() && !is_symbol("]")) {
        value(*known, full + '[' + std::to_string(seen[name]++) + ']', at);
        if (!take(",")) break;
      }
      if (!take("]")) stop("a list is not closed", "]");
      return;
    }
    const int index = seen[name]++;
    value(*known, known->is_repeated() ? full + '[' + std::to_string(index) + ']' : full, at);
  }

  void note_use(const FieldDescriptor& field, Position at, const std::string& full, int uses,
                std::map<std::string, std::string>& chosen) {
    out_.positions_.emplace(full, at);
    if (uses > 0 && !field.is_repeated()) add(at, "SCN_TWICE", full + ": given twice", {}, "it once");
    const auto* oneof = field.containing_oneof();
    if (oneof == nullptr) return;
    const auto [other, first] = chosen.emplace(oneof->name(), field.name());
    if (!first && other->second != field.name())
      add(at, "SCN_TWICE", full + ": excludes " + other->second, "both", "one of the two");
  }

  void value(const FieldDescriptor& field, const std::string& path, Position field_at) {
    if (stopped_) return;
    out_.positions_.emplace(path, field_at);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (take("{")) return message(*field.message_type(), path, "}");
      if (take("<")) return message(*field.message_type(), path, ">");
    } else if (!is_symbol("{") && !is_symbol("<") && !is_symbol("[")) {
      return scalar(field, path);
    }
    if (is_symbol("}") || is_symbol(">") || at_end()) return stop(path + ": a value is missing", kind_of(field));
    wrong_type(field, path);
  }

  void wrong_type(const FieldDescriptor& field, const std::string& path) {
    const Position at = here();
    const std::string got = shown();
    skip_value();
    add(at, "SCN_TYPE", path + ": wrong kind of value", got, kind_of(field));
  }

  void scalar(const FieldDescriptor& field, const std::string& path) {
    const auto type = tokens_.current().type;
    if (type == Tokenizer::TYPE_SYMBOL && !is("-")) return stop(path + ": a value is missing", kind_of(field));
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return type == Tokenizer::TYPE_STRING ? skip_value() : wrong_type(field, path);
      case FieldDescriptor::CPPTYPE_BOOL: {
        const std::set<std::string> words{"true", "false", "True", "False", "t", "f", "1", "0"};
        return words.contains(tokens_.current().text) ? tokens_.Next(), void() : wrong_type(field, path);
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        return enumerated(field, path);
      default:
        return number(field, path);
    }
  }

  void enumerated(const FieldDescriptor& field, const std::string& path) {
    const auto& type = *field.enum_type();
    const auto& token = tokens_.current();
    bool known = false;
    u64 number = 0;
    if (token.type == Tokenizer::TYPE_IDENTIFIER) known = type.FindValueByName(token.text) != nullptr;
    if (token.type == Tokenizer::TYPE_INTEGER &&
        Tokenizer::ParseInteger(token.text, std::numeric_limits<int>::max(), &number))
      known = type.FindValueByNumber(static_cast<int>(number)) != nullptr;
    const Position at = here();
    const std::string got = token.text;
    skip_value();
    if (!known) add(at, "SCN_ENUM", path + ": unknown value", got, alternatives(got, value_names(type)));
  }

  void number(const FieldDescriptor& field, const std::string& path) {
    const Position at = here();
    const bool negative = take("-");
    const auto token = tokens_.current();
    if (token.type != Tokenizer::TYPE_INTEGER || (!is_unsigned(field) && !is_signed(field)))
      return wrong_type(field, path);
    tokens_.Next();
    u64 magnitude = 0;
    const bool fits = Tokenizer::ParseInteger(token.text, std::numeric_limits<u64>::max(), &magnitude);
    const std::string got = (negative ? "-" : "") + token.text;
    if (is_signed(field)) {
      const u64 most = is_wide(field) ? u64{1} << 62 : u64{1} << 31;
      if (!fits || magnitude >= most)
        add(at, "SCN_RANGE", path + ": out of range", got, "less than " + std::to_string(most));
      return;
    }
    const Bounds bounds = bounds_of(field);
    if (fits && (!negative || magnitude == 0) && magnitude >= bounds.min && magnitude <= bounds.max) return;
    add(at, "SCN_RANGE", path + ": out of range", got, std::to_string(bounds.min) + " to " + std::to_string(bounds.max),
        bounds.hint);
  }

  // Whatever value stands here, nested ones whole.
  void skip_value() {
    if (stopped_) return;
    int depth = 0;
    do {
      if (take("{") || take("<") || take("[")) {
        ++depth;
      } else if (depth > 0 && (take("}") || take(">") || take("]"))) {
        if (--depth == 0) return;
      } else if (depth > 0 && !at_end()) {
        tokens_.Next();
      }
    } while (depth > 0 && !at_end());
    if (depth > 0) return stop("something is not closed", "} or ]");
    take("-");
    const bool text = !at_end() && tokens_.current().type == Tokenizer::TYPE_STRING;
    if (!at_end() && tokens_.current().type != Tokenizer::TYPE_SYMBOL) tokens_.Next();
    while (text && !at_end() && tokens_.current().type == Tokenizer::TYPE_STRING) tokens_.Next();
  }

  ProtoText& out_;
  Lines lines_;
  proto::io::ArrayInputStream input_;
  Tokenizer tokens_;
  bool stopped_ = false;
};

ProtoText::ProtoText(std::string_view text, const google::protobuf::Descriptor& schema, std::string file)
    : file_(std::move(file)) {
  Walk(*this, text).run(schema);
}

Position ProtoText::at(std::initializer_list<std::string> paths) const {
  for (const auto& path : paths)
    if (const auto found = positions_.find(path); found != positions_.end()) return found->second;
  std::string parent = paths.size() == 0 ? std::string() : *paths.begin();
  while (!parent.empty()) {
    if (const auto found = positions_.find(parent); found != positions_.end()) return found->second;
    const auto dot = parent.rfind('.');
    parent.resize(dot == std::string::npos ? 0 : dot);
  }
  return Position{};
}

std::string closest(std::string_view name, const std::vector<std::string>& names) {
  std::size_t nearest = 3;  // more edits than two: something else was meant
  std::string found;
  for (const auto& candidate : names) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() >= nearest) continue;
    nearest = row.back();
    found = candidate;
  }
  return found;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace keelson::sim
