"""The tokens of a text: the longest match, of equally long ones the earlier row (2).

Sections are those of query-language.md.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from query.naive.errors import syntax


class Token(NamedTuple):
    """What was read: the name of a row, and its bytes."""

    name: str
    text: bytes


HEX = rb"[0-9a-fA-F]"
UTF8 = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}"
EXPONENT = rb"(?:[eE][+-]?[0-9]+)?"
ESCAPE = rb"\\(?:[\"'/bfnrt0\\]|u" + HEX + rb"{4})"


def words(spellings: str) -> bytes:
    """A pattern of words in any case."""
    return b"(?i:" + spellings.replace(" ", "|").encode() + b")"


WORDS = [
    ("and", rb"&&|" + words("and")),
    ("or", rb"\|\||" + words("or")),
    ("not", rb"!|not|NOT"),
    ("any", rb"any|ANY|some|SOME"),
    ("all", rb"all|ALL"),
    ("none", rb"none|NONE"),
    *(
        (w, words(w))
        for w in ["beginswith", "endswith", "contains", "text", "like", "between", "geowithin"]
    ),
    *((w, words(w)) for w in ["truepredicate", "falsepredicate", "sort", "distinct", "limit"]),
    ("asc", words("asc ascending")),
    ("desc", words("desc descending")),
    ("binary", words("bin binary")),
    *((w, words(w)) for w in ["obj", "subquery", "geobox", "geopolygon", "geocircle"]),
    ("@size", rb"@size|@count"),
    *(
        (w, w.encode())
        for w in ["@max", "@min", "@sum", "@avg", "@links", "@type", "@keys", "@values"]
    ),
    ("first", rb"FIRST|first"),
    ("last", rb"LAST|last"),
    ("size", rb"SIZE|size"),
    ("case", rb"\[c\]"),
    ("true", rb"true|TRUE"),
    ("false", rb"false|FALSE"),
    ("infinity", rb"[+-]?(?i:infinity|inf)"),
    ("nan", rb"[+-]?(?i:nan)"),
    ("null", words("null nil")),
]
ROWS = [
    *((c, re.escape(c.encode())) for c in "+-*/"),
    ("==", rb"==?"),
    ("in", rb"in|IN"),
    ("!=", rb"!=|<>"),
    ("<", rb"<"),
    (">", rb">"),
    *((c, re.escape(c.encode())) for c in "[],(){}."),
    ("<=", rb"<=|=<"),
    (">=", rb">=|=>"),
    *WORDS,
    ("uuid", rb"uuid\(" + HEX + rb"{8}-" + (HEX + rb"{4}-") * 3 + HEX + rb"{12}\)"),
    ("oid", rb"oid\(" + HEX + rb"{24}\)"),
    (
        "timestamp",
        rb"T[+-]?[0-9]+:[+-]?[0-9]+|[0-9]+-[0-9]+-[0-9]+[@T][0-9]+:[0-9]+:[0-9]+(?::[0-9]+)?",
    ),
    ("link", rb"O[0-9]+"),
    ("typed link", rb"L[0-9]+:[0-9]+"),
    ("natural0", rb"[0-9]+"),
    ("argument", rb"\$[0-9]+"),
    ("keypath", rb"\$K[0-9]+"),
    ("number", rb"[+-]?[0-9]+|0[xX]" + HEX + rb"+"),
    (
        "float",
        rb"[+-]?(?:[0-9]+\.[0-9]+|[0-9]+\.|\.[0-9]+|[0-9]+)" + EXPONENT + rb"f?",
    ),
    ("base64", rb'B64"[A-Za-z0-9/+=]*"'),
    (
        "string",
        rb'"(?:[^"\\]|' + ESCAPE + rb')*"|' + rb"'(?:[^'\\]|" + ESCAPE + rb")*'",
    ),
    (
        "identifier",
        rb"(?:[A-Za-z_$]|" + UTF8 + rb")(?:[A-Za-z0-9_$-]|\\[ nrt]|" + UTF8 + rb")*",
    ),
]


def longest(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """How far a pattern matches, or -1."""
    match = pattern.match(text, at)
    return match.end() if match else -1


# Python takes the first alternative that fits, not the longest: each is a pattern of its own.
PATTERNS: list[tuple[str, list[re.Pattern[bytes]]]] = []


def alternatives(pattern: bytes) -> list[bytes]:
    """A pattern cut at its outermost bars."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(pattern):
        c = pattern[at : at + 1]
        if c == b"\\":
            at += 1
        elif c == b"[":
            at = pattern.index(b"]", at + 2)
        elif c == b"(":
            depth += 1
        elif c == b")":
            depth -= 1
        elif c == b"|" and depth == 0:
            parts.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*parts, pattern[start:]]


for _name, _pattern in ROWS:
    _whole = _pattern
    if _whole.startswith(b"(?i:") and _whole.endswith(b")"):
        PATTERNS.append((_name, [re.compile(b"(?i:" + p + b")") for p in _whole[4:-1].split(b"|")]))
    else:
        PATTERNS.append((_name, [re.compile(p, re.DOTALL) for p in alternatives(_whole)]))


def tokens(text: bytes, whole: str) -> list[Token]:
    """All tokens of a text, closed by one named `end of file`."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
            continue
        best, end = "", at
        for name, patterns in PATTERNS:
            reach = max(longest(p, text, at) for p in patterns)
            if reach > end:
                best, end = name, reach
        if end == at or b"\0" in text[at:end]:
            shown = text[at : at + 1].decode("latin-1")
            raise syntax(f"Invalid predicate: '{whole}': invalid character: {shown}")
        found.append(Token(best, text[at:end]))
        at = end
    return [*found, Token("end of file", b"")]
