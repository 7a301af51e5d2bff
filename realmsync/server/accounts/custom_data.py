"""Custom user data: a document for each user, for rules, functions and the apps' own use.

What a document may be and how it is changed is decided here; rows are in file/custom_data.py. A
change takes effect at once in what users may do, and in their apps with the next access token.
Specification: app-configuration.md 8.3.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import bson
from bson import CodecOptions, ObjectId
from bson.binary import UuidRepresentation

from realmsync import ejson
from realmsync.server import conversion
from realmsync.server.accounts.file.custom_data import CollectionName, CustomDataTable
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.users import Users
from realmsync.server.apps.running import RunningApp
from realmsync.server.extent import require_extent

Result = TypeVar("Result")

_logger = logging.getLogger("realmsync.server")

# What MongoDB takes; how many values that may be is ../extent.py's.
BYTES = 16 << 20
_CODEC: CodecOptions[Any] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)

# Bytes of a document in an access token: from the first on it is too long for the request lines of
# many programs in between, beyond the second for those of this server.
LONG = 16 << 10
TOO_LONG = 64 << 10

# A change, which gives the users that it concerns.
Change = Callable[[CustomDataTable], list[str]]


class BadDocument(ValueError):
    """What cannot be a document of custom user data."""


class CustomDataCollection:
    """The collection with the documents of one app's users, and the field that names the user."""

    def __init__(self, users: Users, place: CollectionName, field: str) -> None:
        self._users = users
        self.place = place
        self.field = field

    async def prepare(self) -> None:
        """Makes it known, also to operators, and how its documents name their users."""
        await self._users.change(lambda file: file.custom_data.set_field(self.place, self.field))

    async def read(self, work: Callable[[CustomDataTable], Result]) -> Result:
        """What `work` reads in the documents."""

        def read(file: UserFile) -> list[Result]:
            is_known = file.custom_data.field(self.place) == self.field
            return [work(file.custom_data)] if is_known else []

        found = await self._users.read(read)
        if not found:  # the configuration has changed
            await self.prepare()
            found = [await self._users.read(lambda file: work(file.custom_data))]
        return found[0]

    async def change(self, change: Change) -> None:
        """Does a change, and tells those whom it concerns. Raises what it raises."""

        def work(file: UserFile) -> list[str]:
            file.custom_data.set_field(self.place, self.field)
            return change(file.custom_data)

        await self._users.change_data(work)


def collection_of(users: Users, app: RunningApp) -> CustomDataCollection | None:
    """The collection that this app's configuration names; None if it names none."""
    configured = app.model.custom_user_data
    if configured is None or not configured.enabled:
        return None
    place = CollectionName(app.key, configured.database, configured.collection)
    return CustomDataCollection(users, place, configured.user_id_field)


def custom_data_of(users: Users, app: RunningApp) -> CustomData | None:
    """The custom data that this app's configuration gives its users; None if it gives none."""
    collection = collection_of(users, app)
    return None if collection is None else CustomData(collection)


class CustomData:
    """The custom data of the users of one app.

    ::

        data = server.custom_data("guild")
        await data.update(user_id, {"rank": "smith"})

    Values are those of BSON: texts, numbers, booleans, None, ObjectId, UUID, datetime, Decimal128,
    bytes, lists and dictionaries.
    """

    def __init__(self, collection: CustomDataCollection) -> None:
        self._collection = collection
        self._place, self._field = collection.place, collection.field

    async def find_one(self, user_id: str) -> dict[str, Any] | None:
        """The user's document, or None."""
        text = await self.text(user_id)
        return None if text is None else await conversion.loads(text)

    async def text(self, user_id: str) -> str | None:
        """The same as extended JSON."""
        return await self._collection.read(lambda table: table.text_of_user(self._place, user_id))

    async def replace(self, user_id: str, document: Mapping[str, Any]) -> None:
        """Makes this the user's document; it keeps its `_id` and the user's id.

        Raises BadDocument, a ValueError, for what is no document, or another user's.
        """
        await self._collection.change(replacing(self._place, self._field, user_id, document))

    async def update(
        self, user_id: str, changes: Mapping[str, Any], *, remove: Collection[str] = ()
    ) -> None:
        """Sets fields of the user's document, which is made if there is none, and removes some.

        Raises BadDocument, a ValueError, for what would make no document, or another user's.
        """
        change = updating(self._place, self._field, user_id, changes, remove)
        await self._collection.change(change)

    async def delete(self, user_id: str) -> None:
        """Deletes the user's document, if there is one."""
        await self._collection.change(deleting(self._place, user_id))


def token_claims(user_id: str, text: str) -> dict[str, Any]:
    """What an access token says of a user's document, extended JSON, which SDKs show to the app.

    The token is sent in the request line of each websocket, so a long document is left out; rules
    have it all the same.
    """
    size = len(text.encode())
    if size > TOO_LONG:
        _logger.warning(
            "custom data of user %s: %d bytes are too long for an access token", user_id, size
        )
        return {}
    if size > LONG:
        _logger.warning(
            "custom data of user %s: %d bytes make a long access token, which programs between "
            "client and server may refuse",
            user_id,
            size,
        )
    return {"user_data": json.loads(text)}


def replacing(
    place: CollectionName, field: str, user_id: str, document: Mapping[str, Any]
) -> Change:
    """The change that CustomData.replace makes."""

    def change(table: CustomDataTable) -> list[str]:
        before = table.of_user(place, user_id) or {}
        kept = {name: before[name] for name in ("_id", field) if name in before}
        return table.put(place, _of_user({**kept, **document}, field, user_id))

    return change


def updating(
    place: CollectionName,
    field: str,
    user_id: str,
    changes: Mapping[str, Any],
    remove: Collection[str] = (),
) -> Change:
    """The change that CustomData.update makes."""

    def change(table: CustomDataTable) -> list[str]:
        before = table.of_user(place, user_id) or {}
        left = {name: value for name, value in before.items() if name not in remove}
        if "_id" in before and changes.get("_id", before["_id"]) != before["_id"]:
            raise BadDocument("the _id of a document cannot be changed")
        return table.put(place, _of_user({**left, **changes}, field, user_id))

    return change


def deleting(place: CollectionName, user_id: str) -> Change:
    """The change that CustomData.delete makes."""

    def change(table: CustomDataTable) -> list[str]:
        before = table.of_user(place, user_id)
        return [] if before is None else table.delete(place, before["_id"])

    return change


def inserting(place: CollectionName, documents: Iterator[Mapping[str, Any]]) -> Change:
    """Inserts or replaces documents as they are, whoever they belong to, if anybody."""

    def change(table: CustomDataTable) -> list[str]:
        return [user for document in documents for user in table.put(place, checked(document))]

    return change


def _of_user(document: dict[str, Any], field: str, user_id: str) -> dict[str, Any]:
    """The document as the one of this user, whom it may name as text or ObjectId."""
    if str(document.setdefault(field, user_id)) != user_id:
        raise BadDocument(f"{field} of a user's document is his id, {user_id}")
    return checked(document)


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with an `_id`, as it will be read again. Raises BadDocument."""
    full = {"_id": ObjectId(), **document}
    try:
        require_extent(document, "it", conversion.DEPTH)
    except ValueError as error:
        raise BadDocument(str(error)) from None
    try:
        size = len(bson.encode(full, codec_options=_CODEC))
        read = ejson.loads(ejson.dumps(full))
    except (bson.errors.BSONError, TypeError, ValueError, ArithmeticError) as error:
        raise BadDocument(f"it is no document: {error}") from None
    if size > BYTES:
        raise BadDocument(f"it has {size} bytes, more than {BYTES}")
    checked: dict[str, Any] = read
    return checked
