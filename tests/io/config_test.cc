#include "keelson/io/config.h"

#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <sstream>

#include "keelson/io/server.pb.h"

namespace keelson::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string good = R"(cluster {
  id: "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e11"
  node_id: 1
  member { node_id: 0 address: "127.0.0.1:7701" client_address: "127.0.0.1:7700" }
  member { node_id: 1 address: "127.0.0.1:7711" client_address: "127.0.0.1:7710" }
  member { node_id: 2 address: "127.0.0.1:7721" client_address: "127.0.0.1:7720" }
}
data { dir: "/srv/demo/node-1/data" wal_mib: 128 }
client { listen: "127.0.0.1:7710" }
)";

std::vector<std::string> problems_of(const std::string& text) {
  const auto config = parse_config(text, "f");
  std::vector<std::string> lines;
  if (config) return lines;
  for (const Problem& problem : config.error()) lines.push_back(to_string(problem));
  return lines;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Config, IsRead) {
  const auto config = parse_config(good, "f");
  ASSERT_TRUE(config) << to_string(config.error().front());
  EXPECT_EQ(uuid_of(config->cluster), "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e11");
  EXPECT_EQ(config->node, NodeId(1));
  ASSERT_EQ(config->members.size(), 3u);
  EXPECT_EQ(to_string(config->members[2].address), "127.0.0.1:7721");
  EXPECT_EQ(to_string(config->replica_listen), "127.0.0.1:7711") << "this member's own address";
  EXPECT_EQ(limits_of(*config).wal_segments, 32u);
  EXPECT_EQ(config->peer.ping_timeout, seconds(3));
  EXPECT_FALSE(tunables_of(*config).strict_ack);
  const auto strict = parse_config(with(good, "wal_mib: 128", "wal_mib: 128 strict_ack: true"), "f");
  ASSERT_TRUE(strict) << to_string(strict.error().front());
  EXPECT_TRUE(tunables_of(*strict).strict_ack);
}

TEST(Config, AllUnknownFieldsAreToldAtOnceWhereTheyStand) {
  EXPECT_THAT(problems_of("clutser { id: 1 }\ndata {\n  dirr: \"/x\"\n  wal_mib: 128\n}\n"),
              ElementsAre("f:1:1: CFG_PARSE: unknown field; got clutser; expected one of cluster, data, replica, "
                          "client, bus, log",
                          "f:3:3: CFG_PARSE: unknown field; got dirr; expected one of dir, wal_mib, strict_ack"));
}

TEST(Config, ParseErrorsPointAtTheToken) {
  EXPECT_THAT(problems_of(with(good, "node_id: 1\n", "node_id: abc\n")),
              ElementsAre(HasSubstr("f:3:12: CFG_PARSE: Expected integer, got: abc")));
  EXPECT_THAT(problems_of(with(good, "node_id: 1\n", "node_id: 1 node_id: 2\n")),
              ElementsAre("f:3:14: CFG_PARSE: node_id: given more than once"));
  EXPECT_THAT(problems_of(good + "log { level: LOUD }"),
              ElementsAre("f:10:14: CFG_PARSE: level: unknown value; got LOUD; expected one of TRACE, DEBUG, INFO, "
                          "WARN, ERROR"));
  EXPECT_THAT(problems_of("cluster {"), ElementsAre(HasSubstr("CFG_PARSE")));
  EXPECT_THAT(problems_of(std::string("\0\1\2", 3)), testing::Not(testing::IsEmpty()));
}

TEST(Config, AllProblemsAreToldAtOnceInOrder) {
  const std::string text = R"(cluster {
  id: "not-a-uuid"
  node_id: 5
  member { node_id: 0 address: "127.0.0.1:7701" }
  member { node_id: 0 address: "127.0.0.1:7701" }
}
data { dir: "here" wal_mib: 101 }
client { listen: "localhost:7700" }
bus { ping_interval_ms: 2000 }
)";
  EXPECT_THAT(problems_of(text),
              ElementsAre(HasSubstr("f:2:3: CFG_RANGE: cluster.id: not a uuid; got not-a-uuid"),
                          HasSubstr("f:3:3: CFG_MEMBER_SELF_MISSING: cluster.node_id"),
                          HasSubstr("f:5:12: CFG_MEMBER_DUPLICATE: cluster.member.node_id"),
                          HasSubstr("f:5:23: CFG_ADDRESS_DUPLICATE: cluster.member.address"),
                          HasSubstr("f:7:8: CFG_PATH: data.dir: not an absolute path; got here"),
                          HasSubstr("f:7:20: CFG_RANGE: data.wal_mib: not a multiple of 4; got 101"),
                          HasSubstr("f:8:10: CFG_ADDRESS: client.listen: not a numeric ip:port; got localhost:7700"),
                          HasSubstr("CFG_RELATION: bus.ping_timeout_ms: less than twice bus.ping_interval_ms")));
}

TEST(Config, WhatIsMissingIsNamed) {
  EXPECT_THAT(problems_of(""),
              testing::IsSupersetOf({HasSubstr("CFG_MISSING: cluster.id"), HasSubstr("CFG_MISSING: cluster.node_id"),
                                     HasSubstr("CFG_MISSING: cluster.member"), HasSubstr("CFG_MISSING: data.dir")}));
}

TEST(Config, PublicAddressesNeedAWord) {
  const std::string off_loopback = with(with(good, "\"127.0.0.1:7711\"", "\"10.0.0.1:7711\""),
                                        "listen: \"127.0.0.1:7710\"", "listen: \"10.0.0.1:7710\"");
  EXPECT_THAT(problems_of(off_loopback),
              testing::UnorderedElementsAre(HasSubstr("REPLICA_UNAUTHENTICATED"), HasSubstr("PLAINTEXT_PUBLIC")));
  EXPECT_THAT(problems_of(with(with(off_loopback, "node_id: 1\n", "node_id: 1 insecure: true\n"), "client {",
                               "client { insecure: true")),
              testing::IsEmpty());
}

TEST(Config, OneListenerPerAddress) {
  EXPECT_THAT(problems_of(with(good, "listen: \"127.0.0.1:7710\"", "listen: \"127.0.0.1:7711\"")),
              ElementsAre(HasSubstr("CFG_ADDRESS_DUPLICATE: client.listen")));
}

TEST(Config, AnUnreadableFileIsAProblem) {
  const auto config = load_config("/nowhere/at/all.textproto");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error()[0].code, "CFG_PATH");
  EXPECT_THAT(config.error()[0].what, HasSubstr("No such file"));
}

TEST(Config, UuidsRoundTrip) {
  for (const char* text : {"00000000-0000-0000-0000-000000000001", "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e11",
                           "ffffffff-ffff-ffff-ffff-ffffffffffff"})
    EXPECT_EQ(uuid_of(*parse_uuid(text)), text);
  EXPECT_EQ(uuid_of(*parse_uuid("6F2A1D52-7C1E-4A0B-9D55-0B8D1F2C9E11")), "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e11");
  for (const char* text : {"", "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e1", "6f2a1d527-c1e-4a0b-9d55-0b8d1f2c9e11",
                           "6f2a1d52-7c1e-4a0b-9d55-0b8d1f2c9e1g"})
    EXPECT_FALSE(parse_uuid(text)) << text;
}

// Every key of the schema has its row in the operations guide.
TEST(Config, EveryKeyIsDocumented) {
  std::ifstream file(KEELSON_SOURCE_DIR "/docs/operations.md");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string guide = text.str();
  std::function<void(const google::protobuf::Descriptor*, const std::string&)> walk =
      [&](const google::protobuf::Descriptor* type, const std::string& path) {
        for (int i = 0; i < type->field_count(); ++i) {
          const auto* field = type->field(i);
          const std::string name = path + field->name();
          if (field->message_type()) {
            walk(field->message_type(), name + ".");
          } else {
            EXPECT_THAT(guide, HasSubstr("`" + name + "`"));
          }
        }
      };
  walk(config::v1::Server::descriptor(), "");
}

TEST(Address, IsParsed) {
  EXPECT_EQ(to_string(*parse_address("localhost:80")), "localhost:80");
  EXPECT_EQ(to_string(*parse_address("[::1]:7700")), "[::1]:7700");
  for (const char* text : {"", "host", ":80", "host:", "host:0", "host:65536", "host:80x", "::1:80", "a b:80"})
    EXPECT_FALSE(parse_address(text)) << text;
  EXPECT_TRUE(is_loopback(*numeric_ip("127.3.2.1")));
  EXPECT_TRUE(is_loopback(*numeric_ip("::1")));
  EXPECT_FALSE(is_loopback(*numeric_ip("10.0.0.1")));
  EXPECT_TRUE(is_wildcard(*numeric_ip("0.0.0.0")));
  EXPECT_EQ(host_of(*numeric_ip("10.1.2.3")), "10.1.2.3");
  EXPECT_EQ(host_of(*numeric_ip("fe80::1")), "fe80::1");
  EXPECT_FALSE(numeric_ip("localhost"));
}

}  // namespace
}  // namespace keelson::io
