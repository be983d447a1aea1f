// A user links the simulator: kernel and driver (with its check_failed) come with it.
#include "keelson/driver/check_hook.h"
#include "keelson/sim/prng.h"

int main() {
  const keelson::ScopedCheckHook quiet({});
  keelson::sim::StreamPrng one(7, "consumer");
  keelson::sim::StreamPrng same(7, "consumer");
  const keelson::Op op = keelson::Op(one.next() % 1000) + 1;
  return op == keelson::Op(same.next() % 1000) + 1 ? 0 : 1;
}
