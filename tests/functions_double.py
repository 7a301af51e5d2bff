"""Functions of an app that are callables of the test's, and what they were called with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from realmsync.server.functions.port import AppUser, FunctionNotFound, FunctionRequest


@dataclass(frozen=True)
class Called:
    """One call."""

    name: str
    arguments: tuple[Any, ...]
    user: AppUser | None
    request: FunctionRequest | None
    from_client: bool
    for_rule: bool


class FunctionsDouble:
    """Python callables by name, which get the arguments alone, and may be coroutine functions.

    `otherwise` answers for all other names, which are not found without it. No call goes on while
    `may_go_on` is cleared; `began` says that one has come.
    """

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self.by_name = functions
        self.otherwise: Callable[..., Any] | None = None
        self.calls: list[Called] = []
        self.began = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    def answer(self, result: Any) -> None:
        """Any function gives this from now on, or raises it."""

        def give(*_: Any) -> Any:
            if isinstance(result, Exception):
                raise result
            return result

        self.otherwise = give

    def is_callable(self, name: str) -> bool:
        return name in self.by_name or self.otherwise is not None

    async def call(
        self,
        name: str,
        arguments: Sequence[Any],
        user: AppUser | None,
        request: FunctionRequest | None = None,
        *,
        from_client: bool = False,
        for_rule: bool = False,
    ) -> Any:
        function = self.by_name.get(name, self.otherwise)
        if function is None:
            raise FunctionNotFound(name)
        self.calls.append(Called(name, tuple(arguments), user, request, from_client, for_rule))
        self.began.set()
        await self.may_go_on.wait()
        result = function(*arguments)
        return await result if hasattr(result, "__await__") else result
