"""Decoding costs memory and time in proportion to the input, whatever the input claims."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from realmsync import _core
from realmsync.errors import BadChangesetError

ROOT = Path(__file__).parent.parent.parent
SIZE = 4 << 20
A = "3f000161"  # class 0 "a"

# What the child does: build `data`, decode it, tell how much its peak memory grew.
CHILD = """
import struct, sys
from realmsync import _core
from realmsync.errors import BadChangesetError

def peak():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))

def unsigned(value):
    out = bytearray()
    while value >> 6:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)

SIZE = {size}
a = bytes.fromhex("{a}")
data = {data}
before = peak()
try:
    _core.Changeset.parse(data)
except BadChangesetError:
    pass
print(len(data), peak() - before)
"""

HOSTILE = {
    "tiny instructions": "a + bytes([1, 0]) * (SIZE // 2)",
    "tiny instructions, then a fault": "a + bytes([1, 0]) * (SIZE // 2) + bytes([62])",
    "one long path": "a + bytes([10, 0, 0, 0]) + unsigned(SIZE) + bytes(SIZE) + bytes([0])",
    "many links": "a + bytes([4, 0, 0, 0, 0, 9, 0, 0, 0]) * (SIZE // 9)",
    "many names": "b''.join(bytes([63]) + unsigned(i) + bytes([4]) + b'%04x' % i"
    " for i in range(65536))",
    "many long-path claims": "a + bytes.fromhex('0400000000ffffffff0f') * (SIZE // 10)",
    "a huge path": "a + bytes.fromhex('04000000ffffffff0f') + bytes(1000)",
    "a huge binary": "a + bytes.fromhex('040000000004ffffffffffffffff7f00')",
    "a huge string": "bytes.fromhex('3f00efffff07') + bytes(1000)",
}


@pytest.mark.no_asan
@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded_by_the_input(name: str) -> None:
    child = CHILD.format(size=SIZE, a=A, data=HOSTILE[name])
    result = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, text=True, check=True
    )
    size, grown = map(int, result.stdout.split())
    assert grown <= 64 * size + (2 << 20)  # what importing and raising take is in it


MUL, SEED, MASK = 0xC6A4A7935BD1E995, 0xC70F6907, (1 << 64) - 1


def colliding_names(count: int) -> list[bytes]:
    """Eight-byte ASCII names whose hashes (libstdc++'s std::hash) agree in the low 32 bits."""
    inverse = np.uint64(pow(MUL, -1, 1 << 64))

    def shift_mix(v: np.ndarray) -> np.ndarray:  # its own inverse
        return v ^ (v >> np.uint64(47))

    names: list[bytes] = []
    high = np.arange(1 << 18, dtype=np.uint64)
    block = 0
    while len(names) < count:
        wanted = ((high + np.uint64(block << 18)) << np.uint64(32)) | np.uint64(0x12345678)
        hashed = shift_mix(shift_mix(wanted) * inverse) * inverse
        data = hashed ^ np.uint64(SEED ^ (8 * MUL & MASK))
        key = shift_mix(data * inverse) * inverse
        ascii_only = key[(key & np.uint64(0x8080808080808080)) == 0]
        names += [int(k).to_bytes(8, "little") for k in ascii_only]
        block += 1
    return names[:count]


@pytest.mark.no_asan
def test_colliding_names_cost_no_quadratic_time() -> None:
    with np.errstate(over="ignore"):
        names = colliding_names(20_000)
    assert len(set(names)) == len(names)
    data = bytearray()
    for i, name in enumerate(names):
        data += b"\x3f" + unsigned(i) + b"\x08" + name
    start = time.perf_counter()
    assert len(_core.Changeset.parse(bytes(data)).strings) == len(names)
    assert time.perf_counter() - start < 0.4  # comparing all pairs: 0.7 s and more
    data += b"\x3f" + unsigned(len(names)) + b"\x08" + names[777]
    with pytest.raises(BadChangesetError, match="Unexpected intern string: "):
        _core.Changeset.parse(bytes(data))


def unsigned(value: int) -> bytes:
    out = bytearray()
    while value >> 6:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)
