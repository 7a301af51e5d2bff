"""Histories of the real server by the hundred thousand: `make test-long`, or by hand

    python tests/flexible/long.py --histories 100000
    python tests/flexible/long.py --seed 4711     # one history alone, told if it fails

A seed that fails prints itself and what broke. Then it is shrunk, and written to a file of its own
in `build/histories`; the others go on. Two of three have roles.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from flexible.naive.histories import shrunk
from flexible.naive.history import Broken
from real_histories import play, server_of, story_of

FIRST_SEED = 1_000_000  # none of those that `make test` runs
FAILURES = Path(__file__).parent.parent.parent / "build" / "histories"


def has_roles(seed: int) -> bool:
    return seed % 3 != 0


def failure_of(seed: int) -> str:
    """What is not as it should be, if anything is; the shortest history of it is written down."""
    try:
        play(seed, has_roles=has_roles(seed))
    except Broken as error:
        story, found = shrunk(story_of(seed, has_roles=has_roles(seed)), server_of(seed))
        FAILURES.mkdir(parents=True, exist_ok=True)
        (FAILURES / f"{seed}.txt").write_text(f"{story}\n{found}\n")
        return str(error).splitlines()[0]
    except Exception:
        return traceback.format_exc()
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--seed", type=int, help="play this history alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.seed is not None:
        play(arguments.seed, has_roles=has_roles(arguments.seed))
        print(f"seed {arguments.seed}: as it should be")
        return
    started, failed = time.monotonic(), 0
    seeds = range(arguments.first, arguments.first + arguments.histories)
    print(f"seeds {seeds[0]} to {seeds[-1]}", flush=True)
    with multiprocessing.Pool(arguments.jobs) as pool:
        failures = pool.imap(failure_of, seeds, 20)
        for count, (seed, failure) in enumerate(zip(seeds, failures, strict=True), 1):
            if failure:
                failed += 1
                print(f"\rseed {seed}: {failure}", flush=True)
            if count % 100 == 0:
                print(f"\r{count:,} histories", end="", flush=True)
    minutes = (time.monotonic() - started) / 60
    print(f"\r{len(seeds):,} histories, {len(seeds) / minutes:,.0f} a minute, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
