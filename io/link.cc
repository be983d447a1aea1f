#include "keelson/io/link.h"

#include "keelson/wire/message.h"
#include "keelson/wire/validate.h"

namespace keelson::io {
namespace {

template <class Body>
LinkBytes make(Command command, const LinkSender& sender, const Body& body) {
  LinkBytes bytes{};
  Header header;
  header.cluster = sender.cluster;
  header.command = command;
  header.node = sender.node;
  header.incarnation = sender.incarnation;
  store(bytes.data(), header);
  store(bytes.data() + header_size, body);
  seal_bytes(bytes.data(), body_checksum({bytes.data() + header_size, sizeof body}), link_size);
  return bytes;
}

// The sender is not known yet, so the header is judged by what it says of itself.
bool is_sound(std::span<const std::byte, link_size> bytes) {
  const Header header = header_at(bytes.data());
  const LinkRules rules{header.cluster, Author::node, header.node, link_size};
  if (validate_header(bytes.data(), rules) != Reject::none || header.size != link_size) return false;
  const auto known = info(header.command);
  if (!known || known->author != Author::link) return false;
  const Bytes command_area{bytes.data() + sizeof(Header), header_size - sizeof(Header)};
  return all_zero(command_area) && header.flags == 0 && validate_body(bytes) == Reject::none;
}

bool unused_zero(const LinkBody& body) {
  return all_zero(bytes_of(body.zero)) && all_zero(bytes_of(body.reserved)) && all_zero(bytes_of(body.mac)) &&
         body.mode == 0 && body.key_id == 0 && body.features == 0;
}

}  // namespace

const char* name_of(Plane plane) { return plane == Plane::replica ? "replica" : "client"; }

RejectInfo info(RejectCode code) {
  switch (code) {
    case RejectCode::none:
      break;
#define X(name, number, fault, text) \
  case RejectCode::name:             \
    return {#name, fault, text};
      KEELSON_REJECTS(X)
#undef X
  }
  return {"unrecognized", false, "a reason of a newer release"};
}

LinkBytes make_link(Command command, const LinkSender& sender, const LinkBody& body) {
  return make(command, sender, body);
}
LinkBytes make_book(const LinkSender& sender, const AddressBook& book) { return make(Command::ready, sender, book); }

std::optional<Link> read_link(std::span<const std::byte, link_size> bytes, Plane plane) {
  if (!is_sound(bytes)) return std::nullopt;
  const Link link{header_at(bytes.data()), load<LinkBody>(bytes.data() + header_size)};
  if (link.body.magic != LinkBody{}.magic || link.body.plane != plane || !unused_zero(link.body)) return std::nullopt;
  // The identity is stated twice; a message that disagrees with itself is no hello.
  if (link.header.cluster != link.body.cluster || link.header.node != link.body.node) return std::nullopt;
  return link;
}

std::optional<AddressBook> read_book(std::span<const std::byte, link_size> bytes) {
  if (!is_sound(bytes) || header_at(bytes.data()).command != Command::ready) return std::nullopt;
  const auto book = load<AddressBook>(bytes.data() + header_size);
  if (book.magic != AddressBook{}.magic || book.count > AddressBook::entries_max) return std::nullopt;
  return book;
}

}  // namespace keelson::io
