#include "keelson/sim/report/message_fields.h"

namespace keelson::sim {
namespace {

std::int64_t number(u64 value) { return static_cast<std::int64_t>(value); }
std::int64_t part_of(const Digest& digest) { return number(digest.lo & 0xffffffff); }
std::int64_t part_of(u64 word) { return number(word & 0xffffffff); }

// One list of fields per command, read once for their names and once per message for their values.
class Reader {
 public:
  explicit Reader(std::vector<std::string>& names) : names_(&names) {}
  explicit Reader(std::vector<std::int64_t>& values) : values_(&values) {}

  Reader& add(const char* name, std::int64_t value) {
    if (names_) names_->emplace_back(name);
    if (values_) values_->push_back(value);
    return *this;
  }
  template <class T>
  Reader& add(const char* name, const T& value)
    requires requires { value.raw(); }
  {
    return add(name, number(value.raw()));
  }
  Reader& add(const char* name, u64 value) { return add(name, number(value)); }
  Reader& add(const char* name, u32 value) { return add(name, number(value)); }

 private:
  std::vector<std::string>* names_ = nullptr;
  std::vector<std::int64_t>* values_ = nullptr;
};

void read_client_command(Reader& reader, const std::byte* bytes, Command command) {
  if (command == Command::request) {
    const auto m = as<Request>(bytes);
    reader.add("client#", part_of(m.client.lo)).add("session", m.session).add("request", m.request);
    reader.add("ack_floor", m.ack_floor).add("operation#", m.operation);
  } else if (command == Command::reply) {
    const auto m = as<Reply>(bytes);
    reader.add("client#", part_of(m.client.lo)).add("session", m.session).add("request", m.request);
    reader.add("op", m.op).add("status", u64{m.status});
  }
}

void read_log_command(Reader& reader, const std::byte* bytes, Command command) {
  if (command == Command::prepare) {
    const auto m = as<Prepare>(bytes);
    reader.add("op", m.op).add("commit", m.commit).add("requests", m.request_count);
    reader.add("operation", u64{static_cast<u16>(m.operation)}).add("identity#", part_of(m.identity));
    reader.add("parent#", part_of(m.parent)).add("checkpoint", m.checkpoint_op);
  } else if (command == Command::prepare_ok) {
    const auto m = as<PrepareOk>(bytes);
    reader.add("op_from", m.op_from).add("op", m.op).add("applied", m.commit_min).add("head", m.head);
    reader.add("checkpoint", m.checkpoint_op).add("identity#", part_of(m.identity));
  } else if (command == Command::commit) {
    const auto m = as<Commit>(bytes);
    reader.add("commit", m.commit).add("checkpoint", m.checkpoint_op).add("identity#", part_of(m.identity));
  }
}

void read_view_command(Reader& reader, const std::byte* bytes, Command command) {
  if (command == Command::start_view_change) {
    const auto m = as<StartViewChange>(bytes);
    reader.add("reason", u64{m.reason}).add("target_view", m.target_view);
  } else if (command == Command::do_view_change) {
    const auto m = as<DoViewChange>(bytes);
    reader.add("op", m.op).add("applied", m.commit_min).add("commit_max", m.commit_max).add("log_view", m.log_view);
    reader.add("headers", m.header_count).add("checkpoint", m.checkpoint_op).add("tail", u64{m.tail});
    reader.add("present#", part_of(m.present)).add("nack#", part_of(m.nack)).add("suspect#", part_of(m.suspect));
  } else if (command == Command::start_view) {
    const auto m = as<StartView>(bytes);
    reader.add("op", m.op).add("commit", m.commit).add("headers", m.header_count).add("checkpoint", m.checkpoint_op);
  } else if (command == Command::get_view) {
    reader.add("head", as<GetView>(bytes).head);
  }
}

void read_repair_command(Reader& reader, const std::byte* bytes, Command command) {
  if (command == Command::get_headers) {
    const auto m = as<GetHeaders>(bytes);
    reader.add("op_min", m.op_min).add("op_max", m.op_max);
  } else if (command == Command::headers) {
    reader.add("floor", as<Headers>(bytes).floor);
  } else if (command == Command::get_prepares) {
    reader.add("count", as<GetPrepares>(bytes).count);
  } else if (command == Command::unavailable) {
    const auto m = as<Unavailable>(bytes);
    reader.add("op", m.op).add("floor", m.floor).add("what", u64{static_cast<u16>(m.what)}).add("section", m.section);
  } else if (command == Command::get_manifest) {
    const auto m = as<GetManifest>(bytes);
    reader.add("checkpoint", m.checkpoint_op).add("part", m.part);
  } else if (command == Command::manifest) {
    const auto m = as<Manifest>(bytes);
    reader.add("checkpoint", m.checkpoint_op).add("part", m.part).add("parts", m.parts);
  } else if (command == Command::get_section) {
    const auto m = as<GetSection>(bytes);
    reader.add("section", m.section).add("offset", m.offset);
  } else if (command == Command::section) {
    const auto m = as<Section>(bytes);
    reader.add("section", m.section).add("offset", m.offset).add("total", m.total);
  }
}

// The first of what travels together: of one group there is no more.
void read_entries(Reader& reader, const std::byte* bytes, Command command) {
  if (command != Command::beat && command != Command::entries) return;
  const u32 count = command == Command::beat ? as<Beat>(bytes).count : as<Entries>(bytes).count;
  const bool there = count > 0 && header_at(bytes).size >= header_size + sizeof(GroupEntry);
  const auto first = there ? load<GroupEntry>(bytes + header_size) : GroupEntry{};
  reader.add("entries", count).add("entry_kind", there ? u64{static_cast<u8>(first.kind)} : u64{0});
  reader.add("entry_view", first.view).add("entry_op", first.op).add("entry_commit", first.commit);
}

void read(Reader& reader, const std::byte* bytes, Command command) {
  const auto header = header_at(bytes);
  reader.add("view", header.view).add("bytes", header.size).add("flags", u64{header.flags});
  read_client_command(reader, bytes, command);
  read_log_command(reader, bytes, command);
  read_view_command(reader, bytes, command);
  read_repair_command(reader, bytes, command);
  read_entries(reader, bytes, command);
}

}  // namespace

std::vector<std::string> fields_of(Command command) {
  alignas(16) const std::byte nothing[header_size + sizeof(GroupEntry)]{};
  std::vector<std::string> names;
  Reader reader(names);
  read(reader, nothing, command);
  return names;
}

void values_of(const std::byte* message, std::vector<std::int64_t>& values) {
  values.clear();
  Reader reader(values);
  read(reader, message, load<Command>(message + offsetof(Header, command)));
}

}  // namespace keelson::sim
