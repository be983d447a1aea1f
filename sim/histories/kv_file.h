// Histories of maps and registers as files: what a run's clients did, for Knossos, Porcupine and `keelson check`;
// and back, ours or anybody's.
//
//   read   value: nil, then what was found (nil: nothing)      write  value: what is written
//   delete value: nil, then whether there was something        cas    value: [expected new], nil: nothing there
// A cas that did not swap is :fail, as Knossos has it, with :found for what was held. A value of bytes that can't be
// printed is a text 0x…. A file may give [key value] as value instead of a key.
//
// Who uses it: bin. Not here: the lines (lines.h), the judgement (kv_calls.h).
#pragma once

#include "keelson/sim/check/kv_calls.h"
#include "keelson/sim/histories/lines.h"

namespace keelson::sim {

std::vector<WrittenCall> written(const std::vector<KvCall>& calls);

enum class KvKeys : u8 { named, none };  // a map, a register
tl::expected<std::vector<KvCall>, BadLine> kv_calls(const std::vector<WrittenCall>& calls, KvKeys keys);

}  // namespace keelson::sim
