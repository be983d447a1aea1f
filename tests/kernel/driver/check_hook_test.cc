#include "keelson/driver/check_hook.h"

#include <csetjmp>
#include <cstring>
#include <gtest/gtest.h>

namespace keelson {
namespace {

struct Landing {
  std::jmp_buf back;
  const char* file = nullptr;
  unsigned line = 0;

  static void on_check_failed(void* context, const CheckSite& site) {
    auto& landing = *static_cast<Landing*>(context);
    landing.file = site.file;
    landing.line = site.line;
    std::longjmp(landing.back, 1);
  }
};

TEST(CheckHook, GetsTheSiteAndKeepsTheProcessAlive) {
  static Landing landing;
  const ScopedCheckHook hook({&Landing::on_check_failed, &landing});
  if (setjmp(landing.back) == 0) check(false);
  EXPECT_STREQ(std::strrchr(landing.file, '/'), "/check_hook_test.cc");
  EXPECT_GT(landing.line, 0u);
}

TEST(CheckHookDeathTest, WithoutOneTheSiteIsPrintedAndTheProcessAborts) {
  EXPECT_DEATH(check(false), "check failed: .*check_hook_test.cc:[0-9]+: ");
}

TEST(CheckHookDeathTest, ScopedOnesNest) {
  static Landing landing;
  { const ScopedCheckHook hook({&Landing::on_check_failed, &landing}); }
  EXPECT_DEATH(check(false), "check failed: ");
}

TEST(CheckHookDeathTest, ACheckThatFailsInsideTheHookAborts) {
  const auto fail_again = [](void*, const CheckSite&) { check(1 + 1 == 3); };
  const ScopedCheckHook hook({fail_again, nullptr});
  EXPECT_DEATH(check(false), "check failed: ");
}

}  // namespace
}  // namespace keelson
