#!/usr/bin/env python3
"""Logs are pruned, replicas fall behind and take over checkpoints, one disk is damaged: is every committed op still there?

A random walk over one group of 3 or 5 replicas: ops are prepared, arrive in any order or not at all, are committed,
applied, put into checkpoints; logs are pruned by the rules of kernel/vsr/rules.h (prunable, reclaimable, and what a
replica that a quorum has left behind lets go of); replicas crash, lose bytes of their log or their checkpoint, repair,
sync, begin a log anew above a peer's checkpoint; views change by the rule of kernel/vsr/select.cc. Storage is atomic
here: what tears is other models' matter.

Shows, after every event, for each op that was ever committed:
  I1  it is in the log or under the checkpoint of a replication quorum, not counting disks that were damaged: of those
      that were never damaged at least q less their number hold it (kernel.md calls it invariant 31);
  I2  the log of each new view holds it, or that view's commit is above it;
and that a log that is kept aside (records below a damaged one, not yet linked) leaves only what such a quorum holds.
Printed beside it: how often an op is neither in q logs nor in q checkpoints, only in q of both together.

Every --plant breaks one rule, and the walk finds it.
"""
import argparse, random, sys, time

# No bug, and another rule: the walk shows what the condition on a quorum's checkpoints is for.
VARIANT = "prune_by_own"  # the log goes as far as the own checkpoint, whatever the others have
K, J, P = 3, 16, 2  # checkpoint_ops, journal_ops_max, pipeline_max
PLANTS = {
    "durable_of_fewer": "one replica less makes a checkpoint durable",
    "report_while_fetching": "a replica reports the checkpoint that it is still fetching",
    "drop_log_before_state": "a sync drops the log when it begins, not when the checkpoint is stored",
    "forget_aside": "a start drops what lies below a damaged record",
    "restart_before_state": "a log without room begins anew above the primary's checkpoint, which is not here yet (as built)",
    "left_behind_by_primary": "a replica lets go of what the primary's checkpoint has, without a quorum",
    "lost_is_nack": "bytes that are gone count as never had",
}


class Broken(Exception): pass


class Replica:
    def __init__(self, i):
        self.i, self.up, self.damaged = i, True, False
        self.log = {}          # op -> identity; 'lost' ones are in lost as well
        self.lost = set()      # ops whose bytes aren't here
        self.never = set()     # (op, identity) of those that never were: a nack
        self.full = set()      # ops whose header is here, and with it the identity below
        self.floor = self.head = 0
        self.view = self.log_view = 0
        self.normal = True
        self.checkpoint = 0    # the durable one; 0: none
        self.durable = 0       # that a quorum has, as far as known here
        self.reported = {}     # as primary: what others said of theirs
        self.promised = 0      # the commit in its newest promise
        self.volatile()

    def volatile(self):
        self.applied = self.checkpoint
        self.commit = max(self.checkpoint, self.promised, self.head - P)
        self.making = 0        # a checkpoint under way
        self.fetching = 0      # a sync's target
        self.named = 0         # the primary's checkpoint
        self.linked = self.head  # from here to the head every parent is known

    def has(self, op): return op in self.log and op not in self.lost and op > self.floor
    def stateless(self): return self.floor > self.applied
    def holds(self, op, identity): return self.checkpoint >= op or (self.has(op) and self.log[op] == identity)

    def prune_to(self, to):
        to = min(to, self.head)
        if to <= self.floor: return
        for op in [o for o in self.log if o <= to]: self.drop(op)
        self.floor = to
        self.linked = max(self.linked, to + 1)

    def drop(self, op):
        self.log.pop(op, None)
        self.lost.discard(op)
        self.full.discard(op)

    def adopt(self, op, identity):
        """An identity, or with a header more: what lay here of another log is none of ours."""
        if op <= self.floor or self.log.get(op) == identity: return
        if op <= self.applied: raise Broken(f"replica {self.i} has applied another op {op}")
        self.drop(op)
        self.log[op] = identity
        self.lost.add(op)
        self.never.add((op, identity))

    def store(self, op):
        self.lost.discard(op)
        self.never.discard((op, self.log[op]))
        self.full.add(op)

    def relink(self, parents):
        while self.linked > self.floor + 1 and self.linked in self.full:
            below = parents[self.log[self.linked]]
            self.adopt(self.linked - 1, below)
            self.linked -= 1


class World:
    def __init__(self, n, rng, plant):
        self.n, self.rng, self.plant = n, rng, plant
        self.q = n // 2 + 1
        self.v = n - self.q + 1
        self.replicas = [Replica(i) for i in range(n)]
        self.committed = [0]  # identity by op; 0 is the root
        self.parents = {}
        self.next_identity = 0
        self.counts = dict.fromkeys(("commits", "views", "syncs", "restarted", "no_room", "pruned", "aside", "damage", "mixed", "checked"), 0)

    def leader(self):
        best = max(self.replicas, key=lambda r: r.log_view)
        p = self.replicas[best.log_view % self.n]
        return p if p.up and p.normal and p.log_view == p.view == best.log_view else None

    def primary(self):
        """A leader takes part only when it holds its log."""
        p = self.leader()
        whole = p and not p.stateless() and p.linked <= max(p.applied, p.floor) + 1
        return p if whole and all(p.has(op) for op in range(p.applied + 1, p.head + 1)) else None

    # ---- normal operation
    def prepare(self, p):
        if p.head - p.commit >= P or p.head + 1 - p.floor > J or p.stateless(): return
        self.next_identity += 1
        self.parents[self.next_identity] = p.log.get(p.head, self.committed[p.head] if p.head < len(self.committed) else None)
        p.head += 1
        p.log[p.head] = self.next_identity
        p.store(p.head)
        self.note_commits(p)

    def deliver(self, p, r):
        """Some prepare of the view, new or sent again."""
        if r.view != p.view or r.log_view != p.view or not r.normal: return
        have = [op for op in range(max(p.floor, p.commit - P) + 1, p.head + 1) if p.has(op)]
        if not have: return
        op = self.rng.choice(have)
        if op <= r.floor or op - r.floor > J: return
        if op > r.head:
            if op > r.head + 1: r.linked = op
            r.head = op
        if op < r.linked and r.log.get(op) != p.log[op]: return
        r.adopt(op, p.log[op])
        r.store(op)
        r.relink(self.parents)
        r.named, r.durable = max(r.named, p.checkpoint), max(r.durable, p.durable)
        r.commit = max(r.commit, min(p.commit, r.head))
        self.note_commits(p)

    def acks(self, r, p, op):
        return r.normal and r.view == r.log_view == p.view and r.has(op) and r.log[op] == p.log[op] and op >= r.linked

    def note_commits(self, p):
        while p.commit < p.head and p.commit + 1 in p.log:
            op = p.commit + 1
            if sum(r.up and self.acks(r, p, op) for r in self.replicas) < self.q: return
            p.commit = op
            if op < len(self.committed):
                if self.committed[op] != p.log[op]: raise Broken(f"op {op} was committed twice, differently")
            else:
                self.committed.append(p.log[op])
                self.counts["commits"] += 1

    def apply(self, r):
        op = r.applied + 1
        if op > min(r.commit, r.head) or not r.has(op) or op < r.linked: return
        r.applied = op
        if op % K == 0 and not r.making and not r.fetching and op > r.checkpoint: r.making = op

    def finish_checkpoint(self, r):
        if r.making: r.checkpoint, r.making = max(r.checkpoint, r.making), 0

    def report(self, r, p):
        if r.view != p.view or not r.normal: return
        said = r.checkpoint
        if self.plant == "report_while_fetching" and r.fetching: said = r.fetching
        p.reported[r.i] = max(p.reported.get(r.i, 0), said)
        p.reported[p.i] = p.checkpoint
        ops = sorted((p.reported.get(i, 0) for i in range(self.n)), reverse=True)
        p.durable = max(p.durable, ops[self.q - 1 - (self.plant == "durable_of_fewer")])

    # ---- pruning
    def prune(self, r, urgent):
        before, aside = r.floor, r.linked > r.floor + 1
        own, durable = r.checkpoint, r.durable
        if self.plant == VARIANT: durable = own
        if not r.stateless():
            r.prune_to(min(own, durable, r.applied) - (0 if urgent else K))
        behind = r.named if self.plant == "left_behind_by_primary" else r.durable
        if urgent and r.applied < behind: r.prune_to(behind)
        self.counts["pruned"] += r.floor - before
        self.counts["aside"] += aside and r.floor > before

    # ---- repair and sync
    def repair(self, r, s):
        if not r.normal: return
        p = self.primary()
        # The header of the lowest linked op tells the identity below it.
        if r.floor < r.linked <= r.head and s.log.get(r.linked) == r.log.get(r.linked) and r.linked in s.full and r.linked > s.floor:
            r.full.add(r.linked)
            r.relink(self.parents)
        wanted = [op for op in range(max(r.linked, r.floor + 1), r.head + 1) if op in r.lost and s.has(op) and s.log[op] == r.log.get(op)]
        if wanted:
            op = self.rng.choice(wanted)
            r.store(op)
            r.relink(self.parents)
        if p: self.note_commits(p)

    def sync(self, r):
        p = self.primary()
        if not r.normal or r is p or not r.up: return
        if not r.fetching:
            missing = r.stateless() or (r.applied < r.commit and not r.has(r.applied + 1))
            if not missing or r.making: return
            if r.named > r.applied and r.named > r.checkpoint and r.floor <= r.named <= r.head:
                r.fetching = r.named
                if self.plant == "drop_log_before_state": r.prune_to(r.fetching)
            return
        sources = [s for s in self.replicas if s.up and s is not r and s.checkpoint == r.fetching]
        if not sources:
            r.fetching = 0  # another target, later
            return
        if self.rng.random() < 0.5: return  # it takes a while
        c, r.fetching = r.fetching, 0
        r.checkpoint = max(r.checkpoint, c)
        self.counts["syncs"] += 1
        if c <= r.applied or c < r.floor or c > r.head: return
        r.applied, r.commit = c, max(r.commit, c)
        if r.linked <= r.floor + 1 and r.floor < c: return  # the log is chained to it
        r.prune_to(r.linked - (r.linked in r.full) if r.linked <= c else c)
        r.relink(self.parents)

    # ---- faults
    def crash(self, r): r.up = False

    def restart(self, r):
        r.up = True
        if r.checkpoint and not r.floor <= r.checkpoint <= r.head: r.checkpoint = 0
        if self.plant == "forget_aside" and r.lost:
            top = max(r.lost)
            for op in [o for o in r.log if o < top]: r.drop(op)
        r.volatile()
        r.relink(self.parents)
        if r.floor < r.checkpoint < r.linked: r.prune_to(r.checkpoint)  # only what is chained to it stays below it
        if r.checkpoint == 0: r.applied = 0
        r.reported = {}
        if r.log_view < r.view: r.normal = False
        elif r.view % self.n == r.i: self.enter(r, r.view + 1)

    def damage(self, r):
        hurt = {x.i for x in self.replicas if x.damaged} | {r.i}
        if r.up or len(hurt) > self.losses: return
        r.damaged = True
        self.counts["damage"] += 1
        if self.rng.random() < 0.4: r.checkpoint = 0
        stored = [op for op in r.log if r.has(op)]
        for op in self.rng.sample(stored, min(len(stored), self.rng.randint(0, 2))):
            r.lost.add(op)
            r.full.discard(op)

    # ---- views
    def enter(self, r, view):
        r.view, r.normal, r.fetching, r.promised = view, False, 0, r.commit
        r.reported = {}

    def nacks(self, r, op, identity):
        if r.head < op or op not in r.log or (op, r.log[op]) in r.never: return True
        if self.plant == "lost_is_nack" and not r.has(op): return True
        return identity is not None and r.log[op] != identity

    def change_view(self):
        members = [r for r in self.replicas if r.up]
        view = max(r.view for r in self.replicas) + 1
        p = self.replicas[view % self.n]
        if p not in members: return
        D = [p] + self.rng.sample([r for r in members if r is not p], min(len(members) - 1, self.v - 1 + self.rng.randint(0, 1)))
        if len(D) < self.v: return
        for r in D: self.enter(r, view)
        newest = max(r.log_view for r in D)
        C = [r for r in D if r.log_view == newest]
        commit = max([r.commit for r in D] + [r.head - P for r in D])
        head = max(r.head for r in C)
        log = {commit: self.committed[commit]} if commit < len(self.committed) else {}
        for op in range(commit + 1, head + 1):
            known = {r.log[op] for r in C if op in r.log and op > r.floor}
            identity = known.pop() if known else None
            if known: raise Broken(f"two identities of op {op} in one view")
            nacks = sum(self.nacks(r, op, identity) for r in D)
            copies = [r for r in D if r.has(op) and r.log[op] == identity]
            if nacks >= self.n - self.q + 1:
                head = op - 1
                break
            if not copies: return  # waits, or is stuck
            log[op] = identity
        if head < commit: return
        for op in range(commit + 1, len(self.committed)):
            if log.get(op) != self.committed[op]: raise Broken(f"I2: the log of view {view} lacks op {op}, which was committed")
        self.counts["views"] += 1
        if not self.install(p, view, head, commit, log, 0, 0): return
        p.durable = max(r.durable for r in D)
        p.reported = {r.i: r.checkpoint for r in D}

    def install(self, r, view, head, commit, log, checkpoint, durable):
        r.durable = max(r.durable, durable)
        if head > r.floor and head - r.floor > J:  # too far ahead for the log here
            as_built = self.plant == "restart_before_state"
            if not as_built: r.prune_to(r.durable)
            elif not r.stateless(): r.prune_to(min(r.checkpoint, r.durable, r.applied) - K)
            if head - r.floor > J:
                if checkpoint <= r.head or head - checkpoint > J // 2 or (r.durable < r.head and not as_built):
                    self.counts["no_room"] += 1
                    return False
                for op in list(r.log): r.drop(op)
                r.floor = r.head = checkpoint
                self.counts["restarted"] += 1
        for op in [o for o in r.log if o > head]: r.drop(op)
        r.head = max(head, r.floor)
        for op, identity in log.items():
            r.adopt(op, identity)
            if op in r.log and op > commit: r.full.add(op)
        r.linked = max(commit, r.floor + 1)
        r.relink(self.parents)
        r.promised = r.commit = max(r.commit, commit)
        r.view = r.log_view = view
        r.normal = True
        return True

    def start_view(self, p, r):
        if r.view > p.view or (r.log_view == p.view and r.normal): return
        bottom = min(p.commit, p.head)
        log = {op: p.log[op] for op in range(bottom, p.head + 1) if op in p.log and op > p.floor}
        if bottom < len(self.committed): log[bottom] = self.committed[bottom]
        r.fetching = 0
        if self.install(r, p.view, p.head, bottom, log, p.checkpoint, p.durable): r.named = p.checkpoint

    # ---- what must hold
    def check(self):
        hurt = sum(r.damaged for r in self.replicas)
        sound = [r for r in self.replicas if not r.damaged]
        for op in range(max(1, min(r.floor for r in self.replicas)), len(self.committed)):
            identity = self.committed[op]
            holders = sum(r.holds(op, identity) for r in sound)
            if holders < self.q - hurt:
                raise Broken(f"I1: op {op} is held by {holders} of {len(sound)} sound replicas, {hurt} damaged")
            if hurt == 0:
                self.counts["checked"] += 1
                logs = sum(r.has(op) and r.log[op] == identity for r in sound)
                self.counts["mixed"] += logs < self.q and sum(r.checkpoint >= op for r in sound) < self.q

    def step(self):
        rng = self.rng
        p = self.primary()
        r, s = rng.choice(self.replicas), rng.choice(self.replicas)
        x = rng.random()
        leader = self.leader()
        if x < 0.16 and p: self.prepare(p)
        elif x < 0.46 and p:
            for r in rng.sample(self.replicas, rng.randint(1, self.n)):
                if r.up and r is not p: self.deliver(p, r)
        elif x < 0.58 and r.up: [self.apply(r) for _ in range(3)]
        elif x < 0.64 and r.up: self.finish_checkpoint(r)
        elif x < 0.70 and p and r.up: self.report(r, p)
        elif x < 0.75 and r.up: self.prune(r, rng.random() < 0.5)
        elif x < 0.83 and r.up and s.up and r is not s: self.repair(r, s)
        elif x < 0.88 and r.up: self.sync(r)
        elif x < 0.94 and leader and r.up and r is not leader: self.start_view(leader, r)
        elif x < 0.95 and (not p or rng.random() < 0.1): self.change_view()
        elif x < 0.954 and r.up and sum(a.up for a in self.replicas) > 1: self.crash(r)
        elif x < 0.99 and not r.up and rng.random() < self.back: self.restart(r)
        elif x < 0.995: self.damage(r)
        self.check()


def walk(seed, n, steps, plant):
    rng = random.Random(f"{seed}/{n}")
    world = World(n, rng, plant)
    world.losses = rng.choice((0, 1)) if n == 3 else rng.choice((0, 1, 2))
    world.back = rng.choice((1.0, 0.3, 0.05))
    for step in range(steps):
        try: world.step()
        except Broken as why: raise SystemExit(f"seed {seed}, {n} replicas, event {step}: {why}")
    return world.counts


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1, help="of the first walk")
    p.add_argument("--walks", type=int, default=150, help="of 3 and of 5 replicas, each")
    p.add_argument("--steps", type=int, default=3000)
    p.add_argument("--plant", choices=sorted(PLANTS), help="; ".join(f"{k}: {v}" for k, v in sorted(PLANTS.items())))
    p.add_argument("--prune-by-own", action="store_const", const=VARIANT, dest="plant", help="prune by the own checkpoint alone")
    a = p.parse_args()
    for n in (3, 5):
        total, begun = {}, time.time()
        for seed in range(a.seed, a.seed + a.walks):
            for what, count in walk(seed, n, a.steps, a.plant).items(): total[what] = total.get(what, 0) + count
        print(f"{n} replicas, {a.walks} walks of {a.steps} events, {time.time() - begun:.0f} s: nothing was lost; " + ", ".join(f"{v} {k}" for k, v in total.items()), flush=True)


if __name__ == "__main__": main()
