#include "keelson/machine/kv/kv.h"

#include "keelson/machine/kv/kv_rules.h"
#include "keelson/machine/sections.h"

namespace keelson {
namespace {

constexpr u64 state_bytes_per_section = 256 * 1024;  // of a state as large as may be
constexpr u32 section_format = 1;

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
  u16 zero = 0;
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

void KvMachine::apply_get(const KvRequest& request, ReplyWriter& reply) {
  const auto held = table_.find(request.key);
  if (held) return answer(reply, Status::ok, held->written, held->value, false);
  answer(reply, Status::not_found, Op(), std::nullopt, false);
}

void KvMachine::apply_put(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  if (!write(ctx, request.key, *request.value)) return reply.set_status(Status::machine_full);
  answer(reply, Status::ok, ctx.op, std::nullopt, false);
}

void KvMachine::apply_delete(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  touch(ctx, request.key);
  if (!kv_rules::is_deleted(table_.erase(request.key)))
    return answer(reply, Status::not_found, Op(), std::nullopt, false);
  answer(reply, Status::ok, ctx.op, std::nullopt, false);
}

void KvMachine::apply_cas(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply) {
  const auto held = table_.find(request.key);
  if (!kv_rules::is_as_expected(held ? std::optional(held->value) : std::nullopt, request.expected)) {
    const auto value = held ? std::optional(held->value) : std::nullopt;
    return answer(reply, Status::not_swapped, held ? held->written : Op(), value, false);
  }
  if (request.value && !write(ctx, request.key, *request.value)) return reply.set_status(Status::machine_full);
  if (!request.value) {
    touch(ctx, request.key);
    table_.erase(request.key);
  }
  answer(reply, Status::ok, ctx.op, request.value, true);
}

void KvMachine::touch(const ApplyCtx& ctx, Bytes key) const {
  ctx.touch(SectionId(table_.section_of(KvTable::hash_of(key))));
}

bool KvMachine::write(const ApplyCtx& ctx, Bytes key, Bytes value) {
  touch(ctx, key);
  const auto place = table_.put(key, static_cast<u32>(value.size()), ctx.op);
  if (place) copy(*place, value);
  return place.has_value();
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
    sink.put_value(
        SavedItem{item.found.written, static_cast<u32>(item.found.value.size()), static_cast<u16>(item.key.size()), 0});
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

Status KvMachine::load_item(u32 section, Cursor& previous, ByteSource& source) {
  SavedItem item;
  std::array<std::byte, kv_key_bytes_max> buffer;
  if (!source.take_value(item) || item.key_size == 0 || item.key_size > kv_key_bytes_max || item.zero != 0 ||
      item.value_size > table_.limits().value_bytes_max || item.written == Op(0))
    return Status::corrupt_snapshot;
  const auto key = std::span(buffer).first(item.key_size);
  if (!source.take(key)) return Status::corrupt_snapshot;
  const u64 hash = KvTable::hash_of(key);
  const Bytes last = std::span(previous.key).first(previous.key_size);
  if (table_.section_of(hash) != section || (!previous.first && !KvTable::before(previous.hash, last, hash, key)) ||
      item.value_size > source.left())
    return Status::corrupt_snapshot;
  const auto place = table_.put(key, item.value_size, item.written);
  if (!place || !source.take(*place)) return Status::corrupt_snapshot;
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
