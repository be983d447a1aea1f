#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/io/frame_reader.h"
#include "tests/lib/io/messages.h"

namespace keelson::io {
namespace {

const Limits limits = Limits::tiny();

LinkRules rules() { return {test::cluster_of_tests, Author::client, no_node, limits.message_size_max}; }

// Feeds in pieces of the given sizes; returns what came out.
std::vector<std::vector<std::byte>> read_in_pieces(Slabs& slabs, const std::vector<std::byte>& bytes,
                                                   const std::vector<u8>& pieces) {
  FrameReader reader(slabs, rules());
  std::vector<std::vector<std::byte>> messages;
  Bytes left(bytes);
  for (std::size_t i = 0; !left.empty(); ++i) {
    const std::size_t piece = pieces.empty() ? left.size() : pieces[i % pieces.size()] + std::size_t{1};
    Bytes now = left.first(std::min(piece, left.size()));
    left = left.subspan(now.size());
    do {
      const auto step = reader.feed(now);
      if (step == FrameReader::Step::lost) return messages;
      if (step == FrameReader::Step::message) {
        const MessageRef message = reader.take();
        messages.emplace_back(message.bytes().begin(), message.bytes().end());
      }
    } while (!now.empty());
  }
  return messages;
}

RC_GTEST_PROP(FrameReader, WhatWasSentComesOutHoweverItWasCut, ()) {
  Slabs slabs(limits);
  const auto sizes = *rc::gen::container<std::vector<u16>>(rc::gen::inRange<u16>(0, 6000));
  const auto pieces = *rc::gen::arbitrary<std::vector<u8>>();
  std::vector<std::byte> stream;
  std::vector<std::vector<std::byte>> sent;
  for (const u16 size : sizes) {
    sent.push_back(test::request_bytes(size, sent.size() + 1));
    stream.insert(stream.end(), sent.back().begin(), sent.back().end());
  }
  RC_ASSERT(read_in_pieces(slabs, stream, pieces) == sent);
  RC_ASSERT(slabs.in_use() == 0u);
}

// Whatever a hostile peer does to a valid stream: no crash, no leak, and only whole messages that were sent come out.
RC_GTEST_PROP(FrameReader, SpoiledStreamsYieldNothingThatWasNotSent, ()) {
  Slabs slabs(limits);
  std::vector<std::byte> stream;
  std::vector<std::vector<std::byte>> sent;
  for (u64 i = 0; i < 4; ++i) {
    sent.push_back(test::request_bytes(*rc::gen::inRange<u32>(0, 600), i + 1));
    stream.insert(stream.end(), sent.back().begin(), sent.back().end());
  }
  const auto spoils = *rc::gen::inRange<int>(1, 4);
  for (int i = 0; i < spoils; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, stream.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        stream[at] ^= static_cast<std::byte>(*rc::gen::inRange(1, 256));
        break;
      case 1:
        stream.resize(at + 1);
        break;
      default:
        stream.insert(stream.begin() + static_cast<std::ptrdiff_t>(at), *rc::gen::inRange<std::size_t>(1, 300),
                      std::byte{0});
    }
  }
  const auto pieces = *rc::gen::arbitrary<std::vector<u8>>();
  for (const auto& message : read_in_pieces(slabs, stream, pieces))
    RC_ASSERT(std::find(sent.begin(), sent.end(), message) != sent.end());
  RC_ASSERT(slabs.in_use() == 0u);
}

RC_GTEST_PROP(FrameReader, NoiseIsRefused, ()) {
  Slabs slabs(limits);
  const auto noise = *rc::gen::container<std::vector<u8>>(2000, rc::gen::arbitrary<u8>());
  const Bytes bytes = std::as_bytes(std::span(noise));
  RC_ASSERT(read_in_pieces(slabs, {bytes.begin(), bytes.end()}, {}).empty());
}

}  // namespace
}  // namespace keelson::io
