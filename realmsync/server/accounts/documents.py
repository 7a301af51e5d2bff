"""Documents of custom user data as functions read and write them: by filters, one app at a time.

Documents that a filter names by `_id` or by user are looked up. Any other filter looks through all,
in pages between which others have their turn, one search of an app at a time. What filters and
updates mean is ../documents'. Specification: app-configuration.md 6.6 and 8.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bson import ObjectId

from realmsync import ejson
from realmsync.server.accounts.custom_data import CustomDataCollection, checked
from realmsync.server.accounts.file.custom_data import CustomDataTable, Texts
from realmsync.server.documents.search import Found, Search
from realmsync.server.documents.update import Update
from realmsync.server.documents.values import taken
from realmsync.server.functions.context import Updated

# Times that a document is looked for which is another one when it is to be changed.
_ATTEMPTS = 5

# Documents among which some may be looked for.
Source = Callable[[CustomDataTable], Texts]
# Changes a document that was found: gives the users whom that concerns.
Change = Callable[[CustomDataTable, Found], list[str]]
# The same where none was found.
Otherwise = Callable[[CustomDataTable], list[str]]


class CustomDocuments:
    """The documents of one app (functions/context.py); `collection` is where its model says now."""

    def __init__(self, collection: Callable[[], CustomDataCollection | None]) -> None:
        self._collection = collection
        self._searching = asyncio.Lock()

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Documents that match, in the order of insertion."""
        kept = self._kept(database, collection)
        if limit is not None and limit < 1:
            raise ValueError("a limit is 1 or more")
        search = await asyncio.to_thread(Search, filter, limit)
        source = _looked_up(search, kept)
        if source is not None:
            await kept.read(lambda table: _look_through(search, source(table)))
        else:
            async with self._searching:
                await _look_through_all(kept, search)
        return [found.document for found in search.found]

    async def insert(self, database: str, collection: str, document: Mapping[str, Any]) -> Any:
        """Inserts a document; gives its `_id`."""
        kept = self._kept(database, collection)
        full = await asyncio.to_thread(lambda: checked(taken(document, "the document")))
        await kept.change(lambda table: table.insert(kept.place, full))
        return full["_id"]

    async def update(
        self,
        database: str,
        collection: str,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool,
    ) -> Updated:
        """Updates the first document that matches."""
        kept = self._kept(database, collection)
        search = await asyncio.to_thread(Search, filter, 1)
        work = search.work
        compiled = await asyncio.to_thread(lambda: Update(taken(update, "the update"), work))
        done = Updated(0, 0)

        def change(table: CustomDataTable, found: Found) -> list[str]:
            nonlocal done
            document = checked(compiled.applied(found.document, work))
            is_other = ejson.dumps(document) != found.text
            done = Updated(1, int(is_other))
            return table.put(kept.place, document) if is_other else []

        def make(table: CustomDataTable) -> list[str]:
            nonlocal done
            if not upsert:
                return []
            document = checked(compiled.inserted(search.filter, work))
            done = Updated(0, 0, document["_id"])
            return table.insert(kept.place, document)

        await self._change_first(kept, search, change, make)
        return done

    async def delete(self, database: str, collection: str, filter: Mapping[str, Any]) -> int:
        """Deletes the first document that matches."""
        kept = self._kept(database, collection)
        search = await asyncio.to_thread(Search, filter, 1)
        deleted = 0

        def delete(table: CustomDataTable, found: Found) -> list[str]:
            nonlocal deleted
            deleted = 1
            return table.delete(kept.place, found.document["_id"])

        await self._change_first(kept, search, delete, lambda _: [])
        return deleted

    def _kept(self, database: str, collection: str) -> CustomDataCollection:
        kept = self._collection()
        if kept is None or (kept.place.database, kept.place.collection) != (database, collection):
            raise LookupError(
                f"this server keeps no documents of {database}.{collection}: functions have those "
                f"of custom user data, {'which this app has not' if kept is None else kept.place}"
            )
        return kept

    async def _change_first(
        self, kept: CustomDataCollection, search: Search, change: Change, otherwise: Otherwise
    ) -> None:
        """Changes the first document that matches, in the transaction in which it does."""
        source = _looked_up(search, kept)
        if source is not None:
            await kept.change(partial(_change, search, source, change, otherwise))
            return
        is_gone = False

        def note(_: CustomDataTable) -> list[str]:
            nonlocal is_gone
            is_gone = True
            return []

        async with self._searching:  # until what an upsert makes is there
            for _ in range(_ATTEMPTS):
                await _look_through_all(kept, search)
                if not search.found:
                    await kept.change(otherwise)
                    return
                source = _with_ids(kept, [found.document["_id"] for found in search.found])
                search.begin_again()
                is_gone = False
                await kept.change(partial(_change, search, source, change, note))
                if not is_gone:
                    return
        raise ValueError("others change the document all the time")


def _change(
    search: Search, source: Source, change: Change, otherwise: Otherwise, table: CustomDataTable
) -> list[str]:
    _look_through(search, source(table))
    return change(table, search.found[0]) if search.found else otherwise(table)


def _look_through(search: Search, texts: Texts) -> int | None:
    with texts as numbered:
        return search.look_through(numbered)


async def _look_through_all(kept: CustomDataCollection, search: Search) -> None:
    """Looks through all documents."""

    def page(table: CustomDataTable) -> int | None:
        return _look_through(search, table.texts(kept.place, after=last))

    following: int | None = 0
    while following is not None:
        last = following
        following = await kept.read(page)


def _looked_up(search: Search, kept: CustomDataCollection) -> Source | None:
    """The few documents that may match; None: any may."""
    ids = search.among("_id")
    if ids is not None:
        return _with_ids(kept, ids)
    users = None if "." in kept.field else search.among(kept.field)
    if users is None or not all(isinstance(user, str | ObjectId) for user in users):
        return None
    names = [str(user) for user in users]
    return lambda table: table.texts_of_users(kept.place, names)


def _with_ids(kept: CustomDataCollection, ids: list[Any]) -> Source:
    return lambda table: table.texts_with_ids(kept.place, ids)
