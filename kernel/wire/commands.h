// Every command of the wire and every kind of stored record: number, who may author it, smallest and largest size.
//
// Who uses it: validate.h (size and author), drivers (the send class of a command), the shard's dispatch. A number is
// never reused. Not here: the fields of a command (header.h).
#pragma once

#include <optional>

#include "keelson/base/types.h"

namespace keelson {

enum class Author : u8 { link, node, client, storage };

// What a full send queue gives up first: beats and notices are replaced by newer ones, replies and prepares are not.
enum class SendClass : u8 { control, protocol, repair, client };

// X(name, number, author, body_min, body_max, send_class); body_max 0 with body_min 0: no body; ~0u: up to the limit.
#define KEELSON_COMMANDS(X)                        \
  X(hello, 1, link, 256, 256, control)             \
  X(welcome, 2, link, 256, 256, control)           \
  X(confirm, 3, link, 256, 256, control)           \
  X(beat, 4, node, 0, ~0u, control)                \
  X(entries, 5, node, 64, ~0u, protocol)           \
  X(ready, 6, link, 256, 256, control)             \
  X(reject, 7, link, 256, 256, control)            \
  X(ping, 8, link, 0, 0, control)                  \
  X(pong, 9, link, 0, 0, control)                  \
  X(goodbye, 10, link, 256, 256, control)          \
  X(request, 16, client, 0, ~0u, client)           \
  X(reply, 17, node, 0, ~0u, client)               \
  X(client_ping, 19, client, 0, 0, client)         \
  X(client_pong, 20, node, 0, 0, client)           \
  X(prepare, 32, node, 0, ~0u, protocol)           \
  X(prepare_ok, 33, node, 0, 0, protocol)          \
  X(commit, 34, node, 0, 0, protocol)              \
  X(start_view_change, 40, node, 0, 0, protocol)   \
  X(do_view_change, 41, node, 256, ~0u, protocol)  \
  X(start_view, 42, node, 256, ~0u, protocol)      \
  X(get_view, 43, node, 0, 0, protocol)            \
  X(get_headers, 48, node, 0, 0, repair)           \
  X(headers, 49, node, 0, ~0u, repair)             \
  X(get_prepares, 50, node, 24, ~0u, repair)       \
  X(unavailable, 53, node, 0, 0, repair)           \
  X(get_manifest, 56, node, 0, 0, repair)          \
  X(manifest, 57, node, 1, ~0u, repair)            \
  X(get_section, 58, node, 0, 0, repair)           \
  X(section, 59, node, 1, ~0u, repair)             \
  X(group_state, 192, storage, 0, ~0u, repair)     \
  X(group_checkpoint, 193, storage, 0, 0, repair)  \
  X(group_create, 194, storage, 0, ~0u, repair)    \
  X(group_tombstone, 195, storage, 0, ~0u, repair) \
  X(body_map, 196, storage, 0, ~0u, repair)        \
  X(sync_progress, 197, storage, 0, ~0u, repair)   \
  X(relocated_prepare, 198, storage, 0, ~0u, repair)

enum class Command : u8 {
#define X(name, number, author, body_min, body_max, send_class) name = number,
  KEELSON_COMMANDS(X)
#undef X
};

struct CommandInfo {
  const char* name;
  Author author;
  u32 body_min;
  u32 body_max;
  SendClass send_class;
};

// None for a number that is no command.
constexpr std::optional<CommandInfo> info(Command command) {
  switch (command) {
#define X(name, number, author, body_min, body_max, send_class) \
  case Command::name:                                           \
    return CommandInfo{#name, Author::author, body_min, body_max, SendClass::send_class};
    KEELSON_COMMANDS(X)
#undef X
  }
  return std::nullopt;
}
constexpr const char* name_of(Command command) {
  const auto known = info(command);
  return known ? known->name : "unknown";
}

// Where the author says what its disk holds: with all that promises something, and with beats.
constexpr bool tells_disk(Command command) {
  return command == Command::beat || command == Command::entries || command == Command::prepare_ok ||
         command == Command::start_view_change || command == Command::do_view_change || command == Command::start_view;
}

// What a prepare carries.
enum class PrepareOperation : u16 {
  none = 0,
  root = 1,
  batch = 2,
  pulse = 3,
  checkpoint = 4,
  reconfigure = 5,
  upgrade = 6,
  noop = 7,
  seal = 8
};

// What a request asks for: 1-15 the session layer, 0x100 and above machines (256 each: queue, kv, catalog, embedders).
using Operation = Id<struct OperationTag, u16>;
inline constexpr Operation operation_register{1};
inline constexpr Operation operation_unregister{2};
inline constexpr Operation operation_keepalive{3};

}  // namespace keelson
