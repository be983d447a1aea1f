// What is worth reading in a message, as names and numbers per command.
//
// Who uses it: the recorder, for each message that is sent. Digests are cut to 32 bits: enough to tell two apart by
// eye. Not here: validation; the bytes are a message that some process sealed.
#pragma once

#include <string>
#include <vector>

#include "keelson/wire/header.h"

namespace keelson::sim {

// In the order in which values_of() gives them.
std::vector<std::string> fields_of(Command command);
void values_of(const std::byte* message, std::vector<std::int64_t>& values);

}  // namespace keelson::sim
