"""Constants and arguments, converted to the type of the other side (5, 6).

Sections are those of query-language.md.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import math
import re
from decimal import Decimal, InvalidOperation

from query.naive import syntax, wording
from query.naive.dataset import Dataset
from query.naive.errors import invalid, invalid_argument
from query.naive.errors import syntax as refusal
from query.naive.operands import Constant, ConstantList, Operand
from query.naive.parser import natural, unquoted
from query.naive.values import (
    DECIMAL128,
    NUMBERS,
    Float,
    Link,
    List,
    ObjectId,
    Timestamp,
    Uuid,
    Value,
    is_nan,
    kind,
    narrow,
    rounded,
    string_from,
)


class Constants:
    """What literals and arguments of one query are worth."""

    def __init__(self, data: Dataset, arguments: list[Value]) -> None:
        self.data = data
        self.arguments = arguments

    def argument(self, number: int) -> Value:
        """An argument by its number."""
        have = len(self.arguments)
        if number < have:
            return self.arguments[number]
        if not have:
            raise invalid_argument(
                f"Request for argument at index {number} but no arguments are provided"
            )
        plural = "argument is" if have == 1 else "arguments are"
        raise invalid_argument(
            f"Request for argument at index {number} but only {have} {plural} provided"
        )

    def bind(self, literal: syntax.Literal, hint: str) -> Operand:
        """A constant as an operand; `hint` is the type of the other side, or empty."""
        if literal.name == "argument":
            return self.bind_argument(literal, hint)
        value = self.value(literal, hint)
        if value is None:
            return Constant(None, hint if hint in ("string", "binary") else "null")
        if hint == "@type" and isinstance(value, str):
            value = wording.TypeName(value)
            return Constant(value, "@type")
        return Constant(value, kind(value))

    def bind_argument(self, literal: syntax.Literal, hint: str) -> Operand:
        """`$n`."""
        number = int(literal.text[1:])
        value = self.argument(number)
        if literal.quantifier and not isinstance(value, List):
            raise invalid(
                "ANY/ALL/NONE are only allowed on arguments which contain a list but "
                f"'${number}' is not a list."
            )
        if isinstance(value, List):
            if hint == "@type":
                raise invalid_argument("A list of @type is no argument")
            return ConstantList([self.member(v, hint) for v in value], literal.quantifier)
        if value is None:
            return Constant(None, hint if hint in ("string", "binary") else "null")
        converted = self.converted(value, hint)
        self.check_argument(number, value, converted, hint)
        if hint == "@type":
            return Constant(wording.TypeName(value), "@type")
        return Constant(converted, kind(converted))

    def check_argument(self, number: int, value: Value, converted: Value, hint: str) -> None:
        """An argument has to be comparable with the other side (6)."""
        if not hint or hint == "mixed" or kind(converted) == hint:
            return
        if kind(converted) in NUMBERS and hint in NUMBERS:
            return
        if isinstance(value, Link):
            if hint != "link":
                pk = wording.constant(value.pk)
                raise invalid_argument(
                    f"Cannot compare ${number} which links to '{value.class_name}' "
                    f"with primary key '{pk}' to a {hint}"
                )
            return
        if hint == "@type" and isinstance(value, str):
            return
        shown = wording.constant(value, 6)
        raise invalid_argument(
            f"Cannot compare argument ${number} with value '{shown}' to a {hint}"
        )

    def converted(self, value: Value, hint: str) -> Value:
        """An argument by the rules of the table (5.4)."""
        if isinstance(value, str):
            return from_string(value, hint)
        if isinstance(value, Float | float | Decimal) and hint == "int":
            if is_nan(value):
                if isinstance(value, Float):
                    raise invalid("NaN not supported for int")
                return value
            plain = value.value if isinstance(value, Float) else value
            if plain in (math.inf, -math.inf) and not isinstance(value, Decimal):
                raise invalid("Infinity not supported for int")
            return whole(value, plain)
        if hint == "float" and isinstance(value, float):
            return Float(narrow(value))
        if hint == "decimal128" and isinstance(value, float):
            return rounded(value, 15)
        if hint == "decimal128" and kind(value) == "int":
            return Decimal(value)
        return value

    def member(self, value: Value, hint: str) -> Value:
        """An element of a list argument: as an argument, but decimals stay."""
        return value if isinstance(value, Decimal) else self.converted(value, hint)

    def listing(self, listing: syntax.Listing, hint: str) -> ConstantList:
        """`{..}`."""
        values: list[Value] = []
        for literal in listing.members:
            if literal.name == "argument":
                number = int(literal.text[1:])
                if isinstance(self.argument(number), List):
                    raise invalid_argument(
                        f"Request for scalar argument at index {number} but a list was provided"
                    )
            bound = self.bind(literal, hint)
            assert isinstance(bound, Constant)
            if hint == "@type" and bound.type != "@type":
                raise invalid(f"Invalid constant inside constant list: {bound.text('')}")
            values.append(bound.value)
        kind_of = "@type" if hint == "@type" else "mixed"
        return ConstantList(values, listing.quantifier, kind_of)

    def value(self, literal: syntax.Literal, hint: str) -> Value:
        """A literal's value."""
        name, text = literal.name, literal.text
        if name in ("natural0", "number"):
            return self.whole_literal(text, hint)
        if name == "float":
            return self.float_literal(text, hint)
        if name in ("infinity", "nan"):
            return special(name, text, hint)
        if name == "string":
            return from_string(unquoted(text), hint)
        if name == "base64":
            raw = base64_value(text)
            return raw if hint == "binary" else from_string(string_from(raw), hint)
        if name in ("true", "false"):
            return name == "true"
        if name == "null":
            return None
        if name == "uuid":
            return Uuid.fromhex(text[5:-1].decode().replace("-", ""))
        if name == "oid":
            return ObjectId.fromhex(text[4:-1].decode())
        if name == "timestamp":
            return timestamp(text.decode())
        if name == "binary":
            assert literal.inner is not None
            raw = literal.inner.text
            return base64_value(raw) if literal.inner.name == "base64" else raw[1:-1]
        assert name == "obj", name
        return self.object(literal)

    def whole_literal(self, text: bytes, hint: str) -> Value:
        """Digits: an int, or a decimal from the same text."""
        number = natural(text)
        return Decimal(number) if hint == "decimal128" else number

    def float_literal(self, text: bytes, hint: str) -> Value:
        """A number with a point, an exponent or an `f`."""
        plain = text.decode().rstrip("f")
        number = float(plain)
        if hint == "decimal128" and not text.endswith(b"f"):
            return DECIMAL128.create_decimal(plain)
        value = Float(narrow(number)) if hint == "float" or text.endswith(b"f") else number
        return whole(value, number) if hint == "int" else value

    def object(self, literal: syntax.Literal) -> Value:
        """`obj(class, key)`: null when there is no such object (5.2)."""
        name = unquoted(literal.text)
        plain = name.removeprefix("class_")
        if plain not in self.data.classes:
            raise invalid(f"Unknown object type '{name}'")
        assert literal.inner is not None
        if literal.inner.name == "argument":
            pk = self.argument(int(literal.inner.text[1:]))
        else:
            pk = self.value(literal.inner, "")
        target = self.data.find(plain, pk)
        return Link(plain, pk, target) if target else None


def whole(value: Value, plain: float | Decimal) -> Value:
    """The same number as an int when it is one."""
    exact = Decimal(plain)
    if exact.is_finite() and -(2**63) <= exact < 2**63 and exact == int(exact):
        return int(exact)
    return value


def special(name: str, text: bytes, hint: str) -> Value:
    """Infinities and NaN (5.4)."""
    negative = text.startswith(b"-")
    if name == "infinity" and hint not in ("float", "double", "decimal128", "mixed", ""):
        raise invalid(f"Infinity not supported for {hint}")
    word = ("Infinity" if name == "infinity" else "NaN") if hint == "decimal128" else name
    if hint == "decimal128":
        return Decimal(("-" if negative else "") + word)
    number = math.inf if name == "infinity" else math.nan
    number = math.copysign(number, -1 if negative else 1)
    return Float(number) if hint == "float" else number


def from_string(text: str, hint: str) -> Value:
    """A string where a number is wanted: its leading number, or itself when there is none."""
    if hint == "int":
        match = re.match(r"[ \t\n\r\v\f]*([+-]?[0-9]+)", text)
        return max(-(2**63), min(2**63 - 1, int(match[1]))) if match else text
    if hint in ("float", "double"):
        match = re.match(
            r"[ \t\n\r\v\f]*([+-]?(?:infinity|inf|nan|"
            r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))",
            text,
            re.IGNORECASE,
        )
        if not match:
            return text
        return Float(narrow(float(match[1]))) if hint == "float" else float(match[1])
    if hint == "decimal128":
        try:
            number = DECIMAL128.create_decimal(text)
        except InvalidOperation:
            return text
        return text if is_nan(number) else number
    return text


def base64_value(text: bytes) -> bytes:
    """The bytes of a base64 literal."""
    try:
        return base64.b64decode(text[4:-1], validate=True)
    except binascii.Error:
        raise refusal("Invalid base64 value") from None


def timestamp(text: str) -> Timestamp:
    """Both forms (5.3); readable dates keep all their bits."""
    if text.startswith("T"):
        seconds, nanoseconds = (natural(part.encode()) for part in text[1:].split(":"))
        if seconds * nanoseconds < 0:
            raise refusal("Invalid timestamp format")
        if abs(nanoseconds) >= 10**9:
            raise refusal("Invalid timestamp format")
        return Timestamp(seconds, nanoseconds)
    numbers = [int(part) for part in re.split("[-@T:]", text)]
    year, month, day, hours, minutes, second = numbers[:6]
    if year < 1900:
        raise invalid("Conversion of dates before 1900 is not supported.")
    nanoseconds = numbers[6] if len(numbers) > 6 else 0
    if nanoseconds >= 10**9:
        raise refusal("Invalid timestamp format")
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    seconds = calendar.timegm((year, month, 1, 0, 0, 0)) + (day - 1) * 86400
    seconds += hours * 3600 + minutes * 60 + second
    return Timestamp(seconds, -nanoseconds if seconds < 0 else nanoseconds)
