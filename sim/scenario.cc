#include "keelson/sim/scenario.h"

#include <algorithm>
#include <fstream>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <sstream>

#include "keelson/base/checksum.h"
#include "keelson/base/limits.h"
#include "keelson/sim/scenario_rules.h"
#include "keelson/sim/scenario_swarm.h"

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;
using proto::FieldDescriptor;

constexpr u64 default_phase_ms = 60'000;

class FirstError final : public proto::io::ErrorCollector {
 public:
  void AddError(int line, proto::io::ColumnNumber column, const std::string& text) override {
    if (!problem) problem = Problem{{}, Position{line + 1, column + 1}, "SCN_SYNTAX", text};
  }
  std::optional<Problem> problem;
};

// The text alone: syntax, names, types and ranges.
std::optional<pb::Scenario> parse_alone(std::string_view text, const ProtoText& checked, Problems& problems) {
  problems.insert(problems.end(), checked.problems().begin(), checked.problems().end());
  if (!checked.problems().empty()) return {};
  pb::Scenario scenario;
  FirstError error;
  proto::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.AllowPartialMessage(true);
  if (parser.ParseFromString(std::string(text), &scenario)) return scenario;
  // ProtoText should have found it; said all the same, with TextFormat's less exact place.
  if (!error.problem) error.problem = Problem{{}, {}, "SCN_SYNTAX", "not a scenario"};
  error.problem->file = checked.file();
  problems.push_back(*error.problem);
  return {};
}

std::string stem_of(const std::string& file) { return std::filesystem::path(file).stem().string(); }

// The base, which must be a sound scenario by itself; its problems are told with its own file name.
std::optional<pb::Scenario> base_of(const pb::Scenario& scenario, const ProtoText& text, const BaseReader& bases,
                                    Problems& problems) {
  const auto found = bases ? bases(scenario.base()) : std::nullopt;
  const Position at = text.at({"base"});
  if (!found) {
    problems.push_back({text.file(), at, "SCN_BASE", "base: no such file", scenario.base(),
                        "\"folder/name\" of a scenario, without .textproto"});
    return {};
  }
  const ProtoText base_text(found->text, *pb::Scenario::descriptor(), found->file);
  auto base = parse_alone(found->text, base_text, problems);
  if (!base) return {};
  if (base->has_base()) {
    problems.push_back(
        {text.file(), at, "SCN_BASE", "base: has a base itself", scenario.base(), "a scenario without a base"});
    return {};
  }
  check_rules(*base, base_text, stem_of(found->file), problems);
  return base;
}

bool is_setting(const FieldDescriptor& field) {
  const auto* type = field.message_type();
  return type == pb::Network::descriptor() || type == pb::Clock::descriptor() || type == pb::Disk::descriptor() ||
         type == pb::Mailbox::descriptor() || type == pb::Turn::descriptor();
}

// Writes default values into the fields that have one. Not into the settings of a phase, which override what they name;
// nor into fields without an explicit default, where absence means something.
void write_defaults(proto::Message& message) {
  const auto& schema = *message.GetDescriptor();
  const auto& access = *message.GetReflection();
  for (int i = 0; i < schema.field_count(); ++i) {
    const FieldDescriptor& field = *schema.field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (&schema == pb::Phase::descriptor() && is_setting(field)) continue;
      if (field.is_repeated())
        for (int k = 0; k < access.FieldSize(message, &field); ++k)
          write_defaults(*access.MutableRepeatedMessage(&message, &field, k));
      else if (access.HasField(message, &field))
        write_defaults(*access.MutableMessage(&message, &field));
    } else if (!field.is_repeated() && field.has_default_value() && !access.HasField(message, &field)) {
      switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_UINT32:
          access.SetUInt32(&message, &field, field.default_value_uint32());
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          access.SetUInt64(&message, &field, field.default_value_uint64());
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          access.SetEnum(&message, &field, field.default_value_enum());
          break;
        default:
          check(false);  // the schema has no other type with a default
      }
    }
  }
}

void clear_lists_given(proto::Message& under, const proto::Message& over) {
  const auto& access = *over.GetReflection();
  std::vector<const FieldDescriptor*> given;
  access.ListFields(over, &given);
  for (const auto* field : given) {
    if (field->is_repeated())
      access.ClearField(&under, field);
    else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && access.HasField(under, field))
      clear_lists_given(*access.MutableMessage(&under, field), access.GetMessage(over, field));
  }
}

Limits limits_of(pb::LimitsProfile::Kind profile) {
  return profile == pb::LimitsProfile::TINY ? Limits::tiny() : Limits::standard();
}

template <class Message>
void replace_if(std::optional<Message>& target, bool present, const Message& with) {
  if (present) target = with;
}

// Scenario and Phase have the same fault and setting fields.
template <class Place>
void overlay(PhaseFaults& faults, const Place& place) {
  merge_over(faults.network, place.network());
  merge_over(faults.clock, place.clock());
  merge_over(faults.disk, place.disk());
  merge_over(faults.mailbox, place.mailbox());
  merge_over(faults.turn, place.turn());
  replace_if(faults.partition, place.has_partition(), place.partition());
  replace_if(faults.crash, place.has_crash(), place.crash());
  replace_if(faults.pause, place.has_pause(), place.pause());
  replace_if(faults.power_cut, place.has_power_cut(), place.power_cut());
  replace_if(faults.client_crash, place.has_client_crash(), place.client_crash());
}

void overlay_mild_background(PhaseFaults& faults) {
  faults.network.set_loss_ppm(1'000);
  faults.network.set_duplicate_ppm(1'000);
  faults.network.set_reset_ppm(100);
  faults.partition.emplace();
  faults.partition->set_every_ms(20'000);
  faults.partition->set_for_ms(500);
}

}  // namespace

tl::expected<pb::Scenario, Problems> parse_scenario(std::string_view text, const std::string& file,
                                                    const BaseReader& bases) {
  Problems problems;
  const ProtoText checked(text, *pb::Scenario::descriptor(), file);
  auto scenario = parse_alone(text, checked, problems);
  if (scenario && scenario->has_base()) {
    auto merged = base_of(*scenario, checked, bases, problems);
    if (merged) {
      merge_over(*merged, *scenario);
      merged->clear_base();
      scenario = std::move(merged);
    }
  }
  if (scenario) check_rules(*scenario, checked, stem_of(file), problems);
  if (problems.empty()) return *scenario;
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.file != b.file ? a.file < b.file : a.at < b.at; });
  return tl::unexpected(std::move(problems));
}

tl::expected<pb::Scenario, Problems> load_scenario(const std::filesystem::path& file) {
  const auto read = [](const std::filesystem::path& path) -> std::optional<std::string> {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) return {};
    return std::move(text).str();
  };
  std::error_code ignored;
  const auto text = std::filesystem::is_regular_file(file, ignored) ? read(file) : std::nullopt;
  if (!text) {
    return tl::unexpected(Problems{{file.string(),
                                    {},
                                    "SCN_FILE",
                                    "cannot be read",
                                    {},
                                    "a scenario file",
                                    "keelson sim --list shows those there are"}});
  }
  const auto folder = file.parent_path();
  const auto bases = [&](std::string_view base) -> std::optional<BaseText> {
    for (const auto& root : {folder / "..", folder}) {
      const auto path = (root / base).concat(".textproto").lexically_normal();
      if (const auto found = read(path)) return BaseText{path.string(), *found};
    }
    return {};
  };
  return parse_scenario(*text, file.string(), bases);
}

void merge_over(proto::Message& under, const proto::Message& over) {
  clear_lists_given(under, over);
  under.MergeFrom(over);
}

pb::Scenario resolve(const pb::Scenario& scenario, const Overrides& overrides, Tape& tape) {
  pb::Scenario resolved = scenario;
  if (overrides.limits) resolved.mutable_cluster()->set_limits(*overrides.limits);
  if (resolved.swarm().on()) draw_swarm(resolved, tape.stream("swarm"));
  resolved.clear_swarm();

  auto& cluster = *resolved.mutable_cluster();
  if (!cluster.has_nodes()) cluster.set_nodes(cluster.replicas());
  const auto clients_max = limits_of(cluster.limits()).sessions_max;
  cluster.set_clients(std::min(cluster.clients(), clients_max));
  if (resolved.workload().empty()) resolved.add_workload();
  for (auto& workload : *resolved.mutable_workload()) {
    if (workload.kind_case() == pb::Workload::KIND_NOT_SET) workload.mutable_kv();
    workload.set_clients(std::min(workload.has_clients() ? workload.clients() : cluster.clients(), cluster.clients()));
  }
  if (resolved.phase().empty()) {
    auto& phase = *resolved.add_phase();
    phase.set_name("run");
    phase.set_duration_ms(default_phase_ms);
  }
  resolved.mutable_expect();
  resolved.mutable_budget();
  resolved.mutable_network()->mutable_delay_us();
  resolved.mutable_clock();
  resolved.mutable_disk();
  resolved.mutable_mailbox();
  resolved.mutable_turn();
  write_defaults(resolved);
  return resolved;
}

std::string print(const pb::Scenario& scenario) {
  std::string text;
  proto::TextFormat::PrintToString(scenario, &text);
  return text;
}

std::string serialise(const pb::Scenario& scenario) {
  std::string bytes;
  proto::io::StringOutputStream output(&bytes);
  {
    proto::io::CodedOutputStream coded(&output);
    coded.SetSerializationDeterministic(true);
    check(scenario.SerializePartialToCodedStream(&coded));
  }
  return bytes;
}

Digest scenario_hash(const pb::Scenario& scenario) {
  const auto bytes = serialise(scenario);
  return digest_of(std::as_bytes(std::span(bytes)));
}

PhaseFaults faults_of(const pb::Scenario& scenario, const pb::Phase* phase) {
  PhaseFaults faults;
  const auto background = phase != nullptr && phase->has_background() ? phase->background() : scenario.background();
  if (background == pb::Background::MILD) overlay_mild_background(faults);
  overlay(faults, scenario);
  if (phase != nullptr) overlay(faults, *phase);
  return faults;
}

}  // namespace keelson::sim
