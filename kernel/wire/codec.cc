#include "keelson/wire/codec.h"

namespace keelson {

const char* name_of(CodecError error) {
  switch (error) {
    case CodecError::none:
      return "none";
    case CodecError::truncated:
      return "truncated";
    case CodecError::version:
      return "version";
    case CodecError::kind:
      return "kind";
    case CodecError::value:
      return "value";
    case CodecError::too_many:
      return "too_many";
    case CodecError::message:
      return "message";
    case CodecError::no_slab:
      return "no_slab";
    case CodecError::unknown_read:
      return "unknown_read";
    case CodecError::trailing:
      return "trailing";
  }
  return "unknown";
}

void ReadsInFlight::issued(const EffectBag& bag) {
  for (const Read& read : bag.reads) reads_.push_back({read.id, read.into});
}

void ReadsInFlight::completed(const EventBag& bag) {
  for (const Completion& completion : bag.completions) {
    if (completion.kind != IoKind::read) continue;
    for (std::size_t i = 0; i < reads_.size(); ++i)
      if (reads_[i].id == completion.id) {
        reads_.erase_at(i);
        break;
      }
  }
}

const MutableBytes* ReadsInFlight::find(IoId id) const {
  for (const Issued& read : reads_)
    if (read.id == id) return &read.into;
  return nullptr;
}

void RecordedEffects::clear() {
  bag.clear();
  written.clear();
  read_bytes.clear();
}

}  // namespace keelson
