"""A client in a process of its own with any number of synced realms on one connection.

Usage: session_client.py URL APP FOLDER. Carries out one order per line of stdin and answers with
JSON: seconds it took (wall, cpu) and the peak memory of the process above what it had before.

open N; commit; upload and download, of all; rest; pause N, of one, N times to the end of the
download after it; close. The benchmark's side is `SessionClient`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from types import TracebackType

import workloads
from clients import configuration, connect
from realmsync import Realm, User

_AT_REST = 0.1  # processor time in a second


def cpu_seconds() -> float:
    """Of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory(pid: int | str = "self", *, peak: bool = False) -> int:
    """Bytes of a process that are resident, or the most that have been."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:" if peak else "VmRSS:")[2].split()[0])


class Orders:
    """What a client can be told to do."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._realms: list[Realm] = []

    async def open(self, count: str) -> None:
        """Opens realms of partitions of their own."""
        self._realms = [
            Realm(configuration(self._user, f"partition-{i}", workloads.NOTE, "process"))
            for i in range(int(count))
        ]

    async def commit(self) -> None:
        """One object in each realm, in a transaction of its own."""
        note = {"_id": "note", "number": 1, "label": "l", "value": 0.5, "text": "x" * 80}
        for realm in self._realms:
            with realm.write():
                realm.create("Note", note)
            await asyncio.sleep(0)

    async def upload(self) -> None:
        """Until the server has all."""
        await asyncio.gather(*(r.sync_session.upload_all_local_changes() for r in self._realms))

    async def download(self) -> None:
        """Until the realms have all."""
        await asyncio.gather(*(r.sync_session.download_all_server_changes() for r in self._realms))

    async def rest(self) -> None:
        """Until nothing is left to do, of what nobody has waited for."""
        used = -inf
        while cpu_seconds() - used > _AT_REST:
            used = cpu_seconds()
            await asyncio.sleep(1)

    async def pause(self, times: str) -> None:
        """Pauses one and lets it go on, `times` times."""
        session = self._realms[len(self._realms) // 2].sync_session
        for _ in range(int(times)):
            session.pause()
            session.resume()
            await session.download_all_server_changes()

    async def close(self) -> None:
        """Closes all realms."""
        for realm in self._realms:
            realm.close()
        self._realms = []


async def main() -> None:
    url, app_id, folder = sys.argv[1:]
    app, user = await connect(url, app_id, Path(folder))
    orders = Orders(user)
    before = memory()
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        name, *arguments = line.split()
        wall, cpu = time.perf_counter(), cpu_seconds()
        await getattr(orders, name)(*arguments)
        answer = {
            "wall": time.perf_counter() - wall,
            "cpu": cpu_seconds() - cpu,
            "peak": memory(peak=True) - before,
        }
        print(json.dumps(answer), flush=True)
    await orders.close()
    await app.close()


class SessionClient:
    """The process, and what it is told."""

    def __init__(self, url: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, url, "bench", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, order: str) -> dict[str, float]:
        """Has it carried out, and gives what it cost."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(order, file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> SessionClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


if __name__ == "__main__":
    asyncio.run(main())
