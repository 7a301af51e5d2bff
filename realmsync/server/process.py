"""Starting and stopping a server: data directory, users, engine, port.

`Server` runs on the loop that starts it; `serve` is a whole process with signals, for the command
line. What clients may do is in http/, acceptor.py and accounts/, sync itself in the native engine.
Specification: server-behaviour.md sections 5 and 15.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from realmsync import _core
from realmsync.errors import IllegalOperationError, ServerStartError
from realmsync.events import (
    Administered,
    Authorize,
    FieldsDiscovered,
    Log,
    ServerEvent,
    StorageFailed,
)
from realmsync.server.acceptor import Acceptor
from realmsync.server.accounts.api_keys import ApiKeys
from realmsync.server.accounts.app_users import app_user
from realmsync.server.accounts.auth import Auth, load_secret
from realmsync.server.accounts.custom_data import CustomData, collection_of, custom_data_of
from realmsync.server.accounts.email_accounts import EmailAccounts
from realmsync.server.accounts.file.records import Gone
from realmsync.server.accounts.users import Users
from realmsync.server.addresses import Proxies
from realmsync.server.admin.access import AdminAccount, AdminTokens
from realmsync.server.admin.admin import Admin
from realmsync.server.admin.apps import AdminApps
from realmsync.server.admin.endpoints import ADMIN_ROUTES
from realmsync.server.admin.stored_app import StoredApp, stored_apps
from realmsync.server.apps.app_record import AppRecords
from realmsync.server.apps.engine_settings import ConfigurableEngine, configure
from realmsync.server.apps.hosting import AppHost, AppReport, what_changed
from realmsync.server.apps.reload_request import answer, take_request
from realmsync.server.apps.running import Apps, RunningApp
from realmsync.server.apps.schema import AppSchemas
from realmsync.server.apps.session_rules import SessionRules
from realmsync.server.authorization import Authorizer, Decider
from realmsync.server.config import ServerConfig
from realmsync.server.connections import Connections, connection_limits
from realmsync.server.data_directory import DataDirectory
from realmsync.server.descriptors import (
    descriptor_limit,
    descriptors_in_use,
    raise_descriptor_limit,
)
from realmsync.server.engine_tasks import AdministeredEngine, EngineTasks
from realmsync.server.functions.javascript import is_available as is_javascript_available
from realmsync.server.functions.port import AppUser
from realmsync.server.http.admission import Admission
from realmsync.server.http.call import Services
from realmsync.server.http.description import describe
from realmsync.server.http.dispatcher import HttpApi
from realmsync.server.http.endpoints import ROUTES
from realmsync.server.http.gate import HttpServer
from realmsync.server.http.sites import Sites
from realmsync.server.listener import Listener
from realmsync.server.logs import HttpLogger, LogLimit, one_line
from realmsync.server.mail import Mailer
from realmsync.transport.loop import Driver, Runtime
from realmsync.transport.websocket import EngineSocket, monotonic_ms

_logger = logging.getLogger("realmsync.server")
# A transaction takes a second at most, on a slow disk a few.
_STUCK_MS = 30_000
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


class ServerRuntime(Runtime[ServerEvent], ConfigurableEngine, AdministeredEngine, Protocol):
    """The native engine as the server drives it."""

    def open_connection(self, app_id: str, user_id: str, subprotocol: str, now_ms: int) -> int: ...
    def refuse(self, connection: int, first_bytes: bytes, size: int, now_ms: int) -> None: ...
    def revoke(self, connection: int, now_ms: int) -> None: ...
    def take_over(self, connection: int, now_ms: int) -> None: ...
    def authorize(
        self, connection: int, session: int, question: int, permission: str | None, now_ms: int
    ) -> None: ...
    def authorize_roles(
        self, connection: int, session: int, question: int, roles: _core.SessionRoles, now_ms: int
    ) -> None: ...
    def reauthorize(self, connection: int, now_ms: int) -> None: ...
    def closed(self, connection: int, now_ms: int) -> None: ...
    def shutdown(self, now_ms: int) -> None: ...
    def close(self) -> None: ...
    def add_app(self, app_id: str) -> None: ...
    def remove_app(self, app_id: str, now_ms: int) -> None: ...
    def stats(self) -> dict[str, int]: ...


class Server:
    """A sync server on the running loop.

    ::

        async with Server(ServerConfig(data=Path("data"))) as server:
            print(server.url)

    Raises ServerStartError when the port or the data directory is not available.
    """

    def __init__(self, config: ServerConfig, *, runtime: ServerRuntime | None = None) -> None:
        self.config = config
        self.port = config.port
        self._given = runtime
        self._host = AppHost(config, self._find_user, lambda app: collection_of(self.users, app))
        self._log_limit = LogLimit(config.log_lines_per_minute)
        self._minute: asyncio.TimerHandle | None = None
        self._listening: list[Listener] = []
        self._status = "starting"
        self._empty = asyncio.Event()
        self._exits = contextlib.AsyncExitStack()
        self.storage_failed = False
        # Called when the server can no longer store anything and should be stopped.
        self.on_storage_failed: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """What clients use as their base URL."""
        host = "localhost" if self.config.host in ("", "0.0.0.0", "::") else self.config.host
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self.config.ssl_context else 'http'}://{host}:{self.port}"

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Opens the data directory and the port; returns when clients can come."""
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise

    async def _start(self) -> None:
        config = self.config
        self._log_limit.install()
        self._exits.callback(self._end_log_limit)
        self._count_lines()
        self.directory = DataDirectory(config.data)
        self._exits.callback(self.directory.release)
        self._exits.push_async_callback(self._host.close)
        stored: list[StoredApp] = []
        if config.admin is not None:
            stored = await asyncio.to_thread(
                stored_apps, self._stored_folder, is_javascript_available()
            )
        self.apps = await self._host.open(stored)
        await self._open_users()
        await self._open_engine()
        schemas = AppSchemas(self.tasks, AppRecords(config.data))
        await self._host.install(self.apps, schemas)
        self._configure_apps()  # again: by now they have what clients have made queryable
        self._serve()
        await self._listen()
        self._status = "ok"
        _logger.info("listening on %s", self.url)

    async def _open_users(self) -> None:
        config = self.config
        self._secret = secret = load_secret(config.data / "secret.key")
        self.users = Users(config.data / "users.sqlite")
        try:
            await self.users.open()
        except sqlite3.Error as error:
            path = config.data / "users.sqlite"
            raise ServerStartError(f"cannot use the users' file {path}: {error}") from error
        self._exits.push_async_callback(self.users.close)
        for app in self.apps:
            collection = collection_of(self.users, app)
            if collection is not None:
                await collection.prepare()
        self._auth = Auth(self.users, secret, config, self.apps)

    async def _open_engine(self) -> None:
        config = self.config
        if self._given is not None:
            self._engine = self._given
        else:
            self._engine = await asyncio.to_thread(open_engine, config, self.apps)
        self._exits.push_async_callback(asyncio.to_thread, self._engine.close)
        self._driver = Driver(
            self._engine,
            self._on_event,
            on_opened=self._on_opened,
            on_lost=self._on_lost,
            on_oversized=self._on_oversized,
            limits=config.transport,
        )
        self._exits.callback(self._driver.close)
        self.tasks = EngineTasks(self._engine, self._driver.activity)
        self._exits.callback(self.tasks.close)
        self.session_rules = SessionRules(self.apps, self._find_user)
        deciders = [Decider("the configuration", self.session_rules.decide, None)]
        if config.authorize is not None:
            operator = Decider("the authorize function", config.authorize, config.authorize_timeout)
            deciders.append(operator)
        self._authorizer = Authorizer(deciders, self._engine, self._driver.activity)
        self._exits.push_async_callback(self._authorizer.close)

        self._configure_apps()

    def _configure_apps(self) -> None:
        for app in self.apps:
            if not app.is_open:  # of those ServerConfig says it all
                configure(self._engine, app)

    @property
    def _stored_folder(self) -> Path:
        return self.config.data / "apps"

    def _make_admin(self, account: AdminAccount) -> Admin:
        apps = AdminApps(
            self._stored_folder,
            self._host,
            self.apps,
            self._engine,
            is_javascript_available(),
        )
        return Admin(account, AdminTokens(self._secret), apps, self.users, self.tasks)

    def _on_changed(self, app: RunningApp) -> None:
        configure(self._engine, app)
        self._acceptor.reauthorize(app_key=app.key)

    async def _find_user(self, app_key: str, user_id: str) -> AppUser | None:
        app = self.apps.of(app_key)
        try:
            user = await self.users.user(user_id)
        except Gone:
            return None
        return None if app is None else await app_user(self.users, app, user)

    def _serve(self) -> None:
        """Makes all that is behind the port."""
        config = self.config
        sites, proxies = Sites(config), Proxies(config.trusted_proxies)
        self._connections = Connections(
            connection_limits(config.http, descriptor_limit()), proxies.is_trusted
        )
        self._acceptor = Acceptor(
            self._driver,
            self._auth,
            self.apps,
            config.http,
            self._engine,
            self._connections,
            sites,
            proxies,
        )
        self._exits.callback(self.users.watch(self._acceptor).cancel)
        self._host.changed = self._on_changed
        mailer = Mailer(config.mail)
        self._exits.push_async_callback(mailer.close)
        routes = (*ROUTES, *ADMIN_ROUTES) if config.admin is not None else ROUTES
        admin = None if config.admin is None else self._make_admin(config.admin)
        if admin is not None:
            self._host.function_failed = lambda app, entry: admin.logs.add(app.key, entry)
        services = Services(
            config,
            self.apps,
            self._auth,
            EmailAccounts(self.users, mailer, config.registration),
            ApiKeys(self.users),
            Admission(config.http),
            proxies,
            observer=self._acceptor,
            status=self.status,
            describe=lambda: describe(routes),
            admin=admin,
        )
        self._acceptor.http = HttpServer(
            HttpApi(services, sites, routes).handle,
            self._connections,
            self._acceptor.turns,
            config.http,
            HttpLogger(logging.getLogger("realmsync.http"), {}),
        )
        self._exits.push_async_callback(self._acceptor.http.shutdown, 1.0)

    async def stop(self) -> None:
        """Stops gracefully: what was accepted is made durable, clients are sent away."""
        if self._status in ("stopping", "stopped"):
            return
        self._status = "stopping"
        loop = asyncio.get_running_loop()
        try:
            self._acceptor.stopping = True
            for server in self._listening:
                server.close()
            for front in list(self._acceptor.fronts):
                front.close()
            self._engine.shutdown(monotonic_ms())
            self._driver.activity()
            deadline = loop.time() + self.config.stop_timeout
            while self._acceptor.connections and loop.time() < deadline:
                self._empty.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._empty.wait(), deadline - loop.time())
        finally:
            await self._exits.aclose()
            self._status = "stopped"
            _logger.info("stopped")

    def status(self) -> dict[str, Any]:
        """Figures for operators; served as JSON at /status."""
        engine = self._engine.stats()
        status = self._status
        if status == "ok" and engine["storage_full"]:
            status = "storage full"
        elif status == "ok" and engine["writing_ms"] > _STUCK_MS:
            status = "writer stuck"
        return {
            "status": status,
            "websockets": len(self._acceptor.connections),
            "http_connections": self._connections.http,
            "descriptors": {"used": descriptors_in_use(), "limit": descriptor_limit()},
            "engine": engine,
        }

    def reauthorize(self, user_id: str | None = None) -> None:
        """Asks again who may do what, as rules or `authorize` may answer something else now.

        `user_id`: whose open sessions; None: everybody's. Until the answer comes they go on as
        they were; one whose user may no longer read ends with SyncPermissionDenied. Raises
        IllegalOperationError when neither an app's configuration nor `authorize` decides anything.
        """
        if self.config.authorize is None and all(app.is_open for app in self.apps):
            raise IllegalOperationError("nobody decides what users of this server may do")
        self._acceptor.reauthorize(user_id)

    def custom_data(self, app_id: str) -> CustomData:
        """The custom data of an app's users. Raises KeyError for an app that keeps none."""
        app = self.apps.find(app_id)
        data = None if app is None else custom_data_of(self.users, app)
        if data is None:
            raise KeyError(f"no custom user data of an app '{app_id}'")
        return data

    async def reload(self, *, accept_breaking: bool = False) -> list[AppReport]:
        """Loads the configurations of all apps again.

        Each that is in order replaces what is served, in one step, and open sessions are held to
        it; one with errors changes nothing. Users stay logged in and connected. Gives what was
        found, app by app. `accept_breaking` takes changes that no client can follow: all clients of
        the app start afresh then (ServerConfig.accept_breaking).
        """
        return await self._host.reload(self.apps, accept_breaking=accept_breaking)

    @property
    def reports(self) -> list[AppReport]:
        """What the last start or reload found in the configurations of apps."""
        return self._host.reports

    async def _listen(self) -> None:
        config = self.config
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                config.host or None, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
            for address in addresses:
                try:
                    listener = Listener(
                        address,
                        self.port,
                        self._connections,
                        self._acceptor.protocol,
                        config.ssl_context,
                        config.http.head_timeout,
                    )
                except OSError as error:
                    # A machine without IPv6 still resolves localhost to ::1.
                    if error.errno != errno.EADDRNOTAVAIL or address == addresses[-1]:
                        raise
                    continue
                self._listening.append(listener)
                self._exits.callback(listener.close)
                self.port = listener.port
        except OSError as error:
            reason = error.strerror or str(error)
            raise ServerStartError(
                f"cannot listen on {config.host}:{config.port}: {reason}"
            ) from error

    def _count_lines(self) -> None:
        if self._minute is not None:
            self._log_limit.next_minute()
        self._minute = asyncio.get_running_loop().call_later(60.0, self._count_lines)

    def _end_log_limit(self) -> None:
        if self._minute is not None:
            self._minute.cancel()
        self._log_limit.remove()

    def _on_opened(self, websocket: EngineSocket) -> None:
        self._acceptor.opened(websocket)

    def _on_lost(self, websocket: EngineSocket, close_code: int | None, reason: str) -> None:
        self._acceptor.lost(websocket)
        self._engine.closed(websocket.connection, monotonic_ms())
        if not self._acceptor.connections:
            self._empty.set()

    def _on_oversized(self, websocket: EngineSocket, first_bytes: bytes, size: int) -> None:
        self._engine.refuse(websocket.connection, first_bytes, size, monotonic_ms())

    def _on_event(self, event: ServerEvent) -> None:
        match event:
            case Log():
                level = _LEVELS.get(event.level, logging.ERROR)
                _logger.log(level, "%s", one_line(event.message))
            case Authorize():
                who = self._acceptor.connection_of(event.connection)
                if who is not None:
                    self._authorizer.ask(event, who.app_id, who.user_id)
            case Administered():
                self.tasks.done(event)
            case FieldsDiscovered():
                self._host.take_discovered(self.apps, event.app_id, event.cls, event.fields)
            case StorageFailed():
                # After a failed write nobody knows what is on disk; only a restart can tell.
                _logger.critical("storage failed, stopping: %s", one_line(event.message))
                self._status = "storage failed"
                self.storage_failed = True
                self.tasks.close()
                self.on_storage_failed()
            case _:
                raise TypeError(f"no event of a server: {event!r}")


def open_engine(config: ServerConfig, apps: Apps) -> ServerRuntime:
    """The native engine on the data directory."""
    quotas = config.quotas
    names = [app.key for app in apps]
    in_development = [app.model.sync.development_mode for app in apps]
    return _core.ServerRuntime(
        str(config.data / "sync"),
        workers=config.workers,
        apps=None if apps.is_one else names,
        fixed_schemas=[
            "" if apps.is_one else name
            for name, may in zip(names, in_development, strict=True)
            if not may
        ],
        ahead_ms=int((config.max_clock_ahead or 0) * 1000),
        quotas=(quotas.partitions or 0, quotas.client_files or 0, quotas.bytes or 0),
        durability=config.durability.value,
        merge_profile=config.merge_profile,
        asks_permission=config.authorize is not None
        or config.admin is not None
        or not all(app.is_open for app in apps),
        tuning={"message_bytes": config.transport.max_message},
    )


async def serve(config: ServerConfig) -> int:
    """Runs a server until SIGTERM, SIGINT or a storage failure; gives the exit status.

    SIGHUP loads the configurations of apps again, as `realmsync reload` has asked for. What is
    found in them is printed to standard error.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    raise_descriptor_limit()
    server = Server(config)
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        request = take_request(config.data)
        reports = await server.reload(
            accept_breaking=request is not None and request.accept_breaking
        )
        print(what_changed(reports), file=sys.stderr, flush=True)
        if request is not None:
            answer(config.data, request, reports)

    def on_hangup() -> None:
        if stop.is_set():
            return
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await server.start()
    finally:
        for report in server.reports:
            print(report, file=sys.stderr, flush=True)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    server.directory.announce()
    print(f"realmsync server: {server.url}, data in {config.data}", flush=True)
    server.on_storage_failed = stop.set
    await stop.wait()
    for task in reloads:
        task.cancel()
    failed = server.storage_failed
    await server.stop()
    return 1 if failed else 0
