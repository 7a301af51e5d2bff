"""JSON as the files of a configuration hold it, read within limits that hostile files cannot pass.

A text that is refused says where, by line and column. Specification: app-configuration.md 3.1.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate, islice
from typing import Any, NoReturn

# Of a file, and of the text of a function.
MOST_BYTES = 16 * 1024 * 1024
# Of arrays and objects within each other: everything that walks through a document recurs.
MOST_LEVELS = 100
# Of a number: int() takes a time that grows with the square of them.
_MOST_DIGITS = 1000

_ESCAPE = re.compile(rb"\\.", re.S)
_STRING = re.compile(rb'"[^"]*(?:"|\Z)')
_BRACKET = re.compile(rb"[\[\]{}]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Half of a character of UTF-16, alone: text that cannot be stored, sent or printed.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadText(ValueError):
    """A file that is not what it should be; the text says why, and where."""

    code = "config.bad_json"


def read_text(data: bytes) -> str:
    """Text in UTF-8, without a byte order mark. Raises BadText."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if len(data) > MOST_BYTES:
        raise BadText(f"larger than {MOST_BYTES // 1024 // 1024} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        _fail("not UTF-8", data, error.start)


def read_json(data: bytes) -> Any:
    """The value of a JSON text: extended JSON is not decoded. Raises BadText."""
    text = read_text(data)
    data = data.removeprefix(_BYTE_ORDER_MARK)
    _check_nesting(data)
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer, parse_float=_fraction)
    except json.JSONDecodeError as error:
        raise BadText(f"{error.msg}: line {error.lineno}, column {error.colno}") from None
    found = _LONE_SURROGATE.search(data)
    if found is not None and _is_unwritable(value):
        _fail("half a character (a surrogate without its other half)", data, found.start())
    return value


def _fail(why: str, data: bytes, offset: int) -> NoReturn:
    before = data[:offset]
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    line = before.count(b"\n") + 1
    raise BadText(f"{why}: line {line}, column {column}")


def _check_nesting(data: bytes) -> None:
    """Refuses too many levels before the parser, which recurs, has seen them."""
    if data.count(b"[") + data.count(b"{") <= MOST_LEVELS:
        return
    # Texts are blotted out in their length, so that offsets stay what they are.
    bare = _STRING.sub(lambda text: b" " * len(text[0]), _ESCAPE.sub(b"__", data))
    brackets = bare.translate(None, _NOT_BRACKETS)
    steps = brackets.translate(bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00"))
    levels = accumulate(steps, lambda level, step: level + step - 1)
    first = next((i for i, level in enumerate(levels) if level - 1 > MOST_LEVELS), None)
    if first is not None:
        bracket = next(islice(_BRACKET.finditer(bare), first, None))
        _fail(f"nested over {MOST_LEVELS} levels", data, bracket.start())


def _refuse(constant: str) -> NoReturn:
    raise BadText(f"{constant} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise BadText(f"a number of {len(digits):,} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise BadText(f"{digits[:40]} is larger than any number can be")
    return value


def _is_unwritable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
