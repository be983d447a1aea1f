// A group's log index against a map, over any calls that a replica may make, with fewer chunks than the log has room
// for: entries come and go as they should, and a chunk is in use exactly as long as something in its range may be.
#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>
#include <set>

#include "keelson/store/log_index.h"
#include "tests/lib/store/records.h"

namespace keelson::test {
namespace {

constexpr u64 log_max = 40;
constexpr u32 chunks_max = 4;  // of eight entries

u64 chunk_of(Op op) { return (op.raw() - 1) / LogChunks::entries_per_chunk; }

struct LogModel {
  Op floor;
  Op top;
  LogEntry at_floor;
  std::map<Op, LogEntry> entries;  // above the floor
  std::set<u64> chunks;

  bool has_room(Op op) const {
    return op > floor && op - floor <= log_max && (chunks.contains(chunk_of(op)) || chunks.size() < chunks_max);
  }
  LogEntry at(Op op) const {
    if (op == floor) return at_floor;
    const auto entry = entries.find(op);
    return entry == entries.end() ? LogEntry{} : entry->second;
  }
  LogEntry& touch(Op op) {
    chunks.insert(chunk_of(op));
    top = std::max(top, op);
    return entries[op];
  }
  void truncate(Op head) {
    entries.erase(entries.upper_bound(head), entries.end());
    const u64 kept = head == floor ? 0 : chunk_of(head) + 1;
    chunks.erase(chunks.lower_bound(kept), chunks.end());
    top = std::min(top, head);
  }
};

struct LogUnderTest {
  LogChunks chunks{chunks_max * LogChunks::entries_per_chunk};
  LogIndex log{chunks, log_max};
};

void same(const LogEntry& a, const LogEntry& b) {
  RC_ASSERT(a.identity == b.identity);
  RC_ASSERT(a.parent == b.parent);
  RC_ASSERT(a.place == b.place);
  RC_ASSERT(a.view == b.view);
  RC_ASSERT(a.size == b.size);
  RC_ASSERT(a.bits == b.bits);
}

void same(const LogModel& model, const LogUnderTest& sut) {
  RC_ASSERT(sut.log.floor() == model.floor);
  RC_ASSERT(sut.log.top() == model.top);
  RC_ASSERT(sut.chunks.available() == chunks_max - model.chunks.size());
  const Op from = model.floor.minus_saturating(3);
  for (Op op = from; op <= model.floor + log_max + 3; op = op + 1) {
    same(sut.log.at(op), op < model.floor ? LogEntry{} : model.at(op));
    RC_ASSERT(sut.log.has_room(op) == model.has_room(op));
  }
}

// Of op `op` there are two prepares, as of two views.
Prepare prepare_of(Op op, u64 salt) {
  Prepare prepare = make<Prepare>();
  prepare.cluster = cluster_of_tests;
  prepare.op = op;
  prepare.view = View(static_cast<u32>(3 + salt));
  prepare.parent = {op.raw(), salt};
  prepare.size = header_size + 64;
  prepare.operation = PrepareOperation::batch;
  prepare.identity = identity_of(prepare);
  return prepare;
}

class Call : public rc::state::Command<LogModel, LogUnderTest> {
 public:
  void run(const LogModel& before, LogUnderTest& sut) const final {
    act(sut.log);
    same(nextState(before), sut);
  }
  void show(std::ostream& out) const final { out << name() << " " << op_.raw(); }

 protected:
  explicit Call(const LogModel& model, u64 above)
      : op_(model.floor + *rc::gen::resize(100, rc::gen::inRange<u64>(0, above))) {}
  virtual void act(LogIndex& log) const = 0;
  virtual const char* name() const = 0;
  Op op_;
};

class SetHeader : public Call {
 public:
  explicit SetHeader(const LogModel& model) : Call(model, log_max + 2), salt_(*rc::gen::inRange<u64>(0, 2)) {}
  void checkPreconditions(const LogModel& model) const override {
    RC_PRE(model.has_room(op_));
    RC_PRE(model.at(op_).blank() || model.at(op_).identity == prepare_of(op_, salt_).identity);
  }
  void apply(LogModel& model) const override {
    LogEntry& entry = model.touch(op_);
    const Prepare prepare = prepare_of(op_, salt_);
    entry.identity = prepare.identity;
    entry.parent = prepare.parent;
    entry.size = prepare.size;
    if (!entry.has(log_bit::stored)) entry.view = prepare.view;
    entry.bits |= log_bit::identity | log_bit::full;
  }

 private:
  void act(LogIndex& log) const override { log.set_header(op_, prepare_of(op_, salt_)); }
  const char* name() const override { return "set_header"; }
  u64 salt_;
};

class Store : public Call {
 public:
  explicit Store(const LogModel& model) : Call(model, log_max + 2) {}
  void checkPreconditions(const LogModel& model) const override { RC_PRE(op_ > model.floor && !model.at(op_).blank()); }
  void apply(LogModel& model) const override { store(model.touch(op_)); }

 private:
  void act(LogIndex& log) const override { store(log.touch(op_)); }
  void store(LogEntry& entry) const {
    entry.bits |= log_bit::stored;
    entry.place = {PageNo(op_.raw()), 16, 320};
  }
  const char* name() const override { return "store"; }
};

class Touch : public Call {
 public:
  explicit Touch(const LogModel& model) : Call(model, log_max + 2) {}
  void checkPreconditions(const LogModel& model) const override { RC_PRE(model.has_room(op_)); }
  void apply(LogModel& model) const override { model.touch(op_); }

 private:
  void act(LogIndex& log) const override { log.touch(op_); }
  const char* name() const override { return "touch"; }
};

class Truncate : public Call {
 public:
  explicit Truncate(const LogModel& model) : Call(model, log_max + 2) {}
  void apply(LogModel& model) const override { model.truncate(op_); }

 private:
  void act(LogIndex& log) const override { log.truncate_above(op_); }
  const char* name() const override { return "truncate_above"; }
};

class Prune : public Call {
 public:
  explicit Prune(const LogModel& model) : Call(model, 12), salt_(*rc::gen::inRange<u64>(0, 2)) {}
  void apply(LogModel& model) const override {
    const Digest identity = prepare_of(op_, salt_).identity;
    const LogEntry known = model.at(op_);
    model.at_floor = known.identity == identity ? known : LogEntry{};
    model.at_floor.identity = identity;
    model.at_floor.bits |= log_bit::identity;
    model.at_floor.bits &= static_cast<u16>(~log_bit::stored);  // its record may go
    model.at_floor.place = {};
    model.floor = op_;
    model.top = std::max(model.top, op_);
    model.entries.erase(model.entries.begin(), model.entries.upper_bound(op_));
    model.chunks.erase(model.chunks.begin(), model.chunks.lower_bound(chunk_of(op_ + 1)));
  }

 private:
  void act(LogIndex& log) const override { log.prune(op_, prepare_of(op_, salt_).identity); }
  const char* name() const override { return "prune"; }
  u64 salt_;
};

class BeginAbove : public Call {
 public:
  explicit BeginAbove(const LogModel& model) : Call(model, 2 * log_max), known_(*rc::gen::arbitrary<bool>()) {}
  void apply(LogModel& model) const override {
    model.truncate(model.floor);
    model.at_floor = {};
    model.at_floor.identity = identity();
    if (known_) model.at_floor.bits = log_bit::identity;
    model.floor = model.top = op_;
  }

 private:
  void act(LogIndex& log) const override { log.begin_above(op_, identity()); }
  Digest identity() const { return known_ ? prepare_of(op_, 0).identity : Digest{}; }
  const char* name() const override { return "begin_above"; }
  bool known_;
};

RC_GTEST_PROP(LogIndexProperty, IsAMapOfWhatAReplicaKnows, ()) {
  LogUnderTest sut;
  rc::state::check(
      LogModel(), sut,
      rc::state::gen::execOneOfWithArgs<SetHeader, SetHeader, SetHeader, Store, Touch, Truncate, Prune, BeginAbove>());
}

}  // namespace
}  // namespace keelson::test
