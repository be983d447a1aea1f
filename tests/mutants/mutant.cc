#include "tests/mutants/mutant.h"

#include <algorithm>
#include <sstream>

#include "bin/usage.h"

namespace keelson::mutants {
namespace {

Mutant mutant(Id id, std::string name, const char* wrong, const char* scenarios) {
  name[name.find('_')] = '.';
  std::istringstream words(scenarios);
  Mutant m{id, std::move(name), wrong, {}};
  for (std::string word; words >> word;) m.scenarios.push_back(word);
  return m;
}

}  // namespace

const std::vector<Mutant>& all_mutants() {
  static const std::vector<Mutant> all = {
#define KEELSON_MUTANT(id, wrong, scenarios) mutant(Id::id, #id, wrong, scenarios),
#include "keelson/mutants/mutants.def"
#undef KEELSON_MUTANT
  };
  return all;
}

const Mutant* find_mutant(const std::string& name) {
  for (const Mutant& mutant : all_mutants())
    if (mutant.name == name) return &mutant;
  return nullptr;
}

std::vector<std::string> meant(const std::string& name) {
  const auto& all = all_mutants();
  std::vector<std::string> close;
  for (const Mutant& mutant : all)
    if (mutant.name.find(name) != std::string::npos) close.push_back(mutant.name);
  if (!close.empty()) return close;
  const auto nearest = std::min_element(all.begin(), all.end(), [&](const Mutant& a, const Mutant& b) {
    return bin::edit_distance(name, a.name) < bin::edit_distance(name, b.name);
  });
  return {nearest->name};
}

}  // namespace keelson::mutants
