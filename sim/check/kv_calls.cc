#include "keelson/sim/check/kv_calls.h"

#include <map>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/sim/check/linear_text.h"

namespace keelson::sim {
namespace {

std::string string_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

KvValue value_of(const std::optional<Bytes>& bytes) { return bytes ? KvValue(string_of(*bytes)) : std::nullopt; }

std::optional<KvAct> act_of(Operation operation) {
  if (operation == kv_get) return KvAct::read;
  if (operation == kv_put) return KvAct::write;
  if (operation == kv_delete) return KvAct::erase;
  if (operation == kv_cas) return KvAct::swap;
  return std::nullopt;
}

// An answer was given: what it says. Only status and value are looked at; which op wrote is the log's business.
void take_answer(const Call& call, KvCall& kv) {
  if (call.status == Status::already_done || call.status == Status::body_lost) {
    kv.end = CallEnd::info;  // it was executed, and what it answered is lost
    return;
  }
  const auto reply = decode_kv_reply(call.reply);
  const bool missing = call.status == Status::not_found && (kv.act == KvAct::read || kv.act == KvAct::erase);
  const bool not_swapped = call.status == Status::not_swapped && kv.act == KvAct::swap;
  if (!reply || (call.status != Status::ok && !missing && !not_swapped)) {
    kv.strange = std::string(info(call.status).name) + (reply ? "" : ", malformed");
    return;
  }
  kv.done = !not_swapped && !(kv.act == KvAct::erase && missing);
  if (kv.act == KvAct::read || not_swapped) kv.found = value_of(reply->value);
  const bool says_value = reply->value.has_value();
  if (kv.act == KvAct::read && says_value == missing) kv.strange = missing ? "a value of no key" : "no value";
  if (kv.act == KvAct::swap && reply->swapped != kv.done) kv.strange = "swapped and not swapped";
  if (kv.act == KvAct::swap && kv.done && value_of(reply->value) != kv.value) kv.strange = "another value";
  if (kv.act == KvAct::write && says_value) kv.strange = "a value";
}

using Part = std::vector<const KvCall*>;

std::string shown(const KvValue& value) { return shortened(readable(value)); }

class Judge {
 public:
  Judge(const Part& part, const SearchLimits& limits) : part_(part), limits_(limits) {}

  LinearVerdict<KvCell> run() {
    ops_.reserve(part_.size());
    for (const KvCall* call : part_) {
      if (call->end == CallEnd::fail || (call->end != CallEnd::ok && call->act == KvAct::read)) continue;
      calls_.push_back(call);
      LinearOp<KvCell> op;
      op.input = {call->act, number(call->expected), number(call->value)};
      op.called = call->called;
      op.returned = call->returned;
      if (call->end == CallEnd::ok) {
        op.output = KvCell::Output{call->done, {}, !call->strange.empty()};
        if (call->found) op.output->found = number(*call->found);
      }
      ops_.push_back(op);
    }
    Part kept;
    for (const u32 i : leave_out_unseen(ops_)) kept.push_back(calls_[i]);
    calls_ = std::move(kept);
    return linearize(KvCell(), ops_, limits_);
  }

  std::string detail(const LinearVerdict<KvCell>& verdict) const {
    const KvCall& call = *calls_[verdict.failed];
    std::string text = key_text() + ": the answer to call " + std::to_string(call.id) + " of client " +
                       std::to_string(call.client) + " (" + shortened(asked(call)) + ": " + shortened(answered(call)) +
                       ") fits no order of the " + std::to_string(verdict.explained) + " answers before it";
    if (!verdict.before.empty()) text += ", after which the key may hold " + held(verdict.before);
    return text;
  }

  std::string key_text() const {
    const KvCall& call = *part_.front();
    return (call.group ? "group " + std::to_string(call.group) + ", " : std::string()) +
           (call.key.empty() ? "register" : "key " + plain_or_hex(call.key));
  }

  std::vector<SeenCall> seen(const LinearVerdict<KvCell>& verdict) const {
    std::vector<SeenCall> all;
    for (const KvCall* call : calls_) all.push_back(seen(*call));
    return seen_around(all, verdict.failed);
  }

 private:
  u32 number(const KvValue& value) {
    if (!value) return 0;
    const auto [at, fresh] = numbers_.try_emplace(*value, static_cast<u32>(values_.size() + 1));
    if (fresh) values_.push_back(*value);
    return at->second;
  }

  std::string held(const std::vector<u32>& states) const {
    std::string text;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (i == 4) return text + " or one of " + std::to_string(states.size() - i) + " more";
      text += i ? " or " : "";
      if (states[i] == KvCell::unseen)
        text += "what a call of unknown outcome wrote";
      else
        text += states[i] ? shown(values_[states[i] - 1]) : "none";
    }
    return text;
  }

  static std::string asked(const KvCall& call) {
    std::string text = name_of(call.act);
    if (call.act == KvAct::swap) text += " " + shown(call.expected) + " ->";
    if (call.act == KvAct::write || call.act == KvAct::swap) text += " " + shown(call.value);
    return text;
  }

  static std::string answered(const KvCall& call) {
    if (!call.strange.empty()) return "strange: " + call.strange;
    if (call.end != CallEnd::ok) return "unknown";
    if (call.act == KvAct::read) return shown(call.found.value_or(KvValue()));
    if (call.done) return "done";
    return call.act == KvAct::erase ? "nothing there"
                                    : "not swapped" + (call.found ? ", held " + shown(*call.found) : std::string());
  }

  static SeenCall seen(const KvCall& call) {
    return {call.id,       call.client,    asked(call),      answered(call),         call.called,
            call.returned, call.called_ns, call.returned_ns, call.end == CallEnd::ok};
  }

  const Part& part_;
  const SearchLimits& limits_;
  Part calls_;  // of ops_
  std::vector<LinearOp<KvCell>> ops_;
  std::map<std::string, u32> numbers_;
  std::vector<std::string> values_;
};

}  // namespace

std::vector<KvCall> kv_calls(const History& history) {
  std::vector<KvCall> calls;
  calls.reserve(history.calls().size());
  for (const Call& call : history.calls()) {
    const auto act = act_of(call.operation);
    const auto request = decode_kv_request(call.operation, call.body);
    if (!act || !request) continue;
    KvCall kv;
    kv.id = call.id;
    kv.client = call.client;
    kv.group = call.group.raw();
    kv.key = string_of(request->key);
    kv.act = *act;
    kv.expected = value_of(request->expected);
    kv.value = value_of(request->value);
    kv.end = call.end == CallEnd::open ? CallEnd::info : call.end;
    kv.called = call.called_at;
    kv.returned = call.ended_at;
    kv.called_ns = call.invoked.ns();
    kv.returned_ns = call.returned.ns();
    if (call.end == CallEnd::ok) take_answer(call, kv);
    calls.push_back(std::move(kv));
  }
  return calls;
}

KvJudgement check_kv(const std::vector<KvCall>& calls, const SearchLimits& limits) {
  KvJudgement judgement;
  std::map<std::pair<u64, std::string>, Part> parts;
  for (const KvCall& call : calls) {
    parts[{call.group, call.key}].push_back(&call);
    judgement.unknown += call.end == CallEnd::info;
  }
  judgement.calls = calls.size();
  judgement.keys = parts.size();
  for (const auto& [key, part] : parts) {
    Judge judge(part, limits);
    const auto verdict = judge.run();
    if (verdict.linear == Linear::yes || (verdict.linear == Linear::inconclusive && judgement.linear != Linear::yes))
      continue;
    judgement.linear = verdict.linear;
    judgement.detail = verdict.linear == Linear::no ? judge.detail(verdict) : judge.key_text() + ": " + verdict.why;
    if (verdict.linear == Linear::inconclusive) continue;
    judgement.seen = judge.seen(verdict);
    judgement.explanation = linear_table(judgement.seen);
    return judgement;
  }
  return judgement;
}

std::string plain_or_hex(std::string_view bytes) {
  const bool plain = !bytes.empty() && bytes.substr(0, 2) != "0x" && bytes != "none" &&
                     std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
  if (plain) return std::string(bytes);
  static constexpr char hex[] = "0123456789abcdef";
  std::string text = "0x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {hex[byte >> 4], hex[byte & 15]};
  }
  return text;
}

std::string readable(const KvValue& value) { return value ? plain_or_hex(*value) : "none"; }

}  // namespace keelson::sim
