"""One call of a function in its language: what it is given, its time, and what it gives back.

Who may call what is caller.py's. Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from realmsync import ejson
from realmsync.apps.model import App, Function
from realmsync.server import conversion
from realmsync.server.functions.context import (
    DocumentStore,
    Environment,
    FunctionCalls,
    FunctionContext,
    FunctionStore,
)
from realmsync.server.functions.javascript import JavaScript
from realmsync.server.functions.port import (
    AppUser,
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
    FunctionRequest,
)
from realmsync.server.functions.registry import AppFunctions, PythonFunction
from realmsync.server.functions.threads import Threads
from realmsync.server.logs import one_line
from realmsync.waiting import in_time

_logger = logging.getLogger("realmsync.functions")

# Seconds that a call may take, with all that it calls.
DEFAULT_TIMEOUT = 5.0
_LOG_LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True)
class Call:
    """What is known of a call before its language is."""

    app: App
    name: str
    user: AppUser
    caller: str  # whose turn it takes (turns.py)
    request: FunctionRequest | None
    execute: Callable[[str, Sequence[Any]], Awaitable[Any]]  # another function, as the same user
    for_rule: bool = False


class Languages:
    """The languages in which an application's functions may be written."""

    def __init__(
        self,
        python: AppFunctions | None,
        javascript: JavaScript | None,
        documents: DocumentStore,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.python = python or AppFunctions()  # replaced when the application is loaded again
        self._javascript = javascript
        # Rules have processes and threads of their own, which no client can occupy.
        self._rule_javascript = None if javascript is None else JavaScript()
        self._rule_threads = Threads()
        self._documents = documents
        self._timeout = timeout
        self._threads = Threads()

    async def close(self) -> None:
        """Ends what runs in processes; threads end with their calls."""
        for threads in (self._threads, self._rule_threads):
            threads.close()
        for javascript in (self._javascript, self._rule_javascript):
            if javascript is not None:
                await javascript.close()

    def has(self, name: str, exported: Function | None) -> bool:
        """Whether there is an implementation."""
        if self.python.get(name) is not None:
            return True
        return exported is not None and exported.source is not None and self._javascript is not None

    def is_private(self, name: str, exported: Function | None) -> bool:
        """Whether clients may not see it."""
        python = self.python.get(name)
        return (python is not None and python.private) or (
            exported is not None and exported.private
        )

    async def run(self, call: Call, exported: Function | None, arguments: Sequence[Any]) -> Any:
        """The function's result, decoded. Raises FunctionFailed and its neighbours."""
        python = self.python.get(call.name)
        if python is not None:
            return await self._run_python(call, python, arguments)
        javascript = self._rule_javascript if call.for_rule else self._javascript
        if exported is None or exported.source is None or javascript is None:
            raise FunctionNotCallable(call.name)
        return await self._run_javascript(call, javascript, exported.source, arguments)

    async def _run_python(
        self, call: Call, python: PythonFunction, arguments: Sequence[Any]
    ) -> Any:
        context = FunctionContext(
            app_id=call.app.id,
            user=call.user,
            values=call.app.values,
            environment=Environment(call.app.environment, call.app.environment_values),
            functions=FunctionCalls(call.execute),
            store=FunctionStore(self._documents),
            request=call.request,
        )
        try:
            begun = await self._begin(call, python.function, context, arguments)
            return await in_time(_result_of(begun), self._timeout)
        except asyncio.TimeoutError:
            raise FunctionFailed("it took too long") from None
        except (FunctionFailed, FunctionForbidden, FunctionNotCallable, FunctionNotFound) as error:
            # Of a function that it called.
            raise FunctionFailed(str(error), getattr(error, "place", "")) from error
        except Exception as error:
            _logger.info("function '%s' failed", one_line(call.name), exc_info=error)
            raise FunctionFailed(f"{type(error).__name__}: {error}", _place(error)) from error

    async def _begin(
        self,
        call: Call,
        function: Callable[..., Any],
        context: FunctionContext,
        arguments: Sequence[Any],
    ) -> Awaitable[Any]:
        """What it gives, which is begun when it is its turn: only then does its time."""
        if inspect.iscoroutinefunction(function):
            coroutine: Awaitable[Any] = function(context, *arguments)
            return coroutine
        threads = self._rule_threads if call.for_rule else self._threads
        return await threads.begin(call.caller, partial(function, context, *arguments))

    async def _run_javascript(
        self, call: Call, javascript: JavaScript, source: str, arguments: Sequence[Any]
    ) -> Any:
        app, user, request = call.app, call.user, call.request
        context = {
            "app": app.id,
            "user": {
                "id": user.id,
                "type": user.type,
                "data": user.data,
                "custom_data": user.custom_data,
                "identities": user.identities,
            },
            "values": app.values,
            "environment": {"tag": app.environment, "values": app.environment_values},
            "request": request
            and {
                "httpMethod": request.method,
                "rawPath": request.path,
                "remoteIPAddress": request.remote_address,
                "headers": request.headers,
            },
        }
        try:
            given = await conversion.dumps(list(arguments), "what it is given")
            finds = await conversion.dumps(context, "its context")
        except (TypeError, ValueError) as error:
            raise FunctionFailed(f"it cannot be given its arguments: {error}") from error
        host = partial(self._serve, call)
        result = await javascript.run(source, finds, given, host, self._timeout, call.caller)
        try:
            return await conversion.decode(result, "it")
        except ValueError as error:
            raise FunctionFailed(f"its result cannot be read: {error}") from error

    async def _serve(self, call: Call, kind: str, payload: Any) -> str:
        """Answers what a JavaScript function asks."""
        if kind == "log":
            level = _LOG_LEVELS.get(payload["level"], logging.INFO)
            _logger.log(level, "%s: %s", one_line(call.name), one_line(payload["text"]))
            return "null"
        if kind == "execute":
            given = await conversion.decode(payload["arguments"], "what it gives")
            result = await call.execute(payload["name"], given)
            return await conversion.dumps(result, "the result")
        given = await asyncio.to_thread(ejson.decode, payload)
        result = await _ask_documents(self._documents, kind, given)
        return await asyncio.to_thread(ejson.dumps, result)


async def _ask_documents(documents: DocumentStore, kind: str, given: dict[str, Any]) -> Any:
    """Answers what a JavaScript function asks of documents (prelude.js)."""
    place = given["database"], given["collection"]
    if kind == "insert":
        return {"insertedId": await documents.insert(*place, given["document"])}
    if kind == "update":
        done = await documents.update(*place, given["filter"], given["update"], given["upsert"])
        counts: dict[str, Any] = {"matchedCount": done.matched, "modifiedCount": done.modified}
        return counts | ({} if done.upserted_id is None else {"upsertedId": done.upserted_id})
    if kind == "delete":
        return {"deletedCount": await documents.delete(*place, given["filter"])}
    found = await documents.find(*place, given["filter"], given.get("limit"))
    return len(found) if kind == "count" else found


async def _result_of(begun: Awaitable[Any]) -> Any:
    result = await begun
    return await result if inspect.isawaitable(result) else result


def _place(error: BaseException) -> str:
    """Where an error was raised, as the last line of a traceback says it."""
    frames = traceback.extract_tb(error.__traceback__, -1)
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
