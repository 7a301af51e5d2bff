"""Fixtures for all tests: every test runs on both event loops where it asks for `loop_policy`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture
def vectors() -> Path:
    """The folder of reference data."""
    return VECTORS


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Destroys what a test left behind right after it, so that a bad destructor names its test."""
    yield
    gc.collect()
