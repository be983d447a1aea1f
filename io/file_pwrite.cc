#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <sys/uio.h>
#include <thread>

#include "keelson/io/file.h"

namespace keelson::io {
namespace {

constexpr std::size_t iovecs_max = 512;
constexpr std::size_t sector_bytes = 4096;
constexpr u64 bulk_per_flush = 256 * 1024;  // bytes
constexpr std::size_t readers = 4;     // recovery reads a whole log: twice as fast as with one (docs/operations.md)
constexpr std::byte unreadable{0xa5};  // never zeros: those mean "never written" to recovery

u64 size_of(const FileOp& op) {
  if (op.kind == IoKind::read) return op.into.size();
  u64 size = 0;
  for (const Bytes part : op.parts) size += part.size();
  return size;
}

class PwriteBackend final : public FileBackend {
 public:
  PwriteBackend(UniqueFd file, u64 size, std::function<void()> wake, FileFaults faults)
      : file_(std::move(file)), size_(size), wake_(std::move(wake)), faults_(std::move(faults)) {
    writer_ = start("k-file", [this] { write_loop(); });
    for (std::thread& reader : readers_) reader = start("k-read", [this] { read_loop(); });
  }
  ~PwriteBackend() override { stop(); }

  void submit(std::span<const FileOp> ops) override {
    bool writes = false;
    bool reads = false;
    {
      const std::lock_guard lock(mutex_);
      for (const FileOp& op : ops) {
        check(op.offset <= size_ && size_of(op) <= size_ - op.offset);
        (op.kind == IoKind::write ? writes_ : reads_).push_back(op);
        (op.kind == IoKind::write ? writes : reads) = true;
      }
    }
    if (writes) writes_wait_.notify_one();
    if (reads) reads_wait_.notify_all();
  }

  void collect(Vec<Completion>& out) override {
    const std::lock_guard lock(mutex_);
    while (!done_.empty() && !out.full()) {
      out.push_back(done_.front());
      done_.pop_front();
    }
  }
  bool has_completions() const override {
    const std::lock_guard lock(mutex_);
    return !done_.empty();
  }
  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    writes_wait_.notify_one();
    reads_wait_.notify_all();
    if (writer_.joinable()) writer_.join();
    for (std::thread& reader : readers_)
      if (reader.joinable()) reader.join();
  }
  std::string poison() const override {
    const std::lock_guard lock(mutex_);
    return poison_;
  }
  FileStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  template <class Body>
  static std::thread start(const char* name, Body body) {
    std::thread thread(body);
    pthread_setname_np(thread.native_handle(), name);
    return thread;
  }

  // Group commit: whatever came during the last flush shares the next one.
  void write_loop() {
    std::vector<FileOp> batch, no_space;
    for (;;) {
      std::unique_lock lock(mutex_);
      writes_wait_.wait(lock, [this] { return stopping_ || !writes_.empty(); });
      if (writes_.empty()) return;
      take_batch(batch);
      const bool poisoned = !poison_.empty();
      lock.unlock();
      const IoStatus status = poisoned ? IoStatus::io_error : write_batch(batch, no_space);
      complete(no_space, IoStatus::no_space);
      complete(batch, status);
      batch.clear();
      no_space.clear();
    }
  }

  // All but the checkpoints' bulk, of which a flush takes so much: clients wait for the log's.
  void take_batch(std::vector<FileOp>& batch) {
    u64 bulk = 0;
    std::size_t left = 0;
    for (std::size_t i = 0; i < writes_.size(); ++i) {
      const bool later = writes_[i].io_class == IoClass::checkpoint && bulk >= bulk_per_flush;
      if (writes_[i].io_class == IoClass::checkpoint) bulk += size_of(writes_[i]);
      if (later)
        writes_[left++] = writes_[i];
      else
        batch.push_back(writes_[i]);
    }
    writes_.resize(left);
  }

  // What only grows the file may find no space for that: those move to `no_space`, and the others go on. The log has
  // its space since the file was formatted.
  IoStatus write_batch(std::vector<FileOp>& batch, std::vector<FileOp>& no_space) {
    u64 bytes = 0;
    for (std::size_t i = 0; i < batch.size();) {
      const FileOp& op = batch[i];
      const int error = write_one(op);
      if ((error == ENOSPC || error == EDQUOT) && op.io_class == IoClass::checkpoint) {
        no_space.push_back(op);
        batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      if (error != 0) return poison("write", error);
      bytes += size_of(op);
      ++i;
    }
    int error = faults_.on_flush ? faults_.on_flush() : 0;
    while (error == 0 && ::fdatasync(file_.get()) != 0)
      if (errno != EINTR) error = errno;
    if (error != 0) return poison("flush", error);
    const std::lock_guard lock(mutex_);
    stats_.writes += batch.size();
    stats_.bytes_written += bytes;
    ++stats_.flushes;
    return IoStatus::ok;
  }

  int write_one(const FileOp& op) {
    u64 offset = op.offset;
    std::size_t part = 0;
    std::size_t skip = 0;  // of parts[part], written already
    while (part < op.parts.size()) {
      iovec vectors[iovecs_max];
      std::size_t count = 0;
      std::size_t bytes = 0;
      for (std::size_t p = part; p < op.parts.size() && count < iovecs_max; ++p) {
        Bytes piece = op.parts[p].subspan(p == part ? skip : 0);
        if (faults_.most_at_once > 0) piece = piece.first(std::min(piece.size(), faults_.most_at_once - bytes));
        vectors[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
        bytes += piece.size();
      }
      if (faults_.on_write)
        if (const int error = faults_.on_write(offset, bytes); error != 0) return error;
      const ssize_t written = ::pwritev(file_.get(), vectors, static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      if (written == 0 && bytes > 0) return EIO;
      offset += static_cast<u64>(written);
      std::size_t left = static_cast<std::size_t>(written);
      while (part < op.parts.size() && left >= op.parts[part].size() - skip) {
        left -= op.parts[part].size() - skip;
        ++part;
        skip = 0;
      }
      skip += left;
    }
    return 0;
  }

  void read_loop() {
    for (;;) {
      std::unique_lock lock(mutex_);
      reads_wait_.wait(lock, [this] { return stopping_ || !reads_.empty(); });
      if (reads_.empty()) return;
      const auto next = std::min_element(reads_.begin(), reads_.end(),
                                         [](const FileOp& a, const FileOp& b) { return a.io_class < b.io_class; });
      const FileOp op = *next;
      reads_.erase(next);
      const bool poisoned = !poison_.empty();
      lock.unlock();
      const IoStatus status = poisoned ? IoStatus::io_error : read_one(op);
      {
        const std::lock_guard again(mutex_);
        ++stats_.reads;
        stats_.bytes_read += op.into.size();
      }
      complete({op}, status);
    }
  }

  IoStatus read_one(const FileOp& op) const {
    if (read_exactly(op.offset, op.into)) return IoStatus::ok;
    // Which sectors? Page checks then decide per page; nothing unreadable may look as if it was never written.
    for (std::size_t at = 0; at < op.into.size(); at += sector_bytes) {
      const MutableBytes sector = op.into.subspan(at, std::min(sector_bytes, op.into.size() - at));
      if (!read_exactly(op.offset + at, sector)) std::fill(sector.begin(), sector.end(), unreadable);
    }
    return IoStatus::io_error;
  }

  bool read_exactly(u64 offset, MutableBytes into) const {
    if (faults_.on_read && faults_.on_read(offset, into.size()) != 0) return false;
    while (!into.empty()) {
      const ssize_t got = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;  // 0: past the end, which is not zeros either
      into = into.subspan(static_cast<std::size_t>(got));
      offset += static_cast<u64>(got);
    }
    return true;
  }

  IoStatus poison(const char* stage, int error) {
    const std::lock_guard lock(mutex_);
    if (poison_.empty()) poison_ = std::string(stage) + ": " + std::strerror(error);
    return IoStatus::io_error;
  }

  void complete(const std::vector<FileOp>& ops, IoStatus status) {
    if (ops.empty()) return;
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = done_.empty();
      for (const FileOp& op : ops) done_.push_back({op.kind, op.id, status});
    }
    if (was_empty) wake_();
  }

  UniqueFd file_;
  const u64 size_;
  const std::function<void()> wake_;
  const FileFaults faults_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable writes_wait_;
  std::condition_variable reads_wait_;
  std::deque<FileOp> writes_;
  std::deque<FileOp> reads_;
  std::deque<Completion> done_;
  std::string poison_;
  FileStats stats_;
  bool stopping_ = false;
  std::thread writer_;
  std::array<std::thread, readers> readers_;
};

}  // namespace

std::unique_ptr<FileBackend> make_pwrite_backend(UniqueFd file, u64 size, std::function<void()> wake,
                                                 FileFaults faults) {
  return std::make_unique<PwriteBackend>(std::move(file), size, std::move(wake), std::move(faults));
}

}  // namespace keelson::io
