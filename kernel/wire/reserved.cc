#include "keelson/wire/reserved.h"

namespace keelson {
namespace {

constexpr u8 known_flags = flag::repair | flag::standby | flag::transfer;
constexpr u8 known_request_flags = 1;  // no_forward

// No early exit: a few words are faster to combine than to branch on.
bool zero_between(const std::byte* header, u32 from, u32 to) {
  std::byte any{0};
  for (u32 i = from; i < to; ++i) any |= header[i];
  return any == std::byte{0};
}

bool may_be_timed(Command command) {
  const auto known = info(command);
  return command == Command::beat || (known && known->author == Author::link);
}

// The command area's bytes without a meaning (docs/protocol.md). Link commands lay theirs out in io.
bool unused_area_zero(const std::byte* h, Command command) {
  switch (command) {
    case Command::beat:
      return zero_between(h, 184, 256);
    case Command::entries:
      return zero_between(h, 128, 168) && zero_between(h, 172, 256);
    case Command::request:
      return zero_between(h, 174, 175) && zero_between(h, 176, 256);
    case Command::reply:
      return zero_between(h, 180, 192) && zero_between(h, 208, 256);
    case Command::client_ping:
    case Command::get_headers:
      return zero_between(h, 144, 256);
    case Command::client_pong:
      return zero_between(h, 146, 256);
    case Command::prepare:
      return zero_between(h, 198, 200) && zero_between(h, 224, 255);
    case Command::prepare_ok:
      return zero_between(h, 188, 192) && zero_between(h, 208, 256);
    case Command::commit:
      return zero_between(h, 192, 256);
    case Command::start_view_change:
      return zero_between(h, 130, 132) && zero_between(h, 136, 256);
    case Command::do_view_change:
      return zero_between(h, 201, 256);
    case Command::start_view:
      return zero_between(h, 188, 192) && zero_between(h, 200, 256);
    case Command::get_view:
      return zero_between(h, 154, 256);
    case Command::headers:
      return zero_between(h, 136, 256);
    case Command::get_prepares:
      return zero_between(h, 132, 256);
    case Command::unavailable:
      return zero_between(h, 130, 136) && zero_between(h, 172, 256);
    case Command::get_manifest:
    case Command::section:
      return zero_between(h, 156, 256);
    case Command::manifest:
      return zero_between(h, 160, 256);
    case Command::get_section:
      return zero_between(h, 152, 256);
    case Command::group_state:
      return zero_between(h, 188, 256);
    case Command::group_checkpoint:
      return zero_between(h, 196, 200) && zero_between(h, 208, 256);
    case Command::hello:
    case Command::welcome:
    case Command::confirm:
    case Command::ready:
    case Command::reject:
    case Command::ping:
    case Command::pong:
    case Command::goodbye:
    case Command::group_create:
    case Command::group_tombstone:
    case Command::body_map:
    case Command::sync_progress:
    case Command::relocated_prepare:
      return true;
  }
  return false;
}

}  // namespace

bool reserved_ok(const std::byte* bytes) {
  const auto header = header_at(bytes);
  if (header.reserved != 0) return false;
  const bool tells = header.first_batch != BatchNo() || header.stored_batch != BatchNo();
  if (tells && !tells_disk(header.command)) return false;
  if ((header.flags & ~known_flags) != 0) return false;
  if (header.command == Command::request && (as<Request>(bytes).request_flags & ~known_request_flags) != 0)
    return false;
  if (header.sent != 0 && !may_be_timed(header.command)) return false;
  return unused_area_zero(bytes, header.command);
}

}  // namespace keelson
