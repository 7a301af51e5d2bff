"""A device whose app has moved to another server: what becomes of an anonymous user's files.

His old refresh token is signed with a key that the new server lacks. app-configuration.md 12.2 and
12.3, app-services-http.md 16.4.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices import DOG, LIMIT, add, session_of
from eventually import eventually
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, User
from realmsync.errors import SyncError
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.old_tokens import OldTokenPolicy, OldTokens
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.sync.session import SyncSession


def device(server: Server, tmp_path: Path) -> App:
    return App("app", base_url=server.url, base_file_path=tmp_path / "device")


def config(user: User, partition: str, told: list[SyncError]) -> Configuration:
    def keep(_: SyncSession, error: SyncError) -> None:
        told.append(error)

    sync = SyncConfiguration(user=user, partition_value=partition, on_error=keep)
    return Configuration(schema=[DOG], sync=sync)


async def used_device(tmp_path: Path) -> tuple[str, Path]:
    """An anonymous user and his file, with a dog that was never uploaded."""
    async with (
        Server(ServerConfig(data=tmp_path / "former", port=0)) as former,
        device(former, tmp_path) as app,
    ):
        user = await app.log_in(Credentials.anonymous())
        with Realm(config(user, "a", [])) as realm:
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            session_of(realm).pause()
            add(realm, 2)
        return user.id, user.realm_path("a")


@contextlib.asynccontextmanager
async def new_server(tmp_path: Path, user_id: str, policy: OldTokenPolicy) -> AsyncIterator[Server]:
    """Another server, which knows the user."""
    settings = OldTokens(anonymous=policy, adopt_until=4e9)
    data = tmp_path / "new"
    async with Server(ServerConfig(data=data, port=0, old_tokens=settings)) as server:
        entry = {"_id": user_id, "identities": [{"provider_type": "anon-user"}]}
        with administration(data) as admin:
            admin.data("app").import_users(json.dumps(entry))
        yield server


def user_of(app: App) -> User:
    user = app.current_user
    assert user is not None
    return user


@pytest.mark.parametrize(
    ("policy", "stays"), [(OldTokenPolicy.HOLD, True), (OldTokenPolicy.REFUSE, False)]
)
async def test_files_of_an_anonymous_user(
    tmp_path: Path, policy: OldTokenPolicy, stays: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "realmsync.server")
    user_id, path = await used_device(tmp_path)
    async with new_server(tmp_path, user_id, policy) as server:
        async with device(server, tmp_path) as app:
            user = user_of(app)
            with Realm(config(user, "a", [])) as realm:
                said = f"old token of user {user_id}: {policy.value}"
                await eventually(lambda: said in caplog.text, 30)
                await eventually(lambda: user.is_logged_in == stays, 30)
                assert len(realm.objects("Dog")) == 2
        async with device(server, tmp_path) as app:
            assert (app.current_user is not None) == stays
            assert path.exists() == stays


async def test_an_adopted_device_synchronises(tmp_path: Path) -> None:
    user_id, path = await used_device(tmp_path)
    async with (
        new_server(tmp_path, user_id, OldTokenPolicy.ADOPT) as server,
        device(server, tmp_path) as app,
    ):
        told: list[SyncError] = []
        user = user_of(app)
        async with await Realm.open(config(user, "b", told)) as realm:
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        assert told == []
        assert user.id == user_id
        assert path.exists()
