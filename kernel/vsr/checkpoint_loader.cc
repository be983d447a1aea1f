#include "keelson/vsr/checkpoint_loader.h"

#include <algorithm>
#include <bit>

#include "keelson/vsr/rules.h"

namespace keelson {

void CheckpointLoader::advance(CheckpointZone& zone, EffectBag& out) {
  while (state_ == State::reading && asked_ == 0) {
    if (section_ == table_.facts.state_sections()) {
      state_ = State::loaded;
      return;
    }
    const SavedSection& section = table_.sections[section_];
    if (bytes_.size() == section.size) {
      end_section();
      continue;
    }
    if (bytes_.capacity() < section.size) bytes_ = Vec<std::byte>(std::bit_ceil(section.size));
    const BlockRun& run = section.runs[run_];
    const u32 count = std::min(run.count - of_run_, zone.buffer_bytes() / page_bytes);
    if (!zone.read({run.first + of_run_, count}, group_, out)) return;  // tried again when another read is done
    asked_ = count;
  }
}

void CheckpointLoader::on_read(const CheckpointZone::Done& done, CheckpointZone& zone) {
  const SavedSection& section = table_.sections[section_];
  const BlockRun& run = section.runs[run_];
  if (done.ok) {
    const std::size_t begin = bytes_.size();
    const std::size_t count = std::min<std::size_t>(section.size - begin, std::size_t{asked_} * page_bytes);
    bytes_.resize(begin + count);
    copy(bytes_.span().subspan(begin), zone.bytes(done.buffer).first(count));
  }
  zone.release(done.buffer);
  const u32 read = std::exchange(asked_, 0u);
  if (!done.ok) return read_again();
  of_run_ += read;
  if (of_run_ == run.count) {
    ++run_;
    of_run_ = 0;
  }
}

void CheckpointLoader::end_section() {
  if (!rules::is_as_saved(table_.sections[section_], bytes_.span())) return read_again();
  if (!take_(self_, section_, bytes_.span())) {
    state_ = State::refused;
    return;
  }
  ++section_;
  attempts_ = 0;
  begin_section();
}

void CheckpointLoader::begin_section() {
  run_ = of_run_ = 0;
  bytes_.clear();
}

// A device may return other bytes once, and the right ones the next time.
void CheckpointLoader::read_again() {
  if (++attempts_ == attempts_max)
    state_ = State::damaged;
  else
    begin_section();
}

}  // namespace keelson
