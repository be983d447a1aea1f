// Fields: what must be in a JSON object that a campaign wrote, read field by field; the first that is missing or of
// another kind is named.
//
// Who uses it: plans and results, when they are read back. Private to sim/campaign.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keelson/sim/histories/datum.h"

namespace keelson::sim {

class Fields {
 public:
  explicit Fields(const Datum& datum) : datum_(datum) {
    if (datum.kind != Datum::Kind::map) wrong_ = "expected an object: {..}";
  }

  u64 number(const char* name) {
    const Datum* field = of_kind(name, Datum::Kind::number, "a whole number");
    if (field && field->number < 0) need(name, "a number of 0 or more");
    return field && field->number >= 0 ? static_cast<u64>(field->number) : 0;
  }
  bool yes(const char* name) {
    const Datum* field = of_kind(name, Datum::Kind::boolean, "true or false");
    return field && field->boolean;
  }
  std::string text(const char* name) {
    const Datum* field = of_kind(name, Datum::Kind::text, "a text");
    return field ? field->text : std::string();
  }
  const std::vector<Datum>& list(const char* name) {
    static const std::vector<Datum> none;
    const Datum* field = of_kind(name, Datum::Kind::list, "a list");
    return field ? field->list : none;
  }
  const Datum& object(const char* name) {
    static const Datum none = Datum::map();
    const Datum* field = of_kind(name, Datum::Kind::map, "an object");
    return field ? *field : none;
  }
  std::map<std::string, u64> counts(const char* name) {
    std::map<std::string, u64> counts;
    const auto& list = object(name).list;
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
      if (list[i + 1].kind != Datum::Kind::number || list[i + 1].number < 0) need(name, "numbers by name");
      counts[list[i].text] = static_cast<u64>(list[i + 1].number);
    }
    return counts;
  }
  bool has(const char* name) const {
    const Datum* field = datum_.get(name);
    return field && field->kind != Datum::Kind::nil;
  }

  void need(const std::string& name, const std::string& what) {
    if (wrong_.empty()) wrong_ = name + ": expected " + what;
  }
  const std::string& wrong() const { return wrong_; }  // empty: nothing

 private:
  const Datum* of_kind(const char* name, Datum::Kind kind, const char* what) {
    const Datum* field = datum_.get(name);
    if (field && field->kind == kind) return field;
    need(name, what);
    return nullptr;
  }

  const Datum& datum_;
  std::string wrong_;
};

}  // namespace keelson::sim
