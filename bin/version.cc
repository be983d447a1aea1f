#include "version.h"

#include "revision.h"

namespace keelson::bin {

std::string_view version() { return KEELSON_VERSION; }
std::string_view revision() { return KEELSON_REVISION; }

}  // namespace keelson::bin
