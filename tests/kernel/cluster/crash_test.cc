// Crashes between two steps of the protocol: what a message or a write promises holds whoever dies around it.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

struct Crash {
  const char* name;
  Who who;
  Trigger trigger;
  Moment moment;
};

void PrintTo(const Crash& crash, std::ostream* out) { *out << crash.name; }
std::string name_of(const testing::TestParamInfo<Crash>& crash) { return crash.param.name; }

constexpr CrashKind kinds[] = {CrashKind::process, CrashKind::power};

// ---------------------------------------------------------------- while an op is prepared

class CrashInNormalOperation : public testing::TestWithParam<Crash> {};

TEST_P(CrashInNormalOperation, LosesNothing) {
  for (const CrashKind kind : kinds) {
    auto c = Cluster::of(3);
    const Who who = c.pin(GetParam().who);
    c.request("a").expect_reply();
    c.run().crash_on(who, GetParam().trigger, GetParam().moment, kind);
    c.request("b").run_for(milliseconds(5));
    c.run_until_down(who);
    c.expect_reply("b");
    c.restart(who).run_until_normal();
    c.expect_log({"a", "b"}).on(all);
    c.request("c").expect_reply();
    c.run().expect_log({"a", "b", "c"}).on(all);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CrashInNormalOperation,
    testing::Values(Crash{"PrimaryBeforeItsPrepareIsStored", primary, writing(Command::prepare), Moment::before},
                    Crash{"PrimaryAfterItsPrepareIsStored", primary, writing(Command::prepare), Moment::after},
                    Crash{"PrimaryBeforeItSendsThePrepare", primary, sending(Command::prepare), Moment::before},
                    Crash{"PrimaryBetweenThePreparesItSends", primary, sending(Command::prepare, 2), Moment::before},
                    Crash{"PrimaryAfterItSentThePrepare", primary, sending(Command::prepare), Moment::after},
                    Crash{"BackupBeforeItsPrepareIsStored", backup(1), writing(Command::prepare), Moment::before},
                    Crash{"BackupAfterItsPrepareIsStored", backup(1), writing(Command::prepare), Moment::after},
                    Crash{"BackupBeforeItAcks", backup(1), sending(Command::prepare_ok), Moment::before},
                    Crash{"BackupAfterItAcked", backup(1), sending(Command::prepare_ok), Moment::after}),
    name_of);

// ---------------------------------------------------------------- while a view changes

class CrashInViewChange : public testing::TestWithParam<Crash> {};

// "a" is answered, "b" lies on two disks and nobody knows; the primary is gone, and so is one of the others now.
TEST_P(CrashInViewChange, LosesNothing) {
  for (const CrashKind kind : kinds) {
    auto c = Cluster::of(3);
    const Who old = c.pin(primary);
    const Who who = c.pin(GetParam().who);
    c.request("a").expect_reply();
    c.run().block(old, backup(2), Command::prepare).block(backup(1), old, Command::prepare_ok);
    c.request("b").run_for(milliseconds(5));
    c.crash_on(who, GetParam().trigger, GetParam().moment, kind);
    c.crash(old, kind).unblock().run_until_down(who);
    c.restart({old, who}).run_until_normal();
    c.expect_reply("b");
    c.run().expect_log({"a", "b"}).on(all);
  }
}

constexpr auto promised = writing(Command::group_state, 1);
constexpr auto installed = writing(Command::group_state, 2);

INSTANTIATE_TEST_SUITE_P(
    , CrashInViewChange,
    testing::Values(Crash{"NextPrimaryBeforeItsPromiseIsStored", backup(1), promised, Moment::before},
                    Crash{"NextPrimaryAfterItsPromiseIsStored", backup(1), promised, Moment::after},
                    Crash{"NextPrimaryBeforeItsReport", backup(1), sending(Command::do_view_change), Moment::before},
                    Crash{"NextPrimaryAfterItsReport", backup(1), sending(Command::do_view_change), Moment::after},
                    Crash{"NextPrimaryBeforeTheNewLogIsStored", backup(1), installed, Moment::before},
                    Crash{"NextPrimaryAfterTheNewLogIsStored", backup(1), installed, Moment::after},
                    Crash{"NextPrimaryBeforeStartView", backup(1), sending(Command::start_view), Moment::before},
                    Crash{"NextPrimaryAfterStartView", backup(1), sending(Command::start_view), Moment::after},
                    Crash{"VoterBeforeItsVote", backup(2), sending(Command::start_view_change), Moment::before},
                    Crash{"VoterAfterItsVote", backup(2), sending(Command::start_view_change), Moment::after},
                    Crash{"VoterBeforeItsPromiseIsStored", backup(2), promised, Moment::before},
                    Crash{"VoterAfterItsPromiseIsStored", backup(2), promised, Moment::after},
                    Crash{"VoterBeforeItsReport", backup(2), sending(Command::do_view_change), Moment::before},
                    Crash{"VoterAfterItsReport", backup(2), sending(Command::do_view_change), Moment::after},
                    Crash{"VoterBeforeTheNewLogIsStored", backup(2), installed, Moment::before},
                    Crash{"VoterAfterTheNewLogIsStored", backup(2), installed, Moment::after},
                    Crash{"VoterBeforeItAcksInTheNewView", backup(2), sending(Command::prepare_ok), Moment::before}),
    name_of);

// ---------------------------------------------------------------- while a replica starts

class CrashInStart : public testing::TestWithParam<Crash> {};

TEST_P(CrashInStart, LosesNothing) {
  for (const CrashKind kind : kinds) {
    auto c = Cluster::of(3);
    const Who who = c.pin(GetParam().who);
    c.request("a").expect_reply();
    c.run().crash(who, kind);
    c.crash_on(who, GetParam().trigger, GetParam().moment, kind);
    c.restart(who).run_until_down(who);
    c.request("b").expect_reply();
    c.restart(who).run_until_normal();
    c.expect_log({"a", "b"}).on(all);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CrashInStart,
    testing::Values(
        Crash{"BackupBeforeTheFirstSuperblockCopy", backup(1), writing(Zone::superblock, 1), Moment::before},
        Crash{"BackupAfterTwoSuperblockCopies", backup(1), writing(Zone::superblock, 2), Moment::after},
        Crash{"BackupBeforeTheThirdSuperblockCopy", backup(1), writing(Zone::superblock, 3), Moment::before},
        Crash{"BackupAfterTheLastSuperblockCopy", backup(1), writing(Zone::superblock, 4), Moment::after},
        Crash{"PrimaryBeforeTheFirstSuperblockCopy", primary, writing(Zone::superblock, 1), Moment::before},
        Crash{"PrimaryBeforeItsPromiseOfTheNextView", primary, writing(Command::group_state), Moment::before},
        Crash{"PrimaryAfterItsPromiseOfTheNextView", primary, writing(Command::group_state), Moment::after}),
    name_of);

TEST(CrashLoop, AReplicaThatDiesInEachStartComesUpInTheEnd) {
  auto c = Cluster::of(3);
  const Who who = c.pin(backup(1));
  c.request("a").expect_reply();
  c.run().crash(who, CrashKind::power);
  for (u32 nth = 1; nth <= 4; ++nth) {
    c.crash_on(who, writing(Zone::superblock, nth), Moment::before, CrashKind::power);
    c.restart(who).run_until_down(who);
  }
  c.restart(who).run_until_normal();
  c.expect_log({"a"}).on(all);
}

}  // namespace
}  // namespace keelson::test
