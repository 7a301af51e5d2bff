"""The copy that a client has: its writes, and what it is sent, merged as a client merges.

What lives here: windows and bases, in the client's order. The transformation itself is the
product's (`tests/merge` judges it).
Specification: merge-rules.md 7.3, 7.4; client-session.md 15; flexible-sync.md 7.4, 7.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flexible.naive.objects import Instruction, State
from realmsync._testbed import transform
from realmsync.inspect import decode_changeset, encode_changeset


@dataclass(frozen=True)
class Change:
    """A changeset in a window. `version` is the one that it made there."""

    version: int
    timestamp: int
    origin: int
    instructions: tuple[Instruction, ...]


def rebased(
    window: Sequence[Change], base: int, timestamp: int, origin: int, incoming: list[Instruction]
) -> tuple[list[Instruction], list[Change]]:
    """A changeset that was made at `base`, over what came later; and the window as that leaves it.
    Several of a window may have one version, as those of a bootstrap do: here they are told apart
    by their places."""
    later = [
        (place, change)
        for place, change in enumerate(window, 1)
        if change.version > base and change.instructions
    ]
    after = list(window)
    if not later or not incoming:
        return incoming, after
    results, altered = transform(
        [(place, c.timestamp, c.origin, encoded(c.instructions)) for place, c in later],
        [(0, timestamp, origin, encoded(incoming))],
    )
    for place, data in altered.items():
        changed = tuple(decode_changeset(data))
        after[place - 1] = replace(after[place - 1], instructions=changed)
    return decode_changeset(results[0]), after


def encoded(instructions: Iterable[Instruction]) -> bytes:
    """The changeset of instructions; none for none."""
    listed = list(instructions)
    return encode_changeset(listed) if listed else b""


class Copy:
    """A client's objects, and those of its writes that the server has not confirmed."""

    def __init__(self, file_ident: int = 0) -> None:
        self.file_ident = file_ident
        self.state = State()
        self.unconfirmed: list[Change] = []

    def fork(self) -> Copy:
        """The same, to go on apart."""
        other = Copy(self.file_ident)
        other.state, other.unconfirmed = self.state.fork(), list(self.unconfirmed)
        return other

    def write(self, version: int, timestamp: int, instructions: list[Instruction]) -> None:
        """A transaction of its own. Raises Inapplicable."""
        self.state.apply(instructions)
        change = Change(version, timestamp, self.file_ident, tuple(instructions))
        self.unconfirmed.append(change)

    def integrate(self, entries: Iterable[dict[str, Any]], confirmed: int) -> None:
        """The entries of a DOWNLOAD, or of a bootstrap. Raises Inapplicable."""
        for entry in entries:
            result, self.unconfirmed = rebased(
                self.unconfirmed,
                entry["client_version"],
                entry["origin_timestamp"],
                entry["origin_file_ident"],
                list(entry["instructions"]),
            )
            self.state.apply(result)
        self.unconfirmed = [c for c in self.unconfirmed if c.version > confirmed]
