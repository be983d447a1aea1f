// The writing half of codec.h. docs/protocol.md has the layout as a table; decode.cc reads it in the same order.
#include <array>

#include "keelson/base/checksum.h"
#include "keelson/wire/bag_format.h"
#include "keelson/wire/codec.h"

namespace keelson {
namespace {

using bag_format::BagKind;

// Collects one element's fields, so that a sink sees an element at a time.
class Packed {
 public:
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  Packed& operator<<(T value) {
    check(size_ + sizeof value <= bytes_.size());
    store(bytes_.data() + size_, value);
    size_ += sizeof value;
    return *this;
  }
  Packed& operator<<(bool value) { return *this << static_cast<u8>(value); }
  template <class Tag, class Rep>
  Packed& operator<<(Id<Tag, Rep> id) {
    return *this << id.raw();
  }
  template <class Tag, class Rep>
  Packed& operator<<(Ordinal<Tag, Rep> ordinal) {
    return *this << ordinal.raw();
  }
  template <class Tag>
  Packed& operator<<(PointInTime<Tag> time) {
    return *this << time.ns();
  }
  Packed& operator<<(Duration duration) { return *this << duration.ns(); }
  Packed& operator<<(const Peer& peer) {
    return *this << peer.is_client() << (peer.is_client() ? peer.connection().raw() : u64{peer.node_id().raw()});
  }
  Bytes bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, 64> bytes_;
  std::size_t size_ = 0;
};

// Into memory; counts on when it is full.
class MemorySink {
 public:
  MemorySink(MutableBytes out, const ReadsInFlight* reads) : out_(out), reads_(reads) {}
  void put(Bytes bytes) {
    if (size_ <= out_.size() && bytes.size() <= out_.size() - size_) copy(out_.subspan(size_), bytes);
    size_ += bytes.size();
  }
  void message(const MessageRef& message) {
    put((Packed() << (message ? message.size() : u32{0})).bytes());
    if (message) put(message.bytes());
  }
  void read_bytes(const Completion& completion) {
    const bool carries = reads_ && completion.kind == IoKind::read && completion.status == IoStatus::ok;
    const MutableBytes* into = carries ? reads_->find(completion.id) : nullptr;
    put((Packed() << (into ? u64{into->size()} : u64{0})).bytes());
    if (into) put(*into);
  }
  std::size_t size() const { return size_; }

 private:
  MutableBytes out_;
  const ReadsInFlight* reads_;
  std::size_t size_ = 0;
};

class DigestSink {
 public:
  void put(Bytes bytes) { stream_.add(bytes); }
  void message(const MessageRef& message) {
    put((Packed() << (message ? message.size() : u32{0})).bytes());
    if (message) put(message.bytes().first(sizeof(Digest)));
  }
  void read_bytes(const Completion&) {}
  Digest finish() const { return stream_.finish(); }

 private:
  DigestStream stream_;
};

template <class Sink>
void put_count(Sink& sink, std::size_t count) {
  sink.put((Packed() << static_cast<u32>(count)).bytes());
}

template <class Sink>
void put_slice(Sink& sink, Bytes bytes) {
  sink.put((Packed() << u64{bytes.size()}).bytes());
  sink.put(bytes);
}

template <class Sink>
void put_node_event(Sink& sink, const NodeEvent& event) {
  if (const Boot* boot = std::get_if<Boot>(&event)) {
    Packed packed;
    packed << static_cast<u8>(event.index());
    for (const u64 word : boot->entropy) packed << word;
    sink.put(packed.bytes());
  } else if (const Control* control = std::get_if<Control>(&event)) {
    sink.put(
        (Packed() << static_cast<u8>(event.index()) << control->verb << control->group << control->target).bytes());
  } else {
    check(false);
  }
}

template <class Sink>
void put_frame(Sink& sink, const Frame& frame) {
  sink.put((Packed() << frame.kind << frame.connection).bytes());
  sink.message(frame.message);
}

template <class Sink>
void put_envelopes(Sink& sink, const Vec<Envelope>& envelopes) {
  put_count(sink, envelopes.size());
  for (const Envelope& envelope : envelopes) {
    sink.put((Packed() << envelope.peer << envelope.shard).bytes());
    sink.message(envelope.message);
  }
}

template <class Sink>
void put_bag(Sink& sink, const EventBag& bag) {
  sink.put((Packed() << bag_codec_version << BagKind::events << bag.now << bag.wall.has_value()
                     << bag.wall.value_or(WallTime()))
               .bytes());
  put_count(sink, bag.node.size());
  for (const NodeEvent& event : bag.node) put_node_event(sink, event);
  put_count(sink, bag.completions.size());
  for (const Completion& completion : bag.completions) {
    sink.put((Packed() << completion.kind << completion.id << completion.status).bytes());
    sink.read_bytes(completion);
  }
  put_count(sink, bag.peers.size());
  for (const PeerEvent& event : bag.peers)
    sink.put((Packed() << event.kind << event.peer << event.life.generation << event.life.incarnation << event.count)
                 .bytes());
  put_count(sink, bag.frames.size());
  for (const FrameEvent& event : bag.frames) {
    sink.put((Packed() << event.kind << event.shard << event.count).bytes());
    put_frame(sink, event.frame);
  }
  put_envelopes(sink, bag.messages);
  put_count(sink, bag.submissions.size());
  for (const ClientSubmit& submit : bag.submissions) {
    sink.put((Packed() << submit.ticket << submit.group << submit.operation << submit.timeout).bytes());
    put_slice(sink, submit.body);
  }
}

template <class Sink>
void put_write(Sink& sink, const Write& write) {
  u64 size = 0;
  for (const Bytes part : write.parts) size += part.size();
  sink.put((Packed() << write.id << write.zone << write.offset << write.io_class << size).bytes());
  for (const Bytes part : write.parts) sink.put(part);
}

template <class Sink>
void put_bag(Sink& sink, const EffectBag& bag) {
  sink.put((Packed() << bag_codec_version << BagKind::effects).bytes());
  put_envelopes(sink, bag.sends);
  put_count(sink, bag.replies.size());
  for (const SubmitReply& reply : bag.replies) {
    sink.put((Packed() << reply.ticket << reply.status << reply.outcome).bytes());
    sink.message(reply.message);
  }
  put_count(sink, bag.writes.size());
  for (const Write& write : bag.writes) put_write(sink, write);
  put_count(sink, bag.reads.size());
  for (const Read& read : bag.reads)
    sink.put((Packed() << read.id << read.zone << read.offset << read.io_class << u64{read.into.size()}).bytes());
  put_count(sink, bag.posts.size());
  for (const PostShard& post : bag.posts) {
    sink.put((Packed() << post.to).bytes());
    put_frame(sink, post.frame);
  }
  put_count(sink, bag.notifications.size());
  for (const Notify& notify : bag.notifications)
    sink.put((Packed() << notify.kind << notify.group << notify.a << notify.b).bytes());
  put_count(sink, bag.closes.size());
  for (const CloseConnection& close : bag.closes) sink.put((Packed() << close.peer << close.reason).bytes());
}

}  // namespace

std::size_t encode(const EventBag& bag, const ReadsInFlight* reads, MutableBytes out) {
  MemorySink sink(out, reads);
  put_bag(sink, bag);
  return sink.size();
}

std::size_t encode(const EffectBag& bag, MutableBytes out) {
  MemorySink sink(out, nullptr);
  put_bag(sink, bag);
  return sink.size();
}

Digest content_digest(const EventBag& bag) {
  DigestSink sink;
  put_bag(sink, bag);
  return sink.finish();
}

Digest content_digest(const EffectBag& bag) {
  DigestSink sink;
  put_bag(sink, bag);
  return sink.finish();
}

}  // namespace keelson
