"""Instructions by top-level object, against a naive reading of the same changesets.

Specification: flexible-sync.md section 9.2, granularity.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realmsync._testbed import touched_objects, without_objects
from realmsync.inspect import decode_changeset

VECTORS = Path(__file__).parent.parent / "vectors" / "changesets" / "valid.jsonl"


def changesets() -> Iterator[bytes]:
    for line in filter(None, VECTORS.read_text(encoding="utf-8").split("\n")):
        yield bytes.fromhex(json.loads(line)["hex"])


def place(instruction: dict[str, Any]) -> tuple[str, str] | None:
    """The object that an instruction is about; None: it is one of the schema."""
    if "pk" not in instruction:
        return None
    return instruction["table"], json.dumps(instruction["pk"], default=str)


@pytest.fixture(scope="module")
def recorded() -> list[tuple[bytes, list[dict[str, Any]]]]:
    return [(data, decode_changeset(data)) for data in changesets()]


def test_objects_are_those_of_the_instructions(
    recorded: list[tuple[bytes, list[dict[str, Any]]]],
) -> None:
    for data, instructions in recorded:
        places = dict.fromkeys(p for p in map(place, instructions) if p is not None)
        touched = touched_objects(data)
        assert [table for table, _, _ in touched] == [table for table, _ in places]
        for (_, _, properties), of in zip(touched, places, strict=True):
            written = {i["field"] for i in instructions if place(i) == of and "field" in i}
            assert properties == sorted(written, key=str.encode)


def test_what_is_kept_is_what_was_there_without_the_rest(
    recorded: list[tuple[bytes, list[dict[str, Any]]]],
) -> None:
    rng = random.Random(5)
    for data, instructions in recorded:
        places = list(dict.fromkeys(p for p in map(place, instructions) if p is not None))
        dropped = [i for i in range(len(places)) if rng.random() < 0.5]
        gone = {places[i] for i in dropped}
        kept = [i for i in instructions if place(i) not in gone]
        assert decode_changeset(without_objects(data, dropped)) == kept
