// Reads a protobuf text file against its schema and says everything that is wrong with it, each with its exact place.
//
// Who uses it: scenario.h. TextFormat stops at its first error and reports the token after an unknown name, often lines
// below; here a tokenizer pass checks names, types, enum values and ranges (option `range` of scenario.proto) before
// TextFormat ever sees the file. Also keeps where each field stands, for rules that need more than one field. Not here:
// such rules, or files.
#pragma once

#include <google/protobuf/descriptor.h>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::sim {

// Counted from 1; a tab and a multi-byte character are one column.
struct Position {
  int line = 1;
  int column = 1;
  auto operator<=>(const Position&) const = default;
};

// One thing that is wrong with a file: what a person needs to mend it.
struct Problem {
  std::string file;
  Position at{};
  std::string code;  // SCN_...: stable, for scripts
  std::string what;
  std::string got{};  // the last three may be empty
  std::string expected{};
  std::string hint{};

  std::string describe() const;  // file:line:column: CODE: what; got X; expected Y; hint
};

class ProtoText {
 public:
  // Never fails: what is wrong is in problems().
  ProtoText(std::string_view text, const google::protobuf::Descriptor& schema, std::string file);

  const std::vector<Problem>& problems() const { return problems_; }
  const std::string& file() const { return file_; }

  // Where a field stands, by path: "phase[1].partition.for_ms". Of several the first that is in the file; otherwise the
  // nearest of the first one's parents; otherwise the beginning.
  Position at(std::initializer_list<std::string> paths) const;
  bool has(const std::string& path) const { return positions_.contains(path); }

 private:
  class Walk;

  std::string file_;
  std::map<std::string, Position> positions_;
  std::vector<Problem> problems_;
};

// The name that was probably meant; empty if none is close.
std::string closest(std::string_view name, const std::vector<std::string>& names);

std::string joined(const std::vector<std::string>& names);

}  // namespace keelson::sim
