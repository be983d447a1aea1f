// The trace: everything that happened in a run, as a chain of hashes, so that two runs are the same iff one number is.
//
// Who uses it: World adds a record per event, effect bag and nemesis action; the runner compares hashes; --trace writes
// records as JSON lines. The chain is always on, a record costs one hash of 72 bytes. Not here: reports, or keeping
// records (a sink does).
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

enum class RecordKind : u16 {
#define KEELSON_SIM_RECORD(enumerator, name, a, b) enumerator,
#include "keelson/sim/trace_kinds.def"
#undef KEELSON_SIM_RECORD
};

struct RecordKindText {
  std::string_view name;
  std::string_view a;  // empty: not used by this kind
  std::string_view b;
};
const RecordKindText& text_of(RecordKind kind);

// Hashed as it lies in memory.
struct TraceRecord {
  u64 at_ns = 0;
  u64 seq = 0;  // the record's place in the run, from 0
  RecordKind kind{};
  u16 node = no_node.raw();
  u16 shard = 0;
  u16 boot = 0;
  u64 a = 0;
  u64 b = 0;
  Digest digest{};
  bool operator==(const TraceRecord&) const = default;
};
static_assert(sizeof(TraceRecord) == 56);

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void write(const TraceRecord& record) = 0;
};

class Trace {
 public:
  explicit Trace(Digest start, TraceSink* sink = nullptr) : hash_(start), sink_(sink) {}

  // Where and whose: node and boot of the process, if there is one.
  struct Place {
    NodeId node = no_node;
    ShardId shard{};
    u16 boot = 0;
  };
  struct Values {
    u64 a = 0;
    u64 b = 0;
    Digest digest{};
  };
  void add(Instant at, RecordKind kind, const Place& place, const Values& values);

  const Digest& hash() const { return hash_; }
  u64 records() const { return records_; }
  // The hash before record kept_every * i, i from 0; what a bisection of two runs compares.
  const std::vector<Digest>& kept() const { return kept_; }
  static constexpr u64 kept_every = 4'096;

 private:
  Digest hash_;
  TraceSink* sink_;
  u64 records_ = 0;
  std::vector<Digest> kept_;
};

// Where the chain of a run begins: its resolved scenario (serialised, without a tape) and its seed, 0 without one.
Digest trace_start(std::string_view scenario, u64 seed);

// {"seq":0,"at_ns":0,"kind":"turn","node":0,"shard":0,"boot":1,"events":2,"effects":3,"digest":"…"}: what doesn't apply
// to a record is left out. Documented with --trace; additive only.
class JsonTraceSink final : public TraceSink {
 public:
  explicit JsonTraceSink(std::ostream& out) : out_(out) {}
  void write(const TraceRecord& record) override;

 private:
  std::ostream& out_;
};

// 32 hexadecimal digits, the high word first.
std::string hex(const Digest& digest);

}  // namespace keelson::sim
