"""Sync of an app is paused while clients are connected, and goes on: what they hear meanwhile, and
that nothing is lost (app-configuration.md 4.3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app_folders import write_app
from devices import LIMIT, World, add, session_of, world
from eventually import eventually
from instructions import add_table, changeset, create
from raw_peer import RawPeer, Refused, log_in
from realmsync import Realm, SessionState, SyncSession
from realmsync.cli import main
from realmsync.errors import SyncError
from realmsync.server.apps.sources import AppFolder
from realmsync.testing import ServerProcess

SCHEMA = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}},
}


def write(tmp_path: Path, state: str, **sync: Any) -> AppFolder:
    partition = {"key": "owner", "type": "string", "permissions": {"read": True, "write": True}}
    sync |= {"state": state, "partition": partition}
    return AppFolder(write_app(tmp_path / "app", app_id="app", schema=SCHEMA, sync=sync))


class Errors(list[SyncError]):
    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.append(error)


async def reload(at: World, tmp_path: Path, state: str) -> None:
    write(tmp_path, state)
    assert [report.is_served for report in await at.server.reload()] == [True]


async def waits_for_long(realm: Realm) -> None:
    """The session has been told to come back in a minute or later, and is not ended."""
    session = session_of(realm)
    await eventually(lambda: (session.next_attempt_in or 0) > 30, LIMIT)
    assert session.state is SessionState.ACTIVE


async def uploaded(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)


def dogs(realm: Realm) -> set[int]:
    return {dog._id for dog in realm.objects("Dog")}


@pytest.mark.parametrize("state", ["disabled", ""])
async def test_clients_work_offline_and_go_on(tmp_path: Path, state: str) -> None:
    """One that is connected, with something on its way, and one that comes meanwhile."""
    async with world(tmp_path, app_folders=(write(tmp_path, "enabled"),)) as at:
        told = Errors()
        device, late = await at.device(), await at.device()
        async with device.open(on_error=told) as realm:
            add(realm, 1)
            await uploaded(realm)
            add(realm, *range(2, 50))
            await reload(at, tmp_path, state)
            await waits_for_long(realm)
            add(realm, 50)
            with Realm(late.config(on_error=told)) as other:
                add(other, 51)
                await waits_for_long(other)
                await reload(at, tmp_path, "enabled")
                for one in (realm, other):
                    session_of(one).reconnect()  # else within the time that they were told
                    await uploaded(one)
                for one in (realm, other):
                    assert await session_of(one).download_all_server_changes(LIMIT)
                    assert dogs(one) == {*range(1, 52)}
        assert [error for error in told if error.is_fatal or error.action != "Transient"] == []


async def test_a_pause_outlasts_the_server(tmp_path: Path) -> None:
    """Paused, stopped, started paused, enabled: history and client files are as they were."""
    async with world(tmp_path, app_folders=(write(tmp_path, "enabled"),)) as at:
        device = await at.device()
        async with device.open() as realm:
            add(realm, 1)
            await uploaded(realm)
            ident = session_of(realm).file_ident
        await reload(at, tmp_path, "disabled")
    folder = write(tmp_path, "disabled")
    async with world(tmp_path, app_folders=(folder,)) as at:
        assert "sync.paused" in str(at.server.reports[0])
        assert (await at.device()).user.is_logged_in, "log-ins go on"
    told = Errors()
    async with world(tmp_path, app_folders=(AppFolder(folder.path, enable_sync=True),)) as at:
        async with (await at.device()).open(on_error=told) as realm:
            assert dogs(realm) == {1}
            assert session_of(realm).file_ident == ident, "the device of before"
        assert told == []


def reload_process(server: ServerProcess) -> Result:
    return CliRunner().invoke(main, ["reload", "--data", str(server.data)])


@pytest.mark.no_asan
def test_what_a_peer_hears(tmp_path: Path) -> None:
    """Byte by byte, from a process whose operator edits the folder and says `realmsync reload`."""
    folder = write(tmp_path, "enabled")
    arguments = (tmp_path / "data", "--app", str(folder.path))
    with (
        ServerProcess(*arguments, durability="process") as server,
        RawPeer(server.url, app="app") as peer,
    ):
        data = json.dumps("p").encode()
        peer.send(b"bind 1 %d 0 1 0\n%s" % (len(data), data))
        ident = peer.until("ident")
        file = (ident["file_ident"], ident["file_ident_salt"])
        peer.send(b"ident 1 %d %d 0 0 0 0\n" % file)
        peer.until("download")
        peer.version[1] = 1
        peer.upload(1, changeset(add_table("Dog"), create("Dog", 1)))
        peer.acknowledged(1)
        write(tmp_path, "disabled")
        assert reload_process(server).exit_code == 0
        with pytest.raises(Refused) as refused:
            peer.until("mark")
        assert refused.value.code == 229
        body = refused.value.body
        assert body["action"] == "Transient" and body["tryAgain"] is True
        assert body["shouldClientReset"] is False
        assert (body["backoffIntervalSec"], body["backoffMaxDelaySec"]) == (60, 3600)
        assert "paused" in body["message"]
        peer.send(b"unbind 1\n")
        peer.send(b"bind 2 %d 0 0 0\n%s" % (len(data), data))
        with pytest.raises(Refused, match="229"):
            peer.until("mark")
        assert log_in(server.url, "app"), "over HTTP everything goes on"
        write(tmp_path, "enabled")
        assert reload_process(server).exit_code == 0
        peer.send(b"bind 3 %d 0 0 0\n%s" % (len(data), data))
        peer.send(b"ident 3 %d %d 0 0 0 0\n" % file)
        download = peer.until("download")
        assert download["upload_client_version"] == 2, "what was acknowledged is known"
