"""A realm with the schema of the recorded SDK conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import _testbed
from realmsync.inspect import decode_changeset
from recorded import SDK_SCHEMA


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=SDK_SCHEMA) as opened:
        yield opened


@pytest.fixture
def last() -> Callable[[realmsync.Realm], list[dict[str, Any]]]:
    """The instructions of the newest commit."""

    def instructions(realm: realmsync.Realm) -> list[dict[str, Any]]:
        return decode_changeset(_testbed.history(realm._file)[-1]["changeset"])

    return instructions
