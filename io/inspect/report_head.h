// How every report begins: which file it is about, whether a node runs on it, what a start would say.
#pragma once

#include "keelson/io/inspect/json_writer.h"
#include "keelson/io/inspect/survey.h"
#include "keelson/io/inspect/table.h"

namespace keelson::io::inspect {

std::string head_text(const Survey& survey, const Style& style);
// Opens the object; the caller goes on and closes it.
JsonWriter head_json(const Survey& survey, const char* report);
// The fields of a superblock.
void put_superblock(JsonWriter& json, const Superblock& superblock);

}  // namespace keelson::io::inspect
