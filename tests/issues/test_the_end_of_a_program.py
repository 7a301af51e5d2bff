"""Programs that ended with daemon threads at work were aborted; others must end as quietly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import asyncio, sys, threading, time
from pathlib import Path

import realmsync
from realmsync import App, Configuration, Credentials, Object, Realm, SyncConfiguration
from realmsync.testing import ServerProcess

class Task(Object):
    _id: int = realmsync.primary_key()

folder = Path(sys.argv[1])

def write(number):
    with Realm(path=folder / f"{number % 2}.realm", schema=[Task]) as realm:
        for key in range(1_000_000):
            with realm.write():
                realm.create(Task, {"_id": number * 1_000_000 + key})
            len(realm.objects(Task))

async def synced(server):
    app = App("demo", base_url=server.url, base_file_path=folder / "app")
    user = await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, partition_value="p")
    return await Realm.open(Configuration(schema=[Task], sync=sync))
"""

WAYS = {
    "daemon threads that write": """
for number in range(4):
    threading.Thread(target=write, args=(number,), daemon=True).start()
time.sleep(0.3)
""",
    "an open realm and its app": """
with ServerProcess(folder / "server") as server:
    realm = asyncio.run(synced(server))
    time.sleep(0.1)
""",
    "a callback that does not return": """
with ServerProcess(folder / "server") as server:
    realm = asyncio.run(synced(server))
    begun = threading.Event()
    def stay(new, old):
        begun.set()
        time.sleep(1000)
    realm.sync_session.add_connection_notification(stay)  # on the client's thread: no loop runs
    realm.sync_session.pause()
    assert begun.wait(20)
""",
    "an opening in the middle": """
async def main():
    with ServerProcess(folder / "server") as server:
        realm = await synced(server)
        opening = Realm.open(realm.config)
        await asyncio.sleep(0)
asyncio.run(main())
""",
    "a download and its interruption": """
import os, signal
async def main():
    with ServerProcess(folder / "server") as server:
        async with await synced(server) as realm:
            realm.sync_session.pause()
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            await realm.sync_session.download_all_server_changes()
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    Realm.delete_file(path=next(folder.rglob("s_p.realm")))
else:
    raise AssertionError
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_end(way: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(HEAD + WAYS[way])
    result = subprocess.run(
        [sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr and "terminate" not in result.stderr
