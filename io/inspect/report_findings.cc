#include "keelson/io/inspect/report_findings.h"

#include <algorithm>

namespace keelson::io::inspect {
namespace {

constexpr std::size_t places_in_line_max = 3;

std::string place_text(const FindingPlace& place) {
  if (!place.has_offset) return place.what;
  return place.what + " (" + name_of(place.zone) + ", byte " + std::to_string(place.file_offset) + ")";
}

template <class Visit>
void for_found(const Findings& findings, Visit visit) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Finding::count); ++i) {
    const auto finding = static_cast<Finding>(i);
    if (findings.count(finding) > 0) visit(finding);
  }
}

}  // namespace

std::string findings_text(const Findings& findings, const Style& style) {
  std::string text;
  for_found(findings, [&](Finding finding) {
    const auto& places = findings.places(finding);
    text += (is_damage(finding) ? bad(name_of(finding), style) : std::string(name_of(finding))) + " " +
            std::to_string(findings.count(finding)) + ": ";
    const std::size_t shown = style.rows_max == 0 ? places.size() : std::min(places.size(), places_in_line_max);
    for (std::size_t i = 0; i < shown; ++i) text += (i > 0 ? "; " : "") + place_text(places[i]);
    if (findings.count(finding) > shown) text += "; ...";
    text += std::string("\n  ") + meaning_of(finding) + "\n";
  });
  return text;
}

void put_findings(JsonWriter& json, const Findings& findings) {
  json.array("findings");
  for_found(findings, [&](Finding finding) {
    json.object().field("kind", name_of(finding)).field("damage", is_damage(finding));
    json.field("count", findings.count(finding)).field("meaning", meaning_of(finding)).array("places");
    for (const FindingPlace& place : findings.places(finding)) {
      json.object().field("what", place.what);
      if (place.has_offset) json.field("zone", name_of(place.zone)).field("file_offset", place.file_offset);
      json.end_object();
    }
    json.end_array().end_object();
  });
  json.end_array();
}

}  // namespace keelson::io::inspect
