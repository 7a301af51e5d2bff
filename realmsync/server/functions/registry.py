"""Functions written in Python: an application's callables, registered by name.

How they are called, with limits and for whom, is caller.py's; what they are given, context.py's.
Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from realmsync.errors import InvalidArgumentError

Registered = TypeVar("Registered", bound=Callable[..., Any])


@dataclass(frozen=True)
class PythonFunction:
    """A callable, `(context, *arguments) -> value`; may be a coroutine function."""

    name: str
    function: Callable[..., Any]
    # Not for clients: only for expressions, providers and other functions. What the configuration
    # says of a function of this name counts as well.
    private: bool = False


class AppFunctions:
    """The functions of an application that are written in Python.

    ::

        functions = AppFunctions()

        @functions.function
        async def canReadPartition(context, partition):
            return partition == f"user={context.user.id}"

        @functions.function("sumFunc")
        def add(context, *numbers):
            return sum(numbers)

    The server is given it as `serve --functions MODULE:functions`, or in AppSource.functions. A
    function is called with a FunctionContext and the arguments of the call, and returns what
    extended JSON can say: None, bool, int, float, str, list, dict, bytes, datetime, ObjectId, UUID,
    Decimal128. One that is no coroutine function runs on a thread. Its name is that of the exported
    function which it stands for, if there is one: it goes before the JavaScript.
    """

    def __init__(self) -> None:
        self._functions: dict[str, PythonFunction] = {}

    @overload
    def function(self, function: Registered) -> Registered: ...
    @overload
    def function(
        self, function: str | None = None, *, private: bool = False
    ) -> Callable[[Registered], Registered]: ...

    def function(
        self, function: Registered | str | None = None, *, private: bool = False
    ) -> Registered | Callable[[Registered], Registered]:
        """Registers a callable, as a decorator with or without its name.

        `private`: clients may not call it, only expressions, providers and functions. Raises
        InvalidArgumentError for a name that is taken or empty, and for what takes no context.
        """
        if callable(function):
            self.add(function.__name__, function)
            return function
        name = function

        def register(registered: Registered) -> Registered:
            self.add(registered.__name__ if name is None else name, registered, private=private)
            return registered

        return register

    def add(self, name: str, function: Callable[..., Any], *, private: bool = False) -> None:
        """Registers a callable under a name. Raises InvalidArgumentError as `function` does."""
        if not name or not isinstance(name, str):
            raise InvalidArgumentError(f"a function has a name, not {name!r}")
        if name in self._functions:
            raise InvalidArgumentError(f"there is a function '{name}' already")
        _require_context(name, function)
        self._functions[name] = PythonFunction(name, function, private)

    def over(self, others: Mapping[str, Callable[..., Any]]) -> AppFunctions:
        """These, and of `others` those whose names are free. Raises as `add` does."""
        functions = AppFunctions()
        functions._functions = {**self._functions}
        for name, function in others.items():
            if name not in self._functions:
                functions.add(name, function)
        return functions

    def get(self, name: str) -> PythonFunction | None:
        """The function of this name."""
        return self._functions.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __repr__(self) -> str:
        return f"AppFunctions({', '.join(sorted(self._functions))})"


def _require_context(name: str, function: object) -> None:
    if not callable(function):
        raise InvalidArgumentError(f"function '{name}' cannot be called: {function!r}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C, which may have none to be read
        return
    try:
        signature.bind_partial(None)
    except TypeError:
        raise InvalidArgumentError(
            f"function '{name}' takes a context as its first argument, and {signature} does not"
        ) from None
