#include "keelson/sim/workload/kv.h"

#include "keelson/machine/kv/kv_codec.h"

namespace keelson::sim {
namespace {

// A value that nobody else writes: who, when, and as many bytes as drawn.
std::vector<std::byte> fresh_value(ClientContext& client, const KvMix& mix, u64 serial) {
  const u64 size = client.between(Site::work_value_size, std::min<u64>(16, mix.value_bytes_max), mix.value_bytes_max);
  std::vector<std::byte> value(std::max<u64>(size, 16), std::byte{0x5a});
  store(value.data(), u64{client.client()});
  store(value.data() + 8, serial);
  return value;
}

struct Plan {
  Operation operation;
  std::vector<std::byte> body;
};

Plan plan(ClientContext& client, const KvMix& mix, u64 serial, std::map<u64, std::vector<std::byte>>& seen) {
  const bool hot = client.chance(Site::work_hot_key, mix.hot_ppm);
  const u64 key = hot ? 0 : client.below(Site::work_key, mix.keys);
  u64 draw = client.below(Site::work_operation, mix.put + mix.get + mix.cas + mix.del);
  std::vector<std::byte> buffer(mix.value_bytes_max * 2 + kv_key_bytes_max + 128);
  const auto made = [&](Operation operation, Bytes body) { return Plan{operation, {body.begin(), body.end()}}; };
  if (draw < mix.put) {
    const auto value = fresh_value(client, mix, serial);
    return made(kv_put, encode_kv_put(buffer, bytes_of(key), value));
  }
  draw -= mix.put;
  if (draw < mix.get) return made(kv_get, encode_kv_get(buffer, bytes_of(key)));
  draw -= mix.get;
  if (draw < mix.del) return made(kv_delete, encode_kv_delete(buffer, bytes_of(key)));
  const auto value = fresh_value(client, mix, serial);
  const auto known = seen.find(key);
  std::optional<Bytes> expected;
  if (known != seen.end()) expected = Bytes(known->second);
  return made(kv_cas, encode_kv_cas(buffer, bytes_of(key), expected, Bytes(value)));
}

}  // namespace

void run_kv(ClientContext& client, const KvMix& mix, std::span<const GroupId> groups) {
  std::map<u64, std::vector<std::byte>> seen;  // what this client last saw under a key
  for (u64 serial = client.serial_base() + 1; client.running(); ++serial) {
    if (mix.requests != 0 && serial - client.serial_base() > mix.requests) break;
    const GroupId group = client.pick(groups);
    const Plan next = plan(client, mix, serial, seen);
    for (u32 tries = 0; tries <= mix.retries && client.running(); ++tries) {
      const Outcome outcome = client.call(group, next.operation, next.body, mix.timeout);
      if (outcome) {
        const auto request = decode_kv_request(next.operation, next.body);
        const auto reply = decode_kv_reply(outcome.body);
        if (request && reply && reply->value) {
          const u64 key = load<u64>(request->key.data());
          seen[key].assign(reply->value->begin(), reply->value->end());
        }
      }
      if (outcome.end != CallEnd::fail) break;
      client.sleep(milliseconds(5));
    }
    if (mix.think > Duration(0)) client.sleep(client.exponential(Site::work_think, mix.think));
  }
  if (!client.chance(Site::work_leave, mix.leave_ppm)) return;
  for (const GroupId group : groups) client.leave(group, mix.timeout);
}

void read_all_keys(ClientContext& client, const KvMix& mix, std::span<const GroupId> groups) {
  std::vector<std::byte> buffer(kv_key_bytes_max + 128);
  for (const GroupId group : groups)
    for (u64 key = 0; key < mix.keys; ++key)
      for (;;) {
        const Bytes body = encode_kv_get(buffer, bytes_of(key));
        const Outcome outcome = client.call(group, kv_get, body, mix.timeout);
        if (outcome) break;
        client.sleep(milliseconds(10));
      }
}

}  // namespace keelson::sim
