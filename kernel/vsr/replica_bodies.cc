// Retained bodies: kept for machines and replies, read back for whoever asks (docs/bodies.md).
#include <algorithm>

#include "keelson/vsr/body_rules.h"
#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"
#include "keelson/wire/validate.h"

namespace keelson {

// ---------------------------------------------------------------- keeping

bool Replica::retain_body(Op op) {
  check(applying_ != nullptr && op == applying_prepare_->op);
  const bool retained = body_index_.retain(op, applying_prepare_->identity, applying_prepare_->size);
  applying_->counters.hit(retained ? Mark::body_retained : Mark::body_refused);
  return retained;
}

void Replica::release_body(Op op) {
  if (!body_index_.release(op)) applying_->counters.add(Counter::bodies_unknown);
}

void Replica::share_body(Op op, bool held) {
  if (!body_rules::is_held_by_reply(op)) return;
  if (!(held ? body_index_.share(op) : body_index_.release(op))) applying_->counters.add(Counter::bodies_unknown);
}

BodyWork& Replica::body_work() {
  if (!body_work_) body_work_ = std::make_unique<BodyWork>(config_.limits);
  return *body_work_;
}

// Once per turn.
void Replica::work_on_bodies(Turn& turn) {
  if (!body_work_) return;
  for (u32 i = 0; i < body_work_->reads.size(); ++i) advance_read(turn, i);
  if (!loading()) {
    continue_answers(turn);
    make_blobs(turn);
  }
  if (body_work_->idle()) return body_work_.reset();
  turn.timers.arm_if_sooner(timers_[resume], turn.now + config_.tunables.repair_pace);
}

// ---------------------------------------------------------------- reading one prepare

// None: as many are under way as may.
u32 Replica::begin_read(Turn& turn, const BodyIndex::Entry& what, ReplicaIndex to) {
  auto& reads = body_work().reads;
  for (u32 i = 0; i < reads.size(); ++i) {
    if (reads[i].state != BodyRead::State::free) continue;
    reads[i] = BodyRead{};
    reads[i].state = BodyRead::State::wanted;
    reads[i].what = what;
    reads[i].to = to;
    advance_read(turn, i);
    return i;
  }
  return no_read;
}

void Replica::end_read(u32& index) {
  if (index == no_read) return;
  BodyRead& read = body_work_->reads[std::exchange(index, no_read)];
  if (read.state == BodyRead::State::reading)
    read.unwanted = true;
  else
    read = BodyRead{};
}

void Replica::advance_read(Turn& turn, u32 index) {
  BodyRead& read = body_work_->reads[index];
  if (read.state == BodyRead::State::wanted && !read.damaged) read_here(turn, index);
  if (read.to != no_replica) return give_body(turn, read);
  if (read.state == BodyRead::State::wanted && read.damaged) ask_for_body(turn, read);
  if (read.state == BodyRead::State::asking) ask_for_body(turn, read);
}

// To a peer: what is here, or that it isn't.
void Replica::give_body(Turn& turn, BodyRead& read) {
  if (read.unwanted || (read.state != BodyRead::State::here && !read.damaged)) return;
  if (read.state == BodyRead::State::here) {
    turn.counters.hit(Mark::body_given_from_blob);
    serve(turn, read.to, read.message);
  } else {
    refuse_op(turn, read.to, read.what.op, Unavailability::damaged);
  }
  read = BodyRead{};
}

// From the log as long as it is there, then from the durable checkpoint.
void Replica::read_here(Turn& turn, u32 index) {
  BodyRead& read = body_work_->reads[index];
  const BodyIndex::Entry& what = read.what;
  const LogEntry& entry = log_.at(what.op);
  if (what.op > log_.floor() && entry.identity == what.identity) {
    if (const MessageRef* body = bodies_.get(what.op, what.identity)) {
      read.message = *body;
      read.state = BodyRead::State::here;
      return;
    }
    if (entry.has(log_bit::appended)) return;
    if (entry.has(log_bit::stored) && !entry.has(log_bit::lost)) {
      if (turn.wal.load(group(), what.op, what.identity, entry.place, purpose_body + index, IoClass::repair, turn.out))
        read.state = BodyRead::State::reading;
      return;
    }
  }
  for (const BodyIndex::Place& place : {what.place, what.former}) {
    const SavedSection* blob = checkpointer_.durable_blob(place.blob, place.born);
    if (!blob || u64{place.offset} + what.size > blob->size) continue;
    if (!checkpointer_.may_read_durable()) return;
    if (!read.message) read.message = allocate_message(turn.slabs, what.size - header_size);
    if (!read.message) return;
    read.place = place;
    if (!read_blob(turn, index, *blob)) return;
    read.pin = checkpointer_.begin_read(checkpointer_.durable_id());
    read.state = BodyRead::State::reading;
    return;
  }
  read.damaged = true;
}

// The next piece of it. False: no read is free.
bool Replica::read_blob(Turn& turn, u32 index, const SavedSection& blob) {
  BodyRead& read = body_work_->reads[index];
  const u32 at = read.place.offset + read.read;
  u32 block = at / page_bytes;
  const BlockRun* run = blob.runs.begin();
  for (; block >= run->count; ++run) block -= run->count;
  const u32 last = (read.place.offset + read.what.size - 1) / page_bytes;
  const u32 count = std::min({run->count - block, config_.limits.checkpoint_buffer_blocks, last - at / page_bytes + 1});
  const u32 tag = body_tag() + index;
  if (!turn.checkpoints.read_body({run->first + block, count}, group(), tag, turn.out)) return false;
  read.asked = count;
  read.skip = at % page_bytes;
  return true;
}

void Replica::on_blob_read(Turn& turn, const CheckpointZone::Done& done) {
  const u32 index = done.tag - body_tag();
  BodyRead& read = body_work_->reads[index];
  check(read.state == BodyRead::State::reading);
  const u32 count = std::min(read.what.size - read.read, read.asked * page_bytes - read.skip);
  if (done.ok)
    copy(MutableBytes(read.message.mutable_data(), read.what.size).subspan(read.read),
         turn.checkpoints.bytes(done.buffer).subspan(read.skip, count));
  turn.checkpoints.release(done.buffer);
  read.read += count;
  if (done.ok && !read.unwanted && read.read < read.what.size) {
    if (read_blob(turn, index, checkpointer_.read_blob(read.pin, read.place.blob))) return;
    read.read = 0;  // from its begin, when a read is free
    read.state = BodyRead::State::wanted;
    return checkpointer_.end_read(read.pin);
  }
  checkpointer_.end_read(read.pin);
  const Bytes record(read.message.data(), read.what.size);
  const bool proven = done.ok && read.read == read.what.size &&
                      body_rules::is_whole(validate_record(record, config_.cluster, config_.limits)) &&
                      read.message.command() == Command::prepare &&
                      body_rules::is_asked(read.message.as<Prepare>(), read.what.op, read.what.identity);
  const BodyIndex::Place place = read.place;
  if (end_of_read(turn, read, proven) && !mute()) {
    checkpointer_.distrust_blob(place.blob, place.born);
    renew_checkpoint(turn);
  }
  if (proven) turn.counters.hit(Mark::body_from_blob);
}

void Replica::on_body_loaded(Turn& turn, const LoadedRecord& record) {
  BodyRead& read = body_work_->reads[record.purpose - purpose_body];
  if (record.ok) read.message = record.message;
  if (record.ok) turn.counters.hit(Mark::body_from_log);
  (void)end_of_read(turn, read, record.ok);
}

// True: it is damaged. A device may return other bytes once, and the right ones the next time.
bool Replica::end_of_read(Turn& turn, BodyRead& read, bool proven) {
  if (read.unwanted) {
    read = BodyRead{};
    return false;
  }
  read.damaged = !proven && body_rules::is_damaged(++read.attempts);
  read.state = proven ? BodyRead::State::here : BodyRead::State::wanted;
  if (!proven) {
    read.message = MessageRef();
    read.read = 0;
  }
  if (proven || read.damaged) turn.counters.add(proven ? Counter::bodies_read : Counter::bodies_damaged);
  return read.damaged;
}

// One peer after the other; who has said that it can't help is not asked again.
void Replica::ask_for_body(Turn& turn, BodyRead& read) {
  if (read.state == BodyRead::State::asking && turn.now.since(read.asked_at) < config_.tunables.repair_pace) return;
  read.state = BodyRead::State::asking;
  read.asked_at = turn.now;
  if (read.refused.count() + 1 >= voters()) {
    read.state = BodyRead::State::lost;
    turn.counters.hit(Mark::body_lost);
    return turn.counters.add(Counter::bodies_lost);
  }
  ReplicaIndex whom = next_other();
  while (read.refused.has(whom)) whom = next_other();
  const OpIdentity wanted{read.what.op, read.what.identity};
  MessageRef message = allocate_message(turn.slabs, sizeof wanted);
  if (!message) return;
  store(message.mutable_data() + header_size, wanted);
  GetPrepares ask = header<GetPrepares>();
  ask.count = 1;
  seal(message, ask, sizeof wanted);
  send(turn, whom, std::move(message));
}

// True: it was one that is asked for.
bool Replica::take_body(Turn& turn, const MessageRef& message) {
  if (!body_work_) return false;
  bool taken = false;
  for (BodyRead& read : body_work_->reads) {
    if (read.state != BodyRead::State::asking) continue;
    if (!body_rules::is_asked(message.as<Prepare>(), read.what.op, read.what.identity)) continue;
    read.message = message;
    read.state = BodyRead::State::here;
    turn.counters.hit(Mark::body_from_peer);
    taken = true;
  }
  return taken;
}

void Replica::on_body_unavailable(ReplicaIndex from, Op op) {
  if (!body_work_) return;
  for (BodyRead& read : body_work_->reads) {
    if (read.state != BodyRead::State::asking || read.what.op != op) continue;
    read.refused.add(from);
    read.asked_at = Instant();
  }
}

// A peer asks for a prepare that left the log: a blob may have it. True: it is looked for.
bool Replica::give_from_blob(Turn& turn, ReplicaIndex to, const OpIdentity& wanted) {
  if (mute() || loading()) return false;
  const BodyIndex::Entry* entry = body_index_.find(wanted.op);
  if (!entry || entry->identity != wanted.identity) return false;
  if (!checkpointer_.durable_blob(entry->place.blob, entry->place.born) &&
      !checkpointer_.durable_blob(entry->former.blob, entry->former.born))
    return false;
  begin_read(turn, *entry, to);  // none free: the asker hears nothing and asks again
  return true;
}

// ---------------------------------------------------------------- answering

// What a reply is made of may have to be read first.
void Replica::answer_with_bodies(Turn& turn, const Route& route, const RequestFrame& frame) {
  for (std::size_t i = 0; body_work_ && i < body_work_->answers.size(); ++i) {
    BodyAnswer& known = body_work_->answers[i];
    if (known.frame.client != frame.client) continue;
    known.route = route;
    if (known.frame.request == frame.request) return;
    end_read(known.read);
    body_work_->answers.erase_at(i);
    break;
  }
  BodyAnswer answer;
  answer.route = route;
  answer.frame = frame;
  if (continue_answer(turn, answer)) return end_read(answer.read);
  push_growing(body_work().answers, std::move(answer));
}

void Replica::continue_answers(Turn& turn) {
  auto& answers = body_work_->answers;
  for (std::size_t i = 0; i < answers.size();) {
    if (continue_answer(turn, answers[i])) {
      end_read(answers[i].read);
      answers.erase_at(i);
    } else {
      ++i;
    }
  }
}

// True: it is done with, one way or the other.
bool Replica::continue_answer(Turn& turn, BodyAnswer& answer) {
  const auto retained = sessions_.retained(answer.frame.client);
  if (!retained || retained->request != answer.frame.request) return true;  // the client went on meanwhile
  u64 whole = retained->body.size();
  for (u32 i = 0; i < retained->part_count; ++i) whole += retained->part(i).ref.size;
  if (whole > config_.limits.message_size_max - header_size) return answer_lost(turn, answer), true;
  const auto size = static_cast<u32>(whole);
  if (!answer.reply) answer.reply = allocate_message(turn.slabs, size);
  if (!answer.reply) return turn.counters.add(Counter::drop_no_slab), true;  // the client will ask again
  const MutableBytes to = body_of(answer.reply, size);
  const auto inline_to = [&](u32 end) {
    const Bytes bytes = retained->body.subspan(answer.inlined, end - answer.inlined);
    copy(to.subspan(answer.filled), bytes);
    answer.filled += end - answer.inlined;
    answer.inlined = end;
  };
  for (; answer.part < retained->part_count; ++answer.part) {
    const ReplyPart part = retained->part(answer.part);
    inline_to(part.at);
    const BodyIndex::Entry* entry = body_index_.find(part.ref.op);
    if (!entry) return answer_lost(turn, answer), true;
    const MessageRef* prepare = bodies_.get(entry->op, entry->identity);
    if (!prepare && answer.read == no_read) answer.read = begin_read(turn, *entry, no_replica);
    if (!prepare && answer.read == no_read) return false;
    if (!prepare) {
      const BodyRead& read = body_work_->reads[answer.read];
      if (read.state == BodyRead::State::lost) return answer_lost(turn, answer), true;
      if (read.state != BodyRead::State::here) return false;
      prepare = &read.message;
    }
    if (part.ref.offset > prepare->body().size() || part.ref.size > prepare->body().size() - part.ref.offset)
      return answer_lost(turn, answer), true;
    copy(to.subspan(answer.filled), prepare->body().subspan(part.ref.offset, part.ref.size));
    answer.filled += part.ref.size;
    end_read(answer.read);
  }
  inline_to(static_cast<u32>(retained->body.size()));
  Reply header = reply_to(answer.frame);
  header.op = retained->op;
  header.timestamp = retained->timestamp;
  header.status = static_cast<u16>(retained->status);
  seal(answer.reply, header, size);
  reply(turn, answer.route, answer.reply);
  return true;
}

// It was executed, and what it should say can't be had from anybody.
void Replica::answer_lost(Turn& turn, const BodyAnswer& answer) {
  Reply header = reply_to(answer.frame);
  if (const auto retained = sessions_.retained(answer.frame.client)) header.op = retained->op;
  header.status = static_cast<u16>(Status::body_lost);
  reply(turn, answer.route, make_message(turn.slabs, header));
}

}  // namespace keelson
