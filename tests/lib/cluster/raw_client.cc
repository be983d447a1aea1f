#include "tests/lib/cluster/raw_client.h"

#include "keelson/base/checksum.h"
#include "keelson/machine/kv/kv_codec.h"

namespace keelson::test {

void RawClient::send(Who to, Operation operation, u64 request, Bytes body) {
  std::vector<std::byte> message(header_size + body.size());
  copy({message.data() + header_size, body.size()}, body);
  Request header = make<Request>();
  header.cluster = cluster_.parts().kernel.cluster;
  header.group = cluster_.group();
  header.client = id_;
  header.session = operation == operation_register ? SessionId() : session;
  header.request = RequestNo(request);
  header.ack_floor = RequestNo(ack_floor.value_or(request == 0 ? 0 : request - 1));
  header.deadline_ms = 5000;
  header.operation = operation;
  header.checksum_body = body_checksum(body);
  header.size = static_cast<u32>(message.size());
  store(message.data(), header);
  seal_bytes(message.data(), header.checksum_body, header.size);
  cluster_.inject(client(0), to, message);
}

RawClient::Answers RawClient::answers(u64 request) const {
  Answers mine;
  for (const auto& [from, reply, body] : cluster_.answers())
    if (reply.client == id_ && reply.request == RequestNo(request))
      mine.push_back({from, static_cast<Status>(reply.status), reply.op, reply.session, reply.request, body});
  return mine;
}

void RawClient::wait_for_primary(Where at) {
  const auto& population = cluster_.world().population();
  cluster_.run_until(
      [&] {
        return cluster_.world().network().connected(population.client_unit(0),
                                                    population.unit_of(cluster_.id(primary), ShardId(0)));
      },
      "a connection to the primary", at);
}

RawClient::Answer RawClient::wait(u64 request, std::size_t before, Where at) {
  cluster_.run_until([&] { return answers(request).size() > before; }, "an answer to a raw client", at);
  const Answers all_of_them = answers(request);
  return all_of_them.empty() ? Answer{} : all_of_them.back();
}

void RawClient::send_register(Who to) { send(to, operation_register, 0, {}); }

void RawClient::send_put(u64 request, const std::string& name, Who to) {
  std::vector<std::byte> buffer(512);
  const Bytes bytes = std::as_bytes(std::span(name));
  send(to, kv_put, request, encode_kv_put(buffer, bytes, bytes));
}

RawClient::Answer RawClient::do_register(Where at) {
  wait_for_primary(at);
  const std::size_t before = answers(0).size();
  send_register();
  const Answer answer = wait(0, before, at);
  session = answer.session;
  return answer;
}

RawClient::Answer RawClient::put(u64 request, const std::string& name, Where at) {
  wait_for_primary(at);
  const std::size_t before = answers(request).size();
  send_put(request, name);
  return wait(request, before, at);
}

RawClient::Answer RawClient::unregister(u64 request, Where at) {
  wait_for_primary(at);
  const std::size_t before = answers(request).size();
  send(primary, operation_unregister, request, {});
  return wait(request, before, at);
}

}  // namespace keelson::test
