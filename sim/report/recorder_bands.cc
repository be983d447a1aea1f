// What a recorder has to look for, because no record says it: who is cut off from whom, and faults that are only
// counted.
#include "keelson/sim/report/recorder.h"
#include "keelson/sim/world.h"

namespace keelson::sim {
namespace {

enum PairState : u8 { open_pair, cut_pair, clogged_pair, gray_pair };
constexpr std::string_view pair_kinds[] = {"", "cut", "clog", "gray"};

// Faults that leave no record of their own: their counters are looked at.
constexpr Fault counted_faults[] = {
    Fault::power_cut,  Fault::shard_stall, Fault::disk_stall, Fault::disk_write_error, Fault::disk_read_error,
    Fault::lost_write, Fault::net_reset,   Fault::no_space,   Fault::crash_mid_bag,    Fault::crash_in_write};

}  // namespace

void Recorder::open_host_band(std::string_view kind, u16 host, u64 at_ns) {
  host_bands_[{kind, host}] = timeline_.bands.size();
  timeline_.bands.push_back({kind, at_ns, 0, {{host, host}}});
}

void Recorder::close_host_band(std::string_view kind, u16 host, u64 at_ns) {
  const auto at = host_bands_.find({kind, host});
  if (at == host_bands_.end()) return;
  timeline_.bands[at->second].end_ns = at_ns;
  host_bands_.erase(at);
}

// Who is cut off from whom changes without a record of the pairs: they are looked at before each turn. Pairs that
// change together are one band; of a band that is lifted in part, the rest goes on as another.
void Recorder::look_at_barriers(u64 at_ns) {
  const Barriers& barriers = world_->network().barriers();
  const u16 hosts = population_.hosts();
  std::vector<std::size_t> ended;
  std::array<std::size_t, std::size(pair_kinds)> begun{};
  begun.fill(no_band);
  for (u16 from = 0; from < hosts; ++from)
    for (u16 to = 0; to < hosts; ++to) {
      const HostPair pair{HostId(from), HostId(to)};
      const u8 now = !barriers.any(pair)      ? open_pair
                     : barriers.blocked(pair) ? cut_pair
                     : barriers.clogged(pair) ? clogged_pair
                                              : gray_pair;
      const std::size_t i = std::size_t{from} * hosts + to;
      if (now == pairs_[i]) continue;
      if (pairs_[i] != open_pair) ended.push_back(pair_bands_[i]);
      pairs_[i] = now;
      pair_bands_[i] = no_band;
      if (now == open_pair) continue;
      if (begun[now] == no_band) {
        begun[now] = timeline_.bands.size();
        timeline_.bands.push_back({pair_kinds[now], at_ns, 0, {}});
      }
      pair_bands_[i] = begun[now];
      timeline_.bands[begun[now]].hosts.emplace_back(from, to);
    }
  for (const std::size_t band : ended) {
    if (timeline_.bands[band].end_ns != 0) continue;
    timeline_.bands[band].end_ns = at_ns;
    Band rest{timeline_.bands[band].kind, at_ns, 0, {}};
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (pair_bands_[i] != band) continue;
      pair_bands_[i] = timeline_.bands.size();
      rest.hosts.emplace_back(static_cast<u16>(i / hosts), static_cast<u16>(i % hosts));
    }
    if (!rest.hosts.empty()) timeline_.bands.push_back(std::move(rest));
  }
}

void Recorder::look_at_faults(const TraceRecord& record) {
  const FaultCounts& now = world_->core().faults;
  for (const Fault fault : counted_faults) {
    if (now[fault] == faults_[fault]) continue;
    const std::string name(name_of(fault));
    add(mark_type("fault", {"fault$", "count"}), record.at_ns, no_lane, 0,
        {timeline_.string(name), static_cast<std::int64_t>(now[fault] - faults_[fault])});
  }
  faults_ = now;
}

}  // namespace keelson::sim
