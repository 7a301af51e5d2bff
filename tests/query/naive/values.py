"""The values a query meets: their Python classes, their order (8), folding and LIKE (10).

Strings are `str`, with a byte that is no UTF-8 as a surrogate; binary is `bytes`, decimals are
`Decimal`, doubles `float`. Everything else has a class here.

Sections are those of query-language.md.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

Value = Any  # one of the classes below, or int, bool, str, bytes, float, Decimal, None

DECIMAL128 = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, clamp=1, traps=[])


def double_of(bits: int) -> float:
    """The double of 64 bits."""
    return float(struct.unpack(">d", bits.to_bytes(8, "big"))[0])


def narrow(value: float) -> float:
    """A double, rounded to what a float can hold."""
    try:
        return float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


@dataclass(frozen=True)
class Float:
    """A 32-bit float; `value` is the same number as a double."""

    value: float


class ObjectId(bytes):
    """Twelve bytes."""


class Uuid(bytes):
    """Sixteen bytes."""


class Timestamp(NamedTuple):
    """Seconds and nanoseconds, never of opposite signs."""

    seconds: int
    nanoseconds: int


class Object:
    """One object. Two are equal only when they are the same."""

    def __init__(self, class_name: str) -> None:
        self.class_name = class_name
        self.values: dict[str, Value] = {}

    @property
    def pk(self) -> Value:
        """The primary key."""
        return self.values["_id"]


@dataclass(frozen=True)
class Link:
    """What a link or a mixed value points to; `target` is None when there is no such object."""

    class_name: str
    pk: Value
    target: Object | None


class List(list[Value]):
    """A list or a set's elements in order."""


class Dictionary(dict[str, Value]):
    """Keys and values, in the order of the keys."""


KINDS: list[tuple[type, str]] = [
    (bool, "bool"),
    (int, "int"),
    (Float, "float"),
    (float, "double"),
    (Decimal, "decimal128"),
    (str, "string"),
    (ObjectId, "objectId"),
    (Uuid, "uuid"),
    (bytes, "binary"),
    (Timestamp, "timestamp"),
    (Link, "typedLink"),
    (Object, "link"),
    (List, "list"),
    (Dictionary, "dictionary"),
]
NUMBERS = ("int", "float", "double", "decimal128")


def kind(value: Value) -> str:
    """The name of a value's type as messages use it (5.1)."""
    if value is None:
        return "null"
    return next(name for cls, name in KINDS if isinstance(value, cls))


def string_bytes(value: str) -> bytes:
    """The bytes of a string."""
    return value.encode("utf-8", "surrogateescape")


def string_from(raw: bytes) -> str:
    """The string of bytes."""
    return raw.decode("utf-8", "surrogateescape")


def rounded(value: float, digits: int) -> Decimal:
    """A binary number as a decimal of so many significant digits (6)."""
    if math.isnan(value):
        return Decimal("-NaN" if math.copysign(1, value) < 0 else "NaN")
    if math.isinf(value):
        return Decimal("Infinity" if value > 0 else "-Infinity")
    if value == 0:
        return Decimal("-0" if math.copysign(1, value) < 0 else "0")
    exact = Decimal(value)
    if len(exact.as_tuple().digits) <= digits:
        return exact
    exponent = exact.adjusted() - digits + 1
    result = exact.quantize(Decimal((0, (1,), exponent)), ROUND_HALF_EVEN, Context(prec=2000))
    if len(result.as_tuple().digits) > digits:  # 9.99.. became 10.0
        result = result.quantize(
            Decimal((0, (1,), exponent + 1)), ROUND_HALF_EVEN, Context(prec=2000)
        )
    return DECIMAL128.plus(result)


def to_decimal(value: Value) -> Decimal:
    """A number of any kind as Decimal128 (8.2): doubles by 15 digits, floats by 7."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, Float):
        return rounded(value.value, 7)
    if isinstance(value, float):
        return rounded(value, 15)
    return Decimal(value)


def is_nan(value: Value) -> bool:
    """Whether a number is none."""
    if isinstance(value, Float):
        value = value.value
    return isinstance(value, float | Decimal) and value != value


def nan_identity(value: Value) -> bytes:
    """What two NaN must have in common to be equal (8.3): their bits."""
    if isinstance(value, Decimal):
        return str(value).encode()
    return struct.pack(">d", value.value if isinstance(value, Float) else value)


def compare_numbers(left: Value, right: Value) -> int:
    """Below zero, zero or above: the total order of numbers, NaN below all (8.2, 8.3)."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        left, right = to_decimal(left), to_decimal(right)
    if is_nan(left) or is_nan(right):
        if is_nan(left) and is_nan(right):
            bits, others = nan_identity(left), nan_identity(right)
            return (bits > others) - (bits < others)
        return -1 if is_nan(left) else 1
    a = left.value if isinstance(left, Float) else left
    b = right.value if isinstance(right, Float) else right
    return (a > b) - (a < b)


def comparable(left: Value, right: Value) -> bool:
    """Whether two values that are not null are of one group (8.4)."""
    a, b = kind(left), kind(right)
    return a == b or (a in NUMBERS and b in NUMBERS)


def compare(left: Value, right: Value) -> int:
    """Below zero, zero or above, of two comparable values (8.2)."""
    if kind(left) in NUMBERS:
        return compare_numbers(left, right)
    if isinstance(left, str):
        left, right = string_bytes(left), string_bytes(right)
    if isinstance(left, Link):
        a, b = left.class_name, right.class_name
        return (a > b) - (a < b) or across(left.pk, right.pk)
    if isinstance(left, List | Dictionary):
        return compare_elements(left, right)
    if isinstance(left, Object):
        return 0 if same(left, right) else -1
    return (
        (bytes(left) > bytes(right)) - (bytes(left) < bytes(right))
        if isinstance(left, bytes)
        else (left > right) - (left < right)
    )


def compare_elements(left: Value, right: Value) -> int:
    """Two collections of one kind, element by element, keys before values."""
    if isinstance(left, Dictionary):
        left, right = ([*sum(d.items(), ())] for d in (left, right))
    for a, b in zip(left, right, strict=False):
        if result := across(a, b):
            return result
    return (len(left) > len(right)) - (len(left) < len(right))


def same(left: Value, right: Value) -> bool:
    """Equality of links, by target."""
    if isinstance(left, Link) and isinstance(right, Link):
        return left.class_name == right.class_name and left.pk == right.pk
    return isinstance(left, Object) and left is right


GROUPS = [
    "null",
    "bool",
    "number",
    "string",
    "binary",
    "timestamp",
    "objectId",
    "uuid",
    "typedLink",
    "link",
]
GROUPS += ["list", "set", "dictionary"]


def across(left: Value, right: Value) -> int:
    """The order across types (8.4), for aggregates and sorting."""
    a, b = (GROUPS.index("number" if kind(v) in NUMBERS else kind(v)) for v in (left, right))
    if a != b:
        return -1 if a < b else 1
    return 0 if left is None else compare(left, right)


def fold(value: str | bytes) -> bytes:
    """Upper case of ASCII and of Latin-1 letters; nothing else changes (10.5)."""
    text = string_from(bytes(value)) if isinstance(value, bytes) else value
    folded = "".join(
        chr(ord(c) - 0x20) if "a" <= c <= "z" or (0xE0 <= ord(c) <= 0xFE and ord(c) != 0xF7) else c
        for c in text
    )
    return string_bytes(folded)


def characters(raw: bytes) -> list[bytes]:
    """The code points of a text, each as its bytes."""
    return [string_bytes(c) for c in string_from(raw)]


def like(text: bytes, pattern: bytes) -> bool:
    """Whether a pattern of `*` and `?` matches the whole text; `**` means `*` (10.6)."""
    letters, wanted = characters(text), characters(pattern)
    reached = {0}
    for element in wanted:
        if element == b"*":
            reached = set(range(min(reached), len(letters) + 1)) if reached else set()
        else:
            reached = {
                at + 1 for at in reached if at < len(letters) and element in (b"?", letters[at])
            }
    return len(letters) in reached
