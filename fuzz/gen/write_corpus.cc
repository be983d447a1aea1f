// Writes the seed corpus: one valid message per command, a few bags, choices for damaged data files. fuzz_write_corpus
// FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz/gen/bag.h"

namespace {

using namespace keelson;

void write(const std::filesystem::path& path, const gen::Buffer& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: fuzz_write_corpus FOLDER\n", stderr), 64;
  const std::filesystem::path folder = argv[1];
  const Limits limits = Limits::tiny();
  for (const Command command : gen::all_commands())
    write(folder / "decode_message" / name_of(command), gen::Messages(gen::seeded(7)).of(command));
  Slabs slabs(limits);
  for (u64 seed = 1; seed <= 4; ++seed) {
    gen::Bags bags(gen::seeded(seed), slabs, limits);
    EventBag events(limits);
    EffectBag effects(limits);
    bags.fill(events);
    bags.fill(effects);
    gen::Buffer bytes(encode(events, nullptr, {}));
    encode(events, nullptr, bytes);
    write(folder / "decode_bag" / ("events_" + std::to_string(seed)), bytes);
    bytes.resize(encode(effects, {}));
    encode(effects, bytes);
    write(folder / "decode_bag" / ("effects_" + std::to_string(seed)), bytes);
  }
  // Choices of what happens to a data file: one thing in the first of them, then any number.
  for (u64 seed = 0; seed < 40; ++seed) {
    Prng prng(seed);
    gen::Buffer bytes(16 + 8 * (seed % 5));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(prng.below(256));
    bytes[0] = static_cast<std::byte>(seed % 2);
    if (seed < 20) bytes[1] = std::byte{1};
    if (seed < 20) bytes[2] = static_cast<std::byte>(seed / 2);
    write(folder / "open_store" / ("start_" + std::to_string(seed)), bytes);
  }
  return 0;
}
