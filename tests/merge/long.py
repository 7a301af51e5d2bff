"""Random stars until a number of operations has been merged: `make test-long`, or by hand

    python tests/merge/long.py --operations 1000000
    python tests/merge/long.py --seed 1000017       # one run again, made short if it fails

Every run has its own seed, which decides its profile, clients, topic and clocks, and which of these
it is: most end with every peer in the same state; each eighth is made by the naive engine as well,
which has to agree; another eighth reaches the known defects, whatever they lead to, and again both
engines have to agree. The one defect that valid changes cannot avoid, in about one of two thousand
runs, is counted by itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from merge.engines import NAIVE, NATIVE, Twin
from merge.runs import CURED, EVERY_DEFECT, RandomRun, creates_barely, has_bare_creation, run_of
from merge.shrink import Script, failure, show, shrink
from merge.star import MakePeer
from merge.test_small_histories import TRIPLES, try_triple
from realmsync.errors import RealmError

STEPS = 600  # of one run
STEPS_WITH_DEFECTS = 150  # a refusal ends these
BATCH = 40  # runs between two looks at the count
FIRST_SEED = 1_000_000  # none of those that the short tests use
MIXED_PROFILES = [("strict", "strict"), ("safe", "strict"), ("full", "full"), ("full", "strict")]


class Plan(NamedTuple):
    """What a seed stands for. Runs that reach defects need not converge, nor go well."""

    make: MakePeer
    profiles: tuple[str, str]
    reach: frozenset[str]
    defects: bool

    @classmethod
    def of(cls, seed: int) -> Plan:
        if seed % 8 == 7:
            chance = random.Random(seed)
            reach = frozenset(r for r in sorted(EVERY_DEFECT) if chance.random() < 0.4)
            return cls(Twin, chance.choice(MIXED_PROFILES), reach, True)
        profile = list(CURED)[seed % len(CURED)]
        make: MakePeer = Twin if seed % 8 == 6 else NATIVE.peer
        return cls(make, (profile, profile), CURED[profile], False)

    def run(self, run: RandomRun) -> None:
        if not self.defects:
            run.run(STEPS)
            run.star.assert_converged()
            return
        with suppress(RealmError):  # which both engines have to raise
            run.run(STEPS_WITH_DEFECTS)


def counts_of(seed: int) -> Counter[str]:
    plan = Plan.of(seed)
    run = run_of(plan.make, seed, plan.profiles, plan.reach)
    counts = Counter(runs=1)
    try:
        plan.run(run)
    except Exception as error:  # a seed to look into; the others go on
        if has_bare_creation(run.star) and same_with_both(run):
            counts["R4"] += 1
        else:
            counts["failed"] += 1
            print(f"\nseed {seed}: {type(error).__name__}: {error}", flush=True)
    counts += Counter(operations=run.operations, integrations=len(run.star.results))
    return counts


def same_with_both(run: RandomRun) -> bool:
    """Whether the naive engine comes to the same from the same script."""
    clients = len(run.star.clients)
    found, expected = (
        failure(engine.peer, clients, run.profiles, run.script) for engine in (NATIVE, NAIVE)
    )
    return type(found) is type(expected)


def repeat(seed: int) -> None:
    """One run; where it fails, the shortest script that fails in the same way."""
    plan = Plan.of(seed)
    run = run_of(plan.make, seed, plan.profiles, plan.reach)
    try:
        plan.run(run)
    except Exception as error:
        wanted = type(error)

        def fails(script: Script) -> bool:
            if "R4" not in plan.reach and any(creates_barely(a.instructions) for a in script):
                return False  # another defect would take the place of the one looked for
            found = failure(plan.make, len(run.star.clients), plan.profiles, script)
            return type(found) is wanted

        print(f"seed {seed}, {plan.profiles}: {wanted.__name__}: {error}")
        print(show(shrink(run.script, fails)))
        sys.exit(1)
    print(f"seed {seed}: as it should be")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, help="make this run alone")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        repeat(arguments.seed)
        return
    started = time.monotonic()
    total = Counter[str]()
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for _ in pool.imap_unordered(try_triple, range(TRIPLES), 1000):  # a failure ends it all
            pass
        print(f"{TRIPLES:,} triples of list operations", flush=True)
        while total["operations"] < arguments.operations:
            first = FIRST_SEED + total["runs"]
            for counts in pool.imap_unordered(counts_of, range(first, first + BATCH)):
                total += counts
            print(f"\r{total['operations']:,} operations", end="", flush=True)
    print(
        f"\r{total['operations']:,} operations, {total['integrations']:,} integrations, "
        f"{total['runs']:,} runs in {time.monotonic() - started:.0f} s: "
        f"{total['R4']} met R4, {total['failed']} failed"
    )
    sys.exit(total["failed"] != 0)


if __name__ == "__main__":
    main()
