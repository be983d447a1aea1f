#include "keelson/sim/histories/kv_file.h"

#include <charconv>

namespace keelson::sim {
namespace {

Datum datum_of(const KvValue& value) { return value ? Datum::of(plain_or_hex(*value)) : Datum(); }

// What plain_or_hex made of bytes; any other text is itself.
std::string bytes_of_text(const std::string& text) {
  if (text.size() % 2 != 0 || text.substr(0, 2) != "0x") return text;
  std::string bytes;
  for (std::size_t i = 2; i < text.size(); i += 2) {
    unsigned byte = 0;
    if (std::from_chars(text.data() + i, text.data() + i + 2, byte, 16).ptr != text.data() + i + 2) return text;
    bytes += static_cast<char>(byte);
  }
  return plain_or_hex(bytes) == text ? bytes : text;
}

class Translated {
 public:
  Translated(const WrittenCall& call, KvKeys keys) : call_(call), keys_(keys) {
    kv_.id = call.line;
    kv_.client = call.client;
    kv_.end = call.end == CallEnd::open ? CallEnd::info : call.end;
    kv_.called = call.called;
    kv_.returned = call.returned;
    kv_.called_ns = call.called_ns;
    kv_.returned_ns = call.returned_ns;
    input_ = call.input;
    output_ = call.output;
  }

  tl::expected<KvCall, BadLine> run() {
    take_act();
    take_key();
    if (kv_.act == KvAct::write) kv_.value = value_of("value", input_);
    if (kv_.act == KvAct::write && !kv_.value) bad("value", "what is written; a delete is :f :delete", &input_);
    if (kv_.act == KvAct::swap) take_swap();
    if (const Datum* strange = call_.learned.get("strange")) kv_.strange = strange->text;
    if (kv_.strange.empty()) take_answer();
    if (bad_) return tl::unexpected(*bad_);
    return kv_;
  }

 private:
  void take_answer() {
    if (kv_.end == CallEnd::ok && kv_.act == KvAct::read) kv_.found = value_of("value", output_);
    if (kv_.end == CallEnd::ok && kv_.act == KvAct::erase) {
      if (output_.kind != Datum::Kind::boolean && output_.kind != Datum::Kind::nil)
        bad("value", "true or false: whether there was something", &output_);
      if (output_.kind == Datum::Kind::nil) bad("value", "true or false: whether there was something", nullptr);
      kv_.done = output_.boolean;
    }
  }

  void bad(const std::string& field, const std::string& expected, const Datum* got) {
    if (!bad_) bad_ = bad_field(call_.line, field, expected, got);
  }

  void take_act() {
    for (const KvAct act : {KvAct::read, KvAct::write, KvAct::erase, KvAct::swap})
      if (call_.f == name_of(act)) {
        kv_.act = act;
        return;
      }
    const Datum got = Datum::word(call_.f);
    bad("f", "read, write, delete or cas", &got);
  }

  void take_key() {
    if (const Datum* group = call_.fields.get("group")) {
      if (group->kind != Datum::Kind::number || group->number < 0) bad("group", "a number, 0 or more", group);
      kv_.group = static_cast<u64>(group->number);
    }
    const Datum* key = call_.fields.get("key");
    if (keys_ == KvKeys::none) {
      if (key) bad("key", "none of a register; try --model kv", key);
      return;
    }
    if (key) {
      kv_.key = value_of("key", *key).value_or("");
      if (key->kind == Datum::Kind::nil) bad("key", "a text or a number", key);
      return;
    }
    if (input_.kind != Datum::Kind::list || input_.list.size() != 2)
      return bad("key", "a key, or value: [key value]; a register has none: --model register", nullptr);
    kv_.key = value_of("value", input_.list[0]).value_or("");
    const Datum inner = input_.list[1];
    input_ = inner;
    if (output_.kind == Datum::Kind::list && output_.list.size() == 2) {
      const Datum answer = output_.list[1];
      output_ = answer;
    }
  }

  void take_swap() {
    if (input_.kind != Datum::Kind::list || input_.list.size() != 2) return bad("value", "[expected new]", &input_);
    kv_.expected = value_of("value", input_.list[0]);
    kv_.value = value_of("value", input_.list[1]);
    const Datum* found = call_.learned.get("found");
    if (kv_.end != CallEnd::fail || !found) return;
    kv_.end = CallEnd::ok;
    kv_.done = false;
    kv_.found = value_of("found", *found);
  }

  // A number is the same as its text.
  KvValue value_of(const char* field, const Datum& datum) {
    if (datum.kind == Datum::Kind::nil) return std::nullopt;
    if (datum.kind == Datum::Kind::number) return std::to_string(datum.number);
    if (!datum.is_text()) bad(field, "a text, a number or nil", &datum);
    return bytes_of_text(datum.text);
  }

  const WrittenCall& call_;
  KvKeys keys_;
  KvCall kv_;
  Datum input_, output_;
  std::optional<BadLine> bad_;
};

}  // namespace

std::vector<WrittenCall> written(const std::vector<KvCall>& calls) {
  std::vector<WrittenCall> all;
  all.reserve(calls.size());
  for (const KvCall& kv : calls) {
    WrittenCall call;
    call.client = kv.client;
    call.f = name_of(kv.act);
    call.end = kv.end;
    call.called = kv.called;
    call.returned = kv.returned;
    call.called_ns = kv.called_ns;
    call.returned_ns = kv.returned_ns;
    if (kv.group) call.fields.put("group", Datum::of(kv.group));
    call.fields.put("key", Datum::of(plain_or_hex(kv.key)));
    if (kv.act == KvAct::write) call.input = datum_of(kv.value);
    if (kv.act == KvAct::swap) call.input = Datum::of(std::vector{datum_of(kv.expected), datum_of(kv.value)});
    if (kv.end == CallEnd::ok && kv.act == KvAct::read) call.output = datum_of(kv.found.value_or(KvValue()));
    if (kv.end == CallEnd::ok && kv.act == KvAct::erase) call.output = Datum::of(kv.done);
    if (kv.act == KvAct::write || kv.act == KvAct::swap) call.output = call.input;
    if (kv.end == CallEnd::ok && kv.act == KvAct::swap && !kv.done) {
      call.end = CallEnd::fail;
      call.learned.put("found", kv.found ? datum_of(*kv.found) : Datum());
    }
    if (!kv.strange.empty()) call.learned.put("strange", Datum::of(kv.strange));
    all.push_back(std::move(call));
  }
  return all;
}

tl::expected<std::vector<KvCall>, BadLine> kv_calls(const std::vector<WrittenCall>& calls, KvKeys keys) {
  std::vector<KvCall> all;
  all.reserve(calls.size());
  for (const WrittenCall& call : calls) {
    auto kv = Translated(call, keys).run();
    if (!kv) return tl::unexpected(kv.error());
    all.push_back(std::move(*kv));
  }
  return all;
}

}  // namespace keelson::sim
