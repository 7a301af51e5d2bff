"""Children of a program that synchronises hung or crashed at their end, or by what they inherited.

Run as a program of its own: the process that forks has to be as a user's is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, gc, multiprocessing, os, sys
from pathlib import Path

import realmsync
from realmsync import (
    App, Configuration, Credentials, ForkedProcessError, MultipleSyncAgentsError, Object, Realm,
    SyncConfiguration,
)
from realmsync.testing import ServerProcess

class Task(Object):
    _id: int = realmsync.primary_key()

folder = Path(sys.argv[1])
server = ServerProcess(folder / "server")
server.start()

def config(user, partition="p"):
    sync = SyncConfiguration(user=user, partition_value=partition)
    return Configuration(schema=[Task], sync=sync)

async def set_up():
    app = App("demo", base_url=server.url, base_file_path=folder / "parent")
    user = await app.log_in(Credentials.anonymous())
    realm = await Realm.open(config(user))
    with realm.write():
        task = realm.create(Task, {"_id": 1})
    await realm.sync_session.upload_all_local_changes()
    return app, user, realm, task

app, user, realm, task = asyncio.run(set_up())

def refused(use):
    try:
        use()
    except ForkedProcessError as error:
        assert "forked" in str(error)
    else:
        raise AssertionError("not refused")

def exit_():
    sys.exit(0)  # runs atexit handlers

def use():
    session = realm.sync_session
    refused(lambda: len(realm.objects(Task)))
    refused(lambda: task._id)
    refused(realm.write)
    refused(session.pause)
    refused(lambda: session.state)
    refused(lambda: asyncio.run(session.upload_all_local_changes()))
    refused(lambda: session.add_connection_notification(print))
    refused(lambda: app.sync.get_all_sync_sessions(user))
    refused(lambda: asyncio.run(app.log_in(Credentials.anonymous())))
    refused(lambda: Realm(config(user, "q")))
    refused(lambda: asyncio.run(user.log_out()))
    repr(session), repr(realm), realm.path
    realm.close()
    asyncio.run(app.close())
    assert App.get("demo") is not app

def reopen():
    with Realm(path=realm.path, schema=[Task]) as own:
        with own.write():
            own.create(Task, {"_id": 2})
        assert len(own.objects(Task)) == 2

def collect():
    global realm, app, user, task
    realm = app = user = task = None
    gc.collect()

def synchronise():
    async def main():
        async with App("demo", base_url=server.url, base_file_path=folder / "child") as own:
            async with Realm.open(config(await own.log_in(Credentials.anonymous()))) as mine:
                assert [t._id for t in mine.objects(Task)]
                with mine.write():
                    mine.create(Task, {"_id": 3})
                await mine.sync_session.upload_all_local_changes()
    asyncio.run(main())

def claim():
    # What is the parent's to synchronise is not the child's.
    other = App("demo", base_url=server.url, base_file_path=folder / "parent")
    try:
        Realm(config(other.current_user))
    except MultipleSyncAgentsError:
        asyncio.run(other.close())
    else:
        raise AssertionError("two processes synchronise one file")

def daemon():
    if os.fork() == 0:
        os.setsid()
        synchronise()
        os._exit(0)
    assert os.wait()[1] == 0

def in_multiprocessing():
    pass

if sys.argv[2] == "multiprocessing":
    child = multiprocessing.get_context("fork").Process(target=reopen)
    child.start()
    child.join()
    assert child.exitcode == 0, child.exitcode
elif sys.argv[2] == "while writing":
    with realm.write():
        realm.create(Task, {"_id": 7})
        child = os.fork()
        if child == 0:
            try:
                refused(lambda: realm.create(Task, {"_id": 8}))
                realm.close()
                gc.collect()
                os._exit(0)
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert [t._id for t in realm.objects(Task)] == [1, 7]
else:
    child = os.fork()
    if child == 0:
        globals()[sys.argv[2]]()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0

# The parent goes on as if nothing had been.
with realm.write():
    realm.create(Task, {"_id": 9})
async def go_on():
    await realm.sync_session.upload_all_local_changes(timeout=20)
    await realm.sync_session.download_all_server_changes(timeout=20)
asyncio.run(go_on())
print(sorted(t._id for t in realm.objects(Task)))
realm.close()
asyncio.run(app.close())
server.stop()
"""


@pytest.mark.parametrize(
    ("how", "keys"),
    [
        ("exit_", [1, 9]),
        ("use", [1, 9]),
        ("reopen", [1, 2, 9]),
        ("collect", [1, 9]),
        ("synchronise", [1, 3, 9]),
        ("claim", [1, 9]),
        ("daemon", [1, 3, 9]),
        ("multiprocessing", [1, 2, 9]),
        ("while writing", [1, 7, 9]),
    ],
)
def test_a_child_and_its_parent(how: str, keys: list[int], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    result = subprocess.run(
        [sys.executable, str(program), str(tmp_path), how],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == str(keys)
    assert "Traceback" not in result.stderr
