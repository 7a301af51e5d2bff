"""What the native engines tell Python: the classes of their events, and who is told.

The core makes the instances in drain() (csrc/bindings/engines/events.cpp), members in the order
given here; what they mean is said beside its own structs, in client/event.hpp and server/event.hpp.
Two channels: transport events are about one connection and end in transport/loop.py; all others go
to the owner of the runtime, which is sync/client.py or server/process.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# About one connection, by its number.


class Writable(NamedTuple):
    """There is something to send."""

    connection: int


class Close(NamedTuple):
    """Send what there is, then a close frame (code 0: none), then end the stream."""

    connection: int
    code: int


class Drop(NamedTuple):
    """End the stream at once."""

    connection: int


class PauseReading(NamedTuple):
    """More has come than can be stored so fast."""

    connection: int


class ResumeReading(NamedTuple):
    """The opposite."""

    connection: int


class Connect(NamedTuple):
    """A client wants a connection, for a session and others with the same connection settings.

    The URL holds an access token.
    """

    connection: int
    session: int
    url: str
    subprotocols: list[str]


TransportEvent = Writable | Close | Drop | PauseReading | ResumeReading | Connect

# To a client, about one of its sync sessions.


class LifecycleChanged(NamedTuple):
    """The session's state, as SessionLifecycleState."""

    session: int
    state: int


class ConnectionChanged(NamedTuple):
    """What the session sees of its connection, as ConnectionState."""

    session: int
    current: str
    previous: str


class Progressed(NamedTuple):
    """A call of a progress notifier. Expired: it was the last one."""

    session: int
    token: int
    transferred: int
    transferable: int
    estimate: float
    expired: bool


class WaitResolved(NamedTuple):
    """A wait is over. Status 0: what was waited for has happened."""

    session: int
    wait: int
    status: int
    message: str


class Errored(NamedTuple):
    """What an application is told as SyncError, or as ClientResetError."""

    session: int
    status: int
    message: str
    log_url: str
    is_fatal: bool
    action: str
    client_reset: bool
    file_action: str  # none, remove or back_up_then_remove
    writes: list[tuple[str, str, Any]]  # that were reverted: class, reason, primary key


class FileActionDue(NamedTuple):
    """What an error makes of the file that the application is not told of."""

    session: int
    file_action: str  # remove or back_up_then_remove


class ResetRequired(NamedTuple):
    """The file has to become what the server has. Answered by finish_reset or fail_reset."""

    session: int
    may_recover: bool
    status: int
    message: str
    action: str  # ClientReset, ClientResetNoRecovery, MigrateToFLX or RevertToPBS
    partition_query: str  # of MigrateToFLX: what the file's partition is now
    has_forgotten: bool  # the server may have lost what it had acknowledged


class ResetPending(NamedTuple):
    """The session has started with a file that was reset; the server does not know all of it."""

    session: int


class Released(NamedTuple):
    """Nothing of the session uses its file any more."""

    session: int


class RefreshToken(NamedTuple):
    """Answered by set_access_token or token_refresh_failed."""

    session: int


class RefreshLocation(NamedTuple):
    """Answered by set_route or token_refresh_failed."""

    session: int


class LogOut(NamedTuple):
    """The user's tokens are worth nothing any more."""

    session: int


class ServerLog(NamedTuple):
    """What the server says for the log; about no session."""

    level: str
    message: str


SessionEvent = (
    Progressed
    | WaitResolved
    | ConnectionChanged
    | LifecycleChanged
    | Errored
    | FileActionDue
    | ResetRequired
    | ResetPending
    | Released
    | RefreshToken
    | RefreshLocation
    | LogOut
)
ClientEvent = SessionEvent | ServerLog

# To a server.


class Authorize(NamedTuple):
    """What may the user behind the connection do? Answered by authorize() or authorize_roles().

    The partition is None, int, str, bson.ObjectId or uuid.UUID; None in flexible sync.
    """

    connection: int
    session: int
    question: int
    partition: Any
    is_flexible: bool


class Administered(NamedTuple):
    """What an operator asked for is done, or the error why it is not.

    The classes of the app, if they were asked for, as _core.ServerRuntime.install_schema takes
    them, and whether the app knows any client file.
    """

    task: int
    error: str | None
    classes: list[tuple[Any, ...]] | None
    has_client_files: bool


class FieldsDiscovered(NamedTuple):
    """In development mode subscriptions ask about fields: they are queryable from now on."""

    app_id: str
    cls: str
    fields: list[str]


class StorageFailed(NamedTuple):
    """A commit failed: what is stored is unknown, so the server stops."""

    message: str


class Log(NamedTuple):
    """For the server's own log. Level: debug, info, warning or error."""

    level: str
    message: str


ServerEvent = Authorize | Administered | FieldsDiscovered | StorageFailed | Log
