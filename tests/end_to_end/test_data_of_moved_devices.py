"""A device has used server A and comes to server B, which has A's folder, its users with their ids,
and its objects but for some: what becomes of each kind of data on the device
(app-configuration.md 12.2, 14 items 28 to 30)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app_folders import ANYBODY, OWN, write_app
from devices import LIMIT, session_of
from eventually import eventually
from realmsync import (
    App,
    ClientResetConfiguration,
    ClientResetMode,
    Configuration,
    Credentials,
    Realm,
    SyncConfiguration,
    SyncSession,
    User,
)
from realmsync.errors import ClientResetError, SyncError
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.old_tokens import OldTokenPolicy, OldTokens
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server

APP = "guild-abcde"
DOG = {
    "name": "Dog",
    "primaryKey": "_id",
    "properties": {"_id": "int", "name": "string", "tags": "string[]"},
}
CAT = {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int"}}
DOCUMENT = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {
        "_id": {"bsonType": "long"},
        "name": {"bsonType": "string"},
        "tags": {"bsonType": "array", "items": {"bsonType": "string"}},
    },
}
IMPORTER = ("importer@guild.example", "correct horse")
ADA = ("ada@guild.example", "better horse")
PROVIDERS = ANYBODY | {
    "local-userpass": {
        "name": "local-userpass",
        "type": "local-userpass",
        "config": {"autoConfirm": True},
    }
}
ANYTHING = {"%or": [OWN, {"%%user.data.email": IMPORTER[0]}]}

ANONYMOUS = Credentials.anonymous()
NAMED = Credentials.email_password(*ADA)
Dogs = dict[int, tuple[str, list[str]]]


def write(tmp_path: Path, **sync: Any) -> AppFolder:
    permissions = {"read": ANYTHING, "write": ANYTHING}
    sync = {"partition": {"key": "owner", "type": "string", "permissions": permissions}, **sync}
    folder = write_app(
        tmp_path / "guild", app_id=APP, schema=DOCUMENT, sync=sync, providers=PROVIDERS
    )
    return AppFolder(folder)


class Errors(list[SyncError]):
    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.append(error)


@dataclass
class Device:
    """An installation, whose program runs again and again."""

    path: Path
    mode: ClientResetMode = ClientResetMode.RECOVER_UNSYNCED_CHANGES
    schema: tuple[dict[str, Any], ...] = (DOG,)

    def app(self, server: Server) -> App:
        return App(APP, base_url=server.url, base_file_path=self.path)

    def config(self, user: User, told: Errors, partition: str | None = None) -> Configuration:
        sync = SyncConfiguration(
            user=user,
            partition_value=partition or user.id,
            client_reset=ClientResetConfiguration(mode=self.mode),
            on_error=told,
        )
        return Configuration(schema=[*self.schema], sync=sync)


def put(realm: Realm, key: int, name: str, *tags: str) -> None:
    with realm.write():
        realm.create("Dog", {"_id": key, "name": name, "tags": [*tags]})


def change(realm: Realm, key: int, name: str | None, *tags: str) -> None:
    with realm.write():
        dog = realm.object_for_primary_key("Dog", key)
        assert dog is not None
        if name is not None:
            dog.name = name
        for tag in tags:
            dog.tags.append(tag)


def dogs(realm: Realm) -> Dogs:
    return {dog._id: (dog.name, [*dog.tags]) for dog in realm.objects("Dog")}


async def uploaded(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)


async def use(server: Server, device: Device, credentials: Credentials) -> str:
    """What a device does with server A: the id of its user, and at the end something unsent."""
    told = Errors()
    async with device.app(server) as app:
        user = await app.log_in(credentials)
        async with await Realm.open(device.config(user, told)) as realm:
            for key, name in (
                (1, "edited"),
                (2, "downloaded"),
                (3, "told twice"),
                (9, "not dumped"),
            ):
                put(realm, key, name, "a")
            await uploaded(realm)
            session_of(realm).pause()
            change(realm, 3, None, "lost acknowledgement")
    before = device.path.with_name("before")
    await asyncio.to_thread(shutil.copytree, device.path, before)
    async with device.app(server) as app:
        user = user_of(app)
        async with await Realm.open(device.config(user, told)) as realm:
            await uploaded(realm)
    await asyncio.to_thread(shutil.rmtree, device.path)
    before.rename(device.path)  # it has never heard of that
    async with device.app(server) as app:
        user = user_of(app)
        with Realm(device.config(user, told)) as realm:
            session_of(realm).pause()
            change(realm, 1, "mine", "mine")
            change(realm, 9, "mine", "mine")
            put(realm, 4, "created")
            change(realm, 4, "created and edited", "mine")
            if CAT in device.schema:
                with realm.write():
                    realm.create("Cat", {"_id": 1})
    assert told == []
    return user.id


# What there is at server B before the device comes: "edited" has changed by somebody else's hand.
IMPORTED: Dogs = {
    1: ("imported", ["a"]),
    2: ("downloaded", ["a"]),
    3: ("told twice", ["a", "lost acknowledgement"]),
}
RECOVERED: Dogs = {
    1: ("mine", ["a", "mine"]),
    2: ("downloaded", ["a"]),
    3: ("told twice", ["a", "lost acknowledgement", "lost acknowledgement"]),
    4: ("created and edited", ["mine"]),
}


def user_of(app: App) -> User:
    user = app.current_user
    assert user is not None
    return user


async def register(server: Server, *accounts: tuple[str, str]) -> None:
    with administration(server.config.data) as admin:
        for account in accounts:
            admin.add(APP, *account)


def exported(data: Path) -> str:
    with administration(data) as admin:
        return "\n".join(json.dumps(user.entry) for user in admin.data(APP).export_users())


@contextlib.asynccontextmanager
async def server_b(
    tmp_path: Path, users: str, old_tokens: OldTokens, **sync: Any
) -> AsyncIterator[Server]:
    config = ServerConfig(
        data=tmp_path / "b", port=0, app_folders=(write(tmp_path, **sync),), old_tokens=old_tokens
    )
    async with Server(config) as server:
        with administration(config.data) as admin:
            admin.data(APP).import_users(users)
        yield server


async def bring_in(server: Server, tmp_path: Path, user_id: str) -> None:
    """The objects of A's dump, as an operator's program writes them."""
    device = Device(tmp_path / "importer")
    async with device.app(server) as app:
        user = await app.log_in(Credentials.email_password(*IMPORTER))
        async with await Realm.open(device.config(user, Errors(), user_id)) as realm:
            for key, (name, tags) in IMPORTED.items():
                put(realm, key, name, *tags)
            await uploaded(realm)


@dataclass
class Moved:
    """A device that has been with A, and B, which waits for it."""

    server: Server
    device: Device
    user_id: str
    tmp_path: Path

    async def at_server(self) -> Dogs:
        """What somebody else sees there of the user's objects."""
        device = Device(self.tmp_path / "looker")
        async with device.app(self.server) as app:
            user = await app.log_in(Credentials.email_password(*IMPORTER))
            async with await Realm.open(device.config(user, Errors(), self.user_id)) as realm:
                return dogs(realm)


@contextlib.asynccontextmanager
async def moved(
    tmp_path: Path,
    credentials: Credentials,
    old_tokens: OldTokens,
    *,
    device: Device | None = None,
    **sync: Any,
) -> AsyncIterator[Moved]:
    device = device or Device(tmp_path / "device")
    former = ServerConfig(
        data=tmp_path / "a",
        port=0,
        app_folders=(write(tmp_path, development_mode_enabled=True),),
    )
    async with Server(former) as server:
        await register(server, IMPORTER, ADA)
        user_id = await use(server, device, credentials)
    async with server_b(tmp_path, exported(former.data), old_tokens, **sync) as server:
        await bring_in(server, tmp_path, user_id)
        yield Moved(server, device, user_id, tmp_path)


def adopting() -> OldTokens:
    adopt = OldTokenPolicy.ADOPT
    return OldTokens(anonymous=adopt, others=adopt, adopt_until=4e9)


@pytest.mark.parametrize("credentials", [ANONYMOUS, NAMED], ids=["anonymous", "named"])
async def test_each_kind_of_data_of_an_adopted_device(
    tmp_path: Path, credentials: Credentials
) -> None:
    """The id goes on, nobody logs in, and the table of 12.2 comes true row by row."""
    async with moved(tmp_path, credentials, adopting()) as at:
        told = Errors()
        async with at.device.app(at.server) as app:
            user = user_of(app)
            assert user.id == at.user_id
            async with await Realm.open(at.device.config(user, told)) as realm:
                await uploaded(realm)
                assert dogs(realm) == RECOVERED
            assert user.is_logged_in and told == []
        assert await at.at_server() == RECOVERED


async def test_each_kind_of_data_of_a_user_who_logs_in_again(tmp_path: Path) -> None:
    """Refused, he is logged out and keeps his files; his old password leads to his old id."""
    async with moved(tmp_path, NAMED, OldTokens()) as at:
        async with at.device.app(at.server) as app:
            user = user_of(app)
            with Realm(at.device.config(user, Errors())) as realm:
                await eventually(lambda: not user.is_logged_in, LIMIT)
                assert dogs(realm)[4] == ("created and edited", ["mine"])
        async with at.device.app(at.server) as app:
            user = await app.log_in(NAMED)
            assert user.id == at.user_id
            async with await Realm.open(at.device.config(user, Errors())) as realm:
                await uploaded(realm)
                assert dogs(realm) == RECOVERED
        assert await at.at_server() == RECOVERED


@pytest.mark.parametrize("credentials", [ANONYMOUS, NAMED], ids=["anonymous", "named"])
async def test_whoever_is_held_keeps_everything(
    tmp_path: Path, credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "realmsync.server")
    hold = OldTokens(anonymous=OldTokenPolicy.HOLD, others=OldTokenPolicy.HOLD)
    async with moved(tmp_path, credentials, hold) as at:
        said = f"old token of user {at.user_id}: hold"
        for start in (1, 2):
            async with at.device.app(at.server) as app:
                user = user_of(app)
                with Realm(at.device.config(user, Errors())) as realm:
                    await eventually(lambda n=start: caplog.text.count(said) >= n, LIMIT)
                    assert user.is_logged_in
                    assert dogs(realm)[4] == ("created and edited", ["mine"])
                    assert dogs(realm)[9] == ("mine", ["a", "mine"])
        assert await at.at_server() == IMPORTED


async def test_an_anonymous_user_who_is_refused_loses_his_files(tmp_path: Path) -> None:
    async with moved(tmp_path, ANONYMOUS, OldTokens(anonymous=OldTokenPolicy.REFUSE)) as at:
        async with at.device.app(at.server) as app:
            user = user_of(app)
            path = user.realm_path(user.id)
            with Realm(at.device.config(user, Errors())) as realm:
                await eventually(lambda: not user.is_logged_in, LIMIT)
                assert len(dogs(realm)) == 5
            assert path.exists()
        async with at.device.app(at.server) as app:
            assert app.current_user is None and not path.exists()


async def test_a_device_that_discards(tmp_path: Path) -> None:
    device = Device(tmp_path / "device", ClientResetMode.DISCARD_UNSYNCED_CHANGES)
    async with moved(tmp_path, NAMED, adopting(), device=device) as at:
        async with (
            at.device.app(at.server) as app,
            await Realm.open(at.device.config(user_of(app), Errors())) as realm,
        ):
            await uploaded(realm)
            assert dogs(realm) == IMPORTED
        assert await at.at_server() == IMPORTED


@pytest.mark.parametrize(
    ("mode", "schema"),
    [
        (ClientResetMode.MANUAL, (DOG,)),
        (ClientResetMode.RECOVER_UNSYNCED_CHANGES, (DOG, CAT)),  # B has no cats
    ],
    ids=["manual", "missing class"],
)
async def test_a_device_that_cannot_recover(
    tmp_path: Path, mode: ClientResetMode, schema: tuple[dict[str, Any], ...]
) -> None:
    """It hears so, and what it has is in a file that is kept."""
    device = Device(tmp_path / "device", mode, schema)
    async with moved(tmp_path, NAMED, adopting(), device=device) as at:
        told = Errors()
        async with at.device.app(at.server) as app:
            with Realm(at.device.config(user_of(app), told)) as realm:
                await eventually(
                    lambda: [error for error in told if isinstance(error, ClientResetError)], LIMIT
                )
                assert dogs(realm)[4] == ("created and edited", ["mine"])
        async with at.device.app(at.server) as app:
            (await Realm.open(at.device.config(user_of(app), told))).close()
            kept = app.sync.recovered_changes
            assert len(kept) == 1
            with Realm(Configuration(path=kept[0], schema=[*schema])) as copy:
                assert dogs(copy)[4] == ("created and edited", ["mine"])
        assert await at.at_server() == IMPORTED
