"""Classes as plain tuples, to the native core and back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from realmsync.apps.model import Class
from realmsync.apps.plain_schemas import from_plain, to_plain
from schema_strategies import classes


@given(classes())
def test_there_and_back(made: dict[str, Class]) -> None:
    without = {name: replace(c, database=None, collection=None) for name, c in made.items()}
    assert from_plain(to_plain(made)) == without
