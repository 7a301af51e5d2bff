"""A search for documents among their texts: which ones match, at bounded cost.

A text is decoded only where it holds what the filter asks for, so that one document among many is
found at the speed of a text search. Where texts come from is the caller's matter. Specification:
app-configuration.md 6.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bson import ObjectId

from realmsync import ejson
from realmsync.server.documents.filter import Filter
from realmsync.server.documents.values import Work, taken

# What one search may cost, and what it may cost between two pauses: bytes that are decoded, some
# ten a microsecond. Of texts that are only looked over a sixteenth counts.
COST = 4 << 20
PAGE = 128 << 10
PAGE_STEPS = 20_000  # of work of the filter, between two pauses
_EACH = 4  # of each text, however short
_LOOKED_OVER = 16


@dataclass(frozen=True)
class Found:
    """A document that matches, and its text."""

    document: dict[str, Any]
    text: str


class Search:
    """One search, for at most `limit` documents. Raises ValueError for what is no filter."""

    def __init__(self, filter: Mapping[str, Any], limit: int | None = None) -> None:
        self.work = Work()
        self.filter = Filter(taken(filter, "the filter"), self.work)
        self.found: list[Found] = []
        self._limit = limit
        self._left = COST
        self._needles = [
            ejson.dumps(value)
            for _, value in self.filter.equalities()
            if isinstance(value, str | ObjectId)  # each has one form, whatever it is a part of
        ]

    def among(self, field: str) -> list[Any] | None:
        """Values one of which this top-level field equals where a document matches.

        None: nobody knows, or it may be stored in several forms, as numbers are.
        """
        for name, values in self.filter.alternatives():
            if name == field and all(isinstance(v, str | ObjectId | UUID) for v in values):
                return values
        return None

    def begin_again(self) -> None:
        """Forgets what was found; what it has cost is gone."""
        self.found.clear()

    def look_through(self, texts: Iterable[tuple[int, str]]) -> int | None:
        """Looks through numbered texts; gives the last number where it pauses, None at the end.

        Raises ValueError when the search costs too much.
        """
        pause, pause_of_work = self._left - PAGE, self.work.left - PAGE_STEPS
        for number, text in texts:
            if self._limit is not None and len(self.found) >= self._limit:
                return None
            self._left -= _EACH + len(text) // _LOOKED_OVER
            if all(needle in text for needle in self._needles):
                self._decode(text)
            if self._left < 0:
                raise ValueError(
                    "the filter looks through too many documents: ask for an _id or a user's id"
                )
            if self._left < pause or self.work.left < pause_of_work:
                return number
        return None

    def _decode(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            return
        document = ejson.loads(text)
        if self.filter.matches(document, self.work):
            self.found.append(Found(document, text))
