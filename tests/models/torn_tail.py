#!/usr/bin/env python3
"""Three voters, C is gone, and the power fails while A and B work: how often can the two not agree on the log?

A is primary: it writes batches, up to four under way, and sends each one's prepares to B at once, which writes them
as they come. The power goes at a random moment, for A alone or for both (B alone asks A, which goes on leading, for its
log). What was under way tears; a start puts each record into its row of the recovery table (kernel/store/classify.h);
then the view's primary chooses by the rule of kernel/vsr/select.cc from two reports. Rows 7 and 8 are no nacks, so it
may have to wait for C for ever: stuck.

Shows how often, for four ways in which disks tear, and what avoids it:
  built    index pages leave with the WAL pages; an ack leaves when both are stored
  ordered  index pages leave when the WAL pages are stored
  strict   an ack leaves when a later index page marks the batch (strict_ack): row 7 is torn then, row 8 isn't, since
           an unreadable entry doesn't say that its record was strict
  said     strict, and the log says elsewhere that it was so: rows 7 and 8 are torn
  stamped  each sector of a page says which batch it is of, so one that was never written is known by itself
Latencies are from A's write to the op's commit. Checked beside it, in as many trials again: C took part until the
power went, B hears late of some prepares, and of what a replica had acked one page rots before it starts (mostly of
what no marker covers yet). What was committed is never forgotten. These say why rows 7 and 8 are no nacks.

Every --plant breaks one rule, and the check finds it.
"""
import argparse, math, random, statistics, sys

PAGE, SECTOR, HEAD, ENTRY, STAMP, HEADER = 4096, 512, 64, 64, 32, 256
PAYLOAD, PER_INDEX = PAGE - STAMP, (PAGE - HEAD) // ENTRY
OLD, NEW, GARBAGE = "old", "new", "garbage"
TEARS = {
    "page": "each 4 KiB is old or new",
    "prefix": "each page is written sector by sector, up to some point",
    "sector": "each 512 bytes are old or new",
    "simulator": "each 512 bytes are old (425), new (425) or garbage or unreadable (150 of 1,000)",
}
HOW = ("built", "ordered", "strict", "said", "stamped")
STRICT = ("strict", "said")
PLANTS = {
    "suspect_is_nack": "rows 7 and 8 count as torn without a mark",
    "ack_at_wal": "with ordered writes, the ack leaves when the WAL pages are stored",
    "strict_acks_early": "strict records are acked when they are stored, not when they are marked",
    "one_nack": "one nack ends the log",
}


def tear_page(rng, how):
    if how == "page": return [rng.choice((OLD, NEW))] * 8
    if how == "prefix":
        cut = rng.randrange(9)
        return [NEW] * cut + [OLD] * (8 - cut)
    if how == "sector": return [rng.choice((OLD, NEW)) for _ in range(8)]
    return rng.choices((OLD, NEW, GARBAGE), (425, 425, 150), k=8)


class Batch:
    """One replica's copy of a batch: when its writes are done, and after the crash what its sectors hold."""

    def __init__(self, rng, a, how, at, first_op, count):
        self.at, self.ops = at, range(first_op, first_op + count)
        size = (HEADER + a.body + 15) // 16 * 16
        self.wal = [None] * math.ceil(count * size / PAYLOAD)
        self.index = [None] * math.ceil(count / PER_INDEX)
        self.size = size
        flush = lambda: rng.expovariate(1 / a.flush)
        self.wal_at = at + flush()
        self.index_from = self.wal_at if how == "ordered" else at
        self.index_at = self.index_from + flush() if how == "ordered" else self.wal_at
        self.stored = max(self.wal_at, self.index_at)
        self.marked = None  # set by Disk

    def spans(self, i):
        """(page, first sector, last sector) of record i's bytes in the WAL."""
        begin, end = i * self.size, (i + 1) * self.size - 1
        for page in range(begin // PAYLOAD, end // PAYLOAD + 1):
            low = max(begin, page * PAYLOAD) - page * PAYLOAD + STAMP
            high = min(end, page * PAYLOAD + PAYLOAD - 1) - page * PAYLOAD + STAMP
            yield page, low // SECTOR, high // SECTOR


class Disk:
    def __init__(self, rng, a, how):
        self.rng, self.a, self.how, self.batches = rng, a, how, []

    def write(self, at, first_op, count):
        self.batches.append(Batch(self.rng, self.a, self.how, at, first_op, count))

    def free_at(self, now):
        """When one of four places is free."""
        flying = sorted(b.stored for b in self.batches if b.stored > now)
        return now if len(flying) < 4 else flying[-4]

    def mark(self):
        """Whoever is the next index page to leave after all so far are stored, marks; a lone marker if there is none."""
        durable = 0.0
        for i, batch in enumerate(self.batches):
            durable = max(durable, batch.stored)
            later = [b.index_at for b in self.batches[i + 1:] if b.index_from >= durable]
            batch.marked = min(later + [durable + self.rng.expovariate(1 / self.a.flush)])

    def acked_at(self, batch, plant):
        if self.how in STRICT and plant != "strict_acks_early": return batch.marked
        return batch.wal_at if self.how == "ordered" and plant == "ack_at_wal" else batch.stored

    def crash(self, now, tears):
        for b in self.batches:
            for pages, begun, done in ((b.wal, b.at, b.wal_at), (b.index, b.index_from, b.index_at)):
                for p in range(len(pages)):
                    pages[p] = [NEW] * 8 if done <= now else tear_page(self.rng, tears) if begun <= now else [OLD] * 8

    def rows(self, b, now):
        """The row of each of a batch's records."""
        marked = b.marked <= now
        for i in range(len(b.ops)):
            sectors = [b.wal[page][s] for page, low, high in b.spans(i) for s in {0, *range(low, high + 1)}]
            stamps = [b.wal[page][0] for page, _, _ in b.spans(i)]
            if all(s == NEW for s in sectors): record = "ok"
            elif self.how == "stamped": record = "old" if OLD in sectors and GARBAGE not in sectors else "bad"
            else: record = "old" if OLD in stamps and GARBAGE not in stamps else "bad"
            page = i // PER_INDEX
            used = math.ceil((HEAD + ENTRY * (min(len(b.ops), (page + 1) * PER_INDEX) - page * PER_INDEX)) / SECTOR)
            index = b.index[page][:used]
            if all(s == NEW for s in index): entry = "ok"
            elif self.how == "stamped": entry = "old" if GARBAGE not in index else "bad"
            else: entry = "old" if all(s == OLD for s in index) else "bad"
            if record == "ok": yield 1 if entry == "ok" else 2
            elif marked: yield 3 if entry == "ok" else 4
            elif record == "old": yield 5
            else: yield {"old": 6, "ok": 7, "bad": 8}[entry]


def report(disk, now, last, plant):
    """What a start finds: op -> keep | nack | suspect | lost, and whether its tail is uncertain."""
    fate, tail = {}, False
    for b in disk.batches:
        for op, row in zip(b.ops, disk.rows(b, now)):
            planted = plant == "suspect_is_nack"
            if row in (3, 4): fate[op] = "lost"
            elif row == 7 and disk.how not in STRICT and not planted: fate[op] = "suspect"
            elif row == 8 and disk.how != "said" and not planted: tail = True
            elif row <= 2: fate[op] = "keep"
    head = max([op for op, f in fate.items()] + [-1])
    for op in range(last + 1):
        fate.setdefault(op, ("suspect" if op > head else "nack") if tail and op > head else "nack")
    return fate, tail


def choose(reports, last, plant):
    """The head of the log that two of three choose; None: they wait for the third."""
    if any(tail for _, tail in reports): return None
    for op in range(last + 1):
        said = [fate[op] for fate, _ in reports]
        if said.count("nack") >= (1 if plant == "one_nack" else 2): return op - 1
        if "keep" not in said: return None
    return last


def trial(rng, a, how, tears, who, plant, damage):
    """Whether the two are stuck, and latencies of commits. With damage: checks only that nothing is forgotten."""
    A, B, C = (Disk(rng, a, how) for _ in range(3))
    now, op, sent = 0.0, 0, []
    end = a.flush * 12
    while now < end:
        now = max(A.free_at(now), now + rng.expovariate(1 / a.gap))
        count = rng.randint(1, a.batch)
        A.write(now, op, count)
        arrived = now + a.delay_min + rng.expovariate(1 / a.delay)
        if damage and rng.random() < 0.2: arrived += 10 * a.flush
        arrived = max([arrived] + [t for t, _, _ in sent])  # a stream
        sent.append((arrived, op, count))
        op += count
    for arrived, first, count in sent: B.write(max(arrived, B.free_at(arrived)), first, count)
    for b in A.batches: C.write(max(b.at + a.delay_min, C.free_at(b.at + a.delay_min)), b.ops[0], len(b.ops))
    for disk in (A, B, C): disk.mark()
    crash = rng.uniform(a.flush * 4, end)
    last = op - 1
    commits = [max(A.acked_at(x, plant), B.acked_at(y, plant) + a.delay_min) for x, y in zip(A.batches, B.batches)]
    latency = [c - x.at for c, x in zip(commits, A.batches) if x.at < crash - a.flush * 4]
    committed = -1
    for copies in zip(A.batches, B.batches, C.batches):
        if sum(d.acked_at(b, plant) <= crash for d, b in zip((A, B, C) if damage else (A, B), copies)) < 2: break
        committed = copies[0].ops[-1]
    reports = []
    dead = (A,) if who == "A" else (A, B)
    spoiled = rng.choice(dead) if damage else None
    for disk in (A, B):
        if disk in dead:
            disk.crash(crash, tears)
            if disk is spoiled:  # what it acked last, its WAL page: within the fault model
                acked = [b for b in disk.batches if disk.acked_at(b, plant) <= crash]
                if acked:
                    victim = acked[-1] if rng.random() < 0.7 else rng.choice(acked)
                    victim.wal[rng.randrange(len(victim.wal))] = [GARBAGE] * 8
            reports.append(report(disk, crash, last, plant))
        else:  # memory is there: whatever came
            have = {o: "keep" for b, (t, _, _) in zip(disk.batches, sent) if disk is A and b.at <= crash or disk is B and t <= crash for o in b.ops}
            reports.append(({o: have.get(o, "nack") for o in range(last + 1)}, False))
    head = choose(reports, last, plant)
    if head is not None and head < committed:
        raise SystemExit(f"{how}, {tears}, power of {who}: op {head + 1} was committed and is forgotten")
    return head is None, latency


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--trials", type=int, default=300, help="per cell")
    p.add_argument("--body", type=int, default=1024, help="bytes of a prepare's body")
    p.add_argument("--batch", type=int, default=4, help="prepares of a batch, at most")
    p.add_argument("--flush", type=float, default=500, help="mean of a flush, us")
    p.add_argument("--gap", type=float, default=300, help="mean between two batches, us")
    p.add_argument("--delay-min", type=float, default=50, help="of the network, us")
    p.add_argument("--delay", type=float, default=100, help="mean of what comes on top, us")
    p.add_argument("--plant", choices=sorted(PLANTS), help="; ".join(f"{k}: {v}" for k, v in sorted(PLANTS.items())))
    a = p.parse_args()
    rng = random.Random(a.seed)
    print(f"bodies of {a.body} bytes, batches of up to {a.batch}, a flush {a.flush:.0f} us, a batch each {a.gap:.0f} us: stuck, % of power failures ({a.trials} trials)")
    print(f"{'tears':<10} power of " + " ".join(f"{how:>8}" for how in HOW))
    latencies = {how: [] for how in HOW}
    for tears in TEARS:
        for who in ("A", "both"):
            cells = []
            for how in HOW:
                stuck = 0
                for _ in range(a.trials):
                    was, latency = trial(rng, a, how, tears, who, a.plant, False)
                    stuck += was
                    latencies[how] += latency
                    trial(rng, a, how, tears, who, a.plant, True)
                cells.append(100 * stuck / a.trials)
            print(f"{tears:<10} {who:<8} " + " ".join(f"{c:>8.1f}" for c in cells), flush=True)
    print("commit, mean us     " + " ".join(f"{statistics.mean(latencies[how]):>8.0f}" for how in HOW))
    print("commit, p99 us      " + " ".join(f"{statistics.quantiles(latencies[how], n=100)[98]:>8.0f}" for how in HOW))


if __name__ == "__main__": main()
