#include "campaign_folder.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include "keelson/io/exit_code.h"
#include "keelson/sim/shrink/shrinker.h"

namespace keelson::bin {
namespace {

namespace fs = std::filesystem;

constexpr const char* plan_name = "campaign.json";
constexpr const char* results_name = "results.jsonl";
constexpr const char* lock_name = ".lock";

// The old file or the new one, whenever the process ends.
bool write_whole(const fs::path& file, const std::string& text) {
  const fs::path fresh = file.string() + ".new";
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    if (!(out << text) || !out.flush()) return false;
  }
  return ::rename(fresh.c_str(), file.c_str()) == 0;
}

std::string named(const fs::path& folder, const char* name) { return typed_path(folder / name); }

}  // namespace

std::string typed_path(const fs::path& path) {
  std::error_code error;
  const auto relative = fs::relative(path, fs::current_path(error), error).string();
  return !error && !relative.empty() && relative.rfind("..", 0) != 0 ? relative : path.string();
}

tl::expected<HeldCampaign, FolderProblem> read_campaign(const fs::path& folder, sim::ResultSet& results) {
  std::ifstream in(folder / plan_name, std::ios::binary);
  if (!in)
    return tl::unexpected(FolderProblem{
        io::exit_code::bad_data,
        folder.string() + " holds no campaign: " + named(folder, plan_name) + ": " + std::strerror(errno)});
  const auto plan = sim::parse_plan(std::string((std::istreambuf_iterator<char>(in)), {}));
  if (!plan)
    return tl::unexpected(FolderProblem{io::exit_code::bad_data, named(folder, plan_name) + ": " + plan.error()});
  HeldCampaign held{folder, *plan, 0, 0};
  std::error_code error;
  if (!fs::exists(folder / results_name, error)) return held;  // killed before its first run was over
  const auto read = sim::read_results(folder / results_name, *plan,
                                      [&](sim::Result&& result) { results.add(result, folder.string()); });
  if (read) {
    held.bytes = read->bytes;
    held.torn = read->torn;
    return held;
  }
  const std::string line = read.error().line > 0 ? ": line " + std::to_string(read.error().line) : "";
  return tl::unexpected(
      FolderProblem{io::exit_code::bad_data,
                    named(folder, results_name) + line + ": " + read.error().what +
                        (read.error().line > 0 ? "; take the line out, and its run counts as not run" : "")});
}

void for_each_run(const std::vector<HeldCampaign>& campaigns, const sim::ResultSet& results,
                  const std::function<void(const sim::Result&)>& take) {
  sim::ResultSet told;
  for (const auto& held : campaigns) {
    static_cast<void>(sim::read_results(held.folder / results_name, held.plan, [&](sim::Result&& result) {
      if (!told.add(result, "")) return;
      if (const auto* amended = results.amended(result.file, result.report.seed)) result.report = *amended;
      take(result);
    }));
  }
}

tl::expected<CampaignFolder, FolderProblem> CampaignFolder::open(const fs::path& path, const sim::CampaignPlan& plan,
                                                                 bool resume, sim::ResultSet& results,
                                                                 const std::function<void(const sim::Result&)>& take) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return tl::unexpected(FolderProblem{io::exit_code::cannot_create,
                                        "cannot make the folder " + path.string() + ": " + error.message()});
  CampaignFolder folder(path);
  const bool held = fs::exists(path / plan_name, error);
  if (held && !resume)
    return tl::unexpected(
        FolderProblem{io::exit_code::cannot_create,
                      path.string() + " holds a campaign; --resume goes on with it, or name another folder"});
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const auto name = entry.path().filename();
    if (held || name == lock_name || name.extension() == ".new") continue;
    return tl::unexpected(FolderProblem{
        io::exit_code::cannot_create,
        path.string() + " is not empty (" + name.string() + ") and holds no campaign; name another folder"});
  }
  if (auto problem = folder.lock()) return tl::unexpected(*problem);
  if (auto problem = held ? folder.go_on(plan, results, take) : folder.start(plan)) return tl::unexpected(*problem);
  folder.results_ = ::open((path / results_name).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (folder.results_ < 0) return tl::unexpected(folder.cannot_write(results_name));
  return folder;
}

CampaignFolder::CampaignFolder(CampaignFolder&& other) noexcept
    : path_(std::move(other.path_)),
      results_(std::exchange(other.results_, -1)),
      lock_(std::exchange(other.lock_, -1)),
      torn_(other.torn_) {}

CampaignFolder::~CampaignFolder() {
  if (results_ >= 0) ::close(results_);
  if (lock_ >= 0) ::close(lock_);
}

// Of the process and not of its descriptors: a worker that outlives a killed campaign holds nothing.
std::optional<FolderProblem> CampaignFolder::lock() {
  lock_ = ::open((path_ / lock_name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) return cannot_write(lock_name);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (::fcntl(lock_, F_SETLK, &whole) == 0) return {};
  return FolderProblem{io::exit_code::temporary, path_.string() + " is in use by another process"};
}

std::optional<FolderProblem> CampaignFolder::start(const sim::CampaignPlan& plan) {
  if (!write_whole(path_ / plan_name, to_json(plan))) return cannot_write(plan_name);
  return {};
}

std::optional<FolderProblem> CampaignFolder::go_on(const sim::CampaignPlan& plan, sim::ResultSet& results,
                                                   const std::function<void(const sim::Result&)>& take) {
  const auto held = read_campaign(path_, results);
  if (!held) return held.error();
  if (const auto differs = sim::difference(plan, held->plan, sim::CompareSeeds::yes))
    return FolderProblem{io::exit_code::bad_data,
                         path_.string() + " holds another campaign: " + *differs + "; name another folder"};
  for_each_run({*held}, results, take);
  torn_ = held->torn;
  std::error_code error;
  if (torn_ > 0) fs::resize_file(path_ / results_name, held->bytes, error);
  if (error) return FolderProblem{io::exit_code::cannot_create, named(path_, results_name) + ": " + error.message()};
  return {};
}

FolderProblem CampaignFolder::cannot_write(const char* name) const {
  return {io::exit_code::cannot_create, "cannot write " + named(path_, name) + ": " + std::strerror(errno)};
}

fs::path CampaignFolder::shrunk(const std::string& signature) const {
  return path_ / "shrunk" / (sim::regression_name(signature) + ".textproto");
}

bool CampaignFolder::append(const sim::Result& result) {
  const std::string line = sim::line_of(result);
  const ssize_t written = ::write(results_, line.data(), line.size());
  if (written >= 0 && static_cast<std::size_t>(written) < line.size()) errno = ENOSPC;
  return written == static_cast<ssize_t>(line.size());
}

bool CampaignFolder::write_summary(const sim::Tally& tally, sim::SummaryNotes notes) const {
  std::error_code error;
  for (const auto& [signature, unused] : tally.signatures())
    if (const auto file = shrunk(signature); fs::exists(file, error))
      notes.shrunk[signature] = "shrunk/" + file.filename().string();
  const std::string json = sim::summary_json(tally, notes);
  return write_whole(path_ / "summary.json", json) && write_whole(path_ / "index.html", sim::summary_page(json));
}

bool CampaignFolder::finish() { return ::fdatasync(results_) == 0; }

}  // namespace keelson::bin
