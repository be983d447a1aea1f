// require: what a fuzz target demands of the code that it feeds. Says where and what, and dies, so that the fuzzer
// keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

namespace keelson::gen {

inline void require(bool holds, std::string_view what = "",
                    const std::source_location& at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "required: %.*s (%s:%u)\n", static_cast<int>(what.size()), what.data(), at.file_name(),
               static_cast<unsigned>(at.line()));
  std::abort();
}

}  // namespace keelson::gen
