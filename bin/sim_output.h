// What `keelson sim` shows a person: a block per run, a bar for campaigns. Colour and redrawing only on a terminal.
#pragma once

#include <string>

#include "keelson/sim/campaign/tally.h"
#include "keelson/sim/run/run.h"

namespace keelson::bin {

void print_run(const sim::RunReport& report, const std::string& again);
void print_campaign_line(const sim::RunReport& report);
void print_summary(const sim::Summary& summary, unsigned jobs);
void print_totals(const sim::Tally& tally);  // of what a folder holds
// What failed, by signature, with the first seed's command.
void print_signatures(const sim::Tally& tally);

std::string rate_text(u64 runs, u64 ns);  // "12.5 runs/s"
std::string time_text(u64 seconds);       // "1 h 05 min", "2 min 10 s"

class Bar {
 public:
  Bar();
  ~Bar();
  void show(const std::string& what, u64 done, u64 total, const std::string& detail);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  u64 last_ns_ = 0;
};

}  // namespace keelson::bin
