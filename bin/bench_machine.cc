#include "bench_machine.h"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

#include "keelson/io/clock.h"
#include "keelson/io/data_file.h"
#include "keelson/io/unique_fd.h"
#include "keelson/store/layout.h"

namespace keelson::bin {
namespace {

constexpr std::size_t block_bytes = 1 << 20;

[[noreturn]] void fail(const std::string& path, int error) {
  throw std::runtime_error(path + ": " + std::strerror(error));
}

class FileDisk final : public sim::LockstepDisk {
 public:
  FileDisk(io::UniqueFd file, const StoreLayout& layout, std::function<void()> wake)
      : layout_(layout), file_(io::make_pwrite_backend(std::move(file), layout.file_bytes(), std::move(wake))) {}

  void submit(std::span<const Write> writes, std::span<const Read> reads) override {
    ops_.clear();
    for (const Write& write : writes)
      ops_.push_back(
          {IoKind::write, write.id, layout_.zone_offset(write.zone) + write.offset, write.parts, {}, write.io_class});
    for (const Read& read : reads)
      ops_.push_back(
          {IoKind::read, read.id, layout_.zone_offset(read.zone) + read.offset, {}, read.into, read.io_class});
    if (!ops_.empty()) file_->submit(ops_);
  }
  void collect(Vec<Completion>& done) override { file_->collect(done); }
  const io::FileBackend& backend() const { return *file_; }

 private:
  const StoreLayout layout_;
  std::unique_ptr<io::FileBackend> file_;
  std::vector<io::FileOp> ops_;
};

double seconds_since(Instant begin) { return static_cast<double>(io::monotonic_now().since(begin).ns()) / 1e9; }

}  // namespace

BenchMachine::BenchMachine(const std::string& parent, const Limits& limits)
    : folder_(parent + "/keelson-bench-" + std::to_string(::getpid())), limits_(limits) {
  std::filesystem::create_directories(folder_);
}

BenchMachine::~BenchMachine() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<sim::LockstepDisk> BenchMachine::open(u16 node) {
  const std::string path = file_of(node);
  if (!std::filesystem::exists(path))
    if (const int error = io::make_data_file(path, sim::lockstep_format(NodeId(node), limits_)); error != 0)
      fail(path, error);
  io::UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) fail(path, errno);
  auto disk = std::make_unique<FileDisk>(std::move(file), StoreLayout::of(limits_), [this] { ring(); });
  disks_[node] = &disk->backend();
  return disk;
}

Instant BenchMachine::now() { return io::monotonic_now(); }

void BenchMachine::ring() {
  {
    const std::lock_guard lock(mutex_);
    ringing_ = true;
  }
  rung_.notify_one();
}

void BenchMachine::wait(Instant until) {
  const Instant now = io::monotonic_now();
  if (until <= now) return;
  std::unique_lock lock(mutex_);
  rung_.wait_for(lock, std::chrono::nanoseconds(until.since(now).ns()), [this] { return ringing_; });
  ringing_ = false;
}

void make_cold(const std::string& path) {
  const io::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) fail(path, errno);
  if (const int error = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0) fail(path, error);
}

double read_cold(const std::string& path, u64 bytes) {
  make_cold(path);
  const io::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail(path, errno);
  std::vector<std::byte> block(block_bytes);
  const Instant begin = io::monotonic_now();
  for (u64 at = 0; at < bytes; at += block.size())
    if (::read(file.get(), block.data(), block.size()) < 0) fail(path, errno);
  return seconds_since(begin);
}

double write_through(const std::string& folder, u64 bytes) {
  const std::string path = folder + "/through";
  const io::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) fail(path, errno);
  const std::vector<std::byte> block(block_bytes, std::byte{7});
  const Instant begin = io::monotonic_now();
  for (u64 at = 0; at < bytes; at += block.size())
    if (const int error = io::write_all(file.get(), block, at); error != 0) fail(path, error);
  if (::fsync(file.get()) != 0) fail(path, errno);
  const double time = seconds_since(begin);
  ::unlink(path.c_str());
  return time;
}

}  // namespace keelson::bin
