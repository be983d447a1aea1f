// ZonePages: what the zones of one data file hold, page by page, over a base that many of them share.
//
// Who uses it: images of data files (store_image.h), their damage and whoever starts from them. Pages that nobody wrote
// are zeros. Not here: a disk that is slow or tears (sim/storage.h), operations in flight (tests/lib/memory_disk.h).
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "keelson/store/layout.h"
#include "keelson/wire/effect.h"

namespace keelson::gen {

struct PageKey {
  Zone zone = Zone::wal;
  u64 page = 0;
  auto operator<=>(const PageKey&) const = default;
};

class ZonePages {
 public:
  using Page = std::array<std::byte, page_bytes>;

  explicit ZonePages(const Limits& limits, const ZonePages* base = nullptr)
      : layout_(StoreLayout::of(limits)), base_(base) {}

  const StoreLayout& layout() const { return layout_; }
  u64 pages_of(Zone zone) const { return layout_.zone_bytes(zone) / page_bytes; }

  const Page& page(PageKey key) const {
    static constexpr Page zeros{};
    for (const ZonePages* at = this; at; at = at->base_)
      if (const auto own = at->pages_.find(key); own != at->pages_.end()) return own->second;
    return zeros;
  }
  void put(PageKey key, const Page& bytes) {
    unreadable_.erase(key);
    pages_[key] = bytes;
  }
  void spoil(PageKey key) { unreadable_.insert(key); }
  // The file ends here: what lies behind can't be read. Zones follow each other in the order of their numbers.
  void cut(PageKey from) { end_ = from; }
  bool readable(PageKey key) const {
    for (const ZonePages* at = this; at; at = at->base_) {
      if (at->end_ && key >= *at->end_) return false;
      if (at->unreadable_.contains(key)) return false;
      if (at->pages_.contains(key)) return true;
    }
    return true;
  }
  // Neither written over nor spoilt since the base.
  bool untouched(PageKey key) const { return !pages_.contains(key) && readable(key); }
  std::vector<PageKey> written() const {
    std::vector<PageKey> keys;
    for (const auto& [key, bytes] : pages_) keys.push_back(key);
    return keys;
  }

  // Whole pages. False: one of them is not readable, and what it says is undefined.
  bool read(Zone zone, u64 offset, MutableBytes into) const {
    bool all = true;
    for (std::size_t at = 0; at < into.size(); at += page_bytes) {
      const PageKey key{zone, (offset + at) / page_bytes};
      copy(into.subspan(at, page_bytes), page(key));
      all = all && readable(key);
    }
    return all;
  }
  void write(Zone zone, u64 offset, std::span<const Bytes> parts) {
    std::vector<std::byte> joined;
    for (const Bytes part : parts) joined.insert(joined.end(), part.begin(), part.end());
    for (std::size_t at = 0; at < joined.size(); at += page_bytes) {
      Page bytes;
      std::copy_n(joined.begin() + static_cast<std::ptrdiff_t>(at), page_bytes, bytes.begin());
      put({zone, (offset + at) / page_bytes}, bytes);
    }
  }

 private:
  StoreLayout layout_;
  const ZonePages* base_;
  std::map<PageKey, Page> pages_;
  std::set<PageKey> unreadable_;
  std::optional<PageKey> end_;
};

}  // namespace keelson::gen
