#include "keelson/sim/turn.h"

#include <algorithm>

#include "keelson/base/checksum.h"

namespace keelson::sim {

u32 BagMaker::fill(Unit& unit, EventBag& bag, Mailboxes& mailboxes, Network& network) {
  sources_.clear();
  const std::size_t wanted = cut(unit);
  u32 events = 0;
  while (events < wanted && fits(bag, unit.arrivals.front())) {
    const Arrival arrival = unit.arrivals.pop_front();
    add(unit, bag, arrival, mailboxes);
    ++events;
  }
  if (network.refused(unit.id))
    network.take_refusals(unit.id, [&bag](Peer peer, u64 count) {
      if (!bag.peers.full())
        bag.peers.push_back({.kind = PeerEventKind::send_dropped, .peer = peer, .life = {}, .count = count});
    });
  if (core_.settings.turn.bag_shuffle_ppm > 0) shuffle_sources(unit, bag);
  return events;
}

// How many of the waiting arrivals the tape puts into this bag.
std::size_t BagMaker::cut(Unit& unit) {
  const std::size_t waiting = unit.arrivals.size();
  if (waiting < 2 || !unit.turns.chance(Site::turn_bag_split, core_.settings.turn.bag_split_ppm)) return waiting;
  core_.faults.add(Fault::bag_split);
  return 1 + unit.turns.below(Site::turn_bag_cut, waiting - 1);
}

bool BagMaker::fits(const EventBag& bag, const Arrival& arrival) const {
  switch (arrival.kind) {
    case ArrivalKind::boot:
    case ArrivalKind::control:
      return !bag.node.full();
    case ArrivalKind::completion:
      return !bag.completions.full();
    case ArrivalKind::frame:
    case ArrivalKind::frame_dropped:
      return !bag.frames.full();
    case ArrivalKind::message:
      return !bag.messages.full();
    case ArrivalKind::submission:
      return !bag.submissions.full();
    case ArrivalKind::peer:
      break;
  }
  // peers are handled before messages, so what a connection brought before its end belongs into an earlier bag
  return !bag.peers.full() && std::find(sources_.begin(), sources_.end(), arrival.source) == sources_.end();
}

void BagMaker::add(Unit& unit, EventBag& bag, const Arrival& arrival, Mailboxes& mailboxes) {
  switch (arrival.kind) {
    case ArrivalKind::boot:
      bag.node.push_back(Boot{unit.entropy});
      return;
    case ArrivalKind::control:
      bag.node.push_back(Control{.verb = static_cast<ControlVerb>(arrival.what),
                                 .group = GroupId(arrival.value),
                                 .target = NodeId(static_cast<u16>(arrival.source))});
      return;
    case ArrivalKind::completion:
      bag.completions.push_back({.kind = static_cast<IoKind>(arrival.what),
                                 .id = IoId(arrival.value),
                                 .status = static_cast<IoStatus>(arrival.source)});
      return;
    case ArrivalKind::peer:
      bag.peers.push_back({.kind = static_cast<PeerEventKind>(arrival.what),
                           .peer = arrival.peer,
                           .life = life_of(arrival.value),
                           .count = 0});
      return;
    case ArrivalKind::frame:
      return add_frame(unit, bag, arrival, mailboxes);
    case ArrivalKind::frame_dropped:
      bag.frames.push_back({.kind = FrameEventKind::dropped, .shard = arrival.shard, .frame = {}, .count = 1});
      return;
    case ArrivalKind::message:
      return add_message(unit, bag, arrival);
    case ArrivalKind::submission:
      return add_submission(bag, arrival);
  }
}

void BagMaker::add_message(Unit& unit, EventBag& bag, const Arrival& arrival) {
  Parcel* parcel = arrival.parcel;
  unit.bytes_waiting -= parcel->size;
  MessageRef message = copy_message(*unit.slabs, parcel->bytes());
  if (message) {
    bag.messages.push_back({arrival.peer, arrival.shard, std::move(message)});
    sources_.push_back(arrival.source);
  } else {
    core_.faults.add(Fault::net_no_slab);
    core_.record(RecordKind::lose, {.node = unit.node, .shard = unit.shard},
                 {.a = unit.id.raw(), .b = static_cast<u64>(Lost::no_slab), .digest = load<Digest>(parcel->data())});
  }
  core_.parcels.release(parcel);
}

void BagMaker::add_frame(Unit& unit, EventBag& bag, const Arrival& arrival, Mailboxes& mailboxes) {
  const auto kind = static_cast<FrameKind>(arrival.what);
  mailboxes.taken(unit.node, arrival.shard, unit.shard, kind);
  MessageRef message;
  if (arrival.parcel) {
    message = copy_message(*unit.slabs, arrival.parcel->bytes());
    core_.parcels.release(arrival.parcel);
    if (!message) return core_.faults.add(Fault::net_no_slab);
  }
  bag.frames.push_back({.kind = FrameEventKind::received,
                        .shard = arrival.shard,
                        .frame = {kind, ConnectionId(arrival.value), std::move(message)},
                        .count = 0});
}

void BagMaker::add_submission(EventBag& bag, const Arrival& arrival) {
  const Bytes bytes = arrival.parcel->bytes();
  const auto head = load<SubmissionHead>(bytes.data());
  bag.submissions.push_back({.ticket = head.ticket,
                             .group = head.group,
                             .operation = head.operation,
                             .timeout = head.timeout,
                             .body = bytes.subspan(sizeof(SubmissionHead))});
  borrowed_.push_back(arrival.parcel);
}

void BagMaker::release_parcels() {
  for (Parcel* parcel : borrowed_) core_.parcels.release(parcel);
  borrowed_.clear();
}

// Messages of different sources change places, those of one source stay in order.
void BagMaker::shuffle_sources(Unit& unit, EventBag& bag) {
  const bool mixed =
      std::any_of(sources_.begin(), sources_.end(), [this](u32 source) { return source != sources_[0]; });
  if (!mixed || !unit.turns.chance(Site::turn_bag_shuffle, core_.settings.turn.bag_shuffle_ppm)) return;
  order_ = sources_;
  unit.turns.shuffle(Site::turn_bag_order, std::span(order_));
  if (order_ == sources_) return;
  core_.faults.add(Fault::bag_shuffle);
  std::vector<Envelope> former;
  for (auto& message : bag.messages) former.push_back(std::move(message));
  for (std::size_t i = 0; i < former.size(); ++i) {
    const auto next = std::find(sources_.begin(), sources_.end(), order_[i]);
    bag.messages[i] = std::move(former[static_cast<std::size_t>(next - sources_.begin())]);
    *next = ~u32{0};
  }
}

std::size_t count_effects(const EffectBag& bag) {
  return bag.writes.size() + bag.reads.size() + bag.sends.size() + bag.posts.size() + bag.replies.size() +
         bag.closes.size();
}

void list_effects(const EffectBag& bag, std::vector<EffectPlace>& places) {
  places.clear();
  const std::pair<EffectKind, std::size_t> kinds[] = {
      {EffectKind::write, bag.writes.size()},  {EffectKind::read, bag.reads.size()},
      {EffectKind::send, bag.sends.size()},    {EffectKind::post, bag.posts.size()},
      {EffectKind::reply, bag.replies.size()}, {EffectKind::close, bag.closes.size()}};
  for (const auto& [kind, count] : kinds)
    for (u32 i = 0; i < count; ++i) places.push_back({kind, i});
}

Digest digest_of_effects(const EffectBag& bag, std::vector<u64>& scratch) {
  scratch.clear();
  const auto add = [&scratch](u64 a, u64 b) {
    scratch.push_back(a);
    scratch.push_back(b);
  };
  const auto add_message = [&](const MessageRef& message) {
    if (!message) return add(0, 0);
    const auto checksum = load<Digest>(message.data());
    add(checksum.lo, checksum.hi);
  };
  for (const auto& send : bag.sends) {
    add(send.peer.is_client() ? send.peer.connection().raw() : send.peer.node_id().raw(), send.shard.raw());
    add_message(send.message);
  }
  for (const auto& write : bag.writes) add(write.id.raw(), write.offset << 2 | static_cast<u64>(write.zone));
  for (const auto& read : bag.reads) add(read.id.raw(), read.offset << 2 | static_cast<u64>(read.zone));
  for (const auto& post : bag.posts) {
    add(post.to.raw(), post.frame.connection.raw());
    add_message(post.frame.message);
  }
  for (const auto& reply : bag.replies) {
    add(reply.ticket.raw(), u64{static_cast<u16>(reply.status)} << 8 | static_cast<u64>(reply.outcome));
    add_message(reply.message);
  }
  for (const auto& notice : bag.notifications) {
    add(static_cast<u64>(notice.kind), notice.group.raw());
    add(notice.a, notice.b);
  }
  for (const auto& close : bag.closes)
    add(close.peer.is_client() ? close.peer.connection().raw() : close.peer.node_id().raw(),
        static_cast<u64>(close.reason));
  return scratch.empty() ? Digest{} : digest_of(std::as_bytes(std::span(scratch)));
}

}  // namespace keelson::sim
