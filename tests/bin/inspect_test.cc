// `keelson inspect` and `repair --dry-run` on the data of a real node: exit codes, and that nothing is ever written.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::Finished;
using test::Process;
using test::read_file;
using test::run;
using test::snapshot_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string keelson = KEELSON_COMMAND;

constexpr off_t copy_stride = 64 * 1024;
constexpr off_t wal_at = 256 * 1024;
constexpr off_t index_at = wal_at + 64 * 1024 * 1024;

// A node that served for a while and was stopped; made once.
class InspectTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new test::TempDir;
    port_ = test::free_ports(2);
    run({keelson, "playground", "--nodes", "1", "--dir", dir_->path(), "--base-port", std::to_string(port_),
         "--wal-mib", "64", "--write-only"});
    Process server = start();
    std::string puts;
    for (int i = 0; i < 40; ++i) puts += "put key" + std::to_string(i) + " value\n";
    const Finished shell = run({keelson, "shell", "--cluster", "127.0.0.1:" + std::to_string(port_)}, puts);
    EXPECT_THAT(shell.out, HasSubstr("\"ok\":true"));
    server.kill(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
  }
  static void TearDownTestSuite() { delete dir_; }

  static Process start() {
    Process server({keelson, "server", "--config", config()});
    EXPECT_TRUE(server.read_line()) << server.read_errors();
    return server;
  }
  static std::string config() { return *dir_ / "node-0/server.textproto"; }
  static std::string data() { return *dir_ / "node-0/data"; }
  static std::string file() { return data() + "/shard-000.log"; }

  // Nothing in the directory changes by it.
  static Finished look(const std::vector<std::string>& words, const std::string& path = data()) {
    const auto before = snapshot_of(data());
    std::vector<std::string> arguments{keelson};
    arguments.insert(arguments.end(), words.begin(), words.end());
    arguments.push_back(path);
    arguments.insert(arguments.end(), {"--config", config()});
    Finished result = run(arguments);
    EXPECT_EQ(snapshot_of(data()), before) << words.back();
    return result;
  }
  static Finished verify() { return look({"inspect", "verify"}); }

  // Spoils bytes and puts them back at the end.
  class Damage {
   public:
    Damage(off_t at, std::size_t size, char with = 0x5e) : fd_(::open(file().c_str(), O_RDWR)), at_(at), old_(size, 0) {
      EXPECT_EQ(::pread(fd_, old_.data(), size, at), static_cast<ssize_t>(size));
      const std::string noise(size, with);
      EXPECT_EQ(::pwrite(fd_, noise.data(), size, at), static_cast<ssize_t>(size));
    }
    ~Damage() {
      (void)!::pwrite(fd_, old_.data(), old_.size(), at_);
      ::close(fd_);
    }

   private:
    int fd_;
    off_t at_;
    std::string old_;
  };

  static test::TempDir* dir_;
  static unsigned short port_;
};
test::TempDir* InspectTest::dir_ = nullptr;
unsigned short InspectTest::port_ = 0;

TEST_F(InspectTest, AWholeFile) {
  const Finished whole = verify();
  EXPECT_EQ(whole.exit_code, 0) << whole.out;
  EXPECT_THAT(whole.out, HasSubstr("whole: all of the log"));
  EXPECT_THAT(whole.err, IsEmpty());
  for (const char* report : {"superblock", "wal", "checkpoint", "groups"}) {
    const Finished result = look({"inspect", report});
    EXPECT_EQ(result.exit_code, 0) << report;
    EXPECT_THAT(result.out, AllOf(HasSubstr("standard limits, 16 segments"), Not(HasSubstr("live")))) << report;
    const Finished json = look({"inspect", report, "--json"});
    EXPECT_EQ(json.exit_code, 0) << report;
    EXPECT_THAT(json.out, testing::StartsWith(std::string("{\"report\":\"") + report + "\"")) << report;
    EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1) << report;
  }
}

TEST_F(InspectTest, ThePathMayBeTheFile) {
  EXPECT_EQ(look({"inspect", "verify"}, file()).exit_code, 0);
  const Finished alone = run({keelson, "inspect", "groups", file()});
  EXPECT_EQ(alone.exit_code, 0);
  EXPECT_THAT(alone.out, HasSubstr("several are assumed"));
}

TEST_F(InspectTest, RecordsAreFiltered) {
  const Finished result = look({"inspect", "wal", "--records", "--group", "1", "--from", "7", "--to", "8", "--json"});
  EXPECT_THAT(result.out, AllOf(HasSubstr("\"op\":7,"), HasSubstr("\"op\":8,"), Not(HasSubstr("\"op\":9,"))));
}

TEST_F(InspectTest, DamageInEachZone) {
  {
    const Damage copy(1 * copy_stride, 100);
    const Finished result = verify();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, HasSubstr("superblock_copy 1: copy 1 foreign (superblock, byte 65536)"));
  }
  {
    const Damage page(wal_at + 5 * 4096 + 200, 1);
    const Finished result = verify();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("record_damaged 1: prepare of group 1 op "),
                                  HasSubstr("group_log_damaged 1: group 1 from op ")));
    const Finished plan = look({"repair", "--dry-run"});
    EXPECT_EQ(plan.exit_code, 0);
    EXPECT_THAT(plan.out, HasSubstr("fences it as log_damaged"));
  }
  {
    const Damage page(index_at + 2 * 4096, 4096);
    const Finished result = verify();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, HasSubstr("index_page 1: index page 2 of segment 0 (index, byte 67379200)"));
  }
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(InspectTest, WhatAStartRefusesEndsWithItsCode) {
  {
    std::vector<std::unique_ptr<Damage>> copies;
    for (int copy = 0; copy < 3; ++copy) copies.push_back(std::make_unique<Damage>(copy * copy_stride, 4096));
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"inspect", "superblock"}, {"inspect", "verify"}, {"repair", "--dry-run"}}) {
      const Finished result = look(words);
      EXPECT_EQ(result.exit_code, 65) << words.back();
      EXPECT_THAT(result.out, HasSubstr("DAMAGED_SUPERBLOCK")) << words.back();
    }
    Process server({keelson, "server", "--config", config()});
    EXPECT_EQ(server.wait(), 65) << "and so it does";
  }
  const auto size = static_cast<off_t>(std::filesystem::file_size(file()));
  EXPECT_EQ(::truncate(file().c_str(), size - 4096), 0);
  const Finished cut = verify();
  EXPECT_EQ(cut.exit_code, 65);
  EXPECT_THAT(cut.out, HasSubstr("LAYOUT_TRUNCATED"));
  EXPECT_EQ(::truncate(file().c_str(), size), 0);
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(InspectTest, FilesThatAreNoDataFiles) {
  const std::string garbage = *dir_ / "garbage";
  std::string text(1 << 20, 0);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  test::write_file(garbage, text);
  Finished result = run({keelson, "inspect", "verify", garbage});
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.out, HasSubstr("NO_DATA_FILE"));
  test::write_file(garbage, "");
  EXPECT_EQ(run({keelson, "inspect", "wal", garbage}).exit_code, 65);
  EXPECT_EQ(run({keelson, "inspect", "wal", *dir_ / "nowhere"}).exit_code, 73);
  EXPECT_EQ(run({keelson, "inspect", "wal", dir_->path()}).exit_code, 73) << "no data directory";
  const std::string pipe = *dir_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(run({keelson, "inspect", "wal", pipe}).exit_code, 65) << "does not wait for a writer";
  EXPECT_EQ(run({keelson, "inspect", "wal", "/dev/null"}).exit_code, 65);
}

TEST_F(InspectTest, AnotherClustersFile) {
  const std::string path = data() + "/identity.textproto";
  const std::string whole = read_file(path);
  std::string other = whole;
  const auto at = other.find("cluster_id: \"") + 13;
  other[at] = other[at] == '0' ? '1' : '0';
  test::write_file(path, other);
  const Finished result = run({keelson, "inspect", "verify", data()});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.out, AllOf(HasSubstr("WRONG_CLUSTER"), HasSubstr("read as that of the node that the file says")));
  test::write_file(path, "nonsense");
  EXPECT_EQ(run({keelson, "inspect", "verify", data()}).exit_code, 65);
  test::write_file(path, whole);
}

TEST_F(InspectTest, ARunningNodeIsLookedAtAndNotDisturbed) {
  Process server = start();
  for (const char* report : {"superblock", "wal", "groups", "verify"}) {
    const Finished result = run({keelson, "inspect", report, data()});
    EXPECT_THAT(result.out, HasSubstr("live: may be mid-write: a node runs on it")) << report;
  }
  EXPECT_THAT(run({keelson, "inspect", "wal", data(), "--json"}).out, HasSubstr("\"live\":true"));
  const Finished get = run({keelson, "kv", "get", "key7", "--cluster", "127.0.0.1:" + std::to_string(port_)});
  EXPECT_EQ(get.out, "value\n");
  server.kill(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(InspectTest, RepairWithoutDryRunIsRefused) {
  const Finished result = look({"repair"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("a node repairs its data by itself when it starts"));
  EXPECT_THAT(result.err, HasSubstr("add --dry-run"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(InspectTest, ThePlanIsWhatTheStartDoes) {
  const Finished plan = look({"repair", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0);
  const auto at = plan.out.find("with incarnation ");
  ASSERT_NE(at, std::string::npos) << plan.out;
  const std::string planned = plan.out.substr(at + 5, plan.out.find(',', at) - at - 5);
  Process server({keelson, "server", "--config", config()});
  const auto ready = server.read_line();
  ASSERT_TRUE(ready) << server.read_errors();
  EXPECT_THAT(*ready, HasSubstr(planned + ","));
  server.kill(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

}  // namespace
}  // namespace keelson
