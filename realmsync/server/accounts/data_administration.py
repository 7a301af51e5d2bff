"""What operators do to custom user data, and import and export of users, whether or not a server
runs.

Who is meant by a name is administration.py's, the commands are in ../../cli_user_data.py; a server
that runs notices a change within a second. Specification: app-configuration.md 8.3 and 11.7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from realmsync import ejson
from realmsync.errors import UserCommandError
from realmsync.server.accounts.custom_data import (
    BadDocument,
    Change,
    deleting,
    inserting,
    replacing,
    updating,
)
from realmsync.server.accounts.file.custom_data import CollectionName
from realmsync.server.accounts.file.records import UserSummary
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.user_export import ExportedUser, exported_users
from realmsync.server.accounts.user_import import (
    BadImport,
    ImportedUser,
    ids_in,
    read_entries,
    read_users,
)
from realmsync.server.extent import is_deeper

_DEPTH = 100


class DataAdministration:
    """What can be done to the data of one app's users. All raise UserCommandError."""

    def __init__(self, file: UserFile, app_id: str, collection: str | None = None) -> None:
        """`collection`: DATABASE.COLLECTION, needed where the app has had several."""
        self._file = file
        self._app_id = app_id
        self._collection = collection

    def find(self, user: UserSummary) -> dict[str, Any] | None:
        """The user's document, or None."""
        place, _ = self._place()
        return self._file.custom_data.of_user(place, _id(user))

    def replace(self, user: UserSummary, document: Mapping[str, Any]) -> None:
        """Makes this the user's document."""
        self._do(lambda place, field: replacing(place, field, _id(user), document))

    def update(
        self, user: UserSummary, changes: Mapping[str, Any], remove: Collection[str]
    ) -> None:
        """Sets fields of the user's document, and removes some."""
        self._do(lambda place, field: updating(place, field, _id(user), changes, remove))

    def delete(self, user: UserSummary) -> None:
        """Deletes the user's document, if there is one."""
        self._do(lambda place, _: deleting(place, _id(user)))

    def import_documents(self, text: str) -> int:
        """Inserts or replaces the documents of a file in extended JSON; gives how many."""
        try:
            documents = [ejson.decode(entry) for _, entry in read_entries(text)]
        except (BadImport, ValueError) as error:
            raise UserCommandError(str(error)) from None
        self._do(lambda place, _: inserting(place, iter(documents)))
        return len(documents)

    def import_users(self, text: str) -> list[ImportedUser]:
        """Makes the users of a file, with the ids that they have there; all or none."""
        try:
            users = read_users(text)
            with self._file.database.transaction():
                self._file.imports.add(self._app_id, users)
                for user in users:
                    if user.custom_data is not None:
                        self._import_data(user, user.custom_data)
        except BadImport as error:
            raise UserCommandError(str(error)) from None
        return users

    def import_ids(self, text: str, field: str) -> tuple[int, int]:
        """Makes users of the ids that documents have in a field; gives how many, and how many
        there were already.

        They have no way to log in: theirs are the devices that come with an old log-in.
        """
        try:
            ids = ids_in(text, field)
            with self._file.database.transaction():
                made = sum(self._file.imports.add_id(self._app_id, id) for id in ids)
        except BadImport as error:
            raise UserCommandError(str(error)) from None
        return made, len(ids) - made

    def export_users(self) -> Iterator[ExportedUser]:
        """All users, for a file that import_users() reads."""
        return exported_users(self._file, self._app_id)

    def _import_data(self, user: ImportedUser, data: Mapping[str, Any]) -> None:
        try:
            document = ejson.decode(dict(data))
            self._do(lambda place, field: replacing(place, field, user.id, document))
        except (ValueError, UserCommandError) as error:
            raise BadImport(user.line, f"custom_data: {error}") from None

    def _do(self, change: Callable[[CollectionName, str], Change]) -> None:
        place, field = self._place()
        try:
            with self._file.database.transaction():
                change(place, field)(self._file.custom_data)
        except BadDocument as error:
            raise UserCommandError(str(error)) from None

    def _place(self) -> tuple[CollectionName, str]:
        """The collection, and the field in which its documents name their users."""
        places = self._file.custom_data.places(self._app_id)
        if self._collection is not None:
            places = [place for place in places if str(place) == self._collection]
        if not places:
            where = f" in {self._collection}" if self._collection else ""
            raise UserCommandError(
                f"app {self._app_id} keeps no custom user data{where}: its configuration has to "
                "say so, and a server to be started with it once"
            )
        if len(places) > 1:
            names = ", ".join(sorted(map(str, places)))
            raise UserCommandError(f"app {self._app_id} has several collections: choose {names}")
        field = self._file.custom_data.field(places[0])
        assert field is not None, "a collection is known by its field"
        return places[0], field


def document_of(text: str) -> dict[str, Any]:
    """A document given in extended JSON. Raises UserCommandError."""
    try:
        document = ejson.loads(text)
    except ValueError as error:
        raise UserCommandError(f"this is no extended JSON: {error}") from None
    if not isinstance(document, dict) or is_deeper(document, _DEPTH):
        raise UserCommandError(f"a document is a JSON object, nested no deeper than {_DEPTH}")
    return document


def _id(user: UserSummary) -> str:
    if user.id is None:
        raise UserCommandError(f"{', '.join(user.names)} has never logged in, and has no id yet")
    return user.id
