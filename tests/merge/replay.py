"""Recorded histories (vectors/merges): one peer's side of a story, replayed through `transform`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realmsync._core import transform

SERVER = 1
Story = dict[str, Any]


def read_stories(path: Path) -> Iterator[Story]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


@dataclass
class Entry:
    version: int
    via: int  # peer it came from, 0: made here
    timestamp: int
    ident: int
    changeset: bytes


@dataclass
class Peer:
    """History and reciprocals of one peer, as vectors/README.md says the recorder keeps them."""

    number: int
    version: int = 1
    entries: list[Entry] = field(default_factory=list)
    reciprocals: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def commit(self, event: dict[str, Any]) -> None:
        self.version += 1
        assert event["version"] == self.version
        changeset = bytes.fromhex(event["hex"])
        self.entries.append(Entry(self.version, 0, event["timestamp"], self.number, changeset))

    def window(self, source: int, base: int) -> list[tuple[int, int, int, bytes]]:
        """What `source` had not seen: its own changes, and on clients all remote ones, are not."""
        return [
            (
                e.version,
                e.timestamp,
                e.ident,
                self.reciprocals.get((source, e.version), e.changeset),
            )
            for e in self.entries
            if e.version > base and e.via != source and e.changeset
        ]

    def integrate(self, event: dict[str, Any]) -> bytes:
        """Merges what arrived; the transformed bytes. Raises what `transform` raises."""
        source = event["from"]
        incoming = [
            (
                c["remote_version"],
                c["last_integrated_local_version"],
                c["origin_timestamp"],
                c["origin_file_ident"],
                bytes.fromhex(c["hex"]),
            )
            for c in event["changesets"]
        ]
        window = self.window(source, incoming[0][1]) if incoming else []
        transformed, reciprocals = transform(window, incoming)
        for version, changed in reciprocals.items():
            self.reciprocals[source, version] = changed
        self.version += 1
        assert event["version"] == self.version
        if self.number == SERVER:  # one changeset per event, stored in its transformed form
            ((_, _, timestamp, ident, _),) = incoming
            self.entries.append(Entry(self.version, source, timestamp, ident, transformed[0]))
        return b"".join(transformed)
