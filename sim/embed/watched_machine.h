// WatchedMachine: a machine of one's own, and a twin of it that is told the same: what the two do differently, or what
// a snapshot forgets, is the machine's doing and not the kernel's.
//
// Who uses it: Simulation registers one instead of the machine itself, so every replica and the replay checker run it.
// At each checkpoint the twin is thrown away and loaded from the snapshot. Invariants are asked after each op. Not
// here: exceptions, clocks, memory (machine_watch.h).
#pragma once

#include <algorithm>
#include <exception>
#include <memory>

#include "keelson/sim/embed/clock_calls.h"
#include "keelson/sim/embed/machine_watch.h"

namespace keelson::sim {

template <Machine M>
class WatchedMachine {
 public:
  static constexpr MachineKind kind = M::kind;
  static MachineLimits limits(const Limits& limits) { return M::limits(limits); }

  explicit WatchedMachine(const Limits& limits) : limits_(limits), own_(own_machine_of_thread()) { watch_clocks(); }

  Status admit(const RequestView& request) const {
    const auto asked = [&](const M& machine) { return machine.admit(request); };
    const Status answer = call("admit", Op(), mine_, asked);
    if (call("admit", Op(), twin_, asked) != answer) differ("admit", Op(), "answered the same request differently");
    return answer;
  }
  bool grows(const RequestView& request) const {
    if constexpr (requires(const M& m) { m.grows(request); })
      return call("grows", Op(), mine_, [&](const M& machine) { return machine.grows(request); });
    return true;
  }

  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    second_reply_.resize(std::max(second_reply_.size(), reply.room()));
    Vec<ReplyPart>& other_parts = second_parts_;
    if (other_parts.capacity() == 0) other_parts = Vec<ReplyPart>(limits_.reply_parts_max);
    ReplyWriter other(MutableBytes(second_reply_).first(reply.room()), other_parts);
    touched_ = {};
    kernel_touch_ = ctx.touch;
    ApplyCtx watched = ctx;
    watched.touch = SectionTouch(this, [](void* self, SectionId s) { static_cast<WatchedMachine*>(self)->touch(s); });
    retained_ = {};
    kernel_bodies_ = ctx.bodies;
    if (ctx.bodies) watched.bodies = ctx.bodies.with(this, recording_bodies);
    call("apply", ctx.op, mine_, [&](M& machine) { machine.apply(watched, request, reply); });
    watched.touch = {};
    if (ctx.bodies) watched.bodies = ctx.bodies.with(this, repeated_bodies);
    repeated_ = 0;
    call("apply", ctx.op, twin_, [&](M& machine) { machine.apply(watched, request, other); });
    if (reply.status() != other.status() || !equal(reply.body(), other.body()) ||
        !equal(std::as_bytes(reply.parts()), std::as_bytes(other.parts())))
      differ("apply", ctx.op, "answered the same request differently");
    if (small() || ++unseen_ >= large_every) compare("apply", ctx.op);
    ask_invariants(ctx.op);
  }

  void reset(Release release) {
    release_ = release;
    call("reset", Op(), mine_, [&](M& machine) { machine.reset(release); });
    call("reset", Op(), twin_, [&](M& machine) { machine.reset(release); });
    canon_ = canon_of(mine_);
  }

  u32 section_count() const {
    return call("section_count", Op(), mine_, [](const M& machine) { return machine.section_count(); });
  }
  void save_section(SectionId section, ByteSink& sink) const { save(mine_, section, sink); }
  void settle_sections() {
    settle(mine_);
    settle(twin_);
    renew_twin();
  }
  Status begin_load(u32 sections) {
    const Status status = begin_load(mine_, sections);
    if (begin_load(twin_, sections) != status) differ("begin_load", Op(), "answered the same differently");
    return status;
  }
  Status load_section(SectionId section, ByteSource& source) {
    std::vector<std::byte> bytes(source.left());
    if (!source.take(bytes)) return Status::corrupt_snapshot;
    const Status status = load(mine_, section, bytes);
    if (load(twin_, section, bytes) != status) differ("load_section", Op(), "answered the same differently");
    return status;
  }
  Status finish_load() {
    const Status status = call("finish_load", Op(), mine_, [](M& machine) { return machine.finish_load(); });
    if (call("finish_load", Op(), twin_, [](M& machine) { return machine.finish_load(); }) != status)
      differ("finish_load", Op(), "answered the same differently");
    if (status == Status::ok) canon_ = canon_of(mine_);
    return status;
  }
  Digest digest() const {
    return call("digest", Op(), mine_, [](const M& machine) { return machine.digest(); });
  }

 private:
  // Made when it is first called, since a constructor may do anything, too.
  struct Side {
    MemoryMeter meter;
    std::unique_ptr<M> machine;
  };
  // Canonical state, as a digest per section.
  struct Canon {
    std::vector<Digest> sections;
    u64 bytes = 0;
  };
  static constexpr u64 small_bytes = 16 * 1024;  // whose state is compared after each op
  static constexpr u64 large_every = 64;
  bool small() const { return canon_.bytes <= small_bytes; }

  template <class F>
  decltype(auto) call(const char* function, Op op, Side& side, F&& f) const {
    std::string thrown;  // blamed behind the handler, so that the exception is gone before the step is left
    try {
      if (!side.machine) {
        side.meter = meter_of((1 << 20) + 8 * M::limits(limits_).state_bytes_max);
        const MachineCall making(own_, "its constructor", Op(), &side.meter);
        side.machine = std::make_unique<M>(limits_);
      }
      const MachineCall now(own_, function, op, &side.meter);
      return f(*side.machine);
    } catch (const std::exception& error) {
      thrown = std::string("threw an exception: ") + error.what();
    } catch (...) {
      thrown = "threw something that is not a std::exception";
    }
    blame_machine(own_, function, op, "threw", thrown);
  }
  [[noreturn]] void differ(const char* function, Op op, const std::string& what) const {
    blame_machine(own_, function, op, "differs",
                  what +
                      ", run twice side by side: it depends on something that is not in the log (chance, an "
                      "address, a global, memory that was never written)");
  }

  void touch(SectionId section) {
    const OutsideOfMachine outside;
    touched_.push_back(section.raw());
    kernel_touch_(section);
  }

  // What the first of the two retains, the kernel retains; the second one hears the same.
  static constexpr BodyKeeper::Ops recording_bodies = {
      [](void* self, Op) {
        const OutsideOfMachine outside;
        auto& watched = *static_cast<WatchedMachine*>(self);
        watched.retained_.push_back(watched.kernel_bodies_.retain());
        return watched.retained_.back() != 0;
      },
      [](void* self, Op op) {
        const OutsideOfMachine outside;
        static_cast<WatchedMachine*>(self)->kernel_bodies_.release({op, 0, 0});
      }};
  static constexpr BodyKeeper::Ops repeated_bodies = {[](void* self, Op) {
                                                        auto& watched = *static_cast<WatchedMachine*>(self);
                                                        return watched.repeated_ < watched.retained_.size() &&
                                                               watched.retained_[watched.repeated_++] != 0;
                                                      },
                                                      [](void*, Op) {}};

  void save(Side& side, SectionId section, ByteSink& sink) const {
    ByteSink outside(&sink, [](void* self, Bytes bytes) {
      const OutsideOfMachine paused;
      static_cast<ByteSink*>(self)->put(bytes);
    });
    call("save_section", Op(), side, [&](const M& machine) { machine.save_section(section, outside); });
  }

  Canon canon_of(Side& side) const {
    Canon canon;
    const u32 count = call("section_count", Op(), side, [](const M& machine) { return machine.section_count(); });
    for (u32 s = 0; s < count; ++s) {
      DigestStream stream;
      ByteSink sink = sink_into(stream);
      save(side, SectionId(s), sink);
      canon.sections.push_back(stream.finish());
      canon.bytes += sink.written();
    }
    return canon;
  }

  void compare(const char* function, Op op) {
    const Canon now = canon_of(mine_);
    const Canon other = canon_of(twin_);
    if (now.sections != other.sections) differ(function, op, "left another state behind");
    const u64 bytes_max = M::limits(limits_).state_bytes_max;
    if (now.bytes > bytes_max)
      blame_machine(own_, function, op, "memory",
                    "made its state " + std::to_string(now.bytes) + " bytes large, its limits() promise at most " +
                        std::to_string(bytes_max) + " (state_bytes_max)");
    const bool whole = unseen_ == 0 && now.sections.size() == canon_.sections.size();
    for (u32 s = 0; whole && s < now.sections.size(); ++s) {
      if (now.sections[s] == canon_.sections[s] || std::find(touched_.begin(), touched_.end(), s) != touched_.end())
        continue;
      blame_machine(own_, function, op, "touch",
                    "changed section " + std::to_string(s) + " without ctx.touch(SectionId(" + std::to_string(s) +
                        ")) before: a checkpoint under way would hold half of it");
    }
    canon_ = now;
    unseen_ = 0;
  }

  void ask_invariants(Op op) {
    for (const OwnInvariant& invariant : own_.invariants) {
      const std::string wrong =
          call("an invariant", op, mine_, [&](const M& machine) { return invariant.wrong(&machine); });
      if (!wrong.empty()) blame_invariant(own_, invariant.name, op, wrong);
    }
  }

  void settle(Side& side) {
    call("settle_sections", Op(), side, [](M& machine) {
      if constexpr (requires { machine.settle_sections(); }) machine.settle_sections();
    });
  }
  Status begin_load(Side& side, u32 sections) {
    return call("begin_load", Op(), side, [&](M& machine) {
      if constexpr (requires { machine.begin_load(sections); })
        return machine.begin_load(sections);
      else
        return sections == machine.section_count() ? Status::ok : Status::corrupt_snapshot;
    });
  }
  Status load(Side& side, SectionId section, Bytes bytes) {
    ByteSource source = keelson::source_of(bytes);
    return call("load_section", Op(), side, [&](M& machine) { return machine.load_section(section, source); });
  }

  // A snapshot of the one is the other from now on: nothing that replies depend on may be missing in it.
  void renew_twin() {
    canon_ = canon_of(mine_);
    unseen_ = 0;
    const u32 count = section_count();
    Side fresh;
    call("reset", Op(), fresh, [&](M& machine) { machine.reset(release_); });
    if (begin_load(fresh, count) != Status::ok) refuse("begin_load");
    for (u32 s = 0; s < count; ++s) {
      std::vector<std::byte> bytes;
      ByteSink sink(&bytes, [](void* self, Bytes more) {
        auto& all = *static_cast<std::vector<std::byte>*>(self);
        all.insert(all.end(), more.begin(), more.end());
      });
      save_section(SectionId(s), sink);
      if (load(fresh, SectionId(s), bytes) != Status::ok) refuse("load_section");
    }
    if (call("finish_load", Op(), fresh, [](M& machine) { return machine.finish_load(); }) != Status::ok)
      refuse("finish_load");
    const auto digest = [](const M& machine) { return machine.digest(); };
    if (canon_of(fresh).sections != canon_.sections ||
        call("digest", Op(), fresh, digest) != call("digest", Op(), mine_, digest))
      blame_machine(own_, "load_section", Op(), "snapshot", "gives another state than the one that was saved");
    twin_ = std::move(fresh);
  }
  [[noreturn]] void refuse(const char* function) const {
    blame_machine(own_, function, Op(), "snapshot", "refuses what save_section wrote");
  }

  Limits limits_;
  const OwnMachine& own_;
  mutable Side mine_;
  mutable Side twin_;
  Release release_{1};
  Canon canon_;     // of the last state that was looked at
  u64 unseen_ = 0;  // ops since then, beyond each one
  SectionTouch kernel_touch_;
  std::vector<std::byte> second_reply_;  // of the twin
  Vec<ReplyPart> second_parts_;
  BodyKeeper kernel_bodies_;
  std::vector<u8> retained_;  // by the op in progress: whether it could be
  std::size_t repeated_ = 0;  // of them told to the twin
  std::vector<u32> touched_;  // by the op in progress
};

}  // namespace keelson::sim
