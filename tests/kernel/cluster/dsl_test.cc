// The DSL itself: each kind of expectation can fail, and says what was there instead.
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

// What the story complains of, instead of failing.
std::string complaints_of(const std::function<void()>& story) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    story();
  }
  std::string texts;
  for (int i = 0; i < results.size(); ++i) texts += std::string(results.GetTestPartResult(i).message()) + "\n";
  return texts;
}

using testing::HasSubstr;
using testing::IsEmpty;

TEST(Dsl, EachExpectationCanFail) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run();
  const auto fails = [](const std::function<void()>& story, const std::string& with) {
    EXPECT_THAT(complaints_of(story), HasSubstr(with));
  };
  fails([&] { c.expect_commit(2).on(primary); }, "node 0: commit 1, applied 1; expected commit 2");
  fails([&] { c.expect_applied(0).on(backup(2)); }, "node 2: applied 1; expected applied 0");
  fails([&] { c.expect_head(3).on(all); }, "node 1: head 1; expected head 3");
  fails([&] { c.expect_log({"b"}).on(all); }, "node 0: log {a}; expected log {b}");
  fails([&] { c.expect_status(ReplicaStatus::view_change).on(live); }, "status normal; expected status view_change");
  fails([&] { c.expect_recovering(RecoveringReason::head_unknown).on(live); }, "expected recovering: head_unknown");
  fails([&] { c.expect_view(1).on(backups); }, "node 1: view 0; expected view 1");
  fails([&] { c.expect_fenced(FenceReason::poisoned).on(node(2)); }, "node 2: fenced: none; expected fenced: poisoned");
  fails([&] { c.expect_refused("truncated").on(node(2)); }, "data accepted; expected data refused: truncated");
  fails([&] { c.expect_notified(NotifyKind::stuck).on(primary); }, "no such notice; expected a notice: stuck");
  c.crash(node(2)).restart(node(2)).run();
  fails([&] { c.expect_not_notified(NotifyKind::ready).on(node(2)); }, "there was one; expected no notice: ready");
  fails([&] { c.expect_no_mark(Mark::recovery_row_1_keep); }, "mark recovery_row_1_keep was reached");
  fails([&] { c.corrupt(node(2), record(99)); }, "there is no prepare 99 on the disk of node 2");
  fails([&] { c.expect_primary(node(1)); }, "node 1 is not primary");
  fails([&] { c.expect_mark(Mark::vsr_view_change_stuck); }, "vsr_view_change_stuck was not reached");
  fails([&] { c.expect_that(false, "the impossible"); }, "expected the impossible");
  fails([&] { c.expect_no_reply("a"); }, "request a was answered ok; expected no answer");
  fails([&] { c.get("a").expect_value("b"); }, "the value read is a; expected b");
  fails([&] { c.request("b").expect_refused(Status::busy); }, "request b was answered ok; expected busy");
}

TEST(Dsl, ExpectationsFailOnReplicasThatDoNotRunAndWaitsGiveUp) {
  auto c = Cluster::of(3);
  c.crash({primary, backup(2)});
  EXPECT_THAT(complaints_of([&] { c.expect_commit(0).on(all); }), HasSubstr("node 2: it doesn't run"));
  EXPECT_THAT(complaints_of([&] { c.run_until([] { return false; }, "a wonder"); }), HasSubstr("in vain for a wonder"));
  EXPECT_THAT(complaints_of([&] { c.request("a").expect_reply(); }), HasSubstr("answered deadline_passed"));
  EXPECT_THAT(complaints_of([&] { c.run_until_normal(); }), HasSubstr("to be normal in one view"));
}

TEST(Dsl, AFailureShowsEveryReplicaAndWhatWasSentLast) {
  auto c = Cluster::of(3);
  c.block(primary, backup(2), Command::prepare);
  c.request("a").expect_reply();
  c.crash(backup(1));
  const std::string shown = complaints_of([&] { c.expect_commit(7).on(primary); });
  EXPECT_THAT(shown, HasSubstr("node 0: up, normal, primary, view 0, log_view 0, op 1, commit 1, applied 1, log {a}"));
  EXPECT_THAT(shown, HasSubstr("node 1: down"));
  EXPECT_THAT(shown, HasSubstr("request a of client 0: ok at op 1"));
  EXPECT_THAT(shown, HasSubstr("blocked: prepare from the primary to backup 2"));
  EXPECT_THAT(shown, HasSubstr("node 0 -> node 1  prepare view 0 op 1"));
}

TEST(Dsl, AViolationOfACheckerFailsTheStory) {
  const std::string shown = complaints_of([] {
    auto c = Cluster::of(3);
    c.world().fail({.checker = "commits", .invariant = "agreement", .detail = "as if two had differed"});
    c.run();
  });
  EXPECT_THAT(shown, HasSubstr("checker commits: agreement: as if two had differed"));
  EXPECT_THAT(complaints_of([] { Cluster::of(3).run(); }), IsEmpty());
}

}  // namespace
}  // namespace keelson::test
