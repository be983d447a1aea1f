#include "keelson/base/checksum.h"
#include "keelson/wire/prepare.h"
#include "keelson/wire/reserved.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

constexpr u64 op_set_bits = 64;  // a do_view_change's sets

bool is_whole(Bytes message) {
  return message.size() >= header_size && load<u32>(message.data() + offsetof(Header, size)) == message.size();
}

// Steps 8 and 12, per command. One object per message: it holds what every rule looks at.
class ContentCheck {
 public:
  ContentCheck(Bytes message, const Limits& limits)
      : bytes_(message.data()),
        header_(header_at(message.data())),
        body_(message.subspan(header_size)),
        limits_(limits) {}

  Reject run() const;
  Reject group_state() const;
  Reject group_checkpoint() const;

 private:
  // What a suffix entry may look like, and in what order.
  struct Suffix {
    Op op{};        // of the first one; each further one is the op below
    Op stub_max{};  // stubs only at or below this op
    bool blanks = false;
    u8 damage_flags = 0;   // lost and suspect, on a disk
    bool chained = false;  // each one's parent is the next one's identity
  };

  template <HeaderView T>
  T view() const {
    return as<T>(bytes_);
  }
  bool from_replica() const {
    return header_.group != no_group && header_.epoch.raw() > 0 &&
           (header_.replica == no_replica || header_.replica.raw() < limits_.replicas_max);
  }
  bool counts_body(u64 count, u64 size_each) const { return count * size_each == body_.size(); }

  Reject beat() const;
  Reject entries() const;
  Reject request() const;
  Reject reply() const;
  Reject prepare() const;
  Reject prepare_ok() const;
  Reject commit() const;
  Reject start_view_change() const;
  Reject do_view_change() const;
  Reject start_view() const;
  Reject headers() const;
  Reject get_prepares() const;
  Reject unavailable() const;

  Reject group_entries(u32 count, bool in_beat) const;
  Reject frames(u32 count) const;
  Reject suffix(const Suffix& rules) const;
  bool nested_header_ok(const std::byte* bytes, Prepare& out) const;
  bool nested_form_ok(const Prepare& entry, const Suffix& rules) const;
  bool prepare_fields_ok(const Prepare& prepare) const;

  const std::byte* bytes_;
  Header header_;
  Bytes body_;
  const Limits& limits_;
};

Reject field_unless(bool holds) { return holds ? Reject::none : Reject::field; }
Reject body_unless(bool holds) { return holds ? Reject::none : Reject::body; }

// The session layer numbers nothing below 1; registering is request 0 of no session.
bool request_fields_ok(SessionId session, RequestNo request, RequestNo ack_floor, Operation operation) {
  if (operation == operation_register) return session.raw() == 0 && request.raw() == 0 && ack_floor.raw() == 0;
  const bool known = operation == operation_unregister || operation == operation_keepalive || operation.raw() >= 0x100;
  return known && session.raw() > 0 && request.raw() > 0;
}

// Client 0: a component of the primary itself asked a machine for something, without a session.
bool frame_fields_ok(const RequestFrame& frame) {
  if (frame.reserved != 0) return false;
  if (!frame.client.is_zero()) return request_fields_ok(frame.session, frame.request, frame.ack_floor, frame.operation);
  return frame.session.raw() == 0 && frame.request.raw() == 0 && frame.ack_floor.raw() == 0 &&
         frame.operation.raw() >= 0x100;
}

bool entry_fields_ok(const GroupEntry& entry, bool in_beat) {
  if (entry.group == no_group || entry.epoch.raw() == 0 || entry.flags != 0 || entry.reserved != 0) return false;
  if (in_beat && entry.kind != EntryKind::commit && entry.kind != EntryKind::wake) return false;
  switch (entry.kind) {
    case EntryKind::ack:
      return !entry.identity.is_zero() && entry.round < entry.op.raw();  // op - round is an op above the root
    case EntryKind::commit:
    case EntryKind::read_round:
    case EntryKind::read_ack:
    case EntryKind::quiesce:
    case EntryKind::wake:
    case EntryKind::view_ahead:
      return true;
  }
  return false;
}

Reject ContentCheck::run() const {
  switch (header_.command) {
    case Command::beat:
      return beat();
    case Command::entries:
      return entries();
    case Command::request:
      return request();
    case Command::reply:
      return reply();
    case Command::client_ping:
    case Command::client_pong:
      return Reject::none;
    case Command::prepare:
      return prepare();
    case Command::prepare_ok:
      return prepare_ok();
    case Command::commit:
      return commit();
    case Command::start_view_change:
      return start_view_change();
    case Command::do_view_change:
      return do_view_change();
    case Command::start_view:
      return start_view();
    case Command::get_view:
      return field_unless(from_replica() && !view<GetView>().nonce.is_zero());
    case Command::get_headers:
      return field_unless(from_replica() && view<GetHeaders>().op_min <= view<GetHeaders>().op_max);
    case Command::headers:
      return headers();
    case Command::get_prepares:
      return get_prepares();
    case Command::unavailable:
      return unavailable();
    case Command::get_manifest: {
      const auto get = view<GetManifest>();
      return field_unless(from_replica() && get.checkpoint_op.raw() > 0 && !get.checkpoint_id.is_zero());
    }
    case Command::manifest: {
      const auto part = view<Manifest>();
      return field_unless(from_replica() && part.checkpoint_op.raw() > 0 && !part.checkpoint_id.is_zero() &&
                          part.part < part.parts);
    }
    case Command::get_section:
      return field_unless(from_replica() && !view<GetSection>().checkpoint_id.is_zero());
    case Command::section: {
      const auto section = view<Section>();
      return field_unless(from_replica() && !section.checkpoint_id.is_zero() &&
                          u64{section.offset} + body_.size() <= section.total);
    }
    case Command::hello:
    case Command::welcome:
    case Command::confirm:
    case Command::ready:
    case Command::reject:
    case Command::ping:
    case Command::pong:
    case Command::goodbye:
      return Reject::none;
    case Command::group_state:
    case Command::group_checkpoint:
    case Command::group_create:
    case Command::group_tombstone:
    case Command::body_map:
    case Command::sync_progress:
    case Command::relocated_prepare:
      return Reject::command;
  }
  return Reject::command;
}

Reject ContentCheck::beat() const {
  const auto beat = view<Beat>();
  if (beat.group != no_group || beat.free_permille > 1000 || beat.clock_state > 1) return Reject::field;
  return group_entries(beat.count, true);
}

Reject ContentCheck::entries() const {
  if (header_.group != no_group) return Reject::field;
  return group_entries(view<Entries>().count, false);
}

Reject ContentCheck::group_entries(u32 count, bool in_beat) const {
  if (!counts_body(count, sizeof(GroupEntry))) return Reject::field;
  for (u32 i = 0; i < count; ++i)
    if (!entry_fields_ok(load<GroupEntry>(body_.data() + std::size_t{i} * sizeof(GroupEntry)), in_beat))
      return Reject::body;
  return Reject::none;
}

Reject ContentCheck::request() const {
  const auto request = view<Request>();
  return field_unless(request.group != no_group && !request.client.is_zero() &&
                      request_fields_ok(request.session, request.request, request.ack_floor, request.operation));
}

Reject ContentCheck::reply() const {
  const auto reply = view<Reply>();
  return field_unless(reply.group != no_group && !reply.client.is_zero());
}

// Of a whole prepare and of a full suffix entry alike.
bool ContentCheck::prepare_fields_ok(const Prepare& prepare) const {
  if (prepare.commit > prepare.op || prepare.checkpoint_op > prepare.op || prepare.durable_checkpoint > prepare.op ||
      prepare.entry_flags != 0)
    return false;
  switch (prepare.operation) {
    case PrepareOperation::root:
      return prepare.op.raw() == 0 && prepare.parent.is_zero() && prepare.timestamp.ns() == 0 &&
             prepare.request_count == 0 && prepare.size == header_size;
    case PrepareOperation::batch:
      return prepare.op.raw() > 0 && !prepare.parent.is_zero() && prepare.request_count > 0 &&
             prepare.request_count <= limits_.batch_requests_max &&
             prepare.request_count * sizeof(RequestFrame) <= prepare.size - header_size;
    case PrepareOperation::pulse:
    case PrepareOperation::checkpoint:
    case PrepareOperation::noop:
      return prepare.op.raw() > 0 && !prepare.parent.is_zero() && prepare.request_count == 0 &&
             prepare.size == header_size;
    case PrepareOperation::none:
    case PrepareOperation::reconfigure:
    case PrepareOperation::upgrade:
    case PrepareOperation::seal:
      return false;
  }
  return false;
}

Reject ContentCheck::prepare() const {
  const auto prepare = view<Prepare>();
  if (!from_replica() || !prepare_fields_ok(prepare)) return Reject::field;
  if (identity_of(prepare) != prepare.identity) return Reject::body;
  return frames(prepare.request_count);
}

Reject ContentCheck::frames(u32 count) const {
  std::size_t at = std::size_t{count} * sizeof(RequestFrame);
  if (at > body_.size()) return Reject::body;
  for (u32 i = 0; i < count; ++i) {
    const auto frame = load<RequestFrame>(body_.data() + std::size_t{i} * sizeof(RequestFrame));
    const std::size_t padded = round_up<std::size_t>(frame.body_size, request_body_alignment);
    if (padded > body_.size() - at || !frame_fields_ok(frame)) return Reject::body;
    if (digest_of(body_.subspan(at, frame.body_size)) != frame.body_checksum) return Reject::body;
    if (!all_zero(body_.subspan(at + frame.body_size, padded - frame.body_size))) return Reject::body;
    at += padded;
  }
  return body_unless(at == body_.size());
}

Reject ContentCheck::prepare_ok() const {
  const auto ok = view<PrepareOk>();
  return field_unless(from_replica() && !ok.identity.is_zero() && ok.op_from.raw() > 0 && ok.op_from <= ok.op &&
                      ok.op <= ok.head && ok.commit_min <= ok.head && ok.checkpoint_op <= ok.commit_min &&
                      ok.free_permille <= 1000);
}

Reject ContentCheck::commit() const {
  const auto commit = view<Commit>();
  return field_unless(from_replica() && commit.durable_checkpoint <= commit.commit &&
                      commit.checkpoint_op <= commit.commit);
}

Reject ContentCheck::start_view_change() const {
  const bool transfer = (header_.flags & flag::transfer) != 0;
  return field_unless(from_replica() && transfer == (view<StartViewChange>().target_view.raw() > 0));
}

Reject ContentCheck::do_view_change() const {
  const auto dvc = view<DoViewChange>();
  if (!from_replica() || dvc.header_count == 0 || dvc.header_count > op_set_bits ||
      dvc.header_count - 1 > dvc.op.raw() || !counts_body(dvc.header_count, header_size))
    return Reject::field;
  const u64 beyond = dvc.header_count == op_set_bits ? 0 : ~u64{0} << dvc.header_count;
  if (((dvc.present | dvc.nack | dvc.suspect) & beyond) != 0) return Reject::field;
  if (dvc.commit_min > dvc.commit_max || dvc.commit_min > dvc.op || dvc.checkpoint_op > dvc.commit_min ||
      dvc.log_view > dvc.view || dvc.tail > 1)
    return Reject::field;
  return suffix({.op = dvc.op, .stub_max = dvc.op, .blanks = true});
}

Reject ContentCheck::start_view() const {
  const auto sv = view<StartView>();
  if (!from_replica() || sv.commit > sv.op || sv.checkpoint_op > sv.commit || sv.durable_checkpoint > sv.commit)
    return Reject::field;
  // Down to `commit` without a gap: whoever installs it learns every uncommitted op from this one message.
  if (sv.header_count == 0 || sv.header_count - 1 > sv.op.raw() || sv.header_count - 1 < sv.op - sv.commit ||
      !counts_body(sv.header_count, header_size))
    return Reject::field;
  return suffix({.op = sv.op, .stub_max = sv.commit, .chained = true});
}

Reject ContentCheck::headers() const {
  if (!from_replica() || body_.size() % header_size != 0) return Reject::field;
  Prepare above;
  for (std::size_t at = 0; at < body_.size(); at += header_size) {
    Prepare entry;
    if (!nested_header_ok(body_.data() + at, entry) || (at > 0 && entry.op >= above.op)) return Reject::body;
    if (!nested_form_ok(entry, {.op = entry.op})) return Reject::body;
    above = entry;
  }
  return Reject::none;
}

Reject ContentCheck::get_prepares() const {
  const auto get = view<GetPrepares>();
  if (!from_replica() || get.count == 0 || !counts_body(get.count, sizeof(OpIdentity))) return Reject::field;
  for (u32 i = 0; i < get.count; ++i) {
    const auto wanted = load<OpIdentity>(body_.data() + std::size_t{i} * sizeof(OpIdentity));
    if (wanted.op.raw() == 0 || wanted.identity.is_zero()) return Reject::body;
  }
  return Reject::none;
}

Reject ContentCheck::unavailable() const {
  const auto answer = view<Unavailable>();
  const bool known = answer.what == Unavailability::pruned || answer.what == Unavailability::damaged ||
                     answer.what == Unavailability::unknown;
  const bool of_section = answer.what == Unavailability::damaged && !answer.checkpoint_id.is_zero();
  return field_unless(from_replica() && known && (answer.checkpoint_id.is_zero() || answer.op == Op()) &&
                      (answer.section == 0 || of_section));
}

Reject ContentCheck::group_state() const {
  const auto state = view<GroupState>();
  if (!from_replica() || state.log_view > state.view ||
      state.state_flags > (state_flag::amnesiac | state_flag::unsure) || state.checkpoint_op > state.commit_max ||
      !counts_body(state.header_count, header_size) ||
      (state.header_count > 0 && state.header_count - 1 > state.head.raw()))
    return Reject::field;
  return suffix({.op = state.head,
                 .stub_max = state.head,
                 .blanks = true,
                 .damage_flags = entry_flag::lost | entry_flag::suspect});
}

Reject ContentCheck::group_checkpoint() const {
  const auto checkpoint = view<GroupCheckpoint>();
  return field_unless(from_replica() && checkpoint.op.raw() > 0 && !checkpoint.identity.is_zero() &&
                      checkpoint.table_bytes > 0 && body_.empty());
}

// Steps 2, 7 and 8 of a header inside a body.
bool ContentCheck::nested_header_ok(const std::byte* bytes, Prepare& out) const {
  const auto entry = as<Prepare>(bytes);
  if (header_checksum(bytes) != entry.checksum || entry.protocol != protocol_version ||
      entry.command != Command::prepare || !reserved_ok(bytes))
    return false;
  if (entry.cluster != header_.cluster || entry.group != header_.group || entry.epoch.raw() == 0 ||
      entry.epoch > header_.epoch || entry.size < header_size || entry.size > limits_.message_size_max)
    return false;
  out = entry;
  return true;
}

bool ContentCheck::nested_form_ok(const Prepare& entry, const Suffix& rules) const {
  const u8 form = static_cast<u8>(entry.entry_flags & ~rules.damage_flags);
  if (form == 0) {
    Prepare plain = entry;
    plain.entry_flags = 0;
    return prepare_fields_ok(plain) && identity_of(entry) == entry.identity;
  }
  if (entry.operation != PrepareOperation::none || entry.request_count != 0) return false;
  if (form == entry_flag::stub) return entry.op <= rules.stub_max && !entry.identity.is_zero();
  return form == entry_flag::blank && rules.blanks && entry.identity.is_zero() && entry.parent.is_zero();
}

Reject ContentCheck::suffix(const Suffix& rules) const {
  Digest parent;
  bool parent_known = false;
  Op expected = rules.op;
  for (std::size_t at = 0; at < body_.size(); at += header_size) {
    Prepare entry;
    if (!nested_header_ok(body_.data() + at, entry) || entry.op != expected || !nested_form_ok(entry, rules))
      return Reject::body;
    if (rules.chained && parent_known && entry.identity != parent) return Reject::body;
    parent = entry.parent;
    parent_known = entry.entry_flags == 0;
    expected = expected.minus_saturating(1);
  }
  return Reject::none;
}

}  // namespace

Reject validate_content(Bytes message, const Limits& limits) {
  if (!is_whole(message)) return Reject::size;
  return ContentCheck(message, limits).run();
}

Reject validate_record(Bytes record, ClusterId cluster, const Limits& limits) {
  if (!is_whole(record) || record.size() > limits.message_size_max) return Reject::size;
  const auto h = header_at(record.data());
  if (header_checksum(record.data()) != h.checksum) return Reject::header_checksum;
  if (h.protocol != protocol_version) return Reject::protocol;
  if (h.cluster != cluster) return Reject::cluster;
  if (h.command != Command::prepare && h.command != Command::group_state && h.command != Command::group_checkpoint)
    return Reject::command;
  if (!reserved_ok(record.data())) return Reject::reserved;
  if (const Reject reject = validate_body(record); reject != Reject::none) return reject;
  const ContentCheck content(record, limits);
  if (h.command == Command::group_state) return content.group_state();
  return h.command == Command::prepare ? content.run() : content.group_checkpoint();
}

}  // namespace keelson
