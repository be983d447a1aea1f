#include "keelson/base/limits.h"

#include "keelson/base/checksum.h"

namespace keelson {

Digest Limits::digest() const {
  DigestStream stream;
  for (const u64 value : {u64{replicas_max},        u64{groups_max},
                          u64{pipeline_max},        u64{request_queue_max},
                          u64{batch_requests_max},  u64{batch_bytes_max},
                          u64{message_size_max},    u64{sessions_max},
                          session_ttl_ns,           journal_ops_max,
                          u64{wal_page_bytes},      u64{wal_segment_pages},
                          u64{wal_segments},        u64{index_pages_per_segment},
                          u64{wal_batch_pages_max}, u64{reply_bytes_max},
                          u64{checkpoint_ops},      u64{checkpoint_blocks},
                          u64{reply_parts_max},     retained_bytes_max,
                          u64{blob_bytes_max},      u64{checkpoint_table_blocks}})
    stream.add_value(value);
  return stream.finish();
}

}  // namespace keelson
