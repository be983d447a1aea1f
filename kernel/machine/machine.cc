#include "keelson/machine/machine.h"

#include "keelson/machine/kv/kv.h"

namespace keelson {

MachineRegistry builtin_machines() {
  MachineRegistry machines;
  machines.add<KvMachine>();
  return machines;
}

}  // namespace keelson
