// The registry of decision sites: what can be drawn from a tape, by number in memory and by name everywhere else.
//
// Who uses it: everybody who draws, and tape files. New sites go to the end of sites.def. Not here: where a decision is
// made or to whom it happens; that is the stream's name.
#pragma once

#include <optional>
#include <string_view>

#include "keelson/base/types.h"

namespace keelson::sim {

enum class Site : u16 {
#define KEELSON_SIM_SITE(enumerator, name) enumerator,
#include "keelson/sim/sites.def"
#undef KEELSON_SIM_SITE
};

inline constexpr std::string_view site_names[] = {
#define KEELSON_SIM_SITE(enumerator, name) name,
#include "keelson/sim/sites.def"
#undef KEELSON_SIM_SITE
};
inline constexpr std::size_t site_count = std::size(site_names);

constexpr std::string_view name_of(Site site) { return site_names[static_cast<std::size_t>(site)]; }

std::optional<Site> site_named(std::string_view name);

// Of all names in order: two builds with the same hash agree on every site's meaning.
Digest site_hash();

}  // namespace keelson::sim
