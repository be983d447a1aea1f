// Protobuf text -> message, with problems that point at the line. Every unknown field is told, not only the first.
//
// Who uses it: config and data_dir. Not here: what values mean.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <string>

#include "keelson/io/problem.h"

namespace keelson::io {

// Empty when the text was read. `places` (may be null) learns where each field stands.
Problems parse_text(const std::string& text, const std::string& file, google::protobuf::Message& into,
                    google::protobuf::TextFormat::ParseInfoTree* places);

}  // namespace keelson::io
