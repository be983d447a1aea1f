#include <gtest/gtest.h>
#include <map>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "keelson/vsr/sessions.h"

namespace keelson {
namespace {

using Verdict = SessionVerdict;

// Few clients, few numbers: every kind of duplicate comes up.
constexpr u64 client_count = 7;

std::string any_reply() { return std::string(*rc::gen::inRange<std::size_t>(0, 300), 'r'); }

struct Entry {
  u64 session;
  u64 executed = 0;
  Digest checksum;
  u64 last_op;
  u64 last_timestamp;
  std::string reply;
};

// A group's applied ops, in a naive table and in Sessions at once.
class Group {
 public:
  explicit Group(const Limits& l) : limits_(l), sessions_(l) {}

  void pass_time() { timestamp_ += *rc::gen::elementOf(std::vector<u64>{1, 1, 1, 1000, 700'000'000, 2'100'000'000}); }

  void apply_any() {
    // Several requests share an op, as in a batch.
    if (*rc::gen::inRange(0, 3) == 0) {
      ++op_;
      pass_time();
    }
    RequestFrame frame;
    const u64 c = *rc::gen::inRange<u64>(1, client_count + 1);
    frame.client = {c, 0};
    if (*rc::gen::inRange(0, 4) == 0) return apply_register(frame);
    const auto known = seen_[c].empty() ? std::set<u64>{1} : seen_[c];
    frame.session = SessionId(*rc::gen::elementOf(std::vector<u64>(known.rbegin(), known.rend())));
    const u64 next = model_.contains(c) ? model_[c].executed + 1 : 1;
    const u64 number = *rc::gen::oneOf(rc::gen::just(next), rc::gen::inRange<u64>(0, next + 3));
    frame.request = RequestNo(number);
    frame.ack_floor = RequestNo(*rc::gen::inRange(0, 9) ? (number ? number - 1 : 0) : *rc::gen::inRange<u64>(0, 5));
    frame.operation = Operation(0x200);
    frame.body_checksum = Digest{number, *rc::gen::inRange(0, 9) == 0 ? u64{1} : 0};
    apply_request(frame);
  }

  void check_whole() {
    RC_ASSERT(sessions_.size() == model_.size());
    for (const auto& [c, entry] : model_) {
      RC_ASSERT(sessions_.session_of({c, 0}) == SessionId(entry.session));
      const auto kept = sessions_.retained({c, 0});
      RC_ASSERT(kept.has_value() == (entry.executed > 0));
      if (!kept) continue;
      RC_ASSERT(kept->request.raw() == entry.executed);
      RC_ASSERT(kept->op.raw() == entry.last_op);
      RC_ASSERT(std::string(reinterpret_cast<const char*>(kept->body.data()), kept->body.size()) == entry.reply);
    }
  }

  void restart_from_snapshot() {
    if (*rc::gen::inRange(0, 2)) sessions_.settle_sections();
    Sessions copy(limits_);
    RC_ASSERT(copy.begin_load(sessions_.section_count()) == Status::ok);
    for (u32 s = 0; s < sessions_.section_count(); ++s) {
      std::string bytes;
      ByteSink sink(&bytes, [](void* self, Bytes more) {
        static_cast<std::string*>(self)->append(reinterpret_cast<const char*>(more.data()), more.size());
      });
      sessions_.save_section(s, sink);
      Bytes view = std::as_bytes(std::span(bytes.data(), bytes.size()));
      ByteSource source = source_of(view);
      RC_ASSERT(copy.load_section(s, source) == Status::ok);
    }
    RC_ASSERT(copy.digest() == sessions_.digest());
    sessions_ = std::move(copy);
  }

 private:
  void apply_register(RequestFrame& frame) {
    frame.operation = operation_register;
    const u64 c = frame.client.lo;
    const Verdict verdict = sessions_.judge(frame, Timestamp(timestamp_));
    if (model_.contains(c)) {
      RC_ASSERT(verdict == Verdict::registered);
      RC_ASSERT(sessions_.register_client(frame.client, Op(op_), Timestamp(timestamp_)) ==
                SessionId(model_[c].session));
      return;
    }
    std::optional<u64> victim;
    if (model_.size() == limits_.sessions_max) {
      for (const auto& [other, entry] : model_) {
        if (timestamp_ - entry.last_timestamp <= limits_.session_ttl_ns) continue;
        if (!victim || entry.last_op < model_[*victim].last_op) victim = other;
      }
      if (!victim) {
        RC_ASSERT(verdict == Verdict::full);
        RC_ASSERT(!sessions_.register_client(frame.client, Op(op_), Timestamp(timestamp_)).has_value());
        return;
      }
      model_.erase(*victim);
    }
    RC_ASSERT(verdict == Verdict::execute);
    RC_ASSERT(sessions_.register_client(frame.client, Op(op_), Timestamp(timestamp_)) == SessionId(op_));
    model_[c] = Entry{op_, 0, {}, op_, timestamp_, ""};
    seen_[c].insert(op_);
  }

  void apply_request(const RequestFrame& frame) {
    const u64 c = frame.client.lo;
    const u64 number = frame.request.raw();
    const Verdict verdict = sessions_.judge(frame, Timestamp(timestamp_));
    RC_ASSERT(verdict == expected_verdict(frame));
    if (verdict != Verdict::execute) return;
    // At most once, never again: whatever was forgotten, sent twice or came late.
    RC_ASSERT(ran_.emplace(c, frame.session.raw(), number).second);
    Entry& entry = model_[c];
    entry.executed = number;
    entry.checksum = frame.body_checksum;
    entry.last_op = op_;
    entry.last_timestamp = timestamp_;
    entry.reply = any_reply();
    sessions_.executed(frame, Op(op_), Timestamp(timestamp_), Status::ok,
                       std::as_bytes(std::span(entry.reply.data(), entry.reply.size())));
  }

  Verdict expected_verdict(const RequestFrame& frame) const {
    const auto it = model_.find(frame.client.lo);
    if (it == model_.end()) return Verdict::unknown_session;
    const Entry& entry = it->second;
    const u64 number = frame.request.raw();
    if (frame.session.raw() != entry.session) return Verdict::fenced_session;
    if (number == 0 || number < entry.executed) return Verdict::already_done;
    if (number == entry.executed) return frame.body_checksum == entry.checksum ? Verdict::resend : Verdict::mismatch;
    if (frame.ack_floor.raw() >= number || frame.ack_floor.raw() > entry.executed) return Verdict::out_of_order;
    return Verdict::execute;
  }

  Limits limits_;
  Sessions sessions_;
  std::map<u64, Entry> model_;
  std::map<u64, std::set<u64>> seen_;  // sessions each client ever had
  std::set<std::tuple<u64, u64, u64>> ran_;
  u64 op_ = 1;
  u64 timestamp_ = 1;
};

RC_GTEST_PROP(SessionsProperty, NothingRunsTwiceAndTheTableIsTheModels, ()) {
  Group group(Limits::tiny());
  for (int i = *rc::gen::inRange(0, 400); i > 0; --i) {
    group.apply_any();
    if (*rc::gen::inRange(0, 40) == 0) group.restart_from_snapshot();
  }
  group.check_whole();
}

RC_GTEST_PROP(SessionsProperty, HostileSnapshotsNeverCrash, ()) {
  Sessions sessions(Limits::tiny());
  for (u64 c = 1; c <= 3; ++c) {
    RequestFrame frame;
    frame.client = {c, 0};
    frame.session = *sessions.register_client(frame.client, Op(c), Timestamp(c));
    frame.request = RequestNo(1);
    frame.operation = Operation(0x200);
    sessions.executed(frame, Op(c + 10), Timestamp(c), Status::ok, std::as_bytes(std::span("a reply")));
  }
  std::string bytes;
  ByteSink sink(&bytes, [](void* self, Bytes more) {
    static_cast<std::string*>(self)->append(reinterpret_cast<const char*>(more.data()), more.size());
  });
  sessions.save_section(0, sink);
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n)
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = static_cast<char>(*rc::gen::inRange(0, 256));
  Sessions loaded(Limits::tiny());
  Bytes view = std::as_bytes(std::span(bytes.data(), bytes.size()));
  ByteSource source = source_of(view);
  if (loaded.load_section(0, source) != Status::ok) return;
  std::string again;
  ByteSink sink_again(&again, [](void* self, Bytes more) {
    static_cast<std::string*>(self)->append(reinterpret_cast<const char*>(more.data()), more.size());
  });
  loaded.save_section(0, sink_again);
  RC_ASSERT(again == bytes);
}

}  // namespace
}  // namespace keelson
