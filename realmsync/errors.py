"""The exception hierarchy: every error of realmsync derives from RealmError.

Numeric codes are those of data-model.md section 25 and client-session.md section 12; which native
error raises which class is decided in csrc/bindings/values/errors.cpp. Where Python has a natural
base (TypeError, KeyError, ...) the error derives from that too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from realmsync.codes import AppCode


class RealmError(Exception):
    """Base of all realmsync errors.

    `code` is Realm's numeric error code, or None where Realm has none.
    """

    code: int | None = None


class BadChangesetError(RealmError, ValueError):
    """Bytes that are no changeset, or a changeset that cannot be applied.

    `offset` is the byte position of the fault, or None.
    """

    code = 1015
    offset: int | None = None


class BadMessageError(RealmError, ValueError):
    """Bytes that are no sync protocol message. `offset` as in BadChangesetError.

    `protocol_code` is the code with which a server answers it.
    """

    code = 1038
    offset: int | None = None
    protocol_code: int | None = None


class BadPartitionValueError(RealmError, ValueError):
    """A partition value that is none of string, integer, ObjectId, UUID and null."""

    code = 1029
    offset: int | None = None
    protocol_code: int | None = None


class BadProgressError(RealmError):
    """Sync cursors that contradict what the file holds."""

    code = 1038
    offset: int | None = None


class TransformError(RealmError):
    """Concurrent changes that contradict each other, for example about the size of one list.

    No valid client makes such changes; the realm stays as it was before the merge.
    """

    code = 1015
    offset: int | None = None


class SchemaMismatchError(RealmError):
    """A schema that the file's does not fit without a migration, or a change of one that
    contradicts what is there.
    """

    code = 2017
    offset: int | None = None


class InvalidSchemaVersionError(RealmError, ValueError):
    """A schema version lower than that of the file."""

    code = 2018


class InvalidSchemaChangeError(RealmError):
    """A change of the schema that the realm's mode has no migration for, or that somebody else has
    made to the file while it was open.
    """

    code = 2019


class MigrationFailedError(RealmError):
    """Objects that the new schema does not allow when a migration was done: nothing was changed."""

    code = 2020


# Writing and reading objects.


class ObjectAlreadyExistsError(RealmError, ValueError):
    """An object with this primary key exists already, and the mode is "never"."""

    code = 1013


class InvalidDatabaseError(RealmError):
    """The file is no realm file."""

    code = 1021


class FileAlreadyExistsError(RealmError, FileExistsError):
    """There is a file already where a copy of a realm was to be written."""

    code = 1020


class WrongTransactionStateError(RealmError, RuntimeError):
    """A write outside a transaction, a transaction in a transaction, an end without a beginning."""

    code = 2005


class WriteTimeoutError(RealmError, TimeoutError):
    """A wait for the turn to write that took longer than allowed. Nothing was written."""


class IllegalOperationError(RealmError):
    """An operation that the kind of object or value does not have."""

    code = 2007


class StaleAccessorError(RealmError):
    """A collection that was replaced by another value."""

    code = 2009


class InvalidatedObjectError(RealmError):
    """An object that was deleted, or whose realm was closed."""

    code = 2010


class DeleteOnOpenRealmError(RealmError):
    """The file cannot be deleted while it is open."""

    code = 2012


class MismatchedConfigError(RealmError, ValueError):
    """The file is open already with a different configuration, or belongs to another partition."""

    code = 2013


class ClosedRealmError(RealmError):
    """The realm has been closed."""

    code = 2014


class ForkedProcessError(RealmError, RuntimeError):
    """An open realm, a session or an App of the parent, used in a forked child.

    A child opens its own.
    """


class SchemaValidationError(RealmError, ValueError):
    """A declared schema that breaks the rules; the message has one line per violation.

    `class_name` and `property_name` say where the first one is, or None.
    """

    code = 2016

    def __init__(
        self, message: str, class_name: str | None = None, property_name: str | None = None
    ) -> None:
        super().__init__(message)
        self.class_name = class_name
        self.property_name = property_name


class InvalidArgumentError(RealmError, ValueError):
    """An argument outside of what the call accepts."""

    code = 3000


class ArgumentTypeError(InvalidArgumentError, TypeError):
    """An argument of another type than the call takes."""


class PropertyTypeError(RealmError, TypeError):
    """A value of another type than the property's."""

    code = 3001


class PropertyNotNullableError(RealmError, TypeError):
    """None for a property that is required."""

    code = 3002


class ReadOnlyPropertyError(RealmError, AttributeError):
    """An assignment to a computed property."""

    code = 3003


class MissingPropertyValueError(RealmError, TypeError):
    """A required property without a value and without a default."""

    code = 3004


class NoSubscriptionForWriteError(IllegalOperationError):
    """An object of a class that no subscription of the realm asks for was to be created."""


class MissingPrimaryKeyError(RealmError, TypeError):
    """A look-up by primary key in a class that has none."""

    code = 3005


class ModifyPrimaryKeyError(RealmError, AttributeError):
    """An assignment to a primary key."""

    code = 3007


class InvalidPropertyError(RealmError, AttributeError):
    """A property that the class does not have."""

    code = 3009


class InvalidDictionaryKeyError(RealmError, ValueError):
    """A dictionary key that starts with `$` or contains `.`."""

    code = 3011


class KeyNotFoundError(RealmError, KeyError):
    """A key that the dictionary does not have."""

    code = 3016

    def __str__(self) -> str:
        return RealmError.__str__(self)


class OutOfBoundsError(RealmError, IndexError):
    """A list index out of range."""

    code = 3017


class LimitExceededError(RealmError, ValueError):
    """A value larger than the storage takes."""

    code = 3018


class ObjectTypeMismatchError(RealmError, TypeError):
    """A link to an object of another class or realm."""

    code = 3019


class NoSuchTableError(RealmError, KeyError):
    """A class that the schema does not have."""

    code = 3020

    def __str__(self) -> str:
        return RealmError.__str__(self)


# Queries.


class QueryError(RealmError, ValueError):
    """A query that cannot be asked; the subclass tells what has to be mended.

    `message` is the fault in Realm's wording, `text` the query, `position` the place of the fault
    as an index into the text, or None, and `hint` how to mend it, if that is known. Printed, the
    error shows all of them, the text with a mark below the place.
    """

    def __init__(self, message: str, position: int | None = None, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.text = text
        self.hint = ""

    def __str__(self) -> str:
        parts = [self.message]
        if self.position is not None:
            parts += _marked(self.text, self.position)
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return "\n".join(parts)


class QuerySyntaxError(QueryError):
    """A query text that breaks the grammar."""


class InvalidQueryError(QueryError):
    """A query with a name that there is not, or with operands that do not go together."""


class InvalidQueryArgumentError(QueryError):
    """An argument of a query that is missing or of the wrong type."""


class QueryLimitError(QueryError):
    """A query that is too long or nested too deeply."""

    code = 3018


_SHOWN = 72  # characters of a query in a message


def _marked(text: str, position: int) -> list[str]:
    """The line of a text around a position, and a line that marks it."""
    position = min(position, len(text))
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[begin : end if end >= 0 else len(text)].replace("\t", " ").replace("\r", " ")
    place = position - begin
    left = max(0, min(place - _SHOWN // 2, len(line) - _SHOWN))
    before = "…" if left else ""
    after = "…" if left + _SHOWN < len(line) else ""
    shown = before + line[left : left + _SHOWN] + after
    return [f"  {shown}", " " * (2 + len(before) + place - left) + "^"]


# App Services and the server.


class ServerStartError(RealmError):
    """A server that cannot start: its port or its data directory is not available."""


class ReloadError(RealmError):
    """A server that cannot be told to load its apps again: it does not run, or does not answer."""


class UserCommandError(RealmError):
    """What an operator wants of a server's users and cannot have.

    There is no such user or no file of users, or a name means several.
    """


class ExpressionError(RealmError, ValueError):
    """An expression of a rule that cannot be, or that cannot be asked.

    `is_misplaced`: it is well-formed, but speaks of what it must not where it stands, such as a
    function in a filter.
    """

    def __init__(self, message: str, is_misplaced: bool = False) -> None:
        super().__init__(message)
        self.is_misplaced = is_misplaced


class AppError(RealmError):
    """A failed request to App Services: log-in, registration, token refresh.

    `code` and `name` are Realm's (app-services-http.md section 6), `status` is the HTTP status, 0
    or None when there was no answer, `server_error` the server's own name of the error, `link` the
    address of its log entry.
    """

    def __init__(
        self,
        message: str,
        code: AppCode = AppCode.AppUnknownError,
        *,
        status: int | None = None,
        server_error: str | None = None,
        link: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.name = code.name
        self.status = status
        self.server_error = server_error
        self.link = link


class BadServerUrlError(RealmError, ValueError):
    """A base URL without scheme or host."""

    code = 3023


class StorageError(RealmError, OSError):
    """The database file cannot be read or written: a full disk, a damaged file, no permission.

    `sqlite_code` is SQLite's extended result code.
    """

    sqlite_code: int | None = None


# Synchronisation.


class SyncError(RealmError):
    """An error of a sync session.

    `reason` is the message with the address of the server's log, `user_info` holds paths when a
    file action is due, and `is_fatal` says that the session cannot go on by itself.
    """

    name = "SyncError"
    category = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        log_url: str = "",
        is_fatal: bool = False,
        action: str = "NoAction",
        user_info: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.log_url = log_url
        self.is_fatal = is_fatal
        self.action = action
        self.user_info = user_info or {}

    @property
    def message(self) -> str:
        """The message alone."""
        return str(self.args[0])

    @property
    def reason(self) -> str:
        """The message and the address of the server's log."""
        return f"{self.message} Logs: {self.log_url}" if self.log_url else self.message


@dataclass(frozen=True)
class CompensatingWriteInfo:
    """A write of one object that the server has reverted."""

    object_name: str
    reason: str
    primary_key: Any


class CompensatingWriteError(SyncError):
    """The server has reverted writes that were not allowed, and the realm has them no more.

    `writes` lists them. The session goes on.
    """

    writes: tuple[CompensatingWriteInfo, ...] = ()


class SubscriptionError(SyncError):
    """The server has refused the subscriptions of a version, with this message.

    Those before it stay in force, and another update makes up for it.
    """

    def __init__(self, message: str, *, version: int | None = None) -> None:
        super().__init__(message, code=1016)
        self.version = version


class ClientResetError(SyncError):
    """The server cannot go on with this file: a client reset is due.

    `recovery_path` is where `app.sync.initiate_client_reset` moves the file.
    """

    name = "ClientReset"

    @property
    def recovery_path(self) -> str:
        """Where the file goes."""
        return self.user_info.get("RECOVERY_FILE_PATH", "")


class SyncOperationAborted(SyncError):
    """A wait that ended because its session stopped."""


class SyncTimeoutError(RealmError, TimeoutError):
    """A wait or an opening that took longer than allowed. The transfer itself goes on.

    `explanation` is what `SyncSession.explain` said then.
    """

    explanation: str = ""


class OpenCancelledError(RealmError):
    """The opening of a realm was cancelled."""


class MultipleSyncAgentsError(RealmError):
    """Another process, or another App of this one, synchronises this file."""

    code = 1012
