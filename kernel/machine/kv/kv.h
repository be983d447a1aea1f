// KvMachine: a replicated map of bytes: get, put, delete, compare-and-swap.
//
// Who uses it: groups of kind machine_kv, through AnyMachine; clients talk to it by kv_codec.h. Large values stay in
// the log (machine/bodies.h): in memory there is where they are and a digest, by which a cas compares. Its size is
// bounded by KvLimits (machine_full), its snapshot is sections of the hash space, canonical, as many as its size asks
// for. Not here: reads that bypass the log, scans, expiry.
#pragma once

#include "keelson/machine/kv/kv_table.h"
#include "keelson/machine/machine.h"

namespace keelson {

class KvMachine {
 public:
  static constexpr MachineKind kind = machine_kv;
  static MachineLimits limits(const Limits& limits);

  explicit KvMachine(const Limits& limits);

  Status admit(const RequestView& request) const;
  bool grows(const RequestView& request) const;
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply);

  void reset(Release release);
  u32 section_count() const { return u32{1} << table_.section_bits(); }
  void settle_sections();
  Status begin_load(u32 sections);
  void save_section(SectionId section, ByteSink& sink) const;
  Status load_section(SectionId section, ByteSource& source);
  Status finish_load();
  Digest digest() const;

  const KvTable& table() const { return table_; }

 private:
  // Where loading of one section stands: items must ascend.
  // What the table has of a value that stays in the log.
  struct KeptValue {
    BodyRef ref;
    Digest digest;  // for whoever compares
  };
  static_assert(sizeof(KeptValue) == 32);
  struct Cursor {
    bool first = true;
    u64 hash = 0;
    u32 key_size = 0;
    std::array<std::byte, kv_key_bytes_max> key;
  };

  Status admit(const KvRequest& request) const;
  void apply_get(const KvRequest& request, ReplyWriter& reply);
  void apply_put(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply);
  void apply_delete(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply);
  void apply_cas(const ApplyCtx& ctx, const KvRequest& request, ReplyWriter& reply);
  void touch(const ApplyCtx& ctx, Bytes key) const;
  static std::optional<KeptValue> kept_of(const std::optional<KvTable::Found>& held);
  static void answer_held(ReplyWriter& reply, Status status, const std::optional<KvTable::Found>& held, bool swapped);
  bool write(const ApplyCtx& ctx, Bytes key, Bytes value);
  void erase(const ApplyCtx& ctx, Bytes key);
  bool may_be_kept(Bytes saved, Op written) const;
  Status load_item(u32 section, Cursor& previous, ByteSource& source);

  KvTable table_;
  Vec<u8> loaded_;  // while loading: 1 per section that load_section took whole
};

static_assert(Machine<KvMachine>);

}  // namespace keelson
