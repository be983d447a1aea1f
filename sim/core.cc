#include "keelson/sim/core.h"

#include "keelson/base/checksum.h"

namespace keelson::sim {

void Core::fail(Violation found) {
  if (violation) return;
  found.at = now;
  found.event = events;
  const std::string text = found.checker + '/' + found.invariant + ": " + found.detail;
  record(RecordKind::violation, {.node = found.node},
         {.a = static_cast<u64>(found.kind), .digest = digest_of(std::as_bytes(std::span(text)))});
  violation = std::move(found);
}

}  // namespace keelson::sim
