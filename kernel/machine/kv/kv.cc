#include "keelson/machine/kv/kv.h"

#include "keelson/machine/kv/kv_rules.h"
#include "keelson/machine/sections.h"

namespace keelson {
namespace {

constexpr u64 state_bytes_per_section = 256 * 1024;  // of a state as large as may be
constexpr u32 section_format = 2;

u32 sections_max(const KvLimits& limits) {
  return static_cast<u32>(std::bit_floor(limits.state_bytes_max / state_bytes_per_section | 1));
}

// Below that, a section is a block or a few: small enough that a change rewrites little, large enough that blocks are
// not mostly padding. Small limits make small sections, so that short runs see their number change.
u64 sections_wanted(const KvLimits& limits, u64 entries, u64 bytes) {
  const u64 entries_per_section = std::clamp<u64>(limits.entries_max / 2048, 1, 64);
  const u64 bytes_per_section = std::clamp<u64>(limits.state_bytes_max / 1024, 1, 16 * 1024);
  return std::max((entries + entries_per_section - 1) / entries_per_section,
                  (bytes + bytes_per_section - 1) / bytes_per_section);
}

struct SavedSection {
  u32 format = section_format;
  u32 section = 0;
  u64 count = 0;
};
static_assert(sizeof(SavedSection) == 16);

// Key and value follow.
struct SavedItem {
  Op written;
  u32 value_size = 0;
  u16 key_size = 0;
  u16 kept = 0;  // 1: the value is a KeptValue
};
static_assert(sizeof(SavedItem) == 16);

void answer(ReplyWriter& reply, Status status, Op written, std::optional<Bytes> value, bool swapped) {
  KvReplyHead head;
  head.written = written;
  head.value_size = value ? static_cast<u32>(value->size()) : 0;
  head.has_value = value ? 1 : 0;
  head.swapped = swapped ? 1 : 0;
  reply.set_status(status);
  reply.append_value(head);
  if (value) reply.append(*value);
}

}  // namespace

MachineLimits KvMachine::limits(const Limits& limits) {
  const KvLimits kv = kv_limits(limits);
  return {kv.request_bytes_max, kv.reply_bytes_max, kv.entries_max, kv.state_bytes_max, sections_max(kv)};
}

KvMachine::KvMachine(const Limits& limits) : table_(kv_limits(limits)) {}

Status KvMachine::admit(const RequestView& request) const {
  const auto decoded = decode_kv_request(request.frame.operation, request.body);
  return decoded ? admit(*decoded) : decoded.error();
}

// A get and a delete don't; nor does a swap for nothing.
bool KvMachine::grows(const RequestView& request) const {
  const auto decoded = decode_kv_request(request.frame.operation, request.body);
  return decoded && decoded->value.has_value();
}

Status KvMachine::admit(const KvRequest& request) const {
  const bool fits = request.value.value_or(Bytes()).size() <= table_.limits().value_bytes_max &&
                    request.expected.value_or(Bytes()).size() <= table_.limits().value_bytes_max;
  return fits ? Status::ok : Status::too_large;
}

void KvMachine::apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
  const auto decoded = decode_kv_request(request.frame.operation, request.body);
  // The primary admitted it; should an older release not have, every replica refuses it alike.
  const Status status = decoded ? admit(*decoded) : decoded.error();
  if (status != Status::ok) return reply.set_status(status);
  if (request.frame.operation == kv_get) return apply_get(*decoded, reply);
  if (request.frame.operation == kv_put) return apply_put(ctx, *decoded, reply);
  if (request.frame.operation == kv_delete) return apply_delete(ctx, *decoded, reply);
  apply_cas(ctx, *decoded, reply);
}

std::optional<KvMachine::KeptValue> KvMachine::kept_of(const std::optional<KvTable::Found>& held) {
  return held && held->kept ? std::optional(load<KeptValue>(held->value.data())) : std::nullopt;
}

// What a key holds, or that it holds nothing.
void KvMachine::answer_held(ReplyWriter& reply, Status status, const std::optional<KvTable::Found>& held,
                            bool swapped) {
  if (!held) return answer(reply, status, Op(), std::nullopt, swapped);
  const auto kept = kept_of(held);
  if (!kept) return answer(reply, status, held->written, held->value, swapped);
  KvReplyHead head;
  head.written = held->written;
  head.value_size = kept->ref.size;
  head.has_value = 1;
  head.swapped = swapped ? 1 : 0;
  reply.set_status(status);
  reply.append_value(head);
  reply.append_body(kept->ref);
}

void KvMachine::apply_get(const KvRequest& request, ReplyWriter& reply) {
  const auto held = table_.find(request.key);
  answer_held(reply, held ? Status::ok : Status::not_found, held, false);
}

void KvMachine::apply_put(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  if (!write(ctx, request.key, *request.value)) return reply.set_status(Status::machine_full);
  answer(reply, Status::ok, ctx.op, std::nullopt, false);
}

void KvMachine::apply_delete(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  const bool held = table_.find(request.key).has_value();
  erase(ctx, request.key);
  if (!kv_rules::is_deleted(held)) return answer(reply, Status::not_found, Op(), std::nullopt, false);
  answer(reply, Status::ok, ctx.op, std::nullopt, false);
}

void KvMachine::apply_cas(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  const auto held = table_.find(request.key);
  const auto kept = kept_of(held);
  const bool expected =
      kept ? request.expected && kv_rules::is_as_expected(kept->ref.size, kept->digest, *request.expected)
           : kv_rules::is_as_expected(held ? std::optional(held->value) : std::nullopt, request.expected);
  if (!expected) return answer_held(reply, Status::not_swapped, held, false);
  if (request.value) {
    if (!write(ctx, request.key, *request.value)) return reply.set_status(Status::machine_full);
    return answer_held(reply, Status::ok, table_.find(request.key), true);
  }
  erase(ctx, request.key);
  answer(reply, Status::ok, ctx.op, std::nullopt, true);
}

void KvMachine::touch(const ApplyCtx& ctx, Bytes key) const {
  ctx.touch(SectionId(table_.section_of(KvTable::hash_of(key))));
}

bool KvMachine::write(const ApplyCtx& ctx, Bytes key, Bytes value) {
  const auto before = kept_of(table_.find(key));
  const bool keep = ctx.bodies && value.size() >= table_.limits().kept_bytes_min;
  KeptValue kept;
  if (keep) {
    const auto ref = ctx.bodies.retain(value);
    if (!ref) return false;
    kept = {*ref, digest_of(value)};
  }
  touch(ctx, key);
  const Bytes held = keep ? bytes_of(kept) : value;
  const auto place = table_.put(key, static_cast<u32>(held.size()), ctx.op, keep);
  if (place) copy(*place, held);
  if (place && before) ctx.bodies.release(before->ref);
  if (!place && keep) ctx.bodies.release(kept.ref);
  return place.has_value();
}

void KvMachine::erase(const ApplyCtx& ctx, Bytes key) {
  const auto kept = kept_of(table_.find(key));
  touch(ctx, key);
  table_.erase(key);
  if (kept) ctx.bodies.release(kept->ref);
}

void KvMachine::reset(Release) {
  table_.clear();
  loaded_ = {};
}

void KvMachine::settle_sections() {
  const u64 wanted = sections_wanted(table_.limits(), table_.size(), table_.bytes());
  const u32 count = settled_sections(section_count(), wanted, sections_max(table_.limits()));
  table_.set_section_bits(static_cast<u32>(std::countr_zero(count)));
}

Status KvMachine::begin_load(u32 sections) {
  if (!may_have_sections(sections, sections_max(table_.limits()))) return Status::corrupt_snapshot;
  table_.set_section_bits(static_cast<u32>(std::countr_zero(sections)));
  loaded_ = Vec<u8>(sections);
  loaded_.resize(sections);
  return Status::ok;
}

void KvMachine::save_section(SectionId section, ByteSink& sink) const {
  check(section.raw() < section_count());
  SavedSection saved;
  saved.section = section.raw();
  table_.for_each(section.raw(), [&](const KvTable::Item&) { ++saved.count; });
  sink.put_value(saved);
  table_.for_each(section.raw(), [&](const KvTable::Item& item) {
    sink.put_value(SavedItem{item.found.written, static_cast<u32>(item.found.value.size()),
                             static_cast<u16>(item.key.size()), static_cast<u16>(item.found.kept)});
    sink.put(item.key);
    sink.put(item.found.value);
  });
}

Status KvMachine::load_section(SectionId section, ByteSource& source) {
  SavedSection saved;
  if (section.raw() >= loaded_.size() || loaded_[section.raw()] || !source.take_value(saved) ||
      saved.format != section_format || saved.section != section.raw())
    return Status::corrupt_snapshot;
  Cursor previous;
  for (u64 i = 0; i < saved.count; ++i) {
    const Status status = load_item(section.raw(), previous, source);
    if (status != Status::ok) return status;
  }
  if (!source.at_end()) return Status::corrupt_snapshot;
  loaded_[section.raw()] = 1;
  return Status::ok;
}

// Where the bytes are that `written` wrote.
bool KvMachine::may_be_kept(Bytes saved, Op written) const {
  if (saved.size() != sizeof(KeptValue)) return false;
  const BodyRef ref = load<KeptValue>(saved.data()).ref;
  return ref.op == written && ref.size >= table_.limits().kept_bytes_min && ref.size <= table_.limits().value_bytes_max;
}

Status KvMachine::load_item(u32 section, Cursor& previous, ByteSource& source) {
  SavedItem item;
  std::array<std::byte, kv_key_bytes_max> buffer;
  if (!source.take_value(item) || item.key_size == 0 || item.key_size > kv_key_bytes_max || item.kept > 1 ||
      item.value_size > table_.limits().value_bytes_max || item.written == Op(0))
    return Status::corrupt_snapshot;
  const auto key = std::span(buffer).first(item.key_size);
  if (!source.take(key)) return Status::corrupt_snapshot;
  const u64 hash = KvTable::hash_of(key);
  const Bytes last = std::span(previous.key).first(previous.key_size);
  if (table_.section_of(hash) != section || (!previous.first && !KvTable::before(previous.hash, last, hash, key)) ||
      item.value_size > source.left())
    return Status::corrupt_snapshot;
  const auto place = table_.put(key, item.value_size, item.written, item.kept != 0);
  if (!place || !source.take(*place)) return Status::corrupt_snapshot;
  if (item.kept && !may_be_kept(*place, item.written)) return Status::corrupt_snapshot;
  previous.first = false;
  previous.hash = hash;
  previous.key_size = item.key_size;
  copy(previous.key, key);
  return Status::ok;
}

Status KvMachine::finish_load() {
  const bool whole = !loaded_.empty() && std::all_of(loaded_.begin(), loaded_.end(), [](u8 loaded) { return loaded; });
  loaded_ = {};
  return whole ? Status::ok : Status::corrupt_snapshot;
}

Digest KvMachine::digest() const {
  DigestStream stream;
  ByteSink sink = sink_into(stream);
  for (u32 section = 0; section < section_count(); ++section) save_section(SectionId(section), sink);
  return stream.finish();
}

}  // namespace keelson
