#include "keelson/sim/check/linear_text.h"

#include <algorithm>
#include <array>

namespace keelson::sim {
namespace {

constexpr std::size_t beside_max = 12, before_max = 6, unknown_max = 4;

std::string milliseconds_text(u64 ns) {
  std::string micros = std::to_string(ns / 1000 % 1000);
  return std::to_string(ns / 1'000'000) + "." + std::string(3 - micros.size(), '0') + micros;
}

// Rows before the failed answer: those beside it, the newest of those answered before, the newest unknown ones.
std::vector<std::size_t> window(const std::vector<LinearRow>& rows, std::size_t failed) {
  const LinearRow& bad = rows[failed];
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

std::string linear_table(const std::vector<LinearRow>& rows, std::size_t failed) {
  using Line = std::array<std::string, 6>;
  std::vector<Line> lines{{"", "call", "client", "from .. to (ms)", "asked", "answered"}};
  for (const std::size_t i : window(rows, failed)) {
    const LinearRow& row = rows[i];
    lines.push_back({i == failed ? ">" : "", std::to_string(row.id), std::to_string(row.client),
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
