#include "usage.h"

#include <algorithm>
#include <iostream>
#include <numeric>

#include "keelson/io/exit_code.h"

namespace keelson::bin {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

namespace {

// The innermost subcommand that was reached.
const CLI::App& reached(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : reached(*chosen.front());
}

std::vector<std::string> allowed_words(const CLI::App& command) {
  std::vector<std::string> words;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(sub->get_name());
  return words;
}

// The closest allowed word to any that isn't allowed; empty when nothing is close.
std::string meant(const CLI::App& command, int argc, const char* const* argv) {
  const auto allowed = allowed_words(command);
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
    if (word == command.get_name() || std::find(allowed.begin(), allowed.end(), word) != allowed.end()) continue;
    for (const std::string& candidate : allowed)
      if (edit_distance(word, candidate) <= 1 + candidate.size() / 4) return word + "? did you mean " + candidate;
  }
  return {};
}

}  // namespace

int teach(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
  const CLI::App& command = reached(app);
  if (dynamic_cast<const CLI::CallForVersion*>(&error)) {
    std::cout << error.what() << "\n";
    return io::exit_code::done;
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    std::cout << app.help();
    return io::exit_code::done;
  }
  if (argc > 1) {
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    if (what == "A subcommand is required" && &command == &app) what = std::string("no such command: ") + argv[1];
    std::cerr << "error: " << what;
    if (const std::string hint = meant(command, argc, argv); !hint.empty()) std::cerr << "; " << hint;
    std::cerr << "\n\n";
  }
  std::cerr << app.help();
  return io::exit_code::usage;
}

}  // namespace keelson::bin
