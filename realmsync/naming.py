"""Names that somebody got wrong: unknown fields, keys and attributes, and what was meant by them.

A name that is taken and dropped is a setting or a value that is lost, so all are refused, with the
nearest one that there is. Nothing here runs before something has failed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from realmsync.errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    InvalidPropertyError,
    RealmError,
)

C = TypeVar("C", bound=type[Any])


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`. Did you mean 'x'?`, with the nearest of the known names, or an empty text.

    Names that differ in case and underscores only, as Realm's JavaScript names do, come first.
    """
    if not isinstance(name, str):
        return ""
    import difflib

    names = list(known)
    near = [k for k in names if _letters(k) == _letters(name)]
    near += difflib.get_close_matches(name, names, n=1)
    return f". Did you mean {near[0]!r}?" if near else ""


NAMED = 10  # names in a message


def meant_or_known(name: str, known: Iterable[str]) -> str:
    """`. Did you mean 'x'?`, or `. It has a, b, …` where no name is near; or a full stop."""
    names = sorted(known)
    if not names:
        return "."
    more = ", …" if len(names) > NAMED else ""
    return did_you_mean(name, names) or f". It has {', '.join(names[:NAMED])}{more}"


def _letters(name: str) -> str:
    return name.replace("_", "").casefold()


def shown(value: object) -> str:
    """A value that is refused, as messages name it; what is to be awaited says so."""
    return f"{value!r}: is an `await` missing?" if inspect.isawaitable(value) else repr(value)


def no_property(cls: str, name: object, stored: Mapping[str, str]) -> str:
    """That a class lacks a property, and what was meant. `stored`: names in the file, by name."""
    text = f"'{cls}' has no property {name!r}"
    for known, in_file in stored.items():
        if in_file == name:
            return f"{text}: this is the name in the file of {known!r}"
    return text + did_you_mean(name, stored)


def require_fields(what: str, given: Iterable[object], known: Iterable[str]) -> None:
    """InvalidArgumentError for the first given name that is not known."""
    names = list(known)
    for name in given:
        if name not in names:
            raise InvalidArgumentError(f"{what} has no field {name!r}{did_you_mean(name, names)}")


def fields_by_name(cls: C) -> C:
    """Has a dataclass refuse unknown fields with InvalidArgumentError, which names what was meant.

    Type checkers find them by the dataclass alone.
    """
    known = list(inspect.signature(cls).parameters)
    initialise: Callable[..., None] = cls.__init__

    @functools.wraps(initialise)
    def __init__(self: Any, *values: Any, **by_name: Any) -> None:
        require_fields(cls.__name__, by_name, known)
        try:
            initialise(self, *values, **by_name)
        except RealmError:
            raise
        except TypeError as error:  # a field is missing
            raise ArgumentTypeError(str(error)) from error

    cls.__init__ = __init__
    return cls


class Explained:
    """Base of classes that say of an attribute they lack what was meant, or why it is missing.

    `_not_there` has the names that people look for, with what there is to say, and `_instead` what
    there is to say of every other one.
    """

    __slots__ = ()
    _not_there: ClassVar[Mapping[str, str]] = {}
    _instead: ClassVar[str] = ""

    if not TYPE_CHECKING:  # for checkers a missing attribute stays one

        def __getattr__(self, name: str) -> Any:
            kind = type(self)
            text = f"'{kind.__name__}' has no attribute {name!r}"
            if name in kind._not_there:
                text += f": {kind._not_there[name]}"
            elif kind._instead:
                text += f": {kind._instead}"
            elif not name.startswith("_"):
                text += did_you_mean(name, [n for n in dir(self) if not n.startswith("_")])
            raise InvalidPropertyError(text)
