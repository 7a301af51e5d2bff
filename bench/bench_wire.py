"""Part benchmark: messages and their bodies.

A page of 1 MiB of changesets as a DOWNLOAD: packing and unpacking it against zlib doing the same
at the same level, which is what any implementation of the protocol pays at least. Small messages
against one zlib call on the same few bytes: the price of a call out of Python into C.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from realmsync import _core
from yardsticks import benchmarked

VECTORS = Path(__file__).parent.parent / "tests" / "vectors"
FLIGHTS = (VECTORS / "bench" / "flights-1000.changeset").read_bytes()
LIMIT = 16 << 20


def entries() -> list[dict[str, Any]]:
    size = len(FLIGHTS)
    return [
        {
            "server_version": version,
            "client_version": 0,
            "origin_timestamp": 316000000000 + version,
            "origin_file_ident": 2,
            "original_size": size,
            "changeset": FLIGHTS,
        }
        for version in range(1, 4)
    ]


PLAIN = _core.encode_entries(entries(), False)


def measure(
    name: str,
    run: Callable[[], object],
    compared: Callable[[], object],
    benchmark: Any,
    yardstick: Callable[..., float],
    record_ratio: Callable[..., object],
    rounds: int,
) -> None:
    before = yardstick(compared, rounds=rounds)
    ours = benchmarked(benchmark, run, rounds)
    after = yardstick(compared, rounds=rounds)
    record_ratio(name, ours, min(before, after), None)


def test_pack(benchmark: Any, yardstick: Any, record_ratio: Any) -> None:
    measure(
        "pack a body of 1 MB : zlib.compress level 1",
        lambda: _core.pack_body(PLAIN),
        lambda: zlib.compress(PLAIN, 1),
        benchmark,
        yardstick,
        record_ratio,
        20,
    )


def test_unpack(benchmark: Any, yardstick: Any, record_ratio: Any) -> None:
    compressed, body = _core.pack_body(PLAIN)
    assert compressed
    measure(
        "unpack a body of 1 MB : zlib.decompress",
        lambda: _core.unpack_body(body, True, len(PLAIN), LIMIT),
        lambda: zlib.decompress(body),
        benchmark,
        yardstick,
        record_ratio,
        50,
    )


def test_small_messages(benchmark: Any, yardstick: Any, record_ratio: Any) -> None:
    data = b"upload 1 0 0 0 14 3 3\n"
    assert _core.encode_message(_core.decode_message(data, True), True) == data
    measure(
        "read and write an empty UPLOAD through dicts : zlib.compress of its bytes",
        lambda: _core.encode_message(_core.decode_message(data, True), True),
        lambda: zlib.compress(data, 1),
        benchmark,
        yardstick,
        record_ratio,
        2000,
    )
