#include "keelson/io/handshake.h"

#include <algorithm>

namespace keelson::io {
namespace {

void append(Handshake::Output& out, const LinkBytes& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

Handshake Handshake::dial(Plane plane, const LinkSelf& self, NodeId expected, u64 dial_seq, Output& out) {
  Handshake handshake(plane, self, true);
  handshake.expected_ = expected;
  handshake.dial_seq_ = dial_seq;
  handshake.send(Command::hello, out);
  handshake.expects_ = Command::welcome;
  return handshake;
}

Handshake Handshake::accept(Plane plane, const LinkSelf& self) { return Handshake(plane, self, false); }

void Handshake::feed(std::span<const std::byte> bytes, Output& out) {
  check(bytes.size() <= wants());
  std::copy(bytes.begin(), bytes.end(), unit_.begin() + have_);
  have_ += static_cast<u32>(bytes.size());
  if (have_ < link_size) return;
  have_ = 0;
  on_unit(out);
}

void Handshake::on_unit(Output& out) {
  if (dialer_ && plane_ == Plane::client && expects_ == Command::ready) {
    const auto book = read_book(unit_);
    if (!book) return fail();
    peer_.book = *book;
    state_ = State::done;
    return;
  }
  const auto link = read_link(unit_, plane_);
  if (!link) return fail();
  if (dialer_ && link->header.command == Command::reject) return on_reject(*link);
  if (link->header.command != expects_) return fail();
  switch (expects_) {
    case Command::hello:
      return on_hello(*link, out);
    case Command::welcome:
      return on_welcome(*link, out);
    case Command::confirm:
      return on_confirm(*link);
    case Command::ready:
      return on_ready();
    default:
      return fail();
  }
}

RejectCode Handshake::judge_hello(const Link& hello) const {
  const LinkBody& body = hello.body;
  if (body.proto_min > protocol_version || body.proto_max < protocol_version) return RejectCode::version;
  if (plane_ == Plane::client)
    return body.cluster.is_zero() || body.cluster == self_->cluster ? RejectCode::none : RejectCode::cluster;
  if (body.cluster != self_->cluster) return RejectCode::cluster;
  const auto& members = self_->members;
  if (std::find(members.begin(), members.end(), body.node) == members.end()) return RejectCode::unknown_node;
  if (body.node >= self_->node) return RejectCode::not_your_turn;
  if (body.limits != self_->limits) return RejectCode::limits;
  if (body.lane != 0) return RejectCode::lane;
  return RejectCode::none;
}

void Handshake::on_hello(const Link& hello, Output& out) {
  learn(hello);
  if (const RejectCode code = judge_hello(hello); code != RejectCode::none) return refuse(code, out);
  send(Command::welcome, out);
  expects_ = Command::confirm;
  if (plane_ == Plane::client) state_ = State::judging;
}

void Handshake::on_welcome(const Link& welcome, Output& out) {
  const LinkBody& body = welcome.body;
  learn(welcome);
  const bool right_cluster = self_->cluster.is_zero() || body.cluster == self_->cluster;
  const bool right_node = expected_ == no_node || body.node == expected_;
  const bool right_limits = plane_ == Plane::client || body.limits == self_->limits;
  if (!right_cluster || !right_node || !right_limits) {
    reject_ = !right_cluster ? RejectCode::cluster : !right_node ? RejectCode::identity : RejectCode::limits;
    state_ = State::refused;
    return;
  }
  if (plane_ == Plane::replica) send(Command::confirm, out);
  expects_ = Command::ready;
}

// The confirm repeats the hello: with a cluster key it will carry the proof.
void Handshake::on_confirm(const Link& confirm) {
  const LinkBody& body = confirm.body;
  const bool same = body.node == peer_.node && body.cluster == peer_.cluster && body.boot_id == peer_.boot_id &&
                    body.dial_seq == peer_.dial_seq;
  if (!same) return fail();
  state_ = State::judging;
}

void Handshake::on_ready() { state_ = State::done; }

void Handshake::on_reject(const Link& reject) {
  reject_ = reject.body.reject;
  refused_by_peer_ = true;
  state_ = State::refused;
}

void Handshake::admit(Output& out) {
  check(state_ == State::judging);
  if (plane_ == Plane::client) {
    append(out, make_book({self_->cluster, self_->node, self_->life.incarnation}, self_->book));
  } else {
    send(Command::ready, out);
  }
  state_ = State::done;
}

void Handshake::refuse(RejectCode code, Output& out) {
  check(state_ == State::judging || state_ == State::waiting);
  send(Command::reject, out, code);
  reject_ = code;
  state_ = State::refused;
}

void Handshake::learn(const Link& link) {
  const LinkBody& body = link.body;
  peer_.cluster = body.cluster;
  peer_.node = plane_ == Plane::client && !dialer_ ? no_node : body.node;
  peer_.life = {body.generation, body.incarnation};
  peer_.boot_id = body.boot_id;
  peer_.dial_seq = body.dial_seq;
  peer_.node_count = body.node_count;
}

void Handshake::send(Command command, Output& out, RejectCode reject) const {
  LinkBody body;
  body.plane = plane_;
  body.cluster = self_->cluster;
  body.node = self_->node;
  body.shard_count = self_->shard_count;
  body.reject = reject;
  body.generation = self_->life.generation;
  body.incarnation = self_->life.incarnation;
  body.boot_id = self_->boot_id;
  body.dial_seq = dial_seq_;
  body.limits = self_->limits;
  body.node_count = static_cast<u16>(self_->members.size());
  append(out, make_link(command, {self_->cluster, self_->node, self_->life.incarnation}, body));
}

}  // namespace keelson::io
