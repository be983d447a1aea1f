// Any reads and writes, completed whenever: a read sees every write that was done before it was asked for, whole.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/base/random.h"
#include "tests/storage/back_ends.h"

namespace keelson::test {
namespace {

// Pages that nothing in flight touches: the contract forbids anything else.
template <class Which>
class Driver {
 public:
  explicit Driver(u64 seed) : prng_(seed), model_(store_bytes) {}

  void step() {
    switch (prng_.below(8)) {
      case 0:
        return finish(in_flight_.size());
      case 1:
        return finish(prng_.below(in_flight_.size() + 1));
      case 2:
        finish(in_flight_.size());
        return end_.reopen();
      default:
        return submit(prng_.below(3) == 0 ? IoKind::read : IoKind::write);
    }
  }
  void end() {
    finish(in_flight_.size());
    std::vector<std::byte> all(store_bytes);
    RC_ASSERT(end_.read(next_id_, 0, all) == IoStatus::ok);
    RC_ASSERT(all == model_);
  }

 private:
  struct Op {
    IoKind kind = IoKind::write;
    u64 offset = 0;
    std::vector<std::byte> bytes;  // a write's; a read's, to be filled
    std::vector<Bytes> parts;
  };

  void submit(IoKind kind) {
    if (in_flight_.size() == in_flight_max) return;
    const u64 pages = 1 + prng_.below(4);
    const u64 first = prng_.below(page_count - pages + 1);
    for (u64 page = first; page < first + pages; ++page)
      if (busy_.contains(page)) return;
    for (u64 page = first; page < first + pages; ++page) busy_.insert(page);
    const u64 id = next_id_++;
    Op& op = in_flight_[id];
    op = {kind, first * page_bytes, std::vector<std::byte>(pages * page_bytes), {}};
    if (kind == IoKind::read) return end_.submit({}, {{id, op.offset, op.bytes}});
    op.bytes = pattern(pages * page_bytes, id);
    for (std::size_t at = 0; at < op.bytes.size();) {
      const std::size_t size = std::min<std::size_t>(op.bytes.size() - at, prng_.below(6000));
      op.parts.push_back(Bytes(op.bytes).subspan(at, size));
      at += size;
    }
    end_.submit({{id, op.offset, op.parts}});
  }
  void finish(std::size_t count) {
    for (const Completion& done : end_.wait(count)) {
      RC_ASSERT(done.status == IoStatus::ok);
      const auto found = in_flight_.find(done.id.raw());
      RC_ASSERT(found != in_flight_.end());
      const Op& op = found->second;
      RC_ASSERT(op.kind == done.kind);
      const auto at = model_.begin() + static_cast<std::ptrdiff_t>(op.offset);
      if (op.kind == IoKind::write)
        std::copy(op.bytes.begin(), op.bytes.end(), at);
      else
        RC_ASSERT(std::equal(op.bytes.begin(), op.bytes.end(), at));
      for (u64 page = 0; page < op.bytes.size() / page_bytes; ++page) busy_.erase(op.offset / page_bytes + page);
      in_flight_.erase(found);
    }
  }

  Prng prng_;
  Which end_;
  std::vector<std::byte> model_;
  std::map<u64, Op> in_flight_;
  std::set<u64> busy_;
  u64 next_id_ = 1;
};

template <class Which>
void run() {
  Driver<Which> driver(*rc::gen::arbitrary<u64>());
  for (u32 steps = *rc::gen::inRange(1u, 120u); steps > 0; --steps) driver.step();
  driver.end();
}
RC_GTEST_PROP(StorageProperty, PwriteFile, ()) { run<PwriteFile>(); }
RC_GTEST_PROP(StorageProperty, SimDisk, ()) { run<SimDisk>(); }

}  // namespace
}  // namespace keelson::test
