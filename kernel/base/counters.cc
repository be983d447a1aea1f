#include "keelson/base/counters.h"

namespace keelson {
namespace {

struct CounterInfo {
  const char* name;
  const char* help;
};
constexpr CounterInfo counter_infos[] = {
#define X(name, help) {#name, help},
#include "keelson/base/counters.def"
#undef X
};

struct MarkInfo {
  const char* name;
  MarkKind kind;
};
constexpr MarkInfo mark_infos[] = {
#define X(name, kind) {#name, MarkKind::kind},
#include "keelson/base/marks.def"
#undef X
};

}  // namespace

const char* name_of(Counter counter) { return counter_infos[static_cast<std::size_t>(counter)].name; }
const char* help_of(Counter counter) { return counter_infos[static_cast<std::size_t>(counter)].help; }
const char* name_of(Mark mark) { return mark_infos[static_cast<std::size_t>(mark)].name; }
MarkKind kind_of(Mark mark) { return mark_infos[static_cast<std::size_t>(mark)].kind; }

}  // namespace keelson
