#include "keelson/io/problem.h"

namespace keelson::io {

std::string to_string(const Problem& problem) {
  std::string text;
  if (!problem.file.empty()) text += problem.file + ":";
  if (problem.line > 0) text += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ":";
  if (!text.empty()) text += " ";
  text += problem.code + ": " + problem.what;
  if (!problem.got.empty()) text += "; got " + problem.got;
  if (!problem.expected.empty()) text += "; expected " + problem.expected;
  if (!problem.hint.empty()) text += "; " + problem.hint;
  return text;
}

Refusal refuse(int exit_code, Problem problem) {
  Refusal refusal{exit_code, {}};
  refusal.problems.push_back(std::move(problem));
  return refusal;
}

}  // namespace keelson::io
