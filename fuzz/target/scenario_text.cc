// Any bytes as a scenario file: it loads, or every problem has a place, a code and a text. What loads resolves, twice
// the same; and what was resolved is itself a sound scenario, resolves to itself, and says the same as a text and as
// bytes, since tapes, reports and shrunk failures are made of it.
#include "keelson/sim/scenario.h"
#include "keelson/sim/settings_of.h"
#include "keelson/sim/tape_text.h"

#include "fuzz/gen/require.h"

namespace {

using namespace keelson;
using namespace keelson::sim;
using gen::require;

std::string described(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.describe() + "\n";
  return text;
}

std::optional<BaseText> bases(std::string_view base) {
  if (base == "a/sound")
    return BaseText{"a/sound.textproto",
                    "name: \"sound\" network { loss_ppm: 5 } phase { name: \"a\" duration_ms: 9 }"};
  if (base == "a/broken") return BaseText{"a/broken.textproto", "name: \"broken\" cluster { replicas: 9 }"};
  return {};
}

void expect_clear(const Problems& problems) {
  require(!problems.empty(), "refused without a word");
  for (const Problem& problem : problems) {
    require(problem.code.starts_with("SCN_") && !problem.what.empty(), "a problem without code or text");
    require(problem.at.line >= 1 && problem.at.column >= 1, "a problem without a place");
  }
}

// Of a scenario that is sound in its file.
void expect_resolvable(const pb::Scenario& scenario, u64 seed) {
  Tape tape(SeededTape{seed}), same(SeededTape{seed}), other(SeededTape{seed + 1});
  const pb::Scenario resolved = resolve(scenario, {}, tape);
  const std::string bytes = serialise(resolved);
  require(serialise(resolve(scenario, {}, same)) == bytes, "resolved twice, differently");
  require(serialise(resolve(resolved, {}, other)) == bytes, "what was resolved resolves to something else");

  pb::Scenario from_bytes;
  require(from_bytes.ParsePartialFromString(bytes) && serialise(from_bytes) == bytes, "other bytes when read back");
  const auto from_text = parse_scenario(print(resolved), resolved.name() + ".textproto", {});
  require(from_text.has_value(), from_text ? "" : "what was resolved is refused:\n" + described(from_text.error()));
  require(serialise(*from_text) == bytes, "another scenario when printed and read");

  limits_of(resolved.cluster());
  tunables_of(resolved.cluster());
  settings_of(faults_of(resolved, nullptr));
  for (const pb::Phase& phase : resolved.phase()) settings_of(faults_of(resolved, &phase));
  source_of(resolved, seed);
}

void one(std::string_view text, const std::string& file) {
  const auto scenario = parse_scenario(text, file, bases);
  if (!scenario) return expect_clear(scenario.error());
  const u64 seeds = scenario->swarm().on() ? 4 : 1;  // else nothing is drawn
  for (u64 seed = 1; seed <= seeds; ++seed) expect_resolvable(*scenario, seed);
}

// The file of the first name that the text gives, so that files of scenarios/ are inputs as they are.
std::string file_of(std::string_view text) {
  const std::string_view before = "name: \"";
  const auto begin = text.find(before);
  if (begin == std::string_view::npos) return "x.textproto";
  const auto name = text.substr(begin + before.size());
  return std::string(name.substr(0, name.find('"'))) + ".textproto";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  one(text, file_of(text));
  return 0;
}
