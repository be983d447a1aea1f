// Histories as files: what is written is read back, in both forms; foreign forms; what is wrong, by line and field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "keelson/sim/histories/kv_file.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;

KvCall call(u64 client, KvAct act, u64 from, u64 to) {
  KvCall kv;
  kv.client = client;
  kv.key = std::string("\0\x01", 2);
  kv.group = 3;
  kv.act = act;
  kv.end = CallEnd::ok;
  kv.called = kv.called_ns = from;
  kv.returned = kv.returned_ns = to;
  return kv;
}

std::vector<KvCall> one_of_each() {
  std::vector<KvCall> all;
  all.push_back(call(0, KvAct::write, 0, 1));
  all.back().value = "a \"b\"\n";
  all.push_back(call(0, KvAct::read, 2, 3));
  all.back().found = all[0].value;
  all.push_back(call(0, KvAct::swap, 4, 6));
  all.back().expected = "x";
  all.back().value = std::nullopt;
  all.back().done = false;
  all.back().found = KvValue("0x616220226222 ");
  all.push_back(call(1, KvAct::erase, 5, 8));
  all.back().done = false;
  all.push_back(call(0, KvAct::write, 7, 7));
  all.back().value = "lost";
  all.back().end = CallEnd::info;
  all.push_back(call(2, KvAct::write, 9, 10));
  all.back().value = "refused";
  all.back().end = CallEnd::fail;
  all.push_back(call(2, KvAct::read, 11, 12));
  all.back().found = KvValue();
  all.back().strange = "a value of no key";
  return all;
}

std::string file_of(Notation notation, const std::vector<KvCall>& calls) {
  std::ostringstream out;
  write_calls(notation, out, written(calls));
  return out.str();
}

tl::expected<std::vector<KvCall>, BadLine> read(Notation notation, const std::string& text,
                                                KvKeys keys = KvKeys::named) {
  std::istringstream in(text);
  const auto calls = read_calls(notation, in);
  if (!calls) return tl::unexpected(calls.error());
  return kv_calls(*calls, keys);
}

TEST(HistoryFile, IsReadBackAsItWasWritten) {
  const auto calls = one_of_each();
  for (const Notation notation : {Notation::edn, Notation::json}) {
    const auto back = read(notation, file_of(notation, calls));
    ASSERT_TRUE(back) << back.error().what;
    ASSERT_EQ(back->size(), calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const KvCall &was = calls[i], &is = (*back)[i];
      EXPECT_EQ(is.client, was.client) << i;
      EXPECT_EQ(is.group, was.group) << i;
      EXPECT_EQ(is.key, was.key) << i;
      EXPECT_EQ(is.act, was.act) << i;
      EXPECT_EQ(is.expected, was.expected) << i;
      EXPECT_EQ(is.value, was.value) << i;
      EXPECT_EQ(is.end, was.end) << i;
      EXPECT_EQ(is.done, was.done) << i;
      EXPECT_EQ(is.strange, was.strange) << i;
      if (was.found && was.strange.empty()) {
        EXPECT_EQ(is.found, *was.found) << i;
      }
      EXPECT_EQ(is.called_ns, was.called_ns) << i;
    }
    EXPECT_EQ(file_of(notation, *back), file_of(notation, calls));
  }
}

TEST(HistoryFile, LooksAsOtherToolsWantIt) {
  std::vector<KvCall> calls{call(4, KvAct::write, 5, 9)};
  calls[0].key = "k";
  calls[0].group = 0;
  calls[0].value = "v";
  EXPECT_EQ(file_of(Notation::edn, calls),
            "{:index 0, :time 5, :process 4, :type :invoke, :f :write, :key \"k\", :value \"v\"}\n"
            "{:index 1, :time 9, :process 4, :type :ok, :f :write, :key \"k\", :value \"v\"}\n");
  EXPECT_EQ(file_of(Notation::json, calls),
            "{\"client\":4,\"call\":5,\"return\":9,\"type\":\"ok\",\"op\":\"write\",\"key\":\"k\",\"input\":\"v\","
            "\"output\":\"v\"}\n");
}

// Knossos refuses a file in which a process calls again whose last call may still be under way.
TEST(HistoryFile, AClientWhoseCallEndedUnknownGoesOnAsAnotherProcess) {
  std::vector<KvCall> calls{call(0, KvAct::write, 1, 2), call(1, KvAct::write, 3, 4), call(0, KvAct::write, 5, 6),
                            call(0, KvAct::write, 7, 7), call(0, KvAct::write, 8, 9)};
  for (KvCall& each : calls) each.value = "v";
  calls[0].end = CallEnd::info;
  calls[3].end = CallEnd::open;
  std::istringstream file(file_of(Notation::edn, calls));
  std::vector<std::string> who;
  for (std::string line; std::getline(file, line);) {
    const auto from = line.find(":process"), to = line.find(", :f");
    who.push_back(line.substr(from, to - from));
  }
  EXPECT_THAT(who,
              testing::ElementsAre(":process 0, :type :invoke", ":process 0, :type :info", ":process 1, :type :invoke",
                                   ":process 1, :type :ok", ":process 2, :client 0, :type :invoke",
                                   ":process 2, :client 0, :type :ok", ":process 2, :client 0, :type :invoke",
                                   ":process 4, :client 0, :type :invoke", ":process 4, :client 0, :type :ok"));
  const auto back = read(Notation::edn, file_of(Notation::edn, calls));
  ASSERT_TRUE(back) << back.error().what;
  for (std::size_t i = 0; i < calls.size(); ++i) EXPECT_EQ((*back)[i].client, calls[i].client) << i;
}

// As Jepsen writes them: a nemesis beside the clients, numbers, keys within values, commas and comments.
TEST(HistoryFile, ReadsForeignForms) {
  const auto calls = read(Notation::edn,
                          "; a comment\n"
                          "{:process 0 :type :invoke, :f :write, :value [7 1]}\n"
                          "{:process :nemesis :type :info :f :start :value nil}\n"
                          "\n"
                          "{:process 0 :type :ok :f :write :value [7 1]}\n"
                          "{:process 1 :type :invoke :f :read :value [7 nil]} ; why not\n"
                          "{:process 1 :type :ok :f :read :value [7 1]}\n"
                          "{:process 1 :type :invoke :f :cas :value [7 [1 2]]}\n");
  ASSERT_TRUE(calls) << calls.error().what;
  ASSERT_EQ(calls->size(), 3u);
  EXPECT_EQ((*calls)[1].key, "7");
  EXPECT_EQ((*calls)[1].found, KvValue("1"));
  EXPECT_EQ((*calls)[2].value, "2");
  EXPECT_EQ((*calls)[2].end, CallEnd::info);
  EXPECT_EQ(check_kv(*calls).linear, Linear::yes);
}

// Knossos' own examples: one vector, or maps printed over several lines.
TEST(HistoryFile, ReadsOneVectorOfMapsOverSeveralLines) {
  const auto calls = read(Notation::edn,
                          "; a comment\n"
                          "([{:process 0, :type :invoke,\n"  // no list of maps: the second bracket is one too many
                          "{}])\n",
                          KvKeys::none);
  EXPECT_FALSE(calls);
  const auto vector = read(Notation::edn,
                           " [{:process 0, :type :invoke, ; who [asks\n"
                           "   :f :cas,\n"
                           "   :value [1\n"
                           "           2]}\n"
                           "  {:process 0, :type :ok, :f :cas, :value [1 2]}\n"
                           "  {:process 1, :type :invoke, :f :write, :value \"a] ; b\"}]\n",
                           KvKeys::none);
  ASSERT_TRUE(vector) << vector.error().what;
  ASSERT_EQ(vector->size(), 2u);
  EXPECT_EQ((*vector)[0].id, 1u);
  EXPECT_EQ((*vector)[0].expected, "1");
  EXPECT_EQ((*vector)[0].value, "2");
  EXPECT_EQ((*vector)[1].id, 6u);
  EXPECT_EQ((*vector)[1].value, "a] ; b");
}

TEST(HistoryFile, JsonWithoutAReturnIsUnknownAndEqualTimesAreConcurrent) {
  const auto calls = read(Notation::json,
                          "{\"client\":0,\"call\":1,\"op\":\"write\",\"key\":\"a\",\"input\":\"x\"}\n"
                          "{\"client\":1,\"call\":1,\"return\":5,\"op\":\"write\",\"key\":\"a\",\"input\":\"y\"}\n"
                          "{\"client\":2,\"call\":5,\"return\":6,\"op\":\"read\",\"key\":\"a\",\"output\":null}\n");
  ASSERT_TRUE(calls) << calls.error().what;
  EXPECT_EQ((*calls)[0].end, CallEnd::info);
  EXPECT_EQ(check_kv(*calls).linear, Linear::yes);
}

struct BadCase {
  Notation notation;
  std::string text;
  u64 line;
  std::string what;
};

TEST(HistoryFile, SaysWhichLineAndFieldIsWrong) {
  const std::string good = "{:process 0 :type :invoke :f :write :key \"a\" :value 1}\n";
  const std::vector<BadCase> cases = {
      {Notation::edn, good + "{:process 0 :type :ok :f :write :key \"a\" :value 1", 2, "column 50: a value is missing"},
      {Notation::edn, "7", 1, "no map; expected {..}, one per line"},
      {Notation::edn, good + "{:type :ok}", 2, "process: missing; expected a number, 0 or more"},
      {Notation::edn, good + "{:process -1}", 2, "process: got -1; expected a number, 0 or more"},
      {Notation::edn, good + "{:process 0 :type :done :f :write}", 2,
       "type: got :done; expected :invoke, :ok, :fail or :info"},
      {Notation::edn, good + good, 2,
       "process 0 calls again, and its call of line 1 has not ended; expected :ok, :fail or :info"},
      {Notation::edn, good + "{:process 1 :type :ok :f :write}", 2,
       "process 1 ends a call that it didn't make; expected :invoke"},
      {Notation::edn, good + "{:process 0 :type :ok :f :read}", 2,
       "f: the end of another call; got :read; expected :write as in line 1"},
      {Notation::edn, "\n{:process 0 :type :invoke :f :append :key 1}", 2,
       "f: got :append; expected read, write, delete or cas"},
      {Notation::edn, "{:process 0 :type :invoke :f :cas :key 1 :value 3}", 1, "value: got 3; expected [expected new]"},
      {Notation::edn, "{:process 0 :type :invoke :f :write :key 1 :value {:a 1}}", 1,
       "value: got {:a 1}; expected a text, a number or nil"},
      {Notation::edn, "{:process 0 :process 1}", 1, "column 21: given twice: process"},
      {Notation::json, "{\"client\":0,\"call\":12,\"return\":4,\"op\":\"read\",\"key\":1}", 1,
       "return: got 4; expected a time not before the call, or null"},
      {Notation::json, "{\"client\":0,\"call\":12,\"op\":\"read\",\"key\":1,\"type\":\"ok\"}", 1,
       "return: missing; expected the time of the answer, as type is ok"},
      {Notation::json, "{\"client\":0,\"call\":1.5}", 1, "column 21: expected a whole number"},
      {Notation::json, "{\"client\" 0}", 1, "column 11: expected : after a name"},
      {Notation::json, "{\"a\":\"\\ud800\"}", 1,
       "column 8: an escape that isn't known: \\n, \\\", \\\\, or \\u00XX below 80"},
      {Notation::json, std::string(40, '['), 1, "column 18: values within values, more than 16 deep"},
  };
  for (const BadCase& c : cases) {
    const auto calls = read(c.notation, c.text);
    ASSERT_FALSE(calls) << c.text;
    EXPECT_EQ(calls.error().line, c.line) << c.text;
    EXPECT_EQ(calls.error().what, c.what) << c.text;
  }
  EXPECT_THAT(read(Notation::edn, good, KvKeys::none).error().what, HasSubstr("key: got \"a\"; expected none"));
}

TEST(HistoryFile, ItsNameSaysItsForm) {
  EXPECT_EQ(notation_of("a/b.edn"), Notation::edn);
  EXPECT_EQ(notation_of("b.json"), Notation::json);
  EXPECT_EQ(notation_of("b.edn.jsonl"), Notation::json);
  for (const char* name : {"", "edn", "b.txt", "b.EDN"}) EXPECT_FALSE(notation_of(name)) << name;
}

}  // namespace
}  // namespace keelson::sim
