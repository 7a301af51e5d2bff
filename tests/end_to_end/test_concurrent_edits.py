"""Clients that edit the same objects while apart, over real sockets with a server process: whatever
order they come back in and whatever happens on the way, all end with the same objects, and with
those that the merge rules predict."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from client_program import PATIENCE, ClientProgram, make_app, settle, until
from edits import SCHEMA, Scribbler, act, expected, graph, outcome, prepare, values
from realmsync import (
    Configuration,
    Credentials,
    OpenRealmBehaviorConfiguration,
    OpenRealmBehaviorType,
    Progress,
    Realm,
    SyncConfiguration,
)
from realmsync.testing import FaultProxy, ServerProcess

pytestmark = pytest.mark.no_asan

AT_ONCE = OpenRealmBehaviorConfiguration(type=OpenRealmBehaviorType.OPEN_IMMEDIATELY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), durability="process") as server:
        yield server


class Peer:
    """A client with a folder of its own, and what its session complained about."""

    def __init__(self, url: str, folder: Path, partition: str) -> None:
        self.url = url
        self.folder = folder
        self.partition = partition
        self.errors: list[Any] = []
        self.schema: Any = SCHEMA

    async def open(self) -> Peer:
        self.app = make_app(self.url, self.folder)
        user = self.app.current_user or await self.app.log_in(Credentials.anonymous())
        sync = SyncConfiguration(
            user=user,
            partition_value=self.partition,
            new_realm_file_behavior=AT_ONCE,
            existing_realm_file_behavior=AT_ONCE,
            on_error=lambda session, error: self.errors.append(error),
        )
        config = Configuration(schema=self.schema, durability="process", sync=sync)
        self.realm: Realm = await Realm.open(config)
        return self

    async def close(self) -> None:
        self.realm.close()
        await self.app.close()

    async def restart(self) -> None:
        """Ends the client and opens its file again."""
        await self.close()
        await self.open()

    def leave(self) -> None:
        self.realm.sync_session.pause()

    async def come_back(self) -> None:
        self.realm.sync_session.resume()
        await settle(self.realm)


@pytest.fixture
async def peers(server: ServerProcess, tmp_path: Path) -> AsyncIterator[list[Peer]]:
    """Two clients of one partition, connected."""
    peers = [await Peer(server.url, tmp_path / name, str(tmp_path)).open() for name in "ab"]
    yield peers
    for peer in peers:
        await peer.close()
        assert peer.errors == []


def assert_merged(*peers: Peer) -> None:
    """All have the same, and what was to be expected."""
    for peer in peers:
        assert outcome(peer.realm) == expected()
        assert graph(peer.realm) == graph(peers[0].realm)


async def go_apart(peers: list[Peer]) -> None:
    """All know the objects of the scenarios; then each makes its edits alone, one after another."""
    prepare(peers[0].realm)
    await settle(*(peer.realm for peer in peers))
    for peer in peers:
        peer.leave()
    for peer, side in zip(peers, ("first", "second"), strict=True):
        act(peer.realm, side)
        await asyncio.sleep(0.003)  # the next one's clock shows a later time


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-first", "second-first"])
async def test_two_come_back(peers: list[Peer], order: tuple[int, int]) -> None:
    await go_apart(peers)
    for index in order:
        await peers[index].come_back()
    await settle(*(peer.realm for peer in peers))
    assert_merged(*peers)


@pytest.mark.parametrize("seed", range(2))
async def test_three_scribble(server: ServerProcess, tmp_path: Path, seed: int) -> None:
    """Everything at random: who edits what, who is apart, who comes back first."""
    rng = random.Random(seed)
    peers = [await Peer(server.url, tmp_path / name, str(tmp_path)).open() for name in "abc"]
    for _ in range(6):
        for peer in peers:
            if rng.random() < 0.8:
                peer.leave()
        for _ in range(rng.randrange(4, 20)):
            peer = rng.choice(peers)
            Scribbler(peer.realm, rng, peer.folder.name)()
            await asyncio.sleep(rng.choice([0, 0, 0.002]))
        for peer in rng.sample(peers, len(peers)):
            if rng.random() < 0.3:
                await peer.restart()
            elif rng.random() < 0.8:
                await peer.come_back()
    for peer in peers:
        peer.realm.sync_session.resume()
    await settle(*(peer.realm for peer in peers))
    peers.append(await Peer(server.url, tmp_path / "late", str(tmp_path)).open())
    await settle(peers[-1].realm)
    try:
        for peer in peers:
            assert graph(peer.realm) == graph(peers[0].realm)
            assert peer.errors == []
    finally:
        for peer in peers:
            await peer.close()


async def test_waits_and_progress_end(peers: list[Peer]) -> None:
    """Merging is nothing that an application has to wait for longer, or hears of."""
    await go_apart(peers)
    reports: dict[tuple[int, str], list[Progress]] = {}
    waits = []
    for number, peer in enumerate(peers):
        session = peer.realm.sync_session
        for direction in ("upload", "download"):
            seen = reports[number, direction] = []
            session.add_progress_notification(direction, "reportIndefinitely", seen.append)
        waits.append(asyncio.create_task(session.upload_all_local_changes(PATIENCE)))
        waits.append(asyncio.create_task(session.download_all_server_changes(PATIENCE)))
    for peer in peers:
        peer.realm.sync_session.resume()
    assert all(await asyncio.gather(*waits))
    await settle(*(peer.realm for peer in peers))
    assert_merged(*peers)
    for seen in reports.values():
        await until(lambda seen=seen: seen and seen[-1].transferred == seen[-1].transferable)


async def test_cut_while_coming_back(server: ServerProcess, tmp_path: Path) -> None:
    with FaultProxy(server.port) as proxy:
        peers = [await Peer(proxy.url, tmp_path / name, str(tmp_path)).open() for name in "ab"]
        await go_apart(peers)
        for peer in peers:
            peer.realm.sync_session.resume()
        passed = proxy.bytes_passed
        settling = asyncio.create_task(settle(*(peer.realm for peer in peers)))
        for amount in (500, 1_500, 3_000, 6_000):  # bytes, both ways
            until_then = passed + amount
            await until(lambda n=until_then: proxy.bytes_passed >= n or settling.done())
            proxy.cut()
            for peer in peers:
                peer.realm.sync_session.reconnect()
        await settling
        await settle(*(peer.realm for peer in peers))
        assert_merged(*peers)
        for peer in peers:
            await peer.close()
            assert peer.errors == []


async def test_restarts_of_all(tmp_path: Path) -> None:
    """Before the one comes back, before the other does, and before they hear of each other."""
    with ServerProcess(tmp_path / "server") as server:
        one, two = [await Peer(server.url, tmp_path / name, "p").open() for name in "ab"]
        await go_apart([one, two])
        for peer, end_server in ((two, server.kill), (one, server.stop), (two, server.kill)):
            await asyncio.to_thread(end_server)
            await peer.close()
            await asyncio.to_thread(server.start)
            await peer.open()
            await settle(peer.realm)
            peer.leave()
        one.realm.sync_session.resume()
        two.realm.sync_session.resume()
        await settle(one.realm, two.realm)
        assert_merged(one, two)
        for peer in (one, two):
            await peer.close()
            assert peer.errors == []


def extended(*properties: str, cls: str | None = None) -> list[dict[str, Any]]:
    """The schema with more properties of Thing, and another class."""
    thing, place = SCHEMA
    thing = thing | {"properties": thing["properties"] | dict.fromkeys(properties, "int?")}
    other = {"name": cls, "primaryKey": "_id", "properties": {"_id": "int", "thing": "Thing"}}
    return [thing, place, *([other] if cls else [])]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-first", "second-first"])
async def test_both_add_to_the_schema(peers: list[Peer], order: tuple[int, int]) -> None:
    one, two = peers
    prepare(one.realm)
    await settle(one.realm, two.realm)
    key = min(item._id for item in one.realm.objects("Thing"))
    additions = [(["mine", "shared"], "Own"), (["shared", "yours"], "Other")]
    for peer, (properties, cls) in zip(peers, additions, strict=True):
        peer.leave()
        await peer.close()
        peer.schema = extended(*properties, cls=cls)
        await peer.open()
        peer.leave()
        with peer.realm.write():
            thing = peer.realm.object_for_primary_key("Thing", key)
            for name in properties:
                setattr(thing, name, ord(peer.folder.name))
            peer.realm.create(cls, {"_id": 1, "thing": thing})
            thing.tags.append(cls)
        await asyncio.sleep(0.003)
    for index in order:
        await peers[index].come_back()
    await settle(one.realm, two.realm)
    for peer in peers:
        await peer.close()
        peer.schema = extended("mine", "shared", "yours") + extended(cls="Own")[-1:]
        peer.schema += extended(cls="Other")[-1:]
        await peer.open()
        await settle(peer.realm)
        thing = values(peer.realm.object_for_primary_key("Thing", key))
        assert [thing[name] for name in ("mine", "shared", "yours")] == [97, 98, 98]
        assert thing["tags"] == ["Own", "Other"]
        for cls in ("Own", "Other"):
            linked = peer.realm.object_for_primary_key(cls, 1)
            assert linked.thing._id == key
    assert graph(one.realm) == graph(two.realm)


def test_programs_killed_between(tmp_path: Path) -> None:
    """Processes that end without warning, offline edits in their files, and so does the server."""
    with (
        ServerProcess(tmp_path / "server") as server,
        ClientProgram() as one,
        ClientProgram() as two,
    ):
        place = [(server.url, str(tmp_path / name), "p") for name in ("one", "two")]
        one.ask("open", *place[0])
        two.ask("open", *place[1])
        one.ask("write", [{"_id": key, "tags": ["x"]} for key in range(4)], [])
        assert one.ask("upload") and two.ask("download")
        server.kill()
        one.ask("write", [{"_id": 0, "name": "a"}, {"_id": 1, "age": 1}, {"_id": 4}], [2])
        one.kill()
        two.ask("write", [{"_id": 0, "name": "b"}, {"_id": 2, "name": "b"}], [3])
        two.ask("write", [{"_id": 1, "tags": ["x", "b"]}, {"_id": 4, "name": "b"}], [])
        two.kill()
        server.start()
        with ClientProgram() as one, ClientProgram() as two:
            one.ask("open", *place[0])
            two.ask("open", *place[1])
            assert two.ask("upload") and one.ask("upload")
            assert two.ask("download") and one.ask("download")
            people = one.people()
            assert two.people() == people
        assert sorted(people) == [0, 1, 4]
        assert (people[0]["name"], people[4]["name"]) == ("b", "b")
        assert (people[1]["age"], people[1]["tags"]) == (1, ["x", "b"])
