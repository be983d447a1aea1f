#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_findings.h"
#include "keelson/io/inspect/report_head.h"

namespace keelson::io::inspect {

std::string verify_text(const Survey& survey, const Findings& findings, const Style& style) {
  const std::string text = head_text(survey, style) + findings_text(findings, style);
  if (exit_code_of(survey, findings) == 0)
    return text + good("whole", style) + ": all of the log and of its checkpoints was read\n";
  return text + bad(survey.refusal ? "refused" : "damaged", style) +
         (survey.live ? "; a node runs on it: look again when it is stopped\n" : "\n");
}

std::string verify_json(const Survey& survey, const Findings& findings) {
  JsonWriter json = head_json(survey, "verify");
  json.field("whole", exit_code_of(survey, findings) == 0);
  put_findings(json, findings);
  return json.end_object().text();
}

}  // namespace keelson::io::inspect
