// Limits: profiles are consistent, inconsistent ones are found, the digest covers what a cluster shares and nothing
// else.
#include "keelson/base/limits.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "keelson/base/bytes.h"

namespace keelson {
namespace {

template <class T>
struct Named {
  const char* name;
  T Limits::*field;
};
#define FIELD(name) \
  { #name, &Limits::name }

const std::vector<Named<u32>> shared{
    FIELD(replicas_max),        FIELD(groups_max),        FIELD(pipeline_max),           FIELD(request_queue_max),
    FIELD(batch_requests_max),  FIELD(batch_bytes_max),   FIELD(message_size_max),       FIELD(sessions_max),
    FIELD(wal_page_bytes),      FIELD(wal_segment_pages), FIELD(wal_segments),           FIELD(index_pages_per_segment),
    FIELD(wal_batch_pages_max), FIELD(reply_bytes_max),   FIELD(checkpoint_ops),         FIELD(checkpoint_blocks),
    FIELD(reply_parts_max),     FIELD(blob_bytes_max),    FIELD(checkpoint_table_blocks)};
const std::vector<Named<u64>> shared_wide{FIELD(session_ttl_ns), FIELD(journal_ops_max), FIELD(retained_bytes_max)};
const std::vector<Named<u32>> local{FIELD(wal_batches_in_flight_max),
                                    FIELD(wal_batch_records_max),
                                    FIELD(writes_in_flight_max),
                                    FIELD(reads_in_flight_max),
                                    FIELD(checkpoint_buffers),
                                    FIELD(checkpoint_buffer_blocks),
                                    FIELD(checkpoint_staged_max),
                                    FIELD(repair_in_flight_max),
                                    FIELD(sync_in_flight_max),
                                    FIELD(sync_reads_max),
                                    FIELD(body_reads_max),
                                    FIELD(entries_max),
                                    FIELD(body_cache_ops_max),
                                    FIELD(log_entries_max),
                                    FIELD(events_per_bag_max),
                                    FIELD(applies_per_step_max),
                                    FIELD(clients_max),
                                    FIELD(mailbox_frames_max),
                                    FIELD(slabs_small),
                                    FIELD(slabs_page),
                                    FIELD(slabs_batch),
                                    FIELD(slabs_message)};

TEST(Limits, EveryFieldIsKnownHereAsSharedOrLocal) {
  const std::size_t bytes = 4 * shared.size() + 8 * shared_wide.size() + 4 * local.size();
  EXPECT_EQ(sizeof(Limits), (bytes + 7) / 8 * 8)
      << "a new limit: put it into the right table above, and into digest() if shared";
}

TEST(Limits, TheDigestCoversWhatAClusterShares) {
  for (const Limits& base : {Limits::tiny(), Limits::standard()}) {
    std::set<Digest> seen{base.digest()};
    const auto differs = [&](const Limits& other, const char* name) {
      EXPECT_TRUE(seen.insert(other.digest()).second) << name;
    };
    for (const auto& [name, field] : shared) {
      Limits other = base;
      ++(other.*field);
      differs(other, name);
    }
    for (const auto& [name, field] : shared_wide) {
      Limits other = base;
      ++(other.*field);
      differs(other, name);
    }
  }
}

TEST(Limits, NodesMayDifferInWhatIsLocal) {
  for (const auto& [name, field] : local) {
    Limits other = Limits::tiny();
    ++(other.*field);
    EXPECT_EQ(other.digest(), Limits::tiny().digest()) << name;
  }
}

TEST(Limits, TwoFieldsThatSwapTheirValuesAreAnotherProfile) {
  Limits other = Limits::tiny();
  std::swap(other.groups_max, other.sessions_max);
  EXPECT_NE(other.digest(), Limits::tiny().digest());
}

TEST(Limits, ProfilesAreConsistent) {
  EXPECT_TRUE(consistent(Limits::standard()));
  EXPECT_TRUE(consistent(Limits::tiny()));
}

// A value that breaks one relation each.
TEST(Limits, InconsistentOnesAreFound) {
  const auto with = [](auto change) {
    Limits limits = Limits::standard();
    change(limits);
    return consistent(limits);
  };
  EXPECT_FALSE(with([](Limits& l) { l.replicas_max = 7; }));
  EXPECT_TRUE(with([](Limits& l) { l.pipeline_max = 63; }));
  EXPECT_FALSE(with([](Limits& l) { l.pipeline_max = 64; })) << "a suffix's sets have 64 bits";
  EXPECT_FALSE(with([](Limits& l) { l.message_size_max = 34 * 256 - 1; })) << "a do_view_change must fit";
  EXPECT_FALSE(with([](Limits& l) { l.batch_bytes_max = l.message_size_max - 255; })) << "a prepare must fit";
  EXPECT_FALSE(with([](Limits& l) { l.wal_batch_pages_max = l.wal_segment_pages + 1; }));
  EXPECT_FALSE(with([](Limits& l) { l.wal_batch_pages_max = 256; })) << "the largest message must fit a batch";
  EXPECT_FALSE(with([](Limits& l) { l.wal_segments = 3; }));
  EXPECT_FALSE(with([](Limits& l) { l.body_cache_ops_max = 2 * l.pipeline_max - 1; }));
}

TEST(Limits, ARequestOfTheLargestSizeFitsAPrepare) {
  for (const Limits& limits : {Limits::tiny(), Limits::standard()})
    EXPECT_LE(256 + 64 + round_up(limits.request_body_max(), 16u), limits.message_size_max);
}

TEST(Tunables, TinyIsAFifthAndKeepsTheOrderOfTimeouts) {
  const Tunables standard = Tunables::standard();
  const Tunables tiny = Tunables::tiny();
  EXPECT_EQ(tiny.beat * 5, standard.beat);
  EXPECT_EQ(tiny.client_resend * 5, standard.client_resend);
  for (const Tunables& t : {standard, tiny}) {
    EXPECT_LT(t.beat, t.sign_of_life_fresh) << "a primary that beats is fresh";
    EXPECT_LT(t.sign_of_life_fresh, t.primary_suspected);
    EXPECT_LT(t.primary_suspected, t.view_change_give_up);
    EXPECT_LT(t.vote_resend, t.vote_valid);
    EXPECT_LT(t.clock_window_min, t.clock_window_max);
  }
}

}  // namespace
}  // namespace keelson
