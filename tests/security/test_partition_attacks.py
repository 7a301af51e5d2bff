"""Nobody reads or writes a partition that no rule opens for him: random rules, users and partitions
against a running server, while rules, custom data and users change under open sessions.

What is right says second_evaluator.py. Specification: app-configuration.md 5.3, 5.6, 6, 8.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bson import ObjectId

from app_folders import write_app
from random_permissions import (
    ENVIRONMENT,
    FUNCTIONS,
    KINDS,
    VALUES,
    Expressions,
    custom_data,
    partitions,
)
from realmsync import ejson
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server
from sdk_http import CLIENT, SdkHttp
from second_evaluator import Scope, partition_rights
from session_peer import LIMIT, Peer, Session

APP = "attacked-abcde"
NOTE = {
    "title": "Note",
    "bsonType": "object",
    "required": ["_id"],
    "properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}},
}
TYPES = {"string": str, "objectId": ObjectId, "long": int, "uuid": UUID}
DENIED, ILLEGAL = 206, 204


def app_functions() -> AppFunctions:
    functions = AppFunctions()

    def add(name: str) -> None:
        def plain(context: FunctionContext, *arguments: Any) -> Any:
            assert context.user is not None
            return FUNCTIONS[name](context.user.id, context.user.custom_data, *arguments)

        async def waiting(context: FunctionContext, *arguments: Any) -> Any:
            await asyncio.sleep(0)
            return plain(context, *arguments)

        functions.add(name, waiting if len(name) % 2 else plain)

    for name in FUNCTIONS:
        add(name)
    return functions


@dataclasses.dataclass
class User:
    id: str
    access: str
    refresh: str
    data: dict[str, Any] | None
    peer: Peer


class Attack:
    """The server, its users, and what they were allowed and did."""

    def __init__(self, seed: int, folder: Path, server: Server) -> None:
        self.chance = random.Random(seed)
        self.folder, self.server = folder, server
        self.http = SdkHttp(server.url)
        self.users: list[User] = []
        self.kind = KINDS[seed % len(KINDS)]
        self.required = self.chance.random() < 0.5
        self.read: Any = None
        self.write: Any = None
        self.stored: dict[str, set[str]] = defaultdict(set)  # by partition, what was accepted
        self.keys = 0

    def new_rules(self) -> None:
        rules = Expressions(self.chance, [user.id for user in self.users])
        self.read, self.write = rules.rule(), rules.rule()
        if self.chance.random() < 0.2:
            self.write = self.chance.choice([None, False, True])
        write_folder(self.folder, self)

    async def reload(self) -> None:
        self.new_rules()
        assert [report.is_served for report in await self.server.reload()] == [True]

    async def new_user(self) -> None:
        path = f"{CLIENT}/app/{APP}/auth/providers/anon-user/login"
        reply = await self.http("POST", path, {"provider": "anon-user"})
        assert reply.status == 200, reply
        user_id, access = reply.json["user_id"], reply.json["access_token"]
        peer = await Peer.open(self.server.url, APP, access)
        user = User(user_id, access, reply.json["refresh_token"], None, peer)
        self.users.append(user)
        await self.new_data(user)

    async def new_data(self, user: User) -> None:
        user.data = custom_data(self.chance, user.id)
        store = self.server.custom_data(APP)
        if user.data is None:
            await store.delete(user.id)
        else:
            await store.delete(user.id)
            await store.replace(user.id, user.data)

    async def refreshed(self, user: User) -> None:
        """A new access token, and a websocket with it beside the old one's end."""
        reply = await self.http("POST", f"{CLIENT}/auth/session", token=user.refresh)
        assert reply.status == 201, reply
        await user.peer.close()
        user.peer = await Peer.open(self.server.url, APP, reply.json["access_token"])

    async def disabled(self, user: User) -> None:
        """He is out at once, and stays out with the tokens that he has."""
        await self.server.users.set_disabled(user.id, True)
        await user.peer.until(lambda: user.peer.closed)
        again = await Peer.open(self.server.url, APP, user.access)
        await again.until(lambda: again.closed)
        assert not again.sessions
        assert (await self.http("POST", f"{CLIENT}/auth/session", token=user.refresh)).status == 401
        self.users.remove(user)
        await self.new_user()

    def rights(self, user: User, partition: Any) -> tuple[bool, bool] | None:
        """Whether the user may read and write; None: there is no such partition in this app."""
        if partition is None and self.required:
            return None
        if partition is not None and not isinstance(partition, TYPES[self.kind]):
            return None
        data = {} if user.data is None else dict(user.data)
        seen = {**data, "owner": user.id, "_id": object()} if user.data is not None else {}

        def call(name: str, arguments: list[Any]) -> Any:
            plain = [None if type(a).__name__ == "_Missing" else a for a in arguments]
            return FUNCTIONS[name](user.id, seen, *plain)

        roots = {
            "user": {"id": user.id, "type": "normal", "data": {}, "custom_data": seen},
            "values": VALUES,
            "environment": {"tag": "qa", "values": ejson.decode(ENVIRONMENT)},
            "partition": partition,
        }
        return partition_rights(self.read, self.write, Scope(roots, call))

    async def opens(self, user: User, partition: Any) -> Session | None:
        """Binds; checks the answer. Gives a session that is open."""
        session = await user.peer.bind(partition)
        rights = self.rights(user, partition)
        told = (self.read, self.write, partition, user.id, user.data)
        if rights is None or not rights[0]:
            assert session.error == (ILLEGAL if rights is None else DENIED), told
            assert session.file is None and not session.downloads
            return None
        assert session.error is None and session.downloads, told
        return session

    async def writes(self, user: User, session: Session, partition: Any) -> bool:
        """Uploads an object; gives whether it was taken."""
        self.keys += 1
        name = f"{partition!r} {self.keys}"
        taken = await user.peer.write(session, self.keys, name)
        if taken:
            self.stored[repr(partition)].add(name)
        else:
            assert session.error == DENIED
        return taken

    async def tries(self, user: User, partition: Any) -> None:
        """A new session, which is allowed exactly what the rules say; some only read, and stay."""
        session = await self.opens(user, partition)
        if session is None or self.chance.random() < 0.5:
            return
        rights = self.rights(user, partition)
        assert rights is not None
        told = (self.read, self.write, partition, user.id, user.data)
        assert await self.writes(user, session, partition) == rights[1], told

    async def open_sessions_obey(self) -> None:
        """After a change: who lost a right has lost it soon, and who has it still goes on."""
        for user in list(self.users):
            for session in list(user.peer.sessions.values()):
                partition = session.partition
                rights = self.rights(user, partition)
                if session.error is not None:
                    continue
                if rights is None or not rights[0]:
                    await user.peer.until(lambda s=session: s.error is not None)
                    assert session.error == DENIED
                elif self.chance.random() < 0.5:
                    continue  # to go on reading
                elif not rights[1]:  # the answer may still be on its way
                    await asyncio.wait_for(self.refused(user, session, partition), LIMIT)
                elif not await self.writes(user, session, partition):
                    await self.tries(user, partition)

    async def refused(self, user: User, session: Session, partition: Any) -> None:
        """Waits until an upload is."""
        while await self.writes(user, session, partition):
            pass

    async def nothing_leaked(self) -> None:
        """What was received is of that partition, and was accepted there."""
        for user in self.users:
            for session in user.peer.sessions.values():
                accepted = self.stored[repr(session.partition)]
                assert set(session.names) <= accepted

    async def all_is_there(self) -> None:
        """What was accepted is stored, and nothing else."""
        self.read, self.write = True, False
        write_folder(self.folder, self)
        await self.server.reload()
        user = self.users[0]
        for partition in set(partitions(self.kind, [user.id for user in self.users])):
            session = await self.opens(user, partition)
            if session is not None:
                assert set(session.names) == self.stored[repr(partition)]


def write_folder(folder: Path, attack: Attack) -> None:
    permissions = {"read": attack.read, "write": attack.write}
    permissions = {key: rule for key, rule in permissions.items() if rule is not None}
    partition = {
        "key": "part",
        "type": attack.kind,
        "required": attack.required,
        "permissions": permissions,
    }
    write_app(
        folder, app_id=APP, schema=NOTE, sync={"partition": partition}, root={"environment": "qa"}
    )
    files: dict[str, Any] = {
        "environments/qa.json": {"values": ENVIRONMENT},
        "auth/custom_user_data.json": {
            "enabled": True,
            "mongo_service_name": "cluster",
            "database_name": "db",
            "collection_name": "people",
            "user_id_field": "owner",
        },
        **{f"values/{name}.json": {"name": name, "value": v} for name, v in VALUES.items()},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


@contextlib.asynccontextmanager
async def attack(seed: int, folder: Path) -> AsyncIterator[Attack]:
    config = ServerConfig(
        data=folder / "server",
        port=0,
        app_folders=(AppFolder(folder / "app", functions=app_functions()),),
        http=HttpLimits(),
    )
    server = Server(config)
    made = Attack(seed, folder / "app", server)
    made.read = made.write = True
    write_folder(made.folder, made)
    async with server:
        made.http = SdkHttp(server.url)
        try:
            yield made
        finally:
            for user in made.users:
                await user.peer.close()


@pytest.mark.parametrize("seed", range(4))
async def test_nobody_gets_more_than_the_rules_allow(seed: int, scale: int, tmp_path: Path) -> None:
    async with attack(seed, tmp_path) as made:
        for _ in range(3):
            await made.new_user()
        for _ in range(12 * scale):
            user = made.chance.choice(made.users)
            change = made.chance.choices(
                [made.reload, partial(made.new_data, user), partial(made.disabled, user)]
                + [partial(made.refreshed, user)],
                [3, 5, 1, 1],
            )[0]
            await change()
            await made.open_sessions_obey()
            everywhere = partitions(made.kind, [user.id for user in made.users])
            for _ in range(6):
                await made.tries(made.chance.choice(made.users), made.chance.choice(everywhere))
            await made.nothing_leaked()
        await made.all_is_there()
