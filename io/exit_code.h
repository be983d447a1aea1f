// What the process ends with. The numbers are part of the interface (docs/operations.md).
#pragma once

namespace keelson::io::exit_code {

inline constexpr int done = 0;
inline constexpr int operation_failed = 1;  // the command ran; what it asked for was refused
inline constexpr int unknown_outcome = 5;   // it may have happened
inline constexpr int usage = 64;
inline constexpr int bad_data = 65;  // a data file that can't be used
inline constexpr int internal = 70;
inline constexpr int system = 71;         // ports, threads, descriptors
inline constexpr int cannot_create = 73;  // not formatted, or formatted already
inline constexpr int io_error = 74;
inline constexpr int temporary = 75;  // locked, or nobody answered: repeating is safe
inline constexpr int permission = 77;
inline constexpr int configuration = 78;

}  // namespace keelson::io::exit_code
