"""Functions of which this server has no implementation: they are known, and cannot be called.

Specification: app-configuration.md 9.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from realmsync.apps.model import App
from realmsync.server.functions.port import (
    AppUser,
    FunctionNotCallable,
    FunctionNotFound,
    FunctionRequest,
)


class NoFunctions:
    """The functions of an application, none of which is callable."""

    def __init__(self, model: App) -> None:
        self._known = model.functions

    def is_callable(self, name: str) -> bool:
        """None is."""
        return False

    async def call(
        self,
        name: str,
        arguments: Sequence[Any],
        user: AppUser | None,
        request: FunctionRequest | None = None,
        *,
        from_client: bool = False,
        for_rule: bool = False,
    ) -> NoReturn:
        """Raises FunctionNotFound or FunctionNotCallable."""
        function = self._known.get(name)
        if function is None or from_client and function.private:
            raise FunctionNotFound(name)
        raise FunctionNotCallable(name)
