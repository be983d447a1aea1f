// Any bytes as a message: every check gives a verdict within bounds, and what passes all of them can be read in full.
#include "keelson/wire/validate.h"

#include "fuzz/gen/message.h"
#include "fuzz/gen/require.h"

namespace {

using namespace keelson;
using gen::require;

struct Verdicts {
  Reject header;
  Reject body;
  Reject content;
  Reject record;
};

Verdicts judge(const gen::Buffer& message, const Limits& limits) {
  Verdicts out{Reject::size, Reject::size, Reject::size, Reject::size};
  if (message.size() >= header_size) {
    const Author peer = info(header_at(message.data()).command).value_or(CommandInfo{}).author;
    const LinkRules rules{gen::test_cluster, peer == Author::client ? Author::client : Author::node, gen::test_node,
                          limits.message_size_max};
    out.header = validate_header(message.data(), rules);
  }
  out.body = validate_body(message);
  out.content = validate_content(message, limits);
  out.record = validate_record(message, gen::test_cluster, limits);
  return out;
}

void read_whole_prepare(const gen::Buffer& message, const Limits& limits) {
  Slabs slabs(limits);
  const MessageRef ref = copy_message(slabs, message);
  PrepareBody reader(ref);
  RequestView view;
  u64 size = header_size;
  u32 count = 0;
  for (; reader.next(view); ++count) {
    require(body_checksum(view.body) == view.frame.body_checksum);
    size += prepared_size(view.frame.body_size);
  }
  require(size == message.size() && count == ref.as<Prepare>().request_count);
}

// Whoever gets past a check relies on this.
void rely_on(const gen::Buffer& message, const Verdicts& verdicts, const Limits& limits) {
  const bool arrived = verdicts.header == Reject::none && verdicts.body == Reject::none;
  if (arrived && header_at(message.data()).size == message.size())
    require(header_at(message.data()).cluster == gen::test_cluster && message.size() <= limits.message_size_max);
  if (verdicts.content != Reject::none || !arrived) return;
  switch (header_at(message.data()).command) {
    case Command::prepare: {
      const auto prepare = as<Prepare>(message.data());
      require(identity_of(prepare) == prepare.identity && prepare.entry_flags == 0);
      require(verdicts.record == Reject::none);
      read_whole_prepare(message, limits);
      break;
    }
    case Command::do_view_change: {
      const auto dvc = as<DoViewChange>(message.data());
      require(dvc.header_count >= 1 && dvc.header_count <= 64 && dvc.header_count - 1 <= dvc.op.raw());
      break;
    }
    case Command::start_view: {
      const auto sv = as<StartView>(message.data());
      require(sv.header_count >= 1 && sv.op - (sv.header_count - 1) <= sv.commit);
      for (u32 i = 0; i < sv.header_count; ++i)
        require(as<Prepare>(message.data() + header_size * (i + 1)).op == sv.op - i);
      break;
    }
    default:
      break;
  }
}

void one(const gen::Buffer& message, const Limits& limits) { rely_on(message, judge(message, limits), limits); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Limits limits = Limits::tiny();
  const Bytes input = std::as_bytes(std::span(data, size));
  if (size > limits.message_size_max + 256) return 0;
  gen::Buffer message(input.begin(), input.end());
  one(message, limits);
  gen::reseal(message);  // no fuzzer guesses a checksum: past them by hand
  one(message, limits);
  if (message.size() < header_size) return 0;
  store(message.data() + offsetof(Header, cluster), gen::test_cluster);
  store(message.data() + offsetof(Header, protocol), protocol_version);
  gen::reseal(message);
  one(message, limits);
  return 0;
}
