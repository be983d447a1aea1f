#include "keelson/io/config.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "keelson/io/server.pb.h"
#include "keelson/io/text_proto.h"

namespace keelson::io {
namespace {

namespace pb = google::protobuf;
using Places = pb::TextFormat::ParseInfoTree;

constexpr u32 segment_mib = 4;
constexpr u32 wal_mib_min = 64;
static_assert(u64{Limits::standard().wal_segment_pages} * Limits::standard().wal_page_bytes == segment_mib << 20);

std::string range_text(u64 min, u64 max) { return std::to_string(min) + " to " + std::to_string(max); }

// One message of the file: reads fields by name, remembers where they stand, and collects what is wrong.
class Section {
 public:
  Section(const pb::Message& message, const Places* places, std::string path, const std::string& file,
          Problems& problems, pb::TextFormat::ParseLocation at)
      : message_(message), places_(places), path_(std::move(path)), file_(file), problems_(problems), at_(at) {}

  // The nested message of that name; an empty one at the place of this one where it is missing.
  Section in(const std::string& name, int index = -1) const {
    const auto* field = field_of(name);
    const auto& reflection = *message_.GetReflection();
    const auto* nested = places_ ? places_->GetTreeForNested(field, index) : nullptr;
    const auto& inner =
        index < 0 ? reflection.GetMessage(message_, field) : reflection.GetRepeatedMessage(message_, field, index);
    return {inner, nested, path_ + name + ".", file_, problems_, place_of(name, index)};
  }
  bool has(const std::string& name) const { return message_.GetReflection()->HasField(message_, field_of(name)); }
  std::string text(const std::string& name) const {
    return message_.GetReflection()->GetString(message_, field_of(name));
  }
  bool flag(const std::string& name) const { return message_.GetReflection()->GetBool(message_, field_of(name)); }
  int enumerator(const std::string& name) const {
    return message_.GetReflection()->GetEnumValue(message_, field_of(name));
  }
  int count(const std::string& name) const { return message_.GetReflection()->FieldSize(message_, field_of(name)); }

  u32 number(const std::string& name, u32 min, u32 max) const {
    const u32 value = message_.GetReflection()->GetUInt32(message_, field_of(name));
    if (value < min || value > max)
      problem(name, "CFG_RANGE", "out of range", std::to_string(value), range_text(min, max), "");
    return value;
  }
  Duration milliseconds_of(const std::string& name, u32 min, u32 max) const {
    return milliseconds(number(name, min, max));
  }
  bool require(const std::string& name, const std::string& expected) const {
    if (has(name)) return true;
    problem(name, "CFG_MISSING", "missing", "", expected, "");
    return false;
  }
  std::optional<Address> address(const std::string& name, bool numeric) const {
    const auto parsed = parse_address(text(name));
    if (parsed && (!numeric || numeric_ip(parsed->host))) return parsed;
    problem(name, "CFG_ADDRESS", numeric ? "not a numeric ip:port" : "not a host:port", text(name),
            "for instance 127.0.0.1:7700 or [::1]:7700", "");
    return std::nullopt;
  }
  void problem(const std::string& name, std::string code, const std::string& what, std::string got,
               std::string expected, std::string hint, int index = -1) const {
    const auto at = place_of(name, index);
    problems_.push_back({file_, at.line + 1, at.column + 1, std::move(code), path_ + name + ": " + what, std::move(got),
                         std::move(expected), std::move(hint)});
  }

 private:
  const pb::FieldDescriptor* field_of(const std::string& name) const {
    const auto* field = message_.GetDescriptor()->FindFieldByName(name);
    check(field != nullptr);
    return field;
  }
  pb::TextFormat::ParseLocation place_of(const std::string& name, int index) const {
    const auto* field = field_of(name);
    // Asking for an element that isn't there is fatal to protobuf.
    if (!places_ || (field->is_repeated() && (index < 0 || index >= count(name)))) return at_;
    const auto at = places_->GetLocation(field, index);
    return at.line < 0 ? at_ : at;
  }

  const pb::Message& message_;
  const Places* places_;
  std::string path_;
  const std::string& file_;
  Problems& problems_;
  pb::TextFormat::ParseLocation at_;  // of the message itself: where a missing field would be
};

class Reader {
 public:
  explicit Reader(const Section& root) : root_(root) {}

  ServerConfig read() {
    read_cluster(root_.in("cluster"));
    read_data(root_.in("data"));
    read_listeners();
    read_client(root_.in("client"));
    read_bus(root_.in("bus"));
    config_.log_level = static_cast<LogLevel>(root_.in("log").enumerator("level"));
    return std::move(config_);
  }

 private:
  void read_cluster(const Section& cluster) {
    if (cluster.require("id", "a uuid that all nodes share, for instance from uuidgen")) {
      const auto id = parse_uuid(cluster.text("id"));
      if (!id || id->is_zero()) {
        cluster.problem("id", "CFG_RANGE", "not a uuid", cluster.text("id"), "8-4-4-4-12 hexadecimal digits, not all 0",
                        "");
      } else {
        config_.cluster = *id;
      }
    }
    config_.kv_groups = static_cast<u16>(cluster.number("kv_groups", 1, Limits::standard().groups_max));
    read_members(cluster);
    if (!cluster.require("node_id", "this node's place in cluster.member")) return;
    const u32 node = cluster.number("node_id", 0, Limits::standard().replicas_max - 1);
    config_.node = NodeId(static_cast<u16>(node));
    if (!ids_.empty() && !ids_.contains(node))
      cluster.problem("node_id", "CFG_MEMBER_SELF_MISSING", "no cluster.member has this id", std::to_string(node), "",
                      "add this node to the list, on every node");
  }

  void read_members(const Section& cluster) {
    const int count = cluster.count("member");
    const u32 most = Limits::standard().replicas_max;
    if (count < 1 || static_cast<u32>(count) > most) {
      cluster.problem("member", count ? "CFG_RANGE" : "CFG_MISSING", "the list of all nodes", std::to_string(count),
                      range_text(1, most) + " members", "", count ? count - 1 : -1);
      if (count == 0) return;
    }
    for (int i = 0; i < count; ++i) read_member(cluster.in("member", i), static_cast<u32>(count));
    std::sort(config_.members.begin(), config_.members.end(),
              [](const auto& a, const auto& b) { return a.node < b.node; });
  }

  void read_member(const Section& member, u32 count) {
    MemberConfig read;
    if (member.require("node_id", range_text(0, count - 1))) {
      const u32 id = member.number("node_id", 0, count - 1);
      read.node = NodeId(static_cast<u16>(id));
      if (!ids_.insert(id).second)
        member.problem("node_id", "CFG_MEMBER_DUPLICATE", "given to two members", std::to_string(id), "", "");
    }
    if (member.require("address", "host:port where the other nodes reach it"))
      if (const auto address = member.address("address", false)) {
        read.address = *address;
        claim(member, "address", *address);
      }
    if (member.has("client_address"))
      if (const auto address = member.address("client_address", true)) {
        read.client = address;
        claim(member, "client_address", *address);
      }
    config_.members.push_back(std::move(read));
  }

  // Two of the cluster's addresses being equal is always a slip of the pen.
  void claim(const Section& section, const std::string& name, const Address& address) {
    if (!addresses_.insert(address).second)
      section.problem(name, "CFG_ADDRESS_DUPLICATE", "used twice in the member list", to_string(address), "", "");
  }

  void read_data(const Section& data) {
    if (data.require("dir", "an absolute path")) {
      config_.data_dir = data.text("dir");
      if (config_.data_dir.empty() || config_.data_dir[0] != '/')
        data.problem("dir", "CFG_PATH", "not an absolute path", config_.data_dir, "", "");
    }
    config_.strict_ack = data.flag("strict_ack");
    config_.wal_mib = data.number("wal_mib", wal_mib_min, 16384);
    if (config_.wal_mib % segment_mib != 0)
      data.problem("wal_mib", "CFG_RANGE", "not a multiple of " + std::to_string(segment_mib),
                   std::to_string(config_.wal_mib), "", "");
  }

  void read_listeners() {
    const Section replica = root_.in("replica");
    const Section client = root_.in("client");
    if (replica.has("listen")) {
      if (const auto address = replica.address("listen", true)) config_.replica_listen = *address;
    } else if (const MemberConfig* self = find_self(); self && !self->address.host.empty()) {
      config_.replica_listen = self->address;
      if (!numeric_ip(self->address.host))
        replica.problem("listen", "CFG_MISSING", "missing, and this member's address is no numeric one", "", "ip:port",
                        "");
    }
    if (const auto address = client.address("listen", true)) config_.client_listen = *address;
    if (config_.replica_listen.port != 0 && config_.replica_listen == config_.client_listen)
      client.problem("listen", "CFG_ADDRESS_DUPLICATE", "the replica plane listens there",
                     to_string(config_.client_listen), "", "");
    const bool cluster_insecure = root_.in("cluster").flag("insecure");
    if (!cluster_insecure && config_.members.size() > 1 && is_public(config_.replica_listen))
      replica.problem("listen", "REPLICA_UNAUTHENTICATED", "off loopback, and there is no authentication yet",
                      to_string(config_.replica_listen), "",
                      "whoever reaches this port can join the cluster; say cluster.insecure: true where the network "
                      "keeps others out");
    if (!client.flag("insecure") && is_public(config_.client_listen))
      client.problem("listen", "PLAINTEXT_PUBLIC", "off loopback, and there is no authentication yet",
                     to_string(config_.client_listen), "",
                     "whoever reaches this port can read and write; say client.insecure: true where the network keeps "
                     "others out");
  }

  static bool is_public(const Address& address) {
    const auto ip = numeric_ip(address.host);
    return ip && !is_loopback(*ip);
  }
  const MemberConfig* find_self() const {
    for (const auto& member : config_.members)
      if (member.node == config_.node) return &member;
    return nullptr;
  }

  void read_client(const Section& client) {
    config_.clients_max = client.number("connections_max", 1, Limits::standard().clients_max);
    config_.client.send = {u64{client.number("queue_mib", 2, 1024)} << 20, client.number("queue_messages", 16, 65536)};
    config_.client.stall = client.milliseconds_of("stall_ms", 1000, 3'600'000);
  }

  void read_bus(const Section& bus) {
    ConnectionConfig& peer = config_.peer;
    peer.connect = bus.milliseconds_of("connect_ms", 100, 60'000);
    peer.handshake = bus.milliseconds_of("handshake_ms", 100, 60'000);
    peer.ping_interval = bus.milliseconds_of("ping_interval_ms", 100, 60'000);
    peer.ping_timeout = bus.milliseconds_of("ping_timeout_ms", 100, 60'000);
    peer.stall = bus.milliseconds_of("stall_ms", 1000, 600'000);
    peer.send = {u64{bus.number("peer_queue_mib", 4, 1024)} << 20, bus.number("peer_queue_messages", 64, 65536)};
    config_.handshakes_max = bus.number("handshakes_max", 1, 65536);
    config_.reconnect_min = bus.milliseconds_of("reconnect_ms_min", 10, 60'000);
    config_.reconnect_max = bus.milliseconds_of("reconnect_ms_max", 10, 60'000);
    if (peer.connect > peer.handshake) relation(bus, "connect_ms", "longer than bus.handshake_ms");
    if (peer.ping_timeout < peer.ping_interval * 2)
      relation(bus, "ping_timeout_ms", "less than twice bus.ping_interval_ms");
    if (config_.reconnect_min > config_.reconnect_max) relation(bus, "reconnect_ms_min", "above bus.reconnect_ms_max");
    config_.client.connect = peer.connect;
    config_.client.handshake = peer.handshake;
    peer.message_size_max = config_.client.message_size_max = Limits::standard().message_size_max;
  }
  static void relation(const Section& section, const std::string& name, const std::string& what) {
    section.problem(name, "CFG_RELATION", what, "", "", "");
  }

  const Section& root_;
  ServerConfig config_;
  std::set<u32> ids_;
  std::set<Address> addresses_;
};

}  // namespace

tl::expected<ServerConfig, Problems> parse_config(const std::string& text, const std::string& file) {
  config::v1::Server message;
  Places places;
  Problems problems = parse_text(text, file, message, &places);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  const Section root(message, &places, "", file, problems, {0, 0});
  ServerConfig config = Reader(root).read();
  if (!problems.empty()) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return tl::unexpected(std::move(problems));
  }
  config.file = file;
  return config;
}

tl::expected<ServerConfig, Problems> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || !text)
    return tl::unexpected(Problems{{path,
                                    0,
                                    0,
                                    "CFG_PATH",
                                    std::string("cannot read: ") + std::strerror(errno),
                                    {},
                                    {},
                                    "give the configuration with --config FILE; `keelson playground --write-only` "
                                    "writes ready ones"}});
  return parse_config(text.str(), path);
}

Limits limits_of(const ServerConfig& config) {
  Limits limits = Limits::standard();
  limits.wal_segments = config.wal_mib / segment_mib;
  return limits;
}

Tunables tunables_of(const ServerConfig& config) {
  Tunables tunables = Tunables::standard();
  tunables.strict_ack = config.strict_ack;
  return tunables;
}

std::string uuid_of(ClusterId cluster) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(cluster.hi >> 32),
                static_cast<unsigned>(cluster.hi >> 16 & 0xffff), static_cast<unsigned>(cluster.hi & 0xffff),
                static_cast<unsigned>(cluster.lo >> 48),
                static_cast<unsigned long long>(cluster.lo & 0xffff'ffff'ffffULL));
  return text;
}

std::optional<ClusterId> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  u64 words[2] = {};
  int digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return std::nullopt;
      continue;
    }
    const bool decimal = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!decimal && (lower < 'a' || lower > 'f')) return std::nullopt;
    const u64 value = static_cast<u64>(decimal ? c - '0' : lower - 'a' + 10);
    u64& word = words[digits++ / 16];
    word = word << 4 | value;
  }
  return ClusterId{words[1], words[0]};
}

}  // namespace keelson::io
