"""Part benchmark: one changeset of 20,000 instructions, decoded and encoded.

The changeset is what a real SDK uploads for 1,000 flights (tests/vectors/README.md, bench/). The
yardstick inflates the same bytes, as every receiver of it has to do first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import yardsticks
from realmsync import _core

VECTORS = Path(__file__).parent.parent / "tests" / "vectors"
FLIGHTS = (VECTORS / "bench" / "flights-1000.changeset").read_bytes()
ROUNDS = 300


def measure(
    name: str,
    run: Callable[[], object],
    must: float,
    benchmark: Any,
    yardstick: Callable[..., float],
    record_ratio: Callable[..., object],
) -> None:
    inflate = yardsticks.zlib_decompress(FLIGHTS)
    before = yardstick(inflate, rounds=100)
    ours = yardsticks.benchmarked(benchmark, run, ROUNDS)
    after = yardstick(inflate, rounds=100)
    record_ratio(name, ours, min(before, after), must)


def test_decode(benchmark: Any, yardstick: Any, record_ratio: Any) -> None:
    measure(
        "decode 20,000 instructions : zlib.decompress",
        lambda: _core.Changeset.parse(FLIGHTS),
        0.6,
        benchmark,
        yardstick,
        record_ratio,
    )


@pytest.mark.parametrize("form", ["encode", "encode_interleaved"])
def test_encode(form: str, benchmark: Any, yardstick: Any, record_ratio: Any) -> None:
    changeset = _core.Changeset.parse(FLIGHTS)
    assert changeset.encode_interleaved() == FLIGHTS
    measure(
        f"{form} 20,000 instructions : zlib.decompress",
        getattr(changeset, form),
        0.5,
        benchmark,
        yardstick,
        record_ratio,
    )
