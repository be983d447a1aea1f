#include "keelson/vsr/select.h"

// The kernel has no assert of the C library: its own check() guards what must hold.
#define RANGES_ASSERT(...) static_cast<void>(0)
#include <range/v3/algorithm/count_if.hpp>
#include <range/v3/algorithm/max.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/transform.hpp>

#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

using Reports = std::span<const LogReport>;

bool knows_identity(const Prepare& entry) { return !(entry.entry_flags & entry_flag::blank); }
bool is_full(const Prepare& entry) { return !(entry.entry_flags & (entry_flag::blank | entry_flag::stub)); }

auto of_log(Reports reports, View log_view) {
  return reports | ranges::views::filter([log_view](const LogReport& r) { return r.log_view == log_view; });
}

View newest_log_view(Reports reports) {
  rules::LogEnd best;
  for (const auto& r : reports)
    if (rules::better_log({r.log_view, r.head}, best)) best = {r.log_view, r.head};
  return best.log_view;
}

Op committed_by(Reports reports, u32 pipeline_max) {
  return ranges::max(reports | ranges::views::transform([pipeline_max](const LogReport& r) {
                       Op commit = r.commit_max;
                       if (r.lists(r.head) && is_full(r.entry(r.head)))
                         commit = ranges::max(commit, r.entry(r.head).commit);
                       return ranges::max(commit, rules::committed_by_head(r.head, pipeline_max));
                     }));
}

// What the winning logs say of one op.
struct Claim {
  Digest identity;  // zero: unknown
  bool contradiction = false;
  bool missing_by_choice = false;  // some winning log nacks it, or ends below: not merely damaged there
};

Claim claim_of(Reports reports, View log_view, Op op) {
  Claim claim;
  const auto learn = [&claim](const Digest& identity) {
    if (!claim.identity.is_zero() && claim.identity != identity) claim.contradiction = true;
    claim.identity = identity;
  };
  for (const auto& r : of_log(reports, log_view)) {
    if (r.lists(op) && knows_identity(r.entry(op))) learn(r.entry(op).identity);
    if (r.lists(op + 1) && is_full(r.entry(op + 1))) learn(r.entry(op + 1).parent);
    if (r.has(r.nack, op) || (r.head < op && rules::knows_its_head(r.tail))) claim.missing_by_choice = true;
  }
  return claim;
}

bool nacks(const LogReport& r, Op op, const Claim& claim) {
  if (r.head < op) return rules::knows_its_head(r.tail);
  if (r.has(r.nack, op)) return true;
  if (!r.lists(op) || !knows_identity(r.entry(op))) return false;
  if (!claim.identity.is_zero()) return r.entry(op).identity != claim.identity;
  return claim.missing_by_choice;  // a header that the winning log deliberately doesn't have
}

bool is_suspect(const LogReport& r, Op op, const Claim& claim) {
  return !nacks(r, op, claim) && (r.has(r.suspect, op) || (r.head < op && !rules::knows_its_head(r.tail)));
}

bool is_copy(const LogReport& r, Op op, const Claim& claim) {
  return r.has(r.present, op) && knows_identity(r.entry(op)) && r.entry(op).identity == claim.identity;
}

u8 count(Reports reports, auto&& predicate) { return static_cast<u8>(ranges::count_if(reports, predicate)); }

}  // namespace

Digest identity_in(Reports reports, View log_view, Op op) { return claim_of(reports, log_view, op).identity; }

Selection select(Reports reports, u8 voters, u32 pipeline_max) {
  const Quorums quorums = Quorums::of(voters);
  const bool all_here = reports.size() == voters;
  const u8 certain = count(reports, [](const LogReport& r) { return rules::knows_its_head(r.tail); });
  if (!rules::may_select(static_cast<u8>(reports.size()), quorums)) return {};
  if (!rules::may_select(certain, quorums) && !all_here) return {};

  const View log_view = newest_log_view(reports);
  const Op commit = committed_by(reports, pipeline_max);
  const Op highest =
      ranges::max(of_log(reports, log_view) | ranges::views::transform([](const auto& r) { return r.head; }));
  Selection result{SelectKind::selected, {}, highest, commit, log_view, false, false};
  if (highest < commit)
    return {all_here ? SelectKind::stuck : SelectKind::wait, commit, {}, commit, log_view, false, false};

  for (Op op = commit + 1; op <= highest; ++op) {
    const Claim claim = claim_of(reports, log_view, op);
    if (claim.contradiction) return {SelectKind::contradiction, op, {}, commit, log_view, false, false};
    const u8 nack_count = count(reports, [&](const LogReport& r) { return nacks(r, op, claim); });
    const u8 copies = count(reports, [&](const LogReport& r) { return is_copy(r, op, claim); });
    const u8 suspects = count(reports, [&](const LogReport& r) { return is_suspect(r, op, claim); });

    if (rules::is_nack_quorum(nack_count, quorums)) {
      result.head = op - 1;
      result.truncated = true;
      return result;
    }
    if (!claim.identity.is_zero() && copies >= 1) continue;
    if (all_here && nack_count + suspects == voters) {
      result.head = op - 1;
      result.truncated = result.full_house = true;
      return result;
    }
    return {all_here ? SelectKind::stuck : SelectKind::wait, op, {}, commit, log_view, false, false};
  }
  return result;
}

}  // namespace keelson
