"""Decimal128: raw fields on the wire, the reference's text, exact general text."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from changeset_examples import decimal_text
from realmsync import _core
from realmsync.inspect import decode_changeset, encode_changeset

PREFIX = bytes.fromhex("3f000161 0400000000 08")  # Update a[null].a = Decimal …
BIAS = 6176


def varint(value: int) -> bytes:
    magnitude, sign = (value, 0) if value >= 0 else (~value, 0x40)
    out = bytearray()
    while magnitude >> 6:
        out.append(0x80 | magnitude & 0x7F)
        magnitude >>= 7
    return bytes([*out, sign | magnitude])


def changeset(coefficient: int, exponent: int, sign: int) -> bytes:
    """Encoded independently; the coefficient's form is that of a positive integer."""
    return PREFIX + varint(coefficient) + varint(exponent) + bytes([sign, 0])


def text_of(coefficient: int, exponent: int, sign: int) -> Any:
    data = changeset(coefficient, exponent, sign)
    assert _core.Changeset.parse(data).encode() == data
    return decode_changeset(data)[0]["value"]["v"]


@pytest.mark.parametrize(
    "fields, text, encoded",
    [
        ((0, 0, 0), "0", "000000"),
        ((1, 0, 0), "1", "010000"),
        ((1050, -2, 0), "10.50", "9a084100"),
        ((0, 9184, 0), "Inf", "00e0c70000"),
        ((0, 9184, 1), "-Inf", "00e0c70001"),
        ((0, 9696, 0), "NaN", "00e0cb0000"),
        ((0, 9696, 1), "-NaN", "00e0cb0001"),
        ((0, 0, 1), "-0", "000001"),
        ((1, 20, 0), "1E20", None),
        ((1, -3, 0), "1E-3", None),
        ((123, 4, 0), "1.23E6", None),
        ((2**64 - 1, -2, 0), "184467440737095516.15", None),
        ((2**64, 0, 1), "-18446744073709551616E+0", None),
        ((2**64 << 20 | 0x123, -7, 0), "+19342813113834066795299107E-7", None),
        ((2**112, 0, 0), f"+{2**112}E+0", None),
        ((2**113 - 1, 6111, 0), f"+{2**113 - 1}E+6111", "ff" * 16 + "01df2f00"),
        (
            (1234567890123456789012345678901234, 0, 0),
            "+1234567890123456789012345678901234E+0",
            None,
        ),
        # 70 / 1.09 in 34 digits
        (
            (6422018348623853211009174311926606, -32, 0),
            "+6422018348623853211009174311926606E-32",
            None,
        ),
    ],
)
def test_reference_text(fields: tuple[int, int, int], text: str, encoded: str | None) -> None:
    assert text_of(*fields) == text
    update = decode_changeset(changeset(*fields))
    assert encode_changeset(update) == changeset(*fields)
    if encoded is not None:
        assert changeset(*fields) == PREFIX + bytes.fromhex(encoded) + b"\x00"


@given(st.integers(0, 2**113 - 1), st.integers(-BIAS, 9183), st.booleans())
@example(10**19, -3, False)
@example(0, -40, True)
def test_reference_text_keeps_every_finite_pattern(c: int, e: int, negative: bool) -> None:
    data = changeset(c, e, negative)
    instructions = decode_changeset(data)
    assert instructions[0]["value"]["v"] == decimal_text(c, e, negative)
    assert encode_changeset(instructions) == data


@given(st.integers(0, 2**113 - 1), st.integers(-BIAS, 16383 - BIAS), st.integers(0, 1))
def test_every_pattern_keeps_its_bytes(c: int, e: int, sign: int) -> None:
    if (c, e, sign) != (170, 9696, 0):
        data = changeset(c, e, sign)
        assert _core.Changeset.parse(data).encode() == data


def test_any_sign_but_zero_is_negative() -> None:
    assert decode_changeset(PREFIX + b"\x01\x00\x7f\x00")[0]["value"]["v"] == "-1"


@pytest.mark.parametrize("text", [
    "", "-", "E1", "1E", "1E+", "1.2.3", "nan", "1x", "9E9184", "Infinity", str(2**113), "1E-6177",
    "--1", "-+1",
])  # fmt: skip
def test_no_reference_text(text: str) -> None:
    update = decode_changeset(changeset(1, 0, 0))
    update[0]["value"]["v"] = text
    with pytest.raises(ValueError, match="value.v is malformed"):
        encode_changeset(update)


# -- general text ----------------------------------------------------------------------------------

CONTEXT = Context(prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[])


def bits(value: Decimal) -> tuple[int, int]:
    """The BID pattern of a finite decimal."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    coefficient = int("".join(map(str, digits)))
    pattern = coefficient | (exponent + BIAS) << 113 | sign << 127
    return pattern & (2**64 - 1), pattern >> 64


@given(st.integers(-(10**34) + 1, 10**34 - 1), st.integers(-BIAS, 6111))
@example(0, -BIAS)
@example(0, 6111)
def test_general_text_is_pythons(coefficient: int, exponent: int) -> None:
    value = Decimal(coefficient).scaleb(exponent, Context(prec=34, Emin=-9999, Emax=9999))
    assert _core.parse_decimal(str(value)) == bits(value)
    assert _core.format_decimal(*bits(value)) == str(value)


@given(st.from_regex(r"[+-]?[0-9]{0,40}\.?[0-9]{0,40}([eE][+-]?[0-9]{1,5})?", fullmatch=True))
@example("1000000000000000000000000000000000000000")
@example("0.00000000000000000000000000000000000000000000")
@example("1E6144")
@example("1E6145")
@example("10E-6177")
@example("1E-6177")
def test_general_text_is_exact_or_refused(text: str) -> None:
    try:
        exact = Decimal(text)
    except InvalidOperation:
        assert _core.parse_decimal(text) is None
        return
    rounded = CONTEXT.create_decimal(text)
    parsed = _core.parse_decimal(text)
    if rounded.is_finite() and rounded == exact:
        assert parsed is not None
        low, high = parsed
        assert high >> 63 == exact.is_signed()
        assert Decimal(_core.format_decimal(low, high)) == exact
    else:
        assert parsed is None


@pytest.mark.parametrize(
    "text, formatted",
    [
        ("Infinity", "Infinity"),
        ("-inf", "-Infinity"),
        ("+INF", "Infinity"),
        ("NaN", "NaN"),
        ("-nan", "-NaN"),
        ("1.50", "1.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1E+2", "1E+2"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1E-7"),
        ("-0", "-0"),
        ("0E-99999999999999999999", "0E-6176"),
        ("0E+99999999999999999999", "0E+6111"),
    ],
)
def test_general_text(text: str, formatted: str) -> None:
    parsed = _core.parse_decimal(text)
    assert parsed is not None
    assert _core.format_decimal(*parsed) == formatted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        ".",
        "e5",
        "1e",
        "0x1",
        "1 ",
        " 1",
        "1_000",
        "infinit",
        "²",
        "1E99999999999999999999",
    ],
)
def test_no_decimal(text: str) -> None:
    assert _core.parse_decimal(text) is None


def test_patterns_beyond_34_digits_are_zero() -> None:
    """Both forms that IEEE 754 calls non-canonical."""
    pattern = (10**34) | (BIAS - 2) << 113
    assert _core.format_decimal(pattern & (2**64 - 1), pattern >> 64) == "0.00"
    large_form = (0b11 << 125) | (BIAS + 3) << 111
    assert _core.format_decimal(large_form & (2**64 - 1), large_form >> 64) == "0E+3"
