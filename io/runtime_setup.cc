#include "keelson/io/runtime_setup.h"

#include <algorithm>
#include <sys/resource.h>

#include "keelson/io/clock.h"
#include "keelson/io/exit_code.h"

namespace keelson::io {
namespace {

std::string filled_in(const ShardRefusal& refusal) {
  std::string text = refusal.text ? refusal.text : "";
  for (int i = 0; i < 4; ++i) {
    const std::string mark = "{" + std::to_string(i) + "}";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.replace(at, mark.size(), std::to_string(refusal.detail[i]));
  }
  return text;
}

int exit_code_of(const std::string& code) {
  if (code == "superblock_write_failed" || code == "log_write_failed") return exit_code::io_error;
  for (const char* of_identity : {"wrong_cluster", "wrong_node", "wrong_generation", "wrong_shard", "limits_mismatch"})
    if (code == of_identity) return exit_code::configuration;
  return exit_code::bad_data;
}

std::string capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

}  // namespace

BusConfig bus_config(const ServerConfig& config, const Limits& limits) {
  BusConfig bus;
  bus.self.cluster = config.cluster;
  bus.self.node = config.node;
  bus.self.limits = limits.digest();
  const auto entropy = read_entropy();
  bus.self.boot_id = entropy[0];
  bus.seed = entropy[1];
  for (const MemberConfig& member : config.members) {
    bus.self.members.push_back(member.node);
    if (member.node > config.node) bus.targets.push_back({member.address, member.node});
    const auto ip = member.client ? numeric_ip(member.client->host) : std::nullopt;
    if (ip) bus.self.book.entries[bus.self.book.count++] = {member.node, member.client->port, 0, *ip};
  }
  bus.peer = config.peer;
  bus.client = config.client;
  bus.clients_max = config.clients_max;
  bus.handshakes_max = config.handshakes_max;
  bus.reconnect_min = config.reconnect_min;
  bus.reconnect_max = config.reconnect_max;
  return bus;
}

Refusal refusal_of(const ShardRefusal& refusal, const std::string& file) {
  const std::string code = refusal.code ? refusal.code : "unknown";
  // The directory says that it was formatted, so this is damage: formatting again would be the wrong way out.
  if (code == "not_formatted")
    return refuse(exit_code::bad_data, {file,
                                        0,
                                        0,
                                        "DAMAGED_SUPERBLOCK",
                                        "holds no superblock, though the directory was formatted",
                                        {},
                                        {},
                                        "restore the file as a whole, or leave the node off: one formatted anew takes "
                                        "no part in the groups it was in"});
  return refuse(exit_code_of(code), {file, 0, 0, capitals(code), filled_in(refusal), {}, {}, {}});
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace keelson::io
