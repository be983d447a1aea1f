#!/usr/bin/env python3
"""How many flushes a promise (group_state) costs, and what is left of it when its disk is damaged.

Shows, for each way to make a promise durable, the flushes that follow each other until it may count, and by going
through all cases (a crash at any moment, each write in flight old, new or bad, then any damage to the log's pages and
to at most one copy of the superblock) whether
  forgotten   a promise that counted leaves no trace: the replica would act as if it had never made it;
  false loss  after a plain crash, of a disk that is sound, a promise that never counted reads as lost: amnesia;
  liar        as false loss, of a disk that loses what it confirmed with the last flush but one, unless the log marks it.

  marker       the record; then a lone marker page
  two_at_once  the record in two batches at once
  two_in_turn  the record; then, in a batch that marks it, the record again
  sealed       record; marker; superblock copies 0 and 1; then 2 and 3 (as built, kernel/node/shard_promises.cc)
  no_marker    record; superblock 0 and 1; then 2 and 3: the superblock is the mark
  together     record; marker with superblock 0 and 1; then 2 and 3
  first_round  record; marker with superblock 0 and 1: counts then
  six_copies   record; marker with three copies of six: counts then; the other three follow

With --keelson PATH it measures the built code too: the slope of the time from the votes to start_view over the time of
a flush is how many flushes the first two promises of a view change wait for, the slower of two replicas counting.
"""
import argparse, itertools, json, os, statistics, subprocess, sys, tempfile

OLD, OK, BAD = "old", "ok", "bad"
# Writes: E1 and R1 are the record's index page and its WAL page, M is the marker's page, S0.. the superblock's copies.
PLANS = {  # rounds of writes, each emitted when the one before is stored; how many rounds are waited for; copies
    "marker": ([("E1", "R1"), ("M",)], 2, 4),
    "two_at_once": ([("E1", "R1", "E2", "R2")], 1, 4),
    "two_in_turn": ([("E1", "R1"), ("E2", "R2")], 2, 4),
    "sealed": ([("E1", "R1"), ("M",), ("S0", "S1"), ("S2", "S3")], 4, 4),
    "no_marker": ([("E1", "R1"), ("S0", "S1"), ("S2", "S3")], 3, 4),
    "together": ([("E1", "R1"), ("M", "S0", "S1"), ("S2", "S3")], 3, 4),
    "first_round": ([("E1", "R1"), ("M", "S0", "S1"), ("S2", "S3")], 2, 4),
    "six_copies": ([("E1", "R1"), ("M", "S0", "S1", "S2"), ("S3", "S4", "S5")], 2, 6),
}
PLANTS = {
    "count_early": "every promise counts one round sooner",
    "name_unstored": "the superblock names a batch that is written with it",
    "corrupt_is_torn": "damage to what is marked is forgotten like a torn write",
    "all_copies_at_once": "an update of the superblock writes all of its copies at once",
}
CLAIMED = {  # what the decision rests on: (forgotten, false loss)
    "marker": (True, False), "two_at_once": (True, False), "two_in_turn": (True, False), "sealed": (False, False), "no_marker": (False, False),
    "together": (False, False), "first_round": (True, False), "six_copies": (False, False),
}


def superblock(disk, copies):
    """None: refused. Else whether the newest believable one names the promise's batch."""
    new = sum(disk[f"S{i}"] == OK for i in range(copies))
    old = sum(disk[f"S{i}"] == OLD for i in range(copies))
    if new >= 2: return True
    return False if old >= 2 else None


def judge(disk, name, plant):
    """What a start makes of it: kept, lost (it knows that something is), refused, or none."""
    named = superblock(disk, PLANS[name][2])
    if named is None: return "refused"
    marks = [disk.get("M") == OK or named]  # of the first record's batch
    if "E2" in disk: marks = [name == "two_in_turn" and disk["E2"] == OK, False]  # who marks what isn't stored yet lies
    for i, marked in enumerate(marks, 1):
        if disk[f"R{i}"] == OK: return "kept"  # rows 1 and 2
    for i, marked in enumerate(marks, 1):
        if marked and plant != "corrupt_is_torn": return "lost"  # rows 3 and 4
    return "none"  # rows 5 to 8: of what counts only when marked nothing is believed


def states(writes, values):
    return [dict(zip(writes, v)) for v in itertools.product(values, repeat=len(writes))]


def explore(name, plant):
    rounds, waits, copies = PLANS[name]
    rounds = [list(r) for r in rounds]
    if plant == "name_unstored" and any("S0" in r for r in rounds):
        first = next(i for i, r in enumerate(rounds) if "S0" in r)
        moved = [w for w in rounds[first] if w[0] == "S"]
        rounds[first] = [w for w in rounds[first] if w[0] != "S"]
        rounds[0] += moved
    if plant == "all_copies_at_once" and any("S0" in r for r in rounds):
        first = next(i for i, r in enumerate(rounds) if "S0" in r)
        rounds = [[w for w in r if w[0] != "S"] for r in rounds]
        rounds[first] += [f"S{i}" for i in range(copies)]
    rounds = [r for r in rounds if r]
    waits = min(waits, len(rounds)) - (plant == "count_early")
    writes = [w for r in rounds for w in r] + [f"S{i}" for i in range(copies)]
    log = [w for w in ("E1", "R1", "M", "E2", "R2") if w in writes]
    seen = {"forgotten": None, "false loss": None, "liar": None, "refused": None}
    cases = 0
    for done in range(len(rounds) + 1):
        base = {w: OLD for w in writes}
        for r in rounds[:done]: base.update({w: OK for w in r})
        flying = rounds[done] if done < len(rounds) else []
        for torn in states(flying, (OLD, OK, BAD)):
            crashed = {**base, **torn}
            counted = done >= waits
            cases += 1
            verdict = judge(crashed, name, plant)
            if verdict in ("lost", "refused"): seen["false loss" if verdict == "lost" else "refused"] = crashed
            if counted and verdict == "none": seen["forgotten"] = crashed
            # A liar takes back the record that it confirmed, as long as no page of the log that marks it is there.
            if done >= 1 and crashed.get("M", OLD) != OK and "E2" not in crashed:
                lied = {**crashed, "E1": OLD, "R1": OLD}
                if judge(lied, name, plant) == "lost": seen["liar"] = lied
            if not counted: continue
            for hit in states(log, (False, True)):
                for copy in [None] + list(range(copies)):
                    damaged = {w: BAD if hit.get(w) else s for w, s in crashed.items()}
                    if copy is not None: damaged[f"S{copy}"] = BAD
                    cases += 1
                    if judge(damaged, name, plant) == "none": seen["forgotten"] = damaged
    return waits, sum(len(r) for r in rounds), seen, cases


SCENARIO = """name: "promises"
cluster { replicas: 3 clients: 4 groups: %d limits: STANDARD }
workload { kv { put: 100 get: 0 cas: 0 value_bytes_max: 64 } requests: 0 think_us: 1000 }
disk { write_mean_us: 1 read_mean_us: 1 flush_us: %d }
network { delay_us { min: 100 mean: 1 } }
step { at_ms: 3000 do { crash { node: PRIMARY kind: PROCESS } } }
phase { name: "failover" duration_ms: 4000 }
tail: NONE
background: NONE
"""
START_VIEW_CHANGE, DO_VIEW_CHANGE, START_VIEW = 40, 41, 42


def run_once(keelson, flush_us, groups, seed):
    """Milliseconds from the crash until votes, reports and start_view are there."""
    with tempfile.TemporaryDirectory() as folder:
        file, trace = os.path.join(folder, "promises.textproto"), os.path.join(folder, "trace.jsonl")
        with open(file, "w") as f: f.write(SCENARIO % (groups, flush_us))
        subprocess.run([keelson, "sim", file, "--seed", str(seed), "--trace", trace], check=True, stdout=subprocess.DEVNULL)
        crash, at, order = None, {}, (START_VIEW_CHANGE, DO_VIEW_CHANGE, START_VIEW)
        for line in open(trace):
            event = json.loads(line)
            if event["kind"] == "crash": crash = event["at_ns"]
            if crash is None or event["kind"] != "deliver": continue
            want = order[len(at)] if len(at) < len(order) else None
            # The second vote is the one that ends the view.
            if event["command"] == START_VIEW_CHANGE and START_VIEW_CHANGE in at and DO_VIEW_CHANGE not in at:
                at[START_VIEW_CHANGE] = event["at_ns"] - crash
            elif event["command"] == want:
                at[want] = event["at_ns"] - crash
        return [at[c] / 1e6 for c in order] if len(at) == len(order) else None


def measure(keelson, groups, seeds):
    print(f"{keelson}, {groups} groups, {seeds} seeds each: medians, ms")
    print("  a flush | crash to votes | votes to reports | reports to start_view | votes to start_view")
    points = []
    for flush_us in (500, 2000, 5000):
        rows = [r for r in (run_once(keelson, flush_us, groups, s) for s in range(1, seeds + 1)) if r]
        spans = [[b - a for a, b in zip([0] + r, r)] + [r[2] - r[0]] for r in rows]
        mid = [statistics.median(s[i] for s in spans) for i in range(4)]
        points.append((flush_us / 1000, statistics.mean(s[3] for s in spans)))
        print(f"  {flush_us / 1000:>7} | " + " | ".join(f"{m:.1f}" for m in mid), flush=True)
    (x0, y0), (x1, y1) = points[0], points[-1]
    print(f"  flushes that follow each other, from the slope of the means: {(y1 - y0) / (x1 - x0):.1f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--plant", choices=sorted(PLANTS), help="; ".join(f"{k}: {v}" for k, v in sorted(PLANTS.items())))
    p.add_argument("--keelson", help="measure this program as well (a few minutes)")
    p.add_argument("--groups", type=int, default=1)
    p.add_argument("--seeds", type=int, default=30)
    a = p.parse_args()
    failed = []
    print(f"{'':<12} flushes of one promise, of a view change | pages | forgotten | false loss | liar | cases")
    for name in PLANS:
        waits, pages, seen, cases = explore(name, a.plant)
        said = lambda what: "yes" if seen[what] else "no"
        print(f"{name:<12} {waits:>22} {3 * waits:>18} | {pages:>5} | {said('forgotten'):>9} | {said('false loss'):>10} | {said('liar'):>4} | {cases}")
        claim = CLAIMED[name]
        for what, expected in (("forgotten", claim[0]), ("false loss", claim[1]), ("refused", False)):
            if bool(seen[what]) and not expected: failed.append(f"{name}: {what}: {seen[what]}")
            if expected and not seen[what]: failed.append(f"{name}: {what} can't be shown any more")
    if a.keelson: measure(a.keelson, a.groups, a.seeds)
    for line in failed: print("FAIL", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__": main()
