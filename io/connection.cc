#include "keelson/io/connection.h"

#include <algorithm>
#include <utility>

namespace keelson::io {
namespace {

constexpr u32 faults_max = 16;  // dropped messages within faults_window close the connection
constexpr Duration faults_window = seconds(10);
constexpr std::size_t read_max = 256 * 1024;  // per connection and turn
constexpr u64 slow_frame_bytes_per_s = 64 * 1024;

}  // namespace

Connection::Connection(Plane plane, const ConnectionConfig& config, const LinkSelf& self, Slabs& slabs,
                       BusCounters& counters, Instant now)
    : config_(config),
      slabs_(slabs),
      counters_(counters),
      state_(State::greeting),
      self_(self),
      handshake_(Handshake::accept(plane, self)),
      queue_(config.send),
      born_(now),
      last_heard_(now),
      last_ping_(now),
      last_progress_(now) {}

Connection::Connection(Plane plane, const ConnectionConfig& config, const LinkSelf& self, Slabs& slabs,
                       BusCounters& counters, Instant now, NodeId expected, u64 dial_seq)
    : config_(config),
      slabs_(slabs),
      counters_(counters),
      state_(State::connecting),
      self_(self),
      handshake_(Handshake::dial(plane, self, expected, dial_seq, prologue_)),
      queue_(config.send),
      born_(now),
      last_heard_(now),
      last_ping_(now),
      last_progress_(now) {}

void Connection::on_connected(Instant now) {
  if (state_ != State::connecting) return;
  state_ = State::greeting;
  born_ = now;
  last_progress_ = now;
}

void Connection::on_eof(Instant) {
  if (state_ == State::lingering) return close(linger_cause_);
  close(reader_ && reader_->mid_frame() ? CloseCause::truncated : CloseCause::eof);
}

std::size_t Connection::read_limit() const {
  switch (state_) {
    case State::connecting:
    case State::judging:
    case State::handoff:
    case State::closed:
      return 0;
    case State::greeting:
      return handshake_.wants();  // no more: what follows belongs to the open connection
    case State::open:
    case State::draining:
      return blocked_ ? 0 : read_max;
    case State::lingering:
      return read_max;
  }
  return 0;
}

MutableBytes Connection::direct() {
  return state_ == State::open || state_ == State::draining ? reader_->direct() : MutableBytes{};
}

void Connection::on_direct(Instant now, std::size_t bytes, Vec<Envelope>& inbox) {
  counters_.bytes_in += bytes;
  last_heard_ = now;
  handle(now, reader_->filled(bytes), inbox);
}

void Connection::on_bytes(Instant now, Bytes bytes, Vec<Envelope>& inbox) {
  counters_.bytes_in += bytes.size();
  last_heard_ = now;
  if (is_greeting()) on_link_bytes(now, bytes);
  if (!bytes.empty()) consume(now, bytes, inbox);
}

void Connection::retry(Instant now, Vec<Envelope>& inbox) {
  blocked_ = false;
  const std::vector<std::byte> bytes = std::exchange(held_, {});
  consume(now, bytes, inbox);
}

// Also without bytes: a message that is nothing but a header may have waited for its slab.
void Connection::consume(Instant now, Bytes bytes, Vec<Envelope>& inbox) {
  while (state_ == State::open || state_ == State::draining) {
    const auto step = reader_->feed(bytes);
    if (step == FrameReader::Step::blocked) {
      blocked_ = true;
      held_.assign(bytes.begin(), bytes.end());
      ++counters_.reads_paused;
      return;
    }
    handle(now, step, inbox);
    if (bytes.empty()) return;
  }
}

void Connection::on_link_bytes(Instant now, Bytes& bytes) {
  const std::size_t take = std::min<std::size_t>(bytes.size(), handshake_.wants());
  handshake_.feed(bytes.first(take), prologue_);
  bytes = bytes.subspan(take);
  after_handshake_step(now);
}

void Connection::after_handshake_step(Instant now) {
  switch (handshake_.state()) {
    case Handshake::State::waiting:
      return;
    case Handshake::State::judging:
      state_ = State::judging;
      return;
    case Handshake::State::done:
      state_ = State::handoff;
      ++counters_.handshakes_done;
      return;
    case Handshake::State::refused:
      ++counters_.handshakes_refused;
      if (handshake_.refused_by_peer()) return close(CloseCause::refused_by_peer);
      return linger(now, config_.reject_flush, CloseCause::refused_by_us);
    case Handshake::State::failed:
      return close(CloseCause::bad_handshake);
  }
}

void Connection::admit() {
  check(state_ == State::judging);
  handshake_.admit(prologue_);
  state_ = State::handoff;
  ++counters_.handshakes_done;
}

void Connection::refuse(Instant now, RejectCode code) {
  check(state_ == State::judging || state_ == State::greeting);
  handshake_.refuse(code, prologue_);
  after_handshake_step(now);
}

void Connection::open(Instant now, Peer peer) {
  check(state_ == State::handoff);
  const bool from_client = plane() == Plane::client && !is_dialer();
  const LinkRules rules{this->peer().cluster.is_zero() ? self_.cluster : this->peer().cluster,
                        from_client ? Author::client : Author::node,
                        plane() == Plane::replica ? this->peer().node : no_node, config_.message_size_max};
  reader_.emplace(slabs_, rules);
  name_ = peer;
  state_ = State::open;
  was_open_ = true;
  last_heard_ = now;
  last_ping_ = now;
  last_written_ = now;
}

void Connection::handle(Instant now, FrameReader::Step step, Vec<Envelope>& inbox) {
  switch (step) {
    case FrameReader::Step::hungry:
      if (reader_->mid_frame() && frame_started_ == Instant()) frame_started_ = now;
      return;
    case FrameReader::Step::message:
      frame_started_ = Instant();
      return on_message(now, reader_->take(), inbox);
    case FrameReader::Step::dropped:
      frame_started_ = Instant();
      ++counters_.of(reader_->rejected());
      return on_fault(now);
    case FrameReader::Step::lost:
      ++counters_.of(reader_->rejected());
      return close(CloseCause::malformed);
    case FrameReader::Step::blocked:
      check(false);  // only feed() blocks, and its caller looks
  }
}

void Connection::on_message(Instant now, MessageRef message, Vec<Envelope>& inbox) {
  const Command command = message.command();
  if (info(command)->author == Author::link) return on_link_message(now, command);
  ++counters_.messages_in;
  inbox.push_back({name_, ShardId(), std::move(message)});
}

void Connection::on_link_message(Instant now, Command command) {
  switch (command) {
    case Command::ping:
      return send_link(Command::pong);
    case Command::pong:
      return;
    case Command::goodbye:
      return;  // its end of file follows
    default:
      ++counters_.not_allowed;
      return on_fault(now);
  }
}

void Connection::on_fault(Instant now) {
  if (faults_ == 0 || now.since(faults_since_) > faults_window) {
    faults_ = 0;
    faults_since_ = now;
  }
  if (++faults_ >= faults_max) close(CloseCause::malformed);
}

void Connection::send_link(Command command) {
  Header header;
  header.cluster = self_.cluster;
  header.node = self_.node;
  header.incarnation = self_.life.incarnation;
  header.command = command;
  MessageRef message;
  if (command == Command::goodbye) {
    message = copy_message(slabs_, make_link(command, {self_.cluster, self_.node, self_.life.incarnation}, LinkBody{}));
  } else {
    message = allocate_message(slabs_, 0);
    if (message) {
      std::fill_n(message.mutable_data(), header_size, std::byte{0});
      store(message.mutable_data(), header);
      seal_bytes(message.mutable_data(), body_checksum({}), header_size);
    }
  }
  if (message) queue_.push(std::move(message));  // no slab, or no room: the next tick asks again
}

SendResult Connection::send(MessageRef message) {
  if (state_ != State::open && state_ != State::draining) return SendResult::refused;
  return queue_.push(std::move(message));
}

void Connection::ping(Instant now) {
  if (state_ != State::open) return;
  last_ping_ = now;
  send_link(Command::ping);
}

bool Connection::wants_half_close() const {
  return state_ == State::lingering && !half_closed_ && prologue_offset_ == prologue_.size();
}

std::size_t Connection::gather(std::span<Bytes> parts) {
  if (state_ == State::connecting || state_ == State::closed) return 0;
  if (prologue_offset_ < prologue_.size()) {
    parts[0] = Bytes(prologue_).subspan(prologue_offset_);
    return 1;
  }
  return queue_.gather(parts);
}

void Connection::on_written(Instant now, std::size_t bytes) {
  if (bytes > 0) last_progress_ = last_written_ = now;
  counters_.bytes_out += bytes;
  if (prologue_offset_ < prologue_.size()) {
    prologue_offset_ += bytes;
    check(prologue_offset_ <= prologue_.size());
    if (prologue_offset_ < prologue_.size()) return;
    prologue_ = {};
    prologue_offset_ = 0;
    bytes = 0;
  }
  const u64 before = queue_.messages();
  queue_.sent(bytes);
  counters_.messages_out += before - queue_.messages();
  if (state_ == State::draining && queue_.empty()) linger(now, config_.drain, CloseCause::stopping);
}

void Connection::drain(Instant now) {
  if (state_ != State::open) return close(CloseCause::stopping);
  send_link(Command::goodbye);
  state_ = State::draining;
  linger_until_ = now + config_.drain;
}

// A close with unread input resets the connection and may destroy our last bytes on their way: half-close first.
void Connection::linger(Instant now, Duration budget, CloseCause cause) {
  state_ = State::lingering;
  linger_cause_ = cause;
  linger_until_ = now + budget;
}

void Connection::close(CloseCause cause) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  cause_ = cause;
  ++counters_.of(cause);
  reader_.reset();
  held_ = {};
  blocked_ = false;
}

void Connection::on_tick(Instant now) {
  switch (state_) {
    case State::connecting:
      if (now.since(born_) >= config_.connect) close(CloseCause::connect_failed);
      return;
    case State::greeting:
    case State::judging:
    case State::handoff:
      if (now.since(born_) >= config_.handshake) close(CloseCause::handshake_timeout);
      return;
    case State::open:
      return tick_open(now);
    case State::draining:
      if (now >= linger_until_) close(CloseCause::stopping);
      return;
    case State::lingering:
      if (now >= linger_until_) close(linger_cause_);
      return;
    case State::closed:
      return;
  }
}

void Connection::tick_open(Instant now) {
  if (queue_.empty()) last_progress_ = now;
  if (now.since(last_progress_) >= config_.stall) return close(CloseCause::stalled);
  if (frame_started_ != Instant()) {
    const Duration budget = config_.slow_frame + seconds(1) * (reader_->frame_size() / slow_frame_bytes_per_s);
    if (now.since(frame_started_) >= budget && !blocked_) return close(CloseCause::slow_frame);
  }
  if (plane() != Plane::replica) return;
  const Duration silence = now.since(last_heard_);
  if (silence >= config_.ping_timeout) return close(CloseCause::ping_timeout);
  // Also when only we were silent: the other end may be busy sending one long message, with its own ping behind it.
  const Duration quiet = std::max(silence, now.since(last_written_));
  if (quiet >= config_.ping_interval && now.since(last_ping_) >= config_.ping_interval) ping(now);
}

u64 Connection::take_dropped() { return queue_.take_evicted(); }

}  // namespace keelson::io
