// Any bytes as a data file: a start ends within bounds; and whatever disks did to one, it never takes for its log what
// was not written, never forgets without a word what a marker proves, never runs with a state that never was.
//
// The input chooses what is done to an image that real shards made: at most eight times damage, or, where its first
// byte is odd, forged pages as well, of which only the first sentence can hold.
#include <cstdio>
#include <cstdlib>

#include "fuzz/gen/store_damage.h"
#include "fuzz/gen/store_start.h"

namespace {

using namespace keelson;
using gen::PageKey;
using gen::ProcessStart;
using gen::RecoveryStart;
using gen::StoreImage;
using gen::ZonePages;

using gen::require;

// ---- what the image says, before anything happens to it

class Truth {
 public:
  Truth() : image(gen::ImageMaker(1).run()), records(gen::records_of(*image)), written(image->pages.written()) {
    Slabs slabs(image->limits);
    ZonePages pages(image->limits, &image->pages);
    RecoveryStart start(*image, pages, slabs);
    require(!start.refused(), "the image itself is refused");
    const LogFacts& facts = start.recovery->facts();
    durable_before_ = superblock_marker();
    for (const BatchFact& batch : facts.batches) incarnations_[batch.no] = batch.incarnation;
    for (const FoundRecord& record : facts.records) {
      if (record.command != Command::prepare || record.record != RecordState::ok) continue;
      known_[{group(record.group), record.op}].insert(record.identity);
      places_[{group(record.group), record.op, record.identity}].push_back(record.batch);
    }
    for (const FoundRecord& state : facts.whole_states)
      states_[group(state.group)].push_back({state.batch, state.view});
    for (const GroupConfig& g : image->groups) {
      const RecoveredGroup found = start.recovery->take_group(g.group);
      Group& kept = groups_[g.group];
      kept.commit_max = found.commit_max;
      for (Op op(1); op <= found.head; ++op)
        if (found.log.at(op).has(log_bit::stored)) kept.log[op] = found.log.at(op).identity;
    }
    find_markers();
    written_ = {written.begin(), written.end()};
    // A start may apply more than the cluster did: what was stored in the last moment before the crash.
    ZonePages own(image->limits, &image->pages);
    const ProcessStart process(
        *image, own, slabs, [&](const Shard& shard) { image->watch(shard); }, 1000);
  }

  // Of a start that was not refused.
  void judge(Recovery& recovery, const ZonePages& pages) const {
    const std::vector<BatchNo> marks = markers_left(pages);
    const bool whole_scan = !has_hole(pages);
    for (const auto& [group, kept] : groups_) {
      const RecoveredGroup found = recovery.take_group(group);
      for (Op op(1); op <= found.head; ++op)
        if (found.log.at(op).has(log_bit::stored)) expect_written(group, op, found.log.at(op).identity);
      require(found.commit_max <= kept.commit_max || found.has_checkpoint, "more is committed than ever was");
      if (!whole_scan) continue;
      expect_nothing_forgotten(group, kept, found, marks);
      expect_promise(group, found, marks);
    }
  }
  void judge(const Shard& shard) const {
    for (std::size_t i = 0; i < shard.group_count(); ++i) {
      const GroupView view = shard.view(i, true);
      if (view.commit_min != Op(0)) {
        const auto state = image->states.find({view.group, view.commit_min});
        require(state != image->states.end(), "an op was applied that the cluster never saw");
        require(state->second == view.machine_digest, "a state that never was");
      }
      if (view.checkpoint_op == Op(0)) continue;
      const auto checkpoint = image->checkpoints.find({view.group, view.checkpoint_op});
      require(checkpoint != image->checkpoints.end() && checkpoint->second == view.checkpoint_id,
              "a checkpoint that never was");
    }
    shard.check_invariants();
  }

  std::unique_ptr<StoreImage> image;
  std::vector<gen::ImageRecord> records;
  std::vector<PageKey> written;

 private:
  struct Group {
    Op commit_max;
    std::map<Op, Digest> log;
  };
  struct Marker {
    PageKey page;
    Incarnation incarnation;
    BatchNo durable;
  };

  GroupId group(u32 index) const { return image->groups[index].group; }  // they ascend
  BatchNo superblock_marker() const {
    return load<Superblock>(image->pages.page({Zone::superblock, 0}).data()).durable_batch;
  }
  void find_markers() {
    for (const PageKey key : written) {
      if (key.zone != Zone::index) continue;
      const ZonePages::Page page = image->pages.page(key);
      const IndexReading read = read_index_page(page.data(), page_seed(gen::test_cluster, ShardId(0)), image->limits);
      if (read.state == PageState::ok) markers_.push_back({key, read.head.incarnation, read.head.durable_batch});
    }
  }
  // By incarnation, the highest batch that is provably durable still.
  std::vector<BatchNo> markers_left(const ZonePages& pages) const {
    std::vector<BatchNo> marks(16);
    for (const Marker& marker : markers_)
      if (pages.untouched(marker.page))
        marks[marker.incarnation.raw()] = std::max(marks[marker.incarnation.raw()], marker.durable);
    return marks;
  }
  bool is_marked(BatchNo batch, const std::vector<BatchNo>& marks) const {
    return batch <= durable_before_ || batch <= marks[incarnations_.at(batch).raw()];
  }
  // So much of the middle is gone that a start takes it for the end.
  bool has_hole(const ZonePages& pages) const {
    u64 blank = 0;
    for (u64 segment = 0; segment < image->limits.wal_segments; ++segment) {
      blank = is_blank(pages, segment) ? blank + 1 : 0;
      if (blank == 2) {
        for (u64 behind = segment + 1; behind < image->limits.wal_segments; ++behind)
          if (!is_blank(pages, behind)) return true;
        return false;
      }
    }
    return false;
  }
  bool is_blank(const ZonePages& pages, u64 segment) const {
    for (u32 i = 0; i < image->limits.wal_segment_pages; ++i) {
      for (const Zone zone : {Zone::wal, Zone::index}) {
        const PageKey key{zone, segment * image->limits.wal_segment_pages + i};
        if (pages.untouched(key) ? written_.contains(key) : !pages.readable(key) || !all_zero(pages.page(key)))
          return false;
      }
    }
    return true;
  }

  Op newest_checkpoint(GroupId group) const {
    Op newest;
    for (const auto& [at, id] : image->checkpoints)
      if (at.first == group) newest = std::max(newest, at.second);
    return newest;
  }
  void expect_written(GroupId group, Op op, const Digest& identity) const {
    const auto known = known_.find({group, op});
    require(known != known_.end() && known->second.contains(identity), "an op that was never written");
  }
  // Whether the chain of parents leads from the head down to this op: then it is taken for a part of the log. Below a
  // break a record is only kept for a peer's headers to link.
  static bool is_claimed(const RecoveredGroup& found, Op op) {
    for (; op < found.head; ++op) {
      const LogEntry& above = found.log.at(op + 1);
      if (!above.has(log_bit::full | log_bit::stored) || above.parent != found.log.at(op).identity) return false;
    }
    return true;
  }
  void expect_nothing_forgotten(GroupId group, const Group& kept, const RecoveredGroup& found,
                                const std::vector<BatchNo>& marks) const {
    require(found.log.floor() <= newest_checkpoint(group), "a log begins above what any checkpoint covers");
    for (const auto& [op, identity] : kept.log) {
      if (op <= found.log.floor()) continue;  // a checkpoint has it
      const auto places = places_.find({group, op, identity});
      bool marked = false;
      for (const BatchNo batch : places->second) marked = marked || is_marked(batch, marks);
      if (!marked) continue;
      const LogEntry& entry = found.log.at(op);
      const bool stored = entry.has(log_bit::stored);
      const bool there = stored && (entry.identity == identity || !is_claimed(found, op));
      const bool told = !stored && (entry.has(log_bit::lost) || entry.has(log_bit::suspect) || found.amnesiac ||
                                    found.log_damaged || (found.head_unknown && op > found.head));
      require(there || told, "an op that a marker proves was forgotten");
    }
  }
  void expect_promise(GroupId group, const RecoveredGroup& found, const std::vector<BatchNo>& marks) const {
    const auto states = states_.find(group);
    if (states == states_.end()) return;
    for (const auto& [batch, view] : states->second)
      require(!is_marked(batch, marks) || found.amnesiac || found.log_damaged ||
                  (found.has_state && found.state.view >= view),
              "a promise that a marker proves was forgotten");
  }

  BatchNo durable_before_;
  std::map<BatchNo, Incarnation> incarnations_;
  std::map<std::pair<GroupId, Op>, std::set<Digest>> known_;
  std::map<std::tuple<GroupId, Op, Digest>, std::vector<BatchNo>> places_;
  std::map<GroupId, std::vector<std::pair<BatchNo, View>>> states_;
  std::map<GroupId, Group> groups_;
  std::vector<Marker> markers_;
  std::set<PageKey> written_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Truth& truth = *new Truth;
  static Slabs& slabs = *new Slabs(truth.image->limits);
  const gen::Draw input = gen::from_bytes(std::as_bytes(std::span(data, size)));
  const gen::Draw draw = [&input](u64 bound) { return input(bound); };  // whoever draws, the input goes on
  const bool forged = draw(2) == 1;
  ZonePages pages(truth.image->limits, &truth.image->pages);
  gen::StoreDamage damage(pages, truth.written, draw);
  gen::StoreForger forger(*truth.image, pages, truth.records, draw);
  for (u64 count = draw(9); count > 0; --count) {
    if (forged && draw(8) != 7)
      forger.forge();
    else
      damage.hurt();
  }
  {
    ZonePages own(truth.image->limits, &pages);
    RecoveryStart start(*truth.image, own, slabs);
    if (!start.refused() && !forged) truth.judge(*start.recovery, pages);
  }
  {
    ZonePages own(truth.image->limits, &pages);
    const ProcessStart process(*truth.image, own, slabs);
    if (process.shard().state() == ShardState::ready && !forged) truth.judge(process.shard());
  }
  require(slabs.in_use() == 0, "a slab leaked");
  return 0;
}
