#include "keelson/sim/shrink/tape_edits.h"

#include <algorithm>
#include <map>
#include <set>

namespace keelson::sim {

TapeList TapeList::of(const SparseTape& tape) {
  TapeList list;
  for (const auto& stream : tape.streams) {
    const auto number = static_cast<u32>(list.streams.size());
    list.streams.push_back(stream.name);
    for (const auto& decision : stream.entries) list.entries.push_back({number, decision});
  }
  return list;
}

SparseTape TapeList::tape() const {
  SparseTape tape;
  std::vector<SparseStream> all;
  for (const auto& name : streams) all.push_back({name, {}});
  for (const auto& [stream, decision] : entries) all[stream].entries.push_back(decision);
  for (auto& stream : all)
    if (!stream.entries.empty()) tape.streams.push_back(std::move(stream));
  return tape;
}

std::vector<std::vector<std::size_t>> TapeList::parts() const {
  using Part = std::vector<std::size_t>;
  std::map<std::string, Part> kinds;
  std::map<Site, Part> sites;
  std::map<u32, Part> places;
  std::map<std::pair<u32, Site>, Part> both;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [stream, decision] = entries[i];
    kinds[streams[stream].substr(0, streams[stream].find('/'))].push_back(i);
    sites[decision.site].push_back(i);
    places[stream].push_back(i);
    both[{stream, decision.site}].push_back(i);
  }
  std::vector<Part> parts;
  std::set<Part> known;  // many are the same
  const auto add = [&](const auto& groups) {
    std::vector<Part> sorted;
    for (const auto& [key, part] : groups) sorted.push_back(part);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Part& a, const Part& b) { return a.size() > b.size(); });
    for (auto& part : sorted)
      if (known.insert(part).second) parts.push_back(std::move(part));
  };
  add(kinds);
  add(sites);
  add(places);
  add(both);
  return parts;
}

TapeList TapeList::without(const std::vector<std::size_t>& part) const {
  TapeList less{streams, {}};
  auto next = part.begin();  // sorted
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (next != part.end() && *next == i)
      ++next;
    else
      less.entries.push_back(entries[i]);
  }
  return less;
}

std::optional<TapeList> TapeList::moved(std::size_t entry, u64 n) const {
  TapeEntry moving = entries[entry];
  moving.decision.n = n;
  const auto taken = [&](const TapeEntry& other) {
    return other.stream == moving.stream && other.decision.site == moving.decision.site && other.decision.n == n;
  };
  if (std::any_of(entries.begin(), entries.end(), taken)) return {};
  TapeList list = without(entry, 1);
  const auto later = [&](const TapeEntry& other) {
    return std::pair(other.stream, other.decision) > std::pair(moving.stream, moving.decision);
  };
  list.entries.insert(std::find_if(list.entries.begin(), list.entries.end(), later), moving);
  return list;
}

TapeList TapeList::without(std::size_t from, std::size_t count) const {
  TapeList less{streams, {}};
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (i < from || i >= from + count) less.entries.push_back(entries[i]);
  return less;
}

}  // namespace keelson::sim
