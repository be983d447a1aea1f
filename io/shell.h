// The shell's language: one command per line in, one JSON object per line out.
//
// Who uses it: `keelson shell`, `keelson kv`. put KEY VALUE, get KEY, delete KEY, cas KEY EXPECTED NEW; a word with
// blanks or special characters is a JSON string. In a cas the bare word null stands for "no value": expected, nothing
// is there; new, delete it. Not here: terminals, prompts, history.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <tl/expected.hpp>

#include "keelson/io/kv_client.h"

namespace keelson::io {

inline constexpr std::size_t shell_line_bytes_max = 8 << 20;

// The command, or what is wrong with the line. An empty line is none at all: is_blank() first.
tl::expected<KvCommand, std::string> parse_command(std::string_view line);
bool is_blank(std::string_view line);

// {"ok":true,"value":…,"op":N,"ns":N}, with "swapped" for a cas;
// {"ok":false,"error":"…","unknown":false,"detail":"…"}
std::string to_json(const KvCommand& command, const KvResult& result);
std::string refusal_json(const std::string& error, const std::string& detail);

// Until the end of input. Every line but blank ones gets exactly one line, in order, flushed.
void run_shell(KvCaller& caller, std::istream& in, std::ostream& out);

}  // namespace keelson::io
