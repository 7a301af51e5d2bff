"""Every recorded query gives what the reference gave, through the public API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from query.vectors import Query, Recorded, read

FOLDER = Path(__file__).parent.parent / "vectors" / "queries"
QUERIES = list(read(FOLDER / "queries.jsonl"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    made = Recorded(FOLDER / "dataset.json", tmp_path_factory.mktemp("recorded"))
    yield made
    made.close()


@pytest.mark.parametrize("query", QUERIES, ids=[q["id"] for q in QUERIES])
def test_recorded_queries_agree(query: Query, recorded: Recorded) -> None:
    assert recorded.disagreements(query) == []
