// Sessions: one group's client table: who is registered, what each executed last, and the reply to it.
//
// Who uses it: a replica judges requests by it before consensus and again in apply, and answers duplicates from it.
// It is replicated state: a function of the applied ops alone, saved and loaded with the machine's sections. Its memory
// grows with the number of sessions. Not here: requests in flight (volatile, the replica's), and the client's half
// (client.h).
#pragma once

#include <optional>

#include "keelson/base/expected.h"
#include "keelson/base/limits.h"
#include "keelson/machine/machine.h"
#include "keelson/vsr/session_rules.h"

namespace keelson {

class Sessions {
 public:
  using Verdict = SessionVerdict;

  // The newest reply of a session. `body` points into the table: valid until that client's next request or its end.
  struct Retained {
    RequestNo request;
    Status status = Status::ok;
    Op op;
    Timestamp timestamp;
    Digest request_checksum;
    Operation operation;
    Bytes body;
    u32 part_count = 0;  // retained bytes that belong between those of the body
    Bytes parts;
    ReplyPart part(u32 index) const { return load<ReplyPart>(parts.data() + index * sizeof(ReplyPart)); }
  };

  explicit Sessions(const Limits& limits);
  Sessions(Sessions&&) noexcept = default;
  Sessions& operator=(Sessions&&) noexcept = default;
  ~Sessions() = default;

  // Registers and requests alike. `timestamp` is the op's in apply and the cluster's time before consensus; it decides
  // only whether a register finds an idle entry.
  Verdict judge(const RequestFrame& frame, Timestamp timestamp) const;

  // Apply, register: the session of `client`, the old one if it lives; sessions_full. May evict the idlest.
  Expected<SessionId> register_client(ClientId client, Op op, Timestamp timestamp);
  // Apply, verdict execute: `reply` is retained, the one before it is dropped. Allocates only to grow a buffer.
  void executed(const RequestFrame& frame, Op op, Timestamp timestamp, Status status, Bytes reply,
                std::span<const ReplyPart> parts = {});
  // Apply, verdict execute on operation unregister.
  void unregister_client(ClientId client);

  // Told before a section changes (section numbers as below).
  void set_touch(SectionTouch touch) { touch_ = touch; }
  // Told of every op whose body a reply begins (`held`) or ceases to refer to.
  using BodyShare = void (*)(void* self, Op op, bool held);
  void set_body_share(void* self, BodyShare share) {
    share_self_ = self;
    share_ = share;
  }

  // None: no entry, or nothing executed yet.
  std::optional<Retained> retained(ClientId client) const;
  std::optional<SessionId> session_of(ClientId client) const;
  std::size_t size() const { return entries_.size(); }
  u64 evictions() const { return evictions_; }  // since construction; not state

  // As a machine's sections (machine/machine.h): canonical bytes, total on hostile ones.
  u32 section_count() const { return section_count_; }
  void settle_sections();
  [[nodiscard]] Status begin_load(u32 sections);
  void save_section(u32 section, ByteSink& sink) const;
  [[nodiscard]] Status load_section(u32 section, ByteSource& source);
  Digest digest() const;
  void reset();

 private:
  struct Entry {
    ClientId client;
    SessionFacts facts;
    Op last_op;  // of `executed`, or of the register
    Timestamp last_timestamp;
    Status status = Status::ok;
    u32 reply_size = 0;
    u32 part_count = 0;
    Vec<std::byte> reply;  // capacity a power of two; bytes [0, reply_size), behind them the parts

    Bytes parts() const { return reply.span().subspan(reply_size, part_count * sizeof(ReplyPart)); }
  };
  static constexpr u32 absent = ~u32{0};

  bool is_full() const { return entries_.size() == sessions_max_; }
  u32 sections_max() const;
  u32 find(ClientId client) const;
  u32 home_of(ClientId client) const;
  u32 section_of(ClientId client) const;
  Entry& insert(ClientId client, Op op, Timestamp timestamp);
  void remove(u32 index);
  void place(u32 index);  // into index_
  u32 slot_of(u32 index) const;
  void vacate(u32 slot);
  void grow_index();
  // The entry that a register at `timestamp` may evict, or absent.
  u32 idlest(Timestamp timestamp) const;
  MutableBytes room_for_reply(Entry& entry, std::size_t size, std::size_t parts);
  void share_bodies(const Entry& entry, bool held) const;
  Status load_entry(u32 section, const ClientId* previous, ByteSource& source);

  u32 sessions_max_;
  u32 reply_bytes_max_;
  u32 reply_parts_max_;
  u32 section_count_ = 1;
  Duration ttl_;
  Vec<Entry> entries_;      // dense, in no order that anybody may see
  Vec<u32> index_;          // open addressing, linear probing: entry or absent; at most half full
  mutable Vec<u32> order_;  // scratch of save_section
  u64 evictions_ = 0;
  SectionTouch touch_;
  void* share_self_ = nullptr;
  BodyShare share_ = nullptr;
};

}  // namespace keelson
