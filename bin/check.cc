// keelson check: judges a history of clients, ours or anybody's.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/sim/histories/kv_file.h"
#include "keelson/sim/histories/queue_file.h"
#include "keelson/sim/verdict_kind.h"

#include "commands.h"

namespace keelson::bin {
namespace {

struct Options {
  std::string history, model = "kv", order = "none";
  u32 attempts = sim::QueueRules().attempts_max;
  u64 configurations = sim::SearchLimits().configurations_max;
  bool json = false;
};

class Check {
 public:
  explicit Check(Options options) : options_(std::move(options)) {}

  int run() {
    const auto notation = sim::notation_of(options_.history);
    if (!notation)
      return usage("HISTORY: got " + options_.history + "; expected a name that ends in .edn, .json or .jsonl");
    if (options_.model != "kv" && options_.model != "register" && options_.model != "queue")
      return usage("--model: got " + options_.model + "; expected kv, register or queue");
    if (options_.order != "none" && options_.order != "key")
      return usage("--order: got " + options_.order + "; expected none or key");
    std::ifstream in(options_.history);
    std::error_code ignored;
    if (!in || std::filesystem::is_directory(options_.history, ignored)) {
      std::cerr << "keelson check: cannot read " << options_.history << ": " << std::strerror(in ? EISDIR : errno)
                << "\n";
      return io::exit_code::bad_data;
    }
    const auto calls = sim::read_calls(*notation, in);
    if (!calls) return bad(calls.error());
    return options_.model == "queue" ? check_queue(*calls) : check_kv(*calls);
  }

 private:
  int check_kv(const std::vector<sim::WrittenCall>& written) {
    const auto calls = sim::kv_calls(written, options_.model == "kv" ? sim::KvKeys::named : sim::KvKeys::none);
    if (!calls) return bad(calls.error());
    const auto judgement = sim::check_kv(*calls, {.configurations_max = options_.configurations});
    const std::string size = std::to_string(judgement.calls) + " calls, " + std::to_string(judgement.unknown) +
                             " of unknown outcome, " + std::to_string(judgement.keys) +
                             (judgement.keys == 1 ? " key" : " keys");
    return tell(judgement.linear, size, judgement.detail, judgement.explanation);
  }

  int check_queue(const std::vector<sim::WrittenCall>& written) {
    const auto calls = sim::queue_calls(written);
    if (!calls) return bad(calls.error());
    sim::QueueRules rules;
    rules.order = options_.order == "key" ? sim::QueueOrder::by_key : sim::QueueOrder::none;
    rules.attempts_max = options_.attempts;
    const auto judgement = sim::judge_queue(*calls, rules);
    const std::string size = std::to_string(judgement.calls) + " calls, " + std::to_string(judgement.unknown) +
                             " of unknown outcome, " + std::to_string(judgement.accepted) + " messages accepted, " +
                             std::to_string(judgement.acknowledged) + " acknowledged";
    return tell(judgement.ok ? sim::Linear::yes : sim::Linear::no, size, judgement.detail, "");
  }

  int tell(sim::Linear linear, const std::string& size, const std::string& detail, const std::string& table) const {
    const sim::Verdict verdict = linear == sim::Linear::yes  ? sim::Verdict::ok
                                 : linear == sim::Linear::no ? sim::Verdict::safety
                                                             : sim::Verdict::inconclusive;
    if (options_.json) {
      sim::Datum object = sim::Datum::map();
      object.put("history", sim::Datum::of(options_.history)).put("model", sim::Datum::of(options_.model));
      object.put("verdict", sim::Datum::of(std::string(sim::name_of(verdict)))).put("size", sim::Datum::of(size));
      object.put("detail", sim::Datum::of(detail)).put("explanation", sim::Datum::of(table));
      std::cout << sim::print(sim::Notation::json, object) << "\n";
    } else if (linear == sim::Linear::yes) {
      std::cout << "OK  " << size
                << (options_.model == "queue" ? ": all of them allowed\n" : ": an order exists for each\n");
    } else {
      std::cout << (linear == sim::Linear::no ? "SAFETY" : "INCONCLUSIVE") << "  " << size << "\n  " << detail << "\n"
                << table;
    }
    return sim::exit_code_of(verdict);
  }

  int usage(const std::string& what) const {
    std::cerr << "keelson check: " << what << "\ntry: keelson check --help\n";
    return io::exit_code::usage;
  }

  int bad(const sim::BadLine& line) const {
    std::cerr << options_.history << ":" << line.line << ": " << line.what << "\n";
    return io::exit_code::bad_data;
  }

  Options options_;
};

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("check", "judge a history of clients: could one object have answered so?");
  auto options = std::make_shared<Options>();
  command->add_option("history", options->history, "an .edn, .json or .jsonl file, of --history or of another tool")
      ->required();
  command->add_option("--model", options->model, "kv: a map, judged key by key; register: one value; queue: see below")
      ->capture_default_str();
  command->add_option("--order", options->order, "of a queue: none, or key: one message of a key at a time")
      ->capture_default_str();
  command->add_option("--attempts", options->attempts, "of a queue: failed ones until a message is dead")
      ->capture_default_str();
  command->add_option("--configurations", options->configurations, "how many to keep at most before giving up")
      ->capture_default_str()
      ->check(CLI::Range(u64{1}, u64{100'000'000}));
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      "EDN, one event per line, in their order:\n"
      "  {:process 0, :type :invoke, :f :write, :key \"a\", :value 1}\n"
      "  {:process 0, :type :ok, :f :write, :key \"a\", :value 1}\n"
      "JSON, one call per line; without a return its outcome is unknown:\n"
      "  {\"client\":0,\"call\":12,\"return\":40,\"op\":\"write\",\"key\":\"a\",\"input\":1,\"output\":null}\n"
      "f, op: read, write, delete (value: whether there was something), cas (value: [expected new]). type fail: it\n"
      "certainly didn't happen; info: nobody knows, it may have or may yet.\n"
      "Queue: enqueue (key, value; ends with seq, at), dequeue (ends with value, key, seq, token, at, until), ack, "
      "nack,\n"
      "release, extend (seq, token; end with at; refused: type fail, refused true, at), drain (ends with value: "
      "[[seqs\n"
      "still there] [seqs dead]]). at, until: the queue's own time.\n"
      "Exit codes: 0 an order exists, 2 none does, 5 inconclusive (a bound was reached), 64 usage, 65 a history that\n"
      "can't be read: line and field are said.\n\n"
      "Examples:\n  keelson sim --seed 7 --history run.edn && keelson check run.edn\n"
      "  keelson check theirs.jsonl --model register");
  command->callback([options, &exit_code] { exit_code = Check(*options).run(); });
}

}  // namespace keelson::bin
