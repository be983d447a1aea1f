#include "keelson/store/superblock.h"

#include <bit>

#include "keelson/base/checksum.h"
#include "keelson/store/rules.h"

namespace keelson {
namespace {

constexpr std::size_t covered_from = offsetof(Superblock, version);

Digest checksum_of(Bytes copy) { return digest_of(copy.subspan(covered_from)); }

constexpr ShardRefusal not_formatted{
    "not_formatted",
    "This is not a keelson data file, or it was never formatted: format it before the first start.",
    {}};
constexpr ShardRefusal truncated{
    "truncated",
    "None of the superblock's 4 copies could be read: check that the file is whole and the disk answers reads.",
    {}};

ShardRefusal damaged(u64 intact, u64 sequence, u64 other) {
  return {"damaged_superblock",
          "The superblock can't be trusted ({0} intact copies; newest sequence {1}, contradicted by {2}): replace this "
          "node's data, or restore the file as a whole.",
          {intact, sequence, other, 0}};
}

using Copy = SuperblockCopy;

struct Copies {
  Copy at[superblock_copies];

  u32 count(const Digest& checksum) const {
    u32 numbers = 0;
    for (const Copy& copy : at)
      if (copy.intact && copy.superblock.checksum == checksum) numbers |= 1u << copy.number;
    return static_cast<u32>(std::popcount(numbers));
  }
};

// Null: nothing of which a quorum of copies is intact.
const Superblock* newest(const Copies& copies) {
  const Superblock* best = nullptr;
  for (const Copy& copy : copies.at) {
    if (!copy.intact || copies.count(copy.superblock.checksum) < superblock_quorum) continue;
    if (!best || copy.superblock.sequence > best->sequence) best = &copy.superblock;
  }
  return best;
}

ShardRefusal why_none(SuperblockPlaces places, const Copies& copies) {
  u64 intact = 0;
  u64 sequence = 0;
  u32 readable = 0;
  bool formatted = false;
  for (u32 i = 0; i < superblock_copies; ++i) {
    readable += !places[i].empty();
    if (places[i].size() == superblock_copy_bytes)
      formatted |= load<u32>(places[i].data() + offsetof(Superblock, magic)) == superblock_magic;
    if (!copies.at[i].intact) continue;
    ++intact;
    sequence = std::max(sequence, copies.at[i].superblock.sequence);
  }
  if (readable == 0) return truncated;
  return formatted ? damaged(intact, sequence, 0) : not_formatted;
}

// What contradicts `best`: another superblock of the same number, or a newer one that doesn't continue it.
const Superblock* contradiction(const Copies& copies, const Superblock& best) {
  for (const Copy& copy : copies.at) {
    if (!copy.intact || copy.superblock.checksum == best.checksum || copy.superblock.sequence < best.sequence) continue;
    const bool continues = copy.superblock.sequence == best.sequence + 1 && copy.superblock.parent == best.checksum;
    if (!continues) return &copy.superblock;
    for (const Copy& other : copies.at)
      if (other.intact && other.superblock.sequence == copy.superblock.sequence &&
          other.superblock.checksum != copy.superblock.checksum)
        return &other.superblock;
  }
  return nullptr;
}

// Places without a copy of the chosen one come first: a misplaced copy is evidence until the others are whole.
void plan_repair(const Copies& copies, SuperblockOpening& opening) {
  const auto holds = [&](u32 place) {
    return copies.at[place].intact && copies.at[place].superblock.checksum == opening.current.checksum;
  };
  for (u32 place = 0; place < superblock_copies; ++place)
    if (!holds(place)) opening.repair[opening.repair_count++] = static_cast<u8>(place);
  for (u32 place = 0; place < superblock_copies; ++place)
    if (holds(place) && copies.at[place].superblock.copy != place)
      opening.repair[opening.repair_count++] = static_cast<u8>(place);
}

}  // namespace

void Superblock::add_former(BatchNo durable) {
  BatchNo kept[former_lives_max + 1];
  std::size_t count = 0;
  const auto keep = [&](BatchNo batch) {
    if (store_rules::speaks_for_former(batch, freed_batch) && (count == 0 || batch > kept[count - 1]))
      kept[count++] = batch;
  };
  for (const BatchNo batch : former_durable) keep(batch);
  keep(durable);
  const std::size_t left_out = count > former_lives_max ? 1 : 0;
  for (std::size_t i = 0; i < former_lives_max; ++i)
    former_durable[i] = i + left_out < count ? kept[i + left_out] : BatchNo();
}

void Superblock::add_begin(BatchNo next) {
  LifeBegin kept[former_lives_max + 1];
  std::size_t count = 0;
  const auto keep = [&](const LifeBegin& begin) {
    if (begin.life == Incarnation() || begin.first >= next) return;  // the next life says at least as much
    if (count == 1 && begin.first <= freed_batch) count = 0;         // all that is left in the log is behind both
    kept[count++] = begin;
  };
  for (const LifeBegin& begin : former_begins) keep(begin);
  keep({first_batch, incarnation});
  const std::size_t left_out = count > former_lives_max ? 1 : 0;
  for (std::size_t i = 0; i < former_lives_max; ++i)
    former_begins[i] = i + left_out < count ? kept[i + left_out] : LifeBegin{};
}

LifeBegin Superblock::begin_after(Incarnation author) const {
  for (const LifeBegin& begin : former_begins)
    if (begin.life > author) return begin;
  return {first_batch, incarnation};
}

Digest encode_superblock(const Superblock& superblock, u32 copy, MutableBytes to) {
  check(to.size() == superblock_copy_bytes && copy < superblock_copies);
  std::memset(to.data(), 0, to.size());
  Superblock sealed = superblock;
  sealed.copy = static_cast<u16>(copy);
  store(to.data(), sealed);
  const Digest checksum = checksum_of(to);
  store(to.data(), checksum);
  return checksum;
}

SuperblockCopy read_superblock_copy(Bytes bytes, u32 place) {
  SuperblockCopy copy;
  if (bytes.size() != superblock_copy_bytes) return copy;
  copy.superblock = load<Superblock>(bytes.data());
  copy.intact = copy.superblock.magic == superblock_magic && copy.superblock.checksum == checksum_of(bytes);
  copy.number = copy.superblock.copy < superblock_copies ? copy.superblock.copy : place;
  return copy;
}

SuperblockOpening open_superblock(SuperblockPlaces places) {
  SuperblockOpening opening;
  Copies copies;
  for (u32 i = 0; i < superblock_copies; ++i) copies.at[i] = read_superblock_copy(places[i], i);
  // A later version may have other rules for what a quorum is: nothing below applies to it.
  for (const Copy& copy : copies.at) {
    if (!copy.intact || copy.superblock.version <= superblock_version) continue;
    opening.refusal = {"version_too_new",
                       "This data file is of format {0}, this program knows {1}: start the release that wrote it.",
                       {copy.superblock.version, superblock_version, 0, 0}};
    return opening;
  }
  const Superblock* best = newest(copies);
  if (!best) {
    opening.refusal = why_none(places, copies);
    return opening;
  }
  if (const Superblock* other = contradiction(copies, *best)) {
    opening.refusal = damaged(copies.count(best->checksum), best->sequence, other->sequence);
    return opening;
  }
  opening.current = *best;
  plan_repair(copies, opening);
  return opening;
}

ShardRefusal check_owner(const Superblock& superblock, const SuperblockOwner& owner) {
  const Superblock& s = superblock;
  if (s.cluster != owner.cluster)
    return {
        "wrong_cluster",
        "This data file belongs to cluster {0}:{1}, this node to {2}:{3}: check the data folder and the cluster id.",
        {s.cluster.hi, s.cluster.lo, owner.cluster.hi, owner.cluster.lo}};
  if (s.node != owner.node)
    return {"wrong_node",
            "This data file belongs to node {0}, this is node {1}: check the data folder and the node id.",
            {s.node.raw(), owner.node.raw(), 0, 0}};
  if (s.generation != owner.generation)
    return {
        "wrong_generation",
        "This data file is generation {0} of its node, the cluster expects {1}: it was replaced; use the newer file.",
        {s.generation.raw(), owner.generation.raw(), 0, 0}};
  if (s.shard != owner.shard || s.shard_count != owner.shard_count)
    return {"wrong_shard",
            "This data file is shard {0} of {1}, wanted is shard {2} of {3}: the number of shards is fixed at format.",
            {s.shard.raw(), s.shard_count, owner.shard.raw(), owner.shard_count}};
  if (s.limits_digest != owner.limits_digest)
    return {"limits_mismatch",
            "This data file was formatted under other limits (digest {0}, now {1}): start the node with the profile it "
            "was formatted with.",
            {s.limits_digest.lo, owner.limits_digest.lo, 0, 0}};
  return {};
}

}  // namespace keelson
