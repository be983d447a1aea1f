#include "keelson/sim/check/linear_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

namespace keelson::sim {
namespace {

constexpr std::size_t beside_max = 12, before_max = 6, unknown_max = 4;
constexpr std::size_t columns_max = 108;  // of a picture: what a comment in a scenario has room for

std::string milliseconds_text(u64 ns) {
  std::string micros = std::to_string(ns / 1000 % 1000);
  return std::to_string(ns / 1'000'000) + "." + std::string(3 - micros.size(), '0') + micros;
}

// Rows before the failed answer: those beside it, the newest of those answered before, the newest unknown ones.
std::vector<std::size_t> window(const std::vector<SeenCall>& rows, std::size_t failed) {
  const SeenCall& bad = rows[failed];
  std::vector<std::size_t> beside, before, unknown;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == failed || rows[i].called > bad.returned) continue;
    if (!rows[i].known)
      unknown.push_back(i);
    else if (rows[i].returned >= bad.called)
      beside.push_back(i);
    else
      before.push_back(i);
  }
  std::stable_sort(before.begin(), before.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].returned < rows[b].returned; });
  std::vector<std::size_t> all{failed};
  const auto newest = [&](const std::vector<std::size_t>& from, std::size_t most) {
    all.insert(all.end(), from.end() - static_cast<std::ptrdiff_t>(std::min(most, from.size())), from.end());
  };
  newest(beside, beside_max);
  newest(before, before_max);
  newest(unknown, unknown_max);
  std::sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) { return rows[a].called < rows[b].called; });
  return all;
}

}  // namespace

std::vector<SeenCall> seen_around(const std::vector<SeenCall>& calls, std::size_t failed) {
  std::vector<SeenCall> seen;
  for (const std::size_t i : window(calls, failed)) {
    seen.push_back(calls[i]);
    seen.back().wrong = i == failed;
  }
  return seen;
}

namespace {

// Long values by short names, the same everywhere.
class ShortNames {
 public:
  std::string shorten(const std::string& text) {
    std::string out;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const bool comma = word.back() == ',';
      if (comma) word.pop_back();
      if (word.size() > word_max) {
        const auto [at, fresh] = names_.try_emplace(word, "v" + std::to_string(names_.size() + 1));
        if (fresh) legend_ += (legend_.empty() ? "" : ", ") + at->second + " " + word;
        word = at->second;
      }
      out += (out.empty() ? "" : " ") + word + (comma ? "," : "");
    }
    return out;
  }
  const std::string& legend() const { return legend_; }

 private:
  static constexpr std::size_t word_max = 12;
  std::map<std::string, std::string> names_;
  std::string legend_;
};

struct Bar {
  const SeenCall* call;
  std::string text;
  std::size_t from = 0, to = 0;  // columns
};

// Columns in the order of what happened, as narrow as the texts allow. Unknown ones stay open to the right.
void place_bars(std::vector<Bar>& bars) {
  std::vector<std::pair<u64, std::size_t*>> moments;
  for (Bar& bar : bars) {
    moments.emplace_back(bar.call->called, &bar.from);
    if (bar.call->known) moments.emplace_back(bar.call->returned, &bar.to);
  }
  std::sort(moments.begin(), moments.end());
  std::size_t column = 0;
  for (const auto& [at, place] : moments) {
    for (const Bar& bar : bars)
      if (place == &bar.to) column = std::max(column, bar.from + bar.text.size() + 1);
    *place = column++;
  }
  for (Bar& bar : bars)
    if (!bar.call->known) bar.to = std::max(column, bar.from + bar.text.size() + 1);
}

// The first line says what the names mean, then there is one per client.
std::vector<std::string> drawn(std::vector<const SeenCall*> calls) {
  std::sort(calls.begin(), calls.end(), [](auto* a, auto* b) { return a->called < b->called; });
  ShortNames names;
  std::vector<Bar> bars;
  std::set<u64> clients;
  for (const SeenCall* call : calls) {
    clients.insert(call->client);
    bars.push_back({call, names.shorten(call->asked) + (call->known ? ": " + names.shorten(call->answered) : " ...")});
  }
  place_bars(bars);
  const std::string legend = names.legend().empty() ? "" : " (" + names.legend() + ")";
  std::vector<std::string> lines{"what clients saw" + legend + ":"};
  for (const u64 client : clients) {
    std::string line = "client " + std::to_string(client) + "  ";
    const std::size_t left = line.size();
    for (const Bar& bar : bars) {
      if (bar.call->client != client) continue;
      line.resize(std::max(line.size(), left + bar.from), ' ');
      line += (bar.call->wrong ? '>' : '[') + bar.text;
      line.resize(std::max(line.size(), left + bar.to), bar.call->known ? '-' : '.');
      line += bar.call->wrong ? '<' : bar.call->known ? ']' : '.';
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::vector<std::string> linear_timeline(const std::vector<SeenCall>& calls, std::size_t lines_max) {
  std::vector<const SeenCall*> newest;
  for (const SeenCall& call : calls) newest.push_back(&call);
  const auto weight = [](const SeenCall* c) { return std::pair(c->wrong, c->known ? c->returned : c->called); };
  std::sort(newest.begin(), newest.end(), [&](auto* a, auto* b) { return weight(a) > weight(b); });
  std::vector<std::string> lines;
  for (std::size_t shown = 1; shown <= newest.size(); ++shown) {
    const auto more = drawn({newest.begin(), newest.begin() + static_cast<std::ptrdiff_t>(shown)});
    const bool wide = std::any_of(more.begin() + 1, more.end(), [](auto& line) { return line.size() > columns_max; });
    if (shown > 1 && (wide || more.size() > std::max<std::size_t>(lines_max, 3))) break;
    lines = more;
  }
  return lines;
}

std::string linear_table(const std::vector<SeenCall>& calls) {
  using Line = std::array<std::string, 6>;
  std::vector<Line> lines{{"", "call", "client", "from .. to (ms)", "asked", "answered"}};
  for (const SeenCall& row : calls) {
    lines.push_back({row.wrong ? ">" : "", std::to_string(row.id), std::to_string(row.client),
                     milliseconds_text(row.called_ns) + " .. " + (row.known ? milliseconds_text(row.returned_ns) : "?"),
                     row.asked, row.answered});
  }
  std::array<std::size_t, 6> width{};
  for (const Line& line : lines)
    for (std::size_t c = 0; c < width.size(); ++c) width[c] = std::max(width[c], line[c].size());
  std::string text;
  for (const Line& line : lines) {
    std::string printed;
    for (std::size_t c = 0; c < width.size(); ++c)
      printed += line[c] + std::string(width[c] - line[c].size() + (c ? 2 : 1), ' ');
    text += printed.substr(0, printed.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string shortened(const std::string& value) {
  constexpr std::size_t most = 40;
  return value.size() <= most ? value : value.substr(0, most - 3) + "...";
}

}  // namespace keelson::sim
