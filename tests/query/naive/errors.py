"""What refuses a query: one class, told apart by the kind that the vectors name (4, 18).

Sections are those of query-language.md.
"""

from __future__ import annotations


class Refused(Exception):
    """Text or arguments were not accepted. `kind` is a name of the vectors, `str()` the message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def syntax(message: str) -> Refused:
    """The text is none of the language."""
    return Refused("SyntaxError", message)


def invalid(message: str) -> Refused:
    """A name or a type does not fit."""
    return Refused("InvalidQuery", message)


def invalid_argument(message: str) -> Refused:
    """An argument, or the shape of an operand, does not fit."""
    return Refused("InvalidQueryArg", message)
