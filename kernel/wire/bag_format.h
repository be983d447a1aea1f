// What both halves of the bag codec agree on, beside the order of fields: kinds of bags, and which numbers are values.
//
// Who uses it: encode.cc and decode.cc. The switches have no default, so that a new enumerator breaks the build here
// before it breaks a replay. Not here: the layout (docs/protocol.md).
#pragma once

#include "keelson/wire/effect.h"

namespace keelson::bag_format {

enum class BagKind : u8 { events = 1, effects = 2 };

constexpr bool known(ControlVerb value) {
  switch (value) {
    case ControlVerb::transfer:
    case ControlVerb::drain:
      return true;
  }
  return false;
}
constexpr bool known(IoStatus value) {
  switch (value) {
    case IoStatus::ok:
    case IoStatus::io_error:
    case IoStatus::no_space:
    case IoStatus::cancelled:
      return true;
  }
  return false;
}
constexpr bool known(IoKind value) {
  switch (value) {
    case IoKind::write:
    case IoKind::read:
      return true;
  }
  return false;
}
constexpr bool known(PeerEventKind value) {
  switch (value) {
    case PeerEventKind::connected:
    case PeerEventKind::lost:
    case PeerEventKind::client_connected:
    case PeerEventKind::client_lost:
    case PeerEventKind::send_dropped:
      return true;
  }
  return false;
}
constexpr bool known(FrameKind value) {
  switch (value) {
    case FrameKind::to_group:
    case FrameKind::to_client:
      return true;
  }
  return false;
}
constexpr bool known(FrameEventKind value) {
  switch (value) {
    case FrameEventKind::received:
    case FrameEventKind::dropped:
      return true;
  }
  return false;
}
constexpr bool known(Zone value) {
  switch (value) {
    case Zone::superblock:
    case Zone::wal:
    case Zone::index:
    case Zone::checkpoint:
      return true;
  }
  return false;
}
constexpr bool known(IoClass value) {
  switch (value) {
    case IoClass::wal:
    case IoClass::read_client:
    case IoClass::repair:
    case IoClass::checkpoint:
    case IoClass::scrub:
      return true;
  }
  return false;
}
constexpr bool known(NotifyKind value) {
  switch (value) {
    case NotifyKind::ready:
    case NotifyKind::refused:
    case NotifyKind::became_primary:
    case NotifyKind::lost_primary:
    case NotifyKind::fenced:
    case NotifyKind::stuck:
    case NotifyKind::storage_full:
    case NotifyKind::waiting:
    case NotifyKind::no_space:
    case NotifyKind::space_again:
    case NotifyKind::old_disk:
    case NotifyKind::storage_freed:
      return true;
  }
  return false;
}
constexpr bool known(CloseReason value) {
  switch (value) {
    case CloseReason::bad_message:
    case CloseReason::unauthorized:
    case CloseReason::too_many_errors:
      return true;
  }
  return false;
}
constexpr bool known(Outcome value) {
  switch (value) {
    case Outcome::executed:
    case Outcome::not_executed:
    case Outcome::unknown:
      return true;
  }
  return false;
}
constexpr bool known(Status) { return true; }  // a status of a newer release is one too

}  // namespace keelson::bag_format
