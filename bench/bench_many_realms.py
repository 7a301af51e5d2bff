"""100, 1,000 and 10,000 sessions multiplexed on one connection, and as many of a second client.

Each binds, commits once, and gets what the other client has committed. Then one session is paused
and goes on, again and again: among 10,000 that takes what it takes among 100. Server and clients
are processes of their own, whose peak memory counts. Durability is that of a process crash on all
sides, since 10,000 files on one disk would measure its fsync.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

import workloads
from realmsync import _testbed
from realmsync.testing import ServerProcess
from scale import scaled
from session_client import SessionClient, memory

COUNTS = (scaled(100), scaled(1_000), scaled(10_000))
PAUSES = scaled(50)
MEMORY_LIMIT = 32 * 1024  # bytes per session at their peak, either side
SECONDS_TO_BIND = 20.0  # 10,000 sessions, quiet machine
NOTIFIERS, REPORTS = scaled(10_000), scaled(100)
NOTIFIER_SECONDS = 100e-9  # per report and notifier

Costs = dict[str, dict[str, float]]


def measure(count: int, folder: Path) -> Costs:
    """What each step took: of the client and, in cpu, also of the server."""
    with ServerProcess(data=folder / "server", durability="process") as server:
        host, before = psutil.Process(server.pid), memory(server.pid)
        costs: Costs = {}

        def step(name: str, client: SessionClient, *orders: str) -> None:
            used = sum(host.cpu_times()[:2])
            answers = [client.order(order) for order in orders]
            costs[name] = {key: sum(a[key] for a in answers) for key in ("wall", "cpu")}
            costs[name]["server cpu"] = sum(host.cpu_times()[:2]) - used
            costs[name]["peak"] = answers[-1]["peak"]

        with (
            SessionClient(server.url, folder / "writer") as writer,
            SessionClient(server.url, folder / "reader") as reader,
        ):
            step("bind", writer, f"open {count}", "download")
            step("bind again", reader, f"open {count}", "download")
            step("commit", writer, "commit", "upload")
            step("receive", reader, "download")
            writer.order("rest")  # or the work of all sessions would count as that of one
            step("pause", writer, f"pause {PAUSES}")
            step("close", writer, "close")
        costs["server"] = {"peak": memory(server.pid, peak=True) - before}
    return costs


def record(count: int, costs: Costs, folder: Path, record_ratio: Callable[..., Any]) -> None:
    """The figures of one run; those of the largest have bounds."""
    most = count == COUNTS[-1]

    def note(name: str) -> str:
        cost = costs[name]
        return (
            f"{cost['wall']:.1f} s; processor: client {cost['cpu']:.1f} s,"
            f" server {cost['server cpu']:.1f} s"
        )

    record_ratio(
        f"{count:,} sessions bound, to 2 ms each",
        costs["bind"]["wall"],
        count * SECONDS_TO_BIND / COUNTS[-1],
        1.0 if most else None,
        note=note("bind"),
    )
    plain = workloads.PlainTable(folder / "plain.sqlite", workloads.NOTE, "OFF")
    start = time.perf_counter()
    plain.fill(workloads.rows(workloads.notes(count)), size=1)
    yardstick = time.perf_counter() - start
    plain.close()
    committed = costs["commit"]["wall"] + costs["receive"]["wall"]
    name = f"{count:,} commits over {count:,} sessions, downloaded by as many"
    record_ratio(name, committed, yardstick, None, rate=True, note=note("commit"))
    for side, used in (
        ("client", costs["close"]["peak"]),
        ("server, of two clients", costs["server"]["peak"] / 2),
    ):
        record_ratio(
            f"{side}: peak memory per session of {count:,}, to 32 KiB",
            used / count,
            MEMORY_LIMIT,
            1.0 if most else None,
            note=f"{used / count / 1024:.1f} KiB",
        )


def test_many_realms(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    runs: list[Costs] = []
    for count in COUNTS:
        folder = tmp_path / str(count)
        folder.mkdir()
        runs.append(measure(count, folder))
        record(count, runs[-1], folder, record_ratio)
    few, many, most = runs
    record_ratio(
        "bind: one of 10,000 sessions to one of 1,000",
        most["bind"]["wall"] / COUNTS[2],
        many["bind"]["wall"] / COUNTS[1],
        1.5,
    )
    record_ratio(
        "pause and resume: one of 10,000 sessions to one of 100",
        most["pause"]["wall"] / PAUSES,
        few["pause"]["wall"] / PAUSES,
        2.0,
        note=f"{most['pause']['wall'] / PAUSES * 1e3:.1f} ms",
    )


def test_notifiers(record_ratio: Callable[..., Any]) -> None:
    notifiers = _testbed.ProgressNotifiers()
    for n in range(NOTIFIERS):
        notifiers.add(("upload", "download")[n % 2], True)
    start = time.perf_counter()
    calls = notifiers.make_reports(REPORTS)
    took = time.perf_counter() - start
    assert calls == NOTIFIERS * REPORTS
    record_ratio(
        "progress: one of 10,000 notifiers, to 100 ns", took / calls, NOTIFIER_SECONDS, 1.0
    )
