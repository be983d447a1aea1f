// Bags of anything that a driver or a shard may put in them, drawn.
//
// Who uses it: properties and the fuzz target of the bag codec. Messages lie in slabs of the pool given; submitted
// bodies, buffers of reads and pages of writes lie in the generator, which outlives the bags.
#pragma once

#include <list>

#include "keelson/wire/codec.h"

#include "fuzz/gen/message.h"

namespace keelson::gen {

class Bags {
 public:
  Bags(Draw draw, Slabs& slabs, const Limits& limits)
      : draw_(draw), messages_(draw, limits), slabs_(slabs), limits_(limits) {}

  // Completions of reads are of those in `issued`, where there is one.
  void fill(EventBag& bag, const EffectBag* issued = nullptr) {
    bag.now = Instant(number());
    if (maybe()) bag.wall = WallTime(number());
    some(2, [&] {
      if (maybe())
        bag.node.push_back(Boot{{number(), number(), number(), number()}});
      else
        bag.node.push_back(Control{one<ControlVerb>(2), group(), node()});
    });
    if (issued)
      for (const Read& read : issued->reads) {
        const IoStatus status = one<IoStatus>(4);
        bag.completions.push_back({IoKind::read, read.id, status});
      }
    some(3, [&] {
      const IoId id(1'000'000 + draw_(1000));  // of nobody's read
      bag.completions.push_back({one<IoKind>(issued ? 1 : 2), id, one<IoStatus>(4)});
    });
    some(3, [&] {
      PeerEvent event;
      event.kind = one<PeerEventKind>(5);
      event.peer = peer();
      event.life = {Generation(u32_number()), Incarnation(u32_number())};
      event.count = number();
      bag.peers.push_back(event);
    });
    some(2, [&] {
      FrameEvent event;
      event.kind = one<FrameEventKind>(2);
      event.shard = shard();
      if (event.kind == FrameEventKind::received)
        event.frame = frame();
      else
        event.count = number();
      bag.frames.push_back(event);
    });
    some(4, [&] { bag.messages.push_back(envelope()); });
    some(2, [&] {
      ClientSubmit submit;
      submit.ticket = Ticket(number());
      submit.group = group();
      submit.operation = Operation(static_cast<u16>(draw_(1000)));
      submit.timeout = Duration(number());
      submit.body = keep(messages_.bytes(100));
      bag.submissions.push_back(submit);
    });
  }

  void fill(EffectBag& bag) {
    some(4, [&] { bag.sends.push_back(envelope()); });
    some(2, [&] {
      SubmitReply reply;
      reply.ticket = Ticket(number());
      reply.status = static_cast<Status>(draw_(1 << 16));
      reply.outcome = one<Outcome>(3);
      if (maybe()) reply.message = message(Command::reply);
      bag.replies.push_back(reply);
    });
    some(3, [&] {
      Write write;
      write.id = IoId(number());
      write.zone = one<Zone>(4);
      write.offset = number();
      write.io_class = one<IoClass>(5);
      auto& parts = part_lists_.emplace_back();
      some(4, [&] { parts.push_back(keep(messages_.bytes(60))); });
      write.parts = parts;
      bag.writes.push_back(write);
    });
    some(3, [&] {
      Read read;
      read.id = IoId(next_read_++);
      read.zone = one<Zone>(4);
      read.offset = number();
      read.into = keep(messages_.bytes(60));
      read.io_class = one<IoClass>(5);
      bag.reads.push_back(read);
    });
    some(2, [&] { bag.posts.push_back({shard(), frame()}); });
    some(2, [&] { bag.notifications.push_back({one<NotifyKind>(8), group(), number(), number()}); });
    some(2, [&] { bag.closes.push_back({peer(), one<CloseReason>(3)}); });
  }

 private:
  template <class Act>
  void some(u64 max, Act act) {
    for (u64 n = draw_(max + 1); n > 0; --n) act();
  }
  template <class E>
  E one(u64 count) {
    return static_cast<E>(draw_(count));
  }
  bool maybe() { return draw_(2) == 1; }
  u64 number() { return draw_(~u64{0}); }
  u32 u32_number() { return static_cast<u32>(draw_(~u32{0})); }
  GroupId group() { return GroupId(draw_(8)); }
  NodeId node() { return NodeId(static_cast<u16>(draw_(1 << 16))); }
  ShardId shard() { return ShardId(static_cast<u16>(draw_(1 << 16))); }
  Peer peer() {
    if (maybe()) return Peer::client(ConnectionId(number()));
    return Peer::node(node());
  }
  MessageRef message(Command command) {
    MessageRef out = copy_message(slabs_, messages_.of(command));
    check(static_cast<bool>(out));
    return out;
  }
  MessageRef message() { return message(wire_commands()[draw_(wire_commands().size())]); }
  Frame frame() {
    Frame out;
    out.kind = one<FrameKind>(2);
    out.connection = ConnectionId(number());
    out.message = message();
    return out;
  }
  Envelope envelope() {
    Envelope out;
    out.peer = peer();
    out.shard = shard();
    out.message = message();
    return out;
  }
  MutableBytes keep(Buffer bytes) { return kept_.emplace_back(std::move(bytes)); }

  Draw draw_;
  Messages messages_;
  Slabs& slabs_;
  Limits limits_;
  u64 next_read_ = 1;
  std::list<Buffer> kept_;
  std::list<std::vector<Bytes>> part_lists_;
};

}  // namespace keelson::gen
