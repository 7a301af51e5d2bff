"""Dicts that are no instructions: the fault is named with the instruction and the key."""

from __future__ import annotations

import re
from typing import Any

import pytest

from realmsync.inspect import decode_changeset, encode_changeset

UPDATE: dict[str, Any] = {
    "op": "Update",
    "table": "T",
    "pk": {"t": "int", "v": 1},
    "field": "f",
    "path": [],
    "value": {"t": "int", "v": 1},
    "is_default": False,
}
INSERT: dict[str, Any] = {
    **{k: v for k, v in UPDATE.items() if k != "is_default"},
    "op": "ArrayInsert",
    "path": [0],
    "prior_size": 0,
}
TABLE: dict[str, Any] = {
    "op": "AddTable",
    "table": "T",
    "pk_field": "_id",
    "pk_type": 1,
    "pk_nullable": False,
    "asymmetric": False,
}
COLUMN: dict[str, Any] = {
    "op": "AddColumn",
    "table": "T",
    "field": "f",
    "type": 1,
    "nullable": False,
    "collection": 0,
}


def test_the_bases_are_good() -> None:
    for good in (UPDATE, INSERT, TABLE, COLUMN):
        assert decode_changeset(encode_changeset([good])) == [good]


def payload(**value: Any) -> dict[str, Any]:
    return {**UPDATE, "value": value}


def without(instruction: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in instruction.items() if k != key}


@pytest.mark.parametrize(
    "instruction, fault",
    [
        ({}, "op is missing"),
        ({"op": "Upsert"}, "op is no instruction"),
        (without(UPDATE, "table"), "table is missing"),
        (without(UPDATE, "pk"), "pk is missing"),
        (without(UPDATE, "is_default"), "is_default is missing"),
        ({**UPDATE, "path": [0]}, "prior_size is missing"),
        ({**UPDATE, "prior_size": 3}, "unexpected key 'prior_size'"),
        ({**UPDATE, 3: 3}, "unexpected key 3"),
        ({**UPDATE, "path": [-1]}, "path is out of range"),
        ({**UPDATE, "path": [2**32]}, "path is out of range"),
        ({**UPDATE, "table": "\ud800"}, "table cannot be encoded as UTF-8"),
        ({**UPDATE, "table": "x" * 16_777_200}, "table is too long"),
        ({**UPDATE, "pk": {"t": "bool", "v": True}}, "pk.t is no type of object keys"),
        ({**UPDATE, "pk": {"t": "int", "v": 2**63}}, "pk.v is out of range"),
        ({**UPDATE, "pk": {"t": "globalkey", "hi": -1, "lo": 0}}, "pk.hi is out of range"),
        ({**UPDATE, "pk": {"t": "globalkey", "hi": 0, "lo": 2**64}}, "pk.lo is out of range"),
        ({**UPDATE, "pk": {"t": "null", "v": 1}}, "unexpected key pk.'v'"),
        (payload(t="blob"), "value.t is no type of values"),
        (payload(t="objectid", v="65a1"), "value.v is malformed"),
        (payload(t="objectid", v="65a1b2c3d4e5f60718293a4g"), "value.v is malformed"),
        (payload(t="uuid", v="0123456789abcdef0123456789abcdef"), "value.v is malformed"),
        (payload(t="uuid", v="01234567-89ab-cdef-0123-456789abcde-"), "value.v is malformed"),
        (payload(t="binary", hex="0"), "value.hex is malformed"),
        (payload(t="float", hex_le="00"), "value.hex_le must have 8 digits"),
        (payload(t="double", hex_le="00000000"), "value.hex_le must have 16 digits"),
        (payload(t="decimal128", v="1,5"), "value.v is malformed"),
        (payload(t="timestamp", s=0, ns=10**9), "value.ns is out of range"),
        (payload(t="timestamp", s=1, ns=-1), "value.ns must have the sign of s"),
        (payload(t="link", table="T", pk={"t": "int"}), "value.pk.v is missing"),
        ({**INSERT, "path": []}, "path must end in an index"),
        ({**INSERT, "path": [0, "f"]}, "path must end in an index"),
        ({**INSERT, "prior_size": 2**32}, "prior_size is out of range"),
        ({**TABLE, "pk_type": 2}, "pk_type is no type of primary keys"),
        ({**TABLE, "pk_type": 12}, "pk_type is out of range"),
        ({"op": "AddTable", "table": "E", "embedded": False}, "embedded is true or absent"),
        ({**COLUMN, "type": 9}, "target is missing"),
        ({**COLUMN, "collection": 2}, "key_type is missing"),
        ({**COLUMN, "collection": 4}, "collection is out of range"),
    ],
)
def test_values_that_no_changeset_can_hold(instruction: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"instruction 1: {fault}")):
        encode_changeset([UPDATE, instruction])


@pytest.mark.parametrize(
    "instruction, fault",
    [
        (7, "must be a dict, not int"),
        ({**UPDATE, "op": 4}, "op must be a str, not int"),
        ({**UPDATE, "pk": None}, "pk must be a dict, not NoneType"),
        ({**UPDATE, "path": "f"}, "path must be a list, not str"),
        ({**UPDATE, "path": [1.5]}, "path must be an int, not float"),
        ({**UPDATE, "is_default": 0}, "is_default must be a bool, not int"),
        (payload(t="int", v=True), "value.v must be an int, not bool"),
        (payload(t="int", v="1"), "value.v must be an int, not str"),
        (payload(t="string", v=b"x"), "value.v must be a str, not bytes"),
        (payload(t="link", table="T", pk=[]), "value.pk must be a dict, not list"),
    ],
)
def test_types_that_no_instruction_has(instruction: Any, fault: str) -> None:
    with pytest.raises(TypeError, match=re.escape(f"instruction 1: {fault}")):
        encode_changeset([UPDATE, instruction])


def test_arguments() -> None:
    with pytest.raises(TypeError):
        decode_changeset("00")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list of dicts"):
        encode_changeset(3)  # type: ignore[arg-type]
    assert encode_changeset([]) == b""
    assert decode_changeset(b"") == []
