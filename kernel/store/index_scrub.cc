#include "keelson/store/index_scrub.h"

#include <algorithm>
#include <utility>

#include "keelson/store/layout.h"
#include "keelson/store/page.h"

namespace keelson {
namespace {

constexpr u32 pages_per_read = 16;

}  // namespace

IndexScrub::IndexScrub(const Limits& limits, u64 seed, IoIds& ids)
    : limits_(limits), seed_(seed), ids_(ids), pages_(std::min(pages_per_read, limits.index_pages_per_segment)) {}

void IndexScrub::begin(u64 segment) {
  check(!reading());
  segment_ = segment;
  page_ = 0;
  damaged_end_ = 0;
}

bool IndexScrub::read(u64 first, u64 end, EffectBag& out) {
  check(!reading());
  if (segment_ < first) {
    segment_ = first;
    page_ = 0;
  }
  if (page_ == limits_.index_pages_per_segment) {
    ++segment_;
    page_ = 0;
  }
  if (segment_ >= end) return false;
  count_ = std::min(static_cast<u32>(pages_.pages()), limits_.index_pages_per_segment - page_);
  id_ = ids_.next();
  out.reads.push_back(
      Read{id_, Zone::index, index_offset(limits_, segment_, page_), pages_.span(0, count_), IoClass::scrub});
  return true;
}

bool IndexScrub::on_completion(const Completion& completion) {
  if (!reading() || completion.id != id_) return false;
  id_ = IoId();
  page_ += count_;
  if (is_damaged(completion)) damaged_end_ = segment_ + 1;
  return true;
}

bool IndexScrub::is_damaged(const Completion& completion) {
  if (completion.status != IoStatus::ok) return true;
  for (u32 i = 0; i < count_; ++i)
    if (read_index_page(pages_.page(i), seed_, limits_).state == PageState::bad) return true;
  return false;
}

}  // namespace keelson
