"""What a function of an application is given: who calls, values, other functions, documents.

Python callables get the FunctionContext itself, JavaScript an object with the same content
(javascript.py). Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from realmsync.server.functions.port import AppUser, FunctionRequest


class DocumentStore(Protocol):
    """Documents that functions may read and write: those of custom user data."""

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int
    ) -> list[dict[str, Any]]:
        """Documents that match, in the order of insertion, at most `limit`.

        Raises LookupError for a collection that this server keeps no documents of.
        """
        ...

    async def update(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool,
    ) -> tuple[int, Any]:
        """Updates the first document that matches: how many matched, and the `_id` of a new one.

        `update` is a document of operators, or one that replaces the old. Raises LookupError as
        find does, ValueError for an operator that is not known.
        """
        ...


class NoDocuments:
    """The store of an application that keeps no documents."""

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int
    ) -> list[dict[str, Any]]:
        raise LookupError(f"this server keeps no documents of {database}.{collection}")

    async def update(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool,
    ) -> tuple[int, Any]:
        raise LookupError(f"this server keeps no documents of {database}.{collection}")


@dataclass(frozen=True)
class Environment:
    """The environment that is in force: `%%environment`."""

    tag: str
    values: Mapping[str, Any]


class FunctionCalls:
    """`context.functions`: the other functions of the application."""

    def __init__(self, execute: Callable[[str, Sequence[Any]], Awaitable[Any]]) -> None:
        self._execute = execute

    async def execute(self, name: str, *arguments: Any) -> Any:
        """Calls another function, as the same user. Raises FunctionFailed and its neighbours."""
        return await self._execute(name, arguments)


class FunctionStore:
    """`context.store`: the documents of custom user data."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def find_one(
        self, database: str, collection: str, filter: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The first document that matches. Raises LookupError for a collection not kept here."""
        found = await self._documents.find(database, collection, filter or {}, 1)
        return found[0] if found else None

    async def find(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any] | None = None,
        *,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """All documents that match, at most `limit`. Raises LookupError as find_one does."""
        return await self._documents.find(database, collection, filter or {}, limit)

    async def update_one(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        *,
        upsert: bool = False,
    ) -> int:
        """Updates the first document that matches, as MongoDB would; gives how many matched."""
        matched, _ = await self._documents.update(database, collection, filter, update, upsert)
        return matched


@dataclass(frozen=True)
class FunctionContext:
    """What a Python function is given as its first argument."""

    app_id: str
    # Who calls; the system's user, of type "server" and without an id, where it runs as the system.
    user: AppUser
    values: Mapping[str, Any]
    environment: Environment
    functions: FunctionCalls
    store: FunctionStore
    request: FunctionRequest | None = None  # of a call from a client
