// BodyRef and BodyKeeper: bytes of requests that stay in the log, so that a machine keeps only where they are.
//
// Who uses it: machines retain and release in apply, and put a BodyRef where their reply shall have the bytes; a
// replica keeps what is retained readable (vsr/body_index.h, docs/bodies.md). Not here: where the bytes lie.
#pragma once

#include <optional>

#include "keelson/base/bytes.h"
#include "keelson/base/types.h"

namespace keelson {

// Bytes of one prepare, from the start of its body: the same on every replica, whatever becomes of the log.
struct BodyRef {
  Op op;
  u32 offset = 0;
  u32 size = 0;
  constexpr bool operator==(const BodyRef&) const = default;
};
static_assert(sizeof(BodyRef) == 16 && std::has_unique_object_representations_v<BodyRef>);

// What an apply may do to them. Each retain and each share is undone by one release; a machine that forgets one keeps
// the bytes for ever.
class BodyKeeper {
 public:
  struct Ops {
    bool (*retain)(void* self, Op op);
    void (*release)(void* self, Op op);
  };
  constexpr BodyKeeper() = default;
  // `body` is that of the prepare which is applied.
  constexpr BodyKeeper(void* self, const Ops& ops, Op op, Bytes body) : self_(self), ops_(&ops), op_(op), body_(body) {}

  // There is one; a machine outside a replica keeps all of its state itself.
  explicit operator bool() const { return ops_ != nullptr; }
  // The same bytes under another keeper, for whoever stands between a replica and its machine.
  constexpr BodyKeeper with(void* self, const Ops& ops) const { return {self, ops, op_, body_}; }
  bool retain() const { return ops_->retain(self_, op_); }
  // Of bytes that lie in the request being applied. None: this group keeps as much as it may; refuse the request.
  std::optional<BodyRef> retain(Bytes bytes) const {
    check(bytes.data() >= body_.data() && bytes.data() + bytes.size() <= body_.data() + body_.size());
    if (!ops_->retain(self_, op_)) return std::nullopt;
    return BodyRef{op_, static_cast<u32>(bytes.data() - body_.data()), static_cast<u32>(bytes.size())};
  }
  void release(const BodyRef& ref) const { ops_->release(self_, ref.op); }

 private:
  void* self_ = nullptr;
  const Ops* ops_ = nullptr;
  Op op_;
  Bytes body_;
};

}  // namespace keelson
