#include "duration.h"

#include <charconv>

namespace keelson::bin {

std::optional<Duration> parse_duration(const std::string& text) {
  u64 number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  if (error != std::errc() || number == 0 || number > 86'400'000) return std::nullopt;
  if (unit == "ms") return milliseconds(number);
  if (unit == "s") return seconds(number);
  if (unit == "m" && number <= 1'440'000) return seconds(number * 60);
  if (unit == "h" && number <= 24'000) return seconds(number * 3600);
  return std::nullopt;
}

}  // namespace keelson::bin
