#include "keelson/sim/report/page.h"

#include <string_view>

#include "keelson/sim/report/causes.h"

namespace keelson::sim {

// Made of the files in this folder (cmake/embed.cmake): in the order in which they stand in the page.
extern const std::string_view report_page;  // with @STYLE@, @DATA@, @SCRIPT@ and @TITLE@ in it
extern const std::string_view report_style;
extern const std::string_view report_script;

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
  page.reserve(data.size() + report_page.size() + report_style.size() + report_script.size());
  std::string_view rest = report_page;
  for (auto at = rest.find('@'); at != std::string_view::npos; at = rest.find('@')) {
    page += rest.substr(0, at);
    const auto end = rest.find('@', at + 1);
    const std::string_view name = rest.substr(at + 1, end - at - 1);
    if (name == "TITLE") page += title_of(facts.run);
    if (name == "STYLE") page += report_style;
    if (name == "DATA") page += data;
    if (name == "SCRIPT") page += report_script;
    rest = rest.substr(end + 1);
  }
  page += rest;
  return page;
}

}  // namespace keelson::sim
