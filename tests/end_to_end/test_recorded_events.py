"""What a real SDK told its application in the recorded situations, and what ours is told in the
same ones, against our server: connection states and bytes of progress (client-session.md 4.3, 6).

The recordings hold an application's output (vectors/README.md); what it did is said there and in
the messages. Each direction and the connection are compared by themselves: how they interleave is a
matter of timing. Where the recorded script fell on a certain moment, the network stands still here.
The SDK's own changesets are committed: ours lack the three bytes of a name that nobody uses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import Configuration, Progress, Realm, SyncConfiguration, _testbed
from realmsync.inspect import decode_message
from realmsync.sync import OPEN_LOCAL_REALM_BEHAVIOR, SyncSession
from recorded import SDK_SCHEMA, final_objects, sdk_objects

ALWAYS, ONCE = "reportIndefinitely", "forCurrentlyOutstandingWork"


class Recording:
    """One recorded situation: what the SDK's application printed, and what it wrote."""

    def __init__(self, vectors: Path, name: str) -> None:
        self.result = vectors / "wire" / f"{name}.result.json"
        self._facts = json.loads(self.result.read_text())
        self._messages = vectors / "wire" / f"{name}.jsonl"

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """What it printed under this name."""
        return [tuple(details) for name, *details in self._facts["events"] if name == kind]

    @property
    def progress(self) -> list[tuple[int, int]]:
        """Of its opening."""
        return [(done, total) for done, total in self._facts["prog"]]

    def writes(self) -> Iterator[tuple[int, bytes]]:
        """Timestamp and changeset of what the first client wrote before there was a second one; its
        schema comes first."""
        clients = 0
        for line in map(json.loads, self._messages.read_text().splitlines()):
            clients += line["t"] == "ws-open"
            if clients < 2 and line["t"] == "c2s":
                message = decode_message(bytes.fromhex(line["hex"]), from_client=True)
                for entry in message.get("entries", ()):
                    yield entry["origin_timestamp"], entry["changeset"]


class Told:
    """What our application is told of a session."""

    def __init__(self, session: SyncSession) -> None:
        self.upload: list[tuple[int, int]] = []
        self.download: list[tuple[int, int]] = []
        self.connection: list[tuple[str, str]] = []

        def note(reports: list[tuple[int, int]]) -> Any:
            return lambda done, total: reports.append((done, total))

        session.add_progress_notification("upload", ALWAYS, note(self.upload))
        session.add_progress_notification("download", ALWAYS, note(self.download))
        session.add_connection_notification(
            lambda new, old: self.connection.append((old.value, new.value))
        )


async def opened(device: Device, partition: Any) -> Realm:
    """A realm without classes: they come with the first recorded changeset."""
    sync = SyncConfiguration(user=device.user, partition_value=partition)
    return await Realm.open(Configuration(sync=sync))


def write(realm: Realm, transaction: tuple[int, bytes]) -> None:
    timestamp, changeset = transaction
    _testbed.commit_changeset(session_of(realm).file, changeset, timestamp)


def states(session: SyncSession) -> tuple[str, str]:
    return session.state.value, session.connection_state.value


async def test_the_steps_of_the_documentation(vectors: Path, tmp_path: Path) -> None:
    recording = Recording(vectors, "seed_page")
    writes = recording.writes()
    async with world(tmp_path) as at:
        device = await at.device()
        async with await opened(device, "MyPartitionValue") as realm:
            session = session_of(realm)
            async with at.server_unreachable():  # the classes are on their way
                write(realm, next(writes))
                upload = asyncio.ensure_future(session.upload_all_local_changes(LIMIT))
                await eventually(lambda: "are to be uploaded" in session.explain())
                assert states(session) == recording.of("state")[0]
                told = Told(session)
            assert await upload
            await eventually(lambda: len(told.upload) == 2)
            async with at.server_unreachable():
                write(realm, next(writes))
                await eventually(lambda: len(told.upload) == 3)
            assert await session.upload_all_local_changes(LIMIT)
            assert await session.download_all_server_changes(LIMIT)
            session.pause()
            assert states(session) == recording.of("paused")[0]
            write(realm, next(writes))
            session.resume()
            assert await session.upload_all_local_changes(LIMIT)
            assert states(session) == recording.of("resumed")[0]
            await eventually(lambda: len(told.upload) == len(told.download) == 6)
            # The script ended before it was told of the last acknowledgement.
            assert told.upload == [*recording.of("upload"), (433, 433)]
            assert told.download == [*recording.of("download"), (0, 0)]
            assert told.connection == recording.of("conn")
            assert next(writes, None) is None
            async with device.open("MyPartitionValue", schema=SDK_SCHEMA) as whole:
                assert [sdk_objects(whole)] == final_objects(recording.result)


async def test_pause_resume_and_a_check_of_the_connection(vectors: Path, tmp_path: Path) -> None:
    recording = Recording(vectors, "reconnect")
    async with world(tmp_path) as at, await opened(await at.device(), "rc") as realm:
        session = session_of(realm)
        told = Told(session)
        for transaction in recording.writes():
            write(realm, transaction)
            assert await session.upload_all_local_changes(LIMIT)
            if not told.connection:
                session.pause()
                session.resume()
                assert await session.download_all_server_changes(LIMIT)
            session.reconnect()  # its PING is answered: nothing changes
        assert await session.download_all_server_changes(LIMIT)
        await eventually(lambda: len(told.connection) == 3)
        assert told.connection == recording.of("conn")
        assert told.upload[-1] == (401, 401)  # a schema as above, and two objects of 29


async def test_one_of_five_on_a_connection_is_paused(vectors: Path, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realms = [await device.open(value) for value in ("m1", "m2", "m3", 4, None)]
        paused, sibling = session_of(realms[0]), session_of(realms[1])
        paused.pause()
        add(realms[1], 1)
        assert await sibling.upload_all_local_changes(LIMIT)
        state = (sibling.connection_state.value, paused.connection_state.value)
        assert [state] == Recording(vectors, "multiplex").of("sib")
        paused.resume()
        for realm in realms:
            assert await session_of(realm).download_all_server_changes(LIMIT)
            realm.close()


@pytest.mark.parametrize("name", ["async_open", "compressed"])
async def test_progress_of_what_another_client_wrote(
    name: str, vectors: Path, tmp_path: Path
) -> None:
    """One SDK opened by downloading, the other registered once the realm was open."""
    recording = Recording(vectors, name)
    told: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        told.append((progress.transferred, progress.transferable))

    async with world(tmp_path) as at:
        first, second = await at.device(), await at.device()
        async with await opened(first, name) as realm:
            for transaction in recording.writes():
                write(realm, transaction)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        if name == "async_open":
            opening = second.open(name, schema=SDK_SCHEMA)
            opening.progress(note)
            copy = await opening
        else:
            at_once = OPEN_LOCAL_REALM_BEHAVIOR
            async with at.server_unreachable():
                copy = await second.open(name, schema=SDK_SCHEMA, new_realm_file_behavior=at_once)
                session_of(copy).add_progress_notification("download", ONCE, note)
            assert await session_of(copy).download_all_server_changes(LIMIT)
            assert await session_of(copy).upload_all_local_changes(LIMIT)
        assert [(len(copy.objects("Dog")),)] == recording.of("count")
        await eventually(lambda: len(told) == len(recording.progress))
        assert told == recording.progress
        copy.close()
