#include "keelson/sim/history.h"

#include <algorithm>

namespace keelson::sim {

u64 History::invoke(u16 client, GroupId group, Operation operation, Bytes body, Instant at) {
  Call call;
  call.id = calls_.size();
  call.client = client;
  call.group = group;
  call.operation = operation;
  call.body.assign(body.begin(), body.end());
  call.invoked = at;
  call.called_at = moments_++;
  call.floor_op = answered(group).raw();
  calls_.push_back(std::move(call));
  ++counts_[static_cast<std::size_t>(CallEnd::open)];
  return calls_.back().id;
}

void History::end(u64 id, CallEnd end, Status status, const MessageRef& answer, Instant at) {
  Call& call = calls_[id];
  if (call.end != CallEnd::open) return;
  --counts_[static_cast<std::size_t>(CallEnd::open)];
  ++counts_[static_cast<std::size_t>(end)];
  call.end = end;
  call.status = status;
  call.returned = at;
  call.ended_at = moments_++;
  if (answer) {
    const Reply reply = answer.as<Reply>();
    if (reply.op == Op(0)) call.refusal = static_cast<Status>(reply.status);
    call.op = reply.op;
    call.client_id = reply.client;
    call.session = reply.session;
    call.request = reply.request;
    call.reply.assign(answer.body().begin(), answer.body().end());
  }
  if (end == CallEnd::ok) {
    const auto known =
        std::find_if(answered_.begin(), answered_.end(), [&](const auto& a) { return a.first == call.group; });
    if (known == answered_.end())
      answered_.emplace_back(call.group, call.op);
    else
      known->second = std::max(known->second, call.op);
  }
  if (listener_) listener_->on_call_ended(call);
}

Op History::answered(GroupId group) const {
  const auto known = std::find_if(answered_.begin(), answered_.end(), [&](const auto& a) { return a.first == group; });
  return known == answered_.end() ? Op() : known->second;
}

}  // namespace keelson::sim
