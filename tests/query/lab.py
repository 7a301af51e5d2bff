"""The data set of the recorded queries in memory, and how what comes out compares with a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realmsync import InvalidQueryArgumentError, InvalidQueryError, QuerySyntaxError, RealmError
from realmsync._testbed import LabQuery, QueryLab

Recorded = dict[str, Any]
VECTORS = Path(__file__).parent.parent / "vectors" / "queries"
KINDS: dict[str, type[RealmError]] = {  # others are any error
    "SyntaxError": QuerySyntaxError,
    "InvalidQuery": InvalidQueryError,
    "InvalidQueryArg": InvalidQueryArgumentError,
}


def recorded_queries() -> list[Recorded]:
    """All of tests/vectors/queries/queries.jsonl."""
    lines = (VECTORS / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Lab:
    """QueryLab of the recorded data set, which speaks of objects by their keys."""

    def __init__(self) -> None:
        dataset = json.loads((VECTORS / "dataset.json").read_text(encoding="utf-8"))
        keys = {cls["name"]: cls["pk"] for cls in dataset["classes"] if "pk" in cls}
        self.native = QueryLab(dataset)
        self._keys = {
            cls: [item[keys[cls]].get("v") for item in objects]
            for cls, objects in dataset["objects"].items()
        }

    def bind(self, query: str, cls: str = "Person", *arguments: Recorded) -> LabQuery:
        """A query with arguments in the form of the records; raises a QueryError."""
        return self.native.bind(cls, query, list(arguments))

    def bind_recorded(self, query: Recorded) -> LabQuery:
        """A recorded query with its arguments and mapping."""
        return self.native.bind(
            query["class"], query["query"], query.get("args", []), query.get("mapping", [])
        )

    def keys(self, query: LabQuery, cls: str = "Person") -> list[Any]:
        """Keys of the objects that it selects, in its order."""
        return [self._keys[cls][position] for position in query.select()]

    def selects(self, query: str, cls: str = "Person", *arguments: Recorded) -> list[Any]:
        """Keys of the objects that a text selects."""
        return self.keys(self.bind(query, cls, *arguments), cls)
