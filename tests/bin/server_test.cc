// `keelson server`, `format` and `playground --write-only`: what they print, what they refuse, what they end with.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "keelson/io/kv_client.h"
#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::Process;
using test::read_file;
using test::run;
using test::snapshot_of;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

const std::string keelson = KEELSON_COMMAND;

// A formatted node, made once: formatting writes every byte.
class ServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new test::TempDir;
    port_ = test::free_ports(2);
    written_ = run({keelson, "playground", "--nodes", "1", "--dir", dir_->path(), "--base-port", std::to_string(port_),
                    "--wal-mib", "64", "--write-only"});
  }
  static void TearDownTestSuite() { delete dir_; }

  static std::string config() { return *dir_ / "node-0/server.textproto"; }
  static std::string data(const std::string& name) { return *dir_ / ("node-0/data/" + name); }
  // A configuration that differs in one place.
  static std::string changed(const std::string& from, const std::string& to) {
    std::string text = read_file(config());
    text.replace(text.find(from), from.size(), to);
    const std::string path = *dir_ / "changed.textproto";
    test::write_file(path, text);
    return path;
  }
  // Refused, and nothing was written.
  static void expect_refused(const std::string& config_path, int exit_code, const std::string& text) {
    const auto before = snapshot_of(*dir_ / "node-0/data");
    const auto result = run({keelson, "server", "--config", config_path});
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_EQ(snapshot_of(*dir_ / "node-0/data"), before);
  }
  static Process start() {
    Process server({keelson, "server", "--config", config(), "--json"});
    EXPECT_TRUE(server.read_line()) << server.read_errors();
    return server;
  }
  static std::string cluster() { return "127.0.0.1:" + std::to_string(port_); }
  // Changes bytes of the data file and puts them back at the end.
  class Damage {
   public:
    Damage(std::size_t offset, std::size_t size, std::size_t stride, int count)
        : fd_(::open(data("shard-000.log").c_str(), O_RDWR)) {
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<off_t>(offset + stride * static_cast<std::size_t>(i));
        std::string old(size, 0);
        EXPECT_EQ(::pread(fd_, old.data(), size, at), static_cast<ssize_t>(size));
        std::string noise(size, 0x5e);
        EXPECT_EQ(::pwrite(fd_, noise.data(), size, at), static_cast<ssize_t>(size));
        saved_.emplace_back(at, std::move(old));
      }
    }
    ~Damage() {
      for (const auto& [at, bytes] : saved_) (void)!::pwrite(fd_, bytes.data(), bytes.size(), at);
      ::close(fd_);
    }

   private:
    int fd_;
    std::vector<std::pair<off_t, std::string>> saved_;
  };

  static test::TempDir* dir_;
  static unsigned short port_;
  static test::Finished written_;
};
test::TempDir* ServerTest::dir_ = nullptr;
unsigned short ServerTest::port_ = 0;
test::Finished ServerTest::written_;

TEST_F(ServerTest, WriteOnlyPrintsALinePerNodeAndStartsNothing) {
  EXPECT_EQ(written_.exit_code, 0) << written_.err;
  EXPECT_EQ(written_.out,
            "{\"node\":0,\"pid\":null,\"client\":\"" + cluster() + "\",\"config\":\"" + config() + "\"}\n");
}

TEST_F(ServerTest, WritingAgainChangesNothingAndOtherFlagsAreRefused) {
  const auto before = snapshot_of(dir_->path());
  const std::vector<std::string> same{keelson,     "playground", "--nodes",     "1",
                                      "--dir",     dir_->path(), "--base-port", std::to_string(port_),
                                      "--wal-mib", "64",         "--write-only"};
  EXPECT_EQ(run(same).out, written_.out);
  std::vector<std::string> other = same;
  other[3] = "2";
  const auto result = run(other);
  EXPECT_EQ(result.exit_code, 73);
  EXPECT_THAT(result.err, HasSubstr("ANOTHER_PLAYGROUND"));
  EXPECT_EQ(snapshot_of(dir_->path()), before);
}

TEST_F(ServerTest, ReadyIsOneLineAndStopIsClean) {
  Process server({keelson, "server", "--config", config()});
  const auto line = server.read_line();
  ASSERT_TRUE(line) << server.read_errors();
  EXPECT_THAT(*line, HasSubstr("ready: node 0 of cluster "));
  EXPECT_THAT(*line, HasSubstr("clients at " + cluster()));
  server.kill(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << server.read_errors();
  EXPECT_THAT(server.read_rest(), IsEmpty());
}

TEST_F(ServerTest, ReadyAsJson) {
  Process server({keelson, "server", "--config", config(), "--json"});
  const auto line = server.read_line();
  ASSERT_TRUE(line) << server.read_errors();
  EXPECT_THAT(*line, MatchesRegex("\\{\"ready\":true,\"node\":0,\"cluster\":\"[-0-9a-f]+\",\"client\":\"[0-9.:]+\","
                                  "\"replica\":\"[0-9.:]+\",\"pid\":" +
                                  std::to_string(server.pid()) +
                                  ",\"generation\":1,\"incarnation\":[0-9]+,\"start_ns\":[0-9]+\\}"));
  server.kill(SIGINT);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(ServerTest, KvCommandsPrintAndEndAsTheyShould) {
  Process server = start();
  const auto kv = [&](std::vector<std::string> arguments) {
    std::vector<std::string> all{keelson, "kv"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"--cluster", cluster()});
    return run(all);
  };
  EXPECT_THAT(kv({"put", "k", "a value"}).out, MatchesRegex("done, op [0-9]+\n"));
  EXPECT_EQ(kv({"get", "k"}).out, "a value\n");
  EXPECT_THAT(kv({"cas", "k", "a value", "b"}).out, MatchesRegex("swapped, op [0-9]+, now b\n"));
  const auto not_swapped = kv({"cas", "k", "a value", "c"});
  EXPECT_EQ(not_swapped.exit_code, 1);
  EXPECT_THAT(not_swapped.out, MatchesRegex("not swapped, op [0-9]+, now b\n"));
  EXPECT_THAT(kv({"get", "k", "--json"}).out,
              MatchesRegex("\\{\"ok\":true,\"value\":\"b\",\"op\":[0-9]+,\"ns\":[0-9]+\\}\n"));
  EXPECT_EQ(kv({"delete", "k"}).exit_code, 0);
  const auto gone = kv({"get", "k"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_EQ(gone.err, "not found: k\n");
  EXPECT_EQ(kv({"delete", "k"}).exit_code, 1);
  const auto no_group = kv({"get", "k", "--group", "77"});
  EXPECT_EQ(no_group.exit_code, 1);
  EXPECT_THAT(no_group.err, HasSubstr("GROUP_UNKNOWN"));
}

TEST_F(ServerTest, WithoutAClusterTheOutcomeIsKnown) {
  const auto result = run({keelson, "kv", "put", "k", "v", "--cluster", cluster(), "--timeout", "300ms"});
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_THAT(result.err, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(result.err, HasSubstr(cluster() + ": Connection refused"));
  const auto shell = run({keelson, "shell", "--cluster", cluster(), "--timeout", "300ms"}, "put k v\n");
  EXPECT_EQ(shell.exit_code, 0);
  EXPECT_THAT(shell.out, HasSubstr("{\"ok\":false,\"error\":\"UNAVAILABLE\",\"unknown\":false,\"detail\":\""));
}

// The table has 1,024 entries, and a group forgets nobody who was there in the last ten minutes.
TEST_F(ServerTest, ClientsThatComeAndGoDoNotFillTheSessionTable) {
  Process server = start();
  const io::ClientOptions options{{*io::parse_address(cluster())}, seconds(2)};
  for (int i = 0; i < 1100; ++i) {
    io::ClusterCaller caller(options, GroupId(1));
    const auto result = io::run(caller, {io::KvCommand::Verb::get, "k", {}, {}});
    ASSERT_TRUE(result.ok) << "call " << i << ": " << result.detail;
  }
}

TEST_F(ServerTest, WhyItWasRefusedUntilTheDeadlineIsTold) {
  {
    Process server = start();
    ASSERT_EQ(run({keelson, "kv", "put", "k", "v", "--cluster", cluster()}).exit_code, 0);
    server.kill(SIGKILL);
    server.wait();
  }
  const Damage the_log(256 * 1024, 4096, 4096, 8);
  Process server = start();
  const auto result = run({keelson, "kv", "get", "k", "--cluster", cluster(), "--timeout", "300ms"});
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_THAT(result.err, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(result.err, HasSubstr("refused until then: FENCED: the group is fenced on this replica"));
  server.kill(SIGTERM);
  server.wait();
  EXPECT_THAT(server.read_errors(), HasSubstr("kernel.fenced group 1 (log_damaged), head "));
}

TEST_F(ServerTest, ShellAnswersEveryLine) {
  Process server = start();
  const auto result = run({keelson, "shell", "--cluster", cluster()},
                          "put \"two words\" \"x y\"\nget \"two words\"\nbogus\ncas n null 1\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              MatchesRegex("\\{\"ok\":true,\"value\":null,\"op\":[0-9]+,\"ns\":[0-9]+\\}\n"
                           "\\{\"ok\":true,\"value\":\"x y\",\"op\":[0-9]+,\"ns\":[0-9]+\\}\n"
                           "\\{\"ok\":false,\"error\":\"BAD_REQUEST\",\"unknown\":false,.*\n"
                           "\\{\"ok\":true,\"value\":\"1\",\"swapped\":true,\"op\":[0-9]+,\"ns\":[0-9]+\\}\n"));
}

// The server that holds the lock goes on writing, so what this one wrote can't be told apart: data_dir_test looks.
TEST_F(ServerTest, LockedDirectory) {
  Process server = start();
  const auto result = run({keelson, "server", "--config", config()});
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_THAT(result.err,
              HasSubstr("LOCKED: another process uses this directory (pid " + std::to_string(server.pid()) + ")"));
}

TEST_F(ServerTest, TakenPort) {
  Process server = start();
  test::TempDir other;
  const auto formatted = run({keelson, "playground", "--nodes", "1", "--dir", other.path(), "--base-port",
                              std::to_string(port_), "--wal-mib", "64", "--write-only"});
  ASSERT_EQ(formatted.exit_code, 0) << formatted.err;
  const auto result = run({keelson, "server", "--config", other / "node-0/server.textproto"});
  EXPECT_EQ(result.exit_code, 71);
  EXPECT_THAT(result.err, HasSubstr("Address already in use"));
}

TEST_F(ServerTest, AnotherClustersDirectory) {
  expect_refused(changed(" id: \"", " id: \"00000000-0000-4000-8000-000000000001\" #"), 78,
                 "IDENTITY_MISMATCH: this directory was formatted for another cluster");
}

// The identity says one thing, the data file inside another: somebody swapped files.
TEST_F(ServerTest, AnotherClustersDataFile) {
  const std::string identity = data("identity.textproto");
  const std::string old = read_file(identity);
  std::string text = old;
  const std::string id = "00000000-0000-4000-8000-000000000001";
  text.replace(text.find("cluster_id: \"") + 13, 36, id);
  test::write_file(identity, text);
  expect_refused(changed(" id: \"", " id: \"" + id + "\" #"), 78, "WRONG_CLUSTER");
  test::write_file(identity, old);
}

TEST_F(ServerTest, DamagedDataFile) {
  const Damage all_copies(0, 4096, 64 * 1024, 4);
  expect_refused(config(), 65, "DAMAGED_SUPERBLOCK");
}

TEST_F(ServerTest, NewerVersion) {
  const std::string identity = data("identity.textproto");
  const std::string old = read_file(identity);
  std::string text = old;
  text.replace(text.find("format_version: 1"), 17, "format_version: 9");
  test::write_file(identity, text);
  expect_refused(config(), 65, "FORMAT_TOO_NEW: written by a newer release; got format 9");
  test::write_file(identity, old);
}

TEST_F(ServerTest, NotFormatted) {
  const std::string path = changed("/node-0/data", "/node-7/data");
  const auto result = run({keelson, "server", "--config", path});
  EXPECT_EQ(result.exit_code, 73);
  EXPECT_THAT(result.err, HasSubstr("run `keelson format --config " + path + "`"));
}

TEST_F(ServerTest, FormatNeverOverwrites) {
  const auto before = snapshot_of(dir_->path());
  const auto result = run({keelson, "format", "--config", config()});
  EXPECT_EQ(result.exit_code, 73);
  EXPECT_THAT(result.err, HasSubstr("ALREADY_FORMATTED"));
  EXPECT_EQ(snapshot_of(dir_->path()), before);
}

TEST_F(ServerTest, ABadConfigurationIsToldAsAWhole) {
  const std::string path = *dir_ / "bad.textproto";
  test::write_file(path, "cluster { node_id: 9 }\ndata { dir: \"relative\" wal_mib: 5 }\n");
  for (const char* command : {"server", "format"}) {
    const auto result = run({keelson, command, "--config", path});
    EXPECT_EQ(result.exit_code, 78);
    EXPECT_THAT(result.err,
                HasSubstr(path + ":1:11: CFG_RANGE: cluster.node_id: out of range; got 9; expected 0 to 5"));
    EXPECT_THAT(result.err, HasSubstr(":2:8: CFG_PATH: data.dir: not an absolute path; got relative"));
    EXPECT_THAT(result.err, HasSubstr("problems; nothing was "));
  }
  const auto json = run({keelson, "server", "--config", path, "--json"});
  EXPECT_THAT(json.err, HasSubstr("{\"error\":{\"code\":\"CFG_RANGE\",\"message\":"));
  const auto missing = run({keelson, "server", "--config", "/no/such/file"});
  EXPECT_EQ(missing.exit_code, 78);
  EXPECT_THAT(missing.err, HasSubstr("cannot read: No such file or directory"));
  const auto checked = run({keelson, "server", "--config", config(), "--check"});
  EXPECT_EQ(checked.exit_code, 0);
}

}  // namespace
}  // namespace keelson
