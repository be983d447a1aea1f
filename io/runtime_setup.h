// What the runtime needs before its first turn, and what it says when there won't be one. No state.
#pragma once

#include "keelson/io/bus.h"
#include "keelson/io/config.h"
#include "keelson/store/refusal.h"

namespace keelson::io {

BusConfig bus_config(const ServerConfig& config, const Limits& limits);
// What a shard refused to run for, as an operator reads it.
Refusal refusal_of(const ShardRefusal& refusal, const std::string& file);
void raise_descriptor_limit();

}  // namespace keelson::io
