"""The app: log-in, users, and where its server is.

An asynchronous API only: log-in and refresh are network requests, and sync needs a running event
loop anyway. A program without one calls `asyncio.run`. Specification: node-sdk-surface.md section
2, app-services-http.md sections 7 to 13, 16 and 17.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import platform
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import quote, urlsplit

from realmsync import _core
from realmsync.account.bodies import decoded, decoded_members, encoded
from realmsync.account.credentials import Credentials, require_text
from realmsync.account.email_password import EmailPasswordAuth
from realmsync.account.http import (
    BASE_PATH,
    MAX_REPLY,
    MAX_RESULT,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    aiohttp_transport,
    check,
    is_unicode,
    json_object,
    normalised_base_url,
    text_member,
    token_claims,
    websocket_host,
)
from realmsync.account.places import safe_name, user_folder
from realmsync.account.stored_users import StoredUser, UserStore
from realmsync.account.user import User, usable
from realmsync.callbacks import Listener, Listeners
from realmsync.codes import AppCode
from realmsync.enums import UserState, member
from realmsync.errors import AppError, ArgumentTypeError, InvalidArgumentError
from realmsync.naming import Explained, fields_by_name
from realmsync.version import __version__

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger("realmsync.app")


class MetadataMode(str, Enum):
    """How users and tokens are kept."""

    NO_ENCRYPTION = "noEncryption"  # in a file that only the owner can read
    IN_MEMORY = "inMemory"  # not at all: log in at each start


@fields_by_name
@dataclass(frozen=True)
class AppConfiguration:
    """Settings of an App."""

    id: str
    # Origin of the server, such as "http://localhost:9090". None: MongoDB's cloud service, which
    # has ended: only what needs no request works.
    base_url: str | None = None
    # Seconds that an HTTP request may take, and an attempt to connect for sync, which takes 120 at
    # most; 0: no other limit.
    timeout: float = 60.0
    # Whether the sync sessions of a user share one connection.
    multiplex_sessions: bool = True
    # Parent of the folder `mongodb-realm` with everything stored. None: the working directory.
    base_file_path: str | os.PathLike[str] | None = None
    metadata_mode: MetadataMode | Literal["noEncryption", "inMemory"] = MetadataMode.NO_ENCRYPTION
    # Sends HTTP requests instead of the built-in transport.
    http_transport: HttpTransport | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id or not is_unicode(self.id):
            raise ArgumentTypeError(f"Expected 'id' to be a non-empty string, got {self.id!r}")
        if not isinstance(self.base_url, str | None):
            raise ArgumentTypeError(f"Expected 'base_url' to be a string, got {self.base_url!r}")
        if not isinstance(self.timeout, int | float) or isinstance(self.timeout, bool):
            raise ArgumentTypeError(f"Expected 'timeout' to be seconds, got {self.timeout!r}")
        if self.timeout < 0:
            raise InvalidArgumentError("timeout must not be negative")
        if not isinstance(self.multiplex_sessions, bool):
            raise ArgumentTypeError(
                f"Expected 'multiplex_sessions' to be a bool, got {self.multiplex_sessions!r}"
            )
        if not isinstance(self.base_file_path, str | os.PathLike | None):
            raise ArgumentTypeError(
                f"Expected 'base_file_path' to be a str or a Path, got {self.base_file_path!r}"
            )
        mode = member(MetadataMode, self.metadata_mode, "metadata_mode")
        object.__setattr__(self, "metadata_mode", mode)


class AppConfigurationFields(TypedDict, total=False):
    """The fields of an AppConfiguration beside its id, for editors and type checkers."""

    base_url: str | None
    timeout: float
    multiplex_sessions: bool
    base_file_path: str | os.PathLike[str] | None
    metadata_mode: MetadataMode | Literal["noEncryption", "inMemory"]
    http_transport: HttpTransport | None


@dataclass(frozen=True)
class Location:
    """Where the app's server is, as it says itself."""

    host_url: str
    sync_route: str


class AppServices(Explained):
    """The accounts of an app: what realmsync.App has beside sync."""

    _not_there = {
        "Sync": "it is `app.sync`",
        **dict.fromkeys(("get_app", "getApp"), "write App.get(id)"),
    }

    def __init__(
        self, id: str | AppConfiguration, **overrides: Unpack[AppConfigurationFields]
    ) -> None:
        config = AppConfiguration(id) if isinstance(id, str) else id
        if not isinstance(config, AppConfiguration):
            raise ArgumentTypeError(f"Expected 'config' to be an AppConfiguration, got {config!r}")
        self.config = replace(config, **overrides)
        self._base_url = normalised_base_url(self.config.base_url)
        self._location: Location | None = None
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )
        self._transport = self.config.http_transport or aiohttp_transport
        self._listeners = Listeners()
        # Called in the thread that changed a user's state or tokens, before anybody else hears of
        # it: the sync client stops and starts sessions.
        self.user_hooks: list[Callable[[User], None]] = []
        in_memory = self.config.metadata_mode is MetadataMode.IN_MEMORY
        self._kept: set[str] = set()  # names of files that the store has
        self._store = UserStore(None if in_memory else self.root / "users.sqlite")
        self._users, self._current_id = self._restore()

    def __repr__(self) -> str:
        return f"<App {self.id} at {self._base_url}>"

    @property
    def id(self) -> str:
        """The client app id."""
        return self.config.id

    @property
    def base_url(self) -> str:
        """The configured origin of the server."""
        return self._base_url

    @functools.cached_property
    def root(self) -> Path:
        """The folder of everything that the app stores."""
        return Path(self.config.base_file_path or ".") / "mongodb-realm" / safe_name(self.id)

    @functools.cached_property
    def _folder(self) -> Path:
        """The same as files in it are named by the core: absolute, without links."""
        return self.root.resolve()

    # users

    @property
    def current_user(self) -> User | None:
        """Who logged in or was switched to last, also in an earlier run."""
        user = self._users.get(self._current_id or "")
        return user if user is not None and user.is_logged_in else None

    @property
    def all_users(self) -> dict[str, User]:
        """All users that were not removed, logged out ones included, by id."""
        return {id: user for id, user in self._users.items() if user.state is not UserState.REMOVED}

    async def log_in(self, credentials: Credentials) -> User:
        """Logs in and makes the user the current one.

        Raises AppError, and ArgumentTypeError for anything but Credentials.
        """
        _check_credentials(credentials)
        if credentials.provider == "anon-user" and credentials.reuse:
            for user in self._users.values():
                if user.is_logged_in and user.is_anonymous:
                    self._set_current(user)
                    return user
        path = f"/auth/providers/{credentials.provider}/login"
        body = json_object(await self._post_app(path, self._log_in_body(credentials)))
        id = text_member(body, "user_id")
        tokens = {
            "access_token": text_member(body, "access_token"),
            "refresh_token": text_member(body, "refresh_token"),
            "device_id": text_member(body, "device_id"),
        }
        if id in ("", ".", ".."):
            raise AppError(f"user id {id!r} is not acceptable", AppCode.MalformedJson)
        _check_tokens(tokens["access_token"], tokens["refresh_token"])
        user = self._users.get(id) or User(self, StoredUser(id))
        self._users[id] = user
        user._update(state=UserState.LOGGED_IN, **tokens)
        await self._read_profile(user)
        self._set_current(user)
        return user

    def switch_user(self, user: User) -> None:
        """Makes another logged in user the current one."""
        self._check_user(user)
        if not user.is_logged_in:
            raise AppError(
                "User is no longer valid or is logged out", AppCode.ClientUserNotLoggedIn
            )
        self._set_current(user)

    async def remove_user(self, user: User) -> None:
        """Logs out and forgets the user on this device; the files go at the next start."""
        self._check_user(user)
        if user.state is UserState.REMOVED or self._users.get(user.id) is not user:
            raise AppError("User does not exist", AppCode.ClientUserNotFound)
        token = user.refresh_token
        user.log_out_locally()
        user._update(state=UserState.REMOVED)
        if token is not None:
            await self._end_session(token)

    async def delete_user(self, user: User) -> None:
        """Deletes the user's account on the server, then everything here."""
        self._check_user(user)
        user._require_log_in()
        await self._access(user, "DELETE", "/auth/delete")
        user.log_out_locally()
        user._update(state=UserState.REMOVED)

    @property
    def email_password_auth(self) -> EmailPasswordAuth:
        """Registration and passwords of e-mail accounts."""
        return EmailPasswordAuth(self._post_app)

    def add_listener(self, callback: Listener) -> None:
        """Calls back, without arguments, after log-in, log-out, switch, link and token refresh."""
        self._listeners.add(callback)

    def remove_listener(self, callback: Listener) -> None:
        """Undoes `add_listener`; unknown callbacks are ignored."""
        self._listeners.remove(callback)

    def remove_all_listeners(self) -> None:
        """Removes every listener of this app."""
        self._listeners.clear()

    # where the server is

    @property
    def sync_route(self) -> tuple[str, bool]:
        """The websocket address of sync, and whether the server named it (is verified)."""
        if self._location is not None:
            return self._location.sync_route, True
        return self._derived_route(websocket_host(self._base_url)), False

    async def refresh_location(self) -> None:
        """Asks the server anew where it is. Raises AppError."""
        self._location = await self._read_location(self._base_url)

    async def update_base_url(self, url: str | None) -> None:
        """Moves to another server, once that has answered; None means MongoDB's cloud."""
        url = normalised_base_url(url)
        if url == self._base_url and self._location is not None:
            return
        self._location = await self._read_location(url)
        self._base_url = url

    # requests

    async def _send(self, request: HttpRequest) -> HttpResponse:
        response = await self._transport(request)
        path = urlsplit(request.url).path
        logger.debug("%s %s: %d", request.method, path, response.status or response.custom_status)
        check(response)
        return response

    async def _host_url(self) -> str:
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            if self._location is None:
                self._location = await self._read_location(self._base_url)
            return self._location.host_url

    async def _read_location(self, base_url: str) -> Location:
        url = f"{base_url}{BASE_PATH}/app/{quote(self.id, safe='')}/location"
        response = await self._send(HttpRequest("GET", url, timeout=self.config.timeout))
        body = json_object(response)
        host_url = text_member(body, "hostname").rstrip("/") or base_url
        ws_host = text_member(body, "ws_hostname").rstrip("/") or websocket_host(host_url)
        if "sync_route" in body:
            return Location(host_url, text_member(body, "sync_route"))
        return Location(host_url, self._derived_route(ws_host))

    def _derived_route(self, ws_host: str) -> str:
        return f"{ws_host}{BASE_PATH}/app/{quote(self.id, safe='')}/realm-sync"

    async def _client_request(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: str = "",
        max_reply: int = MAX_REPLY,
    ) -> HttpResponse:
        headers = {
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json",
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{await self._host_url()}{BASE_PATH}{path}"
        return await self._send(
            HttpRequest(method, url, headers, body, self.config.timeout, max_reply)
        )

    async def _post_app(
        self, path: str, body: dict[str, Any], token: str | None = None
    ) -> HttpResponse:
        return await self._client_request("POST", self._app_path(path), token, encoded(body))

    def _app_path(self, path: str) -> str:
        return f"/app/{quote(self.id, safe='')}{path}"

    async def _access(
        self, user: User, method: str, path: str, body: str = "", max_reply: int = MAX_REPLY
    ) -> HttpResponse:
        """A request with the access token; after a 401 once more with a new one."""
        user._require_log_in()
        try:
            return await self._client_request(method, path, user.access_token, body, max_reply)
        except AppError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            try:
                await self._refresh_access_token(user)
            except AppError:
                raise error from None
        return await self._client_request(method, path, user.access_token, body, max_reply)

    async def _log_in_request(
        self, user: User, method: str, path: str, body: str = ""
    ) -> HttpResponse:
        """A request with the refresh token; a 401 ends the log-in, here and on the server."""
        user._require_log_in()
        token = user.refresh_token or ""
        try:
            return await self._client_request(method, path, token, body)
        except AppError as error:
            if error.status == HTTPStatus.UNAUTHORIZED and user.refresh_token == token:
                user.log_out_locally()
                with contextlib.suppress(AppError):
                    await self._end_session(token)
            raise

    async def _call_function(self, user: User, name: str, arguments: Sequence[Any]) -> Any:
        body = encoded({"arguments": arguments, "name": require_text("name", name)})
        path = self._app_path("/functions/call")
        reply = await self._access(user, "POST", path, body, MAX_RESULT)
        return await asyncio.to_thread(decoded, reply.body)  # it may be long

    async def _refresh_access_token(self, user: User) -> str:
        user._require_log_in()
        used = user.refresh_token or ""
        body = json_object(await self._client_request("POST", "/auth/session", used))
        token = text_member(body, "access_token")
        token_claims(token)
        user._renewed(token, used)
        return token

    async def _end_session(self, refresh_token: str) -> None:
        await self._client_request("DELETE", "/auth/session", refresh_token)

    async def _read_profile(self, user: User) -> None:
        body = json_object(await self._access(user, "GET", "/auth/profile"))
        for name, kind in (("identities", list), ("data", dict)):
            if name not in body:
                raise AppError(name, AppCode.MissingJsonKey)
            if not isinstance(body[name], kind):
                raise AppError(f"'{name}' has the wrong type", AppCode.MalformedJson)
        identities = [
            (text_member(item, "id"), text_member(item, "provider_type"))
            for item in body["identities"]
            if isinstance(item, dict)
        ]
        try:
            decoded_members(body["data"])
        except ValueError as error:
            raise AppError(f"'data' of the profile: {error}", AppCode.MalformedJson) from None
        user._update(identities=identities, profile=body["data"])

    async def _link(self, user: User, credentials: Credentials) -> None:
        _check_credentials(credentials)
        user._require_log_in()
        path = f"/auth/providers/{credentials.provider}/login?link=true"
        body = self._log_in_body(credentials)
        reply = json_object(await self._post_app(path, body, user.access_token))
        token = text_member(reply, "access_token")
        _check_tokens(token)
        user._update(access_token=token)
        await self._read_profile(user)

    def _log_in_body(self, credentials: Credentials) -> dict[str, Any]:
        device = {
            "appId": self.id,
            "platform": platform.system() or "unknown",
            "platformVersion": platform.release() or "unknown",
            "sdk": "Python",
            "sdkVersion": __version__,
            "cpuArch": platform.machine() or "unknown",
            "deviceName": "unknown",
            "deviceVersion": "unknown",
            "frameworkName": platform.python_implementation(),
            "frameworkVersion": platform.python_version(),
            "coreVersion": __version__,
            "bundleId": "unknown",
        }
        return {**credentials.payload, "options": {"device": device}}

    # state

    def _restore(self) -> tuple[dict[str, User], str | None]:
        stored, current = self._store.load()
        users = {}
        for id, record in stored.items():
            if record.state is UserState.REMOVED:
                if self._delete_files(id):
                    self._store.forget(id)
                continue
            if record.state is UserState.LOGGED_IN and not usable(record):
                record.state = UserState.LOGGED_OUT
                record.access_token = record.refresh_token = ""
            users[id] = User(self, record)
        return users, current

    def _delete_files(self, user_id: str) -> bool:
        """Deletes a removed user's realms.

        False when another App, or another process, still has one open: that is for a later start.
        """
        import shutil

        folder = user_folder(self.root, user_id)
        files = [*folder.rglob("*.realm")]
        files += [self.root / name for name in self._store.files(user_id)]
        if [file for file in files if not _is_gone(file)]:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def _keep_file(self, user_id: str, path: str) -> None:
        """Remembers a file of the app that lies in no folder of its user.

        That is one with a hashed name, or what is kept of a realm that was reset.
        """
        root = f"{self._folder}{os.sep}"  # text: a Path of each would be made for nothing
        name = path.removeprefix(root)
        if name == path or os.sep in name.removeprefix(f"recovered-realms{os.sep}"):
            return
        if name not in self._kept:
            self._store.add_file(user_id, name)
            self._kept.add(name)

    def _save(self, user: StoredUser, names: Iterable[str], log_in: str | None = None) -> None:
        self._store.save(user, names, log_in)

    def _notify(self) -> None:
        self._listeners.notify()

    def _set_current(self, user: User) -> None:
        self._current_id = user.id
        self._store.save_current(user.id)
        self._notify()

    def _user_left(self, user: User) -> None:
        """A user was logged out: another logged in one becomes the current one."""
        if self._current_id == user.id:
            others = [u.id for u in self._users.values() if u.is_logged_in]
            self._current_id = others[0] if others else None
            self._store.save_current(self._current_id)

    def _check_user(self, value: object) -> None:
        if not isinstance(value, User):
            raise ArgumentTypeError(f"Expected 'user' to be a User, got {value!r}")
        if value.app is not self:
            raise InvalidArgumentError(f"{value!r} belongs to another App: {value.app!r}")

    def _user_changed(self, user: User) -> None:
        for hook in list(self.user_hooks):
            hook(user)


def _is_gone(file: Path) -> bool:
    try:
        return _core.RealmFile.remove_unused(str(file))
    except OSError:  # no right to: no reason to refuse an App
        return False


def _check_credentials(value: object) -> None:
    if not isinstance(value, Credentials):
        raise ArgumentTypeError(
            "expected Credentials, such as Credentials.anonymous() or "
            f"Credentials.email_password(email, password), got {type(value).__name__}"
        )


def _check_tokens(*tokens: str) -> None:
    try:
        for token in tokens:
            token_claims(token)
    except AppError as error:
        raise AppError(f"Could not log in user: {error}", AppCode.BadToken) from None
