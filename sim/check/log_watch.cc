#include "keelson/sim/check/log_watch.h"

#include <algorithm>
#include <cstring>

namespace keelson::sim {
namespace {

constexpr std::size_t kept_max = 8;  // checkpoints of a group: more than can wait for a marker at once; confessions

void append(const Write& write, std::vector<std::byte>& to) {
  for (const Bytes part : write.parts) to.insert(to.end(), part.begin(), part.end());
}

// A batch with many parts goes out as several Writes, one behind the other.
std::size_t contiguous(std::span<const Write> writes) {
  std::size_t count = 1;
  u64 end = writes[0].offset;
  for (; count < writes.size() && writes[count].zone == writes[0].zone; ++count) {
    for (const Bytes part : writes[count - 1].parts) end += part.size();
    if (writes[count].offset != end) break;
  }
  return count;
}

}  // namespace

void LogWatch::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node) return;
  Node& node = nodes_[seen.node];
  const u16 shard = seen.shard.raw();
  node.freed.reset();
  for (const auto& completion : seen.in.completions)
    if (completion.kind == IoKind::write && completion.status == IoStatus::ok)
      confirm(node, shard, completion.id.raw());
  const std::span<const Write> writes(seen.out.writes.begin(), seen.out.writes.end());
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (writes[i].zone == Zone::index) watch_index(node, shard, writes[i]);
    if (writes[i].zone == Zone::superblock) watch_superblock(node, shard, writes[i]);
    if (writes[i].zone != Zone::wal) continue;
    const std::size_t count = contiguous(writes.subspan(i));
    watch_wal(node, shard, writes.subspan(i, count));
    i += count - 1;
  }
}

// What was in flight may or may not be on the medium: the next life will find out, and so do we.
void LogWatch::on_crash(HostId host, CrashKind) {
  const auto at = nodes_.find(NodeId(host.raw()));
  if (at == nodes_.end()) return;
  for (auto& [key, write] : at->second.pending) at->second.crashed.emplace_back(key.first, std::move(write));
  at->second.pending.clear();
  at->second.first_of.clear();
  at->second.checkpoints.clear();
  at->second.markers.clear();
  at->second.heads.clear();
  ++at->second.life;
}

void LogWatch::on_start(HostId host, u32) {
  const NodeId id(host.raw());
  const auto at = nodes_.find(id);
  if (at == nodes_.end()) return;
  for (const auto& [shard, write] : at->second.crashed)
    for (const auto& record : write.records)
      if (on_medium(id, shard, write, record)) confirm_record(at->second, record.record);
  at->second.crashed.clear();
}

// Nothing is stored there any more; that records once were stays known. What an older disk holds is a part of what is
// known, and not told apart.
void LogWatch::on_disk_replaced(HostId host, bool blank) {
  const auto at = nodes_.find(NodeId(host.raw()));
  if (at == nodes_.end() || !blank) return;
  for (auto& [place, records] : at->second.prepares)
    for (auto& record : records) record.entry_durable = false;
  at->second.states.clear();
  at->second.freed_to.clear();
  at->second.confessions.clear();
  at->second.promises.clear();
  at->second.crashed.clear();
}

bool LogWatch::on_medium(NodeId node, u16 shard, const PendingWrite& write, const PendingRecord& record) const {
  const Medium& medium = world_.disk(node, ShardId(shard)).zone(write.zone);
  std::vector<std::byte> held(page_bytes);
  return std::all_of(record.needs.begin(), record.needs.end(), [&](const Extent& e) {  // each lies in one page
    const std::size_t page = e.begin / page_bytes * page_bytes;
    return medium.read(write.offset + page, held) &&
           std::memcmp(held.data() + (e.begin - page), write.bytes.data() + e.begin, e.end - e.begin) == 0;
  });
}

void LogWatch::watch_wal(Node& node, u16 shard, std::span<const Write> writes) {
  PendingWrite& pending = node.pending[{shard, writes[0].id.raw()}];
  pending.zone = Zone::wal;
  pending.offset = writes[0].offset;
  pending.writes_left = static_cast<u32>(writes.size());
  for (const Write& write : writes) {
    append(write, pending.bytes);
    node.first_of[{shard, write.id.raw()}] = writes[0].id.raw();
  }
  find_records(node, shard, pending);
}

// Records flow through the payloads of a batch's pages; each starts where a multiple of 16 follows the one before.
void LogWatch::find_records(Node& node, u16 shard, PendingWrite& pending) {
  payload_.clear();
  for (std::size_t page = 0; page + page_bytes <= pending.bytes.size(); page += page_bytes)
    payload_.insert(payload_.end(), pending.bytes.begin() + static_cast<std::ptrdiff_t>(page + stamp_bytes),
                    pending.bytes.begin() + static_cast<std::ptrdiff_t>(page + page_bytes));
  for (std::size_t at = 0; at + header_size <= payload_.size();) {
    const Header header = header_at(payload_.data() + at);
    if (header.size < header_size || at + header.size > payload_.size() || header.cluster != cluster_) break;
    PendingRecord found;
    WatchedRecord& record = found.record;
    record.group = header.group;
    record.command = header.command;
    record.view = header.view;
    record.record_durable = true;
    PageStamp stamp;
    std::memcpy(&stamp, pending.bytes.data() + at / payload_bytes * page_bytes, sizeof stamp);
    record.life = node.life;
    record.shard = shard;
    record.batch = stamp.batch_no;
    if (header.command == Command::prepare) {
      const Prepare prepare = as<Prepare>(payload_.data() + at);
      record.op = prepare.op;
      record.identity = prepare.identity;
      keep_prepare(payload_.data() + at, header.size);
    } else if (header.command == Command::group_state) {
      const GroupState state = as<GroupState>(payload_.data() + at);
      record.op = state.head;
      record.log_view = state.log_view;
      record.state_flags = state.state_flags;
    } else if (header.command == Command::group_checkpoint) {
      auto& known = node.checkpoints[header.group];
      if (known.size() == kept_max) known.erase(known.begin());
      known.push_back({as<GroupCheckpoint>(payload_.data() + at).checkpoint_id, shard, stamp.batch_no});
    }
    for (std::size_t page = at / payload_bytes; page * payload_bytes < at + header.size; ++page) {
      const std::size_t from = std::max(at, page * payload_bytes) - page * payload_bytes;
      const std::size_t to = std::min<std::size_t>(at + header.size, (page + 1) * payload_bytes) - page * payload_bytes;
      found.needs.push_back({page * page_bytes, page * page_bytes + stamp_bytes});
      found.needs.push_back({page * page_bytes + stamp_bytes + from, page * page_bytes + stamp_bytes + to});
    }
    pending.records.push_back(std::move(found));
    at += round_up<std::size_t>(header.size, record_alignment);
  }
}

void LogWatch::watch_superblock(Node& node, u16 shard, const Write& write) {
  PendingWrite& pending = node.pending[{shard, write.id.raw()}];
  pending.zone = write.zone;
  append(write, pending.bytes);
  if (pending.bytes.size() < sizeof(Superblock)) return;
  pending.superblock = load<Superblock>(pending.bytes.data());
}

void LogWatch::watch_index(Node& node, u16 shard, const Write& write) {
  PendingWrite& pending = node.pending[{shard, write.id.raw()}];
  pending.zone = write.zone;
  pending.offset = write.offset;
  append(write, pending.bytes);
  for (std::size_t page = 0; page + page_bytes <= pending.bytes.size(); page += page_bytes) {
    const std::byte* at = pending.bytes.data() + page;
    const IndexReading reading = read_index_page(at, page_seed(cluster_, ShardId(shard)), limits_);
    if (reading.state != PageState::ok) continue;
    pending.marker = std::max(pending.marker, reading.head.durable_batch);
    pending.head = {reading.head.batch_no, (reading.head.flags & head_flag::strict_behind) != 0};
    for (u32 i = 0; i < reading.head.count; ++i) {
      const IndexEntry entry = index_entry(at, i);
      PendingRecord found;
      WatchedRecord& record = found.record;
      record.group = entry.group;
      record.command = entry.command;
      record.op = entry.op;
      record.identity = entry.command == Command::prepare ? entry.identity : Digest{};
      record.view = entry.view;
      record.log_view = entry.command == Command::prepare ? View() : entry.log_view;
      record.entry_durable = true;
      found.needs.push_back({page, page + sizeof(IndexHead) + reading.head.count * sizeof(IndexEntry)});
      pending.records.push_back(std::move(found));
    }
  }
}

WatchedRecord* LogWatch::find(Node& node, const WatchedRecord& like) {
  auto& candidates = like.command == Command::prepare ? node.prepares[{like.group, like.op}] : node.states[like.group];
  for (auto& known : candidates) {
    const bool same = like.command == Command::prepare
                          ? known.identity == like.identity
                          : known.view == like.view && known.log_view == like.log_view && known.op == like.op;
    if (same) return &known;
  }
  WatchedRecord fresh = like;
  fresh.record_durable = fresh.entry_durable = false;
  candidates.push_back(fresh);
  return &candidates.back();
}

void LogWatch::confirm(Node& node, u16 shard, u64 id) {
  const auto first = node.first_of.find({shard, id});
  const auto at = node.pending.find({shard, first == node.first_of.end() ? id : first->second});
  if (first != node.first_of.end()) node.first_of.erase(first);
  if (at == node.pending.end() || --at->second.writes_left > 0) return;
  for (const auto& record : at->second.records) confirm_record(node, record.record);
  BatchNo& marker = node.markers[shard];
  marker = std::max(marker, at->second.marker);
  Heads& heads = node.heads[shard];
  if (at->second.head) heads.strict.insert(*at->second.head);
  if (at->second.superblock && ++heads.copies[at->second.superblock->sequence] == superblock_quorum)
    confirm_superblock(node, shard, *at->second.superblock);
  node.pending.erase(at);
}

void LogWatch::confirm_superblock(Node& node, u16 shard, const Superblock& superblock) {
  Heads& heads = node.heads[shard];
  heads.sealed = std::max(heads.sealed, superblock.durable_batch);
  BatchNo& freed = node.freed_to[shard];
  if (superblock.freed_batch > freed) node.freed = freed = superblock.freed_batch;
  Incarnation& newest = node.incarnations[shard];
  const bool next_life = newest != Incarnation() && superblock.incarnation > newest;
  newest = std::max(newest, superblock.incarnation);
  const auto& former = superblock.former_durable;
  const BatchNo known = *std::max_element(std::begin(former), std::end(former));
  node.forgets_former = next_life && superblock.durable_batch > std::max(known, superblock.freed_batch);
}

void LogWatch::confirm_record(Node& node, const WatchedRecord& record) {
  WatchedRecord* known = find(node, record);
  known->record_durable |= record.record_durable;
  known->entry_durable |= record.entry_durable;
  if (record.state_flags != 0) {
    auto& confessions = node.confessions[record.group];
    if (confessions.size() == kept_max) confessions.erase(confessions.begin());
    confessions.emplace_back(record.batch, record.state_flags);
  }
  if (record.record_durable && (known->batch == BatchNo() || known->life != record.life)) {
    known->life = record.life;
    known->shard = record.shard;
    known->batch = record.batch;
  }
  // An intact record stands for its entry once recovery has found it (row 2 of the recovery table).
  if (record.command != Command::prepare) settle(node, *known);
}

void LogWatch::settle(Node& node, WatchedRecord& known) {
  if (!known.stored()) return;
  auto& promises = node.promises[known.group];
  const Promise fresh{known.view, known.log_view};
  const auto worse = [&](const Promise& p) { return p.view <= fresh.view && p.log_view <= fresh.log_view; };
  promises.erase(std::remove_if(promises.begin(), promises.end(), worse), promises.end());
  promises.push_back(fresh);
}

void LogWatch::keep_prepare(const std::byte* record, u32 size) {
  auto& kept = prepares_[as<Prepare>(record).identity];
  if (kept.empty()) kept.assign(record, record + size);
}

std::span<const WatchedRecord> LogWatch::records_of(NodeId node, GroupId group, Op op) const {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return {};
  const auto records = at->second.prepares.find({group, op});
  if (records == at->second.prepares.end()) return {};
  return records->second;
}

bool LogWatch::stored(NodeId node, GroupId group, Op op, const Digest& identity) const {
  const auto records = records_of(node, group, op);
  return std::any_of(records.begin(), records.end(),
                     [&](const auto& r) { return r.identity == identity && r.stored(); });
}

bool LogWatch::has_record(NodeId node, GroupId group, Op op, const Digest& identity) const {
  const auto records = records_of(node, group, op);
  return std::any_of(records.begin(), records.end(),
                     [&](const auto& r) { return r.identity == identity && r.record_durable; });
}

bool LogWatch::promised(NodeId node, GroupId group, View view, View log_view) const {
  if (view == View(0) && log_view == View(0)) return true;  // what every group starts with
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return false;
  const auto promises = at->second.promises.find(group);
  if (promises == at->second.promises.end()) return false;
  return std::any_of(promises->second.begin(), promises->second.end(),
                     [&](const auto& p) { return p.view >= view && p.log_view >= log_view; });
}

std::optional<bool> LogWatch::marked_checkpoint(NodeId node, GroupId group, const Digest& checkpoint_id) const {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return {};
  const auto known = at->second.checkpoints.find(group);
  if (known == at->second.checkpoints.end()) return {};
  // The first of them: that record, not a copy of it which the log's reclaim made, is what counted.
  const auto written = std::find_if(known->second.begin(), known->second.end(),
                                    [&](const auto& c) { return c.checkpoint_id == checkpoint_id; });
  if (written == known->second.end()) return {};
  const auto marker = at->second.markers.find(written->shard);
  return marker != at->second.markers.end() && marker->second >= written->batch;
}

std::optional<BatchNo> LogWatch::freed(NodeId node) const {
  const auto at = nodes_.find(node);
  return at == nodes_.end() ? std::nullopt : at->second.freed;
}

bool LogWatch::forgets_former(NodeId node) const {
  const auto at = nodes_.find(node);
  return at != nodes_.end() && at->second.forgets_former;
}

bool LogWatch::confessed(NodeId node, GroupId group, u32 flags, BatchNo freed) const {
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return false;
  const auto known = at->second.confessions.find(group);
  return known != at->second.confessions.end() &&
         std::any_of(known->second.begin(), known->second.end(),
                     [&](const auto& said) { return said.first > freed && (said.second & flags) != 0; });
}

bool LogWatch::in_strict_tail(NodeId node, GroupId group, Op op, const Digest& identity) const {
  const auto at = nodes_.find(node);
  const auto records = records_of(node, group, op);
  const auto record =
      std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.identity == identity; });
  if (record == records.end() || record->life != at->second.life || record->batch == BatchNo()) return false;
  const auto marker = at->second.markers.find(record->shard);
  if (marker != at->second.markers.end() && marker->second >= record->batch) return false;
  const auto heads = at->second.heads.find(record->shard);
  if (heads == at->second.heads.end()) return false;
  const auto says = heads->second.strict.find(heads->second.sealed);
  return says != heads->second.strict.end() && says->second && says->first < record->batch;
}

Bytes LogWatch::prepare(const Digest& identity) const {
  const auto at = prepares_.find(identity);
  return at == prepares_.end() ? Bytes() : Bytes(at->second);
}

}  // namespace keelson::sim
