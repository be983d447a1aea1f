#include "keelson/io/log.h"

#include <cstring>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "keelson/vsr/group_view.h"

namespace keelson::io {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string where(const BusNote& note) {
  std::string text =
      note.node == no_node ? std::string("a ") + name_of(note.plane) : "node " + std::to_string(note.node.raw());
  if (note.address.port != 0) text += " at " + to_string(note.address);
  return text;
}

void log_refusal(const BusNote& note) {
  const RejectInfo why = info(note.reject);
  const auto level = why.configuration_fault ? spdlog::level::err : spdlog::level::warn;
  spdlog::log(level, "bus.refused {} {}: {}: {}", note.by_peer ? "by" : "of", where(note), why.name, why.text);
}

}  // namespace

void start_log(LogLevel level, const std::string& name) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_color_sink_st>());
  logger->set_level(level_of(level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log_note(const BusNote& note) {
  switch (note.kind) {
    case BusNote::Kind::connected:
      return spdlog::info("bus.peer_up {} generation {} incarnation {}", where(note), note.life.generation.raw(),
                          note.life.incarnation.raw());
    case BusNote::Kind::lost:
      return spdlog::log(note.cause == CloseCause::stopping ? spdlog::level::info : spdlog::level::warn,
                         "bus.peer_lost {}: {} ({})", where(note), name_of(note.cause), text_of(note.cause));
    case BusNote::Kind::refused:
      return log_refusal(note);
    case BusNote::Kind::dial_failed:
      return spdlog::warn("bus.dial_failed {}: {}; trying on", where(note),
                          note.error ? std::strerror(note.error) : "no such host");
  }
}

void log_notify(const Notify& notify) {
  const u64 group = notify.group.raw();
  switch (notify.kind) {
    case NotifyKind::ready:
      return spdlog::debug("kernel.ready group {}", group);
    case NotifyKind::refused:
      return spdlog::debug("kernel.refused group {}", group);  // the caller says why
    case NotifyKind::became_primary:
      return spdlog::info("kernel.became_primary group {} view {}", group, notify.a);
    case NotifyKind::lost_primary:
      return spdlog::info("kernel.lost_primary group {} view {}", group, notify.a);
    case NotifyKind::fenced:
      return spdlog::critical("kernel.fenced group {} ({}), head {}", group,
                              name_of(static_cast<FenceReason>(notify.a)), notify.b);
    case NotifyKind::stuck:
      return spdlog::error("kernel.stuck group {} op {}, from {} reports", group, notify.a, notify.b);
    case NotifyKind::storage_full:
      return spdlog::error(
          "kernel.storage_full checkpoints take {} of {} blocks, and the next ones need room beside them: what makes "
          "the state larger is refused until some of it is deleted",
          notify.a, notify.b);
    case NotifyKind::storage_freed:
      return spdlog::info("kernel.storage_freed checkpoints take {} of {} blocks: all requests are taken again",
                          notify.a, notify.b);
    case NotifyKind::no_space:
      return spdlog::error(
          "kernel.no_space the device has no space for checkpoints: free some before the log is full; it is tried "
          "again");
    case NotifyKind::space_again:
      return spdlog::info("kernel.space_again checkpoints are made again");
    case NotifyKind::old_disk:
      return spdlog::critical(
          "kernel.old_disk this data file is an older copy: a peer knows of batch {} in it, it ends before batch {}. "
          "This node takes no part in anything any more. Stop it and put the newest file back, or replace the node",
          notify.a, notify.b);
    case NotifyKind::waiting:
      return spdlog::warn("kernel.waiting group {} ({}){}", group, name_of(static_cast<ReplicaStatus>(notify.a)),
                          notify.b == 0 ? std::string() : ", stuck at op " + std::to_string(notify.b));
  }
}

void log_problem(const Problem& problem) { spdlog::error("{}", to_string(problem)); }

}  // namespace keelson::io
