// Reading records back from the WAL: what a disk returns is believed only after every check a message would pass.
#include <algorithm>

#include "keelson/store/rules.h"
#include "keelson/store/wal.h"
#include "keelson/wire/validate.h"

namespace keelson {

bool Wal::load(GroupId group, Op op, Digest identity, RecordPlace place, u64 purpose, IoClass io_class,
               EffectBag& out) {
  check(place_ok(limits_, place));
  if (place.page < readable_from_) return false;
  const auto free = std::find_if(reads_.begin(), reads_.end(), [](const ReadSlot& slot) { return !slot.busy; });
  if (free == reads_.end() || out.reads.full()) return false;
  MessageRef message = allocate_message(slabs_, place.size - header_size);
  if (!message) return false;
  *free = {ids_.next(), true, group, op, identity, place, purpose, std::move(message)};
  out.reads.push_back({free->id, Zone::wal, wal_offset(limits_, place.page), pages_of_slot(*free), io_class});
  return true;
}

MutableBytes Wal::pages_of_slot(const ReadSlot& slot) {
  const std::size_t i = static_cast<std::size_t>(&slot - reads_.data());
  return read_pages_.span(i * record_pages_max(limits_), pages_of(slot.place));
}

bool Wal::on_read(const Completion& completion, Vec<LoadedRecord>& loaded) {
  const auto at = std::find_if(reads_.begin(), reads_.end(),
                               [&](const ReadSlot& slot) { return slot.busy && slot.id == completion.id; });
  if (at == reads_.end()) return false;
  const bool ok = completion.status == IoStatus::ok && proven(*at);
  loaded.push_back(
      {at->group, at->op, at->identity, at->place, at->purpose, ok, ok ? std::move(at->message) : MessageRef()});
  *at = {};
  return true;
}

// Fills the slot's message. False: damaged, or not what was asked for.
bool Wal::proven(ReadSlot& slot) {
  const MutableBytes record{slot.message.mutable_data(), slot.place.size};
  if (gather_record(pages_of_slot(slot), slot.place, seed_, limits_, record) != RecordPages::ok) return false;
  if (validate_record(record, config_.cluster, limits_) != Reject::none) return false;
  const Prepare prepare = slot.message.as<Prepare>();
  return prepare.command == Command::prepare && store_rules::is_asked(prepare, slot.group, slot.op, slot.identity);
}

}  // namespace keelson
