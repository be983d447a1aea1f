#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

TEST(ViewChange, KeepsAnOpThatOnlyOneBackupPrepared) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.block(primary, backup(2), Command::prepare);  // the third replica misses what follows
  c.block(backup(1), primary, Command::prepare_ok);
  c.request("b").run();
  c.expect_commit(1).on(all);  // "b" is prepared on two, committed on none

  c.crash(primary);
  c.run_until_normal();

  c.expect_log({"a", "b"}).on(live);  // a quorum may have prepared it: it survives
  c.expect_reply("b");
}

}  // namespace
}  // namespace keelson::test
