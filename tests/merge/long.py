"""Random stars until a number of operations has been merged: `make test-long`, or by hand

    python tests/merge/long.py --operations 1000000
    python tests/merge/long.py --seed 17          # one run again, both engines, to see it fail

Every run has its own seed, which decides its profile, clients, topic and clocks; it ends with every
peer in the same state. Each twentieth run is made by the naive engine as well, which must agree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from merge.engines import NATIVE, Twin
from merge.star import RandomRun
from merge.test_properties import CURED, run_of

STEPS = 600  # of one run
BATCH = 40  # runs between two looks at the count
FIRST_SEED = 1_000_000  # none of those that the short tests use


def make_run(seed: int, twin: bool) -> RandomRun:
    profile = list(CURED)[seed % len(CURED)]
    make = Twin if twin else NATIVE.peer
    return run_of(make, seed, (profile, profile), CURED[profile])


def operations_of(seed: int) -> tuple[int, int, int]:
    """Instructions committed, integrations, and what ended differently (0 or 1)."""
    run = make_run(seed, twin=seed % 20 == 0)
    try:
        run.run(STEPS)
    except Exception as error:  # a seed to look into; the others go on
        print(f"\nseed {seed}: {type(error).__name__}: {error}", flush=True)
        return run.operations, len(run.star.results), 1
    return run.operations, len(run.star.results), 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, help="make this run alone")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        make_run(arguments.seed, twin=True).run(STEPS)
        print(f"seed {arguments.seed}: all peers are equal")
        return
    started = time.monotonic()
    operations = integrations = failures = runs = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        while operations < arguments.operations:
            seeds = range(FIRST_SEED + runs, FIRST_SEED + runs + BATCH)
            for done in pool.imap_unordered(operations_of, seeds):
                operations, integrations = operations + done[0], integrations + done[1]
                failures, runs = failures + done[2], runs + 1
            print(f"\r{operations:,} operations in {runs:,} runs", end="", flush=True)
    print(
        f"\r{operations:,} operations, {integrations:,} integrations, {runs:,} runs in "
        f"{time.monotonic() - started:.0f} s: {failures} ended differently"
    )
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
