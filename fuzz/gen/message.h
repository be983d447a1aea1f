// Valid messages of every command, drawn; and reseal(), which makes damaged bytes pass every checksum again.
//
// Who uses it: properties of wire and of everything that takes messages, fuzz targets, the seed corpus. A generated
// message passes all of validate.h under tiny Limits. Not here: what makes sense to a replica.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "keelson/base/checksum.h"
#include "keelson/wire/prepare.h"
#include "keelson/wire/validate.h"

#include "fuzz/gen/draw.h"

namespace keelson::gen {

using Buffer = std::vector<std::byte>;

inline const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands{
#define X(name, number, author, body_min, body_max, send_class) Command::name,
      KEELSON_COMMANDS(X)
#undef X
  };
  return commands;
}

inline const std::vector<Command>& wire_commands() {
  static const std::vector<Command> commands = [] {
    auto all = all_commands();
    std::erase_if(all, [](Command c) { return info(c)->author == Author::storage; });
    return all;
  }();
  return commands;
}

inline constexpr ClusterId test_cluster{0x6b65656c736f6e, 1};
inline constexpr NodeId test_node{3};

// The rules of a connection over which such a message would be welcome.
inline LinkRules rules_for(Command command, const Limits& limits) {
  const bool client = info(command)->author == Author::client;
  return {test_cluster, client ? Author::client : Author::node, client ? no_node : test_node, limits.message_size_max};
}

// Sets the checksums of a whole message of any command; the size becomes the buffer's.
inline void seal_buffer(Buffer& message) {
  store(message.data() + offsetof(Header, size), static_cast<u32>(message.size()));
  Bytes covered = Bytes(message).subspan(header_size);
  if (load<Command>(message.data() + offsetof(Header, command)) == Command::prepare) {
    auto prepare = as<Prepare>(message.data());
    covered = covered.first(std::min<std::size_t>(covered.size(), prepare.request_count * sizeof(RequestFrame)));
    prepare.checksum_body = body_checksum(covered);
    prepare.identity = identity_of(prepare);
    store(message.data(), prepare);
  }
  seal_bytes(message.data(), body_checksum(covered), static_cast<u32>(message.size()));
}

// An entry of a suffix as it lies in a body.
inline void seal_entry(std::byte* bytes) {
  auto entry = as<Prepare>(bytes);
  if (entry.entry_flags == 0) entry.identity = identity_of(entry);
  store(bytes, entry);
  store(bytes, header_checksum(bytes));
}

class Messages {
 public:
  explicit Messages(Draw draw, const Limits& limits = Limits::tiny()) : draw_(std::move(draw)), limits_(limits) {}

  Buffer of(Command command) {
    switch (command) {
      case Command::beat:
        return beat();
      case Command::entries:
        return entries();
      case Command::request:
        return request();
      case Command::reply:
        return reply();
      case Command::client_ping:
        return bare([&](ClientPing& m) { m.nonce = wide<Nonce>(); });
      case Command::client_pong:
        return bare([&](ClientPong& m) {
          m.nonce = wide<Nonce>();
          m.hint_primary = NodeId(number<u16>());
        });
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
        return bare([&](GetView& m) {
          m.nonce = wide_set<Nonce>();
          m.head = Op(number<u64>());
        });
      case Command::get_headers:
        return bare([&](GetHeaders& m) {
          m.op_min = Op(draw_(1000));
          m.op_max = m.op_min + draw_(1000);
        });
      case Command::headers:
        return headers();
      case Command::get_prepares:
        return get_prepares();
      case Command::unavailable:
        return bare([&](Unavailable& m) {
          m.what = static_cast<Unavailability>(1 + draw_(3));
          m.floor = Op(number<u64>());
          if (draw_(2) == 0)
            m.op = Op(number<u64>());
          else
            m.checkpoint_id = wide<Digest>();
        });
      case Command::get_manifest:
        return bare([&](GetManifest& m) {
          m.checkpoint_op = Op(1 + draw_(1000));
          m.checkpoint_id = wide_set<Digest>();
          m.part = number<u32>();
        });
      case Command::manifest:
        return manifest();
      case Command::get_section:
        return bare([&](GetSection& m) {
          m.checkpoint_id = wide_set<Digest>();
          m.section = number<u32>();
          m.offset = number<u32>();
        });
      case Command::section:
        return section();
      case Command::group_state:
        return group_state();
      case Command::hello:
      case Command::welcome:
      case Command::confirm:
      case Command::ready:
      case Command::reject:
      case Command::ping:
      case Command::pong:
      case Command::goodbye:
      case Command::group_checkpoint:
      case Command::group_create:
      case Command::group_tombstone:
      case Command::body_map:
      case Command::sync_progress:
      case Command::relocated_prepare:
        return plain(command);
    }
    check(false);
    return {};
  }

  // A request body and everything else that is just bytes.
  Buffer bytes(u64 size_max) {
    Buffer out(draw_(size_max + 1));
    for (auto& byte : out) byte = static_cast<std::byte>(draw_(256));
    return out;
  }
  u64 draw(u64 bound) { return draw_(bound); }

 private:
  template <class T>
  T number() {
    return static_cast<T>(draw_(u64{std::numeric_limits<T>::max()}));
  }
  template <class W>
  W wide() {
    W out;
    out.lo = number<u64>();
    out.hi = number<u64>();
    return out;
  }
  template <class W>
  W wide_set() {
    W out = wide<W>();
    out.lo |= 1;
    return out;
  }
  bool maybe() { return draw_(2) == 1; }

  template <HeaderView T>
  T header() {
    T h = make<T>();
    h.cluster = test_cluster;
    h.node = test_node;
    h.incarnation = Incarnation(1 + number<u16>());
    h.from_shard = ShardId(static_cast<u16>(draw_(4)));
    h.to_shard = ShardId(static_cast<u16>(draw_(4)));
    if (maybe()) h.trace = wide<TraceId>();
    if (T::command_of == Command::beat || T::command_of == Command::entries) return h;
    h.group = maybe() ? metadata_group : GroupId(1 + draw_(8));
    h.epoch = Epoch(1);
    h.view = View(static_cast<u32>(draw_(100)));
    h.release = Release(1);
    h.replica = maybe() ? no_replica : ReplicaIndex(static_cast<u8>(draw_(limits_.replicas_max)));
    return h;
  }
  template <HeaderView T>
  static Buffer sealed(const T& header, const Buffer& body = {}) {
    Buffer out(header_size + body.size());
    store(out.data(), header);
    copy(MutableBytes(out).subspan(header_size), body);
    seal_buffer(out);
    return out;
  }
  template <class Fill>
  Buffer bare(Fill fill) {
    return with_header(fill, &Fill::operator());
  }
  template <class Fill, HeaderView T>
  Buffer with_header(Fill& fill, void (Fill::*)(T&) const) {
    T h = header<T>();
    fill(h);
    return sealed(h);
  }
  template <class T>
  static void append(Buffer& to, const T& value) {
    to.resize(to.size() + sizeof value);
    store(to.data() + to.size() - sizeof value, value);
  }

  Buffer plain(Command command) {
    const auto known = *info(command);
    Buffer out(header_size + known.body_min);
    Header h;
    h.command = command;
    h.cluster = test_cluster;
    h.node = test_node;
    store(out.data(), h);
    for (std::size_t i = header_size; i < out.size(); ++i) out[i] = static_cast<std::byte>(draw_(256));
    seal_buffer(out);
    return out;
  }

  GroupEntry entry(EntryKind kind) {
    GroupEntry e;
    e.group = GroupId(1 + draw_(8));
    e.epoch = Epoch(1);
    e.view = View(static_cast<u32>(draw_(10)));
    e.op = Op(1 + draw_(1000));
    e.commit = Op(draw_(1000));
    e.identity = wide_set<Digest>();
    e.round = static_cast<u32>(draw_(e.op.raw()));
    e.kind = kind;
    e.replica = ReplicaIndex(static_cast<u8>(draw_(6)));
    return e;
  }
  Buffer beat() {
    Beat h = header<Beat>();
    h.sent = number<u64>();
    h.beat_no = number<u64>();
    h.echo_sent = number<u64>();
    h.echo_held_ns = number<u64>();
    h.wall = WallTime(number<u64>());
    h.count = static_cast<u32>(draw_(4));
    h.free_permille = static_cast<u16>(draw_(1001));
    h.clock_state = static_cast<u8>(draw_(2));
    Buffer body;
    for (u32 i = 0; i < h.count; ++i) append(body, entry(maybe() ? EntryKind::wake : EntryKind::commit));
    return sealed(h, body);
  }
  Buffer entries() {
    Entries h = header<Entries>();
    h.count = static_cast<u32>(1 + draw_(4));
    Buffer body;
    for (u32 i = 0; i < h.count; ++i) append(body, entry(static_cast<EntryKind>(1 + draw_(7))));
    return sealed(h, body);
  }

  // What a client asks for: the three verbs of a session, or a machine.
  template <class T>
  void ask(T& out) {
    out.client = wide_set<ClientId>();
    const u64 kind = draw_(4);
    out.operation = kind == 3 ? Operation(static_cast<u16>(0x200 + draw_(4))) : Operation(static_cast<u16>(1 + kind));
    if (out.operation == operation_register) return;
    out.session = SessionId(1 + draw_(1000));
    out.request = RequestNo(1 + draw_(1000));
    out.ack_floor = RequestNo(draw_(out.request.raw()));
  }
  Buffer request() {
    Request h = header<Request>();
    ask(h);
    h.request_flags = static_cast<u8>(draw_(2));
    return sealed(h, bytes(64));
  }
  Buffer reply() {
    Reply h = header<Reply>();
    h.client = wide_set<ClientId>();
    h.op = Op(draw_(1000));
    h.status = number<u16>();
    h.hint_primary = NodeId(number<u16>());
    h.request_checksum = wide<Digest>();
    return sealed(h, bytes(64));
  }

  template <class T>
  void chain_fields(T& h, Op op, Digest parent) {
    h.op = op;
    h.parent = parent;
    h.commit = Op(op.raw() - draw_(std::min<u64>(op.raw(), 4) + 1));
    h.timestamp = Timestamp(op.raw() == 0 ? 0 : 1 + number<u32>());
  }
  Buffer prepare() {
    Prepare h = header<Prepare>();
    chain_fields(h, Op(1 + draw_(1000)), wide_set<Digest>());
    h.flags = maybe() ? flag::repair : u8{0};
    h.operation = PrepareOperation::batch;
    if (draw_(4) == 3) {
      h.operation = maybe() ? PrepareOperation::pulse : PrepareOperation::noop;
      return sealed(h);
    }
    h.request_count = static_cast<u32>(1 + draw_(limits_.batch_requests_max));
    std::vector<Buffer> bodies(h.request_count);
    u64 body_size = 0;
    for (auto& body : bodies) {
      body = bytes(80);
      body_size += prepared_size(static_cast<u32>(body.size()));
    }
    Buffer out(body_size);
    PrepareBodyWriter writer(out, h.request_count);
    for (const auto& body : bodies) {
      RequestFrame frame;
      if (draw_(8) == 7)
        frame.operation = Operation(0x300);
      else
        ask(frame);
      frame.body_size = static_cast<u32>(body.size());
      frame.body_checksum = body_checksum(body);
      writer.add(frame, body);
    }
    check(writer.complete());
    return sealed(h, out);
  }

  // A chain of full headers from op downward; then, where allowed, stubs and blanks in it.
  struct Shape {
    Op op;
    u32 count;
    bool last_may_be_stub = false;
    bool any_form = false;
    u8 damage_flags = 0;
  };
  Buffer suffix(const Header& outer, const Shape& shape) {
    std::vector<Prepare> chain(shape.count);
    Digest parent = wide_set<Digest>();
    for (u32 i = shape.count; i-- > 0;) {
      Prepare e = header<Prepare>();
      e.group = outer.group;
      e.epoch = outer.epoch;
      e.view = View(static_cast<u32>(draw_(u64{outer.view.raw()} + 1)));
      chain_fields(e, shape.op - i, parent);
      e.operation = e.op.raw() == 0 ? PrepareOperation::root : PrepareOperation::noop;
      if (e.op.raw() == 0) e.parent = Digest();
      if (e.op.raw() > 0 && maybe()) {
        e.operation = PrepareOperation::batch;
        e.request_count = 1;
        e.size = header_size + sizeof(RequestFrame) + 16 * static_cast<u32>(draw_(4));
        e.checksum_body = wide<Digest>();
      } else {
        e.checksum_body = digest_of_nothing();
      }
      e.identity = identity_of(e);
      parent = e.identity;
      chain[i] = e;
    }
    Buffer body;
    for (u32 i = 0; i < shape.count; ++i) {
      const bool stub_here = shape.any_form || (shape.last_may_be_stub && i + 1 == shape.count);
      Prepare e = chain[i];
      const u64 form = stub_here ? draw_(shape.any_form ? 3 : 2) : 0;
      if (form > 0) {
        const Prepare full = std::exchange(e, make<Prepare>());
        e.cluster = full.cluster;
        e.group = full.group;
        e.epoch = full.epoch;
        e.op = full.op;
        e.entry_flags = form == 1 ? entry_flag::stub : entry_flag::blank;
        if (form == 1) e.view = full.view;
        if (form == 1) e.identity = full.identity;
      }
      if (shape.damage_flags != 0 && maybe())
        e.entry_flags = static_cast<u8>(e.entry_flags | (maybe() ? entry_flag::lost : entry_flag::suspect));
      append(body, e);
      store(body.data() + body.size() - header_size, header_checksum(body.data() + body.size() - header_size));
    }
    return body;
  }

  Buffer prepare_ok() {
    PrepareOk h = header<PrepareOk>();
    h.identity = wide_set<Digest>();
    h.op_from = Op(1 + draw_(1000));
    h.op = h.op_from + draw_(4);
    h.head = h.op + draw_(4);
    h.commit_min = Op(draw_(h.head.raw() + 1));
    h.checkpoint_op = Op(draw_(h.commit_min.raw() + 1));
    h.free_permille = static_cast<u16>(draw_(1001));
    return sealed(h);
  }
  Buffer commit() {
    Commit h = header<Commit>();
    h.identity = wide_set<Digest>();
    h.commit = Op(draw_(1000));
    h.checkpoint_op = Op(draw_(h.commit.raw() + 1));
    h.durable_checkpoint = Op(draw_(h.commit.raw() + 1));
    h.round = number<u64>();
    return sealed(h);
  }
  Buffer start_view_change() {
    StartViewChange h = header<StartViewChange>();
    h.reason = static_cast<u16>(draw_(4));
    if (maybe()) {
      h.flags = flag::transfer;
      h.target_view = View(1 + static_cast<u32>(draw_(100)));
    }
    return sealed(h);
  }
  u64 set_of(u32 count) { return number<u64>() & (count == 64 ? ~u64{0} : ~(~u64{0} << count)); }
  Buffer do_view_change() {
    DoViewChange h = header<DoViewChange>();
    h.op = Op(draw_(1000));
    const u32 count_max = static_cast<u32>(std::min<u64>(h.op.raw() + 1, limits_.pipeline_max + 1));
    h.header_count = 1 + static_cast<u32>(draw_(count_max));
    h.commit_min = Op(draw_(h.op.raw() + 1));
    h.commit_max = h.commit_min + draw_(10);
    h.checkpoint_op = Op(draw_(h.commit_min.raw() + 1));
    h.log_view = View(static_cast<u32>(draw_(u64{h.view.raw()} + 1)));
    h.present = set_of(h.header_count);
    h.nack = set_of(h.header_count);
    h.suspect = set_of(h.header_count);
    h.timestamp_max = Timestamp(number<u64>());
    h.tail = static_cast<u8>(draw_(2));
    return sealed(h, suffix(h, {.op = h.op, .count = h.header_count, .any_form = true}));
  }
  Buffer start_view() {
    StartView h = header<StartView>();
    h.nonce = wide<Nonce>();
    h.op = Op(draw_(1000));
    h.header_count = 1 + static_cast<u32>(draw_(std::min<u64>(h.op.raw() + 1, limits_.pipeline_max + 1)));
    h.commit = h.op - (h.header_count - 1);
    h.checkpoint_op = Op(draw_(h.commit.raw() + 1));
    h.durable_checkpoint = Op(draw_(h.commit.raw() + 1));
    return sealed(h, suffix(h, {.op = h.op, .count = h.header_count, .last_may_be_stub = true}));
  }
  Buffer headers() {
    Headers h = header<Headers>();
    h.floor = Op(draw_(10));
    const Op op(20 + draw_(1000));
    return sealed(h, suffix(h, {.op = op, .count = static_cast<u32>(draw_(5))}));
  }
  Buffer some_bytes() {
    Buffer out = bytes(300);
    out.push_back(std::byte{7});
    return out;
  }
  Buffer manifest() {
    Manifest h = header<Manifest>();
    h.checkpoint_op = Op(1 + draw_(1000));
    h.checkpoint_id = wide_set<Digest>();
    h.parts = 1 + static_cast<u32>(draw_(5));
    h.part = static_cast<u32>(draw_(h.parts));
    return sealed(h, some_bytes());
  }
  Buffer section() {
    Section h = header<Section>();
    h.checkpoint_id = wide_set<Digest>();
    h.section = number<u32>();
    const Buffer body = some_bytes();
    h.offset = static_cast<u32>(draw_(10'000));
    h.total = h.offset + static_cast<u32>(body.size() + draw_(3));
    return sealed(h, body);
  }
  Buffer get_prepares() {
    GetPrepares h = header<GetPrepares>();
    h.count = 1 + static_cast<u32>(draw_(4));
    Buffer body;
    for (u32 i = 0; i < h.count; ++i) {
      OpIdentity wanted;
      wanted.op = Op(1 + draw_(1000));
      wanted.identity = wide_set<Digest>();
      append(body, wanted);
    }
    return sealed(h, body);
  }
  Buffer group_state() {
    GroupState h = header<GroupState>();
    h.state_seq = 1 + draw_(1000);
    h.head = Op(draw_(1000));
    h.commit_max = Op(draw_(1000));
    h.checkpoint_op = Op(draw_(h.commit_max.raw() + 1));
    h.log_view = View(static_cast<u32>(draw_(u64{h.view.raw()} + 1)));
    h.header_count = static_cast<u32>(draw_(std::min<u64>(h.head.raw() + 1, limits_.pipeline_max + 1) + 1));
    h.state_flags = static_cast<u32>(draw_(2));
    return sealed(h, suffix(h, {.op = h.head, .count = h.header_count, .any_form = true, .damage_flags = 1}));
  }

  Draw draw_;
  Limits limits_;
};

// Makes any bytes of at least a header's size pass every checksum: of nested headers, of bodies of a prepare, of the
// body, identities, of the header. What remains wrong is wrong in its meaning, which is what a fuzzer should look for.
inline void reseal(Buffer& message) {
  if (message.size() < header_size) return;
  const Command command = load<Command>(message.data() + offsetof(Header, command));
  if (command == Command::prepare) {
    const u64 count = as<Prepare>(message.data()).request_count;
    std::size_t at = header_size + count * sizeof(RequestFrame);
    for (u64 i = 0; i < count && at <= message.size(); ++i) {
      std::byte* bytes = message.data() + header_size + i * sizeof(RequestFrame);
      auto frame = load<RequestFrame>(bytes);
      if (frame.body_size > message.size() - at) break;
      frame.body_checksum = body_checksum(Bytes(message).subspan(at, frame.body_size));
      store(bytes, frame);
      at += round_up<std::size_t>(frame.body_size, request_body_alignment);
    }
  }
  if (command == Command::do_view_change || command == Command::start_view || command == Command::headers ||
      command == Command::group_state)
    for (std::size_t at = header_size; at + header_size <= message.size(); at += header_size)
      seal_entry(message.data() + at);
  seal_buffer(message);
}

}  // namespace keelson::gen
