// RunReports as bytes, between processes of one campaign.
#pragma once

#include "keelson/sim/run/verdict.h"

namespace keelson::sim {

std::string encode_report(const RunReport& report);
std::optional<RunReport> decode_report(const std::string& bytes);

}  // namespace keelson::sim
