// Lines of history files, hostile ones too: never more than an error, and what was printed is read back.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sstream>

#include "keelson/sim/histories/kv_file.h"
#include "keelson/sim/histories/queue_file.h"

namespace keelson::sim {
namespace {

// Pieces that lines are made of, in any order.
rc::Gen<std::string> drawn_file() {
  const auto piece = rc::gen::element<std::string>(
      "{", "}", "[", "]", "(", ")", ":", ",", "\"", "\\", "\n", " ", ";", "-", "1", "9223372036854775808", "nil",
      "null", "true", ":process 0 ", ":type :invoke ", ":type :ok ", ":f :read ", ":f :cas ", ":key \"a\" ",
      ":value [1 [2 3]] ", "\"client\":1,", "\"call\":2,", "\"return\":3,", "\"op\":\"read\",", "\"op\":\"drain\",",
      "\"key\":1,", "\x80", std::string(1, '\0'));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece), [](const std::vector<std::string>& pieces) {
    std::string all;
    for (const auto& one : pieces) all += one;
    return all;
  });
}

RC_GTEST_PROP(HistoryFileProperty, AnyBytesAreReadOrRefused, ()) {
  const std::string bytes = *drawn_file();
  for (const Notation notation : {Notation::edn, Notation::json}) {
    std::istringstream in(bytes);
    const auto calls = read_calls(notation, in);
    if (!calls) {
      RC_ASSERT(calls.error().line >= 1u);
      RC_ASSERT(!calls.error().what.empty());
      continue;
    }
    if (const auto kv = kv_calls(*calls, KvKeys::named)) check_kv(*kv);
    if (const auto queue = queue_calls(*calls)) judge_queue(*queue, {});
  }
}

Datum drawn_datum(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 4);
  if (kind == 0) return {};
  if (kind == 1) return Datum::of(*rc::gen::arbitrary<bool>());
  if (kind == 2) return Datum::of(u64{*rc::gen::arbitrary<u32>()});
  if (kind == 3) return Datum::of(*rc::gen::arbitrary<std::string>());
  const int size = *rc::gen::inRange(0, 4);
  Datum datum = kind == 4 ? Datum::of(std::vector<Datum>()) : Datum::map();
  for (int i = 0; i < size; ++i) {
    if (kind == 5)
      datum.put("k" + std::to_string(i), drawn_datum(depth - 1));
    else
      datum.list.push_back(drawn_datum(depth - 1));
  }
  return datum;
}

RC_GTEST_PROP(HistoryFileProperty, WhatWasPrintedIsReadBack, ()) {
  const Datum datum = drawn_datum(4);
  for (const Notation notation : {Notation::edn, Notation::json}) {
    const std::string line = print(notation, datum);
    const auto back = parse_datum(notation, line);
    if (!back) RC_FAIL(line + ": " + back.error().what);
    RC_ASSERT(print(notation, *back) == line);
    if (notation == Notation::edn) RC_ASSERT(*back == datum);
  }
}

}  // namespace
}  // namespace keelson::sim
