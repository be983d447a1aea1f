#include "keelson/sim/fiber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Virtual time without a World: jumps to whatever is due next.
class FiberTest : public testing::Test, public FiberOwner {
 protected:
  Instant now() const override { return now_; }
  u64 choose(u64 ready) override { return ready - 1; }

  void run(Instant until = Instant::never()) {
    while (true) {
      fibers().test_predicates();
      const Instant next = fibers().next_ready();
      if (next == Instant::never() || next > until) return;
      now_ = std::max(now_, next);
      fibers().run_next();
    }
  }
  void say(const std::string& what) { said_.push_back(std::to_string(now_.ns()) + ' ' + what); }
  Fibers& fibers() { return *fibers_; }

  Instant now_;
  std::vector<std::string> said_;
  std::unique_ptr<Fibers> fibers_ = std::make_unique<Fibers>(*this);
};

TEST_F(FiberTest, TimePassesInsideOfCalls) {
  fibers().spawn("a", [&] {
    say("a starts");
    fibers().sleep(Duration(10));
    say("a woke");
    fibers().sleep_until(Instant(5));  // past: at once
    say("a again");
  });
  fibers().spawn("b", [&] {
    fibers().sleep(Duration(4));
    say("b woke");
  });
  run();
  EXPECT_THAT(said_, ElementsAre("0 a starts", "4 b woke", "10 a woke", "10 a again"));
  EXPECT_EQ(fibers().live(), 0u);
}

TEST_F(FiberTest, AmongEqualsTheLongestReadyGoesFirst) {
  for (const auto* name : {"a", "b", "c"})
    fibers().spawn(name, [&, name] {
      say(name);
      fibers().yield();
      say(name);
    });
  run();
  EXPECT_THAT(said_, ElementsAre("0 a", "0 b", "0 c", "0 a", "0 b", "0 c"));
}

TEST_F(FiberTest, TheOwnerMayChooseAnotherOrder) {
  fibers_ = std::make_unique<Fibers>(*this, FiberOrder::chosen);
  for (const auto* name : {"a", "b", "c"}) fibers().spawn(name, [&, name] { say(name); });
  run();
  EXPECT_THAT(said_, ElementsAre("0 c", "0 b", "0 a"));
}

TEST_F(FiberTest, JoinGivesTheValueOrTheReason) {
  const auto value = fibers().spawn("value", [&] {
    fibers().sleep(Duration(3));
    return std::make_unique<int>(42);
  });
  const auto endless = fibers().spawn("endless", [&]() -> int {
    while (true) fibers().sleep(seconds(1));
  });
  const auto broken = fibers().spawn("broken", []() -> int { throw std::runtime_error("no"); });
  fibers().spawn("joiner", [&] {
    EXPECT_EQ(**value.await(), 42);
    say("value");
    EXPECT_EQ(broken.await().error(), NoResult::failed);
    EXPECT_EQ(endless.await(now_ + Duration(7)).error(), NoResult::timed_out);
    say("timed out");
    fibers().cancel(endless.id());
    EXPECT_EQ(endless.await().error(), NoResult::cancelled);
    say("cancelled");
  });
  run();
  EXPECT_THAT(said_, ElementsAre("3 value", "10 timed out", "10 cancelled"));
  ASSERT_EQ(fibers().errors().size(), 1u);
  EXPECT_EQ(fibers().errors()[0].fiber, "broken");
  EXPECT_EQ(fibers().errors()[0].what, "no");
}

TEST_F(FiberTest, AwaitUntilReturnsWhenThePredicateHoldsOrTheLimitPasses) {
  bool flag = false;
  fibers().spawn("waits", [&] {
    EXPECT_TRUE(fibers().await_until([&] { return flag; }, Duration(100)));
    say("saw it");
    EXPECT_FALSE(fibers().await_until([&] { return !flag; }, Duration(100)));
    say("gave up");
  });
  fibers().spawn("sets", [&] {
    fibers().sleep(Duration(30));
    flag = true;
  });
  run();
  EXPECT_THAT(said_, ElementsAre("30 saw it", "130 gave up"));
}

TEST_F(FiberTest, AWaitIsWokenOnceAndNeverByALateOne) {
  Waiter first;
  Waiter early;
  fibers().spawn("waits", [&] {
    first = fibers().next_wait();
    EXPECT_FALSE(fibers().wait(now_ + Duration(5)));
    say("limit");
    early = fibers().next_wait();
    EXPECT_TRUE(fibers().wake(early)) << "before it begins";
    EXPECT_FALSE(fibers().wake(early)) << "once";
    EXPECT_TRUE(fibers().wait(Instant::never()));
    say("woken before");
    EXPECT_FALSE(fibers().wait(now_ + Duration(10)));
    say("not woken");
  });
  fibers().spawn("wakes", [&] {
    fibers().sleep(Duration(8));
    EXPECT_FALSE(fibers().wake(first)) << "its wait ended at its limit";
    EXPECT_FALSE(fibers().wake(early));
  });
  run();
  EXPECT_THAT(said_, ElementsAre("5 limit", "5 woken before", "15 not woken"));
}

TEST_F(FiberTest, CancelUnwindsThroughDestructors) {
  struct Guard {
    std::vector<std::string>& said;
    ~Guard() { said.push_back("cleaned up"); }
  };
  const auto join = fibers().spawn("victim", [&] {
    const Guard guard{said_};
    fibers().sleep(seconds(100));
    say("never");
  });
  fibers().spawn("killer", [&] {
    fibers().sleep(Duration(1));
    fibers().cancel(join.id());
    fibers().cancel(join.id());
  });
  run();
  EXPECT_THAT(said_, ElementsAre("cleaned up"));
  EXPECT_EQ(now_, Instant(1));
  EXPECT_THAT(fibers().errors(), IsEmpty());
}

TEST_F(FiberTest, CancelledBeforeItsStartItNeverRuns) {
  const auto join = fibers().spawn("late", [&] { say("ran"); });
  fibers().cancel(join.id());
  run();
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_TRUE(join.ended());
}

TEST_F(FiberTest, CancelGroupTakesAFibersChildrenToo) {
  constexpr FiberGroup client(7);
  fibers().spawn(
      "c7",
      [&] {
        fibers().spawn("c7/child", [&] { fibers().sleep(seconds(9)); });
        fibers().sleep(seconds(9));
      },
      client);
  fibers().spawn("other", [&] {
    fibers().sleep(Duration(2));
    fibers().cancel_group(client);
    fibers().sleep(Duration(2));
    EXPECT_EQ(fibers().live(), 1u);
  });
  run();
  EXPECT_EQ(now_, Instant(4));
}

TEST_F(FiberTest, WithTimeoutEndsTheBodyBeforeItReturns) {
  fibers().spawn("outer", [&] {
    const auto quick = fibers().with_timeout(Duration(10), [&] {
      fibers().sleep(Duration(4));
      return 5;
    });
    EXPECT_EQ(quick, 5);
    bool body_ended = false;
    struct Set {
      bool& flag;
      ~Set() { flag = true; }
    };
    const auto slow = fibers().with_timeout(Duration(10), [&] {
      const Set set{body_ended};
      fibers().sleep(Duration(40));
    });
    EXPECT_EQ(slow.error(), NoResult::timed_out);
    EXPECT_TRUE(body_ended);
    say("outer goes on");
  });
  run();
  EXPECT_THAT(said_, ElementsAre("14 outer goes on"));
  EXPECT_EQ(now_, Instant(14));
}

TEST_F(FiberTest, CancellingTheOuterOneOfATimeoutEndsBoth) {
  const auto outer = fibers().spawn("outer", [&] {
    int local = 1;
    static_cast<void>(fibers().with_timeout(seconds(10), [&] {
      static_cast<void>(fibers().with_timeout(seconds(10), [&] {
        struct Touch {
          int& local;
          ~Touch() { ++local; }
        };
        const Touch touch{local};
        fibers().sleep(seconds(5));
      }));
    }));
  });
  fibers().spawn("killer", [&] {
    fibers().sleep(Duration(1));
    fibers().cancel(outer.id());
  });
  run();
  EXPECT_EQ(fibers().live(), 0u);
  EXPECT_EQ(now_, Instant(1));
}

TEST_F(FiberTest, SwallowingCancelledTooOftenIsAnErrorWithAName) {
  const auto stubborn = fibers().spawn("stubborn", [&] {
    while (true) {
      try {
        fibers().sleep(Duration(1));
      } catch (...) {
        say("swallowed");
      }
    }
  });
  fibers().spawn("killer", [&] {
    fibers().cancel(stubborn.id());
    EXPECT_EQ(stubborn.await().error(), NoResult::failed);
  });
  run();
  EXPECT_THAT(said_, ElementsAre("0 swallowed", "0 swallowed", "0 swallowed"));
  ASSERT_EQ(fibers().errors().size(), 1u);
  EXPECT_EQ(fibers().errors()[0].kind, FiberError::Kind::ignores_cancel);
  EXPECT_EQ(fibers().errors()[0].fiber, "stubborn");
}

TEST_F(FiberTest, ExceptionsStayInsideAndAreReported) {
  fibers().spawn("expects", [] { throw ExpectFailed{"sum is 100"}; });
  fibers().spawn("throws", [] { throw 7; });
  run();
  ASSERT_EQ(fibers().errors().size(), 2u);
  EXPECT_EQ(fibers().errors()[0].kind, FiberError::Kind::expectation);
  EXPECT_EQ(fibers().errors()[0].what, "sum is 100");
  EXPECT_EQ(fibers().errors()[1].what, "something that is no std::exception");
}

// Each fiber has its own exceptions in flight: blocking in a catch block mixes nothing up.
TEST_F(FiberTest, MayBlockInsideOfACatchBlock) {
  for (int i = 0; i < 3; ++i)
    fibers().spawn("f", [&, i] {
      try {
        throw std::runtime_error(std::to_string(i));
      } catch (const std::exception&) {
        fibers().sleep(Duration(i == 0 ? 10 : static_cast<u64>(i)));
        try {
          throw;
        } catch (const std::exception& error) {
          say(error.what());
        }
      }
    });
  run();
  EXPECT_THAT(said_, ElementsAre("1 1", "2 2", "10 0"));
}

TEST_F(FiberTest, ADestroyedSchedulerEndsAllFibers) {
  int cleaned = 0;
  struct Count {
    int& cleaned;
    ~Count() { ++cleaned; }
  };
  for (int i = 0; i < 10; ++i)
    fibers().spawn("f", [&] {
      const Count count{cleaned};
      fibers().sleep(seconds(1));
    });
  fibers().spawn("waits", [&] {
    const Count count{cleaned};
    fibers().wait(Instant::never());
  });
  run(Instant(1));
  fibers().spawn("never started", [] {});
  fibers_.reset();
  EXPECT_EQ(cleaned, 11);
}

TEST_F(FiberTest, NamesAreUnique) {
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) fibers().spawn("worker", [&] { names.push_back(fibers().name()); });
  run();
  EXPECT_THAT(names, ElementsAre("worker", "worker#2", "worker#3"));
  EXPECT_EQ(fibers().running_name(), "");
}

TEST_F(FiberTest, StacksAreUsedAgain) {
  std::set<const void*> stacks;
  for (int i = 0; i < 100; ++i) {
    fibers().spawn("f", [&] {
      volatile char here = 0;
      stacks.insert(const_cast<const char*>(&here));
      fibers().sleep(Duration(1));
    });
    run();
  }
  EXPECT_LE(stacks.size(), 4u);
  EXPECT_LT(fibers().stack_high_water_bytes(), fibers().stack_bytes() * 3 / 4);
}

TEST_F(FiberTest, TenThousandSwitchesAmongManyFibers) {
  u64 sum = 0;
  for (u64 i = 0; i < 1'000; ++i)
    fibers().spawn("f" + std::to_string(i), [&, i] {
      for (u64 j = 0; j < 10; ++j) {
        fibers().sleep(Duration(1 + i % 7));
        sum += j;
      }
    });
  run();
  EXPECT_EQ(sum, 45'000u);
}

using FiberDeathTest = FiberTest;

TEST_F(FiberDeathTest, BlockingOutsideOfAFiberIsABug) { EXPECT_DEATH(fibers().sleep(Duration(1)), "check failed"); }

TEST_F(FiberDeathTest, ADestructorMustNotBlockWhileUnwinding) {
  struct Blocks {
    Fibers& fibers;
    ~Blocks() { fibers.sleep(Duration(1)); }
  };
  fibers().spawn("bad", [&] {
    const Blocks blocks{fibers()};
    throw std::runtime_error("unwind");
  });
  EXPECT_DEATH(run(), "check failed");
}

}  // namespace
}  // namespace keelson::sim
