#include "keelson/io/client.h"

#include <asio/steady_timer.hpp>
#include <cctype>
#include <csignal>
#include <cstring>
#include <map>
#include <set>

#include "keelson/io/bus.h"
#include "keelson/io/clock.h"
#include "keelson/io/transport_asio.h"
#include "keelson/vsr/client.h"

namespace keelson::io {
namespace {

constexpr Duration farewell_max = milliseconds(500);  // for giving back a session, which is no more than polite

// A client has few messages under way; memory that is never needed is never touched anyway.
Limits client_limits() {
  Limits limits = Limits::standard();
  limits.slabs_small = 1024;
  limits.slabs_page = 512;
  limits.slabs_batch = 128;
  limits.slabs_message = 16;
  limits.events_per_bag_max = 1024;
  return limits;
}

BusConfig bus_config(const ClientOptions& options, const Limits& limits) {
  BusConfig bus;
  bus.server = false;
  const auto entropy = read_entropy();
  bus.self.boot_id = entropy[0];
  bus.seed = entropy[1];
  bus.client.message_size_max = limits.message_size_max;
  for (const Address& address : options.addresses) bus.targets.push_back({address, no_node});
  return bus;
}

}  // namespace

class BlockingClient::Impl {
 public:
  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        limits_(client_limits()),
        timer_(context_),
        transport_(context_),
        slabs_(limits_),
        bus_(bus_config(options_, limits_), transport_, slabs_),
        in_(limits_),
        out_(limits_) {
    std::signal(SIGPIPE, SIG_IGN);
    now_ = monotonic_now();
    bus_.start(now_, Life{});
  }

  CallResult call(GroupId group, Operation operation, Bytes body, Duration timeout);
  Duration timeout() const { return options_.timeout; }
  void give_back_sessions();

 private:
  void turn();
  void park(Instant deadline);
  void remember(const BusNote& note);
  std::string why_unanswered() const;

  ClientOptions options_;
  Limits limits_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  AsioTransport transport_;
  Slabs slabs_;
  Bus bus_;
  EventBag in_;
  EffectBag out_;
  std::unique_ptr<Client> client_;  // once the cluster is known
  Instant now_;
  u64 last_ticket_ = 0;
  std::optional<SubmitReply> reply_;            // of the last ticket
  std::set<GroupId> groups_;                    // called so far
  bool answered_ = false;                       // the last call
  std::map<std::string, std::string> trouble_;  // address -> what happened there last
};

CallResult BlockingClient::Impl::call(GroupId group, Operation operation, Bytes body, Duration timeout) {
  const Instant started = monotonic_now();
  const Instant deadline = started + timeout;
  groups_.insert(group);
  CallResult result;
  bool submitted = false;
  reply_.reset();
  for (;;) {
    in_.clear();
    context_.poll();
    now_ = std::max(now_, monotonic_now());
    bus_.collect(now_, in_);
    if (client_ && !submitted && now_ < deadline) {
      in_.submissions.push_back({Ticket(++last_ticket_), group, operation, deadline.since(now_), body});
      submitted = true;
    }
    turn();
    if (reply_ || (!submitted && now_ >= deadline)) break;
    park(deadline);
  }
  result.took = monotonic_now().since(started);
  answered_ = reply_ && reply_->status != Status::deadline_passed;
  if (!answered_) result.detail = why_unanswered();
  if (!reply_) return result;
  result.status = reply_->status;
  result.outcome = reply_->outcome;
  if (reply_->message) {
    result.op = reply_->message.as<Reply>().op;
    const Bytes bytes = reply_->message.body();
    result.body.assign(bytes.begin(), bytes.end());
  }
  reply_.reset();
  return result;
}

void BlockingClient::Impl::turn() {
  if (!client_ && !bus_.cluster().cluster.is_zero()) {
    const auto entropy = read_entropy();
    client_ = std::make_unique<Client>(
        ClientConfig{bus_.cluster().cluster, ClientId{entropy[0], entropy[1]}, bus_.cluster().node_count, limits_,
                     Tunables::standard(), entropy[2], options_.timeout},
        slabs_);
  }
  if (client_ && (!in_.empty() || now_ >= client_->deadline())) {
    in_.now = now_;
    in_.wall = wall_now();
    client_->step(in_, out_);
    for (const Envelope& envelope : out_.sends) bus_.send(envelope);
    for (const CloseConnection& close : out_.closes) bus_.close(now_, close.peer);
    for (SubmitReply& reply : out_.replies)
      if (reply.ticket == Ticket(last_ticket_)) reply_ = std::move(reply);
    out_.clear();
  }
  bus_.flush(now_);
  for (const BusNote& note : bus_.take_notes()) remember(note);
}

void BlockingClient::Impl::park(Instant deadline) {
  if (bus_.pending()) return;
  deadline = std::min(deadline, bus_.deadline());
  if (client_) deadline = std::min(deadline, client_->deadline());
  const u64 wait_ns = deadline.since(now_).ns();
  if (wait_ns == 0) return;
  timer_.expires_after(std::chrono::nanoseconds(wait_ns));
  timer_.async_wait([](const std::error_code&) {});
  context_.restart();
  context_.run_one();
}

void BlockingClient::Impl::remember(const BusNote& note) {
  switch (note.kind) {
    case BusNote::Kind::connected:
      return trouble_.clear();
    case BusNote::Kind::lost:
      trouble_["node " + std::to_string(note.node.raw())] = text_of(note.cause);
      return;
    case BusNote::Kind::refused:
      trouble_[to_string(note.address)] = info(note.reject).text;
      return;
    case BusNote::Kind::dial_failed:
      trouble_[to_string(note.address)] = note.error ? std::strerror(note.error) : "no such host";
      return;
  }
}

// To a cluster that did not answer a moment ago there is no point in saying good-bye.
void BlockingClient::Impl::give_back_sessions() {
  const auto groups = groups_;
  for (const GroupId group : groups)
    if (answered_) call(group, operation_unregister, {}, std::min(options_.timeout, farewell_max));
}

// Who asks elsewhere after not_primary, and finds nobody else, has learnt nothing from it.
std::string BlockingClient::Impl::why_unanswered() const {
  std::string text = bus_.cluster().cluster.is_zero() ? "no node answered" : "no primary answered in time";
  if (reply_ && reply_->message) {
    const auto refusal = static_cast<Status>(reply_->message.as<Reply>().status);
    if (refusal != Status::not_primary) text = "refused until then: " + refusal_text(refusal);
  }
  for (const auto& [where, what] : trouble_) text += "; " + where + ": " + what;
  return text;
}

BlockingClient::BlockingClient(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
BlockingClient::~BlockingClient() { impl_->give_back_sessions(); }
CallResult BlockingClient::call(GroupId group, Operation operation, Bytes body) {
  return impl_->call(group, operation, body, impl_->timeout());
}

std::string refusal_text(Status refusal) {
  const StatusInfo what = info(refusal);
  std::string text = what.name;
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  text.append(": ").append(what.meaning);
  if (*what.advice) text.append(" (").append(what.advice).append(")");
  return text;
}

}  // namespace keelson::io
