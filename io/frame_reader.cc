#include "keelson/io/frame_reader.h"

#include <algorithm>

namespace keelson::io {

FrameReader::Step FrameReader::feed(Bytes& bytes) {
  if (lost_) return Step::lost;
  if (have_ < header_size) {
    const auto take = std::min<std::size_t>(bytes.size(), header_size - have_);
    std::copy_n(bytes.begin(), take, header_.begin() + have_);
    have_ += static_cast<u32>(take);
    bytes = bytes.subspan(take);
    if (have_ < header_size) return Step::hungry;
  }
  if (size_ == 0)
    if (const Step step = on_header(); step != Step::hungry) return step;
  const auto take = std::min<std::size_t>(bytes.size(), size_ - have_);
  if (!skipping_) std::copy_n(bytes.begin(), take, message_.mutable_data() + have_);
  bytes = bytes.subspan(take);
  return filled(take);
}

// Step 10 of the order in wire/validate.h: memory only for a header that passed.
FrameReader::Step FrameReader::on_header() {
  reject_ = validate_header(header_.data(), rules_);
  if (closes_connection(reject_)) return reject(reject_);
  const u32 size = load<u32>(header_.data() + offsetof(Header, size));
  skipping_ = reject_ != Reject::none;
  if (!skipping_) {
    Slab* slab = slabs_->acquire(size);
    if (!slab) return Step::blocked;
    message_ = MessageRef(slab);
    std::copy(header_.begin(), header_.end(), message_.mutable_data());
  }
  size_ = size;
  return Step::hungry;
}

MutableBytes FrameReader::direct() {
  if (size_ == 0 || skipping_ || lost_) return {};
  return {message_.mutable_data() + have_, size_ - have_};
}

FrameReader::Step FrameReader::filled(std::size_t bytes) {
  check(bytes <= size_ - have_);
  have_ += static_cast<u32>(bytes);
  return have_ < size_ ? Step::hungry : on_whole();
}

FrameReader::Step FrameReader::on_whole() {
  if (!skipping_) reject_ = validate_body({message_.data(), size_});
  if (reject_ != Reject::none) return reject(reject_);
  next_frame();
  return Step::message;
}

FrameReader::Step FrameReader::reject(Reject reason) {
  message_ = MessageRef();
  lost_ = closes_connection(reason);
  next_frame();
  return lost_ ? Step::lost : Step::dropped;
}

void FrameReader::next_frame() {
  have_ = 0;
  size_ = 0;
  skipping_ = false;
}

}  // namespace keelson::io
