#include "keelson/sim/tape_file.h"

#include <algorithm>
#include <set>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

// 0 char[4] "KTAP", u16 format, u16 flags · 8 seed · 16 scenario_hash · 32 site_hash · 48 decisions · 56 base · 64
// body. u128: low word first. End: trace_hash, events, virtual_ns, u8 verdict, signature, XXH3-64 of all before.
constexpr std::string_view magic = "KTAP";
constexpr u16 format_version = 1;
constexpr u16 flag_sparse = 1;
constexpr u16 flag_outcome = 2;
constexpr u16 flag_complete = 4;
constexpr u16 flags_known = flag_sparse | flag_outcome | flag_complete;
constexpr u64 header_bytes = 64;
constexpr u64 end_bytes = 16 + 8 + 8 + 1 + 8 + 8;
constexpr u64 name_bytes_max = 256;

class Writer {
 public:
  template <class T>
  void value(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void digest(const Digest& digest) {
    value(digest.lo);
    value(digest.hi);
  }
  void varint(u64 value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  void text(std::string_view text) {
    varint(text.size());
    bytes_ += text;
  }
  void raw(std::string_view text) { bytes_ += text; }
  std::string finish() && {
    value(check64_of(std::as_bytes(std::span(bytes_)), 0));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Reads forward; the first problem is kept with its offset and every later read gives zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T value() {
    T value{};
    if (!need(sizeof value)) return value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  Digest digest() {
    const u64 lo = value<u64>();
    const u64 hi = value<u64>();
    return Digest{lo, hi};
  }
  u64 varint() {
    const u64 start = at_;
    u64 result = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const u64 byte = value<u8>();
      if (error_) return 0;
      if (shift == 63 && byte > 1) break;
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    fail(start, "a number longer than 64 bits");
    return 0;
  }
  std::string text(u64 length_max, std::string_view what) {
    const u64 start = at_;
    const u64 length = varint();
    if (length > length_max) {
      fail(start,
           std::string(what) + " of " + std::to_string(length) + " bytes; at most " + std::to_string(length_max));
      return {};
    }
    if (!need(length)) return {};
    const auto result = bytes_.substr(at_, length);
    at_ += length;
    return std::string(result);
  }

  void fail(u64 offset, std::string what) {
    if (!error_) error_ = TapeFileError{offset, std::move(what)};
  }
  bool failed() const { return error_.has_value(); }
  TapeFileError error() const { return *error_; }
  u64 at() const { return at_; }
  u64 left() const { return bytes_.size() - at_; }

 private:
  bool need(u64 count) {
    if (error_) return false;
    if (count <= left()) return true;
    fail(at_, "the file ends here, in the middle of something");
    return false;
  }

  std::string_view bytes_;
  u64 at_ = 0;
  std::optional<TapeFileError> error_;
};

void write_entries(Writer& out, const RecordedStream& stream) {
  for (const auto& [site, value] : stream.entries) {
    out.varint(static_cast<u64>(site));
    out.varint(value);
  }
}

// Each n as the distance from the entry before of the same site (from 0 for the first).
void write_entries(Writer& out, const SparseStream& stream) {
  const Override* before = nullptr;
  for (const auto& entry : stream.entries) {
    out.varint(static_cast<u64>(entry.site));
    out.varint(before != nullptr && before->site == entry.site ? entry.n - before->n : entry.n);
    out.varint(entry.value);
    before = &entry;
  }
}

// Sorted by (site, n), each address once: of several entries the last one counts.
void make_canonical(SparseStream& stream) {
  const auto address = [](const Override& entry) { return std::pair(entry.site, entry.n); };
  auto& entries = stream.entries;
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const Override& a, const Override& b) { return address(a) < address(b); });
  const auto last = std::unique(entries.rbegin(), entries.rend(),
                                [&](const Override& a, const Override& b) { return address(a) == address(b); });
  entries.erase(entries.begin(), last.base());
}
void make_canonical(RecordedStream&) {}  // its order is what it says
TapeFile canonical_of(const TapeFile& file) {
  TapeFile canonical = file;
  for (auto& stream : std::get<std::vector<SparseStream>>(canonical.streams)) make_canonical(stream);
  return canonical;
}

u64 decisions_of(const TapeFile& file) {
  return std::visit(
      [](const auto& streams) {
        u64 count = 0;
        for (const auto& stream : streams) count += stream.entries.size();
        return count;
      },
      file.streams);
}

// Only sites that occur are named.
std::vector<Site> sites_of(const TapeFile& file) {
  std::vector<bool> occurs(site_count);
  std::visit(
      [&](const auto& streams) {
        for (const auto& stream : streams)
          for (const auto& entry : stream.entries) occurs[static_cast<std::size_t>(entry.site)] = true;
      },
      file.streams);
  std::vector<Site> sites;
  for (std::size_t i = 0; i < site_count; ++i)
    if (occurs[i]) sites.push_back(static_cast<Site>(i));
  return sites;
}

// The file's site numbers, resolved in this build.
using SiteMap = std::map<u64, std::optional<Site>>;

SiteMap read_sites(Reader& in) {
  SiteMap map;
  std::set<std::string> names;
  const u64 count = in.varint();
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    const u64 start = in.at();
    const u64 id = in.varint();
    const auto name = in.text(name_bytes_max, "a site name");
    if (!in.failed() && !map.emplace(id, site_named(name)).second)
      in.fail(start, "site " + std::to_string(id) + " is named twice");
    if (!in.failed() && !names.insert(name).second) in.fail(start, "two sites are named " + name);
  }
  return map;
}

std::optional<Site> resolve(Reader& in, const SiteMap& sites, u64 start, u64 id) {
  const auto found = sites.find(id);
  if (found == sites.end()) {
    in.fail(start, "site " + std::to_string(id) + " has no name");
    return {};
  }
  return found->second;
}

void read_entries(Reader& in, const SiteMap& sites, u64 count, RecordedStream& stream, u64& dropped) {
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    const u64 start = in.at();
    const u64 id = in.varint();
    const u64 value = in.varint();
    const auto site = resolve(in, sites, start, id);
    if (site)
      stream.entries.push_back(Decision{*site, value});
    else
      ++dropped;
  }
}

void read_entries(Reader& in, const SiteMap& sites, u64 count, SparseStream& stream, u64& dropped) {
  std::optional<u64> last_id;
  u64 n = 0;
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    const u64 start = in.at();
    const u64 id = in.varint();
    const u64 distance = in.varint();
    const u64 value = in.varint();
    const bool same_site = last_id == id;
    if (last_id && id < *last_id) in.fail(start, "entries are not sorted by site");
    if (same_site && (distance == 0 || distance > ~n)) in.fail(start, "entries of a site are not sorted");
    n = same_site ? n + distance : distance;
    last_id = id;
    const auto site = resolve(in, sites, start, id);
    if (site)
      stream.entries.push_back(Override{*site, n, value});
    else
      ++dropped;
  }
}

template <class S>
std::vector<S> read_streams(Reader& in, const SiteMap& sites, u64 decisions, u64& dropped) {
  const u64 counted_at = in.at();
  const u64 count = in.varint();
  if (count > tape_streams_max)
    in.fail(counted_at, std::to_string(count) + " streams; at most " + std::to_string(tape_streams_max));
  std::vector<S> streams;
  u64 seen = 0;
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    const u64 start = in.at();
    S& stream = streams.emplace_back(S{in.text(name_bytes_max, "a stream name"), {}});
    const u64 entries = in.varint();
    seen += std::min(entries, decisions + 1);
    if (seen > decisions) in.fail(start, "more decisions than the header says");
    if (std::any_of(streams.begin(), streams.end() - 1, [&](const S& other) { return other.name == stream.name; }))
      in.fail(start, "stream " + stream.name + " is there twice");
    if (!in.failed()) read_entries(in, sites, entries, stream, dropped);
    make_canonical(stream);  // another build may have had the sites in another order
  }
  if (seen != decisions) in.fail(in.at(), "fewer decisions than the header says");
  return streams;
}

void read_outcome(Reader& in, bool present, TapeFile& file) {
  TapeOutcome outcome;
  outcome.trace_hash = in.digest();
  outcome.events = in.value<u64>();
  outcome.virtual_ns = in.value<u64>();
  const u64 verdict_at = in.at();
  const u8 verdict = in.value<u8>();
  outcome.signature = in.value<u64>();
  if (verdict == 1 || verdict > static_cast<u8>(Verdict::unavailable))
    in.fail(verdict_at, "unknown verdict " + std::to_string(verdict));
  outcome.verdict = static_cast<Verdict>(verdict);
  if (present) file.outcome = outcome;
}

// What a reader would refuse.
std::optional<TapeFileError> limit_passed(const TapeFile& file) {
  const u64 decisions = decisions_of(file);
  if (decisions > tape_decisions_max)
    return TapeFileError{0, std::to_string(decisions) + " decisions; at most 16,000,000"};
  if (file.base.seed == ~u64{0}) return TapeFileError{0, "a base with seed 2^64 - 1; at most 2^64 - 2"};
  return std::visit(
      [](const auto& streams) -> std::optional<TapeFileError> {
        if (streams.size() > tape_streams_max)
          return TapeFileError{
              0, std::to_string(streams.size()) + " streams; at most " + std::to_string(tape_streams_max)};
        std::set<std::string_view> names;
        for (const auto& stream : streams) {
          if (stream.name.size() > name_bytes_max)
            return TapeFileError{0, "a stream name of " + std::to_string(stream.name.size()) + " bytes; at most 256"};
          if (!names.insert(stream.name).second) return TapeFileError{0, "stream " + stream.name + " is there twice"};
        }
        return {};
      },
      file.streams);
}

std::optional<TapeFileError> envelope_problem(std::string_view bytes) {
  if (bytes.size() > tape_file_bytes_max)
    return TapeFileError{tape_file_bytes_max,
                         "the file has " + std::to_string(bytes.size()) + " bytes; at most 64 MiB"};
  if (!bytes.starts_with(magic)) return TapeFileError{0, "not a tape: it doesn't begin with KTAP"};
  if (bytes.size() < header_bytes + end_bytes)
    return TapeFileError{bytes.size(), "the file ends before the header does"};
  Reader in(bytes.substr(magic.size()));
  const u16 version = in.value<u16>();
  if (version != format_version)
    return TapeFileError{4, "format " + std::to_string(version) + "; this build reads format 1"};
  const u16 flags = in.value<u16>();
  if ((flags & ~flags_known) != 0) return TapeFileError{6, "unknown flags " + std::to_string(flags)};
  u64 stored = 0;
  const u64 covered = bytes.size() - sizeof stored;
  std::memcpy(&stored, bytes.data() + covered, sizeof stored);
  if (stored != check64_of(std::as_bytes(std::span(bytes.substr(0, covered))), 0))
    return TapeFileError{covered, "the checksum does not match: the file is damaged or cut"};
  return {};
}

std::string write_canonical(const TapeFile& file) {
  const bool sparse = std::holds_alternative<std::vector<SparseStream>>(file.streams);
  Writer out;
  out.raw(magic);
  out.value(format_version);
  out.value(static_cast<u16>((sparse ? flag_sparse : 0) | (file.outcome ? flag_outcome : 0) |
                             (file.complete ? flag_complete : 0)));
  out.value(file.seed);
  out.digest(file.scenario_hash);
  out.digest(file.sites);
  out.value(decisions_of(file));
  out.value(file.base.seed ? *file.base.seed + 1 : u64{0});
  out.text(file.scenario);
  const auto sites = sites_of(file);
  out.varint(sites.size());
  for (const Site site : sites) {
    out.varint(static_cast<u64>(site));
    out.text(name_of(site));
  }
  std::visit(
      [&](const auto& streams) {
        out.varint(streams.size());
        for (const auto& stream : streams) {
          out.text(stream.name);
          out.varint(stream.entries.size());
          write_entries(out, stream);
        }
      },
      file.streams);
  const TapeOutcome outcome = file.outcome.value_or(TapeOutcome{});
  out.digest(outcome.trace_hash);
  out.value(outcome.events);
  out.value(outcome.virtual_ns);
  out.value(outcome.verdict);
  out.value(outcome.signature);
  return std::move(out).finish();
}

}  // namespace

tl::expected<std::string, TapeFileError> write_tape(const TapeFile& file) {
  if (auto problem = limit_passed(file)) return tl::unexpected(*problem);
  const bool sparse = std::holds_alternative<std::vector<SparseStream>>(file.streams);
  auto bytes = sparse ? write_canonical(canonical_of(file)) : write_canonical(file);
  if (bytes.size() > tape_file_bytes_max) return tl::unexpected(TapeFileError{bytes.size(), "more than 64 MiB"});
  return bytes;
}

tl::expected<TapeFile, TapeFileError> parse_tape(std::string_view bytes) {
  if (auto problem = envelope_problem(bytes)) return tl::unexpected(*problem);
  Reader in(bytes.substr(0, bytes.size() - sizeof(u64)));
  in.value<u32>();  // magic
  in.value<u16>();  // format
  const u16 flags = in.value<u16>();
  TapeFile file;
  file.complete = (flags & flag_complete) != 0;
  file.seed = in.value<u64>();
  file.scenario_hash = in.digest();
  file.sites = in.digest();
  const u64 decisions = in.value<u64>();
  if (decisions > tape_decisions_max) in.fail(48, std::to_string(decisions) + " decisions; at most 16,000,000");
  const u64 base = in.value<u64>();
  if (base != 0) file.base = TapeBase::seeded(base - 1);
  file.scenario = in.text(tape_file_bytes_max, "a scenario");
  const SiteMap sites = read_sites(in);
  u64& dropped = file.unknown_sites_dropped;
  if ((flags & flag_sparse) != 0)
    file.streams = read_streams<SparseStream>(in, sites, decisions, dropped);
  else
    file.streams = read_streams<RecordedStream>(in, sites, decisions, dropped);
  read_outcome(in, (flags & flag_outcome) != 0, file);
  if (!in.failed() && in.left() != 0) in.fail(in.at(), std::to_string(in.left()) + " bytes too many");
  if (in.failed()) return tl::unexpected(in.error());
  return file;
}

}  // namespace keelson::sim
