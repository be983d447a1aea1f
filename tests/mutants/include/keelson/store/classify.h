// Shadow of kernel/store/classify.h (see vsr/rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/store/classify.h"

namespace keelson::mutant_classify {

using mutants::active;
using mutants::Id;

inline RecordFate fate_of(RecoveryRow row, RecordClass record) {
  const RecordFate fate = keelson::fate_of(row, record);
  if (active(Id::store_suspect_is_dropped) && fate == RecordFate::suspect) return RecordFate::drop;
  if (active(Id::store_tail_is_known) && fate == RecordFate::head_unknown) return RecordFate::drop;
  if (active(Id::store_amnesia_forgotten) && fate == RecordFate::amnesiac) return RecordFate::drop;
  return fate;
}

}  // namespace keelson::mutant_classify

#define fate_of mutant_classify::fate_of
