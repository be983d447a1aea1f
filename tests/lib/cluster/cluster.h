// Cluster: tests of the kernel as stories. A whole cluster in a World where nothing goes wrong by itself: every fault
// is a verb, every verb says what happens, every expectation that fails prints the state of every replica.
//
// Who uses it: tests/kernel/cluster. All checkers of the simulator watch: a violation fails the test. Ops are counted
// from 1 behind a warm-up in which each client got its session. Time: a message takes 100 us, a write 200 us; run() is
// one and a half beats (15 ms in tiny), shorter than any timeout. Not here: randomness (scenarios have that).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "keelson/sim/run/cluster.h"
#include "tests/lib/cluster/disk_damage.h"
#include "tests/lib/cluster/who.h"

namespace keelson::test {

using Where = std::source_location;
using sim::CrashKind;

struct Shape {
  u16 replicas = 3;
  u16 clients = 1;
  u32 groups = 1;
  bool standard_limits = false;  // instead of tiny; timeouts are then five times as long
  bool warm = true;              // false: nothing was asked yet
  u32 checkpoint_ops = 0;        // 0: as many as the limits say
  u32 checkpoint_blocks = 0;     // likewise
  u32 journal_ops = 0;           // likewise
  Duration scrub_every{};        // 0: as the limits' timers say
  Duration quiesce_after{};      // likewise
  Duration abdicate{};           // likewise
};

// What was on its way once, to look at or to send again.
struct Message {
  sim::UnitId from;
  sim::UnitId to;
  std::vector<std::byte> bytes;
  Header header() const { return header_at(bytes.data()); }
  template <HeaderView T>
  T as() const {
    return keelson::as<T>(bytes.data());
  }
};
// The same message, with another header: what a broken or malicious replica might say.
template <HeaderView T, class Change>
Message altered(Message message, Change change) {
  T header = message.as<T>();
  change(header);
  store(message.bytes.data(), header);
  seal_bytes(message.bytes.data(), header.checksum_body, header.size);
  return message;
}
using Recorded = std::shared_ptr<const std::vector<Message>>;

// A moment in a node's life at which it can be made to crash: the nth time from now.
struct Trigger {
  enum class Kind : u8 { zone_write, record_write, send };
  Kind kind = Kind::send;
  Zone zone = Zone::wal;
  Command command = Command::prepare;
  u32 nth = 1;
};
constexpr Trigger writing(Zone zone, u32 nth = 1) { return {Trigger::Kind::zone_write, zone, Command::prepare, nth}; }
constexpr Trigger writing(Command record, u32 nth = 1) { return {Trigger::Kind::record_write, Zone::wal, record, nth}; }
constexpr Trigger sending(Command message, u32 nth = 1) { return {Trigger::Kind::send, Zone::wal, message, nth}; }
// before: nothing of it happened (nor of what followed in that turn). after: all of it, and the node never learned.
enum class Moment : u8 { before, after };

enum class Direction : u8 { both, inbound, outbound };  // seen from who is cut off

class Cluster;

// A request under way. Each expectation waits for the answer, as long as a client would.
class Asked {
 public:
  Asked(Cluster& cluster, std::size_t number) : cluster_(cluster), number_(number) {}
  const Asked& expect_reply(Where at = Where::current()) const;
  const Asked& expect_value(const std::string& value, Where at = Where::current()) const;  // of a get
  const Asked& expect_refused(Status status, Where at = Where::current()) const;
  const Asked& expect_no_reply(Where at = Where::current()) const;  // until now
  Cluster& run(Where at = Where::current()) const;
  Cluster& run_for(Duration time, Where at = Where::current()) const;
  bool answered() const;
  Op op() const;  // as stories count

 private:
  Cluster& cluster_;
  std::size_t number_;
};

// Something that must hold on the replicas that on() names.
class [[nodiscard]] Expectation {
 public:
  using Found = std::function<std::string(NodeId)>;  // what is there instead; empty: as expected
  Expectation(Cluster& cluster, std::string what, Found found)
      : cluster_(cluster), what_(std::move(what)), found_(std::move(found)) {}
  Cluster& on(const Whom& whom, Where at = Where::current());

 private:
  Cluster& cluster_;
  std::string what_;
  Found found_;
};

class Cluster final : private sim::Observer, private sim::ReplyReader, private sim::Task {
 public:
  static Cluster of(u16 replicas, Shape more = {}, Where at = Where::current());
  explicit Cluster(const Shape& shape, Where at = Where::current());
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster() override;

  // --- clients. A request puts its name under its name; the log of a story is the list of those.
  Asked request(const std::string& name, Who who = client(0));
  Asked get(const std::string& name, Who who = client(0));
  Cluster& crash_client(Who who);  // and starts it again: a new client

  // --- messages. A blocked one is lost as it is sent. What a cut-off node is sent waits, as in TCP, until heal().
  using Predicate = std::function<bool(const Message&)>;
  Cluster& block(const Whom& from, const Whom& to, std::initializer_list<Command> commands = {});  // none: all
  Cluster& block(const Whom& from, const Whom& to, Command command) { return block(from, to, {command}); }
  Cluster& block_if(Predicate lost);
  Cluster& unblock();                                                   // everything
  Recorded record(const Whom& from, const Whom& to, Command command);   // copies of what passes from now on
  Recorded capture(const Whom& from, const Whom& to, Command command);  // the same, and it is lost
  Cluster& replay(const Message& message);
  Cluster& cut_off(const Whom& whom, Direction direction = Direction::both);          // from the other nodes
  Cluster& cut_off_clients(const Whom& whom, Direction direction = Direction::both);  // ... from all clients
  Cluster& heal();
  Cluster& reset(Who a, Who b);  // what connects them, as a reset does; they dial again
  Cluster& inject(Who from, Who to, Bytes message);

  // --- processes
  Cluster& crash(const Whom& whom, CrashKind kind = CrashKind::process);
  Cluster& crash_on(Who who, Trigger trigger, Moment moment, CrashKind kind = CrashKind::process);
  Cluster& run_until_down(Who who, Where at = Where::current());
  Cluster& restart(const Whom& whom);
  Cluster& pause(Who who);
  Cluster& resume(Who who);
  Cluster& hand_over(Who who);  // an operator's wish: the primary role goes to the next one
  Cluster& step_wall_clock(Who who, std::int64_t delta_ns);

  // --- disks. The node should be down; a running one has what it needs in memory.
  bool has(Who who, Place place);                      // there is such a place
  Cluster& corrupt(const Whom& whom, Place place);     // bits change: written, and damaged
  Cluster& unwrite(const Whom& whom, Place place);     // as if it had never been written
  Cluster& unreadable(const Whom& whom, Place place);  // the disk gives an error
  Cluster& misdirect(Who who, Place from, Place to);   // the bytes of one place lie at another
  PageBytes save(Who who, Place place);
  Cluster& restore(Who who, Place place, const PageBytes& bytes);
  Cluster& slow_disk(Who who, Duration each);  // each read and write
  Cluster& failing_disk(Who who);              // every write from now on
  Cluster& good_disk(Who who);
  Cluster& save_disk(Who who);     // a copy, as it is now
  Cluster& restore_disk(Who who);  // of a node that is down: the copy
  Cluster& replace_disk(Who who);  // of a node that is down: blank, formatted for its next generation

  // --- time
  Cluster& run(Where at = Where::current()) { return run_for(cluster_->kernel.tunables.beat * 3 / 2, at); }
  Cluster& run_for(Duration time, Where at = Where::current());
  Cluster& run_until(const std::function<bool()>& holds, const std::string& what, Where at = Where::current());
  // Until all that run and are not fenced are connected and normal in one view, and then three beats for what is
  // repaired.
  Cluster& run_until_normal(Where at = Where::current());

  // --- what must hold
  Expectation expect_commit(u64 op);   // known committed, and applied
  Expectation expect_applied(u64 op);  // applied; more may be committed
  Expectation expect_head(u64 op);
  Expectation expect_log(const std::vector<std::string>& names);  // applied, in this order, nothing else
  Expectation expect_status(ReplicaStatus status);
  Expectation expect_recovering(RecoveringReason reason);
  Expectation expect_view(u64 view);
  Expectation expect_fenced(FenceReason reason);
  Expectation expect_refused(const std::string& code);  // to open its data
  Expectation expect_notified(NotifyKind kind);         // at any time
  Expectation expect_not_notified(NotifyKind kind);
  Cluster& expect_primary(Who who, Where at = Where::current());
  Cluster& expect_reply(const std::string& name, Where at = Where::current());
  Cluster& expect_no_reply(const std::string& name, Where at = Where::current());
  Cluster& expect_mark(Mark mark, Where at = Where::current());  // of any life of any node
  Cluster& expect_no_mark(Mark mark, Where at = Where::current());
  Cluster& expect_that(bool holds, const std::string& what, Where at = Where::current());

  // --- looking
  Who pin(Who who);  // the number of whoever plays this part now
  NodeId id(Who who);
  Cluster& use(GroupId group) { return group_ = group, *this; }  // verbs and expectations from now on
  u64 count(Who who, Counter counter);                           // in its present life
  u64 hits(Mark mark) { return cluster_->shards.marks()[name_of(mark)]; }
  GroupView view(Who who);
  bool down(Who who) { return world().state(id(who)) == sim::HostState::down; }
  Asked asked(const std::string& name);
  sim::World& world() { return cluster_->world; }
  sim::RunCluster& parts() { return *cluster_; }
  Op op(u64 number) const { return Op(base_.at(group_) + number); }  // of the kernel
  GroupId group() const { return group_; }
  std::string describe();  // of all replicas, requests and the last messages

  // An answer of a replica to any client, in order.
  struct Answer {
    NodeId from;
    Reply reply;
    std::vector<std::byte> body;
  };
  const std::vector<Answer>& answers() const { return answers_; }

  void fail(const std::string& what, Where at);

 private:
  friend class Asked;
  friend class Expectation;
  struct Request {
    std::string name;
    u16 client = 0;
    GroupId group;
    u64 call = 0;
    std::optional<Status> status;
    keelson::Outcome outcome = keelson::Outcome::unknown;
    Op op;
    std::vector<std::byte> body;
  };
  struct Tap {
    std::string what;
    Predicate matches;
    bool loses = false;
    std::shared_ptr<std::vector<Message>> copies;
  };
  struct ArmedCrash {
    NodeId node;
    GroupId group;
    Trigger trigger;
    Moment moment = Moment::before;
    CrashKind kind = CrashKind::process;
    bool struck = false;
    bool over = false;
  };
  struct Sent {
    Instant at;
    sim::UnitId from;
    Peer to;
    Header header;
    u64 op;
  };

  void on_turn(const sim::TurnSeen& seen) override;
  void on_reply(u16 client, const SubmitReply& reply) override;
  void on_client_gone(u16 client) override;
  void on_time(u64 token) override;
  sim::Network::Fate on_send(const sim::Passage& passage);
  void on_write(NodeId node, const Write& write);
  void strike(ArmedCrash& armed);
  Asked submit(const std::string& name, Who who, Operation operation, Bytes body);
  void warm_up(Where at);
  void report(Where at);
  std::vector<NodeId> nodes(const Whom& whom);
  std::vector<sim::HostId> hosts(const Whom& whom);
  std::vector<NodeId> members() const;
  NodeId newest_primary() const;
  std::size_t index_on(const sim::Program& program) const;
  std::optional<GroupView> view_on(NodeId node) const;
  std::vector<std::string> log_on(NodeId node);
  std::optional<Stretch> find_place(NodeId node, Place place);
  Stretch stretch_of(NodeId node, Place place);
  sim::Disk& disk(NodeId node) { return world().disk(node, ShardId(0)); }
  Predicate between(const Whom& from, const Whom& to, std::initializer_list<Command> commands);
  Recorded tap(const Whom& from, const Whom& to, Command command, bool loses);
  bool connected(NodeId node) const;
  void cut(sim::HostId a, sim::HostId b, Direction direction);
  std::string counted(Op at) const;  // as stories do
  std::string describe_node(NodeId node);
  std::string describe_sent(const Sent& sent) const;
  std::string name_of_unit(sim::UnitId unit) const;

  Shape shape_;
  Where made_at_;
  sim::Tape tape_;
  std::unique_ptr<sim::RunCluster> cluster_;
  Slabs slabs_;
  GroupId group_{1};
  std::map<GroupId, u64> base_;
  std::map<GroupId, View> newest_;  // that had a primary
  std::deque<Request> requests_;
  std::map<std::string, Asked> asked_;
  std::vector<Tap> taps_;
  std::vector<sim::HostPair> cuts_;
  std::deque<ArmedCrash> armed_;
  std::map<NodeId, std::vector<NotifyKind>> notified_;
  std::vector<Answer> answers_;
  std::deque<Sent> sent_;
  bool reported_ = false;
};

}  // namespace keelson::test
