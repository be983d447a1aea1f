#include "keelson/io/bus_counters.h"

namespace keelson::io {
namespace {

void add(std::string& text, const std::string& name, u64 value) {
  if (value == 0) return;
  if (!text.empty()) text += ' ';
  text += name + "=" + std::to_string(value);
}

}  // namespace

const char* name_of(CloseCause cause) {
  switch (cause) {
#define X(name, text)    \
  case CloseCause::name: \
    return #name;
    KEELSON_CLOSE_CAUSES(X)
#undef X
  }
  return "unknown";
}

const char* text_of(CloseCause cause) {
  switch (cause) {
#define X(name, text)    \
  case CloseCause::name: \
    return text;
    KEELSON_CLOSE_CAUSES(X)
#undef X
  }
  return "";
}

std::string to_string(const BusCounters& c) {
  std::string text;
  for (std::size_t i = 1; i < BusCounters::reject_count; ++i)
    add(text, std::string("malformed{") + name_of(static_cast<Reject>(i)) + "}", c.malformed[i]);
  for (std::size_t i = 1; i < close_cause_count; ++i)
    add(text, std::string("closed{") + name_of(static_cast<CloseCause>(i)) + "}", c.closed[i]);
  add(text, "malformed{not_allowed}", c.not_allowed);
  add(text, "accepted", c.accepted);
  add(text, "accept_errors", c.accept_errors);
  add(text, "dial_failures", c.dial_failures);
  add(text, "handshakes_done", c.handshakes_done);
  add(text, "handshakes_refused", c.handshakes_refused);
  add(text, "messages_in", c.messages_in);
  add(text, "messages_out", c.messages_out);
  add(text, "bytes_in", c.bytes_in);
  add(text, "bytes_out", c.bytes_out);
  add(text, "send_refused", c.send_refused);
  add(text, "send_not_connected", c.send_not_connected);
  add(text, "send_dropped_at_close", c.send_dropped_at_close);
  add(text, "reads_paused", c.reads_paused);
  return text;
}

}  // namespace keelson::io
