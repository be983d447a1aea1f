#include "keelson/sim/histories/queue_file.h"

namespace keelson::sim {
namespace {

constexpr QueueAct acts[] = {QueueAct::enqueue, QueueAct::dequeue, QueueAct::ack,  QueueAct::nack,
                             QueueAct::release, QueueAct::extend,  QueueAct::drain};

class Translated {
 public:
  explicit Translated(const WrittenCall& call) : call_(call) {}

  tl::expected<QueueCall, BadLine> run() {
    queue_.id = call_.line;
    queue_.client = call_.client;
    queue_.end = call_.end == CallEnd::open ? CallEnd::info : call_.end;
    queue_.called = call_.called;
    queue_.returned = call_.returned;
    take_act();
    const Datum* refused = call_.learned.get("refused");
    if (queue_.end == CallEnd::fail && refused && refused->boolean) {
      queue_.end = CallEnd::ok;
      queue_.accepted = false;
    }
    if (!bad_) take_fields();
    if (bad_) return tl::unexpected(*bad_);
    return queue_;
  }

 private:
  void bad(const std::string& field, const std::string& expected, const Datum* got) {
    if (!bad_) bad_ = bad_field(call_.line, field, expected, got);
  }

  void take_act() {
    for (const QueueAct act : acts)
      if (call_.f == name_of(act)) {
        queue_.act = act;
        return;
      }
    const Datum got = Datum::word(call_.f);
    bad("f", "enqueue, dequeue, ack, nack, release, extend or drain", &got);
  }

  void take_fields() {
    const bool known = queue_.end == CallEnd::ok;
    if (known) queue_.at = number(call_.learned, "at", true);
    switch (queue_.act) {
      case QueueAct::enqueue:
        queue_.key = text("key", call_.fields.get("key"));
        queue_.body = text("value", &call_.input);
        if (known) queue_.seq = number(call_.learned, "seq", true);
        queue_.visible = number(call_.learned, "visible", false);
        return;
      case QueueAct::dequeue:
        if (known && call_.output.kind != Datum::Kind::nil) take_delivery();
        return;
      case QueueAct::ack:
      case QueueAct::nack:
      case QueueAct::release:
      case QueueAct::extend:
        return take_settlement(known && queue_.accepted);
      case QueueAct::drain:
        if (known) take_rest();
        return;
    }
  }

  void take_delivery() {
    queue_.body = text("value", &call_.output);
    queue_.key = text("key", call_.learned.get("key"));
    queue_.seq = number(call_.learned, "seq", true);
    queue_.token = number(call_.learned, "token", true);
    queue_.until = number(call_.learned, "until", true);
    const Datum* seq = call_.learned.get("seq");
    if (queue_.seq == 0) bad("seq", "1 or more", seq);
  }

  void take_settlement(bool accepted) {
    queue_.seq = number(call_.fields, "seq", true);
    queue_.token = number(call_.fields, "token", true);
    const Datum* dead = call_.fields.get("dead");
    queue_.to_dead = dead && dead->boolean;
    queue_.visible = number(call_.learned, "visible", false);
    if (queue_.act == QueueAct::extend && accepted) queue_.until = number(call_.learned, "until", true);
  }

  void take_rest() {
    const Datum& rest = call_.output;
    if (rest.kind != Datum::Kind::list || rest.list.size() != 2)
      return bad("value", "[[seqs still there] [seqs dead]]", &rest);
    for (std::size_t i = 0; i < 2; ++i)
      for (const Datum& seq : rest.list[i].list) {
        if (seq.kind != Datum::Kind::number || seq.number < 1) return bad("value", "a seq, 1 or more", &seq);
        (i == 0 ? queue_.there : queue_.dead).push_back(static_cast<u64>(seq.number));
      }
  }

  u64 number(const Datum& map, const char* field, bool needed) {
    const Datum* datum = map.get(field);
    if (!datum && !needed) return 0;
    if (datum && datum->kind == Datum::Kind::number && datum->number >= 0) return static_cast<u64>(datum->number);
    bad(field, "a number, 0 or more", datum);
    return 0;
  }

  std::string text(const char* field, const Datum* datum) {
    if (datum && datum->is_text()) return datum->text;
    if (datum && datum->kind == Datum::Kind::number) return std::to_string(datum->number);
    bad(field, "a text or a number", datum);
    return {};
  }

  const WrittenCall& call_;
  QueueCall queue_;
  std::optional<BadLine> bad_;
};

Datum seqs(const std::vector<u64>& all) {
  std::vector<Datum> list;
  for (const u64 seq : all) list.push_back(Datum::of(seq));
  return Datum::of(std::move(list));
}

void describe(const QueueCall& queue, WrittenCall& call) {
  const bool known = queue.end == CallEnd::ok;
  if (queue.act == QueueAct::enqueue) {
    call.fields.put("key", Datum::of(queue.key));
    call.input = call.output = Datum::of(queue.body);
    if (known) call.learned.put("seq", Datum::of(queue.seq));
  } else if (queue.act == QueueAct::dequeue) {
    if (!known || queue.seq == 0) return;
    call.output = Datum::of(queue.body);
    call.learned.put("key", Datum::of(queue.key)).put("seq", Datum::of(queue.seq));
    call.learned.put("token", Datum::of(queue.token)).put("until", Datum::of(queue.until));
  } else if (queue.act == QueueAct::drain) {
    if (known) call.output = Datum::of(std::vector{seqs(queue.there), seqs(queue.dead)});
  } else {
    call.fields.put("seq", Datum::of(queue.seq)).put("token", Datum::of(queue.token));
    if (queue.to_dead) call.fields.put("dead", Datum::of(true));
    if (known && queue.act == QueueAct::extend) call.learned.put("until", Datum::of(queue.until));
  }
  if (known && queue.visible > 0) call.learned.put("visible", Datum::of(queue.visible));
}

}  // namespace

std::vector<WrittenCall> written(const std::vector<QueueCall>& calls) {
  std::vector<WrittenCall> all;
  all.reserve(calls.size());
  for (const QueueCall& queue : calls) {
    WrittenCall call;
    call.client = queue.client;
    call.f = name_of(queue.act);
    call.end = queue.end;
    call.called = call.called_ns = queue.called;
    call.returned = call.returned_ns = queue.returned;
    if (queue.end == CallEnd::ok) call.learned.put("at", Datum::of(queue.at));
    describe(queue, call);
    if (queue.end == CallEnd::ok && !queue.accepted) {
      call.end = CallEnd::fail;
      call.learned.put("refused", Datum::of(true));
    }
    all.push_back(std::move(call));
  }
  return all;
}

tl::expected<std::vector<QueueCall>, BadLine> queue_calls(const std::vector<WrittenCall>& calls) {
  std::vector<QueueCall> all;
  all.reserve(calls.size());
  for (const WrittenCall& call : calls) {
    auto queue = Translated(call).run();
    if (!queue) return tl::unexpected(queue.error());
    all.push_back(std::move(*queue));
  }
  return all;
}

}  // namespace keelson::sim
