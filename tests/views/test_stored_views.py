"""What is stored of a client file's view is that view: constants without a text, regions, and all
else that queries have.

Specification: flexible-sync.md section 17.9 (K16), query-language.md section 19.
"""

from __future__ import annotations

import json
import random

import pytest

from lab import VECTORS
from random_data import random_data
from random_queries import RandomQueries
from realmsync._testbed import ViewLab


def assert_is_restored(lab: ViewLab, body: dict[str, str]) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    assert lab.take(data, is_stored=True) == lab.take(data)


@pytest.mark.parametrize(
    "region",
    [
        "geoCircle([10.5, 50.25], 0.0123456789012)",
        "geoCircle([10.5, 50.25, 300.125], 0.01)",
        "geoBox([1.00000000001, 2], [3, 4])",
        "geoPolygon({[1, 2], [1, 4], [3, 4], [3, 2], [1, 2]})",
        "geoPolygon({[0, 0], [0, 9], [9, 9], [0, 0]}, {[1, 2], [1, 3], [2, 3], [1, 2]})",
    ],
)
def test_regions(region: str) -> None:
    lab = ViewLab(json.loads((VECTORS / "dataset.json").read_text(encoding="utf-8")))
    assert_is_restored(lab, {"Dog": f"(location geoWithin {region})"})


@pytest.mark.parametrize("seed", range(30))
def test_random_query_sets(seed: int) -> None:
    rng = random.Random(seed)
    data = random_data(rng, objects=1)
    lab, queries = ViewLab(data.encoded()), RandomQueries(rng, data)
    for _ in range(60):
        query = queries.query(depth=rng.choice([0, 1, 2]))
        if query.arguments or query.clauses:
            continue
        try:
            lab.take(json.dumps({query.cls: f"({query.text})"}).encode())
        except ValueError:  # it cannot be subscribed to
            continue
        assert_is_restored(lab, {query.cls: f"({query.text})"})
