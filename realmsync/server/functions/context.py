"""What a function of an application is given: who calls, values, other functions, documents.

Python callables get the FunctionContext itself, JavaScript an object with the same content
(javascript.py). Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from realmsync.server.functions.port import AppUser, FunctionRequest


@dataclass(frozen=True)
class Updated:
    """What an update has done."""

    matched: int
    modified: int
    upserted_id: Any = None  # of the document that it has made


class DocumentStore(Protocol):
    """Documents that functions may read and write: those of custom user data.

    All raise LookupError for a collection that this server keeps no documents of, and ValueError
    for what is not known in a filter or an update, no document, or too much work.
    """

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Documents that match, in the order of insertion, at most `limit`."""
        ...

    async def insert(self, database: str, collection: str, document: Mapping[str, Any]) -> Any:
        """Inserts a document; gives its `_id`, which nobody else has."""
        ...

    async def update(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool,
    ) -> Updated:
        """Updates the first document that matches; `upsert` makes one where there is none.

        `update` is a document of operators, or one that replaces the old.
        """
        ...

    async def delete(self, database: str, collection: str, filter: Mapping[str, Any]) -> int:
        """Deletes the first document that matches; gives how many that were."""
        ...


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
    """`context.store`: the documents of custom user data.

    Filters and updates are those of MongoDB, as far as the guide on functions lists them. All raise
    LookupError for a collection that this server keeps no documents of, and ValueError for what is
    not known in a filter or an update, no document, or too much work.
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def find_one(
        self, database: str, collection: str, filter: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The first document that matches, or None."""
        found = await self._documents.find(database, collection, filter or {}, 1)
        return found[0] if found else None

    async def find(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """All documents that match, in the order of insertion, at most `limit`."""
        return await self._documents.find(database, collection, filter or {}, limit)

    async def insert_one(self, database: str, collection: str, document: Mapping[str, Any]) -> Any:
        """Inserts a document; gives its `_id`. ValueError, too, when there is one with that."""
        return await self._documents.insert(database, collection, document)

    async def update_one(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        *,
        upsert: bool = False,
    ) -> int:
        """Updates the first document that matches; gives how many matched.

        `update` is a document of operators, or one that replaces the old; `upsert` makes a
        document where none matches.
        """
        done = await self._documents.update(database, collection, filter, update, upsert)
        return done.matched

    async def delete_one(self, database: str, collection: str, filter: Mapping[str, Any]) -> int:
        """Deletes the first document that matches; gives how many that were."""
        return await self._documents.delete(database, collection, filter)


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
