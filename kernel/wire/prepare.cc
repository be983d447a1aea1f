#include "keelson/wire/prepare.h"

#include <algorithm>

namespace keelson {

RequestFrame frame_of(const Request& request) {
  RequestFrame frame;
  frame.client = request.client;
  frame.session = request.session;
  frame.request = request.request;
  frame.ack_floor = request.ack_floor;
  frame.body_size = request.size - header_size;
  frame.operation = request.operation;
  frame.body_checksum = request.checksum_body;
  return frame;
}

PrepareBodyWriter::PrepareBodyWriter(MutableBytes body, u32 request_count)
    : frames_(body.first(std::min(body.size(), std::size_t{request_count} * sizeof(RequestFrame)))),
      bodies_(body.subspan(frames_.size())) {
  check(frames_.size() == std::size_t{request_count} * sizeof(RequestFrame));
}

void PrepareBodyWriter::add_frame(const RequestFrame& frame) {
  check(!frames_.empty());
  store(frames_.data(), frame);
  frames_ = frames_.subspan(sizeof frame);
}

void PrepareBodyWriter::add_body(Bytes request_body) {
  const std::size_t padded = round_up(request_body.size(), std::size_t{request_body_alignment});
  check(padded <= bodies_.size());
  copy(bodies_, request_body);
  std::memset(bodies_.data() + request_body.size(), 0, padded - request_body.size());
  bodies_ = bodies_.subspan(padded);
}

void PrepareBodyWriter::add(const RequestFrame& frame, Bytes request_body) {
  check(frame.body_size == request_body.size());
  add_frame(frame);
  add_body(request_body);
}

Prepare seal_prepare(MessageRef& message, Prepare prepare, u32 body_size) {
  const std::size_t frame_bytes = std::size_t{prepare.request_count} * sizeof(RequestFrame);
  check(frame_bytes <= body_size);
  prepare.size = header_size + body_size;
  prepare.checksum_body = body_checksum({message.data() + header_size, frame_bytes});
  prepare.identity = identity_of(prepare);
  seal_header(message, prepare, body_size);
  prepare.checksum = load<Digest>(message.data());
  return prepare;
}

void write_canonical(const MessageRef& prepare, MutableBytes to) {
  const Prepare from = prepare.as<Prepare>();
  Prepare header = make<Prepare>();
  header.cluster = from.cluster;
  header.group = from.group;
  header.epoch = from.epoch;
  header.release = from.release;
  header.op = from.op;
  header.timestamp = from.timestamp;
  header.parent = from.parent;
  header.identity = from.identity;
  header.checksum_body = from.checksum_body;
  header.request_count = from.request_count;
  header.operation = from.operation;
  header.size = from.size;
  copy(to.subspan(header_size), prepare.body());
  store(to.data(), header);
  seal_bytes(to.data(), header.checksum_body, header.size);
}

}  // namespace keelson
