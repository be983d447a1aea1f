#include "keelson/wire/prepare.h"

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
    : body_(body), at_(std::size_t{request_count} * sizeof(RequestFrame)), frames_left_(request_count) {
  check(at_ <= body.size());
}

void PrepareBodyWriter::add(const RequestFrame& frame, Bytes request_body) {
  const std::size_t padded = round_up(request_body.size(), std::size_t{request_body_alignment});
  check(frames_left_ > 0 && frame.body_size == request_body.size() && padded <= body_.size() - at_);
  store(body_.data() + frame_at_, frame);
  copy(body_.subspan(at_), request_body);
  for (std::size_t i = request_body.size(); i < padded; ++i) body_[at_ + i] = std::byte{0};
  frame_at_ += sizeof frame;
  at_ += padded;
  --frames_left_;
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

}  // namespace keelson
