#include "tests/lib/machine/kv_driver.h"

#include <gtest/gtest.h>
#include <ostream>

namespace keelson::test {

std::ostream& operator<<(std::ostream& out, const KvAnswer& answer) {
  return out << info(answer.status).name << " op " << answer.written.raw() << " value "
             << (answer.value ? "'" + *answer.value + "'" : "absent") << (answer.swapped ? " swapped" : "");
}

KvAnswer KvDriver::run(Operation operation, const KvRequest& request) {
  std::vector<std::byte> buffer(kv_limits(limits_).request_bytes_max + 4096);
  const Bytes body = encode_kv_request(buffer, request);
  EXPECT_FALSE(body.empty());
  return run_body(operation, body);
}

bool KvDriver::grows(Operation operation, std::string_view key, const std::optional<std::string>& value) const {
  KvRequest wanted{as_bytes(key), {}, {}};
  if (value) wanted.value = as_bytes(*value);
  std::vector<std::byte> buffer(kv_limits(limits_).request_bytes_max + 4096);
  RequestView request{};
  request.frame.operation = operation;
  request.body = encode_kv_request(buffer, wanted);
  request.frame.body_size = static_cast<u32>(request.body.size());
  return machine_.grows(request);
}

KvAnswer KvDriver::run_body(Operation operation, Bytes body) {
  RequestView request{};
  request.frame.operation = operation;
  request.frame.body_size = static_cast<u32>(body.size());
  request.body = body;
  std::vector<std::byte> buffer(limits_.reply_bytes_max);
  ReplyWriter reply(buffer);
  ++op_;
  const Status admitted = machine_.admit(request);
  machine_.apply(ApplyCtx{GroupId(1), op_, Timestamp(op_.raw() * 1000), Release(1), ClientId{1, 1}, SessionId(1)},
                 request, reply);
  KvAnswer answer;
  answer.status = reply.status();
  if (admitted != Status::ok) {
    EXPECT_EQ(answer.status, admitted);
  }
  if (reply.body().empty()) return answer;
  const auto decoded = decode_kv_reply(reply.body());
  if (!decoded) {
    ADD_FAILURE() << "a reply that can't be decoded";
    return answer;
  }
  answer.written = decoded->written;
  if (decoded->value) answer.value = as_string(*decoded->value);
  answer.swapped = decoded->swapped;
  return answer;
}

std::vector<std::string> save_sections(const AnyMachine& machine) {
  std::vector<std::string> sections;
  for (u32 section = 0; section < machine.section_count(); ++section) {
    std::string& bytes = sections.emplace_back();
    ByteSink sink(&bytes, [](void* self, Bytes more) { *static_cast<std::string*>(self) += as_string(more); });
    machine.save_section(SectionId(section), sink);
    EXPECT_EQ(sink.written(), bytes.size());
  }
  return sections;
}

Status load_sections(AnyMachine& machine, const std::vector<std::string>& sections) {
  machine.reset(Release(1));
  const Status possible = machine.begin_load(static_cast<u32>(sections.size()));
  if (possible != Status::ok) return possible;
  for (u32 section = 0; section < sections.size(); ++section) {
    Bytes bytes = as_bytes(sections[section]);
    ByteSource source = source_of(bytes);
    const Status status = machine.load_section(SectionId(section), source);
    if (status != Status::ok) return status;
  }
  return machine.finish_load();
}

}  // namespace keelson::test
