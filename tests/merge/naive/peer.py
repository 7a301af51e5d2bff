"""One file with its history and reciprocals (merge-rules.md 2.1, 2.2, 7.1): windows, base runs and
what is stored after a merge. States live in a ScratchStore: applying is not merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from merge.naive.changeset import Changeset
from merge.naive.clears import complete_clears
from merge.naive.walk import walk
from realmsync._testbed import ScratchStore
from realmsync.inspect import ReceivedChangeset

SERVER = 1


class Local(NamedTuple):
    """A changeset of this side in a window."""

    version: int
    origin_timestamp: int
    origin_file_ident: int
    changeset: bytes


@dataclass
class Entry:
    """One version of the history."""

    local: Local
    source: int  # file that sent it, 0: made here


def transform(
    window: Sequence[tuple[int, int, int, bytes]],
    incoming: Sequence[tuple[int, int, int, bytes]],
    profile: str = "strict",
) -> tuple[list[bytes], dict[int, bytes]]:
    """Rebases incoming changesets over the local ones that their author had not seen.

    `window`: what came after the first base, each as `Local`; `incoming`: base, origin timestamp,
    origin ident and changeset. Gives the transformed changesets and those of the window that were
    altered, by version.
    """
    majors = [Changeset(*local) for local in window]
    minors = [(base, Changeset(0, *rest)) for base, *rest in incoming]
    merge(majors, minors, profile)
    return (
        [minor.encode() for _, minor in minors],
        {major.version: major.encode() for major in majors if major.dirty},
    )


def merge(majors: list[Changeset], minors: list[tuple[int, Changeset]], profile: str) -> None:
    """One walk for each run of equal bases; later runs meet the window as earlier ones left it."""
    for base, run in groupby(minors, lambda minor: minor[0]):
        walk([m for m in majors if m.version > base], [minor for _, minor in run], profile)


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

    def integrate(self, remote_file_ident: int, changesets: Sequence[ReceivedChangeset]) -> bytes:
        """The transformed changesets, one after the other. Where it raises, nothing has changed."""
        minors = [
            (
                r.last_integrated_local_version,
                Changeset(r.remote_version, r.origin_timestamp, r.origin_file_ident, r.changeset),
            )
            for r in changesets
        ]
        if self.profile != "strict":
            for _, minor in minors:
                complete_clears(minor, self.store.schema())
        majors = [Changeset(*local) for local in self._window(remote_file_ident, minors[0][0])]
        merge(majors, minors, self.profile)
        transformed = [minor.encode() for _, minor in minors]
        self.store.apply_all(transformed)
        for major in majors:
            if major.dirty:
                self.reciprocals[remote_file_ident, major.version] = major.encode()
        if self.file_ident == SERVER:  # what it sends on: one changeset, one version
            (received,), (stored,) = changesets, transformed
            self._append(
                remote_file_ident, received.origin_timestamp, received.origin_file_ident, stored
            )
        else:
            self._append(remote_file_ident, 0, remote_file_ident, b"")
        return b"".join(transformed)

    def state(self) -> dict[str, list[dict[str, Any]]]:
        return self.store.state()

    def _append(self, source: int, timestamp: int, ident: int, changeset: bytes) -> None:
        self.version += 1
        self.entries.append(Entry(Local(self.version, timestamp, ident, changeset), source))

    def _window(self, remote: int, base: int) -> list[Local]:
        """What the remote side had not seen at `base`: none of what it sent, nothing empty. A
        reciprocal stands in for its changeset; an empty reciprocal is not the same as none."""
        return [
            e.local._replace(
                changeset=self.reciprocals.get((remote, e.local.version), e.local.changeset)
            )
            for e in self.entries
            if e.local.version > base and e.source != remote and e.local.changeset
        ]
