// A user's workload takes something from outside of the run: two runs of one seed differ, and the program says where,
// and whose doing it must be.
#include <random>

#include "keelson/sim/main.h"

using namespace keelson;

namespace {

class Register {
 public:
  static constexpr MachineKind kind{64};
  static MachineLimits limits(const Limits&) { return {8, 8, 1, 8, 1}; }
  explicit Register(const Limits&) {}
  Status admit(const RequestView& request) const { return request.body.size() == 8 ? Status::ok : Status::bad_request; }
  void apply(const ApplyCtx& ctx, const RequestView& request, ReplyWriter& reply) {
    ctx.touch(SectionId(0));
    value_ = load<u64>(request.body.data());
    reply.append_value(value_);
  }
  void reset(Release) { value_ = 0; }
  u32 section_count() const { return 1; }
  void save_section(SectionId, ByteSink& sink) const { sink.put_value(value_); }
  Status load_section(SectionId, ByteSource& source) {
    return source.take_value(value_) && source.at_end() ? Status::ok : Status::corrupt_snapshot;
  }
  Status finish_load() { return Status::ok; }
  Digest digest() const { return {value_, 0}; }

 private:
  u64 value_ = 0;
};

void writers(sim::ClientContext& client) {
  for (u64 i = 0; i < 5; ++i) client.call(Operation{64 << 8}, u64{std::random_device()()});
}

}  // namespace

int main(int argc, char** argv) {
  sim::Simulation simulation;
  simulation.machine<Register>("register").workload("writers", writers);
  return sim::main(argc, argv, simulation);
}
