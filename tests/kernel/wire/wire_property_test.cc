// Properties of everything that reads or writes bytes: round trips, damage is found, nothing is read beyond its end.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "keelson/wire/codec.h"
#include "keelson/wire/prepare.h"
#include "keelson/wire/validate.h"

#include "fuzz/gen/bag.h"

namespace keelson {
namespace {

using gen::Buffer;

const Limits limits = Limits::tiny();

// Choices by RapidCheck: it shrinks each of them towards 0.
gen::Draw choices() {
  return [](u64 bound) { return *rc::gen::resize(100, rc::gen::inRange<u64>(0, bound)); };
}
// Choices by one seed: for what is too large to shrink by itself.
gen::Draw seed() { return gen::seeded(*rc::gen::arbitrary<u64>()); }

Command any_command(const std::vector<Command>& commands) {
  return commands[*rc::gen::inRange<std::size_t>(0, commands.size())];
}

Reject verdict(const Buffer& message, const LinkRules& rules) {
  if (message.size() < header_size) return Reject::size;
  if (const Reject reject = validate_header(message.data(), rules); reject != Reject::none) return reject;
  if (const Reject reject = validate_body(message); reject != Reject::none) return reject;
  return validate_content(message, limits);
}

RC_GTEST_PROP(Message, OfEveryCommandIsValid, ()) {
  const Command command = any_command(gen::wire_commands());
  const Buffer message = gen::Messages(choices()).of(command);
  RC_ASSERT(verdict(message, gen::rules_for(command, limits)) == Reject::none);
}

// decode(encode(x)) = x: a view loaded from a sealed message is the header that was sealed.
template <HeaderView T>
void round_trip(Slabs& slabs) {
  gen::Messages messages(seed());
  T header = as<T>(messages.of(T::command_of).data());
  const Buffer body = messages.bytes(300);
  const u32 body_size = static_cast<u32>(body.size());
  MessageRef message = allocate_message(slabs, body_size);
  copy(body_of(message, body_size), body);
  seal(message, header, body_size);
  const T loaded = message.as<T>();
  RC_ASSERT(loaded.size == header_size + body_size);
  RC_ASSERT(loaded.checksum_body == body_checksum(body));
  RC_ASSERT(equal(message.body(), body));
  header.size = loaded.size;
  header.checksum_body = loaded.checksum_body;
  header.checksum = loaded.checksum;
  RC_ASSERT(equal(bytes_of(header), bytes_of(loaded)));
  RC_ASSERT(header_checksum(message.data()) == loaded.checksum);
  RC_ASSERT(validate_body(message.bytes()) == Reject::none || T::command_of == Command::prepare);
}

RC_GTEST_PROP(Message, EveryViewSurvivesSealAndLoad, ()) {
  Slabs slabs(limits);
  round_trip<Beat>(slabs);
  round_trip<Entries>(slabs);
  round_trip<Request>(slabs);
  round_trip<Reply>(slabs);
  round_trip<ClientPing>(slabs);
  round_trip<ClientPong>(slabs);
  round_trip<Prepare>(slabs);
  round_trip<PrepareOk>(slabs);
  round_trip<Commit>(slabs);
  round_trip<StartViewChange>(slabs);
  round_trip<DoViewChange>(slabs);
  round_trip<StartView>(slabs);
  round_trip<GetView>(slabs);
  round_trip<GetHeaders>(slabs);
  round_trip<Headers>(slabs);
  round_trip<GetPrepares>(slabs);
  round_trip<Unavailable>(slabs);
  round_trip<GetManifest>(slabs);
  round_trip<Manifest>(slabs);
  round_trip<GetSection>(slabs);
  round_trip<Section>(slabs);
  round_trip<GroupState>(slabs);
}

RC_GTEST_PROP(Message, OneFlippedBitAnywhereIsRefused, ()) {
  const Command command = any_command(gen::wire_commands());
  Buffer message = gen::Messages(seed()).of(command);
  const LinkRules rules = gen::rules_for(command, limits);
  const std::size_t bit = *rc::gen::inRange<std::size_t>(0, 8 * message.size());
  message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  RC_ASSERT(verdict(message, rules) != Reject::none);
}

RC_GTEST_PROP(Message, ABurstOfNoiseAnywhereIsRefused, ()) {
  const Command command = any_command(gen::wire_commands());
  const Buffer message = gen::Messages(seed()).of(command);
  Buffer noisy = message;
  const std::size_t at = *rc::gen::inRange<std::size_t>(0, message.size());
  const auto noise = *rc::gen::arbitrary<std::vector<u8>>();
  for (std::size_t i = 0; i < noise.size() && at + i < noisy.size(); ++i) noisy[at + i] = std::byte{noise[i]};
  RC_PRE(noisy != message);
  RC_ASSERT(verdict(noisy, gen::rules_for(command, limits)) != Reject::none);
}

RC_GTEST_PROP(Message, ACutOneIsRefused, ()) {
  const Command command = any_command(gen::wire_commands());
  Buffer message = gen::Messages(seed()).of(command);
  message.resize(*rc::gen::inRange<std::size_t>(0, message.size()));
  RC_ASSERT(validate_body(message) == Reject::size);
  RC_ASSERT(validate_content(message, limits) == Reject::size);
}

// Total: any bytes give a verdict. ASan and UBSan builds make this a test of bounds.
RC_GTEST_PROP(Validate, IsTotalOnAnyBytes, ()) {
  const auto raw = *rc::gen::resize(2000, rc::gen::arbitrary<std::vector<u8>>());
  Buffer message(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) message[i] = std::byte{raw[i]};
  RC_ASSERT(verdict(message, gen::rules_for(Command::prepare, limits)) != Reject::none);
  RC_ASSERT(validate_content(message, limits) != Reject::none);
  RC_ASSERT(validate_record(message, gen::test_cluster, limits) != Reject::none);
}

// The same where every checksum holds, so that each rule of fields and structure meets nonsense.
RC_GTEST_PROP(Validate, IsTotalOnResealedNonsense, ()) {
  const Command command = any_command(gen::all_commands());
  Buffer message = gen::Messages(seed()).of(command);
  const auto changes = *rc::gen::arbitrary<std::vector<std::pair<u16, u8>>>();
  for (const auto& [at, value] : changes) message[at % message.size()] = std::byte{value};
  message.resize(std::max<std::size_t>(header_size, message.size() - *rc::gen::inRange<std::size_t>(0, 100)));
  gen::reseal(message);
  validate_header(message.data(), gen::rules_for(command, limits));
  if (validate_content(message, limits) != Reject::none || header_at(message.data()).command != Command::prepare)
    return;
  Slabs slabs(limits);
  const MessageRef ref = copy_message(slabs, message);
  PrepareBody reader(ref);
  RequestView view;
  u32 count = 0;
  std::size_t size = 0;
  while (reader.next(view)) {
    RC_ASSERT(view.body.data() + view.body.size() <= ref.data() + ref.size());
    RC_ASSERT(body_checksum(view.body) == view.frame.body_checksum);
    size += prepared_size(view.frame.body_size);
    ++count;
  }
  RC_ASSERT(count == as<Prepare>(message.data()).request_count);
  RC_ASSERT(size == message.size() - header_size);
}

RC_GTEST_PROP(PrepareBody, ReadsWhatTheWriterWrote, ()) {
  Slabs slabs(limits);
  gen::Messages messages(seed());
  std::vector<RequestFrame> frames(*rc::gen::inRange<std::size_t>(1, limits.batch_requests_max + 1));
  std::vector<Buffer> bodies;
  u64 size = 0;
  for (auto& frame : frames) {
    bodies.push_back(messages.bytes(200));
    frame.client = {1 + messages.draw(100), 0};
    frame.session = SessionId(1);
    frame.request = RequestNo(1 + messages.draw(100));
    frame.operation = Operation(0x200);
    frame.body_size = static_cast<u32>(bodies.back().size());
    frame.body_checksum = body_checksum(bodies.back());
    size += prepared_size(frame.body_size);
  }
  MessageRef message = allocate_message(slabs, static_cast<u32>(size));
  std::ranges::fill(body_of(message, static_cast<u32>(size)), std::byte{0xff});
  PrepareBodyWriter writer(body_of(message, static_cast<u32>(size)), static_cast<u32>(frames.size()));
  for (std::size_t i = 0; i < frames.size(); ++i) writer.add(frames[i], bodies[i]);
  RC_ASSERT(writer.complete());
  Prepare header = as<Prepare>(messages.of(Command::prepare).data());
  header.operation = PrepareOperation::batch;
  header.request_count = static_cast<u32>(frames.size());
  seal_prepare(message, header, static_cast<u32>(size));
  RC_ASSERT(validate_body(message.bytes()) == Reject::none);
  RC_ASSERT(validate_content(message.bytes(), limits) == Reject::none);
  PrepareBody reader(message);
  RequestView view;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    RC_ASSERT(reader.next(view));
    RC_ASSERT(equal(bytes_of(view.frame), bytes_of(frames[i])));
    RC_ASSERT(equal(view.body, bodies[i]));
  }
  RC_ASSERT(!reader.next(view));
}

Buffer encoded(const EventBag& bag, const ReadsInFlight* reads = nullptr) {
  Buffer out(encode(bag, reads, {}));
  encode(bag, reads, out);
  return out;
}
Buffer encoded(const EffectBag& bag) {
  Buffer out(encode(bag, {}));
  encode(bag, out);
  return out;
}

RC_GTEST_PROP(Codec, AnEventBagComesBackAsItself, ()) {
  Slabs slabs(limits);
  gen::Bags bags(seed(), slabs, limits);
  EventBag bag(limits);
  bags.fill(bag);
  const Buffer bytes = encoded(bag);
  EventBag back(limits);
  RC_ASSERT(decode(bytes, slabs, limits, nullptr, back) == CodecError::none);
  RC_ASSERT(encoded(back) == bytes);
  RC_ASSERT(content_digest(back) == content_digest(bag));
}

RC_GTEST_PROP(Codec, ReadsAreFilledAsTheyWere, ()) {
  Slabs slabs(limits);
  gen::Bags bags(seed(), slabs, limits);
  EffectBag issued(limits);
  bags.fill(issued);
  ReadsInFlight reads(limits);
  reads.issued(issued);
  EventBag bag(limits);
  bags.fill(bag, &issued);
  const Buffer bytes = encoded(bag, &reads);

  std::vector<Buffer> was;
  for (Read& read : issued.reads) {
    was.emplace_back(read.into.begin(), read.into.end());
    std::ranges::fill(read.into, std::byte{0});
  }
  EventBag back(limits);
  RC_ASSERT(decode(bytes, slabs, limits, &reads, back) == CodecError::none);
  for (const Completion& completion : back.completions)
    for (std::size_t i = 0; i < was.size(); ++i)
      if (completion.kind == IoKind::read && completion.id == issued.reads[i].id)
        RC_ASSERT(equal(issued.reads[i].into, was[i]) == (completion.status == IoStatus::ok || all_zero(was[i])));
  reads.completed(back);
  RC_ASSERT(reads.size() == 0u);
}

RC_GTEST_PROP(Codec, AnEffectBagComesBackAsItself, ()) {
  Slabs slabs(limits);
  gen::Bags bags(seed(), slabs, limits);
  EffectBag bag(limits);
  bags.fill(bag);
  const Buffer bytes = encoded(bag);
  RecordedEffects back(limits);
  RC_ASSERT(decode(bytes, slabs, limits, back) == CodecError::none);
  RC_ASSERT(back.read_bytes.size() == bag.reads.size());
  for (std::size_t i = 0; i < bag.reads.size(); ++i) RC_ASSERT(back.read_bytes[i] == bag.reads[i].into.size());
  // Buffers of reads have no bytes to compare: given their sizes back, the bags say the same.
  std::vector<Buffer> buffers;
  for (std::size_t i = 0; i < bag.reads.size(); ++i) buffers.emplace_back(back.read_bytes[i]);
  for (std::size_t i = 0; i < bag.reads.size(); ++i) back.bag.reads[i].into = buffers[i];
  RC_ASSERT(encoded(back.bag) == bytes);
  RC_ASSERT(content_digest(back.bag) == content_digest(bag));
}

RC_GTEST_PROP(Codec, IsTotalOnChangedBytes, ()) {
  Slabs slabs(limits);
  gen::Bags bags(seed(), slabs, limits);
  EventBag events(limits);
  EffectBag effects(limits);
  bags.fill(events);
  bags.fill(effects);
  Buffer bytes = *rc::gen::arbitrary<bool>() ? encoded(events) : encoded(effects);
  const auto changes = *rc::gen::arbitrary<std::vector<std::pair<u16, u8>>>();
  for (const auto& [at, value] : changes) bytes[at % bytes.size()] = std::byte{value};
  const u32 in_use = slabs.in_use();
  EventBag back(limits);
  if (decode(bytes, slabs, limits, nullptr, back) == CodecError::none) {
    RC_ASSERT(encoded(back) == bytes);  // one way to say each bag
  } else {
    RC_ASSERT(back.empty());
    RC_ASSERT(slabs.in_use() == in_use);
  }
  RecordedEffects recorded(limits);
  if (decode(bytes, slabs, limits, recorded) != CodecError::none) RC_ASSERT(recorded.bag.empty());
}

}  // namespace
}  // namespace keelson
