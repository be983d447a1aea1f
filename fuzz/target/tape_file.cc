// Any bytes as a .ktape file: it is refused with an offset within the file, or it decodes; then it encodes again to a
// file that says the same, prints, and drives a tape.
#include <cstring>
#include <google/protobuf/stubs/logging.h>
#include <sstream>

#include "keelson/base/checksum.h"
#include "keelson/sim/run/recording.h"
#include "keelson/sim/tape_text.h"

#include "fuzz/gen/require.h"

namespace {

using namespace keelson;
using namespace keelson::sim;
using gen::require;

void expect_drives(const TapeFile& file) {
  Tape tape(source_of(file), Recording::on);
  for (const char* name : {"nemesis", "net/0.0>1.0", "disk/0.0"}) {
    const Stream stream = tape.stream(name);
    for (std::size_t site = 0; site < site_count; ++site) {
      for (const u64 bound : {u64{2}, ppm_one}) {
        const u64 value = stream.draw(static_cast<Site>(site), bound);
        require(value < bound, "a decision out of its bound");
      }
    }
  }
  if (const auto* sparse = std::get_if<std::vector<SparseStream>>(&file.streams)) {
    const SparseTape original{*sparse, file.base};
    const SparseTape read = tape_of(text_of(original));
    require(read.base == file.base, "another base as text");
  }
}

void one(const std::string& bytes) {
  auto file = parse_tape(bytes);
  if (!file)
    return require(file.error().offset <= bytes.size() && !file.error().what.empty(), "an error without a place");
  file->unknown_sites_dropped = 0;  // they are not written again
  const auto written = write_tape(*file);
  require(written.has_value(), written ? "" : "cannot be written: " + written.error().describe());
  const auto again = parse_tape(*written);
  require(again.has_value(), again ? "" : "written, and refused: " + again.error().describe());
  require(*again == *file, "written, and another tape");
  require(*write_tape(*again) == *written, "two files of one tape");
  std::ostringstream text;
  print_tape(text, *file, {"", true});
  compare(*file, RunReport{});
  expect_drives(*file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const logs = google::protobuf::SetLogHandler(nullptr);  // a scenario may be no UTF-8
  static_cast<void>(logs);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  one(bytes);
  u64 checksum = 0;
  if (size < sizeof checksum) return 0;
  const u64 covered = size - sizeof checksum;  // no fuzzer guesses it
  checksum = check64_of(std::as_bytes(std::span(bytes.data(), covered)), 0);
  std::memcpy(bytes.data() + covered, &checksum, sizeof checksum);
  one(bytes);
  return 0;
}
