"""Custom user data in the file of users: documents of a collection, and which belongs to whom.

A collection has the field in which its documents name their user: its value, a text or an ObjectId,
is kept beside each document, so that a user's is found without reading others. Documents are
canonical extended JSON, checked by ../custom_data.py. Specification: app-configuration.md 8.3.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from realmsync import ejson
from realmsync.server.accounts.file.database import Database, now_ms

_PAGE = 500  # documents that are read at once
# Numbers and extended JSON of some documents, to be read on the thread of the file.
Texts = AbstractContextManager[Iterator[tuple[int, str]]]

_OF_COLLECTION = "app_id = :app AND database = :database AND collection = :collection"


@dataclass(frozen=True)
class CollectionName:
    """Where documents are."""

    app_id: str
    database: str
    collection: str

    def __str__(self) -> str:
        return f"{self.database}.{self.collection}"


class CustomDataTable:
    """The documents. What changes some gives the ids of the users whose they are or were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_field(self, place: CollectionName, field: str) -> None:
        """Documents of this collection name their user in this field."""
        with self._database.transaction():
            if self.field(place) == field:
                return
            self._run(
                "INSERT INTO custom_data_fields VALUES (:app, :database, :collection, :field) "
                "ON CONFLICT DO UPDATE SET user_id_field = excluded.user_id_field",
                place,
                field=field,
            )
            for document in self.documents(place):
                self._run(
                    "UPDATE custom_data SET user_id = :user, is_object_id = :is_object_id "
                    f"WHERE {_OF_COLLECTION} AND id = :id",
                    place,
                    id=ejson.dumps(document["_id"]),
                    **_named_user(document, field),
                )

    def field(self, place: CollectionName) -> str | None:
        """The field in which documents of this collection name their user, once it is known."""
        row = self._run(
            f"SELECT user_id_field FROM custom_data_fields WHERE {_OF_COLLECTION}", place
        ).fetchone()
        return None if row is None else str(row[0])

    def places(self, app_id: str) -> list[CollectionName]:
        """The collections that configurations of this app have named."""
        rows = self._database.execute(
            "SELECT database, collection FROM custom_data_fields WHERE app_id = ?", (app_id,)
        )
        return [CollectionName(app_id, *row) for row in rows]

    def of_user(self, place: CollectionName, user_id: str) -> dict[str, Any] | None:
        """A user's document, or None."""
        text = self.text_of_user(place, user_id)
        return None if text is None else ejson.loads(text)

    def text_of_user(self, place: CollectionName, user_id: str) -> str | None:
        """A user's document: one that names him by text before one that does by ObjectId.

        Of several the one that was inserted first.
        """
        row = self._run(
            f"SELECT document FROM custom_data WHERE {_OF_COLLECTION} AND user_id = :user "
            "ORDER BY is_object_id, number LIMIT 1",
            place,
            user=user_id,
        ).fetchone()
        return None if row is None else row[0]

    def documents(self, place: CollectionName) -> Iterator[dict[str, Any]]:
        """All documents in the order in which they were inserted, read in pages."""
        last = 0
        while True:
            with self.texts(place, after=last) as texts:
                rows = list(itertools.islice(texts, _PAGE))
            if not rows:
                return
            last = rows[-1][0]
            for _, document in rows:
                yield ejson.loads(document)

    def texts(self, place: CollectionName, *, after: int) -> Texts:
        """Numbers and texts of documents after the one with a number, in the order of numbers."""
        return self._texts("number > :last ORDER BY number", place, last=after)

    def texts_with_ids(self, place: CollectionName, ids: Collection[Any]) -> Texts:
        """The same of documents with these values, of these types, as `_id`."""
        # With +, lest an index that is in this order be taken, and all documents be read.
        condition = "id IN (SELECT value FROM json_each(:ids)) ORDER BY +number"
        return self._texts(condition, place, ids=json.dumps([ejson.dumps(id) for id in ids]))

    def texts_of_users(self, place: CollectionName, users: Collection[str]) -> Texts:
        """The same of documents that name these users, by text or ObjectId."""
        condition = "user_id IN (SELECT value FROM json_each(:users)) ORDER BY +number"
        return self._texts(condition, place, users=json.dumps(list(users)))

    def insert(self, place: CollectionName, document: dict[str, Any]) -> list[str]:
        """Inserts a document. Raises ValueError when there is one with the same `_id`."""
        with self.texts_with_ids(place, [document["_id"]]) as there:
            if any(there):
                id = ejson.dumps(document["_id"])
                raise ValueError(f"there is a document with _id {id} already")
        return self.put(place, document)

    def put(self, place: CollectionName, document: dict[str, Any]) -> list[str]:
        """Inserts a document, or replaces the one with the same `_id`."""
        named = _named_user(document, self.field(place))
        id = ejson.dumps(document["_id"])
        with self._database.transaction():
            before = self._user_of(place, id)
            self._run(
                "INSERT INTO custom_data "
                "(app_id, database, collection, id, user_id, is_object_id, document) "
                "VALUES (:app, :database, :collection, :id, :user, :is_object_id, :document) "
                "ON CONFLICT (app_id, database, collection, id) DO UPDATE SET "
                "user_id = excluded.user_id, is_object_id = excluded.is_object_id, "
                "document = excluded.document",
                place,
                id=id,
                document=ejson.dumps(document),
                **named,
            )
            return self._note([before, named["user"]])

    def delete(self, place: CollectionName, id: Any) -> list[str]:
        """Deletes the document with this `_id`, if there is one."""
        with self._database.transaction():
            before = self._user_of(place, ejson.dumps(id))
            self._run(
                f"DELETE FROM custom_data WHERE {_OF_COLLECTION} AND id = :id",
                place,
                id=ejson.dumps(id),
            )
            return self._note([before])

    def last_change(self) -> int:
        """The number of the last change."""
        ((number,),) = self._database.execute(
            "SELECT ifnull(max(number), 0) FROM custom_data_changes"
        )
        return int(number)

    def changed_since(self, number: int, log_ins: Collection[str]) -> list[str]:
        """Those users of these log-ins whose data have changed after that change."""
        rows = self._database.execute(
            "SELECT DISTINCT user_id FROM custom_data_changes JOIN sessions USING (user_id) "
            "WHERE number > ? AND sessions.id IN (SELECT value FROM json_each(?))",
            (number, json.dumps(list(log_ins))),
        )
        return [row[0] for row in rows]

    def _user_of(self, place: CollectionName, id: str) -> str | None:
        row = self._run(
            f"SELECT user_id FROM custom_data WHERE {_OF_COLLECTION} AND id = :id", place, id=id
        ).fetchone()
        return None if row is None else row[0]

    def _note(self, named: Collection[str | None]) -> list[str]:
        """Which of the named are users; their data have changed."""
        changed = self._database.execute(
            "INSERT INTO custom_data_changes SELECT id, "
            # The time, as the last number may have gone with its user.
            "max(?, (SELECT ifnull(max(number), 0) + 1 FROM custom_data_changes)) "
            "FROM users WHERE id IN (SELECT value FROM json_each(?)) "
            "ON CONFLICT DO UPDATE SET number = excluded.number RETURNING user_id",
            (now_ms(), json.dumps(list(named))),
        )
        return [row[0] for row in changed.fetchall()]

    @contextlib.contextmanager
    def _texts(
        self, condition: str, place: CollectionName, **values: Any
    ) -> Iterator[Iterator[tuple[int, str]]]:
        statement = (
            f"SELECT number, document FROM custom_data WHERE {_OF_COLLECTION} AND {condition}"
        )
        with contextlib.closing(self._run(statement, place, **values)) as rows:
            yield rows

    def _run(self, statement: str, place: CollectionName, **values: Any) -> Any:
        return self._database.execute(
            statement,
            {
                "app": place.app_id,
                "database": place.database,
                "collection": place.collection,
                **values,
            },
        )


def _named_user(document: dict[str, Any], field: str | None) -> dict[str, Any]:
    """The user that a document names, as values of its row."""
    value = None if field is None else document.get(field)
    if isinstance(value, ObjectId):
        return {"user": str(value), "is_object_id": 1}
    return {"user": value if isinstance(value, str) else None, "is_object_id": 0}
