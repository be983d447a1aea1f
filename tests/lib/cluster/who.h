// Who: whom a story of the cluster DSL speaks of: a part that is played (primary, backup(1)), a number, or several.
//
// Who uses it: every verb and every expectation of Cluster. A part is looked up when the verb runs, in the view that
// holds then; Cluster::pin() gives the number of whoever plays it now. Not here: looking up (cluster.h).
#pragma once

#include <string>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::test {

struct Who {
  enum class Kind : u8 { primary, backup, backups, node, client, all, live };
  Kind kind = Kind::all;
  u16 index = 0;
  bool operator==(const Who&) const = default;
};

inline constexpr Who primary{Who::Kind::primary};  // of the newest view; its last one while that has none
inline constexpr Who backups{Who::Kind::backups};  // everybody but the primary
inline constexpr Who all{Who::Kind::all};          // every replica
inline constexpr Who live{Who::Kind::live};        // every replica that runs
// So many places behind the primary: backup(1) is the primary of the next view.
constexpr Who backup(u16 places) { return {Who::Kind::backup, places}; }
constexpr Who node(u16 number) { return {Who::Kind::node, number}; }
constexpr Who client(u16 number) { return {Who::Kind::client, number}; }

std::string text(Who who);

// One or several: what a verb's "to" takes.
struct Whom {
  Whom(Who one) : who{one} {}  // NOLINT(google-explicit-constructor): verbs read as sentences
  Whom(std::initializer_list<Who> several) : who(several) {}
  std::vector<Who> who;
};

}  // namespace keelson::test
