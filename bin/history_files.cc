#include "history_files.h"

#include "keelson/sim/histories/kv_file.h"
#include "keelson/sim/run/cluster.h"

namespace keelson::bin {

std::string bad_history_name(const std::string& path) {
  return "--history: got " + path + "; expected a name that ends in .edn (Knossos), .json or .jsonl (Porcupine)";
}

bool HistoryFile::open(const std::string& path) {
  if (path.empty()) return true;
  notation_ = *sim::notation_of(path);
  out_.open(path, std::ios::binary);
  return out_.is_open();
}

void HistoryFile::watch(sim::RunOptions& options) {
  if (!out_.is_open()) return;
  options.look = [this, then = options.look](sim::RunCluster& cluster) {
    if (then) then(cluster);
    sim::write_calls(notation_, out_, sim::written(sim::kv_calls(cluster.history)));
  };
}

bool HistoryFile::finish() { return !out_.is_open() || out_.flush(); }

}  // namespace keelson::bin
