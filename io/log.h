// What a node tells its operator, on stderr: one line per event, names stable, no payloads.
//
// Who uses it: the runtime, `keelson server`. The bus and the kernel log nothing: they count and notify, and this turns
// that into words. Not for: what a command prints as its result (stdout, bin/).
#pragma once

#include <string>

#include "keelson/io/bus.h"
#include "keelson/io/config.h"
#include "keelson/wire/effect.h"

namespace keelson::io {

void start_log(LogLevel level, const std::string& name);
void log_note(const BusNote& note);
void log_notify(const Notify& notify);
void log_problem(const Problem& problem);

}  // namespace keelson::io
