// What `keelson sim` shows a person: a block per run, a bar for campaigns. Colour and redrawing only on a terminal.
#pragma once

#include <string>

#include "keelson/sim/run/run.h"

namespace keelson::bin {

void print_run(const sim::RunReport& report, const std::string& again);
void print_campaign_line(const sim::RunReport& report);
void print_summary(const sim::Summary& summary, unsigned jobs);

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
