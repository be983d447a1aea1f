#include "keelson/sim/report/payload.h"

#include <charconv>

#include "keelson/sim/network.h"
#include "keelson/sim/report/causes.h"
#include "keelson/vsr/group_view.h"

namespace keelson::sim {
namespace {

constexpr std::string_view class_names[] = {"turn", "message", "disk", "call", "mark", "peer", "frame"};
constexpr std::string_view lost_names[] = {"loss",   "blocked",    "gray",     "filter",   "no connection",
                                           "broken", "send queue", "receiver", "rejected", "no slab"};

class Json {
 public:
  Json& key(std::string_view name) {
    comma();
    text_ += json_string(name);
    text_ += ':';
    fresh_ = true;
    return *this;
  }
  Json& open(char bracket) {
    comma();
    text_ += bracket;
    fresh_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_ += bracket;
    fresh_ = false;
    return *this;
  }
  Json& number(std::int64_t value) {
    comma();
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text_.append(digits, end);
    return *this;
  }
  Json& number(u64 value) { return number(static_cast<std::int64_t>(value)); }
  Json& boolean(bool value) { return raw(value ? "true" : "false"); }
  Json& text(std::string_view value) { return raw(json_string(value)); }
  Json& raw(std::string_view value) {
    comma();
    text_ += value;
    return *this;
  }
  template <class Items>
  Json& texts(std::string_view name, const Items& items) {
    key(name).open('[');
    for (const auto& item : items) text(item);
    return close(']');
  }
  std::string take() { return std::move(text_); }

 private:
  void comma() {
    if (!fresh_) text_ += ',';
    fresh_ = false;
  }
  std::string text_;
  bool fresh_ = true;
};

void write_counts(Json& json, std::string_view name, const std::map<std::string, u64>& counts) {
  json.key(name).open('{');
  for (const auto& [what, count] : counts)
    if (count > 0) json.key(what).number(count);
  json.close('}');
}

void write_run(Json& json, const ReportFacts& facts) {
  const RunReport& run = facts.run;
  json.key("run").open('{');
  json.key("scenario").text(run.scenario).key("seed").number(run.seed).key("verdict").text(name_of(run.verdict));
  json.key("expected").boolean(run.expected).key("hash").text(run.trace_hash).key("shape").text(run.shape);
  json.key("build").text(facts.build).key("again").text(facts.again);
  json.key("events").number(run.events).key("commits").number(run.commits).key("views").number(run.view_changes);
  json.key("virtual_ns").number(run.virtual_ns).key("ok").number(run.calls_ok).key("refused").number(run.calls_fail);
  json.key("unknown").number(run.calls_info);
  write_counts(json, "faults", run.faults);
  write_counts(json, "marks", run.marks);
  json.texts("checks", run.checks);
  json.key("text").text(facts.scenario);
  if (run.failure) {
    json.key("failure").open('{').key("kind").text(run.failure->kind).key("detail").text(run.failure->detail);
    json.key("at_ns").number(run.failure->at_ns).key("event").number(run.failure->event);
    json.key("phase").text(run.failure->phase).key("calls").open('[');
    for (const SeenCall& call : run.failure->calls) {
      json.open('{').key("id").number(call.id).key("client").number(call.client);
      json.key("asked").text(call.asked).key("answered").text(call.answered);
      json.key("called").number(call.called).key("returned").number(call.returned);
      json.key("called_ns").number(call.called_ns).key("returned_ns").number(call.returned_ns);
      json.key("known").boolean(call.known).key("wrong").boolean(call.wrong).close('}');
    }
    json.close(']').close('}');
  }
  json.close('}');
}

void write_world(Json& json, const Timeline& t) {
  json.key("lanes").open('[');
  for (const Lane& lane : t.lanes)
    json.open('[').text(lane.name).number(u64{lane.host}).number(u64{lane.client}).close(']');
  json.close(']').key("groups").open('[');
  for (const u64 group : t.groups) json.text(GroupId(group) == metadata_group ? "metadata" : std::to_string(group));
  json.close(']');
  json.texts("strings", t.strings);
  json.texts("lost", lost_names);
  json.key("bands").open('[');
  for (const Band& band : t.bands) {
    json.open('[').text(band.kind).number(band.begin_ns).number(band.end_ns).open('[');
    for (const auto& [from, to] : band.hosts) json.number(u64{from}).number(u64{to});
    json.close(']').close(']');
  }
  json.close(']');
}

template <class Items, class Value>
void write_column(Json& json, std::string_view name, const Items& items, Value value) {
  json.key(name).open('[');
  for (std::size_t i = 0; i < items.size(); ++i) json.number(static_cast<std::int64_t>(value(i)));
  json.close(']');
}

void write_types(Json& json, const Timeline& t) {
  json.key("types").open('[');
  for (const RowType& type : t.types) {
    json.open('{').key("name").text(type.name).key("of").text(class_names[static_cast<std::size_t>(type.of)]);
    json.texts("fields", type.fields).key("columns").open('[');
    for (const auto& column : type.columns) {
      json.open('[');
      std::int64_t before = 0;
      for (const std::int64_t value : column) {
        json.number(value - before);
        before = value;
      }
      json.close(']');
    }
    json.close(']').close('}');
  }
  json.close(']');
}

void write_rows(Json& json, const Timeline& t) {
  const auto& rows = t.rows;
  const std::vector<bool> past = causal_past(t);
  const auto at = [&](std::size_t i) -> const Row& { return rows[i]; };
  const auto lane = [](u16 value) { return value == no_lane ? -1 : std::int64_t{value}; };
  json.key("rows").open('{').key("count").number(rows.size());
  write_column(json, "t", rows, [&](std::size_t i) { return at(i).at_ns - (i > 0 ? at(i - 1).at_ns : 0); });
  write_column(json, "d", rows, [&](std::size_t i) { return at(i).length_ns; });
  write_column(json, "y", rows, [&](std::size_t i) { return at(i).type; });
  write_column(json, "l", rows, [&](std::size_t i) { return lane(at(i).lane); });
  write_column(json, "o", rows, [&](std::size_t i) { return lane(at(i).to); });
  write_column(json, "f", rows, [&](std::size_t i) { return at(i).fate; });
  write_column(json, "g", rows, [&](std::size_t i) { return at(i).group; });
  write_column(json, "c", rows, [&](std::size_t i) { return at(i).cause == 0 ? 0 : i + 1 - at(i).cause; });
  write_column(json, "u", rows, [&](std::size_t i) { return at(i).used == 0 ? 0 : at(i).used - (i + 1); });
  write_column(json, "p", rows, [&](std::size_t i) { return past[i] ? 1 : 0; });
  json.close('}');
}

void write_states(Json& json, const Timeline& t) {
  const auto& states = t.states;
  json.key("states").open('{');
  json.texts("fields", ReplicaState::fields);
  json.texts("status", std::vector{name_of(ReplicaStatus::normal), name_of(ReplicaStatus::view_change),
                                   name_of(ReplicaStatus::recovering)});
  json.texts("recovering", std::vector{"", "replaying", "head unknown", "amnesiac"});
  std::vector<std::string_view> reasons;
  for (int i = 0; i <= static_cast<int>(FenceReason::state_refused); ++i)
    reasons.emplace_back(i == 0 ? "" : name_of(static_cast<FenceReason>(i)));
  json.texts("fenced", reasons);
  write_column(json, "row", states, [&](std::size_t i) { return states[i].row - (i > 0 ? states[i - 1].row : 0); });
  write_column(json, "lane", states, [&](std::size_t i) { return states[i].lane; });
  write_column(json, "group", states, [&](std::size_t i) { return states[i].group; });
  json.key("values").open('[');
  std::map<std::pair<u16, u16>, u64> before;
  for (std::size_t f = 0; f < std::size(ReplicaState::fields); ++f) {
    before.clear();
    json.open('[');
    for (const ReplicaState& state : states) {
      u64& last = before[{state.lane, state.group}];
      json.number(static_cast<std::int64_t>(state.values[f] - last));
      last = state.values[f];
    }
    json.close(']');
  }
  json.close(']').close('}');
}

}  // namespace

std::string json_in_html(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string payload_of(const Timeline& timeline, const ReportFacts& facts) {
  Json json;
  json.open('{').key("schema").number(u64{1});
  write_run(json, facts);
  write_world(json, timeline);
  write_types(json, timeline);
  write_rows(json, timeline);
  write_states(json, timeline);
  json.key("violation").number(u64{timeline.violation}).key("end_ns").number(timeline.end_ns);
  json.key("rows_total").number(timeline.rows_total).key("window_from_ns").number(timeline.window_from_ns);
  json.close('}');
  return json_in_html(json.take());
}

}  // namespace keelson::sim
