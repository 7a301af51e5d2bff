"""Recorded histories (vectors/merges, described in vectors/README.md): reading and comparing.

Each line is one story of a server, peer 1, and its clients.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realmsync.inspect import ReceivedChangeset

SERVER = 1
MERGES = Path(__file__).parent.parent / "vectors" / "merges"
FILES = sorted(str(path.relative_to(MERGES)) for path in MERGES.rglob("*.gz"))

Event = dict[str, Any]
Story = dict[str, Any]


def read_stories(name: str) -> Iterator[Story]:
    with gzip.open(MERGES / name, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def received(event: Event) -> list[ReceivedChangeset]:
    """What an integration starts from."""
    return [
        ReceivedChangeset(
            c["remote_version"],
            c["last_integrated_local_version"],
            c["origin_timestamp"],
            c["origin_file_ident"],
            bytes.fromhex(c["hex"]),
        )
        for c in event["changesets"]
    ]


def recorded_states(story: Story) -> list[dict[str, Any]]:
    """The final state of every peer, server first; nothing where the story ends in an error."""
    if "final_state" in story:
        return [story["final_state"]] * (story["clients"] + 1)
    return story.get("states", [])


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$set"}:
            return {"$set": sorted((_comparable(v) for v in value["$set"]), key=repr)}
        return {key: _comparable(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_comparable(v) for v in value]
    return value


def by_id(state: dict[str, Any]) -> dict[str, Any]:
    """A state to compare: objects by primary key, sets without order."""
    return {
        cls: {repr(object["_id"]): _comparable(object) for object in objects}
        for cls, objects in state.items()
    }
