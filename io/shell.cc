#include "keelson/io/shell.h"

#include <vector>

#include "keelson/io/json.h"

namespace keelson::io {
namespace {

struct Word {
  std::string text;
  bool quoted = false;
  bool is_null() const { return !quoted && text == "null"; }
};

bool is_blank_char(char c) { return c == ' ' || c == '\t' || c == '\r'; }

tl::expected<std::vector<Word>, std::string> words_of(std::string_view line) {
  std::vector<Word> words;
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_blank_char(line[at])) ++at;
    if (at == line.size()) return words;
    if (line[at] == '"') {
      const std::size_t start = at;
      auto text = parse_json_string(line, at);
      if (!text)
        return tl::unexpected("not a whole JSON string at column " + std::to_string(start + 1) +
                              R"(: write "like this", with \" and \\ inside)");
      if (at < line.size() && !is_blank_char(line[at]))
        return tl::unexpected("a blank must follow the string that ends at column " + std::to_string(at));
      words.push_back({std::move(*text), true});
      continue;
    }
    const std::size_t start = at;
    while (at < line.size() && !is_blank_char(line[at])) ++at;
    words.push_back({std::string(line.substr(start, at - start)), false});
  }
}

std::optional<std::string> optional_of(Word& word) {
  return word.is_null() ? std::nullopt : std::optional(std::move(word.text));
}

std::string value_json(const std::optional<std::string>& value) { return value ? json_string(*value) : "null"; }

// A line of at most the allowed length; the rest of a longer one is skipped. False at the end of input.
bool read_line(std::istream& in, std::string& line, bool& too_long) {
  line.clear();
  too_long = false;
  std::streambuf& buffer = *in.rdbuf();
  for (int c = buffer.sbumpc();; c = buffer.sbumpc()) {
    if (c == std::char_traits<char>::eof()) {
      in.setstate(std::ios::eofbit);
      return !line.empty() || too_long;
    }
    if (c == '\n') return true;
    if (line.size() < shell_line_bytes_max) {
      line += static_cast<char>(c);
    } else {
      too_long = true;
    }
  }
}

}  // namespace

bool is_blank(std::string_view line) {
  for (const char c : line)
    if (!is_blank_char(c)) return false;
  return true;
}

tl::expected<KvCommand, std::string> parse_command(std::string_view line) {
  if (!is_utf8(line)) return tl::unexpected(std::string("the line is not UTF-8"));
  auto words = words_of(line);
  if (!words) return tl::unexpected(words.error());
  check(!words->empty());
  auto& w = *words;
  const std::string verb = w[0].quoted ? "" : w[0].text;
  struct Form {
    const char* verb;
    KvCommand::Verb is;
    std::size_t words;
    const char* usage;
  };
  for (const Form& form :
       {Form{"get", KvCommand::Verb::get, 2, "get KEY"}, Form{"put", KvCommand::Verb::put, 3, "put KEY VALUE"},
        Form{"delete", KvCommand::Verb::remove, 2, "delete KEY"},
        Form{"cas", KvCommand::Verb::cas, 4, "cas KEY EXPECTED NEW"}}) {
    if (verb != form.verb) continue;
    if (w.size() != form.words)
      return tl::unexpected(std::string("usage: ") + form.usage + " (a word with blanks is a JSON string)");
    KvCommand command;
    command.verb = form.is;
    command.key = std::move(w[1].text);
    if (form.is == KvCommand::Verb::put) command.value = std::move(w[2].text);
    if (form.is == KvCommand::Verb::cas) {
      command.expected = optional_of(w[2]);
      command.value = optional_of(w[3]);
    }
    return command;
  }
  return tl::unexpected("unknown command " + json_string(w[0].text) + ": get, put, delete or cas");
}

std::string refusal_json(const std::string& error, const std::string& detail) {
  return R"({"ok":false,"error":)" + json_string(error) + R"(,"unknown":false,"detail":)" + json_string(detail) + "}";
}

std::string to_json(const KvCommand& command, const KvResult& result) {
  if (!result.ok)
    return R"({"ok":false,"error":)" + json_string(result.error) + R"(,"unknown":)" +
           (result.unknown ? "true" : "false") + R"(,"detail":)" + json_string(result.detail) + "}";
  std::string text = R"({"ok":true,"value":)" + value_json(result.value);
  if (command.verb == KvCommand::Verb::cas) text += std::string(R"(,"swapped":)") + (result.swapped ? "true" : "false");
  return text + R"(,"op":)" + std::to_string(result.op.raw()) + R"(,"ns":)" + std::to_string(result.took.ns()) + "}";
}

void run_shell(KvCaller& caller, std::istream& in, std::ostream& out) {
  std::string line;
  bool too_long = false;
  while (out && read_line(in, line, too_long)) {
    if (too_long) {
      out << refusal_json("TOO_LARGE", "a line has at most " + std::to_string(shell_line_bytes_max) + " bytes");
    } else if (is_blank(line)) {
      continue;
    } else if (const auto command = parse_command(line)) {
      out << to_json(*command, run(caller, *command));
    } else {
      out << refusal_json("BAD_REQUEST", command.error());
    }
    out << std::endl;
  }
}

}  // namespace keelson::io
