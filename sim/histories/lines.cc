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

Datum further_fields(const Datum& event) {
  return without(event, {"index", "time", "process", "client", "type", "f", "value"});
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
    const Datum* named = event.get("client");
    call.client = is_count(named) ? static_cast<u64>(named->number) : client;
    call.f = f;
    if (const Datum* value = event.get("value")) call.input = *value;
    call.fields = further_fields(event);
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
    call.learned = further_fields(event);
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

// Maps of a history in EDN, one after the other. Jepsen and Knossos also keep a history as one vector or list, and
// print a map over several lines: the brackets around all are taken off, lines of one map are joined, comments go.
class EdnMaps {
 public:
  explicit EdnMaps(std::istream& in) : in_(in) {}

  // False: the end. `first` is the line on which the map begins.
  bool next(std::string& map, u64& first) {
    map.clear();
    u64 depth = 0;
    for (std::string line; std::getline(in_, line);) {
      ++line_;
      if (map.find_first_not_of(" \t\r") == std::string::npos) {
        first = line_;
        map.clear();
      } else {
        map += ' ';
      }
      take(line, map, depth);
      if (depth == 0 && map.find_first_not_of(" \t\r") != std::string::npos) return true;
    }
    return map.find_first_not_of(" \t\r") != std::string::npos;
  }

 private:
  void take(const std::string& line, std::string& map, u64& depth) {
    bool quoted = false;  // texts end on their line
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      const bool opens = c == '{' || c == '[' || c == '(', closes = c == '}' || c == ']' || c == ')';
      if (!quoted && c == ';') return;
      if (!quoted && fresh_ && (c == '[' || c == '(')) {
        closing_ = c == '[' ? ']' : ')';
        fresh_ = false;
        map += ' ';
        continue;
      }
      if (!quoted && depth == 0 && closing_ != '\0' && c == closing_) {
        closing_ = '\0';
        map += ' ';
        continue;
      }
      fresh_ &= c == ' ' || c == '\t' || c == '\r';
      map += c;
      if (quoted && c == '\\' && i + 1 < line.size()) map += line[++i];
      if (c == '"') quoted = !quoted;
      if (!quoted && opens) ++depth;
      if (!quoted && closes && depth > 0) --depth;
    }
  }

  std::istream& in_;
  u64 line_ = 0;
  bool fresh_ = true;
  char closing_ = '\0';  // of the bracket around all
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

// A process whose call ended unknown may still be at it, so it makes no other one: Knossos refuses a file where it
// does. As in Jepsen, its client goes on as the process that is as many further as there are clients.
class Processes {
 public:
  explicit Processes(const Calls& calls) {
    for (const WrittenCall& call : calls) clients_ = std::max(clients_, call.client + 1);
  }
  u64 of(const WrittenCall& call) {
    const auto [at, fresh] = now_.try_emplace(call.client, Now{call.client, true});
    if (!fresh && !at->second.known) at->second.process += clients_;
    at->second.known = call.end == CallEnd::ok || call.end == CallEnd::fail;
    return at->second.process;
  }

 private:
  struct Now {
    u64 process;
    bool known;  // how its newest call ended
  };
  u64 clients_ = 0;
  std::map<u64, Now> now_;
};

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
  Processes processes(calls);
  std::map<const WrittenCall*, u64> process_of;  // looked up, never walked
  u64 index = 0;
  for (const auto& [at, call, end] : moments) {
    const u64 process = end ? process_of[call] : process_of[call] = processes.of(*call);
    Datum event = Datum::map();
    event.put("index", Datum::of(index++)).put("time", Datum::of(end ? call->returned_ns : call->called_ns));
    event.put("process", Datum::of(process));
    if (process != call->client) event.put("client", Datum::of(call->client));
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
  EdnMaps maps(in);
  std::string text;
  u64 line = 0;
  const auto next = [&] {
    if (notation == Notation::edn) return maps.next(text, line);
    return ++line, static_cast<bool>(std::getline(in, text));
  };
  while (next()) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
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
