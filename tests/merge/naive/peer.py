"""One file with its history and reciprocals (merge-rules.md 2.1, 2.2, 7.1): windows, base runs and
what is stored after a merge. States live in a ScratchStore: applying is not merging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from merge.naive.changeset import Changeset
from merge.naive.walk import walk
from realmsync._core import ScratchStore

SERVER = 1


class Received(NamedTuple):
    """A changeset as it comes from the other side."""

    remote_version: int
    last_integrated_local_version: int
    origin_timestamp: int
    origin_file_ident: int
    changeset: bytes


@dataclass
class Entry:
    """One version of the history."""

    version: int
    source: int  # file that sent it, 0: made here
    timestamp: int
    ident: int
    changeset: bytes


@dataclass
class Merge:
    transformed: list[bytes] = field(default_factory=list)
    reciprocals: dict[int, bytes] = field(default_factory=dict)  # those that were altered


def transform(
    window_since: Callable[[int], list[Entry]], incoming: Sequence[Received], profile: str
) -> Merge:
    """`window_since(base)`: the entries after `base` that the sender had not seen, with their
    reciprocals in place of their changesets."""
    merge = Merge()
    cache: dict[int, Changeset] = {}
    for base, group in groupby(incoming, lambda received: received.last_integrated_local_version):
        entries = window_since(base)
        for e in entries:
            if e.version not in cache:
                cache[e.version] = Changeset(e.version, e.timestamp, e.ident, e.changeset)
        window = [cache[e.version] for e in entries]
        run = [
            Changeset(r.remote_version, r.origin_timestamp, r.origin_file_ident, r.changeset)
            for r in group
        ]
        if window:
            walk(window, run, profile)
        merge.transformed += [changeset.encode() for changeset in run]
    merge.reciprocals = {v: c.encode() for v, c in cache.items() if c.dirty}
    return merge


class Peer:
    """The server (ident 1) or a client; `profile` is its conformance profile."""

    def __init__(self, file_ident: int, profile: str = "strict") -> None:
        assert profile in ("strict", "safe", "full")
        self.file_ident = file_ident
        self.profile = profile
        self.version = 1
        self.entries: list[Entry] = []
        self.reciprocals: dict[tuple[int, int], bytes] = {}  # by remote file and version
        self.store = ScratchStore(":memory:", server=file_ident == SERVER, durability="off")

    def commit(self, changeset: bytes, timestamp: int) -> int:
        self.store.apply(changeset)
        self._append(0, timestamp, self.file_ident, changeset)
        return self.version

    def integrate(self, remote_file_ident: int, changesets: Sequence[Received]) -> bytes:
        """The transformed changesets, one after the other. Where it raises, nothing has changed."""
        merge = transform(
            lambda base: self._window(remote_file_ident, base), changesets, self.profile
        )
        self.store.apply_all(merge.transformed)
        for version, changeset in merge.reciprocals.items():
            self.reciprocals[remote_file_ident, version] = changeset
        if self.file_ident == SERVER:  # what it sends on: one changeset, one version
            (received,), (stored,) = changesets, merge.transformed
            self._append(
                remote_file_ident, received.origin_timestamp, received.origin_file_ident, stored
            )
        else:
            self._append(remote_file_ident, 0, remote_file_ident, b"")
        return b"".join(merge.transformed)

    def state(self) -> dict[str, list[dict[str, Any]]]:
        return self.store.state()

    def _append(self, source: int, timestamp: int, ident: int, changeset: bytes) -> None:
        self.version += 1
        self.entries.append(Entry(self.version, source, timestamp, ident, changeset))

    def _window(self, remote: int, base: int) -> list[Entry]:
        return [
            Entry(
                e.version,
                e.source,
                e.timestamp,
                e.ident,
                # A reciprocal may be empty: that is not the same as none.
                self.reciprocals.get((remote, e.version), e.changeset),
            )
            for e in self.entries
            if e.version > base and e.source != remote and e.changeset
        ]
