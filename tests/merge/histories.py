"""Recorded histories (vectors/merges) as files, and states in a form that can be compared."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES = sorted((Path(__file__).parent.parent / "vectors" / "merges").rglob("*.gz"))
Story = dict[str, Any]
State = dict[str, list[dict[str, Any]]]


def read_stories(path: Path) -> Iterator[Story]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def name_of(path: Path) -> str:
    return path.name.removesuffix(".jsonl.gz")


def comparable(value: Any) -> Any:
    """Sets without order."""
    if isinstance(value, dict):
        if set(value) == {"$set"}:
            return {"$set": sorted((comparable(v) for v in value["$set"]), key=repr)}
        return {key: comparable(v) for key, v in value.items()}
    if isinstance(value, list):
        return [comparable(v) for v in value]
    return value


def by_id(state: State) -> dict[str, Any]:
    """Objects by their key, without order."""
    return {
        cls: {repr(object["_id"]): comparable(object) for object in objects}
        for cls, objects in state.items()
    }
