// A page that checks itself (`#selftest`) in a headless browser, and what to do on a machine without one.
//
// Who uses it: tests of the report and of a campaign's page. They skip where a program is missing, which is easily
// overlooked; CI sets KEELSON_BROWSER=required, and then they fail.
#pragma once

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

#include "tests/lib/io/process.h"

namespace keelson::test {

inline bool there_is(const std::string& program) {
  return run({"/bin/sh", "-c", "command -v " + program}).exit_code == 0;
}

inline bool pages_must_be_tried() {
  const char* asked = std::getenv("KEELSON_BROWSER");
  return asked && asked == std::string("required");
}

// What the page wrote at its end: PASSED or what failed, or all that the browser showed when it wrote nothing.
inline std::string told_by_page(const std::string& folder, const std::string& file) {
  // It may say nothing about its own profile folder, which is the temporary one.
  const std::string shown = run({"/bin/sh", "-c",
                                 "cd " + folder +
                                     " && timeout 120 chromium --headless --no-sandbox --disable-gpu "
                                     "--user-data-dir=profile --window-size=1500,950 --virtual-time-budget=5000 "
                                     "--dump-dom 'file://" +
                                     folder + "/" + file + "#selftest' 2>/dev/null"})
                                .out;
  const std::string begin = "<pre id=\"selftest\">";
  const auto from = shown.find(begin);
  if (from == std::string::npos) return "no word of the page: " + shown.substr(0, 2000);
  return shown.substr(from + begin.size(), shown.find("</pre>", from) - from - begin.size());
}

}  // namespace keelson::test

// At the head of a test: a macro, since skipping and failing both return from the test.
#define KEELSON_PAGE_NEEDS(program)                                                                     \
  if (!keelson::test::there_is(program)) {                                                              \
    ASSERT_FALSE(keelson::test::pages_must_be_tried()) << program << ": run cmake/apt-install.sh look"; \
    GTEST_SKIP() << "no " << program << " (cmake/apt-install.sh look): the page is not tried";          \
  }
