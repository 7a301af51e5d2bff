"""Functions of an application without a server around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio

from realmsync.apps.model import App, Function
from realmsync.server.functions.call import Languages
from realmsync.server.functions.caller import Failed, FunctionCaller
from realmsync.server.functions.context import Updated
from realmsync.server.functions.javascript import JavaScript
from realmsync.server.functions.port import AppUser, FunctionRequest
from realmsync.server.functions.registry import AppFunctions

USER = AppUser(
    id="65a000000000000000000a01",
    data={"email": "ada@example.org"},
    custom_data={"team": "north", "level": 3},
    identities=({"id": "i1", "provider_type": "local-userpass"},),
)


@dataclass
class People:
    """Documents of people.profiles, by equality alone."""

    documents: list[dict[str, Any]] = field(default_factory=list)

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int | None = None
    ) -> list[dict[str, Any]]:
        if (database, collection) != ("people", "profiles"):
            raise LookupError(f"this server keeps no documents of {database}.{collection}")
        found = [d for d in self.documents if all(d.get(k) == v for k, v in filter.items())]
        return found[:limit]

    async def insert(self, database: str, collection: str, document: Mapping[str, Any]) -> Any:
        self.documents.append({"_id": len(self.documents) + 1, **document})
        return self.documents[-1]["_id"]

    async def update(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool,
    ) -> Updated:
        found = await self.find(database, collection, filter, 1)
        for document in found:
            document.update(update["$set"])
        if not found and upsert:
            self.documents.append({"_id": "new", **filter, **update["$set"]})
            return Updated(0, 0, "new")
        return Updated(len(found), len(found))

    async def delete(self, database: str, collection: str, filter: Mapping[str, Any]) -> int:
        found = await self.find(database, collection, filter, 1)
        for document in found:
            self.documents.remove(document)
        return len(found)


Made = Callable[..., FunctionCaller]


async def user_of(user_id: str) -> AppUser | None:
    return USER if user_id == USER.id else None


@pytest_asyncio.fixture
async def functions() -> AsyncIterator[Made]:
    """Makes the functions of an application: sources by name, and Python callables."""
    async with AsyncExitStack() as stack:

        def make(
            sources: Mapping[str, str | Function] | None = None,
            python: AppFunctions | None = None,
            *,
            javascript: bool = True,
            timeout: float = 5.0,
            documents: People | None = None,
            failed: Failed = lambda entry: None,
        ) -> FunctionCaller:
            exported = {
                name: source if isinstance(source, Function) else Function(name, source)
                for name, source in (sources or {}).items()
            }
            app = App(
                "shop-abcde",
                "shop",
                functions=exported,
                values={"limit": 3, "get": "a value", "list": [1, {"a": 2}]},
                environment="qa",
                environment_values={"cap": 2.5},
            )

            async def may_call(
                function: Function, user: AppUser, request: FunctionRequest | None
            ) -> bool:
                return function.can_evaluate != {"%%user.type": "server"}

            engine = JavaScript() if javascript else None
            languages = Languages(python, engine, documents or People(), timeout)
            caller = FunctionCaller(lambda: app, languages, may_call, user_of, failed)
            stack.push_async_callback(caller.close)
            return caller

        yield make
