"""Encoding (changeset-format.md section 10): both orders of definitions, the writer of local
changesets, round trips."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changeset_examples import EXAMPLES, decimal_text
from realmsync import _core
from realmsync.errors import BadChangesetError
from realmsync.inspect import decode_changeset, encode_changeset

VECTORS = Path(__file__).parent.parent / "vectors"
FLIGHTS = (VECTORS / "bench" / "flights-1000.changeset").read_bytes()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    for line in text.split("\n"):
        if line:
            yield json.loads(line)


def check_forms(data: bytes) -> Any:
    """Both encodings say the same, and the writer agrees with the interleaved one.

    Of dictionaries the writer makes only those that exist, with keys of type String.
    """
    parsed = _core.Changeset.parse(data)
    instructions = parsed.instructions()
    interleaved = parsed.encode_interleaved()
    if all(i.get("key_type", 3) == 3 for i in instructions):
        assert parsed.rewrite() == interleaved
    for form in (parsed.encode(), interleaved):
        again = _core.Changeset.parse(form)
        assert again.instructions() == instructions
        assert again.encode_interleaved() == interleaved
    return parsed


def test_recorded_changesets_come_out_byte_for_byte() -> None:
    for line in read_lines(VECTORS / "changesets" / "valid.jsonl"):
        data = bytes.fromhex(line["hex"])
        assert check_forms(data).encode() == data
        assert encode_changeset(line["instructions"]) == data


def test_damaged_but_readable_changesets() -> None:
    for line in read_lines(VECTORS / "changesets" / "malformed.jsonl"):
        data = bytes.fromhex(line["hex"])
        try:
            parsed = check_forms(data)
        except BadChangesetError:
            continue
        # With no instruction left nothing is encoded, not even names (rules 6 and 7).
        assert parsed.encode() == (data if line["instructions"] else b"")


MERGES = sorted((VECTORS / "merges").glob("**/*.jsonl.gz"))


def test_all_histories_are_there() -> None:
    assert len(MERGES) == 10


@pytest.mark.parametrize("path", MERGES, ids=lambda p: p.name)
def test_changesets_of_recorded_histories(path: Path) -> None:
    seen: dict[str, Any] = {}
    for story in read_lines(path):
        for event in story["events"]:
            for changeset in event.get("changesets", [event] if event.get("hex") else []):
                text = changeset["hex"]
                if text not in seen:
                    data = bytes.fromhex(text)
                    seen[text] = check_forms(data)
                    if changeset is not event:  # as sent: definitions first
                        assert seen[text].encode() == data
                if "instructions" in changeset:
                    assert seen[text].instructions() == changeset["instructions"]
            if isinstance(event.get("result"), list):
                parts = split_at_definitions(bytes.fromhex(event["result_hex"]))
                assert sum((decode_changeset(p) for p in parts), []) == event["result"]
                assert all(_core.Changeset.parse(p).encode() == p for p in parts)
    assert seen


def split_at_definitions(data: bytes) -> list[bytes]:
    """Cuts concatenated changesets: each but the first begins where the one before must end."""
    parts = []
    while data:
        try:
            decode_changeset(data)
            size = len(data)
        except BadChangesetError as e:
            # A definition of id 0 again: the next changeset starts one byte before the id.
            assert str(e).startswith("Unexpected intern index: 0"), e
            assert e.offset is not None
            size = e.offset - 1
        parts.append(data[:size])
        data = data[size:]
    return parts


def test_a_real_upload_comes_out_byte_for_byte() -> None:
    parsed = check_forms(FLIGHTS)
    assert len(parsed) == 20_000
    assert parsed.encode_interleaved() == FLIGHTS


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_specification(name: str) -> None:
    example = EXAMPLES[name]
    parsed = check_forms(example.data)
    assert parsed.instructions() == example.instructions
    if example.interleaved:
        assert parsed.encode_interleaved() == example.data
    if name[0] in "123" and name[1] == " ":  # the verified ones have their definitions in front
        assert parsed.encode() == example.data


def test_unused_names_stay_in_front_and_leave_when_interleaved() -> None:
    data = bytes.fromhex("3f000161 3f010162 3f020163 0102")
    parsed = _core.Changeset.parse(data)
    assert parsed.encode() == data
    assert parsed.encode_interleaved() == bytes.fromhex("3f000163 0100")


def test_only_definitions_encode_to_nothing() -> None:
    parsed = _core.Changeset.parse(bytes.fromhex("3f000161"))
    assert len(parsed) == 0
    assert parsed.encode() == parsed.encode_interleaved() == parsed.rewrite() == b""


def test_longer_forms_become_minimal() -> None:
    parsed = _core.Changeset.parse(
        bytes.fromhex("3f800081006104000000000180808000 00".replace(" ", ""))
    )
    assert parsed.encode() == bytes.fromhex("3f0001610400000000010000")


def test_names_are_defined_in_the_order_of_the_specification() -> None:
    link = {"t": "link", "table": "target", "pk": {"t": "string", "v": "target key"}}
    address = {"table": "class", "pk": {"t": "string", "v": "key"}, "field": "field"}
    update = {"op": "Update", **address, "path": ["p1", 7, "p2"], "value": link, "is_default": True}
    data = encode_changeset([update])
    names = ["class", "key", "field", "p1", "p2", "target", "target key"]
    assert check_forms(data).strings == names
    column = {"op": "AddColumn", "table": "c", "field": "f", "type": 9, "nullable": True}
    data = encode_changeset([{**column, "collection": 2, "target": "t", "key_type": 3}])
    assert check_forms(data).strings == ["c", "f", "t"]


# -- any changeset that the format can hold --------------------------------------------------------

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
i64 = st.integers(-(2**63), 2**63 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)


def tagged(tag: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"t": st.just(tag), **fields})


def hex_of(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(bytes.hex)


keys = st.one_of(
    tagged("null"),
    tagged("int", v=i64),
    tagged("string", v=names),
    tagged("objectid", v=hex_of(12)),
    tagged("uuid", v=st.uuids().map(str)),
    tagged("globalkey", hi=u64, lo=u64),
)
timestamps = st.tuples(i64, st.integers(0, 10**9 - 1)).map(
    lambda t: {"t": "timestamp", "s": t[0], "ns": t[1] if t[0] >= 0 else -t[1]}
)
decimals = st.builds(
    lambda c, e, n: {"t": "decimal128", "v": decimal_text(c, e, n)},
    st.integers(0, 2**113 - 1),
    st.integers(-6176, 6111),
    st.booleans(),
)
values = st.one_of(
    *(tagged(t) for t in ("null", "object_value", "erased", "list", "dictionary", "set")),
    tagged("int", v=i64),
    tagged("bool", v=st.booleans()),
    tagged("string", v=names),
    tagged("binary", hex=st.binary(max_size=20).map(bytes.hex)),
    tagged("float", hex_le=hex_of(4)),
    tagged("double", hex_le=hex_of(8)),
    tagged("objectid", v=hex_of(12)),
    tagged("uuid", v=st.uuids().map(str)),
    tagged("link", table=names, pk=keys),
    tagged("decimal128", v=st.sampled_from(["NaN", "-NaN", "Inf", "-Inf", "-0", "0E-3"])),
    decimals,
    timestamps,
)
steps = st.one_of(u32, names)
element_path = st.builds(lambda head, i: [*head, i], st.lists(steps, max_size=3), u32)
field_path = st.one_of(
    st.just([]), st.builds(lambda head, n: [*head, n], st.lists(steps, max_size=3), names)
)
codes = st.integers(-6, 11)


def instruction(op: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": st.just(op), "table": names, **fields})


def at(op: str, path: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return instruction(op, pk=keys, field=names, path=path, **fields)


def add_columns() -> st.SearchStrategy[dict[str, Any]]:
    def complete(column: dict[str, Any], target: str, key_type: int) -> dict[str, Any]:
        if column["type"] == 9:
            column["target"] = target
        if column["collection"] == 2:
            column["key_type"] = key_type
        return column

    column = instruction(
        "AddColumn", field=names, type=codes, nullable=st.booleans(), collection=st.integers(0, 3)
    )
    return st.builds(complete, column, names, codes)


instructions = st.one_of(
    instruction(
        "AddTable",
        pk_field=names,
        pk_type=st.sampled_from([1, 3, 10, 11, -1]),
        pk_nullable=st.booleans(),
        asymmetric=st.booleans(),
    ),
    instruction("AddTable", embedded=st.just(True)),
    instruction("EraseTable"),
    instruction("CreateObject", pk=keys),
    instruction("EraseObject", pk=keys),
    instruction("EraseColumn", field=names),
    add_columns(),
    at("Update", field_path, value=values, is_default=st.booleans()),
    at("Update", element_path, value=values, prior_size=u32),
    at("AddInteger", st.one_of(field_path, element_path), value=i64),
    at("ArrayInsert", element_path, value=values, prior_size=u32),
    at("ArrayMove", element_path, ndx_2=u32, prior_size=u32),
    at("ArrayErase", element_path, prior_size=u32),
    at("Clear", st.one_of(field_path, element_path), collection=st.integers(0, 3)),
    at("SetInsert", st.one_of(field_path, element_path), value=values),
    at("SetErase", st.one_of(field_path, element_path), value=values),
)


@settings(max_examples=60)
@given(st.lists(instructions, max_size=8))
def test_any_changeset_survives_the_round_trip(wanted: list[dict[str, Any]]) -> None:
    data = encode_changeset(wanted)
    assert check_forms(data).instructions() == wanted
    assert encode_changeset(decode_changeset(data)) == data
