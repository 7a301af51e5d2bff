"""Calls an application's functions: Python before JavaScript, with limits of time and depth.

Which name means what, who may call it and as whom is decided here; how one call is made in each
language is in call.py. Specification: app-configuration.md 6.6 and 9.1.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from realmsync.apps.model import App, Function
from realmsync.server.addresses import neighbourhood
from realmsync.server.functions.call import Call, Languages
from realmsync.server.functions.port import (
    AppUser,
    FunctionFailed,
    FunctionForbidden,
    FunctionNotFound,
    FunctionRequest,
)
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

# Functions that call each other.
_DEPTH = 16
_SYSTEM = AppUser("", "server")

_depth: ContextVar[int] = ContextVar("function_depth", default=0)

# Whether a function's can_evaluate allows a call by this user.
MayCall = Callable[[Function, AppUser, FunctionRequest | None], Awaitable[bool]]
# The user with an id, for functions that run as a certain one.
UserOf = Callable[[str], Awaitable[AppUser | None]]
# Hears what has failed, as an entry of the app's log.
Failed = Callable[[dict[str, Any]], None]


class FunctionCaller:
    """The functions of one application (port.py). `app` gives the model that is in force."""

    def __init__(
        self,
        app: Callable[[], App],
        languages: Languages,
        may_call: MayCall,
        user_of: UserOf,
        failed: Failed = lambda entry: None,
    ) -> None:
        self._app = app
        self.languages = languages
        self._may_call = may_call
        self._user_of = user_of
        self._failed = failed

    async def close(self) -> None:
        """Ends what runs."""
        await self.languages.close()

    def is_callable(self, name: str) -> bool:
        """Whether a call of it would reach an implementation."""
        return self.languages.has(name, self._app().functions.get(name))

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
        """Calls it as this user; None is the system. See port.py."""
        caller = _caller(user, request)
        try:
            return await self._call(
                name, arguments, user, request, caller, from_client=from_client, for_rule=for_rule
            )
        except FunctionFailed as error:
            self._tell(name, caller, error)
            raise

    def _tell(self, name: str, caller: str, error: FunctionFailed) -> None:
        """Tells operators what the caller learns, and where in the source that was."""
        app, text, place = self._app().id, one_line(str(error)), one_line(error.place)
        _logger.warning(
            "app %s: function '%s' failed for %s: %s%s",
            app,
            one_line(name),
            one_line(caller) or "the system",
            text,
            place and f" ({place})",
        )
        entry = {"type": "function", "function_name": name, "user_id": caller, "error": text}
        self._failed(entry | {"place": place, "completed": int(time.time())})

    async def _call(
        self,
        name: str,
        arguments: Sequence[Any],
        user: AppUser | None,
        request: FunctionRequest | None,
        caller: str,
        *,
        from_client: bool = False,
        for_rule: bool = False,
    ) -> Any:
        app = self._app()
        exported = app.functions.get(name)
        if (from_client and self.languages.is_private(name, exported)) or (
            exported is None and not self.languages.has(name, None)
        ):
            raise FunctionNotFound(name)
        if exported is not None:
            if from_client and not await self._may_call(exported, user or _SYSTEM, request):
                raise FunctionForbidden(f"function '{name}' may not be called by this user")
            user = await self._run_as(exported, user)

        async def execute(other: str, given: Sequence[Any]) -> Any:
            return await self._call(other, given, user, request, caller, for_rule=for_rule)

        depth = _depth.get()
        if depth >= _DEPTH:
            raise FunctionFailed("functions call each other too deeply")
        token = _depth.set(depth + 1)
        try:
            call = Call(app, name, user or _SYSTEM, caller, request, execute, for_rule)
            return await self.languages.run(call, exported, arguments)
        finally:
            _depth.reset(token)

    async def _run_as(self, function: Function, user: AppUser | None) -> AppUser | None:
        """Whom it finds in context.user.

        One that runs as the system still finds him who calls, and decides about him: what it may
        read is then no question of his rights, which no function here is subject to anyway.
        """
        if function.run_as_user_id and not function.run_as_system:
            found = await self._user_of(function.run_as_user_id)
            if found is None:
                raise FunctionFailed("the user as whom it runs is not there")
            return found
        return user


def _caller(user: AppUser | None, request: FunctionRequest | None) -> str:
    """Who waits for it: a user's id, or where he who has yet to log in is; empty: the server."""
    if user is not None:
        return user.id
    return "" if request is None else neighbourhood(request.remote_address)
