#include "keelson/sim/report/exports.h"

#include <ostream>

#include "keelson/sim/run/verdict.h"

namespace keelson::sim {
namespace {

std::string field_text(const Timeline& t, const Row& row, std::size_t f) {
  const RowType& type = t.type_of(row);
  const std::int64_t value = type.columns[f][row.place];
  if (type.fields[f].back() == '$') return t.strings[static_cast<std::size_t>(value)];
  return std::to_string(value);
}
std::string field_name(const RowType& type, std::size_t f) {
  std::string name = type.fields[f];
  if (name.find_last_of("$#~") == name.size() - 1) name.pop_back();
  return name;
}

// "prepare view 3 op 12 ...": what is not 0.
std::string text_of(const Timeline& t, const Row& row) {
  const RowType& type = t.type_of(row);
  std::string text = type.name;
  for (std::size_t f = 0; f < type.fields.size(); ++f)
    if (const std::string value = field_text(t, row, f); value != "0")
      text.append(" ").append(field_name(type, f)).append(" ").append(value);
  return text;
}

std::string host_name(const Lane& lane) {
  std::string name = lane.name;
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
}

// --- ShiViz

// Per lane, how many events of each lane it knows of.
class Clocks {
 public:
  explicit Clocks(const Timeline& t) : t_(t), clocks_(t.lanes.size(), std::vector<u64>(t.lanes.size())) {}
  void learn(u16 lane, const std::vector<u64>& other) {
    for (std::size_t i = 0; i < other.size(); ++i) clocks_[lane][i] = std::max(clocks_[lane][i], other[i]);
  }
  const std::vector<u64>& tick(u16 lane) {
    ++clocks_[lane][lane];
    return clocks_[lane];
  }
  std::string text(u16 lane) const {
    std::string text = "{";
    for (std::size_t i = 0; i < clocks_[lane].size(); ++i)
      if (clocks_[lane][i] > 0)
        text.append(text.size() > 1 ? ", \"" : "\"").append(host_name(t_.lanes[i])).append("\":") +=
            std::to_string(clocks_[lane][i]);
    return text + "}";
  }

 private:
  const Timeline& t_;
  std::vector<std::vector<u64>> clocks_;
};

// --- Perfetto

std::string micros(u64 ns) {
  std::string rest = std::to_string(ns % 1000);
  return std::to_string(ns / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
}

class TraceEvents {
 public:
  TraceEvents(std::ostream& out, const Timeline& t) : out_(out), t_(t) {
    out_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  }
  ~TraceEvents() { out_ << "\n]}\n"; }

  void name_lanes() {
    for (std::size_t l = 0; l < t_.lanes.size(); ++l) {
      const Lane& lane = t_.lanes[l];
      next() << "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" << lane.host << ",\"args\":{\"name\":"
             << json_string(lane.client ? lane.name : lane.name.substr(0, lane.name.find('.'))) << "}}";
      next() << "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":" << lane.host << ",\"tid\":" << l
             << ",\"args\":{\"name\":" << json_string(lane.name) << "}}";
    }
  }
  void event(const char* phase, const Row& row, u16 lane, u64 at_ns, const std::string& more) {
    next() << "{\"ph\":\"" << phase << "\",\"name\":" << json_string(t_.type_of(row).name)
           << ",\"pid\":" << (lane == no_lane ? 0xffffu : t_.lanes[lane].host) << ",\"tid\":" << lane
           << ",\"ts\":" << micros(at_ns) << more << "}";
  }
  std::string args(const Row& row) const {
    const RowType& type = t_.type_of(row);
    std::string text = ",\"args\":{";
    for (std::size_t f = 0; f < type.fields.size(); ++f)
      text += (f > 0 ? "," : "") + json_string(field_name(type, f)) + ":" + json_string(field_text(t_, row, f));
    return text + "}";
  }

 private:
  std::ostream& next() {
    if (!first_) out_ << ",\n";
    first_ = false;
    return out_;
  }
  std::ostream& out_;
  const Timeline& t_;
  bool first_ = true;
};

}  // namespace

std::optional<ExportKind> export_named(std::string_view name) {
  if (name == "shiviz") return ExportKind::shiviz;
  if (name == "perfetto") return ExportKind::perfetto;
  return {};
}

void write_shiviz(std::ostream& out, const Timeline& t) {
  out << "(?<event>.*)\\n(?<host>\\S*) (?<clock>{.*})\n\n";
  Clocks clocks(t);
  std::map<RowId, std::vector<u64>> sent;       // clocks of messages on their way, by row
  std::map<RowId, std::vector<RowId>> waiting;  // what each turn is going to be given
  const auto tell = [&](const std::string& what, u16 lane) {
    out << what << "\n" << host_name(t.lanes[lane]) << " " << clocks.text(lane) << "\n";
  };
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const Row& row = t.rows[i];
    const auto id = static_cast<RowId>(i + 1);
    const RowClass of = t.type_of(row).of;
    if (row.lane == no_lane || (of == RowClass::turn && row.idle)) continue;
    if (of == RowClass::message) {
      if (row.fate == static_cast<u8>(Fate::duplicate)) {
        if (const auto original = sent.find(row.cause); original != sent.end()) sent[id] = original->second;
      } else {
        sent[id] = clocks.tick(row.lane);
        tell("send " + text_of(t, row), row.lane);
      }
      if (row.used != 0) waiting[row.used].push_back(id);
    } else if (of == RowClass::turn) {
      for (const RowId message : waiting[id]) {
        clocks.learn(row.lane, sent[message]);
        clocks.tick(row.lane);
        tell("receive " + text_of(t, t.rows[message - 1]), row.lane);
      }
      waiting.erase(id);
    } else if (of == RowClass::mark || of == RowClass::call) {
      clocks.tick(row.lane);
      tell(text_of(t, row), row.lane);
    }
  }
}

void write_perfetto(std::ostream& out, const Timeline& t) {
  TraceEvents events(out, t);
  events.name_lanes();
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const Row& row = t.rows[i];
    const std::string id = ",\"cat\":\"keelson\",\"id\":" + std::to_string(i + 1);
    switch (t.type_of(row).of) {
      case RowClass::turn:
        events.event("X", row, row.lane, row.at_ns, ",\"dur\":1.000" + events.args(row));
        break;
      case RowClass::disk:
      case RowClass::call:
        events.event("b", row, row.lane, row.at_ns, id + events.args(row));
        events.event("e", row, row.lane, row.at_ns + row.length_ns, id);
        break;
      case RowClass::message:
        if (row.fate != static_cast<u8>(Fate::delivered) || row.used == 0) {
          events.event("i", row, row.lane, row.at_ns, ",\"s\":\"t\"" + events.args(row));
          break;
        }
        events.event("s", row, row.lane, row.at_ns, id + events.args(row));
        events.event("f", row, row.to, t.rows[row.used - 1].at_ns, id + ",\"bp\":\"e\"");
        break;
      case RowClass::mark:
      case RowClass::peer:
      case RowClass::frame:
        events.event("i", row, row.lane, row.at_ns,
                     (row.lane == no_lane ? ",\"s\":\"g\"" : ",\"s\":\"p\"") + events.args(row));
        if (t.type_of(row).name == "commit")
          events.event("C", row, row.lane, row.at_ns,
                       ",\"args\":{\"op\":" + std::to_string(t.type_of(row).columns[1][row.place]) + "}");
        break;
    }
  }
}

}  // namespace keelson::sim
