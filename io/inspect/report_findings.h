// Findings as text and as JSON: one line or one object per kind.
#pragma once

#include "keelson/io/inspect/findings.h"
#include "keelson/io/inspect/json_writer.h"
#include "keelson/io/inspect/table.h"

namespace keelson::io::inspect {

std::string findings_text(const Findings& findings, const Style& style);
void put_findings(JsonWriter& json, const Findings& findings);  // the field "findings"

}  // namespace keelson::io::inspect
