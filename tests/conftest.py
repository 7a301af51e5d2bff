"""Fixtures for all tests. An asynchronous test runs on asyncio's event loop or on uvloop, half of
them on each; with `--both-loops`, and where a module is marked `both_loops`, on both."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from argon2 import PasswordHasher
from hypothesis import settings

from realmsync.server.accounts import credentials

# Examples are small; how long one takes depends on what else the machine does.
settings.register_profile("realmsync", deadline=None)
settings.load_profile("realmsync")

# What is compiled is kept, whatever the environment says: each worker reads all tests, and hundreds
# of processes the package.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

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


# Folders of tests that start processes, send much and wait.
SLOW = ("trouble", "end_to_end", "flexible", "sync", "issues")


def pytest_configure(config: pytest.Config) -> None:
    """Files are handed out as they are sorted below, not by how many tests they have."""
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist's
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has workers side by side begin with what takes long, so that none is left alone with it at
    the end; the slow folders take turns, so that floods do not meet. Then come the large files."""
    if not hasattr(config, "workerinput"):
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow: dict[str, list[Path]] = {folder: [] for folder in SLOW}
    others = []
    for path in sorted(files, key=lambda path: (-len(files[path]), path)):
        slow.get(path.parent.name, others).append(path)
    turns = itertools.zip_longest(*slow.values())
    order = [path for turn in turns for path in turn if path is not None] + others
    items[:] = [item for path in order for item in files[path]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `make test-long`."""
    parser.addoption("--long", action="store_true", help="attacks on a server in their long form")
    parser.addoption("--both-loops", action="store_true", help="asynchronous tests on both loops")


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> int:
    """How many times as long as in `make test` an attack goes on."""
    return 10 if request.config.getoption("--long") else 1


@pytest.fixture(autouse=True, scope="session")
def product_hasher() -> Iterator[PasswordHasher]:
    """The hasher of passwords that the product has, for those who test what becomes of them.

    Everybody else has one that takes no time: thousands of accounts are made and used here.
    """
    product = credentials._HASHER
    credentials._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield product
    credentials._HASHER = product


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
