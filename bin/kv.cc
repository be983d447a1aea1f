#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/io/shell.h"

#include "commands.h"
#include "options.h"

namespace keelson::bin {
namespace {

using Verb = io::KvCommand::Verb;

struct Options {
  ClusterOptions cluster;
  bool json = false;
  std::string key;
  std::string value;
  std::string expected;
};

// The bare word null: no value.
std::optional<std::string> unless_null(const std::string& text) {
  return text == "null" ? std::nullopt : std::optional(text);
}

int exit_code_of(Verb verb, const io::KvResult& result) {
  if (!result.ok) {
    if (result.unknown) return io::exit_code::unknown_outcome;
    return result.error == "UNAVAILABLE" ? io::exit_code::temporary : io::exit_code::operation_failed;
  }
  const bool as_asked = verb == Verb::cas ? result.swapped : result.found;
  return as_asked ? io::exit_code::done : io::exit_code::operation_failed;
}

void print(Verb verb, const Options& options, const io::KvResult& result) {
  if (!result.ok) {
    std::cerr << "error: " << result.error << ": " << result.detail
              << (result.unknown ? "; it may or may not have happened: read it back" : "") << std::endl;
  } else if (verb == Verb::cas) {
    std::cout << (result.swapped ? "swapped" : "not swapped") << ", op " << result.op.raw() << ", now "
              << (result.value ? *result.value : "nothing") << std::endl;
  } else if (!result.found) {
    std::cerr << "not found: " << options.key << std::endl;
  } else if (verb == Verb::get) {
    std::cout << *result.value << std::endl;
  } else {
    std::cout << "done, op " << result.op.raw() << std::endl;
  }
}

int run(Verb verb, const Options& options) {
  io::KvCommand command{verb, options.key, {}, {}};
  if (verb == Verb::put) command.value = options.value;
  if (verb == Verb::cas) {
    command.expected = unless_null(options.expected);
    command.value = unless_null(options.value);
  }
  io::ClusterCaller caller(options.cluster.client(), GroupId(options.cluster.group));
  const io::KvResult result = io::run(caller, command);
  if (options.json) {
    std::cout << to_json(command, result) << std::endl;
  } else {
    print(verb, options, result);
  }
  return exit_code_of(verb, result);
}

}  // namespace

void add_kv(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* kv = app.add_subcommand("kv", "one key-value command against a cluster");
  kv->require_subcommand(1);
  const auto add = [&](Verb verb, const char* name, const char* help) {
    auto* command = kv->add_subcommand(name, help);
    options->cluster.add_to(*command);
    command->add_flag("--json", options->json, "the line that `keelson shell` would print");
    command->add_option("key", options->key, "the key")->required()->type_name("KEY");
    if (verb == Verb::cas)
      command->add_option("expected", options->expected, "the value it must hold; null: none")
          ->required()
          ->type_name("EXPECTED");
    if (verb == Verb::put || verb == Verb::cas)
      command->add_option("value", options->value, verb == Verb::cas ? "the new value; null: delete it" : "the value")
          ->required()
          ->type_name("VALUE");
    command->callback([options, verb, &exit_code] { exit_code = run(verb, *options); });
  };
  add(Verb::get, "get", "print a value; exit code 1 if there is none");
  add(Verb::put, "put", "write a value");
  add(Verb::remove, "delete", "remove a value; exit code 1 if there is none");
  add(Verb::cas, "cas", "write a value if another one is held; exit code 1 if not");
}

}  // namespace keelson::bin
