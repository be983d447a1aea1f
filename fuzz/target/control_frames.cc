// Any bytes from a stranger's connection, in any pieces: the handshake of either side ends or waits, answers each unit
// with at most one and ill-formed ones with nothing, admits nobody who is not a member; what comes behind it is read as
// frames, and those that pass hold what the kernel relies on.
//
// The first byte chooses side and plane, the second how the rest is cut, the third what is mended beforehand: a fuzzer
// guesses no checksum.
#include <algorithm>

#include "keelson/base/checksum.h"
#include "keelson/io/frame_reader.h"
#include "keelson/io/handshake.h"

#include "fuzz/gen/message.h"
#include "fuzz/gen/require.h"

namespace {

using namespace keelson;
using namespace keelson::io;
using gen::require;

// Node 1 of three.
LinkSelf node_itself() {
  LinkSelf self;
  self.cluster = gen::test_cluster;
  self.node = NodeId(1);
  self.life = {Generation(1), Incarnation(7)};
  self.limits = Limits::tiny().digest();
  self.boot_id = 1001;
  self.members = {NodeId(0), NodeId(1), NodeId(2)};
  self.book.count = 1;
  self.book.entries[0].node = NodeId(1);
  self.book.entries[0].port = 7700;
  return self;
}
LinkSelf client_itself() {
  LinkSelf self;
  self.boot_id = 2002;
  return self;
}

struct Shape {
  bool dials = false;
  Plane plane = Plane::replica;
  std::size_t piece_max = 1;
  u64 mends = 0;  // 1: checksums; 2: also cluster and protocol; 3: also what is no address of its own
};

void mend(std::vector<std::byte>& unit, u64 mends) {
  if (mends >= 2) {
    store(unit.data() + offsetof(Header, cluster), gen::test_cluster);
    store(unit.data() + offsetof(Header, protocol), protocol_version);
    store(unit.data() + offsetof(Header, size), link_size);
  }
  if (mends >= 3) {
    std::fill(unit.begin() + sizeof(Header), unit.begin() + header_size, std::byte{0});
    auto body = load<LinkBody>(unit.data() + header_size);
    body.magic = LinkBody{}.magic;
    body.cluster = gen::test_cluster;
    body.node = header_at(unit.data()).node;
    store(unit.data() + header_size, body);
  }
  if (mends >= 1) seal_bytes(unit.data(), body_checksum(Bytes(unit).subspan(header_size)), link_size);
}

// Whoever is admitted is who it may be.
void expect_welcome(const Handshake& handshake, const LinkSelf& self) {
  const LinkPeer& peer = handshake.peer();
  if (handshake.plane() == Plane::replica) {
    require(peer.cluster == self.cluster, "admitted from another cluster");
    require(std::find(self.members.begin(), self.members.end(), peer.node) != self.members.end(),
            "admitted a stranger");
    require(handshake.is_dialer() ? peer.node == NodeId(2) : peer.node < self.node, "admitted the wrong side");
  } else if (!handshake.is_dialer()) {
    require(peer.node == no_node, "a client with a node's id");
  } else {
    require(peer.book.count <= AddressBook::entries_max, "a book with too many entries");
  }
}

void read_frames(Bytes bytes, const LinkRules& rules, std::size_t piece_max, const Limits& limits) {
  static Slabs& slabs = *new Slabs(limits);
  {
    FrameReader reader(slabs, rules);
    while (!bytes.empty()) {
      Bytes piece = bytes.first(std::min(piece_max, bytes.size()));
      bytes = bytes.subspan(piece.size());
      for (bool more = true; more;) {
        const std::size_t before = piece.size();
        const FrameReader::Step step = reader.feed(piece);
        require(step != FrameReader::Step::blocked, "no slab, though none is kept");
        if (step == FrameReader::Step::lost) {
          require(reader.rejected() != Reject::none, "lost without a reason");
          return;
        }
        if (step == FrameReader::Step::message) {
          const MessageRef message = reader.take();
          require(message.bytes().size() <= rules.message_size_max, "a message that is too long");
          require(validate_body(message.bytes()) == Reject::none, "a message that was not verified");
          validate_content(message.bytes(), limits);
        }
        require(step == FrameReader::Step::hungry || piece.size() < before || reader.frame_size() == 0, "no progress");
        more = step != FrameReader::Step::hungry;
      }
      require(piece.empty(), "hungry, with bytes left");
    }
  }
  require(slabs.in_use() == 0, "a slab leaked");
}

void one(Bytes bytes, const Shape& shape) {
  static const Limits limits = Limits::tiny();
  static const LinkSelf node = node_itself(), client = client_itself();
  const LinkSelf& self = shape.dials && shape.plane == Plane::client ? client : node;
  Handshake::Output out;
  Handshake handshake =
      shape.dials ? Handshake::dial(shape.plane, self, shape.plane == Plane::client ? no_node : NodeId(2), 5, out)
                  : Handshake::accept(shape.plane, self);
  std::size_t said = out.size();
  while (handshake.state() == Handshake::State::waiting && bytes.size() >= link_size) {
    std::vector<std::byte> unit(bytes.begin(), bytes.begin() + link_size);
    bytes = bytes.subspan(link_size);
    mend(unit, shape.mends);
    const bool sound = read_link(std::span<const std::byte, link_size>(unit), shape.plane).has_value();
    for (std::size_t at = 0; at < link_size && handshake.wants() > 0;) {
      const std::size_t piece = std::min({shape.piece_max, std::size_t{handshake.wants()}, link_size - at});
      handshake.feed(Bytes(unit).subspan(at, piece), out);
      at += piece;
    }
    require(out.size() - said <= link_size, "more than one answer");
    require(sound || out.size() == said, "an answer to an ill-formed unit");
    said = out.size();
  }
  if (handshake.state() == Handshake::State::judging) {
    expect_welcome(handshake, self);
    handshake.admit(out);
    require(out.size() == said + link_size, "admitted without a word");
  }
  require(out.size() % link_size == 0 && out.size() <= 4 * link_size, "half an answer");
  require(info(handshake.reject()).name != nullptr, "a reject without a name");
  if (handshake.state() != Handshake::State::done) return;
  expect_welcome(handshake, self);
  const bool from_client = shape.plane == Plane::client && !shape.dials;
  const LinkRules rules{gen::test_cluster, from_client ? Author::client : Author::node,
                        shape.plane == Plane::client ? no_node : handshake.peer().node, limits.message_size_max};
  read_frames(bytes, rules, shape.piece_max, limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Shape shape;
  shape.dials = (data[0] & 1) != 0;
  shape.plane = (data[0] & 2) != 0 ? Plane::client : Plane::replica;
  shape.piece_max = 1 + std::size_t{data[1]} * 8;
  shape.mends = data[2] % 4;
  one(std::as_bytes(std::span(data, size)).subspan(3), shape);
  return 0;
}
