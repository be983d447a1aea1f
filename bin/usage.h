// What a command line that can't be run is answered with: what is wrong, what was probably meant, what is allowed.
#pragma once

#include <CLI/CLI.hpp>

namespace keelson::bin {

// Prints, and returns the exit code: 0 where help was asked for, 64 otherwise.
int teach(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv);

// How many letters to add, drop or change, to make one word of the other.
std::size_t edit_distance(const std::string& a, const std::string& b);

}  // namespace keelson::bin
