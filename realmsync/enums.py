"""Enumerations of users and of sync: str enums whose values are those of Realm's JavaScript SDK, so
that plain strings are accepted wherever a member is. Specification: client-session.md 16.5.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any, TypeVar

from realmsync.errors import InvalidArgumentError

E = TypeVar("E", bound=Enum)


def member(kind: type[E], value: Any, name: str) -> E:
    """The member that `value` is or names; InvalidArgumentError with all that there are."""
    try:
        return kind(value)
    except ValueError:
        allowed = " and ".join(f"'{m.value}'" for m in kind)
        raise InvalidArgumentError(
            f"Invalid '{name}': {value!r}. Only {allowed} is allowed."
        ) from None


class Text(str, Enum):
    """A text out of a few. Anything else raises InvalidArgumentError, which names them."""

    @classmethod
    def _missing_(cls, value: object) -> Text:
        *others, last = (repr(member.value) for member in cls)
        texts = f"{', '.join(others)} or {last}" if others else last
        raise InvalidArgumentError(f"{value!r} is not a valid {cls.__name__}: it must be {texts}")


class UserState(Text):
    """Whether a user can sync."""

    LOGGED_OUT = "LoggedOut"
    LOGGED_IN = "LoggedIn"
    REMOVED = "Removed"


class ProgressDirection(Text):
    """Which way the bytes go."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


class ProgressMode(Text):
    """For ever, or until what is outstanding now is done."""

    REPORT_INDEFINITELY = "reportIndefinitely"
    FOR_CURRENTLY_OUTSTANDING_WORK = "forCurrentlyOutstandingWork"


class ConnectionState(Text):
    """What a session sees of its connection."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"


class SessionState(Text):
    """Public state of a session. INVALID is never produced."""

    INVALID = "invalid"
    ACTIVE = "active"
    INACTIVE = "inactive"


class SessionLifecycleState(IntEnum):
    """All states of a session."""

    ACTIVE = 0
    DYING = 1
    INACTIVE = 2
    WAITING_FOR_ACCESS_TOKEN = 3
    PAUSED = 4


class SessionStopPolicy(Text):
    """What happens to a session when its last realm is closed."""

    AFTER_UPLOAD = "after-upload"
    IMMEDIATELY = "immediately"
    NEVER = "never"


class OpenRealmBehaviorType(Text):
    """Whether opening waits for a download."""

    DOWNLOAD_BEFORE_OPEN = "downloadBeforeOpen"
    OPEN_IMMEDIATELY = "openImmediately"


class OpenRealmTimeOutBehavior(Text):
    """What happens when the download takes too long."""

    OPEN_LOCAL_REALM = "openLocalRealm"
    THROW_EXCEPTION = "throwException"


class DownloadPhase(Text):
    """How far a session's download is."""

    STEADY = "steady"
    WAITING = "waiting"
    RECEIVING = "receiving"
    APPLYING = "applying"


class SubscriptionSetState(Text):
    """How far the server has come with a set of subscriptions."""

    PENDING = "pending"
    COMPLETE = "complete"
    ERROR = "error"
    SUPERSEDED = "superseded"


class WaitForSync(Text):
    """When `Results.subscribe` waits for the data: FIRST_TIME if the query is a new one."""

    FIRST_TIME = "first-time"
    ALWAYS = "always"
    NEVER = "never"


class ClientResetMode(Text):
    """How a client reset is handled; see ClientResetConfiguration."""

    MANUAL = "manual"
    DISCARD_UNSYNCED_CHANGES = "discardUnsyncedChanges"
    RECOVER_UNSYNCED_CHANGES = "recoverUnsyncedChanges"
    RECOVER_OR_DISCARD_UNSYNCED_CHANGES = "recoverOrDiscardUnsyncedChanges"


class LogLevel(Text):
    """Levels of the log, from everything to nothing. Realm's numbers 0 to 8 stand for them, too."""

    ALL = "all"
    TRACE = "trace"
    DEBUG = "debug"
    DETAIL = "detail"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"
    OFF = "off"

    @classmethod
    def _missing_(cls, value: object) -> Text:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(cls):
            return list(cls)[value]
        return super()._missing_(value)


class NumericLogLevel(IntEnum):
    """Realm's numbers for LogLevel, which are taken wherever a level is."""

    ALL = 0
    TRACE = 1
    DEBUG = 2
    DETAIL = 3
    INFO = 4
    WARN = 5
    ERROR = 6
    FATAL = 7
    OFF = 8


class LogCategory(Text):
    """What a message of the log is about. One with a longer name lies below that one."""

    REALM = "Realm"
    STORAGE = "Realm.Storage"
    TRANSACTION = "Realm.Storage.Transaction"
    QUERY = "Realm.Storage.Query"
    OBJECT = "Realm.Storage.Object"
    NOTIFICATION = "Realm.Storage.Notification"
    SYNC = "Realm.Sync"
    CLIENT = "Realm.Sync.Client"
    SESSION = "Realm.Sync.Client.Session"
    CHANGESET = "Realm.Sync.Client.Changeset"
    NETWORK = "Realm.Sync.Client.Network"
    RESET = "Realm.Sync.Client.Reset"
    SERVER = "Realm.Sync.Server"
    APP = "Realm.App"
    SDK = "Realm.SDK"
