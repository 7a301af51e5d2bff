"""Partition values: all spellings meet, everything else is refused (server-behaviour.md 2.1)."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import _core
from realmsync.errors import BadMessageError, BadPartitionValueError

OID = "651f0c0ffee65f0c0ffee65f"
UUID = uuid.UUID("3b241101-e2bb-4255-8caf-4136c566a962")
UUID_BASE64 = base64.b64encode(UUID.bytes).decode()
CANONICAL_UUID = '{"$binary":{"base64":"' + UUID_BASE64 + '","subType":"04"}}'


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('"dogs"', '"dogs"'),
        ('""', '""'),
        (' "\\u0064\\u006fgs" ', '"dogs"'),
        ('"\\/\\"\\\\"', '"/\\"\\\\"'),
        ('"\\u00fc \\ud83d\\ude00"', '"ü 😀"'),
        ('"ü 😀"', '"ü 😀"'),
        ("null", "null"),
        ("42", '{"$numberLong":"42"}'),
        ("-42", '{"$numberLong":"-42"}'),
        ('{"$numberInt":"42"}', '{"$numberLong":"42"}'),
        ('{ "$numberLong" : "42" }', '{"$numberLong":"42"}'),
        ('{"$numberLong":"-9223372036854775808"}', '{"$numberLong":"-9223372036854775808"}'),
        ("9223372036854775807", '{"$numberLong":"9223372036854775807"}'),
        ('{"$oid":"' + OID + '"}', '{"$oid":"' + OID + '"}'),
        ('{"$oid":"' + OID.upper() + '"}', '{"$oid":"' + OID + '"}'),
        ('{"$binary":{"subType":"04","base64":"' + UUID_BASE64 + '"}}', CANONICAL_UUID),
        ('{"$uuid":"' + str(UUID) + '"}', CANONICAL_UUID),
        ('{"$uuid":"' + str(UUID).upper() + '"}', CANONICAL_UUID),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert _core.canonical_partition(text) == canonical
    assert _core.canonical_partition(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "true",
        "1.0",
        "1e3",
        "[]",
        "{}",
        "9223372036854775808",
        "-9223372036854775809",
        '"a" "b"',
        '{"$numberInt":"2147483648"}',
        '{"$numberInt":42}',
        '{"$numberLong":"9223372036854775808"}',
        '{"$numberLong":"+1"}',
        '{"$numberLong":" 1"}',
        '{"$numberLong":"1","x":1}',
        '{"$numberDouble":"1.0"}',
        '{"$oid":"651f0c0ffee65f0c0ffee65"}',
        '{"$oid":"651f0c0ffee65f0c0ffee65g"}',
        '{"$oid":5}',
        '{"$uuid":"3b241101e2bb42558caf4136c566a962"}',
        '{"$uuid":"3b241101-e2bb-4255-8caf-4136c566a96-"}',
        '{"$uuid":null}',
        '{"$binary":{"base64":"AAAA","subType":"04"}}',
        '{"$binary":{"base64":"' + UUID_BASE64 + '","subType":"00"}}',
        '{"$binary":{"base64":"' + UUID_BASE64.replace("=", "") + '","subType":"04"}}',
        '{"$binary":{"base64":"' + UUID_BASE64 + '"}}',
        '{"$binary":"' + UUID_BASE64 + '"}',
        "[" * 1000,
    ],
)
def test_what_is_no_partition_value(text: str) -> None:
    with pytest.raises(BadPartitionValueError) as caught:
        _core.canonical_partition(text)
    assert caught.value.protocol_code == 204


def test_invalid_utf8() -> None:
    with pytest.raises(BadPartitionValueError):
        _core.canonical_partition(b'"\xff"')


def test_length() -> None:
    longest = '"' + "x" * 1022 + '"'
    assert _core.canonical_partition(longest) == longest
    for text in ("", longest + " "):
        with pytest.raises(BadMessageError) as caught:
            _core.canonical_partition(text)
        assert caught.value.protocol_code == 103


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (42, '{"$numberLong":"42"}'),
        ("a/b", '"a/b"'),
        (bytes.fromhex(OID), '{"$oid":"' + OID + '"}'),
        (UUID.bytes, CANONICAL_UUID),
    ],
)
def test_values_of_clients(value: None | int | str | bytes, text: str) -> None:
    assert _core.format_partition(value) == text
    assert _core.canonical_partition(text) == text


@pytest.mark.parametrize("value", [True, 1.5, b"", bytes(13), [], {}])
def test_values_that_name_no_partition(value: object) -> None:
    with pytest.raises(TypeError):
        _core.format_partition(value)


@given(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=100) | st.none())
def test_values_round_trip(value: None | int | str) -> None:
    text = _core.format_partition(value)
    decoded = json.loads(text)
    assert value == (int(decoded["$numberLong"]) if isinstance(decoded, dict) else decoded)
    assert _core.canonical_partition(text) == text


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_random_text(text: str | bytes) -> None:
    try:
        canonical = _core.canonical_partition(text)
    except (BadMessageError, BadPartitionValueError):
        return
    assert _core.canonical_partition(canonical) == canonical
