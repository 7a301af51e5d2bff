"""Simulated worlds by the thousand: `make test-long`, or by hand

    python tests/simulation/long.py --seeds 10000
    python tests/simulation/long.py --seed 4711     # one world alone, with all that happens in it

A seed that fails prints itself and what was not as it should be; the others go on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulation.world import FAULTS, OUTCOMES, RARE, USERS, World

FIRST_SEED = 1_000_000  # none of those that `make test` runs


def counts_of(seed: int) -> Counter[str]:
    try:
        world = World(seed)
        world.make()
    except Exception as error:
        print(f"\nseed {seed}: {type(error).__name__}: {error}\n    {again(seed)}", flush=True)
        return Counter(failed=1)
    return world.counts + Counter(runs=1)


def again(seed: int) -> str:
    """The command that makes this world alone."""
    return f"python tests/simulation/long.py --seed {seed}"


def repeat(seed: int) -> bool:
    """One world, told step by step. Whether all is as it should be."""
    world = World(seed)
    try:
        world.make()
    except Exception:
        print(*world.trace, sep="\n")
        traceback.print_exc()
        return False
    print(*world.trace, sep="\n")
    print(f"seed {seed}: as it should be")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--seed", type=int, help="make this world alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.seed is not None:
        sys.exit(not repeat(arguments.seed))
    started, total = time.monotonic(), Counter[str]()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with multiprocessing.Pool(arguments.jobs) as pool:
        for counts in pool.imap_unordered(counts_of, seeds, 10):
            total += counts
            print(f"\r{total['runs']:,} worlds", end="", flush=True)
    print(f"\r{total['runs']:,} worlds in {time.monotonic() - started:.0f} s", end="")
    print(f", {total['failed']} failed")
    for name, count in sorted(total.items()):
        print(f"    {count:9,} {name}")
    missing = {*USERS, *FAULTS, *OUTCOMES, *RARE} - total.keys() if total["runs"] >= 1_000 else ()
    for name in missing:
        print(f"nowhere: {name}")
    sys.exit(total["failed"] != 0 or bool(missing))


if __name__ == "__main__":
    main()
