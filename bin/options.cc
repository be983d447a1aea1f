#include "options.h"

#include <iostream>

#include "keelson/io/json.h"

namespace keelson::bin {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const auto end = text.find(separator, at);
    parts.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    if (end == std::string::npos) return parts;
    at = end + 1;
  }
}

std::string check_addresses(const std::string& text) {
  for (const std::string& part : split(text, ','))
    if (!io::parse_address(part))
      return "not an address: '" + part + "'; expected HOST:PORT[,HOST:PORT...], for instance 127.0.0.1:7700";
  return {};
}

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "not a duration: '" + text + "'; expected for instance 500ms or 5s";
}

}  // namespace

void ClusterOptions::add_to(CLI::App& command) {
  command.add_option("--cluster", addresses, "nodes to ask, any of them; the others are found through them")
      ->type_name("HOST:PORT[,...]")
      ->capture_default_str()
      ->check(CLI::Validator(check_addresses, ""));
  command.add_option("--timeout", timeout, "how long one command may take")
      ->type_name("DURATION")
      ->capture_default_str()
      ->check(CLI::Validator(check_duration, ""));
  command.add_option("--group", group, "the key-value map: 1 .. cluster.kv_groups")->capture_default_str();
}

io::ClientOptions ClusterOptions::client() const {
  io::ClientOptions options;
  for (const std::string& part : split(addresses, ',')) options.addresses.push_back(*io::parse_address(part));
  options.timeout = *parse_duration(timeout);
  return options;
}

std::string json_error(const std::string& code, const std::string& message) {
  return "{\"error\":{\"code\":" + io::json_string(code) + ",\"message\":" + io::json_string(message) + "}}";
}

void tell(const io::Problems& problems, bool json, const std::string& consequence) {
  for (const io::Problem& p : problems) {
    if (!json) {
      std::cerr << to_string(p) << "\n";
      continue;
    }
    std::cerr << "{\"error\":{\"code\":" << io::json_string(p.code) << ",\"message\":" << io::json_string(p.what)
              << ",\"file\":" << io::json_string(p.file) << ",\"line\":" << p.line << ",\"column\":" << p.column
              << ",\"got\":" << io::json_string(p.got) << ",\"expected\":" << io::json_string(p.expected)
              << ",\"hint\":" << io::json_string(p.hint) << "}}\n";
  }
  if (!json)
    std::cerr << problems.size() << (problems.size() == 1 ? " problem; " : " problems; ") << consequence << std::endl;
}

}  // namespace keelson::bin
