#include "keelson/io/runtime.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <spdlog/spdlog.h>

#include "keelson/driver/check_hook.h"
#include "keelson/io/clock.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/file.h"
#include "keelson/io/groups.h"
#include "keelson/io/log.h"
#include "keelson/io/runtime_setup.h"
#include "keelson/io/transport_asio.h"
#include "keelson/node/shard.h"
#include "keelson/store/layout.h"

namespace keelson::io {
namespace {

constexpr Duration drain_patience = milliseconds(500);

[[noreturn]] void abort_with_site(void*, const CheckSite& site) {
  spdlog::critical("check failed: {}:{}: {}: a bug in keelson, please report this line", site.file, site.line,
                   site.function);
  std::abort();
}

}  // namespace

class Runtime::Impl {
 public:
  Impl(const ServerConfig& config, DataDir dir, OnReady on_ready)
      : config_(config),
        limits_(limits_of(config)),
        layout_(StoreLayout::of(limits_)),
        dir_(std::move(dir)),
        on_ready_(std::move(on_ready)),
        groups_(config),
        signals_(context_),
        timer_(context_),
        transport_(context_),
        slabs_(limits_),
        bus_(bus_config(config, limits_), transport_, slabs_),
        in_(limits_),
        out_(limits_) {}
  // I/O ends before what it reads from and writes to: the shard.
  ~Impl() {
    if (file_) file_->stop();
  }

  int run();
  Problems problems;

 private:
  bool open_listeners();
  void boot();
  void await_signal();
  void on_signal(int signal);
  void turn();
  void collect();
  void carry_out();
  void submit_files();
  void look_at_shard();
  void on_ready();
  void park();
  void fail(Refusal refusal);
  void log_stats(spdlog::level::level_enum level) const;

  const ServerConfig& config_;
  const Limits limits_;
  const StoreLayout layout_;
  DataDir dir_;  // holds the lock until everything else is gone
  OnReady on_ready_;
  GroupList groups_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  asio::steady_timer timer_;
  AsioTransport transport_;
  Slabs slabs_;
  Bus bus_;
  EventBag in_;
  EffectBag out_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<FileBackend> file_;
  std::vector<FileOp> ops_;
  Instant now_;
  Instant timer_at_ = Instant::never();
  Instant stop_at_ = Instant::never();  // a signal came: out by then
  int stop_signals_ = 0;
  bool booted_ = false;
  bool ready_ = false;
  std::optional<int> exit_code_;
};

int Runtime::Impl::run() {
  now_ = monotonic_now();
  const ScopedCheckHook hook({&abort_with_site, nullptr});
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) signals_.add(signal);
  await_signal();
  if (!open_listeners()) return *exit_code_;
  boot();
  while (!exit_code_) turn();
  log_stats(spdlog::level::debug);
  return *exit_code_;
}

bool Runtime::Impl::open_listeners() {
  const auto take = [this](Plane plane, const Address& address) {
    const int error = transport_.bind(plane, address);
    if (error != 0)
      fail(refuse(exit_code::system,
                  {config_.file,
                   0,
                   0,
                   "PORT",
                   std::string("cannot take ") + to_string(address) + " for the " + name_of(plane) +
                       " plane: " + std::strerror(error),
                   {},
                   {},
                   error == EADDRINUSE ? "stop the process that listens there, or choose another port" : ""}));
    return error == 0;
  };
  return take(Plane::replica, config_.replica_listen) && take(Plane::client, config_.client_listen);
}

void Runtime::Impl::boot() {
  shard_ = std::make_unique<Shard>(
      ShardConfig{config_.cluster, config_.node, dir_.identity().generation, ShardId(0), dir_.identity().shards,
                  limits_, tunables_of(config_), groups_.span(), &groups_.machines()},
      slabs_);
  file_ = make_pwrite_backend(dir_.take_file(), dir_.file_bytes(), [this] { asio::post(context_, [] {}); });
}

void Runtime::Impl::turn() {
  collect();
  if (!in_.empty() || now_ >= shard_->deadline()) {
    in_.now = now_;
    in_.wall = wall_now();
    shard_->step(in_, out_);
    carry_out();
    look_at_shard();
  }
  bus_.flush(now_);
  for (const BusNote& note : bus_.take_notes()) log_note(note);
  if (now_ >= stop_at_ || (stop_signals_ > 0 && bus_.drained())) exit_code_ = exit_code::done;
  if (!exit_code_) park();
}

void Runtime::Impl::collect() {
  in_.clear();
  context_.poll();
  now_ = std::max(now_, monotonic_now());
  if (!std::exchange(booted_, true)) in_.node.push_back(Boot{read_entropy()});
  file_->collect(in_.completions);
  bus_.collect(now_, in_);
}

void Runtime::Impl::carry_out() {
  submit_files();
  for (const Envelope& envelope : out_.sends) bus_.send(envelope);
  for (const CloseConnection& close : out_.closes) bus_.close(now_, close.peer);
  for (const Notify& notify : out_.notifications) log_notify(notify);
  check(out_.posts.empty());  // one shard has no siblings
  out_.clear();
}

void Runtime::Impl::submit_files() {
  ops_.clear();
  for (const Write& write : out_.writes)
    ops_.push_back(
        {IoKind::write, write.id, layout_.zone_offset(write.zone) + write.offset, write.parts, {}, write.io_class});
  for (const Read& read : out_.reads)
    ops_.push_back({IoKind::read, read.id, layout_.zone_offset(read.zone) + read.offset, {}, read.into, read.io_class});
  if (!ops_.empty()) file_->submit(ops_);
}

void Runtime::Impl::look_at_shard() {
  switch (shard_->state()) {
    case ShardState::booting:
      return;
    case ShardState::ready:
      if (!std::exchange(ready_, true)) on_ready();
      return;
    case ShardState::refused:
      return fail(refusal_of(shard_->refusal(), dir_.file_path()));
    case ShardState::poisoned:
      return fail(refuse(exit_code::io_error,
                         {dir_.file_path(),
                          0,
                          0,
                          "POISONED",
                          "a write failed and the node stopped: " + file_->poison(),
                          {},
                          {},
                          "look at the system's log for disk errors; a restart recovers from what is on the disk"}));
  }
}

void Runtime::Impl::on_ready() {
  bus_.start(now_, shard_->life());
  if (const int error = transport_.listen_error(); error != 0)
    return fail(refuse(exit_code::system, {config_.file,
                                           0,
                                           0,
                                           "PORT",
                                           std::string("cannot listen: ") + std::strerror(error),
                                           {},
                                           {},
                                           "stop the process that listens there, or choose another port"}));
  on_ready_(shard_->life());
}

void Runtime::Impl::park() {
  if (bus_.pending() || file_->has_completions()) return;
  const Instant deadline = std::min({shard_->deadline(), bus_.deadline(), stop_at_});
  if (now_ >= deadline) return;
  if (deadline < timer_at_) {
    timer_at_ = deadline;
    timer_.expires_after(std::chrono::nanoseconds(deadline.since(now_).ns()));
    timer_.async_wait([this](const std::error_code& error) {
      if (!error) timer_at_ = Instant::never();
    });
  }
  context_.run_one();
}

void Runtime::Impl::await_signal() {
  signals_.async_wait([this](const std::error_code& error, int signal) {
    if (error) return;
    on_signal(signal);
    await_signal();
  });
}

void Runtime::Impl::on_signal(int signal) {
  if (signal == SIGUSR1) return log_stats(spdlog::level::info);
  if (signal == SIGHUP) return spdlog::info("signal.hup: nothing can be reloaded yet");
  spdlog::info("signal.stop {}", signal);
  switch (++stop_signals_) {
    case 1:
      stop_at_ = monotonic_now() + drain_patience;
      return bus_.drain(now_);
    case 2:
      stop_at_ = now_;
      return;
    default:
      ::_exit(exit_code::temporary);
  }
}

void Runtime::Impl::fail(Refusal refusal) {
  for (Problem& problem : refusal.problems) problems.push_back(std::move(problem));
  exit_code_ = refusal.exit_code;
}

void Runtime::Impl::log_stats(spdlog::level::level_enum level) const {
  spdlog::log(level, "stats.bus {}", to_string(bus_.counters()));
  const FileStats files = file_->stats();
  spdlog::log(level, "stats.file writes={} bytes_written={} flushes={} reads={} bytes_read={}", files.writes,
              files.bytes_written, files.flushes, files.reads, files.bytes_read);
  std::string counters;
  for (std::size_t i = 0; i < Counters::counter_count; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (const u64 value = shard_->counters()[counter]; value > 0)
      counters += std::string(" ") + name_of(counter) + "=" + std::to_string(value);
  }
  spdlog::log(level, "stats.kernel{}", counters);
  for (std::size_t i = 0; i < shard_->group_count(); ++i) {
    const GroupView view = shard_->view(i);
    spdlog::log(level, "stats.group group={} status={} view={} head={} commit={} applied={} primary={} fenced={}",
                view.group.raw(), name_of(view.status), view.view.raw(), view.head.raw(), view.commit_max.raw(),
                view.commit_min.raw(), view.primary, name_of(view.fenced));
  }
}

Runtime::Runtime(const ServerConfig& config, DataDir dir, OnReady on_ready)
    : impl_(std::make_unique<Impl>(config, std::move(dir), std::move(on_ready))) {}
Runtime::~Runtime() = default;
int Runtime::run() { return impl_->run(); }
const Problems& Runtime::problems() const { return impl_->problems; }

}  // namespace keelson::io
