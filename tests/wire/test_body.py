"""Bodies: compression and entries (wire-protocol.md 5.3, 5.4, 8.4, 9.2, 20.1)."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import _core
from realmsync.errors import BadMessageError

LIMIT = 1 << 20
PLAIN = b"5 2 316000000500 0 1400 " + b"x" * 700 + b"y" * 700


def refused(data: bytes, compressed: bool, size: int, limit: int = LIMIT) -> int:
    with pytest.raises(BadMessageError) as caught:
        _core.unpack_body(data, compressed, size, limit)
    assert caught.value.protocol_code is not None
    return caught.value.protocol_code


def test_worked_compressed_upload() -> None:
    """Example 17.9: another deflate implementation wrote it, ours reads it."""
    exchanges = (Path(__file__).parent / "exchanges.jsonl").read_text().splitlines()
    (example,) = (e for e in map(json.loads, exchanges) if e["example"] == "17.9")
    stream = bytes.fromhex(example["hex"]).partition(b"\n")[2]
    assert len(stream) == 43
    assert _core.unpack_body(stream, True, len(PLAIN), LIMIT) == PLAIN
    compressed, ours = _core.pack_body(PLAIN)
    assert compressed
    assert ours[:2] == b"\x78\x01"
    assert zlib.decompress(ours) == PLAIN


def test_threshold() -> None:
    assert _core.pack_body(b"a" * 1024) == (False, b"a" * 1024)
    compressed, stream = _core.pack_body(b"a" * 1025)
    assert compressed and zlib.decompress(stream) == b"a" * 1025
    assert _core.pack_body(b"") == (False, b"")


def test_incompressible_bodies_stay_plain() -> None:
    noise = random.Random(1).randbytes(5000)
    assert _core.pack_body(noise) == (False, noise)


@given(st.binary(max_size=20), st.integers(1, 4000))
def test_packing_round_trips(pattern: bytes, times: int) -> None:
    plain = pattern * times
    compressed, body = _core.pack_body(plain)
    assert compressed == (len(body) < len(plain))
    assert _core.unpack_body(body, compressed, len(plain), LIMIT) == plain


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("window", range(9, 16))
def test_any_zlib_header(level: int, window: int) -> None:
    maker = zlib.compressobj(level, zlib.DEFLATED, window)
    stream = maker.compress(PLAIN) + maker.flush()
    assert _core.unpack_body(stream, True, len(PLAIN), LIMIT) == PLAIN


def test_preset_dictionary_is_refused() -> None:
    maker = zlib.compressobj(zdict=b"316000000500")
    assert refused(maker.compress(PLAIN) + maker.flush(), True, len(PLAIN)) == 110


def test_damaged_streams() -> None:
    stream = zlib.compress(PLAIN, 1)
    assert refused(stream, True, len(PLAIN) - 1) == 110
    assert refused(stream, True, len(PLAIN) + 1) == 110
    assert refused(stream + b"\0", True, len(PLAIN)) == 110
    for cut in range(len(stream)):
        assert refused(stream[:cut], True, len(PLAIN)) == 110
    accepted = 0
    for i, byte in enumerate(stream):
        damaged = stream[:i] + bytes([byte ^ 0x10]) + stream[i + 1 :]
        try:
            plain = _core.unpack_body(damaged, True, len(PLAIN), LIMIT)
        except BadMessageError as error:
            assert error.protocol_code == 110
        else:  # another distance within equal bytes, another code for the same length
            assert plain == PLAIN
            accepted += 1
    assert accepted <= 3


def test_bombs_are_refused_before_they_are_inflated() -> None:
    bomb = zlib.compress(bytes(100 << 20), 9)
    assert refused(bomb, True, 100 << 20, 64 << 20) == 103
    # a size that no stream of this length can yield, with a limit that would allow it
    assert refused(b"\x78\x01\x03\x00\x00\x00\x00\x01", True, 1 << 40, 1 << 50) == 110
    assert refused(bomb, True, 2**63 - 1, 2**63 - 1) == 110
    # says less than it holds
    assert refused(bomb, True, 1000) == 110
    assert refused(b"a" * 11, False, 11, 10) == 103


def test_size_zero_is_not_inflated() -> None:
    assert _core.unpack_body(b"garbage", True, 0, LIMIT) == b""
    assert _core.unpack_body(b"", False, 0, LIMIT) == b""


ENTRY = {
    "client_version": 5,
    "server_version": 2,
    "origin_timestamp": 316000000500,
    "origin_file_ident": 0,
    "changeset": b"abc",
}


def test_entries() -> None:
    upload = b"5 2 316000000500 0 3 abc"
    download = b"2 5 316000000500 0 9 3 abc"
    assert _core.decode_entries(upload, True) == [ENTRY]
    assert _core.decode_entries(download, False) == [ENTRY | {"original_size": 9}]
    assert _core.encode_entries([ENTRY], True) == upload
    assert _core.encode_entries([ENTRY | {"original_size": 9}], False) == download
    assert _core.decode_entries(b"", True) == _core.decode_entries(b"", False) == []
    assert [e["changeset"] for e in _core.decode_entries(b"3 5 1 1 0 0 ", False)] == [b""]


@pytest.mark.parametrize(
    ("plain", "code"),
    [
        (b"5", 111),
        (b"5 2 3 0 3", 111),
        (b"5 2 3 0 3abc", 111),
        (b"5  2 3 0 3 abc", 111),
        (b"-5 2 3 0 3 abc", 111),
        (b"5 2 3 0 x abc", 111),
        (b" 5 2 3 0 3 abc", 111),
        (b"9223372036854775808 2 3 0 3 abc", 111),
        (b"5 2 3 0 4 abc", 112),
        (b"5 2 3 0 9223372036854775807 abc", 112),
        (b"5 2 3 0 2 abc", 111),
        (b"5 2 3 0 3 abc\n", 111),
    ],
)
def test_damaged_entries(plain: bytes, code: int) -> None:
    with pytest.raises(BadMessageError) as caught:
        _core.decode_entries(plain, True)
    assert caught.value.protocol_code == code
    assert caught.value.offset is not None and 0 <= caught.value.offset <= len(plain)


U = st.integers(0, 2**63 - 1)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {key: U for key in ENTRY if key != "changeset"}
        | {"original_size": U, "changeset": st.binary(max_size=20)}
    )
)


@given(ENTRIES)
def test_entries_round_trip(entries: list[dict[str, Any]]) -> None:
    assert _core.decode_entries(_core.encode_entries(entries, False), False) == entries
    for entry in entries:
        del entry["original_size"]
    assert _core.decode_entries(_core.encode_entries(entries, True), True) == entries


@given(st.binary(max_size=100), st.booleans())
def test_random_entry_bytes(plain: bytes, from_client: bool) -> None:
    try:
        entries = _core.decode_entries(plain, from_client)
    except BadMessageError as error:
        assert error.protocol_code in (111, 112)
    else:
        again = _core.encode_entries(entries, from_client)
        assert _core.decode_entries(again, from_client) == entries


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_random_streams(data: bytes, size: int) -> None:
    try:
        plain = _core.unpack_body(b"\x78\x01" + data, True, size, LIMIT)
    except BadMessageError as error:
        assert error.protocol_code == 110
    else:
        assert len(plain) == size
