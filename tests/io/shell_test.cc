#include "keelson/io/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

#include "keelson/io/json.h"
#include "keelson/machine/kv/kv_codec.h"

namespace keelson::io {
namespace {

using testing::HasSubstr;

// One map in memory that answers as a cluster would.
class FakeCluster final : public KvCaller {
 public:
  CallResult call(Operation operation, Bytes body) override {
    CallResult result;
    if (next_failure) {
      result.status = *next_failure;
      result.outcome = info(*next_failure).outcome;
      result.detail = "because of the test";
      next_failure.reset();
      return result;
    }
    const auto request = decode_kv_request(operation, body);
    const std::string key = text(request->key);
    result.op = Op(++op);
    result.status = Status::ok;
    result.outcome = Outcome::executed;
    result.took = Duration(5);
    bool swapped = false;
    const auto held = values.find(key);
    if ((operation == kv_get || operation == kv_delete) && held == values.end()) result.status = Status::not_found;
    if (operation == kv_put) values[key] = text(*request->value);
    if (operation == kv_delete) values.erase(key);
    if (operation == kv_cas) {
      const bool same =
          request->expected ? held != values.end() && held->second == text(*request->expected) : held == values.end();
      swapped = same;
      if (!same) result.status = Status::not_swapped;
      if (same && request->value) values[key] = text(*request->value);
      if (same && !request->value) values.erase(key);
    }
    const bool tells = (operation == kv_get || operation == kv_cas) && values.contains(key);
    const std::string value = tells ? values[key] : "";
    const KvReplyHead head{result.op, static_cast<u32>(value.size()), tells, swapped, 0};
    const Bytes head_bytes = bytes_of(head);
    result.body.assign(head_bytes.begin(), head_bytes.end());
    const Bytes value_bytes = std::as_bytes(std::span(value));
    result.body.insert(result.body.end(), value_bytes.begin(), value_bytes.end());
    return result;
  }
  std::map<std::string, std::string> values;
  std::optional<Status> next_failure;
  u64 op = 0;

 private:
  static std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

class ShellTest : public testing::Test {
 protected:
  std::string run(const std::string& input) {
    std::istringstream in(input);
    std::ostringstream out;
    run_shell(cluster_, in, out);
    return out.str();
  }
  FakeCluster cluster_;
};

TEST_F(ShellTest, OneLinePerCommandInOrder) {
  EXPECT_EQ(run("put a 1\nget a\nget b\ncas a 1 2\ncas a 1 3\ndelete a\nget a\n"),
            R"({"ok":true,"value":null,"op":1,"ns":5}
{"ok":true,"value":"1","op":2,"ns":5}
{"ok":true,"value":null,"op":3,"ns":5}
{"ok":true,"value":"2","swapped":true,"op":4,"ns":5}
{"ok":true,"value":"2","swapped":false,"op":5,"ns":5}
{"ok":true,"value":null,"op":6,"ns":5}
{"ok":true,"value":null,"op":7,"ns":5}
)");
}

TEST_F(ShellTest, JsonStringsCarryAnything) {
  run("put \"a key\" \"line\\nbreak \\\"quoted\\\" \\u00e9\\ud83d\\ude00 \\\\ \\t\"\n");
  EXPECT_EQ(cluster_.values["a key"], "line\nbreak \"quoted\" \xc3\xa9\xf0\x9f\x98\x80 \\ \t");
  EXPECT_THAT(run("get \"a key\"\n"), HasSubstr(R"("value":"line\nbreak \"quoted\" )"
                                                "\xc3\xa9\xf0\x9f\x98\x80"
                                                R"( \\ \t")"));
}

TEST_F(ShellTest, NullMeansNoValueInACasOnly) {
  run("put k null\n");
  EXPECT_EQ(cluster_.values["k"], "null");
  EXPECT_THAT(run("cas new null first\n"), HasSubstr(R"("value":"first","swapped":true)"));
  EXPECT_THAT(run("cas k \"null\" x\n"), HasSubstr(R"("swapped":true)")) << "a quoted one is text";
  EXPECT_THAT(run("cas k x null\n"), HasSubstr(R"("value":null,"swapped":true)"));
  EXPECT_FALSE(cluster_.values.contains("k"));
}

TEST_F(ShellTest, BadLinesAreAnsweredAndTheNextOnesRun) {
  const std::string out = run("put a\nfrobnicate\nput \"a b\nget \"a\"b\nget \"\\x\"\nput a b c\n\"get\" a\nput a 1\n");
  std::istringstream lines(out);
  std::string line;
  int bad = 0;
  while (std::getline(lines, line)) bad += line.rfind(R"({"ok":false,"error":"BAD_REQUEST","unknown":false,)", 0) == 0;
  EXPECT_EQ(bad, 7);
  EXPECT_EQ(cluster_.values["a"], "1");
  EXPECT_THAT(out, HasSubstr("usage: put KEY VALUE"));
  EXPECT_THAT(out, HasSubstr("unknown command \\\"frobnicate\\\""));
}

TEST_F(ShellTest, BlankLinesAndAMissingLastNewline) {
  EXPECT_EQ(run("\n  \t\r\n"), "");
  EXPECT_THAT(run("put a 1\r\nget a"), HasSubstr(R"("value":"1")"));
}

TEST_F(ShellTest, FailuresSayWhetherItMayHaveHappened) {
  cluster_.next_failure = Status::deadline_passed;
  EXPECT_EQ(run("put a 1\n"), R"({"ok":false,"error":"UNAVAILABLE","unknown":true,)"
                              R"("detail":"no answer before the deadline: because of the test"})"
                              "\n");
  cluster_.next_failure = Status::busy;
  EXPECT_THAT(run("put a 1\n"), HasSubstr(R"("error":"UNAVAILABLE","unknown":false)"));
  cluster_.next_failure = Status::storage_full;
  EXPECT_THAT(run("put a 1\n"), HasSubstr(R"("error":"STORAGE_FULL","unknown":false)"));
  cluster_.next_failure = Status::session_mismatch;
  EXPECT_THAT(run("put a 1\n"), HasSubstr(R"("error":"SESSION_MISMATCH","unknown":true)"));
}

TEST_F(ShellTest, LongLinesAreRefusedAndSkipped) {
  const std::string out = run("put a " + std::string(shell_line_bytes_max, 'x') + "\nput b 2\n");
  EXPECT_THAT(out, HasSubstr("TOO_LARGE"));
  EXPECT_EQ(cluster_.values["b"], "2");
  EXPECT_THAT(run("put " + std::string(300, 'k') + " v\n"), HasSubstr("a key has at most 256 bytes"));
  EXPECT_THAT(run("put k " + std::string(2 << 20, 'v') + "\n"), HasSubstr(R"("error":"TOO_LARGE","unknown":false)"));
}

TEST_F(ShellTest, OnlyUtf8GoesIn) {
  EXPECT_THAT(run("put a \xff\n"), HasSubstr("not UTF-8"));
  cluster_.values["raw"] = "a\xff\xfe";
  EXPECT_THAT(run("get raw\n"), HasSubstr("\"a\xef\xbf\xbd\xef\xbf\xbd\"")) << "what others put comes out readable";
}

TEST(Json, StringsRoundTrip) {
  for (const std::string& text : {std::string(), std::string("plain"), std::string("\0\x01\x1f\x7f\"\\/\n\r\t\b\f", 12),
                                  std::string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")}) {
    const std::string json = json_string(text);
    std::size_t at = 0;
    EXPECT_EQ(parse_json_string(json, at), text);
    EXPECT_EQ(at, json.size());
  }
}

TEST(Json, BadLiteralsAreRefused) {
  for (const char* text : {"", "\"", "\"abc", "abc", "\"\\q\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
                           "\"\\udc00\"", "\"a\nb\""}) {
    std::size_t at = 0;
    EXPECT_FALSE(parse_json_string(text, at)) << text;
  }
}

TEST(Json, Utf8IsJudgedStrictly) {
  EXPECT_TRUE(is_utf8("\xc3\xa9\xf4\x8f\xbf\xbf"));
  for (const char* text : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(text));
}

}  // namespace
}  // namespace keelson::io
