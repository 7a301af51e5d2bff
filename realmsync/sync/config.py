"""Configuration of synchronisation, checked when it is made.

Specification: client-session.md 7.1, 7.4 and 16.3. What the fields do is in
model/realm.py and in the modules beside this one.
"""

from __future__ import annotations

import os
import re
import ssl
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import InitVar, dataclass, field
from datetime import timedelta
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import urlsplit

from bson import ObjectId

from realmsync import _core
from realmsync.account.places import PartitionValue, require_partition_value
from realmsync.account.user import User, absence_of
from realmsync.callbacks import Callback, is_async
from realmsync.durations import seconds_of
from realmsync.enums import (
    ClientResetMode,
    OpenRealmBehaviorType,
    OpenRealmTimeOutBehavior,
    SessionStopPolicy,
    UserState,
    member,
)
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    InvalidArgumentError,
    MismatchedConfigError,
    SyncError,
)
from realmsync.naming import fields_by_name, shown
from realmsync.sync.subscriptions import SetCode, SubscriptionSet, SubscriptionUpdate

if TYPE_CHECKING:  # what callbacks are given; session.py knows this module
    from realmsync.model.realm import Realm
    from realmsync.sync.session import SyncSession
else:
    Realm = SyncSession = Any  # for whoever reads the types at run time


class _Missing(Enum):
    """Tells an absent partition value from None, which is a value."""

    MISSING = "missing"


MISSING = _Missing.MISSING
FLEXIBLE_NAME = "flx_sync_default"  # of the file of a flexible realm, unless it has a path


def _require_type(name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        kinds = [k.__name__ for k in get_args(kind) or (kind,) if k is not NoneType]
        raise ArgumentTypeError(f"Expected '{name}' to be a {kinds[0]}, got {shown(value)}")


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class OpenRealmBehaviorConfiguration:
    """How a realm is opened. `time_out` is in seconds; without one a download waits for ever."""

    type: OpenRealmBehaviorType | Literal["downloadBeforeOpen", "openImmediately"]
    time_out: float | timedelta | None = None
    time_out_behavior: (
        OpenRealmTimeOutBehavior | Literal["openLocalRealm", "throwException"] | None
    ) = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "type", member(OpenRealmBehaviorType, self.type, "type"))
        set_field(self, "time_out", seconds_of(self.time_out, "time_out"))
        if self.seconds is not None and self.seconds < 0:
            raise InvalidArgumentError("time_out must not be negative")
        if self.time_out is not None or self.time_out_behavior is not None:
            behavior = member(OpenRealmTimeOutBehavior, self.time_out_behavior, "time_out_behavior")
            set_field(self, "time_out_behavior", behavior)

    @property
    def seconds(self) -> float | None:
        """The time-out in seconds."""
        return seconds_of(self.time_out)


OPEN_LOCAL_REALM_BEHAVIOR = OpenRealmBehaviorConfiguration(
    type=OpenRealmBehaviorType.OPEN_IMMEDIATELY
)
DOWNLOAD_BEFORE_OPEN_BEHAVIOR = OpenRealmBehaviorConfiguration(
    type=OpenRealmBehaviorType.DOWNLOAD_BEFORE_OPEN,
    time_out=30.0,
    time_out_behavior=OpenRealmTimeOutBehavior.THROW_EXCEPTION,
)


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class ClientResetConfiguration:
    """What happens when the server no longer knows a file, or no longer what it needs.

    In the automatic modes the realm becomes what the server has. Changes that were not uploaded are
    then recovered: replayed on it, or discarded. Realms stay open, and waits go on. One that fails
    gives a ClientResetError with code AutoClientResetFailed, and so does one that is asked for
    again before the first is uploaded. In MANUAL mode the session stops, and `on_manual(session,
    path)` is called instead of `on_error`, of which such a configuration needs one. After a failed
    or a manual reset the file goes to `path`, or to the error's `recovery_path`: when
    `app.sync.initiate_client_reset(session.path)` is called, else at the next start.

    - on_before(realm): the realm as it was, in a copy
    - on_after(before, realm): the same and the realm as it is; not after a fallback
    - on_fallback(session, path): RECOVER_OR_DISCARD_UNSYNCED_CHANGES had to discard
    - on_discard(session, path): changes were lost, of which `path` has a copy; see
      `app.sync.recovered_changes`

    Functions or coroutine functions. The reset waits for the first two, and an exception of theirs
    makes it fail. Their realms have the classes of the file, and are closed afterwards.
    """

    mode: (
        ClientResetMode
        | Literal[
            "manual",
            "discardUnsyncedChanges",
            "recoverUnsyncedChanges",
            "recoverOrDiscardUnsyncedChanges",
        ]
    ) = ClientResetMode.RECOVER_UNSYNCED_CHANGES
    on_manual: Callable[[SyncSession, str], object] | None = None
    on_before: Callable[[Realm], object] | None = None
    on_after: Callable[[Realm, Realm], object] | None = None
    on_fallback: Callable[[SyncSession, str], object] | None = None
    on_discard: Callable[[SyncSession, str], object] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", member(ClientResetMode, self.mode, "mode"))
        for name in ("on_manual", "on_before", "on_after", "on_fallback", "on_discard"):
            _require_type(name, getattr(self, name), Callable | None)


# What the handshake says itself.
_OWN_HEADERS = {"host", "connection", "upgrade", "content-length", "transfer-encoding"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")  # nobody says what characters beyond ASCII mean


def _require_header(name: object, value: object) -> None:
    """Raises ArgumentTypeError or InvalidArgumentError for what is no header of a handshake.

    Values are not shown: they may be secrets.
    """
    _require_type("name of a header", name, str)
    _require_type(f"header {name}", value, str)
    name, value = cast(str, name), cast(str, value)
    if not _HEADER_NAME.fullmatch(name):
        raise InvalidArgumentError(f"{name!r} is no name of an HTTP header")
    if name.lower() in _OWN_HEADERS or name.lower().startswith("sec-websocket-"):
        raise InvalidArgumentError(f"the header {name!r} belongs to the handshake itself")
    if not _HEADER_VALUE.fullmatch(value):
        raise InvalidArgumentError(f"the value of header {name!r} is not printable ASCII")


_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def _require_proxy(url: str) -> None:
    """Raises InvalidArgumentError, which does not show the URL: there may be a password in it."""
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidArgumentError("'proxy' is no URL: what is no plain character is %-encoded")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # which names what it takes for the port
        raise InvalidArgumentError("'proxy' is no URL: its host or port is wrong") from None
    if parts.scheme not in _PROXIES:
        raise InvalidArgumentError(
            f"'proxy' has to begin with one of {', '.join(f'{p}://' for p in _PROXIES)}"
        )
    if not host or port is None:
        raise InvalidArgumentError("'proxy' needs a host and a port, as in http://proxy:3128")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidArgumentError("'proxy' ends after the port")


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class SSLConfiguration:
    """Checks of the server's certificate.

    It has to be valid for the host of the server's URL, by a chain to the system's trusted
    certificates, or to those in the PEM file `certificate_path` instead. What is not valid is error
    1042 of the session, with the reason. `validate=False` takes every certificate, which protects
    from nobody who is on the way.

    Raises InvalidArgumentError for a certificate that cannot be read.
    """

    validate: bool = True
    certificate_path: str | os.PathLike[str] | None = None
    validate_certificates: None = None  # a callback in Realm's SDKs

    def __post_init__(self) -> None:
        _require_type("validate", self.validate, bool)
        if self.validate_certificates is not None:
            raise NotImplementedError(
                "'validate_certificates' is not there: certificates are not shown one by one;"
                " give those that you trust as 'certificate_path'"
            )
        _require_type("certificate_path", self.certificate_path, str | os.PathLike | None)
        if self.certificate_path is not None:  # while somebody can still be told
            try:
                self.context()
            except OSError as error:  # of the file, or what is in it
                path = os.fspath(self.certificate_path)
                raise InvalidArgumentError(
                    f"'certificate_path' {path!r} is no readable certificate: {error}"
                ) from error

    def context(self) -> ssl.SSLContext:
        """The context for connections."""
        path = None if self.certificate_path is None else os.fspath(self.certificate_path)
        context = ssl.create_default_context(cafile=path)
        if not self.validate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _partition_json(value: object) -> str:
    checked = require_partition_value(value)
    if isinstance(checked, ObjectId):
        return _core.format_partition(checked.binary)
    if isinstance(checked, uuid.UUID):
        return _core.format_partition(checked.bytes)
    return _core.format_partition(checked)


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class SyncConfiguration:
    """Synchronisation of one realm with one partition, or flexible: with what it subscribes to.

    With `flexible=True`, `initial_subscriptions(subscriptions)` or `(subscriptions, realm)` makes
    the first set of subscriptions when a realm is opened whose file has none yet, as
    `realm.subscriptions.update` does; with `rerun_on_open` whenever its session begins.
    `Realm.open` waits for their data, by the behaviours below.

    `on_error(session, error)` is called for errors that concern the application, on the event loop
    on which the realm was opened. The two behaviours say how `Realm.open` opens a new and an
    existing file; None is DOWNLOAD_BEFORE_OPEN within 30 seconds. With
    `cancel_waits_on_non_fatal_error` waits fail at the first error, also one that the session
    survives by trying again. `custom_http_headers` are added to the request of the websocket.
    `proxy` is the URL of a proxy for it, `http://name:password@host:port`, with https (to the
    proxy), socks4 or socks5 instead; log-in and tokens do not use it.

    Realms of a user with the same headers, `ssl` and `proxy` share a connection.

    Raises InvalidArgumentError and ArgumentTypeError for what is wrong in itself.
    """

    user: User
    partition_value: PartitionValue | _Missing = MISSING
    flexible: bool = False
    initial_subscriptions: Callable[..., object] | None = None
    rerun_on_open: bool = False
    new_realm_file_behavior: OpenRealmBehaviorConfiguration | None = None
    existing_realm_file_behavior: OpenRealmBehaviorConfiguration | None = None
    on_error: Callable[[SyncSession, SyncError], object] | None = None
    custom_http_headers: Mapping[str, str] = field(default_factory=dict)
    ssl: SSLConfiguration = field(default_factory=SSLConfiguration)
    client_reset: ClientResetConfiguration = field(default_factory=ClientResetConfiguration)
    cancel_waits_on_non_fatal_error: bool = False
    session_stop_policy: SessionStopPolicy | Literal["after-upload", "immediately", "never"] = (
        SessionStopPolicy.AFTER_UPLOAD
    )
    proxy: str | None = field(default=None, repr=False)  # it may hold a password

    # Sets `cancel_waits_on_non_fatal_error` by the name that Realm's documentation uses.
    cancel_waits_on_non_fatal_errors: InitVar[bool | None] = None

    def __post_init__(self, cancel_waits_on_non_fatal_errors: bool | None) -> None:
        if cancel_waits_on_non_fatal_errors is not None:
            object.__setattr__(
                self, "cancel_waits_on_non_fatal_error", cancel_waits_on_non_fatal_errors
            )
        if not isinstance(self.user, User):
            raise ArgumentTypeError(f"Expected 'user' to be a User, got {shown(self.user)}")
        _require_type("flexible", self.flexible, bool)
        self._check_mode()
        behavior = OpenRealmBehaviorConfiguration | None
        _require_type("new_realm_file_behavior", self.new_realm_file_behavior, behavior)
        _require_type("existing_realm_file_behavior", self.existing_realm_file_behavior, behavior)
        _require_type("on_error", self.on_error, Callable | None)
        _require_type("custom_http_headers", self.custom_http_headers, Mapping)
        for name, value in self.custom_http_headers.items():
            _require_header(name, value)
        _require_type("ssl", self.ssl, SSLConfiguration)
        _require_type("client_reset", self.client_reset, ClientResetConfiguration)
        _require_type("cancel_waits_on_non_fatal_error", self.cancel_waits_on_non_fatal_error, bool)
        _require_type("proxy", self.proxy, str | None)
        if self.proxy is not None:
            _require_proxy(self.proxy)
        resets = self.client_reset
        hears = self.on_error is not None or resets.on_manual is not None
        if resets.mode is ClientResetMode.MANUAL and not hears:
            raise InvalidArgumentError("need to set either on_error or on_manual or both")
        policy = member(SessionStopPolicy, self.session_stop_policy, "session_stop_policy")
        object.__setattr__(self, "session_stop_policy", policy)

    def _check_mode(self) -> None:
        if self.flexible and self.partition_value is not MISSING:
            raise InvalidArgumentError(
                "'partition_value' cannot be specified when flexible sync is enabled. To enable"
                " partition-based sync, remove 'flexible' and specify 'partition_value'."
            )
        if not self.flexible and self.partition_value is MISSING:
            raise ArgumentTypeError(
                "'partition_value' is required; None is a value. For flexible sync say"
                " flexible=True"
            )
        _ = self.partition_json  # raises for what is no partition value
        _require_type("initial_subscriptions", self.initial_subscriptions, Callable | None)
        _require_type("rerun_on_open", self.rerun_on_open, bool)
        if self.initial_subscriptions is not None and not self.flexible:
            raise InvalidArgumentError(
                "'initial_subscriptions' can only be specified when flexible sync is enabled. To"
                " enable flexible sync, remove 'partition_value' and set 'flexible' to True."
            )
        if self.initial_subscriptions is not None and is_async(self.initial_subscriptions):
            raise InvalidArgumentError("'initial_subscriptions' is a function without `async`")

    @cached_property
    def partition_json(self) -> str | None:
        """The partition value as canonical extended JSON, which BIND carries; None if flexible."""
        return None if self.flexible else _partition_json(self.partition_value)

    @cached_property
    def connection_settings(self) -> str:
        """What the connection needs beside a user and a server: equal for those that share one."""
        path = self.ssl.certificate_path
        tls = (self.ssl.validate, None if path is None else os.fspath(path))
        return repr((self.proxy, tls, sorted(self.custom_http_headers.items())))

    # What a realm asks for (model/configuration.py, Synchronisation); sessions: app_sync.py.

    def _path(self, path: str | os.PathLike[str] | None) -> Path:
        place = None if path is None else Path(path)
        if place is None or not place.is_absolute():
            name = FLEXIBLE_NAME if place is None and self.flexible else place
            value = None if self.flexible else cast(PartitionValue, self.partition_value)
            place = self.user.realm_path(value, None if name is None else str(name))
        return place.resolve()

    def _before_opening(self, path: Path) -> None:
        self.user.app.sync._before_opening(path)

    def _claim(self, file: _core.RealmFile) -> None:
        if self.user.state is UserState.REMOVED:
            raise absence_of(self.user)
        if self.partition_json is None:
            self.user.app.sync._require_fitting(file, self)  # before the file changes its mode
            _core.claim_flexible(file)
            return
        home = file.claim_partition(self.partition_json)
        if home != self.partition_json and file.is_migrated:
            raise MismatchedConfigError(
                "Partition value cannot be changed for migrated realms\n - original: "
                f"{home}\n -   config: {self.partition_json}"
            )
        if home != self.partition_json:  # its changes were written for that one
            raise MismatchedConfigError(
                f"The realm at '{file.path}' belongs to partition {home} and cannot be opened with"
                f" {self.partition_json}: give each partition a file of its own"
            )

    def _attach(self, file: _core.RealmFile, schema_version: int | None) -> SyncSession:
        session: SyncSession = self.user.app.sync._attach(file, self, schema_version or 0)
        return session

    def _open(self, config: Any) -> Any:
        return self.user.app.sync._open(config, self)

    def _is_flexible(self) -> bool:
        return self.flexible

    def _subscriptions(self, realm: Any) -> SubscriptionSet:
        if not self.flexible:
            raise IllegalOperationError(
                "`subscriptions` can only be accessed if flexible sync is enabled, but partition"
                " based sync is currently enabled for your Realm. Modify your sync config to remove"
                " any `partition_value` and enable flexible sync, for example:"
                " SyncConfiguration(user=user, flexible=True)"
            )
        return SubscriptionSet(realm)

    def _initial_update(self, realm: Any) -> SubscriptionUpdate | None:
        function = self.initial_subscriptions
        if function is None:
            return None
        subscriptions = SubscriptionSet(realm)
        session = realm.sync_session
        is_first = self.rerun_on_open and session.references - session.openings == 1
        if subscriptions.has_any and not is_first:
            return None
        return SubscriptionUpdate(subscriptions, function, waits=False, is_initial=True)

    def _awaits_set(self, file: _core.RealmFile) -> bool:
        """Whether nothing of the latest subscriptions in a file has come yet."""
        return self._latest_set(file)[1] == SetCode.PENDING

    def _refused_version(self, file: _core.RealmFile) -> int | None:
        """Of the latest subscriptions in a file, if the server has refused them."""
        version, code = self._latest_set(file)
        return version if code == SetCode.ERROR else None

    def _latest_version(self, file: _core.RealmFile) -> int:
        """Of the subscriptions in a file; 0 if it is not flexible."""
        return self._latest_set(file)[0]

    def _latest_set(self, file: _core.RealmFile) -> tuple[int, int | None]:
        """Version and code of the latest subscriptions in a file."""
        found = _core.subscription_set(file) if self.flexible else None
        return (0, None) if found is None else found[:2]


class SessionCallbacks:
    """What a configuration wants to be called, for the loop that is running now."""

    def __init__(self, config: SyncConfiguration) -> None:
        resets = config.client_reset
        self.on_error = _callback(config.on_error)
        self.on_manual = _callback(resets.on_manual)
        self.on_before = _callback(resets.on_before)
        self.on_after = _callback(resets.on_after)
        self.on_fallback = _callback(resets.on_fallback)
        self.on_discard = _callback(resets.on_discard)

    def without_realms(self) -> SessionCallbacks:
        """The same, but for a reset that shows nobody the realm before and after."""
        silent = copy(self)
        silent.on_before = silent.on_after = silent.on_fallback = None
        return silent


def _callback(function: Callable[..., object] | None) -> Callback | None:
    return Callback(function) if function is not None else None
