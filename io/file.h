// FileBackend: carries out a shard's reads and writes on one file, and says when they are done. Done means durable.
//
// Who uses it: the runtime, with offsets in the file; tests. Who implements it: file_pwrite.cc now, io_uring later,
// both held to tests/storage/. After a failed write or flush the file is poisoned: this and every later
// operation fails and nothing is tried again, because a second flush would report success for data that is gone. Not
// here: zones (the runtime maps them), whose file it is (data_dir.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keelson/base/vec.h"
#include "keelson/io/unique_fd.h"
#include "keelson/wire/effect.h"

namespace keelson::io {

struct FileOp {
  IoKind kind = IoKind::write;
  IoId id;
  u64 offset = 0;
  std::span<const Bytes> parts;  // write: these stay until it is done
  MutableBytes into;             // read: so does this
  IoClass io_class = IoClass::wal;
};

struct FileStats {
  u64 writes = 0;
  u64 bytes_written = 0;
  u64 flushes = 0;
  u64 reads = 0;
  u64 bytes_read = 0;
};

// What a test may put in the way. Return 0, or the errno that the call shall fail with.
struct FileFaults {
  std::function<int(u64 offset, std::size_t size)> on_write;
  std::function<int()> on_flush;
  std::function<int(u64 offset, std::size_t size)> on_read;
  std::size_t most_at_once = 0;  // bytes that one call writes of what it was given; 0: all
};

class FileBackend {
 public:
  virtual ~FileBackend() = default;                      // ends after every operation was carried out or failed
  virtual void submit(std::span<const FileOp> ops) = 0;  // never waits for the disk
  virtual void collect(Vec<Completion>& out) = 0;        // what is done, as far as `out` has room
  virtual bool has_completions() const = 0;
  virtual void stop() = 0;                 // every operation in flight completes or fails; then no thread
  virtual std::string poison() const = 0;  // empty: healthy; else what failed, and how
  virtual FileStats stats() const = 0;
};

// A thread that writes: all that wait, then one fdatasync for all. A few threads that read. `size`: no operation
// reaches beyond it (check). `wake` is called from a thread of the backend when completions appeared; it must not
// block.
std::unique_ptr<FileBackend> make_pwrite_backend(UniqueFd file, u64 size, std::function<void()> wake,
                                                 FileFaults faults = {});

}  // namespace keelson::io
