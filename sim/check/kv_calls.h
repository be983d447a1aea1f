// KvCall: one operation of a client on a map, as a person would tell it; and the judgement over many of them.
//
// Who uses it: the linearizable checker and history files make them of a run's History, `keelson check` of a file.
// check_kv knows nothing but what clients saw: no log, no replica. A register is a map of one key. Not here: files
// (histories/), the search (linearize.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keelson/sim/check/kv_cell.h"
#include "keelson/sim/history.h"
#include "keelson/sim/violation.h"

namespace keelson::sim {

using KvValue = std::optional<std::string>;  // nothing: the key isn't there

struct KvCall {
  u64 id = 0;  // place in the history, or line of the file
  u64 client = 0;
  u64 group = 0;
  std::string key;
  KvAct act = KvAct::read;
  KvValue expected;  // of a swap
  KvValue value;     // of a write, or a swap; nothing in a swap: it deletes

  CallEnd end = CallEnd::info;   // ok, fail (certainly not done) or info (nobody knows)
  bool done = true;              // ok: a delete found something, a swap swapped
  std::optional<KvValue> found;  // ok, of a read, and of a swap that did not swap, if that was said
  std::string strange;           // ok: an answer that no map gives; it is judged as impossible

  u64 called = 0, returned = 0;        // places in the order of all calls and answers
  u64 called_ns = 0, returned_ns = 0;  // for people
};

// What clients of kv groups did; calls of other machines are left out.
std::vector<KvCall> kv_calls(const History& history);

struct KvJudgement {
  Linear linear = Linear::yes;
  std::string detail;          // one line: what is wrong, or which bound was reached
  std::vector<SeenCall> seen;  // no: what clients saw around it, in the order of calls
  std::string explanation;     // no: a table of them
  u64 calls = 0, keys = 0, unknown = 0;
};
// Key by key, in the order of (group, key); the first violation ends it, before any inconclusive key.
KvJudgement check_kv(const std::vector<KvCall>& calls, const SearchLimits& limits = {});

// Bytes as people read them: printable ones as they are, others as 0x….
std::string plain_or_hex(std::string_view bytes);
std::string readable(const KvValue& value);  // nothing: none

}  // namespace keelson::sim
