"""`user.functions`: the app's functions as attributes.

The request is made by the app (app.py). Specification: node-sdk-surface.md section 3.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any


class Functions:
    """The functions of an app, called as a user: `await user.functions.sum(1, 2)`.

    Every name is taken for that of a function, whether the server has it or not. Names that Python
    cannot spell are called with `user.call_function`.
    """

    __slots__ = ("__call",)

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self.__call = call

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("__") and name.endswith("__"):  # Python's own: copy, pickle, inspect
            raise AttributeError(name)
        return functools.partial(self.__call, name)
