#include "keelson/sim/storage.h"

#include <algorithm>

#include "keelson/base/checksum.h"
#include "keelson/base/random.h"

namespace keelson::sim {
namespace {

constexpr const char* zone_names[zone_count] = {"superblock", "wal", "index", "checkpoint"};

// What a power failure makes of one sector of a write in flight, by the order of site disk.torn_sector.
enum class Sector : u8 { old_bytes, new_bytes, garbage, unreadable };
constexpr u64 sector_weights[] = {425, 425, 100, 50};

// Reads a gather list from front to back.
class Gather {
 public:
  explicit Gather(std::span<const Bytes> parts) : parts_(parts) {}
  void take(std::byte* to, std::size_t bytes) {
    while (bytes > 0) {
      const Bytes part = parts_[index_];
      const std::size_t piece = std::min(bytes, part.size() - offset_);
      if (piece > 0) std::memcpy(to, part.data() + offset_, piece);
      to += piece;
      bytes -= piece;
      offset_ += piece;
      if (offset_ == part.size()) {
        ++index_;
        offset_ = 0;
      }
    }
  }

 private:
  std::span<const Bytes> parts_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
};

void fill_with_garbage(std::byte* to, std::size_t bytes, u64 seed) {
  Prng prng(seed);
  for (std::size_t i = 0; i < bytes; i += 8) store(to + i, prng.next());
}

}  // namespace

Disk::Disk(const DiskShape& shape, PagePool& pages, Stream stream, const DiskSettings& settings, FaultCounts& faults)
    : shape_(shape), pages_(pages), stream_(stream), settings_(settings), faults_(faults) {
  for (std::size_t i = 0; i < zone_count; ++i) zones_[i] = std::make_unique<Medium>(pages, shape.zone_bytes[i]);
}

Disk::~Disk() {
  for (auto& operation : operations_) forget(operation);
  for (auto& write : unmarked_) release(write);
  for (const Weak& weak : weak_) pages_.release(weak.sound);
}

const char* Disk::objection(IoKind kind, IoId id, Zone zone, u64 offset, u64 bytes) const {
  if (offset % page_bytes != 0 || bytes % page_bytes != 0 || bytes == 0) return "is not whole pages";
  const u64 zone_bytes = shape_.zone_bytes[static_cast<std::size_t>(zone)];
  if (bytes > zone_bytes || offset > zone_bytes - bytes) return "crosses the end of the zone";
  const bool full = kind == IoKind::write ? writes_in_flight_ >= shape_.writes_in_flight_max
                                          : reads_in_flight_ >= shape_.reads_in_flight_max;
  if (full) return "exceeds the number of operations in flight";
  for (const auto& other : operations_) {
    if (!other.in_flight) continue;
    if (other.id == id) return "reuses the id of an operation in flight";
    if (other.kind == IoKind::read && kind == IoKind::read) continue;
    if (other.zone == zone && offset < other.offset + other.bytes && other.offset < offset + bytes)
      return "overlaps an operation in flight";
  }
  return nullptr;
}

Disk::Refused Disk::refusal(const char* objection, IoKind kind, Zone zone, u64 offset, u64 bytes) {
  return std::string(kind == IoKind::write ? "write" : "read") + " of " + std::to_string(bytes) + " bytes at " +
         zone_names[static_cast<std::size_t>(zone)] + "+" + std::to_string(offset) + " " + objection;
}

Disk::Operation& Disk::add(IoKind kind, IoId id, Zone zone, u64 offset, u64 bytes) {
  ++(kind == IoKind::write ? writes_in_flight_ : reads_in_flight_);
  auto free_slot = std::find_if(operations_.begin(), operations_.end(), [](const auto& o) { return !o.in_flight; });
  if (free_slot == operations_.end()) free_slot = operations_.insert(operations_.end(), Operation{});
  *free_slot = Operation{true, kind, id, zone, offset, bytes, nullptr, {}, IoStatus::ok, turn_, 0};
  return *free_slot;
}

Duration Disk::latency(Site site, Duration mean) {
  Duration time = stream_.exponential(site, mean);
  if (settings_.slow * slow_ > 1) {
    time = time * (settings_.slow * slow_);
    faults_.add(Fault::slow_disk);
  }
  if (stream_.chance(Site::disk_stall, settings_.stall_ppm)) {
    time = time + Duration(stream_.range(Site::disk_stall_time, settings_.stall_min.ns(), settings_.stall_max.ns()));
    faults_.add(Fault::disk_stall);
  }
  return time;
}

tl::expected<Disk::Accepted, Disk::Refused> Disk::submit(Instant now, const Write& write) {
  u64 bytes = 0;
  for (const Bytes part : write.parts) bytes += part.size();
  if (const char* why = objection(IoKind::write, write.id, write.zone, write.offset, bytes))
    return tl::unexpected(refusal(why, IoKind::write, write.zone, write.offset, bytes));
  auto& operation = add(IoKind::write, write.id, write.zone, write.offset, bytes);
  if (write.zone == Zone::index) operation.covers = covered_now();
  Digest digest;
  operation.pages = stage(write.parts, bytes, digest);
  if (!flush_drawn_) {
    flush_drawn_ = true;
    flush_ = latency(Site::disk_flush_latency, settings_.flush_mean);
  }
  const Duration time = latency(Site::disk_write_latency, settings_.write_mean);
  if (strikes(write.zone) && stream_.chance(Site::disk_write_error, settings_.write_error_ppm))
    operation.status = IoStatus::io_error;
  const bool beyond = settings_.space_blocks > 0 && write.offset + bytes > settings_.space_blocks * page_bytes;
  if (write.zone == Zone::checkpoint && beyond) operation.status = IoStatus::no_space;
  return Accepted{slot_of(operation), now + time + flush_, digest};
}

tl::expected<Disk::Accepted, Disk::Refused> Disk::submit(Instant now, const Read& read) {
  if (const char* why = objection(IoKind::read, read.id, read.zone, read.offset, read.into.size()))
    return tl::unexpected(refusal(why, IoKind::read, read.zone, read.offset, read.into.size()));
  auto& operation = add(IoKind::read, read.id, read.zone, read.offset, read.into.size());
  operation.into = read.into;
  const Duration time = latency(Site::disk_read_latency, settings_.read_mean);
  if (stream_.chance(Site::disk_lse, settings_.lse_ppm)) lose_sector(operation);
  if (stream_.chance(Site::disk_read_error, settings_.read_error_ppm)) operation.status = IoStatus::io_error;
  return Accepted{slot_of(operation), now + time, {}};
}

Page* Disk::stage(std::span<const Bytes> parts, u64 bytes, Digest& digest) {
  Gather gather(parts);
  Page* first = nullptr;
  Page** last = &first;
  for (u64 done = 0; done < bytes; done += page_bytes) {
    alignas(64) std::byte content[page_bytes];
    gather.take(content, page_bytes);
    Page* page = pages_.make(content);
    digest = digest_of(page->bytes(), digest.lo + page->length);
    *last = page;
    last = &page->next;
  }
  return first;
}

Completion Disk::complete(u32 slot) {
  Operation& operation = operations_[slot];
  check(operation.in_flight);
  if (failed_) operation.status = IoStatus::io_error;
  const Completion done{operation.kind, operation.id, operation.status};
  if (operation.kind == IoKind::read) {
    const bool readable = zone(operation.zone).read(operation.offset, operation.into);
    operation.in_flight = false;
    --reads_in_flight_;
    if (readable && done.status == IoStatus::ok) {
      if (stream_.chance(Site::disk_misdirect_read, settings_.misdirect_read_ppm)) misdirect_read(operation);
      if (stream_.chance(Site::disk_read_flip, settings_.read_flip_ppm)) flip_read(operation);
      return done;
    }
    faults_.add(Fault::disk_read_error);
    std::fill(operation.into.begin(), operation.into.end(), std::byte{0xee});
    return {IoKind::read, done.id, IoStatus::io_error};
  }
  if (done.status == IoStatus::ok) {
    confirm(operation);
  } else if (done.status == IoStatus::no_space) {
    faults_.add(Fault::no_space);
    forget(operation);
  } else {
    if (!std::exchange(failed_, true)) faults_.add(Fault::disk_write_error);
    tear(operation);
  }
  ++writes_done_;
  return done;
}

void Disk::crash(CrashKind kind) {
  heal_tail();
  for (auto& operation : operations_) {
    if (!operation.in_flight) continue;
    if (operation.kind == IoKind::read) {
      operation.in_flight = false;
      --reads_in_flight_;
    } else if (kind == CrashKind::power && stream_.chance(Site::disk_torn, settings_.torn_ppm)) {
      keep_marked(operation.covers);
      tear(operation);
    } else if (stream_.below(Site::disk_write_survives, 2) == 1) {
      keep_marked(operation.covers);
      land(operation);
    } else {
      faults_.add(Fault::lost_write);
      forget(operation);
    }
  }
  flush_drawn_ = false;
  failed_ = false;
  forget_unmarked(kind);
  if (stream_.chance(Site::disk_rot_tail, settings_.rot_tail_ppm)) rot_tail(Fault::rotten_tail);
  if (stream_.chance(Site::disk_weak_tail, settings_.weak_tail_ppm)) rot_tail(Fault::weak_tail);
}

bool Disk::writing(Zone zone) const {
  return std::any_of(operations_.begin(), operations_.end(), [zone](const auto& operation) {
    return operation.in_flight && operation.kind == IoKind::write && operation.zone == zone;
  });
}

void Disk::land(Operation& write) {
  u64 page_no = write.offset / page_bytes;
  for (Page* page = write.pages; page;) {
    Page* next = std::exchange(page->next, nullptr);
    put(write.zone, page_no++, page);
    page = next;
  }
  write.pages = nullptr;
  forget(write);
}

// Each sector decides alone: old bytes, new bytes, garbage, or unreadable until it is rewritten.
Page* Disk::torn_page(const std::byte* former, const std::byte* fresh, u8 former_unreadable) {
  const u32 atomic = settings_.atomic_bytes;
  check(atomic % sector_bytes == 0 && page_bytes % atomic == 0);
  std::byte content[page_bytes];
  u32 unreadable = former_unreadable;
  for (u32 at = 0; at < page_bytes; at += atomic) {
    const u32 sectors = ((1u << (atomic / sector_bytes)) - 1) << (at / sector_bytes);
    const auto fate = static_cast<Sector>(stream_.weighted(Site::disk_torn_sector, sector_weights));
    const std::byte* from = fate == Sector::new_bytes ? fresh : former;
    std::memcpy(content + at, from + at, atomic);
    if (fate == Sector::garbage) fill_with_garbage(content + at, atomic, stream_.bits64(Site::disk_garbage));
    if (fate == Sector::unreadable) unreadable |= sectors;
    if (fate == Sector::new_bytes || fate == Sector::garbage) unreadable &= ~sectors;
  }
  Page* torn = pages_.make(content);
  torn->unreadable = static_cast<u8>(unreadable);
  return torn;
}

void Disk::tear(Operation& write) {
  auto& medium = zone(write.zone);
  bool all_new = true;
  bool all_old = true;
  u64 page_no = write.offset / page_bytes;
  for (Page* page = write.pages; page; page = page->next, ++page_no) {
    std::byte fresh[page_bytes]{};
    copy({fresh, page_bytes}, page->bytes());
    std::byte former[page_bytes];
    medium.read_page(page_no, former);
    const u8 unreadable = medium.at(page_no) ? medium.at(page_no)->unreadable : u8{0};
    Page* torn = torn_page(former, fresh, unreadable);
    std::byte content[page_bytes]{};
    copy({content, page_bytes}, torn->bytes());
    all_new = all_new && torn->unreadable == 0 && std::memcmp(content, fresh, page_bytes) == 0;
    all_old = all_old && torn->unreadable == unreadable && std::memcmp(content, former, page_bytes) == 0;
    put(write.zone, page_no, torn);
    if (write.zone == Zone::superblock) damaged_.insert({write.zone, page_no});
  }
  torn_ = true;
  if (!all_new) faults_.add(all_old ? Fault::lost_write : Fault::torn_write);
  forget(write);
}

void Disk::forget(Operation& operation) {
  for (Page* page = operation.pages; page;) {
    Page* next = page->next;
    pages_.release(page);
    page = next;
  }
  operation.pages = nullptr;
  if (!operation.in_flight) return;
  operation.in_flight = false;
  --(operation.kind == IoKind::write ? writes_in_flight_ : reads_in_flight_);
}

}  // namespace keelson::sim
