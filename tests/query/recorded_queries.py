"""The recorded queries, and what the naive model makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from query.naive.dataset import Dataset, load
from query.naive.errors import Refused
from query.naive.model import Answer, argument, key_text, mapping_of, run

QUERIES = Path(__file__).parent.parent / "vectors" / "queries"


class Outcome(NamedTuple):
    """Keys and description, or kind and message of a refusal."""

    keys: list[Any]
    description: str
    kind: str = ""
    message: str = ""


def recorded() -> Iterator[dict[str, Any]]:
    """All recorded queries."""
    with (QUERIES / "queries.jsonl").open() as lines:
        yield from map(json.loads, lines)


def dataset() -> Dataset:
    """The objects that they were asked of."""
    return load(json.loads((QUERIES / "dataset.json").read_text()))


def answer(data: Dataset, query: dict[str, Any]) -> Answer:
    """What the model selects. Raises Refused."""
    arguments = [argument(encoded, data) for encoded in query.get("args", [])]
    mapping = mapping_of(query.get("mapping", []))
    return run(data, query["class"], query["query"], arguments, mapping)


def outcome(data: Dataset, query: dict[str, Any]) -> Outcome:
    """What the model makes of a query."""
    try:
        found = answer(data, query)
    except Refused as refused:
        return Outcome([], "", refused.kind, str(refused))
    return Outcome([key_text(item) for item in found.objects], found.description)


def in_order(keys: list[Any], query: dict[str, Any]) -> list[Any]:
    """Keys to compare: the sequence when the text orders, the set otherwise."""
    return keys if query["ordered"] else sorted(keys, key=repr)
