"""Runs folders of exported applications through the product and says where they disagree.

    python tests/apps/vectors.py FOLDER …

A folder holds app/ and expected.json, or folders that do, at any depth. Every disagreement is
printed (folder, what, expected, got), then what no part of this program compares, and at the end
how many folders agree; the exit status is 1 unless all do. The form of the folders is described in
tests/vectors/apps/README.md. Expectations of the import of data are left aside.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from vector_case import Case, Disagreement
from vector_parts import COMPARED, LEFT_ASIDE


def folders(places: list[Path]) -> Iterator[Path]:
    """The folders of vectors at or below some places, each place's in the order of their names."""
    for place in places:
        if not place.is_dir():
            raise SystemExit(f"{place} is no folder")
        yield from sorted(found.parent for found in place.rglob("expected.json"))


def disagreements(case: Case) -> list[Disagreement]:
    """What comes out otherwise than expected; empty when nothing does."""
    found: list[Disagreement] = []
    for key, compare in COMPARED.items():
        if key in case.expected:
            try:
                found += compare(case)
            except Exception as error:  # whatever it is, other folders are compared, too
                text = f"{type(error).__name__}: {error}"
                found.append(Disagreement(key, "a comparison", text))
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compares folders of applications.")
    parser.add_argument("folders", nargs="+", type=Path)
    count = agreeing = 0
    for folder in folders(parser.parse_args(arguments).folders):
        case = Case(folder)
        found = disagreements(case)
        count += 1
        agreeing += not found
        for disagreement in found:
            print(f"{folder}: {disagreement}")
        unknown = sorted(set(case.expected) - set(COMPARED) - LEFT_ASIDE)
        for text in (*unknown, *case.not_compared):
            print(f"{folder}: not compared: {text}")
    print(f"{agreeing}/{count} agree")
    return 0 if agreeing == count else 1


if __name__ == "__main__":
    logging.disable()  # of functions that are not there
    sys.exit(main(sys.argv[1:]))
