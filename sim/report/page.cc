#include "keelson/sim/report/page.h"

#include <span>
#include <string_view>

#include "keelson/sim/report/causes.h"

namespace keelson::sim {

// Made of the files in this folder by cmake/embed.cmake.
extern const std::string_view report_page;  // with @TITLE@, @STYLE@, @DATA@ and @SCRIPT@ in it
extern const std::string_view report_style;
extern const std::span<const std::string_view> report_scripts;

namespace {

std::string title_of(const RunReport& run) {
  std::string title;
  for (const char c : run.scenario + ", seed " + std::to_string(run.seed) + ": " + name_of(run.verdict)) {
    if (c == '<') {
      title += "&lt;";
    } else if (c == '&') {
      title += "&amp;";
    } else {
      title += c;
    }
  }
  return title;
}

}  // namespace

std::string page_of(Timeline& timeline, const ReportFacts& facts) {
  cut_to(timeline, report_rows_max);
  const std::string data = payload_of(timeline, facts);
  std::string page;
  page.reserve(data.size() + (u64{1} << 18));
  std::string_view rest = report_page;
  for (auto at = rest.find('@'); at != std::string_view::npos; at = rest.find('@')) {
    page += rest.substr(0, at);
    const auto end = rest.find('@', at + 1);
    const std::string_view name = rest.substr(at + 1, end - at - 1);
    if (name == "TITLE") page += title_of(facts.run);
    if (name == "STYLE") page += report_style;
    if (name == "DATA") page += data;
    if (name == "SCRIPT")
      for (const std::string_view script : report_scripts) page += script;
    rest = rest.substr(end + 1);
  }
  page += rest;
  return page;
}

}  // namespace keelson::sim
