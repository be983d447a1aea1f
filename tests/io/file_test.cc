// What every file backend promises (io/file.h).
#include "keelson/io/file.h"

#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mutex>
#include <sys/stat.h>

namespace keelson::io {
namespace {

constexpr u64 file_bytes = 1 << 20;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "keelson-file-test-" + std::to_string(::getpid());
    UniqueFd made(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_TRUE(made);
    ASSERT_EQ(::ftruncate(made.get(), static_cast<off_t>(file_bytes)), 0);
    open();
  }
  void TearDown() override {
    backend_.reset();
    ::unlink(path_.c_str());
  }
  void open(FileFaults faults = {}) {
    backend_.reset();
    backend_ = make_pwrite_backend(
        UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)), file_bytes,
        [this] {
          const std::lock_guard lock(mutex_);
          woken_ = true;
          wake_.notify_one();
        },
        std::move(faults));
  }
  // Waits for that many completions, in order of arrival.
  std::vector<Completion> wait(std::size_t count) {
    std::vector<Completion> all;
    Vec<Completion> some(64);
    while (all.size() < count) {
      backend_->collect(some);
      all.insert(all.end(), some.begin(), some.end());
      if (some.empty()) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return woken_; });
        woken_ = false;
      }
      some.clear();
    }
    EXPECT_EQ(all.size(), count);
    return all;
  }
  void submit_write(u64 id, u64 offset, std::span<const Bytes> parts) {
    const FileOp op{IoKind::write, IoId(id), offset, parts, {}, IoClass::wal};
    backend_->submit({&op, 1});
  }
  IoStatus write(u64 id, u64 offset, Bytes bytes) {
    submit_write(id, offset, {&bytes, 1});
    return wait(1)[0].status;
  }
  IoStatus read(u64 id, u64 offset, MutableBytes into) {
    const FileOp op{IoKind::read, IoId(id), offset, {}, into, IoClass::repair};
    backend_->submit({&op, 1});
    return wait(1)[0].status;
  }
  static std::vector<std::byte> pattern(std::size_t size, u8 seed) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i / 7 + i + seed);
    return bytes;
  }

  std::string path_;
  std::unique_ptr<FileBackend> backend_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
};

TEST_F(FileTest, WriteThenReadSameBytes) {
  const auto bytes = pattern(8192, 1);
  ASSERT_EQ(write(1, 4096, bytes), IoStatus::ok);
  std::vector<std::byte> back(8192);
  ASSERT_EQ(read(2, 4096, back), IoStatus::ok);
  EXPECT_EQ(back, bytes);
}

TEST_F(FileTest, GatherOf1024Parts) {
  const auto bytes = pattern(1024 * 64, 2);
  std::vector<Bytes> parts;
  for (std::size_t i = 0; i < 1024; ++i) parts.push_back(Bytes(bytes).subspan(i * 64, 64));
  submit_write(1, 0, parts);
  ASSERT_EQ(wait(1)[0].status, IoStatus::ok);
  std::vector<std::byte> back(bytes.size());
  ASSERT_EQ(read(2, 0, back), IoStatus::ok);
  EXPECT_EQ(back, bytes);
}

TEST_F(FileTest, DoneSurvivesReopen) {
  const auto bytes = pattern(4096, 3);
  ASSERT_EQ(write(1, 0, bytes), IoStatus::ok);
  open();
  std::vector<std::byte> back(4096);
  ASSERT_EQ(read(2, 0, back), IoStatus::ok);
  EXPECT_EQ(back, bytes);
}

TEST_F(FileTest, EachOpCompletesExactlyOnce) {
  const auto bytes = pattern(4096, 4);
  const Bytes part = bytes;
  std::vector<FileOp> ops;
  for (u64 id = 1; id <= 40; ++id) ops.push_back({IoKind::write, IoId(id), id * 4096, {&part, 1}, {}, IoClass::wal});
  backend_->submit(ops);
  std::vector<u64> ids;
  for (const Completion& done : wait(40)) ids.push_back(done.id.raw());
  std::sort(ids.begin(), ids.end());
  for (u64 id = 1; id <= 40; ++id) EXPECT_EQ(ids[id - 1], id);
  Vec<Completion> more(4);
  backend_->collect(more);
  EXPECT_TRUE(more.empty());
}

TEST_F(FileTest, WritesThatWaitShareOneFlush) {
  std::atomic<bool> hold{true};
  std::atomic<int> flushes{0};
  open({.on_write = {},
        .on_flush =
            [&] {
              ++flushes;
              while (hold) std::this_thread::yield();
              return 0;
            },
        .on_read = {}});
  const auto bytes = pattern(4096, 5);
  const Bytes part = bytes;
  submit_write(1, 0, {&part, 1});
  while (flushes == 0) std::this_thread::yield();
  for (u64 id = 2; id <= 20; ++id) submit_write(id, id * 4096, {&part, 1});
  hold = false;
  wait(20);
  EXPECT_EQ(flushes, 2) << "one for the first, one for all that came meanwhile";
  EXPECT_EQ(backend_->stats().flushes, 2u);
  EXPECT_EQ(backend_->stats().bytes_written, 20u * 4096);
}

TEST_F(FileTest, ReadDuringAFlushCompletes) {
  std::atomic<bool> hold{true};
  open({.on_write = {},
        .on_flush =
            [&] {
              while (hold) std::this_thread::yield();
              return 0;
            },
        .on_read = {}});
  const auto bytes = pattern(4096, 6);
  const Bytes part = bytes;
  submit_write(1, 0, {&part, 1});
  std::vector<std::byte> back(4096);
  EXPECT_EQ(read(2, 8192, back), IoStatus::ok);
  hold = false;
  wait(1);
}

TEST_F(FileTest, AFailedFlushPoisonsForGood) {
  int calls = 0;
  open({.on_write = {}, .on_flush = [&] { return ++calls == 1 ? EIO : 0; }, .on_read = {}});
  const auto bytes = pattern(4096, 7);
  EXPECT_EQ(write(1, 0, bytes), IoStatus::io_error);
  EXPECT_EQ(backend_->poison(), "flush: Input/output error");
  EXPECT_EQ(write(2, 0, bytes), IoStatus::io_error);
  std::vector<std::byte> back(4096);
  EXPECT_EQ(read(3, 0, back), IoStatus::io_error);
  EXPECT_EQ(calls, 1) << "no second try";
}

TEST_F(FileTest, AFailedWritePoisonsAndIsNotFlushed) {
  bool flushed = false;
  open({.on_write = [](u64 offset, std::size_t) { return offset == 4096 ? ENOSPC : 0; },
        .on_flush =
            [&] {
              flushed = true;
              return 0;
            },
        .on_read = {}});
  const auto bytes = pattern(4096, 8);
  EXPECT_EQ(write(1, 4096, bytes), IoStatus::io_error);
  EXPECT_FALSE(flushed);
  EXPECT_EQ(write(2, 0, bytes), IoStatus::io_error);
}

TEST_F(FileTest, UnreadableSectorsAreMarkedAndNeverZeros) {
  const auto bytes = pattern(4 * 4096, 9);
  ASSERT_EQ(write(1, 0, bytes), IoStatus::ok);
  open({.on_write = {}, .on_flush = {}, .on_read = [](u64 offset, std::size_t size) {
          return offset <= 8192 && offset + size > 8192 ? EIO : 0;
        }});
  std::vector<std::byte> back(4 * 4096);
  EXPECT_EQ(read(2, 0, back), IoStatus::io_error);
  for (std::size_t i = 0; i < back.size(); ++i) ASSERT_EQ(back[i], i / 4096 == 2 ? std::byte{0xa5} : bytes[i]) << i;
}

TEST_F(FileTest, PastTheEndIsAnErrorNotZeros) {
  ASSERT_EQ(::truncate(path_.c_str(), 6000), 0);
  std::vector<std::byte> back(8192);
  EXPECT_EQ(read(1, 0, back), IoStatus::io_error);
  EXPECT_EQ(back[0], std::byte{0});
  EXPECT_EQ(back[4096], std::byte{0xa5});
}

TEST_F(FileTest, BoundsAreOurOwnInvariant) {
  const auto bytes = pattern(4096, 1);
  const Bytes part = bytes;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(submit_write(1, file_bytes - 100, {&part, 1}), "check failed");
}

TEST_F(FileTest, StopCompletesEverything) {
  const auto bytes = pattern(4096, 1);
  const Bytes part = bytes;
  for (u64 id = 1; id <= 10; ++id) submit_write(id, id * 4096, {&part, 1});
  backend_->stop();
  EXPECT_EQ(wait(10).size(), 10u);
}

}  // namespace
}  // namespace keelson::io
