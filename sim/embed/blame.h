// Blame: a step is left because of what code of one's own did in it, not because a check of the kernel failed.
//
// Who uses it: the watch over own machines leaves, World asks when a step did not come to its end. The way out is that
// of a failed check: the stack is leaked, the World is not stepped again. Not here: what is wrong with a machine
// (machine_watch.h).
#pragma once

#include <optional>

#include "keelson/sim/step_fiber.h"
#include "keelson/sim/violation.h"

namespace keelson::sim {

// Only inside of World::guarded; elsewhere the process ends, and says why.
[[noreturn]] void leave_step(Violation violation);

// Why the step was left: what leave_step was given; or, while a machine of one's own was being called, that it failed
// the check. Nothing: it is the kernel's.
std::optional<Violation> take_blame(const FailedCheck& failed);

}  // namespace keelson::sim
