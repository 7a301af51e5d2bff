"""How values, keys and indexes are written in descriptions and messages (19.2).

Sections are those of query-language.md.
"""

from __future__ import annotations

import base64
import math
from decimal import Decimal

from query.naive.errors import invalid_argument
from query.naive.syntax import Element, Every, Index, Key
from query.naive.values import (
    Float,
    Link,
    Object,
    ObjectId,
    Timestamp,
    Uuid,
    Value,
    is_nan,
    string_bytes,
)

BARE = frozenset(b"{|}~:;<=>?@!#$%&()*+,-./[]^_` ") | frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)


def number(value: float, digits: int) -> str:
    """A binary number by so many digits at most."""
    if math.isnan(value):
        return "-nan" if math.copysign(1, value) < 0 else "nan"
    return f"{value:.{digits}g}"


def decimal(value: Decimal) -> str:
    """A decimal: the point moves only as far to the left as the exponent asks."""
    sign, digits, exponent = value.as_tuple()
    minus = "-" if sign else ""
    if is_nan(value):
        return minus + "NaN"
    if not isinstance(exponent, int):
        return minus + "Inf"
    coefficient = "".join(map(str, digits)).lstrip("0") or "0"
    if int(coefficient) >= 2**64:
        return f"{minus or '+'}{coefficient}E{exponent:+d}"
    if exponent == 0:
        return minus + coefficient
    if exponent > 0 or coefficient == "0" and exponent < 0 and len(coefficient) <= -exponent:
        return scientific(minus, coefficient, exponent)
    whole = len(coefficient) + exponent
    if whole > 0:
        return f"{minus}{coefficient[:whole]}.{coefficient[whole:]}"
    return scientific(minus, coefficient, exponent)


def scientific(minus: str, coefficient: str, exponent: int) -> str:
    """One digit before the point, and an exponent."""
    tail = coefficient[1:]
    power = exponent + len(tail)
    return f"{minus}{coefficient[0]}{'.' + tail if tail else ''}E{power}"


def quoted(raw: bytes) -> str:
    """Between quotes when nothing needs to be escaped, as base64 otherwise."""
    plain = all(byte in BARE or byte >= 0x80 for byte in raw)
    if plain:
        try:
            return f'"{raw.decode()}"'
        except UnicodeDecodeError:
            pass
    return f'B64"{base64.b64encode(raw).decode()}"'


def link(class_name: str, pk: Value) -> str:
    """`obj(..)`; there is no blank behind the comma."""
    return f'obj("class_{class_name}",{constant(pk) if pk is not None else "null"})'


def constant(value: Value, digits: int | None = None) -> str:
    """A value; `digits` is what mixed constants and lists leave of a binary number."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Float):
        return number(value.value, digits or 9)
    if isinstance(value, float):
        return number(value, digits or 17)
    if isinstance(value, Decimal):
        return decimal(value)
    if isinstance(value, str):
        return quoted(string_bytes(value))
    if isinstance(value, ObjectId):
        return f"oid({value.hex()})"
    if isinstance(value, Uuid):
        h = value.hex()
        return f"uuid({h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]})"
    if isinstance(value, bytes):
        return f"binary({quoted(value)})"
    if isinstance(value, Timestamp):
        return f"T{value.seconds}:{value.nanoseconds}"
    if isinstance(value, Link):
        return link(value.class_name, value.pk)
    assert isinstance(value, Object)
    return link(value.class_name, value.pk)


def element(step: Element) -> str:
    """What stands between the brackets of an index, in messages."""
    if isinstance(step, Index):
        return {0: "FIRST", -1: "LAST"}.get(step.number, str(step.number))
    if isinstance(step, Every):
        return "*"
    assert isinstance(step, Key)
    return step.name


def bracket(step: Element) -> str:
    """One step behind a property."""
    if step == Key("@keys"):
        return ".@keys"
    return f"['{step.name}']" if isinstance(step, Key) else f"[{element(step)}]"


def column(name: str) -> str:
    """A property's name with blanks escaped."""
    for plain, escaped in ((" ", "\\ "), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        name = name.replace(plain, escaped)
    return name


TYPE_NAMES: dict[str, tuple[int, str]] = {}
for _mask, _names in (
    (1, "null"),
    (2, "int integer int16 int32 int64 short long byte char"),
    (0x10, "bool boolean"),
    (0x40, "string"),
    (0x80, "binary data bytearray byte[] bindata"),
    (0x20, "date datetimeoffset timestamp"),
    (8, "float"),
    (4, "double"),
    (0x400, "decimal128 decimal"),
    (0x800, "objectlink link"),
    (0x200, "objectid"),
    (0x100, "uuid guid"),
    (2 + 4 + 8 + 0x400, "numeric"),
    (0x1000, "object dictionary"),
    (0x2000, "array list"),
    (0x3000, "collection"),
):
    for _name in _names.split():
        TYPE_NAMES[_name] = (_mask, _names.split()[0])
LISTED = (
    "null int integer int16 int32 int64 short long byte char bool boolean string binary data"
    " bytearray byte[] date datetimeoffset timestamp float double decimal128 decimal objectlink"
    " link objectid uuid guid numeric bindata object dictionary array list collection"
)


class TypeName:
    """The name of a type or of a group of them: what `@type` is, and is compared with."""

    def __init__(self, text: str) -> None:
        if text.lower() not in TYPE_NAMES:
            known = LISTED.replace(" ", ", ")
            raise invalid_argument(
                f"Unable to parse the type attribute string '{text}', "
                f"supported case insensitive values are: [{known}]"
            )
        self.mask, self.name = TYPE_NAMES[text.lower()]
