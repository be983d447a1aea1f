// Words that several reports of inspect use: records, ranges, groups and refusals as short text.
#pragma once

#include <string>

#include "keelson/io/inspect/records.h"

namespace keelson::io::inspect {

std::string record_text(const RecordRow& row);  // "prepare of group 1 op 7"
std::string range_text(const OpRange& range);   // "op 7", "ops 7-9"
std::string ranges_text(const std::vector<OpRange>& ranges, std::size_t max);
u64 ops_in(const std::vector<OpRange>& ranges);
std::string groups_text(const Survey& survey, const Loss& loss);  // "group 1, 2", "any group"
std::string refusal_text(const Survey& survey);                   // "CODE: what; hint"
std::string short_digest(const Digest& digest);                   // 12 hexadecimal digits, "-" for none
std::string plural(u64 count, const std::string& noun);           // "1 page", "2 pages"

}  // namespace keelson::io::inspect
