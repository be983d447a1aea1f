// Valid messages with one thing changed and every checksum right again: what a rule of content has to find by itself.
#pragma once

#include <gtest/gtest.h>

#include "keelson/wire/validate.h"

#include "fuzz/gen/message.h"

namespace keelson {

using gen::Buffer;

inline const Limits limits = Limits::tiny();

inline Buffer valid(Command command, u64 seed = 1) { return gen::Messages(gen::seeded(seed)).of(command); }

// The verdict on a valid message after one change to its header. Every checksum and identity is right again.
template <HeaderView T, class Change>
Reject after(Change change, u64 seed = 1) {
  Buffer message = valid(T::command_of, seed);
  T header = as<T>(message.data());
  change(header, message);
  store(message.data(), header);
  gen::reseal(message);
  return validate_content(message, limits);
}

// The same for the n-th 256-byte entry of the body.
template <HeaderView T, class Change>
Reject after_entry(std::size_t n, Change change, u64 seed = 1) {
  return after<T>(
      [&](T&, Buffer& message) {
        std::byte* at = message.data() + header_size * (n + 1);
        Prepare entry = as<Prepare>(at);
        change(entry);
        store(at, entry);
      },
      seed);
}

// A seed whose message has what a test needs.
template <HeaderView T, class Wanted>
u64 seed_where(Wanted wanted) {
  for (u64 seed = 1; seed < 10'000; ++seed) {
    const Buffer message = valid(T::command_of, seed);
    if (wanted(as<T>(message.data()), message)) return seed;
  }
  ADD_FAILURE() << "no seed gives such a " << name_of(T::command_of);
  return 1;
}

inline Prepare entry_of(const Buffer& message, std::size_t n) {
  return as<Prepare>(message.data() + header_size * (n + 1));
}

template <HeaderView T, class Change>
Reject record_after(Change change, u64 seed = 1) {
  Buffer record = valid(T::command_of, seed);
  T header = as<T>(record.data());
  change(header, record);
  store(record.data(), header);
  gen::reseal(record);
  return validate_record(record, gen::test_cluster, limits);
}

}  // namespace keelson
