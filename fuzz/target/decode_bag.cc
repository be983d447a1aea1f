// Any bytes as a bag: decoding is total, leaks no slab, and what decodes encodes to the same bytes.
#include "keelson/wire/codec.h"

#include "fuzz/gen/message.h"
#include "fuzz/gen/require.h"

namespace {

using namespace keelson;
using gen::require;

// Messages in a bag are sealed by the input's author or by nobody: as they stand they rarely pass. Looks for what could
// be one behind its size, and seals it.
void reseal_messages(gen::Buffer& bytes) {
  for (std::size_t at = 0; at + 4 + header_size <= bytes.size(); ++at) {
    const u64 size = load<u32>(bytes.data() + at);
    const std::byte* header = bytes.data() + at + 4;
    if (size < header_size || size > bytes.size() - at - 4 || header_at(header).cluster != gen::test_cluster) continue;
    gen::Buffer message(header, header + size);
    gen::reseal(message);
    std::copy(message.begin(), message.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at) + 4);
    at += 3 + size;
  }
}

void one(const gen::Buffer& bytes, Slabs& slabs, const Limits& limits) {
  {
    static EventBag bag(limits);
    if (decode(bytes, slabs, limits, nullptr, bag) == CodecError::none) {
      gen::Buffer again(encode(bag, nullptr, {}));
      require(encode(bag, nullptr, again) == bytes.size() && again == bytes);
      content_digest(bag);
    }
    bag.clear();
  }
  {
    static RecordedEffects recorded(limits);
    if (decode(bytes, slabs, limits, recorded) == CodecError::none) {
      require(recorded.bag.reads.size() == recorded.read_bytes.size());
      content_digest(recorded.bag);
    }
    recorded.clear();
  }
  require(slabs.in_use() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Limits limits = Limits::tiny();
  static Slabs& slabs = *new Slabs(limits);  // outlives the bags, which are static too
  const Bytes input = std::as_bytes(std::span(data, size));
  gen::Buffer bytes(input.begin(), input.end());
  one(bytes, slabs, limits);
  reseal_messages(bytes);
  one(bytes, slabs, limits);
  return 0;
}
