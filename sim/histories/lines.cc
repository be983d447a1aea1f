#include "keelson/sim/histories/lines.h"

#include <algorithm>
#include <istream>
#include <map>
#include <ostream>

namespace keelson::sim {
namespace {

using Calls = std::vector<WrittenCall>;
using Done = std::optional<BadLine>;

constexpr const char* end_names[] = {"info", "ok", "fail", "info"};  // by CallEnd; open ones stay unknown

std::optional<CallEnd> end_named(const std::string& name) {
  if (name == "ok") return CallEnd::ok;
  if (name == "fail") return CallEnd::fail;
  if (name == "info") return CallEnd::info;
  return std::nullopt;
}

bool is_count(const Datum* datum) { return datum && datum->kind == Datum::Kind::number && datum->number >= 0; }

// What is left of a line without the fields that every line has.
Datum without(const Datum& map, std::initializer_list<std::string_view> names) {
  Datum rest = Datum::map();
  for (std::size_t i = 0; i + 1 < map.list.size(); i += 2)
    if (std::find(names.begin(), names.end(), map.list[i].text) == names.end())
      rest.put(map.list[i].text, map.list[i + 1]);
  return rest;
}

class EdnCalls {
 public:
  Done add(u64 line, const Datum& event) {
    const Datum* process = event.get("process");
    if (process && process->is_text()) return {};  // :nemesis and its like are no clients
    if (!is_count(process)) return bad_field(line, "process", "a number, 0 or more", process);
    const Datum* type = event.get("type");
    if (!type || !type->is_text()) return bad_field(line, "type", ":invoke, :ok, :fail or :info", type);
    const Datum* f = event.get("f");
    if (!f || !f->is_text()) return bad_field(line, "f", "what is done, such as :read", f);
    const u64 client = static_cast<u64>(process->number);
    if (type->text == "invoke") return invoke(line, client, event, f->text);
    const auto end = end_named(type->text);
    if (!end) return bad_field(line, "type", ":invoke, :ok, :fail or :info", type);
    return ended(line, client, event, f->text, *end);
  }

  Calls take() { return std::move(calls_); }

 private:
  Done invoke(u64 line, u64 client, const Datum& event, const std::string& f) {
    const auto [at, idle] = open_.try_emplace(client, calls_.size());
    if (!idle)
      return BadLine{line, "process " + std::to_string(client) + " calls again, and its call of line " +
                               std::to_string(calls_[at->second].line) +
                               " has not ended; expected :ok, :fail or :info"};
    WrittenCall call;
    call.line = line;
    call.client = client;
    call.f = f;
    if (const Datum* value = event.get("value")) call.input = *value;
    call.fields = without(event, {"index", "time", "process", "type", "f", "value"});
    call.called = moments_++;
    call.called_ns = time_of(event);
    calls_.push_back(std::move(call));
    return {};
  }

  Done ended(u64 line, u64 client, const Datum& event, const std::string& f, CallEnd end) {
    const auto at = open_.find(client);
    if (at == open_.end())
      return BadLine{line, "process " + std::to_string(client) + " ends a call that it didn't make; expected :invoke"};
    WrittenCall& call = calls_[at->second];
    if (call.f != f)
      return BadLine{line, "f: the end of another call; got :" + f + "; expected :" + call.f + " as in line " +
                               std::to_string(call.line)};
    call.end = end;
    if (const Datum* value = event.get("value")) call.output = *value;
    call.learned = without(event, {"index", "time", "process", "type", "f", "value"});
    call.returned = moments_++;
    call.returned_ns = time_of(event);
    open_.erase(at);
    return {};
  }

  static u64 time_of(const Datum& event) {
    const Datum* time = event.get("time");
    return is_count(time) ? static_cast<u64>(time->number) : 0;
  }

  Calls calls_;
  std::map<u64, std::size_t> open_;  // by process
  u64 moments_ = 0;
};

// Times are places: two at the same time are taken for concurrent.
Done add_json(u64 line, const Datum& object, Calls& calls) {
  WrittenCall call;
  call.line = line;
  const Datum* client = object.get("client");
  if (!is_count(client)) return bad_field(line, "client", "a number, 0 or more", client);
  call.client = static_cast<u64>(client->number);
  const Datum* f = object.get("op");
  if (!f || !f->is_text()) return bad_field(line, "op", "what is done, such as \"read\"", f);
  call.f = f->text;
  const Datum* called = object.get("call");
  if (!is_count(called)) return bad_field(line, "call", "the time of the call, a number", called);
  call.called = call.called_ns = static_cast<u64>(called->number);
  const Datum* returned = object.get("return");
  const bool ended = returned && returned->kind != Datum::Kind::nil;
  if (ended && (!is_count(returned) || returned->number < called->number))
    return bad_field(line, "return", "a time not before the call, or null", returned);
  call.returned = call.returned_ns = ended ? static_cast<u64>(returned->number) : call.called;
  call.end = ended ? CallEnd::ok : CallEnd::info;
  if (const Datum* type = object.get("type")) {
    const auto end = type->is_text() ? end_named(type->text) : std::nullopt;
    if (!end) return bad_field(line, "type", "\"ok\", \"fail\" or \"info\"", type);
    if (*end == CallEnd::ok && !ended)
      return bad_field(line, "return", "the time of the answer, as type is ok", returned);
    call.end = *end;
  }
  if (const Datum* value = object.get("input")) call.input = *value;
  if (const Datum* value = object.get("output")) call.output = *value;
  call.fields = without(object, {"client", "op", "call", "return", "type", "input", "output"});
  call.learned = call.fields;
  calls.push_back(std::move(call));
  return {};
}

void write_edn(std::ostream& out, const Calls& calls) {
  struct Moment {
    u64 at;
    const WrittenCall* call;
    bool end;
  };
  std::vector<Moment> moments;
  for (const WrittenCall& call : calls) {
    moments.push_back({call.called, &call, false});
    if (call.returned > call.called) moments.push_back({call.returned, &call, true});
  }
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) { return a.at < b.at; });
  u64 index = 0;
  for (const auto& [at, call, end] : moments) {
    Datum event = Datum::map();
    event.put("index", Datum::of(index++)).put("time", Datum::of(end ? call->returned_ns : call->called_ns));
    event.put("process", Datum::of(call->client));
    event.put("type", Datum::word(end ? end_names[static_cast<std::size_t>(call->end)] : "invoke"));
    event.put("f", Datum::word(call->f));
    for (const Datum& part : call->fields.list) event.list.push_back(part);
    event.put("value", end ? call->output : call->input);
    if (end)
      for (const Datum& part : call->learned.list) event.list.push_back(part);
    out << print(Notation::edn, event) << "\n";
  }
}

}  // namespace

std::optional<Notation> notation_of(const std::string& path) {
  const auto dot = path.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : path.substr(dot);
  if (extension == ".edn") return Notation::edn;
  if (extension == ".json" || extension == ".jsonl") return Notation::json;
  return std::nullopt;
}

tl::expected<Calls, BadLine> read_calls(Notation notation, std::istream& in) {
  EdnCalls edn;
  Calls json;
  std::string text;
  for (u64 line = 1; std::getline(in, text); ++line) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos || (notation == Notation::edn && text[first] == ';')) continue;
    const auto datum = parse_datum(notation, text);
    if (!datum)
      return tl::unexpected(
          BadLine{line, "column " + std::to_string(datum.error().column) + ": " + datum.error().what});
    if (datum->kind != Datum::Kind::map) return tl::unexpected(BadLine{line, "no map; expected {..}, one per line"});
    if (const auto bad = notation == Notation::edn ? edn.add(line, *datum) : add_json(line, *datum, json))
      return tl::unexpected(*bad);
  }
  return notation == Notation::edn ? edn.take() : std::move(json);
}

void write_calls(Notation notation, std::ostream& out, const Calls& calls) {
  if (notation == Notation::edn) return write_edn(out, calls);
  for (const WrittenCall& call : calls) {
    const bool known = call.end == CallEnd::ok || call.end == CallEnd::fail;
    Datum object = Datum::map();
    object.put("client", Datum::of(call.client)).put("call", Datum::of(call.called_ns));
    object.put("return", known ? Datum::of(call.returned_ns) : Datum());
    object.put("type", Datum::word(end_names[static_cast<std::size_t>(call.end)])).put("op", Datum::word(call.f));
    for (const Datum& part : call.fields.list) object.list.push_back(part);
    object.put("input", call.input).put("output", call.output);
    for (const Datum& part : call.learned.list) object.list.push_back(part);
    out << print(Notation::json, object) << "\n";
  }
}

BadLine bad_field(u64 line, const std::string& field, const std::string& expected, const Datum* got) {
  return {line, field + ": " + (got ? "got " + print(Notation::edn, *got) : std::string("missing")) + "; expected " +
                    expected};
}

}  // namespace keelson::sim
