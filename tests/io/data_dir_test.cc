#include "keelson/io/data_dir.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "keelson/io/exit_code.h"
#include "keelson/store/layout.h"
#include "keelson/store/superblock.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson::io {
namespace {

using test::snapshot_of;
using testing::HasSubstr;

class DataDirTest : public testing::Test {
 protected:
  DataDirTest() {
    config_.file = "server.textproto";
    config_.cluster = {11, 22};
    config_.node = NodeId(1);
    config_.data_dir = temp_ / "a/b/data";
    config_.wal_mib = 16;  // less than a configuration may ask for: formatting writes it all
  }
  void format() {
    const auto made = format_data_dir(config_, Generation(1));
    ASSERT_TRUE(made) << to_string(made.error().problems[0]);
  }
  std::string path(const std::string& name) const { return config_.data_dir + "/" + name; }
  // Refused, with nothing written.
  void expect_refused(const ServerConfig& config, int exit_code, const std::string& code,
                      const std::string& text = "") {
    const auto before = snapshot_of(temp_.path());
    const auto opened = DataDir::open(config);
    ASSERT_FALSE(opened) << code;
    EXPECT_EQ(opened.error().exit_code, exit_code) << to_string(opened.error().problems[0]);
    EXPECT_EQ(opened.error().problems[0].code, code);
    EXPECT_THAT(to_string(opened.error().problems[0]), HasSubstr(text));
    EXPECT_FALSE(opened.error().problems[0].hint.empty()) << "the way out";
    EXPECT_EQ(snapshot_of(temp_.path()), before) << "nothing was written";
  }

  test::TempDir temp_;
  ServerConfig config_;
};

TEST_F(DataDirTest, FormatWritesAllButCheckpointsAndOpens) {
  format();
  const auto dir = DataDir::open(config_);
  ASSERT_TRUE(dir) << to_string(dir.error().problems[0]);
  EXPECT_EQ(dir->identity().generation, Generation(1));
  struct stat info {};
  ASSERT_EQ(::stat(dir->file_path().c_str(), &info), 0);
  EXPECT_EQ(static_cast<u64>(info.st_size), dir->file_bytes());
  const u64 preallocated = StoreLayout::of(limits_of(config_)).preallocated_bytes();
  EXPECT_GE(static_cast<u64>(info.st_blocks) * 512, preallocated) << "not sparse";
  EXPECT_GT(dir->file_bytes(), preallocated) << "checkpoints take disk space as they come";
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(DataDirTest, FormatRefusesToOverwrite) {
  format();
  const auto before = snapshot_of(temp_.path());
  const auto again = format_data_dir(config_, Generation(2));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().exit_code, exit_code::cannot_create);
  EXPECT_EQ(again.error().problems[0].code, "ALREADY_FORMATTED");
  EXPECT_EQ(snapshot_of(temp_.path()), before);
}

TEST_F(DataDirTest, AnUnfinishedFormatIsRepeatedAndAUsedFileIsNot) {
  format();
  ::unlink(path("identity.textproto").c_str());
  expect_refused(config_, exit_code::cannot_create, "NOT_FORMATTED", "never finished");
  format();
  // The same, after a process was started on it: a lost identity, not an unfinished format.
  {
    std::array<std::byte, superblock_copy_bytes> copy;
    Superblock used;
    used.sequence = 9;
    used.incarnation = Incarnation(3);
    const UniqueFd file(::open(path("shard-000.log").c_str(), O_RDWR));
    for (u32 i = 0; i < superblock_copies; ++i) {
      encode_superblock(used, i, copy);
      ASSERT_EQ(::pwrite(file.get(), copy.data(), copy.size(), static_cast<off_t>(superblock_offset(i))), 4096);
    }
  }
  ::unlink(path("identity.textproto").c_str());
  EXPECT_FALSE(format_data_dir(config_, Generation(1)));
}

TEST_F(DataDirTest, NotFormatted) {
  expect_refused(config_, exit_code::cannot_create, "NOT_FORMATTED", "keelson format --config server.textproto");
  std::filesystem::create_directories(config_.data_dir);
  expect_refused(config_, exit_code::cannot_create, "NOT_FORMATTED");
}

TEST_F(DataDirTest, LockedByAnotherProcessWhoIsNamed) {
  format();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int lock = ::open(path("LOCK").c_str(), O_RDONLY);
    ::flock(lock, LOCK_EX);
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  expect_refused(config_, exit_code::temporary, "LOCKED", "pid " + std::to_string(child));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDir::open(config_)) << "free soon after a kill";
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DataDirTest, AnotherClusterNodeOrSize) {
  format();
  ServerConfig other = config_;
  other.cluster = {1, 1};
  expect_refused(other, exit_code::configuration, "IDENTITY_MISMATCH", "another cluster");
  other = config_;
  other.node = NodeId(2);
  expect_refused(other, exit_code::configuration, "IDENTITY_MISMATCH", "another node; got 1; expected 2");
  other = config_;
  other.wal_mib = 128;
  expect_refused(other, exit_code::configuration, "IDENTITY_MISMATCH", "another data.wal_mib; got 16; expected 128");
}

TEST_F(DataDirTest, NewerVersion) {
  format();
  test::write_file(path("identity.textproto"), "format_version: 2 invented_later: 7");
  expect_refused(config_, exit_code::bad_data, "FORMAT_TOO_NEW", "upgrade this node");
}

TEST_F(DataDirTest, Truncated) {
  format();
  ASSERT_EQ(::truncate(path("shard-000.log").c_str(), 1 << 20), 0);
  expect_refused(config_, exit_code::bad_data, "LAYOUT_TRUNCATED", "got 1048576 bytes");
  ::unlink(path("shard-000.log").c_str());
  expect_refused(config_, exit_code::bad_data, "FILE_LOST");
}

TEST_F(DataDirTest, DamagedIdentity) {
  format();
  for (const char* text : {"", "garbage {{{", "format_version: 1", "\x7f\x45\x4c\x46"}) {
    test::write_file(path("identity.textproto"), text);
    expect_refused(config_, exit_code::bad_data, "IDENTITY_DAMAGED");
  }
}

TEST_F(DataDirTest, Unreadable) {
  format();
  ::chmod(path("shard-000.log").c_str(), 0);
  if (::geteuid() != 0) return expect_refused(config_, exit_code::permission, "PERMISSION");
  // Root reads everything: somebody else looks, who owns all of it.
  constexpr uid_t nobody = 65534;
  ASSERT_EQ(::chown(temp_.path().c_str(), nobody, nobody), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temp_.path()))
    ASSERT_EQ(::chown(entry.path().c_str(), nobody, nobody), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
        ::setresuid(nobody, nobody, nobody) != 0)
      ::_exit(2);
    expect_refused(config_, exit_code::permission, "PERMISSION");
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: could not become nobody";
}

TEST_F(DataDirTest, NotAFile) {
  format();
  ::unlink(path("shard-000.log").c_str());
  std::filesystem::create_directory(path("shard-000.log"));
  expect_refused(config_, exit_code::io_error, "UNREADABLE", "Is a directory");
}

TEST_F(DataDirTest, FormatSaysWhyItCannot) {
  test::write_file(temp_ / "a", "in the way");
  const auto made = format_data_dir(config_, Generation(1));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().exit_code, exit_code::cannot_create);
  EXPECT_EQ(made.error().problems[0].code, "CANNOT_CREATE");
}

}  // namespace
}  // namespace keelson::io
