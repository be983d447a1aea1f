#include "keelson/sim/sites.h"

#include <algorithm>

#include "keelson/base/checksum.h"

namespace keelson::sim {

std::optional<Site> site_named(std::string_view name) {
  const auto* found = std::find(std::begin(site_names), std::end(site_names), name);
  if (found == std::end(site_names)) return {};
  return static_cast<Site>(found - std::begin(site_names));
}

Digest site_hash() {
  DigestStream names;
  for (const auto name : site_names) {
    names.add(std::as_bytes(std::span(name)));
    names.add_value('\n');
  }
  return names.finish();
}

}  // namespace keelson::sim
