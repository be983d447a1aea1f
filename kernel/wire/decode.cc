// The reading half of codec.h: in the order in which encode.cc writes.
#include "keelson/wire/bag_format.h"
#include "keelson/wire/codec.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

using bag_format::BagKind;
using bag_format::known;

// The first error stays; whatever is read after it is zero and goes nowhere.
class Reader {
 public:
  Reader(Bytes in, Slabs& slabs, const Limits& limits) : in_(in), slabs_(slabs), limits_(limits) {}

  CodecError error() const { return error_; }
  bool ok() const { return error_ == CodecError::none; }
  void fail(CodecError error) {
    if (ok()) error_ = error;
  }
  void finish() {
    if (at_ != in_.size()) fail(CodecError::trailing);
  }

  Bytes take(u64 size) {
    if (!ok() || size > in_.size() - at_) {
      fail(CodecError::truncated);
      return {};
    }
    const Bytes bytes = in_.subspan(at_, size);
    at_ += size;
    return bytes;
  }
  template <class T>
    requires std::is_integral_v<T>
  Reader& operator>>(T& value) {
    const Bytes bytes = take(sizeof value);
    value = bytes.empty() ? T{} : load<T>(bytes.data());
    return *this;
  }
  Reader& operator>>(bool& value) {
    u8 raw = 0;
    *this >> raw;
    if (raw > 1) fail(CodecError::value);
    value = raw == 1;
    return *this;
  }
  template <class T>
    requires std::is_enum_v<T>
  Reader& operator>>(T& value) {
    std::underlying_type_t<T> raw = 0;
    *this >> raw;
    value = static_cast<T>(raw);
    if (!known(value)) fail(CodecError::value);
    return *this;
  }
  template <class Tag, class Rep>
  Reader& operator>>(Id<Tag, Rep>& id) {
    Rep raw = 0;
    *this >> raw;
    id = Id<Tag, Rep>(raw);
    return *this;
  }
  template <class Tag, class Rep>
  Reader& operator>>(Ordinal<Tag, Rep>& ordinal) {
    Rep raw = 0;
    *this >> raw;
    ordinal = Ordinal<Tag, Rep>(raw);
    return *this;
  }
  template <class Tag>
  Reader& operator>>(PointInTime<Tag>& time) {
    u64 ns = 0;
    *this >> ns;
    time = PointInTime<Tag>(ns);
    return *this;
  }
  Reader& operator>>(Duration& duration) {
    u64 ns = 0;
    *this >> ns;
    duration = Duration(ns);
    return *this;
  }
  Reader& operator>>(Peer& peer) {
    bool is_client = false;
    u64 raw = 0;
    *this >> is_client >> raw;
    if (!is_client && raw > 0xffff) fail(CodecError::value);
    peer = is_client ? Peer::client(ConnectionId(raw)) : Peer::node(NodeId(static_cast<u16>(raw)));
    return *this;
  }
  Reader& operator>>(MessageRef& message) {
    u32 size = 0;
    *this >> size;
    if (size == 0) return *this;
    const Bytes bytes = take(size);
    if (!ok()) return *this;
    if (!sound(bytes)) {
      fail(CodecError::message);
      return *this;
    }
    message = copy_message(slabs_, bytes);
    if (!message) fail(CodecError::no_slab);
    return *this;
  }
  Reader& operator>>(Frame& frame) { return *this >> frame.kind >> frame.connection >> frame.message; }

  // Reads a counted array; `read_one` fills one element.
  template <class T, class ReadOne>
  void array(Vec<T>& out, ReadOne read_one) {
    u32 count = 0;
    *this >> count;
    if (count > out.capacity()) fail(CodecError::too_many);
    for (u32 i = 0; i < count && ok(); ++i) read_one(out.emplace_back());
  }
  void envelopes(Vec<Envelope>& out) {
    array(out, [this](Envelope& envelope) {
      *this >> envelope.peer >> envelope.shard >> envelope.message;
      if (ok() && !envelope.message) fail(CodecError::message);
    });
  }
  void head(BagKind wanted) {
    u8 version = 0;
    *this >> version;
    if (version != bag_codec_version) fail(CodecError::version);
    u8 kind = 0;
    *this >> kind;
    if (kind != static_cast<u8>(wanted)) fail(CodecError::kind);
  }

 private:
  // Whoever recorded it had proven it against its connection; here the message speaks for its connection.
  bool sound(Bytes bytes) const {
    if (bytes.size() < header_size || bytes.size() > limits_.message_size_max) return false;
    const Header header = header_at(bytes.data());
    const auto command = info(header.command);
    const bool from_client = command && command->author == Author::client;
    const LinkRules rules{header.cluster, from_client ? Author::client : Author::node, header.node,
                          limits_.message_size_max};
    // A node of that number may be the author: no rule of a client's connection applies.
    if (!from_client && header.node == no_node) return false;
    return validate_header(bytes.data(), rules) == Reject::none && validate_body(bytes) == Reject::none;
  }

  Bytes in_;
  Slabs& slabs_;
  const Limits& limits_;
  std::size_t at_ = 0;
  CodecError error_ = CodecError::none;
};

void read_node_event(Reader& in, NodeEvent& event) {
  u8 index = 0;
  in >> index;
  if (index == 0) {
    Boot boot;
    for (u64& word : boot.entropy) in >> word;
    event = boot;
  } else if (index == 1) {
    Control control;
    in >> control.verb >> control.group >> control.target;
    event = control;
  } else {
    in.fail(CodecError::value);
  }
}

void read_completion(Reader& in, const ReadsInFlight* reads, Completion& completion) {
  u64 size = 0;
  in >> completion.kind >> completion.id >> completion.status >> size;
  const Bytes bytes = in.take(size);
  const bool carries = reads && completion.kind == IoKind::read && completion.status == IoStatus::ok;
  if (!in.ok() || (!carries && size == 0)) return;
  const MutableBytes* into = carries ? reads->find(completion.id) : nullptr;
  if (!into || into->size() != size) return in.fail(CodecError::unknown_read);
  copy(*into, bytes);
}

CodecError read_events(Reader& in, const ReadsInFlight* reads, EventBag& out) {
  in.head(BagKind::events);
  bool has_wall = false;
  WallTime wall;
  in >> out.now >> has_wall >> wall;
  if (has_wall) out.wall = wall;
  if (!has_wall && wall != WallTime()) in.fail(CodecError::value);
  in.array(out.node, [&](NodeEvent& event) { read_node_event(in, event); });
  in.array(out.completions, [&](Completion& completion) { read_completion(in, reads, completion); });
  in.array(out.peers, [&](PeerEvent& event) {
    in >> event.kind >> event.peer >> event.life.generation >> event.life.incarnation >> event.count;
  });
  in.array(out.frames, [&](FrameEvent& event) {
    in >> event.kind >> event.shard >> event.count >> event.frame;
    if (in.ok() && event.kind == FrameEventKind::received && !event.frame.message) in.fail(CodecError::message);
  });
  in.envelopes(out.messages);
  in.array(out.submissions, [&](ClientSubmit& submit) {
    u64 size = 0;
    in >> submit.ticket >> submit.group >> submit.operation >> submit.timeout >> size;
    submit.body = in.take(size);
  });
  in.finish();
  return in.error();
}

CodecError read_effects(Reader& in, RecordedEffects& out) {
  in.head(BagKind::effects);
  in.envelopes(out.bag.sends);
  in.array(out.bag.replies,
           [&](SubmitReply& reply) { in >> reply.ticket >> reply.status >> reply.outcome >> reply.message; });
  in.array(out.bag.writes, [&](Write& write) {
    u64 size = 0;
    in >> write.id >> write.zone >> write.offset >> write.io_class >> size;
    write.parts = {&out.written.push_back(in.take(size)), 1};
  });
  in.array(out.bag.reads, [&](Read& read) {
    u64 size = 0;
    in >> read.id >> read.zone >> read.offset >> read.io_class >> size;
    out.read_bytes.push_back(size);
  });
  in.array(out.bag.posts, [&](PostShard& post) {
    in >> post.to >> post.frame;
    if (in.ok() && !post.frame.message) in.fail(CodecError::message);
  });
  in.array(out.bag.notifications, [&](Notify& notify) { in >> notify.kind >> notify.group >> notify.a >> notify.b; });
  in.array(out.bag.closes, [&](CloseConnection& close) { in >> close.peer >> close.reason; });
  in.finish();
  return in.error();
}

}  // namespace

CodecError decode(Bytes in, Slabs& slabs, const Limits& limits, const ReadsInFlight* reads, EventBag& out) {
  Reader reader(in, slabs, limits);
  const CodecError error = read_events(reader, reads, out);
  if (error != CodecError::none) out.clear();
  return error;
}

CodecError decode(Bytes in, Slabs& slabs, const Limits& limits, RecordedEffects& out) {
  Reader reader(in, slabs, limits);
  const CodecError error = read_effects(reader, out);
  if (error != CodecError::none) out.clear();
  return error;
}

}  // namespace keelson
