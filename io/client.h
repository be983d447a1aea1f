// BlockingClient: a client of a cluster for straight-line code: call, wait, answer.
//
// Who uses it: `keelson kv` and `keelson shell`. It drives the kernel's Client (sessions, retries, hints) over TCP in
// the caller's thread; between two calls nothing runs. It finds the other nodes through any one of them. When it goes
// it gives its sessions back, so that clients that come and go don't fill the session tables; that takes an op of each
// group. Not here: what a request means (kv_client.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "keelson/base/bytes.h"
#include "keelson/base/status.h"
#include "keelson/io/address.h"
#include "keelson/wire/commands.h"

namespace keelson::io {

struct ClientOptions {
  std::vector<Address> addresses;  // of any nodes; at least one
  Duration timeout = seconds(5);   // of one call
};

struct CallResult {
  Status status = Status::deadline_passed;
  Outcome outcome = Outcome::not_executed;
  Op op;  // 0: it got none
  std::vector<std::byte> body;
  Duration took;
  std::string detail;  // where there was no answer: what is known about why
};

class BlockingClient {
 public:
  explicit BlockingClient(ClientOptions options);
  ~BlockingClient();

  CallResult call(GroupId group, Operation operation, Bytes body);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// For people: a refusal with its meaning and what to do about it.
std::string refusal_text(Status refusal);

}  // namespace keelson::io
