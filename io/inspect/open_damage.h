// OpenDamage: which damage still matters. A log is never written over, so a record that was lost stays lost in its
// place after a peer gave it back; what counts is whether anything depends on that place.
//
// Who uses it: verify, to tell damage from its traces. What recovery would make of the groups decides. Not here: where
// damage lies (findings.h).
#pragma once

#include <vector>

#include "keelson/io/inspect/records.h"

namespace keelson::io::inspect {

class OpenDamage {
 public:
  // Of a survey whose log was read; `rows` are records_of(it).
  OpenDamage(const Survey& survey, const std::vector<RecordRow>& rows);

  bool is_open(const RecordRow& row) const;
  bool is_open(const Loss& loss) const;
  // Anything in these batches, both included.
  bool any_open(BatchNo from, BatchNo to) const;

 private:
  bool op_is_open(const GroupSurvey& group, const FoundRecord& record) const;
  bool state_is_open(const FoundRecord& record) const;
  bool checkpoint_is_open(const FoundRecord& record) const;
  bool has_copy(const FoundRecord& record) const;

  const Survey& survey_;
  const LogFacts& facts_;
  std::vector<BatchNo> open_;  // sorted
};

}  // namespace keelson::io::inspect
