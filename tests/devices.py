"""A server in this process and installations that synchronise with it, through the public API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, User, _testbed
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.sync import OpenRealmTask, SyncSession
from realmsync.testing import FaultProxy

DOG = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "name": "string"}}
_ACCOUNT = ("kim@example.org", "secret-1")
KIM = Credentials.email_password(*_ACCOUNT)
LIMIT = 20.0  # seconds; far above what anything here takes


class Device:
    """One installation: an app and its user."""

    def __init__(self, app: App, user: User) -> None:
        self.app, self.user = app, user

    def config(
        self, partition: Any = "p", *, schema: Any = (DOG,), **settings: Any
    ) -> Configuration:
        sync = SyncConfiguration(user=self.user, partition_value=partition, **settings)
        return Configuration(schema=list(schema), sync=sync)

    def open(self, partition: Any = "p", **settings: Any) -> OpenRealmTask:
        return Realm.open(self.config(partition, **settings))

    def fail(
        self, realm: Realm, code: int, message: str, action: str, *, fatal: bool = True
    ) -> None:
        """Has the session of a realm meet an error."""
        client = self.app.sync._client
        assert client is not None
        _testbed.simulate_error(client.runtime, session_of(realm).id, code, message, fatal, action)


class World:
    """The server, and where the devices are kept."""

    def __init__(self, server: Server, proxy: FaultProxy, folder: Path) -> None:
        self.server, self._proxy, self._folder = server, proxy, folder
        self.apps: list[App] = []

    @contextlib.asynccontextmanager
    async def server_unreachable(self) -> AsyncIterator[None]:
        """Nothing of what is sent arrives meanwhile, in neither direction."""
        self._proxy.stall()
        try:
            yield
        finally:
            self._proxy.heal()

    @contextlib.asynccontextmanager
    async def server_refusing(self) -> AsyncIterator[None]:
        """Every connection is reset as soon as it stands."""
        self._proxy.refuse()
        try:
            yield
        finally:
            self._proxy.heal()

    def cut(self) -> None:
        """Resets every connection of a device."""
        self._proxy.cut()

    def cut_next(self, direction: str, byte: int) -> None:
        """The next connection of a device is reset at this byte of one direction."""
        self._proxy.cut_next(**{direction: byte})

    async def device(self, credentials: Credentials | None = None, **settings: Any) -> Device:
        folder = self._folder / f"device{len(self.apps)}"
        settings = {"base_url": self._proxy.url, "base_file_path": folder, **settings}
        app = App("app", **settings)
        self.apps.append(app)
        return Device(app, await app.log_in(credentials or Credentials.anonymous()))

    async def restart(self, device: Device) -> Device:
        """The same installation in the next run of its program. Its realms are closed."""
        await device.app.close()
        app = App(device.app.config)
        self.apps.append(app)
        user = app.current_user
        assert user is not None
        return Device(app, user)

    async def device_of_kim(self) -> Device:
        """Of a new user with a password: KIM."""
        guest = await self.device()
        await guest.app.email_password_auth.register_user(*_ACCOUNT)
        return await self.device(KIM)


@contextlib.asynccontextmanager
async def world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Everything is closed at the end but realms, which are the test's."""
    async with Server(ServerConfig(data=folder / "server", port=0, **settings)) as server:
        with FaultProxy(int(server.url.rpartition(":")[2])) as proxy:
            made = World(server, proxy, folder)
            try:
                yield made
            finally:
                for app in made.apps:
                    await app.close()


def session_of(realm: Realm) -> SyncSession:
    session = realm.sync_session
    assert session is not None
    return session


def add(realm: Realm, *keys: int) -> None:
    with realm.write():
        for key in keys:
            realm.create("Dog", {"_id": key, "name": f"dog {key}"})
