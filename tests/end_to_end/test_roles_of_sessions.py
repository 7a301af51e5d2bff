"""Roles reach the sessions of flexible sync, and follow rules, custom data and users.

Specification: app-configuration.md 5.2 and 5.3; flexible-sync.md 10 and 11.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from app_folders import write_app
from devices import LIMIT, Device, World, session_of, world
from realmsync import Configuration, Realm, SyncConfiguration
from realmsync.server.accounts.administration import administration
from realmsync.server.apps.sources import AppFolder
from realmsync.server.authorization import AuthorizationRequest

DOG = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id"],
    "properties": {"_id": {"bsonType": "long"}, "owner": {"bsonType": "string"}},
}
ANY = {"name": "any", "apply_when": {}, "read": True, "write": True}
BIND = b'{"schemaVersion":0,"sessionReason":0}'


def role(read: Any = True, write: Any = True, **more: Any) -> dict[str, Any]:
    return ANY | {"document_filters": {"read": read, "write": write}, **more}


def write(tmp_path: Path, *roles: dict[str, Any], **sync: Any) -> AppFolder:
    """An app of flexible sync with these default roles."""
    sync = {"type": "flexible", "partition": {}, "queryable_fields_names": ["owner"], **sync}
    folder = tmp_path / "app"
    return AppFolder(write_app(folder, app_id="app", schema=DOG, sync=sync, default_roles=roles))


class Peer:
    """A client of flexible sync with one session, word by word."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def next(self) -> tuple[str, list[int], Any]:
        """The next message but logs and DOWNLOADs: kind, numbers, and the JSON of an error."""
        while True:
            data = await asyncio.wait_for(self._socket.recv(), LIMIT)
            assert isinstance(data, bytes)
            head, _, body = data.partition(b"\n")
            kind, *numbers = head.decode().split(" ")
            if kind not in ("log_message", "download"):
                content = json.loads(body) if kind == "json_error" else None
                return kind, [int(n) for n in numbers], content

    async def bind(self) -> None:
        """Up to IDENT."""
        await self._socket.send(b"bind 1 %d 0 1 0\n" % len(BIND) + BIND)
        kind, numbers, content = await self.next()
        assert kind == "ident", content
        await self._socket.send(b"ident 1 %d %d 0 0 0 0 0 2\n{}" % tuple(numbers[1:]))

    async def refusal(self) -> int:
        """The code of the error with which BIND is answered."""
        await self._socket.send(b"bind 1 %d 0 1 0\n" % len(BIND) + BIND)
        return await self.error()

    async def error(self) -> int:
        kind, numbers, _ = await self.next()
        assert kind == "json_error"
        return numbers[0]

    async def is_left_alone(self) -> bool:
        """Whether the session is there after all that was on its way."""
        await self._socket.send(b"test_command 1 1 0\n")
        kind, _, content = await self.next()
        assert kind == "test_command", content
        return True


@contextlib.asynccontextmanager
async def peer(at: World, device: Device, mode: str = "realm-query-sync#14") -> AsyncIterator[Peer]:
    url = at.server.url.replace("http", "ws", 1)
    async with connect(
        f"{url}/api/client/v2.0/app/app/realm-sync?baas_at={device.user.access_token}",
        subprotocols=[Subprotocol(f"com.mongodb.{mode}")],
        compression=None,
        ping_interval=None,
        close_timeout=0,
    ) as socket:
        yield Peer(socket)


async def reload(at: World) -> None:
    assert [report.is_served for report in await at.server.reload()] == [True]


async def test_clients_of_the_other_mode_are_told(tmp_path: Path) -> None:
    async with world(tmp_path, app_folders=(write(tmp_path, role()),)) as at:
        device = await at.device()
        async with peer(at, device, "realm-sync#14") as other, peer(at, device) as own:
            assert await other.error() == 113
            await own.bind()


async def test_roles_that_a_reload_changes_end_the_sessions_that_they_concern(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path, role({"owner": "%%user.id"}, False))
    async with world(tmp_path, app_folders=(folder,)) as at:
        ada, eve = await at.device(), await at.device()
        async with (
            peer(at, ada) as new,
            peer(at, eve, "realm-query-sync#13") as old,
        ):
            await new.bind()
            await old.bind()
            await reload(at)
            write(tmp_path, role({"owner": "%%user.id"}, False, name="another"))
            await reload(at)
            assert await new.is_left_alone() and await old.is_left_alone()
            for_ada = role(True, False, name="ada", apply_when={"%%user.id": ada.user.id})
            write(tmp_path, for_ada, role({"owner": "%%user.id"}, False))
            await reload(at)
            assert await new.error() == 200
            assert await old.is_left_alone()
            write(tmp_path)
            await reload(at)
            assert await old.error() == 228


async def test_a_class_that_clients_have_made_changes_no_roles_at_a_reload(tmp_path: Path) -> None:
    def subscribe(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects("Cat"))

    cat = {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int"}}
    folder = write(tmp_path, role(), development_mode_enabled=True)
    async with world(tmp_path, app_folders=(folder,)) as at:
        device = await at.device()
        async with peer(at, device) as other:
            await other.bind()
            sync = SyncConfiguration(
                user=device.user, flexible=True, initial_subscriptions=subscribe
            )
            async with await Realm.open(Configuration(schema=[cat], sync=sync)) as realm:
                realm.write(lambda: realm.create("Cat", {"_id": 1}))
                await session_of(realm).upload_all_local_changes(LIMIT)
            await reload(at)
            assert await other.is_left_alone()


async def test_the_operator_s_function_is_asked_beside_the_roles(tmp_path: Path) -> None:
    asked: list[AuthorizationRequest] = []
    answer = "none"

    def authorize(request: AuthorizationRequest) -> str:
        asked.append(request)
        return answer

    folder = write(tmp_path, role())
    async with world(tmp_path, app_folders=(folder,), authorize=authorize) as at:
        ada = await at.device()
        async with peer(at, ada) as refused:
            assert await refused.refusal() == 206
        assert asked == [AuthorizationRequest("app", ada.user.id, None, is_flexible=True)]
        answer = "read"
        async with peer(at, ada) as reader:
            await reader.bind()
            at.server.reauthorize(ada.user.id)
            assert await reader.is_left_alone()
            answer = "write"
            at.server.reauthorize(ada.user.id)
            assert await reader.error() == 200


async def test_an_app_without_rules_serves_both_modes(tmp_path: Path) -> None:
    answer = "write"
    async with world(tmp_path, authorize=lambda _: answer) as at:
        ada = await at.device()
        async with peer(at, ada) as flexible, ada.open("p"):
            await flexible.bind()
            at.server.reauthorize()
            assert await flexible.is_left_alone()
            answer = "read"
            at.server.reauthorize()
            assert await flexible.error() == 200


async def test_a_user_who_is_deleted_is_shown_out(tmp_path: Path) -> None:
    async with world(tmp_path, app_folders=(write(tmp_path, role()),)) as at:
        ada = await at.device()
        async with peer(at, ada) as client:
            await client.bind()
            with administration(at.server.config.data) as admin:
                admin.delete(admin.find(ada.user.id, "app"))
            with pytest.raises(ConnectionClosedError, match="4001"):
                await client.next()


async def test_roles_follow_custom_user_data(tmp_path: Path) -> None:
    """A function or an operator changes a document; roles that do not ask for it stay."""
    folder = write(tmp_path, role({"owner": "%%user.custom_data.team"}))
    custom = {
        "enabled": True,
        "mongo_service_name": "cluster",
        "database_name": "db",
        "collection_name": "people",
        "user_id_field": "_id",
    }
    (folder.path / "auth" / "custom_user_data.json").write_text(json.dumps(custom))
    async with world(tmp_path, app_folders=(folder,)) as at:
        ada = await at.device()
        async with peer(at, ada) as client:
            await client.bind()
            at.server.reauthorize()
            assert await client.is_left_alone()
            with administration(at.server.config.data) as admin:
                document = {"_id": ada.user.id, "team": "red"}
                assert admin.data("app").import_documents(json.dumps(document)) == 1
            assert await client.error() == 200
