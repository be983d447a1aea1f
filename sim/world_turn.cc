// One turn of a unit: its bag, its step, its effects.
#include "keelson/sim/embed/blame.h"
#include "keelson/sim/world.h"

namespace keelson::sim {
namespace {

// A program that asks to be stepped again and again without letting time pass would hang the run.
constexpr u32 spin_steps_max = 1'000;
// With service times above zero time passes by itself; a program with nothing to do still never needs that many.
constexpr u32 restless_steps_max = 1'000'000;

}  // namespace

void World::take_turn(Unit& unit) {
  const Host& host = host_of(unit);
  unit.due = false;
  network_.begin_turn();
  const u32 events = bags_.fill(unit, *in_, mailboxes_, network_);
  in_->now = host.clock.local(core_.now);
  in_->wall = host.clock.wall(core_.now);
  if (unit.disk)
    for (const auto& completion : in_->completions)
      if (completion.kind == IoKind::write) unit.disk->learned(completion.id);
  if (!step_program(unit)) return;
  bags_.release_parcels();

  const std::size_t effects = count_effects(*out_);
  const Trace::Place place = place_of(unit);
  core_.record(RecordKind::turn, place, {.a = events, .b = effects, .digest = digest_of_effects(*out_, words_)});
  if (core_.trace.records() >= next_digest_) {
    next_digest_ = core_.trace.records() + config_.digest_every;
    core_.record(RecordKind::state, place, {.digest = unit.program->digest()});
  }
  const auto& turn = core_.settings.turn;
  const u64 slow = turn.slow * unit.slow;
  if (slow > 1) core_.faults.add(Fault::slow_turns);
  unit.busy_until = core_.now + (turn.turn + turn.event * events) * slow;

  const TurnSeen seen{.unit = unit.id,
                      .node = unit.node,
                      .shard = unit.shard,
                      .client = unit.client,
                      .boot = host.boot,
                      .at = core_.now,
                      .in = *in_,
                      .out = *out_,
                      .program = *unit.program};
  for (Observer* observer : observers_) observer->on_turn(seen);
  after_turn(unit, unit.busy_until);
}

// A check that fails in there ends the run: the bags stay as they were, nothing of the program is touched again.
bool World::step_program(Unit& unit) {
  Program& program = *unit.program;
  const bool wants_life = unit.life == Life{} && unit.node != no_node;
  const bool stepped = guarded(unit.node, [&] {
    program.step(*in_, *out_);
    unit.local_deadline = program.deadline();
    if (wants_life) unit.life = program.life();
  });
  if (!stepped) return false;
  if (wants_life && unit.life != Life{}) see_life(unit);
  if (unit.local_deadline <= in_->now) {
    watch_for_spin(unit);
  } else {
    unit.steps_without_progress = 0;
  }
  return true;
}

// Whose fault it is that a step did not come to its end.
void World::fail_left_step(NodeId node) {
  const FailedCheck& failed = *step_fiber_.failed();
  Violation violation{.checker = "kernel",
                      .invariant = "check",
                      .detail = failed.file + ':' + std::to_string(failed.line) + ": " + failed.function};
  if (auto blame = take_blame(failed)) violation = std::move(*blame);
  violation.node = node;
  fail(std::move(violation));
}

void World::after_turn(Unit& unit, Instant end) {
  Host& host = host_of(unit);
  if (!core_.violation) {
    if (host.crash_after_turn) {
      carry_out_some(unit, end);
    } else if (const u64 ppm = core_.settings.turn.effect_shuffle_ppm; ppm > 0) {
      carry_out_shuffled(unit, end);
    } else {
      carry_out(unit, end);
    }
  }
  network_.end_turn();
  in_->clear();
  out_->clear();
  if (core_.violation) return;
  if (host.crash_after_turn) {
    core_.faults.add(Fault::crash_mid_bag);
    const CrashKind kind = *host.crash_after_turn;
    return crash_host(host, kind);
  }
  schedule_deadline(unit);
  if (!unit.arrivals.empty()) wake(unit);
}

void World::carry_out(Unit& unit, Instant at) {
  if (unit.disk) unit.disk->begin_turn();
  for (const auto& write : out_->writes) start_write(unit, write, at);
  for (const auto& read : out_->reads) start_read(unit, read, at);
  for (const auto& send : out_->sends) network_.send(unit.id, send, at);
  for (const auto& post : out_->posts) mailboxes_.post(unit.node, unit.shard, post, at);
  for (const auto& close : out_->closes) network_.close(unit.id, close.peer);
  if (reply_reader_)
    for (const auto& reply : out_->replies) reply_reader_->on_reply(unit.client, reply);
}

void World::carry_out_shuffled(Unit& unit, Instant at) {
  list_effects(*out_, effects_);
  if (effects_.size() < 2 || !unit.turns.chance(Site::turn_effect_shuffle, core_.settings.turn.effect_shuffle_ppm))
    return carry_out(unit, at);
  unit.turns.shuffle(Site::turn_effect_order, std::span(effects_));
  core_.faults.add(Fault::effect_shuffle);
  if (unit.disk) unit.disk->begin_turn();
  for (const EffectPlace effect : effects_) carry_out_one(unit, effect, at);
}

// Any subset of a turn's effects may be all that a crash lets happen.
void World::carry_out_some(Unit& unit, Instant at) {
  const Stream& proc = host_of(unit).proc;
  list_effects(*out_, effects_);
  if (unit.disk) unit.disk->begin_turn();
  for (const EffectPlace effect : effects_) {
    const bool lost = proc.below(Site::crash_effect_lost, 2) == 1;
    if (!lost) carry_out_one(unit, effect, at);
  }
}

void World::carry_out_one(Unit& unit, EffectPlace effect, Instant at) {
  const u32 i = effect.index;
  switch (effect.kind) {
    case EffectKind::write:
      return start_write(unit, out_->writes[i], at);
    case EffectKind::read:
      return start_read(unit, out_->reads[i], at);
    case EffectKind::send:
      return network_.send(unit.id, out_->sends[i], at);
    case EffectKind::post:
      return mailboxes_.post(unit.node, unit.shard, out_->posts[i], at);
    case EffectKind::close:
      return network_.close(unit.id, out_->closes[i].peer);
    case EffectKind::reply:
      if (reply_reader_) reply_reader_->on_reply(unit.client, out_->replies[i]);
      return;
  }
}

void World::start_write(Unit& unit, const Write& write, Instant at) {
  for (const auto& watch : write_watches_) watch(unit.node, unit.shard, write);
  const auto accepted = unit.disk->submit(at, write);
  if (!accepted) {
    fail({.checker = "store_contract", .invariant = "write", .detail = accepted.error(), .node = unit.node});
    return;
  }
  Host& host = host_of(unit);
  core_.record(RecordKind::write, place_of(unit),
               {.a = write.offset, .b = static_cast<u64>(write.zone), .digest = accepted->digest});
  core_.schedule(accepted->done_at, Rank::disk,
                 {.owner = Owner::disk, .index = unit.id.raw(), .value = accepted->slot, .extra = host.boot});
  if (!host.crash_in_write) return;
  const u64 in_flight = accepted->done_at.since(core_.now).ns();
  const u64 after = host.proc.below(Site::crash_in_write, in_flight + 1);
  core_.queue.cancel(host.armed_crash);
  host.armed_crash = core_.schedule(core_.now + Duration(after), Rank::process, armed_crash_, host.id.raw());
}

void World::start_read(Unit& unit, const Read& read, Instant at) {
  const auto accepted = unit.disk->submit(at, read);
  if (!accepted) {
    fail({.checker = "store_contract", .invariant = "read", .detail = accepted.error(), .node = unit.node});
    return;
  }
  trace_damage(unit);
  core_.schedule(accepted->done_at, Rank::disk,
                 {.owner = Owner::disk, .index = unit.id.raw(), .value = accepted->slot, .extra = host_of(unit).boot});
}

void World::trace_damage(Unit& unit) {
  for (const Disk::Damage& damage : unit.disk->take_damage())
    core_.record(
        RecordKind::damage, place_of(unit),
        {.a = static_cast<u64>(damage.fault), .b = damage.offset, .digest = {static_cast<u64>(damage.zone), 0}});
}

// One event per unit. It is only ever moved to an earlier time: most turns ask for a later one.
void World::schedule_deadline(Unit& unit) {
  if (unit.local_deadline == Instant::never()) return;
  Instant truth = std::max(host_of(unit).clock.truth_of(unit.local_deadline), unit.busy_until);
  if (core_.queue.pending(unit.deadline) && unit.deadline_at <= truth) return;
  core_.queue.cancel(unit.deadline);
  unit.deadline_at = truth;
  if (const Duration mean = host_of(unit).clock_settings.timer_late_mean; mean > Duration()) {
    const Duration late = unit.turns.exponential(Site::clock_timer_late, mean);
    if (late > Duration()) core_.faults.add(Fault::timer_late);
    truth = truth + late;
  }
  unit.deadline = core_.schedule(truth, Rank::deadline, {.owner = Owner::deadline, .index = unit.id.raw()});
}

void World::on_deadline(Unit& unit) {
  if (!unit.program) return;
  if (host_of(unit).clock.local(core_.now) < unit.local_deadline) return schedule_deadline(unit);
  unit.due = true;
  wake(unit);
}

void World::watch_for_spin(Unit& unit) {
  const bool time_stands = unit.last_step == in_->now;
  if (!time_stands && !in_->empty()) unit.steps_without_progress = 0;
  unit.last_step = in_->now;
  const u32 limit = time_stands ? spin_steps_max : restless_steps_max;
  if (++unit.steps_without_progress <= limit) return;
  fail({.checker = "world",
        .invariant = "spin",
        .detail = "the program asks for another step at once, for the " + std::to_string(limit) + "th time",
        .node = unit.node});
}

void World::see_life(Unit& unit) {
  network_.up(unit.id, unit.life);
  Host& host = host_of(unit);
  host.recovering = false;
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u)
    host.recovering = host.recovering || units_[u].life == Life{};
}

}  // namespace keelson::sim
