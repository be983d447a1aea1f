#include "keelson/sim/trace.h"

#include <ostream>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

constexpr RecordKindText kind_texts[] = {
#define KEELSON_SIM_RECORD(enumerator, name, a, b) RecordKindText{name, a, b},
#include "keelson/sim/trace_kinds.def"
#undef KEELSON_SIM_RECORD
};

struct Link {
  Digest before;
  TraceRecord record;
};
static_assert(sizeof(Link) == 72 && std::has_unique_object_representations_v<Link>);

void write_field(std::ostream& out, std::string_view key, u64 value) {
  if (!key.empty()) out << ",\"" << key << "\":" << value;
}

}  // namespace

const RecordKindText& text_of(RecordKind kind) {
  check(static_cast<std::size_t>(kind) < std::size(kind_texts));
  return kind_texts[static_cast<std::size_t>(kind)];
}

void Trace::add(Instant at, RecordKind kind, const Place& place, const Values& values) {
  if (records_ % kept_every == 0) kept_.push_back(hash_);
  const Link link{hash_,
                  {.at_ns = at.ns(),
                   .seq = records_++,
                   .kind = kind,
                   .node = place.node.raw(),
                   .shard = place.shard.raw(),
                   .boot = place.boot,
                   .a = values.a,
                   .b = values.b,
                   .digest = values.digest}};
  hash_ = digest_of(bytes_of(link));
  if (sink_ != nullptr) sink_->write(link.record);
}

Digest trace_start(std::string_view scenario, u64 seed) {
  DigestStream start;
  start.add(std::as_bytes(std::span(scenario)));
  start.add_value(seed);
  return start.finish();
}

void JsonTraceSink::write(const TraceRecord& record) {
  const RecordKindText& text = text_of(record.kind);
  out_ << "{\"seq\":" << record.seq << ",\"at_ns\":" << record.at_ns << ",\"kind\":\"" << text.name << '"';
  if (record.node != no_node.raw()) {
    write_field(out_, "node", record.node);
    write_field(out_, "shard", record.shard);
    write_field(out_, "boot", record.boot);
  }
  write_field(out_, text.a, record.a);
  write_field(out_, text.b, record.b);
  if (!record.digest.is_zero()) out_ << ",\"digest\":\"" << hex(record.digest) << '"';
  out_ << "}\n";
}

std::string hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const u64 word : {digest.hi, digest.lo})
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[(word >> shift) & 15];
  return text;
}

}  // namespace keelson::sim
