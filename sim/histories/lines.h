// History files, line by line: which form a file has, and what its lines say before a model is asked.
//
// EDN (Knossos): a map per event, in order; an operation is its :invoke and what its process says next.
//   {:index 0, :time 12, :process 3, :type :invoke, :f :write, :key "a", :value "1"}
// A client whose call ended unknown goes on as another process, and :client says which one it was.
// JSON lines (what users of Porcupine feed it): a map per operation.
//   {"client":3,"call":12,"return":40,"type":"ok","op":"write","key":"a","input":"1","output":null}
//
// Who uses it: kv_file.h, queue_file.h. Errors name line and field; a file is read to its end for them only up to the
// first. Not here: what f, key, value mean.
#pragma once

#include <iosfwd>

#include "keelson/sim/histories/datum.h"
#include "keelson/sim/history.h"

namespace keelson::sim {

// .edn, .json, .jsonl; nothing: another extension.
std::optional<Notation> notation_of(const std::string& path);

struct BadLine {
  u64 line = 0;
  std::string what;  // "field: what; got …; expected …"
};

// One operation as it is written, in either form.
struct WrittenCall {
  u64 line = 0;  // of its call
  u64 client = 0;
  std::string f;  // what was asked for: read, write, enqueue ...
  CallEnd end = CallEnd::info;
  Datum input, output;                 // :value of its call and of its end
  Datum fields = Datum::map();         // further ones of the call: key, group ...
  Datum learned = Datum::map();        // further ones that came with the end
  u64 called = 0, returned = 0;        // places in the order of all calls and answers
  u64 called_ns = 0, returned_ns = 0;  // 0 if the file doesn't say
};

tl::expected<std::vector<WrittenCall>, BadLine> read_calls(Notation notation, std::istream& in);
// Calls whose `called` and `returned` are places in the order of calls and answers, as a run numbers them.
void write_calls(Notation notation, std::ostream& out, const std::vector<WrittenCall>& calls);

// "key: a text is missing; got 7": what every complaint about a field looks like.
BadLine bad_field(u64 line, const std::string& field, const std::string& expected, const Datum* got);

}  // namespace keelson::sim
