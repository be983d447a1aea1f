// The disk half of the model beside select: a replica's records and promises, what a crash or a fault leaves of them,
// and what the next start makes of that (docs/storage.md, Recovery). Used by select_model.h only.
//
// Not the real recovery, which tests/kernel/store tests byte by byte: here a record is a fate and a mark.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "keelson/base/random.h"
#include "keelson/store/rules.h"
#include "keelson/vsr/rules.h"

namespace keelson::select_model {

inline constexpr u8 ops_max = 6;
inline constexpr u8 views_max = 7;
inline constexpr u8 pipeline_max = 3;

// One rule, broken on purpose. Where a comment names a rule, it is one of docs/protocol.md.
enum class Wrong : u8 {
  none,
  // what a report says (V4)
  lost_is_nack,
  suspect_is_nack,
  repaired_is_nack,  // bytes that came back make a lost op one that was never stored
  tail_is_certain,
  nothing_is_nack,  // found because nobody can forget anything any more: stuck without damage
  // what counts in the choice (V5)
  silence_is_nack,
  too_few_reports,
  any_log_counts,  // whatever its log_view
  length_decides,
  chooses_twice,  // a further report changes a view that has begun
  // what is stored when (D1 to D3, N5)
  reports_before_promise,
  acks_before_stored,
  acks_after_leaving,
  // what a start makes of the disk (V11, storage.md)
  resumes_view,
  keeps_stale_stamps,
  forgets_flags,      // of lost and suspect ops, in the promise's suffix
  forgets_tail,       // that the head was unsure when the promise was made
  bounds_by_prepare,  // a later prepare proves that a loss took nothing above it
  aside_is_ours,      // a record that nothing links is reported as part of the log
  // what a new log does to an unsure replica (V7)
  unsure_never_had_it,
};

// Prepares by number: 0 is none, 1 the root. Identity, parent and hint of one never change.
using Name = u8;
struct Book {
  struct Page {
    u8 op;
    Name parent;
    u8 commit;
  };
  std::vector<Page> pages{{0, 0, 0}, {0, 0, 0}};

  bool full() const { return pages.size() == 250; }
  Name write(u8 op, Name parent, u8 commit) {
    pages.push_back({op, parent, commit});
    return static_cast<Name>(pages.size() - 1);
  }
  const Page& operator[](Name name) const { return pages[name]; }
};

struct Entry {
  Name name = 0;
  u16 bits = 0;

  bool has(u16 bit) const { return bits & bit; }
  bool readable() const { return name && (has(log_bit::received) || (has(log_bit::stored) && !has(log_bit::lost))); }
  LogEntry judged() const {  // by rules.h
    LogEntry entry;
    entry.bits = bits;
    return entry;
  }
  void flag(u16 bit) {  // lost says more than suspect; both say nothing of what is stored
    if (!has(log_bit::stored | log_bit::lost)) bits = static_cast<u16>((bits & ~log_bit::suspect) | bit);
  }
  // Another identity takes the place; what was lost there may have been this one if nothing is known of it.
  void become(Name other) {
    if (name == other) return;
    bits = name ? u16{0} : static_cast<u16>(bits & (log_bit::lost | log_bit::suspect));
    name = other;
    if (other) bits |= log_bit::identity;
  }
};
using Log = std::array<Entry, ops_max + 1>;  // by op

inline Log empty_log() {
  Log log;
  log[0] = {1, log_bit::identity | log_bit::full | log_bit::stored};
  return log;
}

struct Record {
  enum Fate : u8 { in_flight, stored, lost, suspect, gone };
  u8 op;
  Name name;
  u8 stamp;  // log_view when it was appended
  bool live;
  u32 batch;
  Fate fate = in_flight;
  bool marked = false;
};

struct Promise {
  u8 view = 0, log_view = 0, head = 0, commit = 0;
  bool tail = false;
  u32 batch = 0;
  Log suffix = empty_log();  // blank below the commit
  bool spoiled = false;      // only its index entry is left, which has neither commit nor suffix

  void spoil() {
    const Name top = suffix[head].name;
    suffix = empty_log();
    suffix[head].name = top;
    commit = 0;
    spoiled = true;
  }
};

struct Recovered {
  u8 view, log_view, head, commit;
  bool tail;
  Log log;
};

class Disk {
 public:
  void append(u8 op, Name name, u8 stamp, bool live) {
    records.push_back({op, name, stamp, live, ++batches_, Record::in_flight, false});
  }
  void write(Promise promise, Prng& prng) {
    if (writing && prng.below(2)) durable = *writing;  // superseded; it may have become durable all the same
    promise.batch = ++batches_;
    writing = promise;
  }
  Record* any(Prng& prng, auto&& wanted) {
    std::array<Record*, 256> found;
    std::size_t count = 0;
    for (Record& record : records)
      if (wanted(record) && count < found.size()) found[count++] = &record;
    return count ? found[prng.below(count)] : nullptr;
  }
  // A marker names the batch: everything up to it was durable.
  void mark(u32 batch) {
    for (Record& record : records)
      if (record.batch > started_ && record.batch <= batch && record.fate == Record::stored) record.marked = true;
  }
  u32 markable() const {
    u32 batch = writing ? writing->batch - 1 : batches_;
    for (const Record& record : records)
      if (record.fate == Record::in_flight) batch = std::min(batch, record.batch - 1);
    return batch;
  }

  // `unlucky`: what was stored but not marked may be damaged too. True: something other than a clean tear happened.
  bool crash(Prng& prng, bool solo, bool unlucky) {
    bool damaged = false;
    for (Record& record : records) {
      if (record.fate == Record::in_flight) {
        const u64 what = prng.below(solo ? 4 : 6);
        record.fate = what < 2 ? Record::gone : what < 4 ? Record::stored : what == 4 ? Record::suspect : Record::gone;
        damaged |= what >= 4;
        if (what == 5) hole_ = std::max(hole_, record.batch);
      } else if (unlucky && record.fate == Record::stored && !record.marked && prng.below(3) == 0) {
        tear(record, prng);
        damaged = true;
      }
    }
    if (writing && prng.below(2)) durable = *writing;
    writing.reset();
    started_ = batches_;
    return damaged;
  }
  // A fault of the medium, found at the next start.
  void spoil(Record& record, Prng& prng) {
    if (!record.marked) return tear(record, prng);
    const bool vanish = record.batch < durable.batch && prng.below(3) == 0;
    record.fate = vanish ? Record::gone : Record::lost;
    if (vanish) deep_hole_ = true;
  }

  // Evidence of damage goes when a promise of this life has repeated what it said. False: there was none.
  bool reclaim() {
    if (durable.batch <= started_) return false;
    const std::size_t before = records.size() + hole_ + deep_hole_;
    std::erase_if(records, [this](const Record& r) { return r.batch <= started_ && r.fate > Record::stored; });
    if (!durable.tail) hole_ = 0;
    deep_hole_ = false;
    return records.size() + hole_ + deep_hole_ != before;
  }

  Recovered recover(const Book& book, bool solo, Wrong wrong) const;

  std::vector<Record> records;
  Promise durable;
  std::optional<Promise> writing;

 private:
  void tear(Record& record, Prng& prng) {
    record.fate = prng.below(2) ? Record::suspect : Record::gone;
    if (record.fate == Record::gone) hole_ = std::max(hole_, record.batch);
  }
  const Record* best(u8 op, Name name) const {
    const Record* found = nullptr;
    for (const Record& record : records)
      if (record.op == op && record.name == name && record.fate != Record::gone && record.fate != Record::in_flight)
        if (!found || record.fate < found->fate) found = &record;
    return found;
  }
  Name newest(u8 op) const {
    const Record* found = nullptr;
    for (const Record& record : records)
      if (record.op == op && record.fate == Record::stored && (!found || record.stamp >= found->stamp)) found = &record;
    return found ? found->name : Name{0};
  }
  static void take(Entry& entry, const Record& record) {
    entry.name = record.name;
    entry.bits |= log_bit::identity;
    if (record.fate == Record::stored)
      entry.bits = log_bit::identity | log_bit::full | log_bit::stored;
    else
      entry.flag(record.fate == Record::lost ? log_bit::lost : log_bit::suspect);
  }
  void below_head(Recovered& r, const Book& book, Wrong wrong) const;
  void above_head(Recovered& r, bool solo, Wrong wrong) const;
  // How far a loss of unknown content may reach; nothing: above the head as well.
  std::optional<u8> bound(Wrong wrong) const;

  u32 batches_ = 0;
  u32 started_ = 0;         // batches of this life are above
  u32 hole_ = 0;            // newest batch of which nothing is left, un-marked; 0: none
  bool deep_hole_ = false;  // marked, and before the promise
};

inline Recovered Disk::recover(const Book& book, bool solo, Wrong wrong) const {
  Recovered r{durable.view, durable.log_view, durable.head, durable.commit, false, empty_log()};
  below_head(r, book, wrong);
  above_head(r, solo, wrong);
  const auto reach = bound(wrong);
  r.tail = !reach;
  for (u8 op = 1; op <= r.head; ++op) {
    if (deep_hole_ && op <= durable.head) r.log[op].flag(log_bit::lost);
    if (!reach || op <= *reach) r.log[op].flag(log_bit::suspect);
    if (r.log[op].has(log_bit::stored)) r.commit = std::max(r.commit, book[r.log[op].name].commit);
  }
  r.commit = std::max(r.commit, static_cast<u8>(rules::committed_by_head(Op(r.head), pipeline_max).raw()));
  if (solo) r.commit = r.head;
  return r;
}

inline void Disk::below_head(Recovered& r, const Book& book, Wrong wrong) const {
  Name link = 0;
  for (u8 op = durable.head; op > 0; --op) {
    const Entry& promised = durable.suffix[op];
    Entry& entry = r.log[op];
    Name name = promised.name ? promised.name : link;
    // What nothing links may serve a peer. It is reported as ours only where nobody judges any more.
    if (!name && (op < durable.commit || wrong == Wrong::aside_is_ours)) name = newest(op);
    entry.name = name;
    if (name) entry.bits |= log_bit::identity | (promised.bits & log_bit::full);
    const Record* record = name ? best(op, name) : nullptr;
    if (record) take(entry, *record);
    if (durable.spoiled && !record) entry.flag(log_bit::lost);
    if (wrong != Wrong::forgets_flags) {
      if (promised.has(log_bit::suspect)) entry.flag(log_bit::suspect);
      if (promised.has(log_bit::lost)) entry.flag(log_bit::lost);
    }
    link = entry.has(log_bit::full) ? book[entry.name].parent : Name{0};
  }
}

inline void Disk::above_head(Recovered& r, bool solo, Wrong wrong) const {
  const store_rules::Promise promise{Epoch(1), View(r.view), View(r.log_view), Op(r.head)};
  for (u8 op = static_cast<u8>(r.head + 1); op <= ops_max; ++op) {
    for (const Record& record : records) {
      if (record.op != op || record.fate == Record::gone || record.fate == Record::in_flight) continue;
      const bool ours = store_rules::belongs_above_head(promise, Epoch(1), View(record.stamp));
      if (!ours && wrong != Wrong::keeps_stale_stamps) continue;
      if (solo && op > r.head + 1) continue;
      if (!r.log[op].name || r.log[op].name == record.name) take(r.log[op], record);
      r.head = op;
    }
  }
}

inline std::optional<u8> Disk::bound(Wrong wrong) const {
  if (durable.tail && wrong != Wrong::forgets_tail) return {};
  if (hole_ == 0) return u8{0};
  std::optional<u8> reach;
  if (store_rules::bounds_loss(BatchNo(durable.batch), BatchNo(hole_))) reach = durable.head;
  if (wrong != Wrong::bounds_by_prepare) return reach;
  for (const Record& record : records)
    if (record.live && record.fate == Record::stored && record.stamp == durable.log_view &&
        durable.view == durable.log_view && record.batch > hole_)
      reach = std::max(reach.value_or(0), record.op);
  return reach;
}

}  // namespace keelson::select_model
