"""What requests carry and replies bring, in extended JSON: arguments, results, custom data.

What a program gives is looked at before it is sent, so that nothing arrives as something else.
Specification: app-services-http.md sections 4.2, 13.1 and 18.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from realmsync.codes import AppCode
from realmsync.errors import AppError, ArgumentTypeError
from realmsync.values import Timestamp


def encoded(body: Mapping[str, Any]) -> str:
    """A body in canonical extended JSON. ArgumentTypeError for what that cannot say."""
    from realmsync import ejson  # only requests need it

    try:
        return ejson.dumps(_sendable(body))
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ArgumentTypeError(f"a request cannot carry this as JSON: {error}") from error


def decoded(text: str) -> Any:
    """The value that a reply is. Raises AppError (BadBsonParse)."""
    from realmsync import ejson

    try:
        return ejson.loads(text)
    except ValueError as error:
        raise AppError(f"reply is no extended JSON: {error}", AppCode.BadBsonParse) from None


def decoded_members(members: Mapping[str, Any]) -> dict[str, Any]:
    """What an object of JSON says of a user. Raises ValueError."""
    if not members:
        return {}
    from realmsync import ejson

    # An extended form alone is a value, and no object.
    return {name: ejson.decode(value) for name, value in members.items()}


def _sendable(value: Any) -> Any:
    """The same in types that the encoder takes as they are meant. Raises TypeError, ValueError."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | bytes | bool) or value is None:
        return value
    if isinstance(value, float):  # of subclasses the encoder takes the repr
        return float(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit 64 bits")
    if isinstance(value, Timestamp):
        value = value.to_datetime()
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise ValueError("a datetime needs a time zone")
    if isinstance(value, Mapping):
        return {_name(name): _sendable(member) for name, member in value.items()}
    if isinstance(value, Sequence):
        return [_sendable(item) for item in value]
    if isinstance(value, Iterable):  # the encoder would take it for an array, in any order
        raise TypeError(f"{type(value).__name__} is neither a list nor a mapping")
    return value


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"names of members are texts, not {name!r}")
    return name
