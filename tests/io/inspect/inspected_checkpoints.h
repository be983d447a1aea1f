// InspectedCheckpoints: a data file with checkpoints, as a cluster of real shards left it, for a test to damage.
//
// Who uses it: tests of the checkpoint report. Damage is done to pages (fuzz/gen/zone_pages.h), so that the same ones
// can be handed to inspect and to a shard that starts from them. Not here: logs without a cluster (inspected_log.h).
#pragma once

#include "tests/io/inspect/inspected_log.h"

#include "fuzz/gen/store_damage.h"
#include "fuzz/gen/store_start.h"

namespace keelson::test {

inline const gen::StoreImage& image_with_checkpoints() {
  static const std::unique_ptr<gen::StoreImage> made = gen::ImageMaker(1, inspected_limits()).run();
  return *made;
}

inline FileBytes bytes_of_pages(const gen::ZonePages& pages) {
  FileBytes file;
  file.bytes.resize(FileBytes::layout().file_bytes());
  for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index, Zone::checkpoint}) {
    for (u64 page = 0; page < pages.pages_of(zone); ++page) {
      const u64 at = FileBytes::at(zone, page * page_bytes);
      copy(MutableBytes(file.bytes).subspan(at, page_bytes), pages.page({zone, page}));
      if (!pages.readable({zone, page})) file.unreadable.insert(at);
    }
  }
  return file;
}

struct SurveyedPages : Surveyed {
  explicit SurveyedPages(const gen::ZonePages& pages)
      : Surveyed(
            bytes_of_pages(pages), {voters(), 0, false, nullptr},
            io::Identity{gen::test_cluster, gen::StoreImage::node, Generation(1), 1, 0, inspected_limits().digest()}) {}
  static std::vector<RecoveryConfig::Group> voters() {
    std::vector<RecoveryConfig::Group> groups;
    for (const GroupConfig& group : image_with_checkpoints().groups)
      groups.push_back({group.group, static_cast<u8>(group.members.size())});
    return groups;
  }
};

}  // namespace keelson::test
