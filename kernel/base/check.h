// check(): guards keelson's own invariants, in every build. A failed check is a bug in keelson, never bad input.
//
// Who uses it: everybody in kernel/. The driver supplies check_failed(): a server prints and aborts, the simulator
// switches away from the failed step and keeps the world for the report. Not for: anything that arrived from outside.
#pragma once

#include <source_location>

namespace keelson {

struct CheckSite {
  const char* file;
  const char* function;
  unsigned line;
};

[[noreturn]] void check_failed(const CheckSite& site) noexcept;

constexpr void check(bool holds, const std::source_location& at = std::source_location::current()) {
  if (!holds) [[unlikely]]
    check_failed(CheckSite{at.file_name(), at.function_name(), at.line()});
}

}  // namespace keelson
