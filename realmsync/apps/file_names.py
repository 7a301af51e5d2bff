"""Names of databases, collections, functions and values as names of files, and back.

Specification: app-configuration.md 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Container
from urllib.parse import unquote

# What no file system of today takes, what an escape looks like, and what readers skip.
_FORBIDDEN = re.compile(
    r'[\x00-\x1f\x7f/\\:*?"<>|]|%(?=[0-9A-Fa-f]{2})|^(?:\.|README|node_modules)'
)
_LAST = re.compile(r"[. ]$")
_OF_DEVICES = re.compile(r"^(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?=$|\.)", re.I)


def file_name(name: str) -> str:
    """A name for a file that decoded_name() turns back."""
    name = _FORBIDDEN.sub(_escape_first, name)
    return _OF_DEVICES.sub(_escape_first, _LAST.sub(_escape_first, name))


def decoded_name(name: str, known: Container[str]) -> str:
    """The name that a file's name stands for: %XX are decoded where that gives a known one."""
    decoded = unquote(name)
    return decoded if name not in known and decoded in known else name


def _escape_first(found: re.Match[str]) -> str:
    first, rest = found[0][:1], found[0][1:]
    return "".join(f"%{byte:02X}" for byte in first.encode()) + rest
