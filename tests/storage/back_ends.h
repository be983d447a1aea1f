// Back ends: whatever carries out a shard's reads and writes, each behind the same few verbs, so that one suite holds
// all of them to one contract.
//
// Who uses it: tests of this folder. PwriteFile is io/file_pwrite.cc on a real file, SimDisk the simulator's disk; a
// new file back end becomes a third type here. Offsets are those of one zone, operations whole pages. Not here: what
// only the simulator does (tests/sim/storage_test.cc), data directories and locks (tests/io/data_dir_test.cc).
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mutex>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "keelson/io/file.h"
#include "keelson/sim/storage.h"
#include "keelson/store/layout.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson::test {

inline constexpr u64 page_count = 64;
inline constexpr u64 store_bytes = page_count * page_bytes;
inline constexpr u32 in_flight_max = 40;

struct WriteAsked {
  u64 id = 0;
  u64 offset = 0;
  std::span<const Bytes> parts;  // stay until it is done
  IoClass io_class = IoClass::wal;
};
struct ReadAsked {
  u64 id = 0;
  u64 offset = 0;
  MutableBytes into;
};

// What several verbs of both have in common.
template <class Self>
class BackEnd {
 public:
  IoStatus write(u64 id, u64 offset, Bytes bytes) {
    self().submit({{id, offset, {&bytes, 1}}});
    return self().wait(1).at(0).status;
  }
  IoStatus read(u64 id, u64 offset, MutableBytes into) {
    self().submit({}, {{id, offset, into}});
    return self().wait(1).at(0).status;
  }

 private:
  Self& self() { return static_cast<Self&>(*this); }
};

class PwriteFile : public BackEnd<PwriteFile> {
 public:
  static constexpr bool is_real = true;

  PwriteFile() {
    io::UniqueFd made(::open(path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    check(static_cast<bool>(made) && ::ftruncate(made.get(), static_cast<off_t>(store_bytes)) == 0);
    open();
  }
  void open(int flags = O_RDWR) {
    file_.reset();
    poison_flush_ = false;
    failing_ = false;
    woken_ = false;
    file_ = io::make_pwrite_backend(
        io::UniqueFd(::open(path().c_str(), flags | O_CLOEXEC)), store_bytes, [this] { on_wake(); }, faults());
  }
  // The process ends in order and another one opens what it left.
  void reopen() { open(); }

  void submit(const std::vector<WriteAsked>& writes, const std::vector<ReadAsked>& reads = {}) {
    std::vector<io::FileOp> ops;
    for (const WriteAsked& w : writes) ops.push_back({IoKind::write, IoId(w.id), w.offset, w.parts, {}, w.io_class});
    for (const ReadAsked& r : reads) ops.push_back({IoKind::read, IoId(r.id), r.offset, {}, r.into, IoClass::repair});
    submitter_ = ::gettid();
    file_->submit(ops);
    submitter_ = 0;
  }
  // So many completions, in the order in which they came.
  std::vector<Completion> wait(std::size_t count) {
    while (done_.size() < count) {
      if (collect()) continue;
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
    const auto end = done_.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<Completion> first(done_.begin(), end);
    done_.erase(done_.begin(), end);
    return first;
  }
  bool nothing_more() { return !collect() && done_.empty(); }
  bool told_inside_submit() const { return told_inside_submit_; }

  // Writes are not durable before release(); hold() returns when the disk is busy with what was submitted.
  void hold() { held_ = true; }
  void release() { held_ = false; }
  void wait_until_held() {
    while (flushes_ == 0) std::this_thread::yield();
  }
  u64 flushes() const { return file_->stats().flushes; }

  void fail_next_write() { failing_ = true; }
  void fail_next_flush() { poison_flush_ = true; }
  void lack_space_from(u64 offset) { space_ = offset; }
  void spoil_page(u64 page) { spoilt_.insert(page * page_bytes); }
  // The file is shorter than it was made.
  void cut(u64 bytes) { check(::truncate(path().c_str(), static_cast<off_t>(bytes)) == 0); }
  bool out_of_bounds_is_caught(u64 offset, Bytes bytes) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
          std::filesystem::remove_all(dir_.path());  // its own: the child began anew, and won't come to its end
          submit({{1, offset, {&bytes, 1}}});
        },
        "check failed");
    return !testing::Test::HasFailure();
  }

  // Another process writes, and is killed when it has told of so many as done. Which it told of.
  std::set<u64> write_and_be_killed(const std::vector<WriteAsked>& writes, std::size_t after) {
    file_.reset();
    int told[2];
    check(::pipe(told) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(told[0]);
      open();
      for (const WriteAsked& write : writes) submit({write});
      for (std::size_t i = 0; i < writes.size(); ++i) {
        const u64 id = wait(1).at(0).id.raw();
        (void)!::write(told[1], &id, sizeof id);
      }
      ::pause();
      ::_exit(0);
    }
    ::close(told[1]);
    std::set<u64> done;
    u64 id = 0;
    while (done.size() < after && ::read(told[0], &id, sizeof id) == sizeof id) done.insert(id);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(told[0], &id, sizeof id) == sizeof id) done.insert(id);  // it went on until it died
    ::close(told[0]);
    open();
    return done;
  }

  // Of file back ends only.
  io::FileBackend& backend() { return *file_; }
  std::string path() const { return dir_ / "file"; }
  void take_at_once(std::size_t bytes) { most_at_once_ = bytes; }

 private:
  bool collect() {
    Vec<Completion> some(64);
    file_->collect(some);
    done_.insert(done_.end(), some.begin(), some.end());
    return !some.empty();
  }
  void on_wake() {
    if (submitter_ == ::gettid()) told_inside_submit_ = true;
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  }
  io::FileFaults faults() {
    io::FileFaults faults;
    faults.on_write = [this](u64 offset, std::size_t size) {
      if (offset + size > space_) return ENOSPC;
      return failing_.exchange(false) ? EIO : 0;
    };
    faults.on_flush = [this] {
      ++flushes_;
      while (held_) std::this_thread::yield();
      return poison_flush_.exchange(false) ? EIO : 0;
    };
    faults.on_read = [this](u64 offset, std::size_t size) {
      const auto hurt = spoilt_.lower_bound(offset);
      return hurt != spoilt_.end() && *hurt < offset + size ? EIO : 0;
    };
    faults.most_at_once = most_at_once_;
    return faults;
  }

  TempDir dir_;
  std::vector<Completion> done_;
  std::set<u64> spoilt_;  // set before what reads them
  std::size_t most_at_once_ = 0;
  std::atomic<bool> held_{false};
  std::atomic<bool> failing_{false};
  std::atomic<u64> space_{~u64{0}};
  std::atomic<bool> poison_flush_{false};
  std::atomic<u64> flushes_{0};
  std::atomic<pid_t> submitter_{0};
  std::atomic<bool> told_inside_submit_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  std::unique_ptr<io::FileBackend> file_;  // first to go: its threads call back
};

class SimDisk : public BackEnd<SimDisk> {
 public:
  static constexpr bool is_real = false;

  void reopen() { disk_.crash(sim::CrashKind::process); }

  void submit(const std::vector<WriteAsked>& writes, const std::vector<ReadAsked>& reads = {}) {
    disk_.begin_turn();
    for (const WriteAsked& w : writes) {
      const auto accepted = disk_.submit(
          now_, Write{.id = IoId(w.id), .zone = Zone::wal, .offset = w.offset, .parts = w.parts, .io_class = {}});
      EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error());
      if (accepted) in_flight_.push_back({accepted->slot, accepted->done_at, IoKind::write});
    }
    for (const ReadAsked& r : reads) {
      const auto accepted = disk_.submit(
          now_, Read{.id = IoId(r.id), .zone = Zone::wal, .offset = r.offset, .into = r.into, .io_class = {}});
      EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error());
      if (accepted) in_flight_.push_back({accepted->slot, accepted->done_at, IoKind::read});
    }
  }
  // As the World does: in the order of the instants that the disk gave.
  std::vector<Completion> wait(std::size_t count) {
    std::vector<Completion> all;
    while (all.size() < count) {
      auto next = in_flight_.end();
      for (auto op = in_flight_.begin(); op != in_flight_.end(); ++op)
        if ((!held_ || op->kind == IoKind::read) && (next == in_flight_.end() || op->done_at < next->done_at))
          next = op;
      if (next == in_flight_.end()) {
        ADD_FAILURE() << "nothing is in flight";
        break;
      }
      now_ = std::max(now_, next->done_at);
      if (next->kind == IoKind::write && std::exchange(unflushed_, false)) ++flushes_;
      all.push_back(disk_.complete(next->slot));
      in_flight_.erase(next);
    }
    unflushed_ = true;
    return all;
  }
  bool nothing_more() const { return in_flight_.empty(); }
  bool told_inside_submit() const { return false; }  // it returns when; whoever drives tells

  void hold() { held_ = true; }
  void release() { held_ = false; }
  void wait_until_held() const {}
  u64 flushes() const { return flushes_; }

  void fail_next_write() { settings_.write_error_ppm = 1'000'000; }
  void fail_next_flush() { fail_next_write(); }  // one thing here
  void spoil_page(u64 page) { disk_.zone(Zone::wal).spoil_sector(page * page_bytes); }
  void cut(u64 bytes) {
    for (u64 at = bytes; at < store_bytes; at += sim::sector_bytes) disk_.zone(Zone::wal).spoil_sector(at);
  }
  bool out_of_bounds_is_caught(u64 offset, Bytes bytes) {
    return !disk_.submit(
        now_, Write{.id = IoId(1), .zone = Zone::wal, .offset = offset, .parts = {&bytes, 1}, .io_class = {}});
  }
  std::set<u64> write_and_be_killed(const std::vector<WriteAsked>& writes, std::size_t after) {
    submit(writes);
    std::set<u64> done;
    for (const Completion& completion : wait(after)) done.insert(completion.id.raw());
    disk_.crash(sim::CrashKind::process);
    in_flight_.clear();
    return done;
  }
  // A failure ends with the process that saw it.
  void open() {
    settings_.write_error_ppm = 0;
    reopen();
  }

 private:
  struct InFlight {
    u32 slot = 0;
    Instant done_at;
    IoKind kind = IoKind::write;
  };

  Instant now_{1'000};
  sim::PagePool pages_;
  sim::Tape tape_{sim::SeededTape{11}};
  sim::DiskSettings settings_;
  sim::FaultCounts faults_;
  sim::Disk disk_{sim::DiskShape{{page_bytes, store_bytes, page_bytes, page_bytes}, in_flight_max, in_flight_max},
                  pages_, tape_.stream("disk/0.0"), settings_, faults_};
  std::vector<InFlight> in_flight_;
  bool held_ = false;
  bool unflushed_ = true;
  u64 flushes_ = 0;
};

inline std::vector<std::byte> pattern(std::size_t size, u64 seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i / 7 + i + 31 * seed + 1);
  return bytes;
}

}  // namespace keelson::test
