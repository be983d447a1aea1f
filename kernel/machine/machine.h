// Machine: what a replicated state machine is, and AnyMachine, which holds one of any kind.
//
// Who uses it: a replica owns one AnyMachine per group and calls admit, apply, save and load; embedders write a type
// that satisfies the concept and add it to a MachineRegistry. A machine sees no clock, no randomness and no addresses:
// state after an op is a function of the ops before it. Not here: sessions and replies kept (vsr/sessions.h).
#pragma once

#include <concepts>
#include <utility>

#include "keelson/base/limits.h"
#include "keelson/base/status.h"
#include "keelson/base/vec.h"
#include "keelson/machine/bodies.h"
#include "keelson/machine/stream.h"
#include "keelson/wire/validate.h"

namespace keelson {

// The operations of a kind are (kind << 8) .. (kind << 8) + 255.
using MachineKind = Id<struct MachineKindTag, u16>;
inline constexpr MachineKind machine_kv{2};

constexpr MachineKind kind_of(Operation operation) { return MachineKind(static_cast<u16>(operation.raw() >> 8)); }

// What a machine may use, a function of the shared part of Limits: all replicas refuse alike.
struct MachineLimits {
  u32 request_bytes_max = 0;
  u32 reply_bytes_max = 0;
  u64 entries_max = 0;
  u64 state_bytes_max = 0;
  u32 sections_max = 0;
};

// The op that a request is applied in. One op may carry several requests: (op, client) names one of them.
struct ApplyCtx {
  GroupId group;
  Op op;
  Timestamp timestamp;
  Release release;
  ClientId client;
  SessionId session;
  SectionTouch touch = {};  // before the first change of each section that this request changes
  BodyKeeper bodies = {};
};

// Bytes of the log that belong into a reply, in front of its inline byte `at`.
struct ReplyPart {
  BodyRef ref;
  u32 at = 0;
  u32 zero = 0;
};
static_assert(sizeof(ReplyPart) == 24);

// A reply in the making, in a buffer of Limits::reply_bytes_max that the replica owns: bytes, and references to bytes
// that are put between them when it is sent. Overflow is the machine's bug; so is a reply that fits no message.
class ReplyWriter {
 public:
  explicit ReplyWriter(MutableBytes buffer) : buffer_(buffer) {}
  ReplyWriter(MutableBytes buffer, Vec<ReplyPart>& parts) : buffer_(buffer), parts_(&parts) { parts.clear(); }

  void set_status(Status status) { status_ = status; }
  void append(Bytes bytes) {
    copy(buffer_.subspan(size_), bytes);
    size_ += bytes.size();
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void append_value(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>, "padding bytes would be sent");
    append(bytes_of(value));
  }
  // What the machine retains, and goes on retaining: the reply has a share of its own.
  void append_body(const BodyRef& ref) {
    check(parts_ != nullptr);
    parts_->push_back({ref, static_cast<u32>(size_), 0});
  }
  void clear() {
    status_ = Status::ok;
    size_ = 0;
    if (parts_) parts_->clear();
  }

  Status status() const { return status_; }
  Bytes body() const { return buffer_.first(size_); }
  std::span<const ReplyPart> parts() const { return parts_ ? parts_->span() : std::span<ReplyPart>(); }
  std::size_t room() const { return buffer_.size() - size_; }

 private:
  MutableBytes buffer_;
  std::size_t size_ = 0;
  Status status_ = Status::ok;
  Vec<ReplyPart>* parts_ = nullptr;
};

// Snapshots are streams of sections. Saving: each section, any order. Loading: reset, load_section of each section
// once, finish_load; after any status but ok the machine must be reset before it is used.
//
// A machine whose number of sections follows its size has two functions more, both or none (machine/sections.h):
//   void settle_sections()         at each checkpoint op, on every replica: here section_count() may change, and
//   nowhere
//                                  else; a function of the ops applied
//   Status begin_load(u32 count)   between reset and load_section: so many were saved; corrupt_snapshot if there can't
//   be
template <class M>
concept Machine = std::constructible_from<M, const Limits&> &&
                  requires(M m, const M cm, const Limits& limits, const ApplyCtx& ctx, const RequestView& request,
                           ReplyWriter& reply, SectionId section, ByteSink& sink, ByteSource& source, Release release) {
                    { M::kind } -> std::convertible_to<MachineKind>;
                    { M::limits(limits) } -> std::same_as<MachineLimits>;
                    // Pure shape and bounds: the primary asks before consensus, apply may rely on it.
                    { cm.admit(request) } -> std::same_as<Status>;
                    // On every replica, in op order; cannot fail, only answer with a status.
                    { m.apply(ctx, request, reply) } -> std::same_as<void>;
                    // Empty state under a release.
                    { m.reset(release) } -> std::same_as<void>;
                    { cm.section_count() } -> std::same_as<u32>;
                    // Canonical: equal state gives equal bytes, whatever history led to it.
                    { cm.save_section(section, sink) } -> std::same_as<void>;
                    // Total on hostile bytes: corrupt_snapshot, never a crash, never more memory than the limits say.
                    { m.load_section(section, source) } -> std::same_as<Status>;
                    { m.finish_load() } -> std::same_as<Status>;
                    // Of the whole state; may be slow.
                    { cm.digest() } -> std::same_as<Digest>;
                  };

struct MachineOps {
  MachineKind kind;
  void (*destroy)(void*);
  Status (*admit)(const void*, const RequestView&);
  bool (*grows)(const void*, const RequestView&);
  void (*apply)(void*, const ApplyCtx&, const RequestView&, ReplyWriter&);
  void (*reset)(void*, Release);
  u32 (*section_count)(const void*);
  void (*settle_sections)(void*);
  Status (*begin_load)(void*, u32);
  void (*save_section)(const void*, SectionId, ByteSink&);
  Status (*load_section)(void*, SectionId, ByteSource&);
  Status (*finish_load)(void*);
  Digest (*digest)(const void*);
};

template <Machine M>
inline constexpr MachineOps machine_ops = {
    M::kind,
    [](void* self) { delete static_cast<M*>(self); },
    [](const void* self, const RequestView& request) { return static_cast<const M*>(self)->admit(request); },
    [](const void* self, const RequestView& request) {
      if constexpr (requires { static_cast<const M*>(self)->grows(request); })
        return static_cast<const M*>(self)->grows(request);
      return true;
    },
    [](void* self, const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
      static_cast<M*>(self)->apply(ctx, request, reply);
    },
    [](void* self, Release release) { static_cast<M*>(self)->reset(release); },
    [](const void* self) { return static_cast<const M*>(self)->section_count(); },
    [](void* self) {
      if constexpr (requires { static_cast<M*>(self)->settle_sections(); }) static_cast<M*>(self)->settle_sections();
    },
    [](void* self, u32 sections) {
      if constexpr (requires { static_cast<M*>(self)->begin_load(sections); })
        return static_cast<M*>(self)->begin_load(sections);
      return sections == static_cast<M*>(self)->section_count() ? Status::ok : Status::corrupt_snapshot;
    },
    [](const void* self, SectionId section, ByteSink& sink) {
      static_cast<const M*>(self)->save_section(section, sink);
    },
    [](void* self, SectionId section, ByteSource& source) {
      return static_cast<M*>(self)->load_section(section, source);
    },
    [](void* self) { return static_cast<M*>(self)->finish_load(); },
    [](const void* self) { return static_cast<const M*>(self)->digest(); },
};

// Owns a machine of any kind; move-only; empty when default-constructed.
class AnyMachine {
 public:
  AnyMachine() = default;
  template <Machine M>
  static AnyMachine make(const Limits& limits) {
    return AnyMachine(new M(limits), &machine_ops<M>);
  }
  AnyMachine(AnyMachine&& other) noexcept : self_(std::exchange(other.self_, nullptr)), ops_(other.ops_) {}
  AnyMachine& operator=(AnyMachine&& other) noexcept {
    std::swap(self_, other.self_);
    std::swap(ops_, other.ops_);
    return *this;
  }
  ~AnyMachine() {
    if (self_) ops_->destroy(self_);
  }

  explicit operator bool() const { return self_ != nullptr; }
  MachineKind kind() const { return ops_->kind; }
  Status admit(const RequestView& request) const { return ops_->admit(self_, request); }
  // Whether an admitted one may make the state larger: such are refused first where space is short. A machine that
  // doesn't say, does.
  bool grows(const RequestView& request) const { return ops_->grows(self_, request); }
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    ops_->apply(self_, ctx, request, reply);
  }
  void reset(Release release) { ops_->reset(self_, release); }
  u32 section_count() const { return ops_->section_count(self_); }
  void settle_sections() { ops_->settle_sections(self_); }
  [[nodiscard]] Status begin_load(u32 sections) { return ops_->begin_load(self_, sections); }
  void save_section(SectionId section, ByteSink& sink) const { ops_->save_section(self_, section, sink); }
  [[nodiscard]] Status load_section(SectionId section, ByteSource& source) {
    return ops_->load_section(self_, section, source);
  }
  [[nodiscard]] Status finish_load() { return ops_->finish_load(self_); }
  Digest digest() const { return ops_->digest(self_); }

 private:
  AnyMachine(void* self, const MachineOps* ops) : self_(self), ops_(ops) {}
  void* self_ = nullptr;
  const MachineOps* ops_ = nullptr;
};

// The kinds that a process can run. Filled before the first shard, unchanged afterwards.
class MachineRegistry {
 public:
  template <Machine M>
  void add() {
    check(count_ < kinds_max && !find(M::kind));
    kinds_[count_++] = Kind{M::kind, &AnyMachine::make<M>, &M::limits};
  }
  bool knows(MachineKind kind) const { return find(kind) != nullptr; }
  // Empty for an unknown kind.
  AnyMachine make(MachineKind kind, const Limits& limits) const {
    const Kind* known = find(kind);
    return known ? known->make(limits) : AnyMachine();
  }
  // Of a known kind.
  MachineLimits limits(MachineKind kind, const Limits& limits) const {
    const Kind* known = find(kind);
    check(known != nullptr);
    return known->limits(limits);
  }

 private:
  struct Kind {
    MachineKind kind;
    AnyMachine (*make)(const Limits&) = nullptr;
    MachineLimits (*limits)(const Limits&) = nullptr;
  };
  static constexpr u32 kinds_max = 16;
  const Kind* find(MachineKind kind) const {
    for (u32 i = 0; i < count_; ++i)
      if (kinds_[i].kind == kind) return &kinds_[i];
    return nullptr;
  }
  Kind kinds_[kinds_max];
  u32 count_ = 0;
};

// With every machine that keelson ships.
MachineRegistry builtin_machines();

}  // namespace keelson
