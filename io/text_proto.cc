#include "keelson/io/text_proto.h"

#include <algorithm>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace keelson::io {
namespace {

namespace pb = google::protobuf;

struct Silent : pb::io::ErrorCollector {
  void AddError(int, pb::io::ColumnNumber, const std::string&) override {}
};

struct Token {
  int line;
  int column;
  std::string text;
};

std::vector<Token> tokens_of(const std::string& text) {
  std::vector<Token> tokens;
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  Silent silent;
  pb::io::Tokenizer tokenizer(&stream, &silent);
  tokenizer.set_comment_style(pb::io::Tokenizer::SH_COMMENT_STYLE);
  while (tokenizer.Next())
    tokens.push_back({tokenizer.current().line, tokenizer.current().column, tokenizer.current().text});
  return tokens;
}

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

std::string between_quotes(const std::string& text, int nth) {
  std::size_t at = 0;
  for (;; --nth) {
    const auto open = text.find('"', at);
    const auto close = open == std::string::npos ? open : text.find('"', open + 1);
    if (close == std::string::npos) return {};
    if (nth == 0) return text.substr(open + 1, close - open - 1);
    at = close + 1;
  }
}

std::string fields_of(const std::string& type) {
  const auto* descriptor = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  std::string names;
  for (int i = 0; descriptor && i < descriptor->field_count(); ++i)
    names += (i ? ", " : "one of ") + descriptor->field(i)->name();
  return names;
}

std::string enum_values_of(const std::string& field, const pb::Descriptor* root) {
  for (int i = 0; i < root->field_count(); ++i) {
    const auto* f = root->field(i);
    if (f->name() == field && f->enum_type()) {
      std::string names;
      for (int v = 0; v < f->enum_type()->value_count(); ++v)
        names += (v ? ", " : "one of ") + f->enum_type()->value(v)->name();
      return names;
    }
    if (f->message_type())
      if (std::string names = enum_values_of(field, f->message_type()); !names.empty()) return names;
  }
  return {};
}

class Collector : public pb::io::ErrorCollector {
 public:
  Collector(const std::string& text, const std::string& file, const pb::Descriptor* root)
      : tokens_(tokens_of(text)), file_(file), root_(root) {}
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    add(line, column, message);
  }
  void AddWarning(int line, pb::io::ColumnNumber column, const std::string& message) override {
    add(line, column, message);
  }
  Problems take() { return std::move(problems_); }

 private:
  void add(int line, int column, const std::string& message) {
    Problem problem{file_, line + 1, column + 1, "CFG_PARSE", message, {}, {}, {}};
    // Of these the parser finds out one token too late.
    const bool unknown_field = starts_with(message, "Message type");
    const bool twice = starts_with(message, "Non-repeated field");
    const bool unknown_value = starts_with(message, "Unknown enumeration value");
    if (unknown_field || twice || unknown_value) step_back(problem, line, column);
    if (unknown_field) {
      problem.what = "unknown field";
      problem.got = between_quotes(message, 1);
      problem.expected = fields_of(between_quotes(message, 0));
    } else if (twice) {
      problem.what = between_quotes(message, 0) + ": given more than once";
    } else if (unknown_value) {
      problem.what = between_quotes(message, 1) + ": unknown value";
      problem.got = between_quotes(message, 0);
      problem.expected = enum_values_of(between_quotes(message, 1), root_);
    } else if (!problem.what.empty() && problem.what.back() == '.') {
      problem.what.pop_back();
    }
    problems_.push_back(std::move(problem));
  }
  void step_back(Problem& problem, int line, int column) const {
    const auto after = std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& token) {
      return token.line > line || (token.line == line && token.column >= column);
    });
    if (after == tokens_.begin()) return;
    problem.line = (after - 1)->line + 1;
    problem.column = (after - 1)->column + 1;
  }

  std::vector<Token> tokens_;
  std::string file_;
  const pb::Descriptor* root_;
  Problems problems_;
};

}  // namespace

Problems parse_text(const std::string& text, const std::string& file, pb::Message& into,
                    pb::TextFormat::ParseInfoTree* places) {
  Collector collector(text, file, into.GetDescriptor());
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.AllowUnknownField(true);  // then they are warnings, and all of them are found
  if (places) parser.WriteLocationsTo(places);
  const bool parsed = parser.ParseFromString(text, &into);
  Problems problems = collector.take();
  if (!parsed && problems.empty()) problems.push_back({file, 1, 1, "CFG_PARSE", "not protobuf text", {}, {}, {}});
  return problems;
}

}  // namespace keelson::io
