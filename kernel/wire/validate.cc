#include "keelson/wire/validate.h"

#include "keelson/base/checksum.h"
#include "keelson/wire/prepare.h"
#include "keelson/wire/reserved.h"

namespace keelson {
namespace {

bool author_ok(const Header& header, const CommandInfo& command, const LinkRules& rules) {
  if (rules.peer == Author::client) return command.author == Author::client || command.author == Author::link;
  if (command.author == Author::client) return false;
  // A client's own connection: any node may answer it, and with nothing but answers.
  if (rules.node == no_node) return command.author == Author::link || command.send_class == SendClass::client;
  const bool judged_by_identity = header.command == Command::prepare && (header.flags & flag::repair) != 0;
  return header.node == rules.node || judged_by_identity;
}

bool size_fits(u32 size, const CommandInfo& command, u32 message_size_max) {
  const u32 body = size - header_size;
  return size >= header_size && size <= message_size_max && body >= command.body_min && body <= command.body_max;
}

}  // namespace

const char* name_of(Reject reject) {
  switch (reject) {
    case Reject::none:
      return "none";
    case Reject::header_checksum:
      return "header_checksum";
    case Reject::protocol:
      return "protocol";
    case Reject::cluster:
      return "cluster";
    case Reject::command:
      return "command";
    case Reject::size:
      return "size";
    case Reject::reserved:
      return "reserved";
    case Reject::author:
      return "author";
    case Reject::body_checksum:
      return "body_checksum";
    case Reject::field:
      return "field";
    case Reject::body:
      return "body";
  }
  return "unknown";
}

Counter counter_of(Reject reject) {
  switch (reject) {
    case Reject::none:
      break;
    case Reject::header_checksum:
      return Counter::drop_header_checksum;
    case Reject::protocol:
      return Counter::drop_protocol;
    case Reject::cluster:
      return Counter::drop_cluster;
    case Reject::command:
      return Counter::drop_command;
    case Reject::size:
      return Counter::drop_size;
    case Reject::reserved:
      return Counter::drop_flags;
    case Reject::author:
      return Counter::drop_author;
    case Reject::body_checksum:
      return Counter::drop_body_checksum;
    case Reject::field:
      return Counter::drop_field;
    case Reject::body:
      return Counter::drop_body;
  }
  check(false);
  return Counter::count;
}

bool closes_connection(Reject reject) {
  return reject == Reject::header_checksum || reject == Reject::protocol || reject == Reject::cluster ||
         reject == Reject::size || reject == Reject::body_checksum;
}

Reject validate_header(const std::byte* header, const LinkRules& rules) {
  const auto h = header_at(header);
  if (header_checksum(header) != h.checksum) return Reject::header_checksum;
  if (h.protocol != protocol_version) return Reject::protocol;
  if (h.cluster != rules.cluster) return Reject::cluster;
  const auto command = info(h.command);
  if (!command || command->author == Author::storage)
    return h.size < header_size || h.size > rules.message_size_max ? Reject::size : Reject::command;
  if (!size_fits(h.size, *command, rules.message_size_max)) return Reject::size;
  if (!reserved_ok(header)) return Reject::reserved;
  if (!author_ok(h, *command, rules)) return Reject::author;
  return Reject::none;
}

Reject validate_body(Bytes message) {
  if (message.size() < header_size) return Reject::size;
  const auto h = header_at(message.data());
  if (h.size != message.size()) return Reject::size;
  Bytes covered = message.subspan(header_size);
  if (h.command == Command::prepare) {
    const u64 frames = u64{as<Prepare>(message.data()).request_count} * sizeof(RequestFrame);
    if (frames > covered.size()) return Reject::body;
    covered = covered.first(frames);
  }
  return body_checksum(covered) == h.checksum_body ? Reject::none : Reject::body_checksum;
}

PrepareBody::PrepareBody(const MessageRef& prepare)
    : frames_(prepare.data() + header_size), body_(frames_), left_(prepare.as<Prepare>().request_count) {
  body_ += std::size_t{left_} * sizeof(RequestFrame);
}

bool PrepareBody::next(RequestView& out) {
  if (left_ == 0) return false;
  out.frame = load<RequestFrame>(frames_);
  out.body = {body_, out.frame.body_size};
  frames_ += sizeof(RequestFrame);
  body_ += round_up<std::size_t>(out.frame.body_size, request_body_alignment);
  if (--left_ > 0) prefetch({body_, load<RequestFrame>(frames_).body_size});  // applied next
  return true;
}

}  // namespace keelson
