// The key-value commands as a client of a cluster runs them, and what came of each.
//
// Who uses it: `keelson kv`, `keelson shell`. A KvResult is the whole truth about one command: done, refused, or
// unknown whether it happened. Not here: how it is printed (shell.h), retries (the kernel's client).
#pragma once

#include <optional>
#include <string>

#include "keelson/io/client.h"

namespace keelson::io {

struct KvCommand {
  enum class Verb : u8 { get, put, remove, cas };
  Verb verb = Verb::get;
  std::string key;
  std::optional<std::string> value;     // put; cas: none deletes
  std::optional<std::string> expected;  // cas: none expects that there is nothing
};

struct KvResult {
  bool ok = false;
  std::optional<std::string> value;  // get, cas: what the key holds now
  bool swapped = false;              // cas
  bool found = true;                 // get, remove
  Op op;
  Duration took;
  Status status = Status::ok;  // not ok: why
  std::string error;           // not ok: a stable word in capitals
  bool unknown = false;        // not ok: it may have taken effect
  std::string detail;          // not ok: for people
};

// A cluster, or a stand-in for tests: executes one request.
class KvCaller {
 public:
  virtual ~KvCaller() = default;
  virtual CallResult call(Operation operation, Bytes body) = 0;
};

class ClusterCaller final : public KvCaller {
 public:
  ClusterCaller(ClientOptions options, GroupId group) : client_(std::move(options)), group_(group) {}
  CallResult call(Operation operation, Bytes body) override { return client_.call(group_, operation, body); }

 private:
  BlockingClient client_;
  GroupId group_;
};

KvResult run(KvCaller& caller, const KvCommand& command);

}  // namespace keelson::io
