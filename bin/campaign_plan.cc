#include "campaign_plan.h"

#include <fstream>
#include <set>
#include <sstream>

#include "version.h"

namespace keelson::bin {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Results of two machines are compared by it. A build that no revision names, or one with a machine of its own, is
// told apart by its bytes.
std::string build_of(const Tool& tool) {
  const bool named = !tool.own && revision() != "unknown" && revision().find("-dirty") == std::string_view::npos;
  return build_text() + (named ? "" : ", binary " + sim::digest_text(text_of(own_path())).substr(0, 16));
}

std::string from_scenarios_on(const std::string& file) {
  const std::string folder = "scenarios/";
  const auto at = file.rfind("/" + folder);
  return at == std::string::npos ? file : file.substr(at + 1);
}

}  // namespace

sim::CampaignPlan plan_of(const SimRuns& runs, const std::string& command) {
  const SimRequest& request = runs.request();
  sim::CampaignPlan plan;
  plan.build = build_of(runs.tool());
  plan.limits = request.options.limits.empty() ? sim::limits_of_scenarios : request.options.limits;
  plan.verify_every = request.verify_every;
  plan.seeds = {request.seeds};
  plan.program = runs.tool().typed;
  plan.command = command;
  std::set<std::string> names;
  for (const auto& file : runs.files()) names.insert(from_scenarios_on(file.named));
  const bool distinct = names.size() == runs.files().size();
  for (const auto& file : runs.files())
    plan.scenarios.push_back(
        {distinct ? from_scenarios_on(file.named) : file.named, sim::digest_text(text_of(file.path)), file.about});
  return plan;
}

}  // namespace keelson::bin
