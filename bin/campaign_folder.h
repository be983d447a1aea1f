// CampaignFolder: a campaign on disk: campaign.json (what was asked), results.jsonl (a line per run, as soon as it is
// over), summary.json and index.html (what it comes to, rewritten now and then), shrunk/.
//
// Who uses it: `keelson sim --out`, `keelson sim merge`. One process at a time. What is whole stays whole when the
// process is killed: lines are appended in one write, other files are renamed into place. Not here: running anything.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "keelson/sim/campaign/results.h"
#include "keelson/sim/campaign/summary.h"

namespace keelson::bin {

// What is wrong, and the exit code that says so.
struct FolderProblem {
  int exit_code = 0;
  std::string what;
};

// A folder that holds a campaign, its results read and found to be whole.
struct HeldCampaign {
  std::filesystem::path folder;
  sim::CampaignPlan plan;
  u64 bytes = 0;  // of whole lines in results.jsonl
  u64 torn = 0;   // bytes behind them, which count for nothing
};
tl::expected<HeldCampaign, FolderProblem> read_campaign(const std::filesystem::path& folder, sim::ResultSet& results);

// Every run of these campaigns once, as the set has amended it; the files are read again.
void for_each_run(const std::vector<HeldCampaign>& campaigns, const sim::ResultSet& results,
                  const std::function<void(const sim::Result&)>& take);

class CampaignFolder {
 public:
  // A new or empty folder. With `resume` it may also hold a campaign of the same plan, whose runs are told.
  static tl::expected<CampaignFolder, FolderProblem> open(const std::filesystem::path& path,
                                                          const sim::CampaignPlan& plan, bool resume,
                                                          sim::ResultSet& results,
                                                          const std::function<void(const sim::Result&)>& take);
  CampaignFolder(CampaignFolder&& other) noexcept;
  CampaignFolder& operator=(CampaignFolder&&) = delete;
  ~CampaignFolder();

  const std::filesystem::path& path() const { return path_; }
  u64 torn() const { return torn_; }  // bytes of a last line that was cut off, dropped
  std::filesystem::path shrunk(const std::string& signature) const;

  // False: the disk refused, errno says why.
  [[nodiscard]] bool append(const sim::Result& result);
  [[nodiscard]] bool write_summary(const sim::Tally& tally, sim::SummaryNotes notes) const;
  [[nodiscard]] bool finish();  // on stable storage

 private:
  explicit CampaignFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::optional<FolderProblem> lock();
  std::optional<FolderProblem> start(const sim::CampaignPlan& plan);
  std::optional<FolderProblem> go_on(const sim::CampaignPlan& plan, sim::ResultSet& results,
                                     const std::function<void(const sim::Result&)>& take);
  FolderProblem cannot_write(const char* name) const;

  std::filesystem::path path_;
  int results_ = -1;
  int lock_ = -1;
  u64 torn_ = 0;
};

// As people can type it: relative to the current folder where that is below.
std::string typed_path(const std::filesystem::path& path);

}  // namespace keelson::bin
