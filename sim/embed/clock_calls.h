// Takes the calls that read a clock into the program; see clock_calls.cc.
#pragma once

namespace keelson::sim {

void watch_clocks();

}  // namespace keelson::sim
