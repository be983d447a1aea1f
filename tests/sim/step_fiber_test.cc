#include "keelson/sim/step_fiber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/driver/check_hook.h"

namespace keelson::sim {
namespace {

// As kernel code is: noexcept all the way, several frames deep.
[[gnu::noinline]] void deep(int depth, bool holds) noexcept {
  volatile char frame[256] = {};
  frame[0] = static_cast<char>(depth);
  if (depth == 0) return check(holds);
  deep(depth - 1, holds);
  check(frame[0] == static_cast<char>(depth));
}

TEST(StepFiber, RunsStepsToTheirEnd) {
  StepFiber fiber;
  int sum = 0;
  for (int i = 0; i < 1'000; ++i)
    EXPECT_TRUE(fiber.run([&]() noexcept {
      deep(5, true);
      sum += i;
    }));
  EXPECT_EQ(sum, 499'500);
  EXPECT_FALSE(fiber.failed());
}

TEST(StepFiber, AFailedCheckComesBackWithItsSite) {
  StepFiber fiber;
  int after = 0;
  EXPECT_TRUE(fiber.run([]() noexcept { deep(3, true); }));
  EXPECT_FALSE(fiber.run([&]() noexcept {
    deep(3, false);
    ++after;
  }));
  EXPECT_EQ(after, 0) << "the step must not go on";
  ASSERT_TRUE(fiber.failed());
  EXPECT_THAT(fiber.failed()->file, testing::EndsWith("step_fiber_test.cc"));
  EXPECT_THAT(fiber.failed()->function, testing::HasSubstr("deep"));
  EXPECT_GT(fiber.failed()->line, 0u);
}

TEST(StepFiber, AFailureConcernsOneFiberOnly) {
  StepFiber poisoned;
  StepFiber sound;
  EXPECT_FALSE(poisoned.run([]() noexcept { check(false); }));
  EXPECT_TRUE(sound.run([]() noexcept { deep(1, true); }));
}

TEST(StepFiber, NeverUsedOneEndsQuietly) { StepFiber fiber; }

using StepFiberDeathTest = testing::Test;

TEST(StepFiberDeathTest, APoisonedFiberRefusesToRun) {
  StepFiber fiber;
  EXPECT_FALSE(fiber.run([]() noexcept { check(false); }));
  EXPECT_DEATH(fiber.run([] {}), "check failed");
}

TEST(StepFiberDeathTest, ACheckOutsideOfStepsStillAborts) {
  StepFiber fiber;
  fiber.run([] {});
  EXPECT_DEATH(check(false), "check failed");
}

}  // namespace
}  // namespace keelson::sim
