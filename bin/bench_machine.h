// BenchMachine: real files and a real clock for a Lockstep cluster, in a folder of its own that is removed at the end.
//
// Who uses it: the benches of storage. Each node has the file that `keelson format` would make, and the back end of
// `keelson server`. Not here: sockets.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "keelson/io/file.h"
#include "keelson/sim/bench/lockstep.h"

namespace keelson::bin {

class BenchMachine final : public sim::LockstepMachine {
 public:
  // Makes `parent`/keelson-bench-PID. Throws std::runtime_error where it can't.
  BenchMachine(const std::string& parent, const Limits& limits);
  ~BenchMachine() override;
  BenchMachine(const BenchMachine&) = delete;
  BenchMachine& operator=(const BenchMachine&) = delete;

  std::unique_ptr<sim::LockstepDisk> open(u16 node) override;
  Instant now() override;
  void wait(Instant until) override;
  void ring();  // from any thread: a disk has done something
  u64 flushes(u16 node) const { return disks_.at(node)->stats().flushes; }  // of one that is open
  u64 bytes_read(u16 node) const { return disks_.at(node)->stats().bytes_read; }

  std::string file_of(u16 node) const { return folder_ + "/node-" + std::to_string(node) + ".log"; }
  const std::string& folder() const { return folder_; }

 private:
  const std::string folder_;
  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable rung_;
  bool ringing_ = false;
  std::map<u16, const io::FileBackend*> disks_;
};

// So much of a file, in blocks of 1 MiB, as dd does, with nothing of it in memory; in seconds.
double read_cold(const std::string& path, u64 bytes);
// The file's pages leave the memory.
void make_cold(const std::string& path);
// Seconds it takes to write so much to a new file there and to flush it, as dd with conv=fsync does.
double write_through(const std::string& folder, u64 bytes);

}  // namespace keelson::bin
