"""Fixtures for all tests. An asynchronous test runs on asyncio's event loop or on uvloop, half of
them on each; with `--both-loops`, and where a module is marked `both_loops`, on both."""

from __future__ import annotations

import asyncio
import gc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

# Examples are small; how long one takes depends on what else the machine does.
settings.register_profile("realmsync", deadline=None)
settings.load_profile("realmsync")

VECTORS = Path(__file__).parent / "vectors"


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops that pytest-asyncio runs an asynchronous test on.

    Few tests are about the loop, and each costs as much again on a second one. So a test has the
    one that its name chooses, today and tomorrow the same; if it names one itself, that.
    """
    marker = item.get_closest_marker("asyncio")
    names_one = marker is not None and "loop_factories" in marker.kwargs
    if config.getoption("--both-loops") or item.get_closest_marker("both_loops") or names_one:
        return LOOPS
    name = sorted(LOOPS)[zlib.crc32(item.nodeid.encode()) % len(LOOPS)]
    return {name: LOOPS[name]}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `make test-long`."""
    parser.addoption("--long", action="store_true", help="attacks on a server in their long form")
    parser.addoption("--both-loops", action="store_true", help="asynchronous tests on both loops")


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> int:
    """How many times as long as in `make test` an attack goes on."""
    return 10 if request.config.getoption("--long") else 1


@pytest.fixture
def vectors() -> Path:
    """The folder of reference data."""
    return VECTORS


def pytest_collection_finish() -> None:
    """Modules live on anyway: left out, they make the collection after each test cheap."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def leave_out_survivors() -> Iterator[None]:
    """What a module leaves is pytest's own; or collecting would take longer after each test."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Destroys what a test left behind right after it, so that a bad destructor names its test."""
    yield
    gc.collect()
