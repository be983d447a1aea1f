#!/usr/bin/env python3
"""How far row 4 of the recovery table reaches: an index page and a WAL page of one marked batch are damaged.

Shows, for shards of 10 to 10,000 groups and batches of 1 to 512 records, how many groups a start takes for concerned
when the next batch's index page describes the lost batch by
  bloom    a Bloom filter of 128 bits with three hashes (as built, kernel/store/page.h),
  wide     a Bloom filter of six hashes in all the room that its entries leave free on its index pages,
  list     the exact list of its groups,
  records  (group, op) of each of its records, so that those which are still whole can be struck off,
and what each costs. "fenced" groups have nothing behind the loss that bounds it: they take no further part on this
disk. "unsure" ones have a later prepare: they ask the primary for their head. Checked in each trial: whoever lost a
record is among those that are taken for concerned.

Every --plant breaks one rule, and the check finds it.
"""
import argparse, math, random, sys

PAGE, HEAD, ENTRY, PAYLOAD, HEADER = 4096, 64, 64, 4064, 256
PER_INDEX_PAGE = (PAGE - HEAD) // ENTRY
LISTED = {"list": 8, "records": 16}  # bytes of one group, or of one record, in the next batch's index
PLANTS = {
    "other_hash_written": "the filters are written with other bits than they are asked for",
    "list_in_own_batch": "the list lies in the index page that it describes",
    "strike_groups": "a group with any whole record in the batch is struck off",
    "any_later_record": "a copy that this node wrote itself counts as a sign that nothing newer was lost",
}


class Bloom:
    def __init__(self, seed, size=128, hashes=3):
        self.size, self.hashes, self.seed, self.set = size, hashes, seed, set()

    def places(self, group, salt=0):
        rng = random.Random((group * 1000003 + self.seed) * 4 + salt)  # any good hash will do here
        return [rng.randrange(self.size) for _ in range(self.hashes)]

    def add(self, group, plant):
        self.set.update(self.places(group, 1 if plant == "other_hash_written" else 0))

    def may_contain(self, group):
        return all(place in self.set for place in self.places(group))


def free_bits(entries):
    return 128 + 8 * (index_pages(entries) * (PAGE - HEAD) - entries * ENTRY)


def false_share(keys, bits, hashes):
    return (1 - (1 - 1 / bits) ** (hashes * keys)) ** hashes


def draw_group(rng, groups, busy):
    """Ninety-nine of a hundred records are of the busy groups."""
    return rng.randrange(busy) if rng.random() < 0.99 or busy == groups else rng.randrange(busy, groups)


def lay_out(batch, body):
    """The WAL page on which each record begins, and the last one that it touches."""
    at, places = 0, []
    for _ in batch:
        size = (HEADER + body + 15) // 16 * 16
        places.append((at // PAYLOAD, (at + size - 1) // PAYLOAD))
        at += size
    return places


def index_pages(entries, listed_bytes=0):
    return max(1, math.ceil((entries * ENTRY + listed_bytes) / (PAGE - HEAD)))


def trial(rng, a, groups, records, plant):
    busy = max(1, groups // 10)
    batch = [(draw_group(rng, groups, busy), n) for n in range(records)]  # (group, op)
    places = lay_out(batch, a.body)
    wal_page = rng.randrange(places[-1][1] + 1)
    index_page = rng.randrange(index_pages(records))
    in_index = range(index_page * PER_INDEX_PAGE, min(records, (index_page + 1) * PER_INDEX_PAGE))
    torn = [places[i][0] <= wal_page <= places[i][1] for i in range(records)]
    unknown = {batch[i] for i in in_index if torn[i]}  # neither entry nor record is left
    accounted = {batch[i] for i in range(records) if batch[i] not in unknown}
    if not unknown: return None
    victims = {group for group, _ in unknown}

    # What came behind: prepares of the primary, and (rarely) copies that this node made.
    later, copied = set(), set()
    for _ in range(a.later): later.add(draw_group(rng, groups, busy))
    for group in victims:
        if rng.random() < 0.5: copied.add(group)

    bloom, wide = Bloom(a.seed), Bloom(a.seed, free_bits(records), 6)
    for group in {g for g, _ in batch}:
        bloom.add(group, plant)
        wide.add(group, plant)
    allowed = {
        "bloom": {g for g in range(groups) if bloom.may_contain(g)},
        "wide": {g for g in range(groups) if wide.may_contain(g)},
        "list": {g for g, _ in batch},
        "records": {g for g, op in batch if (g, op) not in accounted},
    }
    if plant == "list_in_own_batch": allowed["list"] = set()
    if plant == "strike_groups": allowed["records"] = victims - {g for g, _ in accounted}
    result = {}
    for how, who in allowed.items():
        missed = victims - who
        if missed: raise SystemExit(f"{how}: group {min(missed)} lost a record of {records} and isn't taken for concerned")
        bounded = later | copied if plant == "any_later_record" else later
        unsure, fenced = who & bounded, who - bounded
        wrong = (unsure & victims) - later
        if wrong: raise SystemExit(f"{how}: group {min(wrong)} lost what may have been a promise, and nothing proves otherwise")
        result[how] = (len(fenced), len(unsure))
    result["true"] = (len(victims - later), len(victims & later))
    return result


def costs(a, records, following):
    """Pages per batch with nothing, a list of groups, a list of records in the next batch's index."""
    wal = lay_out(range(following), a.body)[-1][1] + 1
    bare = wal + index_pages(following)
    extra = []
    for how in ("list", "records"):
        extra.append(wal + index_pages(following, LISTED[how] * records) - bare)
    return bare, extra


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--trials", type=int, default=12, help="per line of the table")
    p.add_argument("--body", type=int, default=256, help="bytes of a prepare's body")
    p.add_argument("--later", type=int, default=10000, help="records behind the lost batch, until the start that finds it")
    p.add_argument("--plant", choices=sorted(PLANTS), help="; ".join(f"{k}: {v}" for k, v in sorted(PLANTS.items())))
    a = p.parse_args()
    rng = random.Random(a.seed)
    print(f"mean of {a.trials} losses; bodies of {a.body} bytes; {a.later} records behind; a tenth of the groups is busy")
    shown = ("true", "bloom", "wide", "list", "records")
    print(f"{'':>14} | " + " | ".join(f"{'truly hit' if how == 'true' else how:^15}" for how in shown) + " | pages of a batch,")
    print(f"{'groups':>6} {'records':>7} | " + " | ".join(f"{'fenced':>7} {'unsure':>7}" for _ in shown) + " | more for list, records")
    for groups in (10, 100, 1000, 10000):
        for records in (1, 8, 64, 512):
            done = []
            while len(done) < a.trials:
                result = trial(rng, a, groups, records, a.plant)
                if result: done.append(result)
            cell = lambda how, i: sum(d[how][i] for d in done) / len(done)
            bare, extra = costs(a, records, records)
            print(f"{groups:>6} {records:>7} | " + " | ".join(f"{cell(how, 0):>7.1f} {cell(how, 1):>7.1f}" for how in shown) +
                  f" | {bare} +{extra[0]} +{extra[1]}", flush=True)
    sizes = range(1, 513)
    shares = [false_share(k, free_bits(k), 6) for k in sizes]
    print(f"batches of 1 to 512 records, said of a group that has none in it: wrong in {100 * sum(false_share(k, 128, 3) for k in sizes) / len(sizes):.1f} % (bloom), "
          f"{100 * sum(shares) / len(sizes):.2f} % (wide; above 1 % for {sum(s > 0.01 for s in shares)} sizes of {len(sizes)})")
    fits = [sum(index_pages(k, LISTED[h] * k) == index_pages(k) for k in range(1, 513)) / 5.12 for h in ("list", "records")]
    more = [sum(index_pages(k, LISTED[h] * k) - index_pages(k) for k in range(1, 513)) / sum(costs(a, k, k)[0] for k in range(1, 513)) * 100 for h in ("list", "records")]
    print(f"batches of 1 to 512 records whose list fits what their index pages leave free: {fits[0]:.0f} % (list), {fits[1]:.0f} % (records); pages more: {more[0]:.2f} %, {more[1]:.2f} %")


if __name__ == "__main__": main()
