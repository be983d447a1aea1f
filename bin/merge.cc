// keelson sim merge: the results of many machines as one campaign.
#include <cerrno>
#include <cstring>
#include <iostream>

#include "keelson/io/exit_code.h"

#include "campaign_folder.h"
#include "commands.h"
#include "sim_output.h"
#include "sim_runs.h"

namespace keelson::bin {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string out;
  bool json = false;
};

class MergeCommand {
 public:
  MergeCommand(Options options, Tool tool) : options_(std::move(options)), tool_(std::move(tool)) {}

  int run() {
    if (const int code = read_all()) return code;
    const sim::CampaignPlan plan = joined_plan();
    sim::Tally tally(plan);
    sim::ResultSet nothing;
    auto folder = CampaignFolder::open(options_.out, plan, false, nothing, {});
    if (!folder) return problem(folder.error());
    int write_error = 0;
    for_each_run(campaigns_, results_, [&](const sim::Result& result) {
      tally.add(result.file, result.report);
      if (write_error == 0 && !folder->append(result)) write_error = errno;
    });
    sim::SummaryNotes notes;
    notes.not_run = results_.missing(plan);
    notes.merged_from = options_.folders;
    notes.twice = results_.twice();
    if (write_error == 0 && (!folder->finish() || !folder->write_summary(tally, notes))) write_error = errno;
    if (write_error != 0)
      return problem({io::exit_code::io_error,
                      "cannot write into " + typed_path(folder->path()) + ": " + std::strerror(write_error)});
    options_.json ? static_cast<void>(std::cout << sim::summary_json(tally, notes)) : print(tally, notes, *folder);
    return sim::exit_code_of(tally.worst());
  }

 private:
  int problem(const FolderProblem& problem) const {
    std::cerr << tool_.name << " sim merge: " << problem.what << "\n";
    return problem.exit_code;
  }

  int read_all() {
    for (const auto& folder : options_.folders) {
      auto held = read_campaign(folder, results_);
      if (!held) return problem(held.error());
      if (!campaigns_.empty()) {
        const HeldCampaign& first = campaigns_.front();
        if (const auto differs = sim::difference(held->plan, first.plan, sim::CompareSeeds::no))
          return problem({io::exit_code::bad_data,
                          folder + " is another campaign than " + first.folder.string() + ": " + *differs});
      }
      if (held->torn > 0)
        std::cerr << folder << ": a last line of " << held->torn << " bytes was cut off and is left out\n";
      campaigns_.push_back(std::move(*held));
    }
    return 0;
  }

  sim::CampaignPlan joined_plan() const {
    sim::CampaignPlan plan = campaigns_.front().plan;
    for (const auto& held : campaigns_)
      plan.seeds.insert(plan.seeds.end(), held.plan.seeds.begin(), held.plan.seeds.end());
    plan.seeds = sim::united(plan.seeds);
    plan.command = typed_command(tool_);
    return plan;
  }

  void print(const sim::Tally& tally, const sim::SummaryNotes& notes, const CampaignFolder& folder) const {
    print_totals(tally);
    print_signatures(tally);
    if (notes.twice > 0)
      std::cout << "twice      " << notes.twice << (notes.twice == 1 ? " run was" : " runs were")
                << " in more than one folder, "
                << (results_.contradictions() == 0 ? std::string("with the same trace")
                                                   : std::to_string(results_.contradictions()) + " with another trace")
                << "\n";
    if (!notes.not_run.empty())
      std::cout << "not run    " << tally.planned() - tally.runs() << " of " << tally.planned()
                << " runs: " << notes.not_run << "\n";
    std::cout << "kept       " << typed_path(folder.path() / "index.html") << "\n";
  }

  Options options_;
  Tool tool_;
  sim::ResultSet results_;
  std::vector<HeldCampaign> campaigns_;
};

}  // namespace

CLI::App* add_merge(CLI::App& sim, int& exit_code, const Tool& tool) {
  auto* command = sim.add_subcommand("merge", "join the folders of --out of many machines to one campaign");
  auto options = std::make_shared<Options>();
  command
      ->add_option("folder", options->folders, "folders that sim --out wrote, of the same scenarios, limits and build")
      ->required()
      ->type_name("DIR");
  command->add_option("--out", options->out, "a new folder, as sim --out writes it")->required()->type_name("DIR");
  command->add_flag("--json", options->json, "print the summary as one JSON object");
  command->footer(
      "Seed ranges may overlap: a run that is in two folders must have the same trace in both, else that is\n"
      "nondeterminism (exit 4). Exit codes: the worst of all runs, as of sim; 64 usage, 65 folders of different\n"
      "campaigns, or a damaged one, 73 the new folder can't be written.\n\nExample:\n  " +
      tool.name + " sim merge night-0 night-1 night-2 --out night");
  command->callback([options, tool, &exit_code] { exit_code = MergeCommand(*options, tool).run(); });
  return command;
}

}  // namespace keelson::bin
