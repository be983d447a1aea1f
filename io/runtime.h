// Runtime: the driver that runs one node: sockets and a file in, bags to the shard, effects out. One thread decides.
//
// Who uses it: `keelson server`. One turn: collect what is there, step the shard once with one `now`, carry out what it
// wants, then sleep until something happens or its deadline. While a flush is in flight input collects, so the next bag
// is larger: that is all of group commit. Not here: what any message means.
#pragma once

#include <functional>
#include <memory>

#include "keelson/io/config.h"
#include "keelson/io/data_dir.h"

namespace keelson::io {

class Runtime {
 public:
  // Heard once, when the node has recovered its log and listens.
  using OnReady = std::function<void(Life)>;

  // `config` outlives the runtime.
  Runtime(const ServerConfig& config, DataDir dir, OnReady on_ready);
  ~Runtime();

  // Until a signal or a failure ends it. Returns the exit code; problems() says why where it isn't 0.
  int run();
  const Problems& problems() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::io
