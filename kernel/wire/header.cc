#include "keelson/wire/header.h"

#include "keelson/base/checksum.h"

namespace keelson {
namespace {

constexpr u64 identity_seed = 0x4b4c50524550;

struct IdentityBlock {
  ClusterId cluster;
  GroupId group;
  Epoch epoch;
  Release release;
  Op op;
  Timestamp timestamp;
  Digest parent;
  Digest checksum_body;
  u32 size;
  u32 request_count;
  PrepareOperation operation;
  u16 zero[19];
};
static_assert(sizeof(IdentityBlock) == 128 && std::has_unique_object_representations_v<IdentityBlock>);

}  // namespace

Digest header_checksum(const std::byte* header) {
  return digest_of({header + sizeof(Digest), header_size - sizeof(Digest)});
}

Digest identity_of(const Prepare& prepare) {
  const IdentityBlock block{prepare.cluster, prepare.group,         prepare.epoch,     prepare.release,
                            prepare.op,      prepare.timestamp,     prepare.parent,    prepare.checksum_body,
                            prepare.size,    prepare.request_count, prepare.operation, {}};
  return digest_of(bytes_of(block), identity_seed);
}

}  // namespace keelson
