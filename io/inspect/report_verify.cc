#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

constexpr std::size_t places_in_line_max = 3;

std::string place_text(const FindingPlace& place) {
  if (!place.has_offset) return place.what;
  return place.what + " at byte " + std::to_string(place.file_offset) + " (" + name_of(place.zone) + ")";
}

std::string verdict_text(const Survey& survey, const Findings& findings, const Style& style) {
  if (exit_code_of(survey, findings) == 0) return good("whole", style) + ": every byte was read\n";
  return bad(survey.refusal ? "refused" : "damaged", style) +
         (survey.live ? "; a node runs on it: look again when it is stopped\n" : "\n");
}

template <class Visit>
void for_found(const Findings& findings, Visit visit) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Finding::count); ++i) {
    const auto finding = static_cast<Finding>(i);
    if (findings.count(finding) > 0) visit(finding);
  }
}

}  // namespace

std::string verify_text(const Survey& survey, const Findings& findings, const Style& style) {
  std::string text = head_text(survey, style);
  for_found(findings, [&](Finding finding) {
    const auto& places = findings.places(finding);
    text += (is_damage(finding) ? bad(name_of(finding), style) : std::string(name_of(finding))) + " " +
            std::to_string(findings.count(finding)) + ": ";
    const std::size_t shown = style.rows_max == 0 ? places.size() : std::min(places.size(), places_in_line_max);
    for (std::size_t i = 0; i < shown; ++i) text += (i > 0 ? "; " : "") + place_text(places[i]);
    if (findings.count(finding) > shown) text += "; ...";
    text += std::string(". ") + meaning_of(finding) + "\n";
  });
  return text + verdict_text(survey, findings, style);
}

std::string verify_json(const Survey& survey, const Findings& findings) {
  JsonWriter json = head_json(survey, "verify");
  json.field("whole", exit_code_of(survey, findings) == 0).array("findings");
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
  return json.end_array().end_object().text();
}

}  // namespace keelson::io::inspect
