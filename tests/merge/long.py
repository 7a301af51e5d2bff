"""Random stars until a number of operations has been merged: `make test-long`, or by hand

    python tests/merge/long.py --operations 1000000
    python tests/merge/long.py --seed 1000017       # one run again, made short if it fails

Every run has its own seed, which decides its profile, clients, topic and clocks, and which of these
it is: most end with every peer in the same state; each eighth is made by the naive engine as well,
which has to agree; another eighth reaches the known defects, whatever they lead to, and again both
engines have to agree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from merge.engines import NATIVE, Twin
from merge.runs import CURED, EVERY_DEFECT, RandomRun, run_of
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


def operations_of(seed: int) -> tuple[int, int, int]:
    """Instructions committed, integrations, and what failed (0 or 1)."""
    plan = Plan.of(seed)
    run = run_of(plan.make, seed, plan.profiles, plan.reach)
    try:
        plan.run(run)
    except Exception as error:  # a seed to look into; the others go on
        print(f"\nseed {seed}: {type(error).__name__}: {error}", flush=True)
        return run.operations, len(run.star.results), 1
    return run.operations, len(run.star.results), 0


def repeat(seed: int) -> None:
    """One run; where it fails, the shortest script that fails in the same way."""
    plan = Plan.of(seed)
    run = run_of(plan.make, seed, plan.profiles, plan.reach)
    try:
        plan.run(run)
    except Exception as error:
        wanted = type(error)

        def fails(script: Script) -> bool:
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
    operations = integrations = failures = runs = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for _ in pool.imap_unordered(try_triple, range(TRIPLES), 1000):  # a failure ends it all
            pass
        print(f"{TRIPLES:,} triples of list operations")
        while operations < arguments.operations:
            seeds = range(FIRST_SEED + runs, FIRST_SEED + runs + BATCH)
            for done in pool.imap_unordered(operations_of, seeds):
                operations, integrations = operations + done[0], integrations + done[1]
                failures, runs = failures + done[2], runs + 1
            print(f"\r{operations:,} operations in {runs:,} runs", end="", flush=True)
    print(
        f"\r{operations:,} operations, {integrations:,} integrations, {runs:,} runs in "
        f"{time.monotonic() - started:.0f} s: {failures} failed"
    )
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
