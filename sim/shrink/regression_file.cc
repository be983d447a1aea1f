#include "keelson/sim/shrink/regression_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;

constexpr std::size_t column_max = 120;

std::string on_one_line(const proto::Message& message) {
  proto::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string on_many_lines(const proto::Message& message) {
  std::string text;
  proto::TextFormat::PrintToString(message, &text);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// One field of the scenario, or one element of a list, as if it were all there is.
std::string field_text(const pb::Scenario& scenario, const proto::FieldDescriptor* field, int index) {
  pb::Scenario alone = scenario;
  const auto& access = *alone.GetReflection();
  std::vector<const proto::FieldDescriptor*> given;
  access.ListFields(alone, &given);
  for (const auto* other : given)
    if (other != field) access.ClearField(&alone, other);
  if (index >= 0) {
    access.SwapElements(&alone, field, 0, index);
    while (access.FieldSize(alone, field) > 1) access.RemoveLast(&alone, field);
  }
  const std::string line = on_one_line(alone);
  return line.size() <= column_max ? line : on_many_lines(alone);
}

std::string tape_lines(const pb::TapeText& tape) {
  std::string text = "tape {\n";
  if (tape.has_seed()) text += "  seed: " + std::to_string(tape.seed()) + "\n";
  for (const auto& entry : tape.entry()) text += "  entry { " + on_one_line(entry) + " }\n";
  return text + "}\n";
}

// "# " and so many words as fit; continued lines are indented.
void add_comment(std::string& out, const std::string& text, const std::string& indent = "") {
  std::string line = "#" + std::string(1, ' ') + indent;
  bool empty = true;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(' ', at + 1), text.size());
    const std::string word = text.substr(at, end - at);
    if (!empty && line.size() + word.size() > column_max) {
      out += line + "\n";
      line = "# " + indent + "  ";
      line += word.substr(word[0] == ' ' ? 1 : 0);
    } else {
      line += word;
    }
    empty = false;
    at = end;
  }
  out += line + "\n";
}

std::string sizes(const ShrinkResult& result) {
  const auto number = [](u64 value) { return std::to_string(value); };
  return "Shrunk from " + number(result.before.events) + " events and " + number(result.nonquiet_before) +
         " decisions that were not quiet to " + number(result.after.events) + " and " + number(result.nonquiet_after) +
         ".";
}

}  // namespace

std::string print_short(const pb::Scenario& scenario) {
  std::string text;
  const auto& access = *scenario.GetReflection();
  std::vector<const proto::FieldDescriptor*> given;
  access.ListFields(scenario, &given);
  for (const auto* field : given) {
    if (field->name() == "tape") continue;
    const int count = field->is_repeated() ? access.FieldSize(scenario, field) : 1;
    for (int i = 0; i < count; ++i) text += field_text(scenario, field, field->is_repeated() ? i : -1) + "\n";
  }
  return scenario.has_tape() ? text + tape_lines(scenario.tape()) : text;
}

std::string regression_text(const ShrinkResult& result, const RegressionNotes& notes) {
  std::string text;
  add_comment(text, "Was " + result.signature + ". Found by " + notes.found_by + ". " + sizes(result));
  text += "\n";
  for (const auto& line : notes.story) add_comment(text, line, "  ");
  add_comment(text, notes.command);
  return text + print_short(with_tape(result.best));
}

}  // namespace keelson::sim
