// Writes the seed corpus: one valid message per command, a few bags, choices for damaged data files and for tapes,
// drawn scenarios, tapes as files, both sides of handshakes; and the dictionary of scenario files. fuzz_write_corpus
// FUZZ_FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "keelson/io/handshake.h"
#include "keelson/sim/tape_file.h"

#include "fuzz/gen/bag.h"
#include "fuzz/gen/scenario.h"
#include "fuzz/gen/tape.h"

namespace {

using namespace keelson;

void write(const std::filesystem::path& path, Bytes bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}
void write(const std::filesystem::path& path, std::string_view text) { write(path, std::as_bytes(std::span(text))); }

gen::Buffer noise(u64 seed, std::size_t size) {
  Prng prng(seed);
  gen::Buffer bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(prng.below(256));
  return bytes;
}

void write_messages(const std::filesystem::path& folder) {
  for (const Command command : gen::all_commands())
    write(folder / name_of(command), gen::Messages(gen::seeded(7)).of(command));
}

void write_bags(const std::filesystem::path& folder) {
  const Limits limits = Limits::tiny();
  Slabs slabs(limits);
  for (u64 seed = 1; seed <= 4; ++seed) {
    gen::Bags bags(gen::seeded(seed), slabs, limits);
    EventBag events(limits);
    EffectBag effects(limits);
    bags.fill(events);
    bags.fill(effects);
    gen::Buffer bytes(encode(events, nullptr, {}));
    encode(events, nullptr, bytes);
    write(folder / ("events_" + std::to_string(seed)), bytes);
    bytes.resize(encode(effects, {}));
    encode(effects, bytes);
    write(folder / ("effects_" + std::to_string(seed)), bytes);
  }
}

// Choices of what happens to a data file: one thing in the first of them, then any number.
void write_starts(const std::filesystem::path& folder) {
  for (u64 seed = 0; seed < 40; ++seed) {
    gen::Buffer bytes = noise(seed, 16 + 8 * (seed % 5));
    bytes[0] = static_cast<std::byte>(seed % 2);
    if (seed < 20) bytes[1] = std::byte{1};
    if (seed < 20) bytes[2] = static_cast<std::byte>(seed / 2);
    write(folder / ("start_" + std::to_string(seed)), bytes);
  }
}

// Which scenario, over what, and some episodes: few at first.
void write_runs(const std::filesystem::path& folder) {
  for (u64 seed = 0; seed < 40; ++seed) {
    gen::Buffer bytes = noise(1000 + seed, 128);
    bytes[0] = static_cast<std::byte>(seed % 5);
    bytes[1] = std::byte{0};
    bytes[2] = static_cast<std::byte>(1 + seed / 5 * 3);
    write(folder / ("run_" + std::to_string(seed)), bytes);
  }
}

void write_scenarios(const std::filesystem::path& folder) {
  for (u64 seed = 1; seed <= 12; ++seed) {
    sim::pb::Scenario scenario = gen::Scenarios(gen::seeded(seed)).scenario();
    if (seed % 3 == 0) scenario.set_base("a/sound");
    if (seed % 4 == 0) scenario.mutable_swarm()->set_on(true);
    write(folder / ("drawn_" + std::to_string(seed)), sim::print(scenario));
  }
  write(folder / "broken", "name: \"x\" network { loss_ppm: \"5\" } clutser { replicas: [3, 4] } base: \"a/broken\"");
  write(folder / "own_tape",
        "name: \"x\" tape { seed: 7 entry { stream: \"nemesis\" site: \"nemesis.wait\" n: 1 value: 5 } }");
}

void write_tapes(const std::filesystem::path& folder) {
  sim::TapeFile file;
  file.seed = 7;
  const sim::pb::Scenario scenario = gen::Scenarios(gen::seeded(3)).scenario();
  file.scenario = sim::serialise(scenario);
  file.scenario_hash = sim::scenario_hash(scenario);
  sim::Tape tape(sim::SeededTape{7}, sim::Recording::on);
  for (const char* name : {"net/0.0>1.0", "nemesis"})
    for (int i = 0; i < 20; ++i) tape.stream(name).below(i % 3 == 0 ? sim::Site::net_loss : sim::Site::net_delay, 1000);
  file.streams = tape.recording();
  write(folder / "recorded", *sim::write_tape(file));
  file.complete = true;
  file.outcome = sim::TapeOutcome{{1, 2}, 300, 4'000'000, sim::Verdict::safety, 99};
  write(folder / "complete", *sim::write_tape(file));
  file.complete = false;
  file.streams = sim::by_address(tape.recording(), sim::QuietDecisions::drop);
  file.base = sim::TapeBase::seeded(8);
  write(folder / "sparse", *sim::write_tape(file));
  file.scenario.clear();
  file.streams = std::vector<sim::SparseStream>{};
  file.outcome.reset();
  write(folder / "empty", *sim::write_tape(file));
}

// What each side of a handshake hears, as the target control_frames takes it: side and plane, pieces, mends, bytes.
void write_handshakes(const std::filesystem::path& folder) {
  using namespace keelson::io;
  const auto node = [](u16 id) {
    LinkSelf self;
    self.cluster = gen::test_cluster;
    self.node = NodeId(id);
    self.life = {Generation(1), Incarnation(7)};
    self.limits = Limits::tiny().digest();
    self.members = {NodeId(0), NodeId(1), NodeId(2)};
    return self;
  };
  for (const Plane plane : {Plane::replica, Plane::client}) {
    LinkSelf dialing = node(0);
    if (plane == Plane::client) dialing = {};
    const LinkSelf accepting = node(2);
    const LinkSelf target = node(1);
    for (const bool target_dials : {false, true}) {
      const LinkSelf& from = target_dials && plane == Plane::replica ? target : dialing;
      const LinkSelf& to = target_dials ? accepting : target;
      Handshake::Output said, answered, heard;
      Handshake dialer = Handshake::dial(plane, from, no_node, 5, said);
      Handshake acceptor = Handshake::accept(plane, to);
      const auto move = [&](Handshake::Output& wire, Handshake& into, Handshake::Output& out) {
        if ((&into == &dialer) == target_dials) heard.insert(heard.end(), wire.begin(), wire.end());
        for (Bytes left = wire; !left.empty() && into.wants() > 0; left = left.subspan(link_size))
          into.feed(left.first(link_size), out);
        wire.clear();
      };
      for (int i = 0; i < 4; ++i) {
        move(said, acceptor, answered);
        if (acceptor.state() == Handshake::State::judging) acceptor.admit(answered);
        move(answered, dialer, said);
      }
      const Command command =
          plane == Plane::client ? (target_dials ? Command::reply : Command::request) : Command::prepare;
      const gen::Buffer message = gen::Messages(gen::seeded(7)).of(command);
      heard.insert(heard.end(), message.begin(), message.end());
      for (u8 mends = 0; mends < 4; ++mends) {
        gen::Buffer input{static_cast<std::byte>((target_dials ? 1 : 0) + (plane == Plane::client ? 2 : 0)),
                          static_cast<std::byte>(mends * 60), std::byte{mends}};
        input.insert(input.end(), heard.begin(), heard.end());
        write(folder / (std::string(name_of(plane)) + (target_dials ? "_dials_" : "_") + std::to_string(mends)), input);
      }
    }
  }
}

// Every word that a scenario file may contain.
void add_words(const google::protobuf::Descriptor& message, std::set<std::string>& words) {
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    const bool nested = field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!words.insert(field.name() + (nested ? " { " : ": ")).second && !nested) continue;
    if (nested && field.message_type()->name() != "Injected") add_words(*field.message_type(), words);
    if (field.enum_type() != nullptr)
      for (int k = 0; k < field.enum_type()->value_count(); ++k) words.insert(field.enum_type()->value(k)->name());
  }
}

void write_dictionary(const std::filesystem::path& file) {
  std::set<std::string> words{"} ", "[", "]", "# ", "a/sound", "a/broken", "name: \\\"x\\\" ", "18446744073709551615"};
  add_words(*sim::pb::Scenario::descriptor(), words);
  std::string text = "# Words of scenario files, for -dict=; made by fuzz_write_corpus.\n";
  for (const std::string& word : words) text += "\"" + word + "\"\n";
  write(file, text);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: fuzz_write_corpus FUZZ_FOLDER\n", stderr), 64;
  const std::filesystem::path corpus = std::filesystem::path(argv[1]) / "corpus";
  write_messages(corpus / "decode_message");
  write_bags(corpus / "decode_bag");
  write_starts(corpus / "open_store");
  write_runs(corpus / "run_tape");
  write_scenarios(corpus / "scenario_text");
  write_tapes(corpus / "tape_file");
  write_handshakes(corpus / "control_frames");
  write_dictionary(std::filesystem::path(argv[1]) / "dict" / "scenario_text.dict");
  return 0;
}
