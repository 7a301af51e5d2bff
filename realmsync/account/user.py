"""A user of an app: tokens, profile, state. Specification: node-sdk-surface.md section 3.

Requests are made by the app (app.py), a user's AccountHost; what is on disk is in stored_users.py.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from realmsync.account.api_keys import ApiKeyAuth
from realmsync.account.bodies import decoded_members
from realmsync.account.credentials import Credentials
from realmsync.account.functions import Functions
from realmsync.account.http import Claims, HttpResponse, token_claims
from realmsync.account.places import PartitionValue, realm_file, user_folder
from realmsync.account.stored_users import StoredUser
from realmsync.account.validity import Validity, steady, validity
from realmsync.callbacks import Listener, Listeners
from realmsync.codes import AppCode
from realmsync.enums import UserState
from realmsync.errors import AppError, RealmError
from realmsync.naming import Explained

# Seconds after its end from which on a token is not tried any more (client-session.md 2.5).
_GRACE_S = 5.0


@dataclass(frozen=True)
class UserIdentity:
    """One way in which the user can log in."""

    id: str
    provider_type: str


class AccountHost(Protocol):
    """What a user needs of its app."""

    @property
    def id(self) -> str: ...
    @property
    def root(self) -> Path: ...
    async def _refresh_access_token(self, user: User) -> str: ...
    async def _link(self, user: User, credentials: Credentials) -> None: ...
    async def _end_session(self, refresh_token: str) -> None: ...
    async def _call_function(self, user: User, name: str, arguments: Sequence[Any]) -> Any: ...
    async def _log_in_request(
        self, user: User, method: str, path: str, body: str = ""
    ) -> HttpResponse: ...
    def _user_left(self, user: User) -> None: ...
    def _user_changed(self, user: User) -> None: ...
    def _save(self, user: StoredUser, names: Iterable[str], log_in: str | None = None) -> None: ...
    def _keep_file(self, user_id: str, path: str) -> None: ...
    def _notify(self) -> None: ...


class User(Explained):
    """A user; there is one object per app and user id. Made by `App.log_in`."""

    _not_there = {
        **dict.fromkeys(
            ("mongo_client", "mongoClient"),
            "collections are not reached through the server: open a synced realm, or call a "
            "function of the app, `await user.functions.name(...)`",
        ),
        **dict.fromkeys(
            ("push", "push_client", "pushClient"),
            "the server sends no push messages: a function of the app, "
            "`await user.functions.name(...)`, can hand the device's token to a service that does",
        ),
    }

    def __init__(self, app: AccountHost, stored: StoredUser) -> None:
        self._app = app
        self._stored = stored
        self._received_at: float | None = None  # when the access token was, in this process
        self._lock = threading.Lock()  # what has been stored together is changed together
        self._listeners = Listeners()

    def __repr__(self) -> str:
        return f"<User {self.id} of {self._app.id}: {self.state.value}>"

    @property
    def app(self) -> Any:
        """The App the user belongs to."""
        return self._app

    @property
    def id(self) -> str:
        """The user's id, the same on all devices."""
        return self._stored.id

    @property
    def state(self) -> UserState:
        """Logged in, logged out or removed."""
        return self._stored.state

    @property
    def is_logged_in(self) -> bool:
        """Whether the user has tokens."""
        return self.state is UserState.LOGGED_IN

    @property
    def access_token(self) -> str | None:
        """The token of requests and of sync, or None when logged out."""
        return self._stored.access_token or None

    @property
    def refresh_token(self) -> str | None:
        """The token that gives new access tokens, or None when logged out."""
        return self._stored.refresh_token or None

    @property
    def access_token_expires_at(self) -> int | None:
        """Seconds since 1970 by the server's clock, or None when logged out."""
        claims = self._claims()
        return claims.expires_at if claims else None

    @property
    def _token_validity(self) -> Validity | None:
        """How long the access token is good, or None when logged out."""
        claims = self._claims()
        return validity(claims, self._received_at) if claims else None

    @property
    def _token_expired(self) -> bool:
        """The token gate of sync: expired for more than five seconds."""
        token = self._token_validity
        return token is not None and token.left < -_GRACE_S

    @property
    def device_id(self) -> str | None:
        """The id that the server gave this installation."""
        device_id = self._stored.device_id
        return device_id if device_id.strip("0") else None

    @property
    def identities(self) -> tuple[UserIdentity, ...]:
        """The ways in which the user can log in, in the server's order."""
        return tuple(UserIdentity(*identity) for identity in self._stored.identities)

    @property
    def provider_type(self) -> str:
        """The provider of the first identity."""
        if not self._stored.identities:
            raise AssertionError("No provider found")
        return self._stored.identities[0][1]

    @property
    def is_anonymous(self) -> bool:
        """Whether the user has nothing but an anonymous identity."""
        return [provider for _, provider in self._stored.identities] == ["anon-user"]

    @property
    def profile(self) -> Mapping[str, Any]:
        """What the providers told about the user at the last log-in, such as `email`."""
        return decoded_members(self._stored.profile)

    @property
    def custom_data(self) -> Mapping[str, Any]:
        """The app's own data of the user, as old as the access token; {} when there is none."""
        claims = self._claims()
        return decoded_members(claims.user_data) if claims else {}

    @property
    def functions(self) -> Functions:
        """The app's functions: `await user.functions.sum(1, 2)` is `call_function("sum", 1, 2)`."""
        return Functions(self.call_function)

    async def call_function(self, name: str, /, *arguments: Any) -> Any:
        """Calls a function of the app on the server, and gives its result.

        Arguments and results are what extended JSON can say: None, bool, int of 64 bits, float,
        str, bytes, datetime with a time zone, UUID, ObjectId, Decimal128, lists and mappings.
        Results have 4 MiB at most. Raises AppError, such as `FunctionNotFound`, or
        `FunctionExecutionError` with what the function raised; ArgumentTypeError for other types.
        """
        return await self._app._call_function(self, name, arguments)

    @property
    def api_keys(self) -> ApiKeyAuth:
        """The user's API keys, with which programs log in as the user."""
        return ApiKeyAuth(functools.partial(self._app._log_in_request, self))

    async def refresh_access_token(self) -> str:
        """Gets a new access token. Raises AppError; the sync client decides what follows."""
        return await self._app._refresh_access_token(self)

    async def refresh_custom_data(self) -> Mapping[str, Any]:
        """Reads `custom_data` anew, with a new access token. Raises AppError."""
        await self.refresh_access_token()
        return self.custom_data

    async def link_credentials(self, credentials: Credentials) -> None:
        """Adds one more way to log in as this user, whose id stays. Raises AppError.

        An e-mail account has to be registered before, and nobody has logged in with it.
        """
        await self._app._link(self, credentials)

    async def log_out(self) -> None:
        """Ends the log-in here and on the server; an anonymous user is gone for good.

        Local effects stay even when the request fails.
        """
        token = self.refresh_token
        if not self.is_logged_in or token is None:
            return
        self.log_out_locally()
        await self._app._end_session(token)

    def log_out_locally(self) -> None:
        """Drops the tokens and stops the user's sync sessions, without a request."""
        with self._lock:
            if not self.is_logged_in:
                return
            ended = self._stored.refresh_token
            self._stored.access_token = self._stored.refresh_token = ""
            self._stored.state = UserState.REMOVED if self.is_anonymous else UserState.LOGGED_OUT
        self._app._user_left(self)
        self._changed(("state", "access_token", "refresh_token"), ended)

    def realm_path(self, partition_value: PartitionValue, name: str | None = None) -> Path:
        """Where the partition's realm file is when the configuration names none."""
        return realm_file(self._app.root, self.id, partition_value, name)

    @property
    def root(self) -> Path:
        """The folder of the user's realms."""
        return user_folder(self._app.root, self.id)

    def add_listener(self, callback: Listener) -> None:
        """Calls back, without arguments, after changes of tokens, state or profile."""
        self._listeners.add(callback)

    def remove_listener(self, callback: Listener) -> None:
        """Undoes `add_listener`; unknown callbacks are ignored."""
        self._listeners.remove(callback)

    def remove_all_listeners(self) -> None:
        """Removes every listener of this user."""
        self._listeners.clear()

    def _claims(self) -> Claims | None:
        token = self._stored.access_token  # read once: a log-out may come from another thread
        return token_claims(token) if token else None

    def _synchronises(self, path: str) -> None:
        """A session of this realm file begins: the file is the user's, and goes with him."""
        self._app._keep_file(self.id, path)

    def _renewed(self, access_token: str, log_in: str) -> None:
        """What a log-in, known by its refresh token, has got. AppError when it has ended since."""
        with self._lock:
            if self._stored.refresh_token != log_in:
                message = "User was logged out during the refresh"
                raise AppError(message, AppCode.ClientUserNotLoggedIn)
            self._set(access_token=access_token)
        self._changed(("access_token",), log_in)

    def _update(self, **members: Any) -> None:
        with self._lock:
            self._set(**members)
            log_in = None if "state" in members else self._stored.refresh_token
        self._changed(members, log_in)

    def _set(self, **members: Any) -> None:
        for name, value in members.items():
            setattr(self._stored, name, value)
        if "access_token" in members:
            self._received_at = steady()

    def _changed(self, names: Iterable[str], log_in: str | None) -> None:
        self._app._user_changed(self)
        self._app._save(self._stored, names, log_in)
        self._listeners.notify()
        self._app._notify()

    def _require_log_in(self) -> None:
        if not self.is_logged_in:
            raise _not_logged_in()


def _not_logged_in() -> AppError:
    return AppError("User is not logged in", AppCode.ClientUserNotLoggedIn)


def absence_of(user: User) -> RealmError:
    """Why nothing is opened for a user who has no log-in."""
    if user.state is not UserState.REMOVED:
        return _not_logged_in()
    error = RealmError(
        f"Cannot start a sync session for user '{user.id}' because this user has been removed."
    )
    error.code = int(AppCode.ClientUserNotFound)
    return error


def usable(stored: StoredUser) -> bool:
    """Whether the tokens of a stored user can be read."""
    try:
        token_claims(stored.access_token)
        token_claims(stored.refresh_token)
    except AppError:
        return False
    return True
