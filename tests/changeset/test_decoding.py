"""Decoding: the recorded changesets, the specification's examples, strictness, bounded memory."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changeset_examples import EXAMPLES, MALFORMED_EXAMPLES, NAMES
from realmsync import _core
from realmsync.errors import BadChangesetError, RealmError
from realmsync.inspect import decode_changeset

VECTORS = Path(__file__).parent.parent / "vectors"
FLIGHTS = (VECTORS / "bench" / "flights-1000.changeset").read_bytes()
# Lines of malformed.jsonl, from 1, that the reference reads and a strict decoder refuses.
STRICT_LINES = {54, 185, 273, 280, 292, 445, 484}
# Lines whose integers the reference cuts or wraps to go on to a later fault.
STRICT_INTEGER_LINES = {99, 217, 373, 396}
# Faults that only a strict decoder sees; they may hide a later fault that the reference reports.
STRICT_FAULTS = (
    "string is not UTF-8",
    "boolean is neither 0 nor 1",
    "invalid path element",
    "timestamp out of range",
    "decimal exponent out of range",
    "decimal is the reserved mark of null",
)
REFERENCE_SUFFIX = ". Please contact support."


def lines(name: str) -> list[dict[str, Any]]:
    text = (VECTORS / "changesets" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def fault_of(data: bytes) -> tuple[str, int]:
    """Message core and position of the fault in `data`."""
    with pytest.raises(BadChangesetError) as caught:
        _core.Changeset.parse(data)
    offset = caught.value.offset
    assert offset is not None and 0 <= offset <= len(data)
    core, position = re.fullmatch(r"(.*) \(at byte (\d+)\)", str(caught.value), re.S).groups()
    assert int(position) == offset
    return core, offset


def test_every_recorded_changeset_decodes_to_the_recorded_instructions() -> None:
    for line in lines("valid.jsonl"):
        assert decode_changeset(bytes.fromhex(line["hex"])) == line["instructions"]


def test_damaged_changesets() -> None:
    for number, line in enumerate(lines("malformed.jsonl"), 1):
        data = bytes.fromhex(line["hex"])
        if line["ok"] and number not in STRICT_LINES:
            assert decode_changeset(data) == line["instructions"], number
            continue
        core, _ = fault_of(data)
        if core.startswith(STRICT_FAULTS):
            continue
        assert not line["ok"], number
        expected = line["error"].removesuffix(REFERENCE_SUFFIX)
        if "Invalid table type" in core:  # the reference prints the code as a character
            assert expected.startswith("AddTable: unknown table type: Invalid table type: ")
        else:
            assert core == expected or number in STRICT_INTEGER_LINES, number


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_specification(name: str) -> None:
    example = EXAMPLES[name]
    assert decode_changeset(example.data) == example.instructions


@pytest.mark.parametrize("data, core", MALFORMED_EXAMPLES)
def test_malformed_examples_of_the_specification(data: bytes, core: str) -> None:
    assert fault_of(data)[0] == core


def test_an_error_is_a_value_error_with_its_code() -> None:
    with pytest.raises(ValueError) as caught:
        decode_changeset(b"\x3e")
    assert isinstance(caught.value, RealmError)
    assert caught.value.code == 1015


# Class 0 "a", used by the fragments below.
A = bytes.fromhex("3f000161")
UPDATE = A + bytes.fromhex("0400000000")  # class 0, null key, field 0, empty path


@pytest.mark.parametrize(
    "data, core, offset",
    [
        # faults are reported where they are, the first in reading order
        (b"\x40", "bad changeset - integer decoding failure", 0),
        (b"\x80\x02", "Unknown instruction type: 256", 0),  # not narrowed to AddTable
        (A + b"\x65", "Unknown instruction type: 18446744073709551578", 4),
        (A + b"\x0e", "Unknown instruction type: 14", 4),
        (A + b"\x01\x01", "Invalid interned string", 5),
        (A + b"\x01" + b"\xff" * 4 + b"\x0f", "Invalid interned string", 5),  # 2^32 - 1
        (A + b"\x01" + b"\xff" * 4 + b"\x4f", "Invalid interned string", 5),  # wraps to 0
        (A + b"\x01" + b"\xff" * 4 + b"\x10", "bad changeset - integer decoding failure", 5),
        (b"\x3f\x00\x02\xc3\x28", "string is not UTF-8", 3),
        (b"\x3f\x00\x03\x61\xc3", "truncated input", 3),
        (b"\x3f\x00\x09" + b"12345678\x80", "string is not UTF-8", 11),
        (A + b"\x02\x00\x0c", "Unsupported data type", 6),
        (A + b"\x02\x00\x80\x02", "Unsupported data type", 6),  # not narrowed to null
        (A + b"\x02\x00\x41", "Unsupported object key type", 6),
        (A + b"\x02\x00\x0a" + b"\x00" * 11, "truncated input", 7),
        (A + b"\x02\x00\x40\x41\x00", "bad changeset - integer decoding failure", 7),
        (A + b"\x04\x00\x00\x00\x01\x41", "invalid path element: -2", 9),
        (A + b"\x04\x00\x00\x00\x01\x80\x80\x80\x80\x10", "invalid path element: 4294967296", 9),
        (A + b"\x04\x00\x00\x00\x41", "bad changeset - integer decoding failure", 8),
        (UPDATE + b"\x02\x02\x00", "boolean is neither 0 nor 1", 10),
        (UPDATE + b"\x02\x41\x00", "boolean is neither 0 nor 1", 10),
        (UPDATE + b"\x02\x80\x02\x00", "bad changeset - integer decoding failure", 10),
        (UPDATE + b"\x00\x02", "boolean is neither 0 nor 1", 10),
        (UPDATE + b"\x04\xff\xff\xff\x07", "truncated input", 14),
        (UPDATE + b"\x04\x41", "truncated input", 10),
        (UPDATE + b"\x05\x00\x80\x94\xeb\xdc\x03", "timestamp out of range", 11),  # 10^9 ns
        (UPDATE + b"\x05\x01\x40", "timestamp out of range", 11),
        (UPDATE + b"\x05\x40\x01", "timestamp out of range", 11),
        (UPDATE + b"\x08" + b"\xff" * 16 + b"\x02", "bad changeset - decimal decoding failure", 10),
        (UPDATE + b"\x08" + b"\xff" * 17 + b"\x00", "bad changeset - decimal decoding failure", 10),
        (UPDATE + b"\x08\x00\xe0\xcf\x00\x00", "decimal exponent out of range", 11),  # 10208
        (UPDATE + b"\x08\x00\xa0\x70\x00", "decimal exponent out of range", 11),  # -6177
        (UPDATE + b"\x08\xaa\x01\xe0\xcb\x00\x00", "decimal is the reserved mark of null", 10),
        (UPDATE + b"\x06\x00\x00\x00", "truncated input", 10),
        (A + b"\x00\x00\x03", "AddTable: unknown table type: Invalid table type: 3", 6),
        (A + b"\x00\x00\x00\x00\x41", "Invalid primary key type in AddTable: 254", 8),
        (A + b"\x00\x00\x00\x00\x03\x02", "boolean is neither 0 nor 1", 9),
        (A + b"\x06\x00\x00\x01\x00\x04", "Unsupported collection type", 9),
        (A + b"\x0b\x00\x00\x00\x00\x04", "Unsupported collection type", 9),
        (A + b"\x09\x00\x00\x00\x01\x40\x00\x00\x00", "ArrayMove without an index", 11),
        (A + b"\x0a\x00\x00\x00\x00\x00", "ArrayErase without an index", 9),
    ],
)
def test_strictness(data: bytes, core: str, offset: int) -> None:
    assert fault_of(data) == (core, offset)


@pytest.mark.parametrize(
    "text",
    [
        "00", "7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf",
        "6162636465666768c3b8", "c3b86162636465666768",
    ],
)  # fmt: skip
def test_valid_utf8(text: str) -> None:
    data = bytes.fromhex(text)
    parsed = _core.Changeset.parse(b"\x3f\x00" + bytes([len(data)]) + data)
    assert parsed.strings == [data.decode()]


@given(st.binary(max_size=24))
def test_utf8_is_judged_as_python_does(text: bytes) -> None:
    data = b"\x3f\x00" + bytes([len(text)]) + text
    try:
        text.decode()
    except UnicodeDecodeError as e:
        assert fault_of(data) == ("string is not UTF-8", 3 + e.start)
    else:
        assert len(_core.Changeset.parse(data)) == 0


VARINTS = {
    0: "00", 1: "01", 63: "3f", 64: "c000", 66: "c200", 127: "ff00", 128: "8001", 300: "ac02",
    8191: "ff3f", 8192: "80c000", 2**31 - 1: "ffffffff07", 2**32 - 1: "ffffffff0f",
    2**63 - 1: "ff" * 9 + "00", -1: "40", -2: "41", -3: "42", -6: "45", -64: "7f", -65: "c040",
    -(2**63): "ff" * 9 + "40",
}  # fmt: skip


@pytest.mark.parametrize("value", VARINTS)
def test_signed_integers(value: int) -> None:
    data = UPDATE + b"\x01" + bytes.fromhex(VARINTS[value]) + b"\x00"
    assert decode_changeset(data)[0]["value"] == {"t": "int", "v": value}
    assert _core.Changeset.parse(data).encode() == data


@pytest.mark.parametrize("value", [v for v in VARINTS if v >= 0] + [2**64 - 1])
def test_unsigned_integers(value: int) -> None:
    varint = bytes.fromhex(VARINTS.get(value, "ff" * 9 + "01"))
    data = A + b"\x02\x00\x40" + varint + varint  # a GlobalKey
    assert decode_changeset(data)[0]["pk"] == {"t": "globalkey", "hi": value, "lo": value}
    assert _core.Changeset.parse(data).encode() == data


@pytest.mark.parametrize(
    "integer",
    ["8000", "808000", "80" * 9 + "00", "c080" + "00"],
)
def test_longer_forms_are_accepted(integer: str) -> None:
    data = UPDATE + b"\x01" + bytes.fromhex(integer) + b"\x00"
    assert decode_changeset(data)[0]["value"]["v"] in (0, 64)


OVERLONG = {  # longest form of each width, and its bound in the last byte
    "u8": (A + b"\x00\x00", 2, 1, b"\x80\x00"),
    "u32": (A + b"\x07", 5, 15, b"\x80\x80\x80\x80\x00"),
    "i64": (UPDATE + b"\x01", 10, 0, b"\x80" * 9 + b"\x00"),
    "u64": (A + b"\x02\x00\x40", 10, 1, b"\x80" * 9 + b"\x00"),
    "i32": (UPDATE + b"\x08\x00", 5, 7, b"\x80" * 4 + b"\x00"),
}


@pytest.mark.parametrize("kind", OVERLONG)
def test_overlong_integers(kind: str) -> None:
    before, size, bound, zero = OVERLONG[kind]
    integer_fault = ("bad changeset - integer decoding failure", len(before))
    assert len(zero) == size
    too_long = before + b"\x80" * size + b"\x00"
    too_large = before + b"\x80" * (size - 1) + bytes([bound + 1])
    assert fault_of(too_long) == integer_fault
    assert fault_of(too_large) == integer_fault
    # The longest form itself is read: what is missing comes after it.
    assert fault_of(before + zero)[1] == len(before) + size
    if kind not in ("i64", "i32"):
        assert fault_of(before + b"\x40") == integer_fault


def test_deep_paths_need_no_stack() -> None:
    depth = 300_000
    path = b"\xe0\xa7\x12" + b"\x00" * depth
    data = A + b"\x0a\x00\x00\x00" + path + b"\x01"
    assert decode_changeset(data)[0]["path"] == [0] * depth
    assert _core.Changeset.parse(data).encode() == data


def test_interning() -> None:
    parse = _core.Changeset.parse
    assert parse(b"").strings == []
    assert parse(b"\x3f\x00\x00").strings == [""]
    twins = "Program", "Prógram"
    defined = b"".join(
        b"\x3f" + bytes([i, len(name.encode())]) + name.encode() for i, name in enumerate(twins)
    )
    assert parse(defined).strings == list(twins)
    # one id for a class and a property of the same name, defined between instructions
    shared = A + b"\x01\x00" + b"\x3f\x01\x01b" + b"\x07\x00\x00\x07\x01\x00"
    assert [(i["table"], i["field"]) for i in decode_changeset(shared)[1:]] == [
        ("a", "a"),
        ("b", "a"),
    ]


def test_repeated_names_are_found_among_many() -> None:
    def define(names: list[bytes]) -> bytes:
        out = bytearray()
        for i, name in enumerate(names):
            out += b"\x3f" + unsigned(i) + unsigned(len(name)) + name
        return bytes(out)

    names = [b"n%d" % i for i in range(5000)]
    assert len(_core.Changeset.parse(define(names)).strings) == 5000
    for at in (1, 8, 9, 10, 100, 4999):
        for of in (0, at // 2, at - 1):
            repeated = [*names[:at], names[of]]
            assert fault_of(define(repeated))[0] == f"Unexpected intern string: n{of}"


def test_a_long_repeated_name_is_cut_in_the_message() -> None:
    name = ("ø" * 1000).encode()
    definition = unsigned(len(name)) + name
    core, _ = fault_of(b"\x3f\x00" + definition + b"\x3f\x01" + definition)
    assert core == "Unexpected intern string: " + "ø" * 30 + "..."


def unsigned(value: int) -> bytes:
    out = bytearray()
    while value >> 6:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


@pytest.mark.parametrize("name", EXAMPLES)
def test_truncation_at_every_byte(name: str) -> None:
    example = EXAMPLES[name]
    for size in range(len(example.data)):
        try:
            shorter = decode_changeset(example.data[:size])
        except BadChangesetError as e:
            assert e.offset is not None and e.offset <= size
        else:
            assert shorter == example.instructions[: len(shorter)]
            assert len(shorter) < len(example.instructions) or size < len(example.data)


def test_truncation_of_recorded_changesets() -> None:
    for line in lines("valid.jsonl")[::8]:
        data = bytes.fromhex(line["hex"])
        for size in range(len(data)):
            try:
                shorter = decode_changeset(data[:size])
            except BadChangesetError:
                continue
            assert shorter == line["instructions"][: len(shorter)]


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(data: bytes) -> None:
    try:
        parsed = _core.Changeset.parse(NAMES + data)
    except BadChangesetError:
        return
    again = _core.Changeset.parse(parsed.encode())
    assert again.instructions() == parsed.instructions()


def test_mutations_of_recorded_changesets_never_crash() -> None:
    chance = random.Random(7)
    recorded = [bytes.fromhex(line["hex"]) for line in lines("valid.jsonl")]
    for data in recorded * 10:
        mutated = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        try:
            parsed = _core.Changeset.parse(bytes(mutated))
        except BadChangesetError:
            continue
        again = _core.Changeset.parse(parsed.encode_interleaved())
        assert again.instructions() == parsed.instructions()
