// What happens to data files: StoreDamage does what disks do, StoreForger what somebody does who can compute checksums.
//
// Who uses it: the fuzz target of the open path, with choices out of its input. Damage never makes bytes that pass a
// check which they did not pass before in the same place or another; a forged page does, and may claim anything. Not
// here: what a start must make of either.
#pragma once

#include <algorithm>

#include "keelson/store/checkpoint_table.h"
#include "keelson/store/page.h"
#include "keelson/store/superblock.h"

#include "fuzz/gen/store_image.h"

namespace keelson::gen {

class StoreDamage {
 public:
  StoreDamage(ZonePages& pages, const std::vector<PageKey>& written, Draw draw)
      : pages_(pages), written_(written), draw_(std::move(draw)) {}

  void hurt() {
    const u64 kind = draw_(9);
    const PageKey key = any_page();
    switch (kind) {
      case 0:
        return change(key, [&](ZonePages::Page& page) {
          for (u64 bits = 1 + draw_(8); bits > 0; --bits) {
            const u64 at = draw_(page_bytes);
            page[at] ^= std::byte{1} << draw_(8);
          }
        });
      case 1:
        return pages_.put(key, {});
      case 2:
        return change(key, [&](ZonePages::Page& page) {
          const u64 sector = 512 * draw_(8);
          std::fill_n(page.begin() + static_cast<std::ptrdiff_t>(sector), 512, static_cast<std::byte>(draw_(256)));
        });
      case 3:  // misdirected
        return pages_.put(key, pages_.page(any_page()));
      case 4:
        return pages_.spoil(key);
      case 5:
        return for_run(key, [&](PageKey at, u64) { pages_.put(at, {}); });
      case 6: {  // a longer write, misdirected
        const PageKey from = any_page();
        return for_run(key, [&](PageKey at, u64 i) {
          if (from.page + i < pages_.pages_of(from.zone)) pages_.put(at, pages_.page({from.zone, from.page + i}));
        });
      }
      case 7:  // truncated, rarely
        if (draw_(8) == 7) pages_.cut(key);
        return;
      default:  // half of a page is another's
        return change(key, [&](ZonePages::Page& page) {
          const ZonePages::Page other = pages_.page(any_page());
          const u64 from = 512 * draw_(8);
          std::copy(other.begin() + static_cast<std::ptrdiff_t>(from), other.end(),
                    page.begin() + static_cast<std::ptrdiff_t>(from));
        });
    }
  }

  // Mostly one that holds something.
  PageKey any_page() {
    if (draw_(8) != 7) return written_[draw_(written_.size())];
    const auto zone = static_cast<Zone>(draw_(4));
    return {zone, draw_(std::min<u64>(400, pages_.pages_of(zone)))};
  }

 private:
  template <class Change>
  void change(PageKey key, Change how) {
    ZonePages::Page page = pages_.page(key);
    how(page);
    pages_.put(key, page);
  }
  template <class Visit>
  void for_run(PageKey key, Visit visit) {
    const u64 pages = 2 + draw_(14);
    for (u64 i = 0; i < pages && key.page + i < pages_.pages_of(key.zone); ++i)
      visit(PageKey{key.zone, key.page + i}, i);
  }

  ZonePages& pages_;
  const std::vector<PageKey>& written_;
  Draw draw_;
};

// A record of the image, and the entry that names it.
struct ImageRecord {
  IndexEntry entry;
  PageKey index_page;
  u32 number = 0;  // of the entry on that page
};

inline std::vector<ImageRecord> records_of(const StoreImage& image) {
  std::vector<ImageRecord> records;
  for (const PageKey key : image.pages.written()) {
    if (key.zone != Zone::index) continue;
    const ZonePages::Page page = image.pages.page(key);
    const IndexReading read = read_index_page(page.data(), page_seed(test_cluster, ShardId(0)), image.limits);
    for (u32 i = 0; read.state == PageState::ok && i < read.head.count; ++i)
      records.push_back({index_entry(page.data(), i), key, i});
  }
  return records;
}

class StoreForger {
 public:
  StoreForger(const StoreImage& image, ZonePages& pages, const std::vector<ImageRecord>& records, Draw draw)
      : image_(image), pages_(pages), records_(records), draw_(std::move(draw)) {
    for (const ImageRecord& record : records)
      if (record.entry.command == Command::group_checkpoint) checkpoints_.push_back(record);
  }

  void forge() {
    switch (draw_(6)) {
      case 0:
        return forge_stamp();
      case 1:
        return forge_index_page();
      case 2:
        return forge_record(records_[draw_(records_.size())]);
      case 3:
        return forge_superblock();
      case 4:
        return forge_table();
      default:
        return forge_section();
    }
  }

 private:
  u64 seed() const { return page_seed(test_cluster, ShardId(0)); }

  // Small, around what is there, next to the end of its range, or anything.
  void mutate(MutableBytes bytes) {
    for (u64 count = 1 + draw_(3); count > 0; --count) {
      constexpr u64 widths[] = {8, 4, 2, 1};
      const u64 width = widths[draw_(4)];
      if (bytes.size() < width) return;
      const u64 at = draw_(bytes.size() / width) * width;
      u64 value = 0;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), width, reinterpret_cast<std::byte*>(&value));
      switch (draw_(5)) {
        case 0:
          value = draw_(16);
          break;
        case 1:
          value += 1 + draw_(8);
          break;
        case 2:
          value -= 1 + draw_(8);
          break;
        case 3:
          value = ~u64{0} - draw_(3);
          break;
        default:
          value = draw_(~u64{0});
      }
      std::copy_n(reinterpret_cast<const std::byte*>(&value), width, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  void forge_stamp() {
    const PageKey key{Zone::wal, records_[draw_(records_.size())].entry.page_no.raw()};
    ZonePages::Page page = pages_.page(key);
    mutate(MutableBytes(page).first(offsetof(PageStamp, check)));
    write_stamp(load<PageStamp>(page.data()), seed(), page.data());
    pages_.put(key, page);
  }

  void forge_index_page() {
    const PageKey key = records_[draw_(records_.size())].index_page;
    ZonePages::Page page = pages_.page(key);
    const auto count = load<IndexHead>(page.data()).count % (entries_per_index_page + 1);
    mutate(MutableBytes(page).first(sizeof(IndexHead) + count * sizeof(IndexEntry)));
    const bool more = draw_(4) == 3;
    seal_index_page(key, page, count + (more ? 1u : 0u));
  }
  void seal_index_page(PageKey key, ZonePages::Page& page, std::size_t count) {
    std::vector<IndexEntry> entries;
    for (u32 i = 0; i < std::min<std::size_t>(count, entries_per_index_page); ++i)
      entries.push_back(index_entry(page.data(), i));
    write_index_page(load<IndexHead>(page.data()), entries, seed(), page.data());
    pages_.put(key, page);
  }

  Buffer load_record(const RecordPlace& place) const {
    Buffer bytes;
    for (u32 i = 0; i < pages_of(place); ++i) {
      const ZonePages::Page page = pages_.page({Zone::wal, place.page.raw() + i});
      bytes.insert(bytes.end(), page.begin() + stamp_bytes, page.end());
    }
    bytes.erase(bytes.begin(), bytes.begin() + place.offset);
    bytes.resize(place.size);
    return bytes;
  }
  void save_record(const RecordPlace& place, const Buffer& bytes) {
    u64 from = place.offset;
    std::size_t done = 0;
    for (u32 i = 0; done < bytes.size(); ++i, from = 0) {
      const PageKey key{Zone::wal, place.page.raw() + i};
      ZonePages::Page page = pages_.page(key);
      const std::size_t n = std::min<std::size_t>(bytes.size() - done, payload_bytes - from);
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(done), n,
                  page.begin() + static_cast<std::ptrdiff_t>(stamp_bytes + from));
      pages_.put(key, page);
      done += n;
    }
  }

  void forge_record(const ImageRecord& record) {
    Buffer bytes = load_record(record.entry.place());
    mutate(draw_(2) == 0 ? MutableBytes(bytes) : MutableBytes(bytes).subspan(16, header_size - 16));
    const Command command = load<Command>(bytes.data() + offsetof(Header, command));
    if (command == Command::prepare && as<Prepare>(bytes.data()).request_count > 64) return;
    reseal(bytes);
    save_record(record.entry.place(), bytes);
    if (draw_(2) == 0) return;  // its entry says otherwise now
    ZonePages::Page page = pages_.page(record.index_page);
    IndexEntry entry = record.entry;
    if (command == Command::prepare) {
      const auto prepare = as<Prepare>(bytes.data());
      entry.op = prepare.op;
      entry.identity = prepare.identity;
      entry.view = prepare.view;
      entry.epoch = prepare.epoch;
    } else if (command == Command::group_state) {
      const auto state = as<GroupState>(bytes.data());
      entry.op = state.head;
      entry.view = state.view;
      entry.log_view = state.log_view;
      entry.epoch = state.epoch;
    }
    entry.command = command;
    store(page.data() + sizeof(IndexHead) + record.number * sizeof(IndexEntry), entry);
    seal_index_page(record.index_page, page, load<IndexHead>(page.data()).count);
  }

  void forge_superblock() {
    auto superblock = load<Superblock>(pages_.page({Zone::superblock, 0}).data());
    // Not of another file, most of the time.
    const std::size_t from = draw_(4) == 0 ? 18 : offsetof(Superblock, incarnation);
    mutate(MutableBytes(reinterpret_cast<std::byte*>(&superblock), sizeof superblock).subspan(from));
    const u64 copies = 1 + draw_(superblock_copies);
    for (u32 i = 0; i < copies; ++i) {
      ZonePages::Page page{};
      encode_superblock(superblock, i, page);
      pages_.put({Zone::superblock, superblock_offset(i) / page_bytes}, page);
    }
  }

  // Of a checkpoint's table: its bytes change, and the record vouches for them.
  void forge_table() {
    if (checkpoints_.empty()) return;
    const ImageRecord& where = checkpoints_[checkpoints_.size() - 1 - draw_(checkpoints_.size())];
    const auto record = as<GroupCheckpoint>(load_record(where.entry.place()).data());
    Buffer bytes = load_table(record);
    if (bytes.empty()) return;
    mutate(draw_(2) == 0 ? MutableBytes(bytes) : MutableBytes(bytes).first(std::min<std::size_t>(bytes.size(), 200)));
    vouch(where, record, bytes);
  }

  void forge_section() {
    if (checkpoints_.empty()) return;
    const ImageRecord& where = checkpoints_[checkpoints_.size() - 1 - draw_(checkpoints_.size())];
    const auto record = as<GroupCheckpoint>(load_record(where.entry.place()).data());
    CheckpointTable table;
    const Buffer old = load_table(record);
    if (old.empty() || !table.decode(old, image_.limits.checkpoint_blocks) || table.sections.empty()) return;
    SavedSection& section = table.sections[draw_(table.sections.size())];
    if (section.runs.empty()) return;
    Buffer bytes;
    for (const BlockRun& run : section.runs)
      for (u32 i = 0; i < std::min<u32>(run.count, 16); ++i) {
        const ZonePages::Page page = pages_.page({Zone::checkpoint, run.first + i});
        bytes.insert(bytes.end(), page.begin(), page.end());
      }
    if (draw_(4) == 3) section.size = bytes.size() - draw_(page_bytes);
    if (section.size > bytes.size()) return;
    mutate(MutableBytes(bytes).first(section.size));
    std::size_t at = 0;
    for (const BlockRun& run : section.runs)
      for (u32 i = 0; i < std::min<u32>(run.count, 16); ++i, at += page_bytes) {
        ZonePages::Page page;
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), page_bytes, page.begin());
        pages_.put({Zone::checkpoint, run.first + i}, page);
      }
    section.digest = digest_of(Bytes(bytes).first(section.size));
    Buffer encoded(table.encoded_bytes());
    table.encode(0, encoded);
    vouch(where, record, encoded);
  }

  Buffer load_table(const GroupCheckpoint& record) const {
    const u64 blocks = blocks_for(record.table_bytes);
    if (blocks > image_.limits.checkpoint_table_blocks) return {};
    Buffer bytes;
    for (u64 i = 0; i < blocks; ++i) {
      const ZonePages::Page page = pages_.page({Zone::checkpoint, record.table_block[0] + i});
      bytes.insert(bytes.end(), page.begin(), page.end());
    }
    bytes.resize(record.table_bytes);
    return bytes;
  }
  void vouch(const ImageRecord& where, GroupCheckpoint record, const Buffer& table_bytes) {
    for (const u32 first : record.table_block) {
      for (std::size_t at = 0; at < table_bytes.size(); at += page_bytes) {
        ZonePages::Page page{};
        std::copy_n(table_bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min<std::size_t>(page_bytes, table_bytes.size() - at), page.begin());
        pages_.put({Zone::checkpoint, first + at / page_bytes}, page);
      }
    }
    record.table_digest = digest_of(table_bytes);
    CheckpointTable table;
    if (table.decode(table_bytes, image_.limits.checkpoint_blocks)) {
      record.checkpoint_id = table.id();
      if (draw_(2) == 1) {
        record.op = table.facts.op;
        record.identity = table.facts.identity;
      }
    }
    Buffer bytes(header_size);
    store(bytes.data(), record);
    reseal(bytes);
    save_record(where.entry.place(), bytes);
  }

  const StoreImage& image_;
  ZonePages& pages_;
  const std::vector<ImageRecord>& records_;
  std::vector<ImageRecord> checkpoints_;
  Draw draw_;
};

}  // namespace keelson::gen
