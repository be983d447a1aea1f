// CheckpointLoader: reads the sections of a checkpoint's state back, one after the other, and proves each by its
// digest.
//
// Who uses it: a replica that starts from a checkpoint, once per section of the machine and the session table. A
// section is whole in memory before anybody looks at it. Not here: what sections mean, and blobs:
// a start doesn't read them.
#pragma once

#include "keelson/store/checkpoint_table.h"
#include "keelson/store/checkpoint_zone.h"

namespace keelson {

class CheckpointLoader {
 public:
  enum class State : u8 { reading, loaded, damaged, refused };  // refused: proven, and `take` knows no use for it
  // Consumes a proven section; false: its bytes mean nothing.
  using Take = bool (*)(void* self, u32 section, Bytes bytes);

  CheckpointLoader(GroupId group, const CheckpointTable& table, void* self, Take take)
      : group_(group), table_(table), self_(self), take_(take) {}

  State state() const { return state_; }
  u32 section() const { return section_; }    // the one being read, or the damaged one
  void refuse() { state_ = State::refused; }  // before anything was read: there can't be such a checkpoint
  // Asks for the next piece when none is under way; sections without bytes are taken at once.
  void advance(CheckpointZone& zone, EffectBag& out);
  void on_read(const CheckpointZone::Done& done, CheckpointZone& zone);

 private:
  static constexpr u32 attempts_max = 3;  // of a section, before its bytes count as damaged

  void end_section();
  void begin_section();
  void read_again();

  const GroupId group_;
  const CheckpointTable& table_;
  void* self_;
  const Take take_;
  State state_ = State::reading;
  u32 section_ = 0;
  u32 run_ = 0;           // of the section
  u32 attempts_ = 0;      // to read the section that failed
  u32 of_run_ = 0;        // blocks of that run read so far
  u32 asked_ = 0;         // blocks under way
  Vec<std::byte> bytes_;  // of the section
};

}  // namespace keelson
