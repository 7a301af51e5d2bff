"""Part benchmark: the server's engine alone, without sockets, its database on a disk in memory.

Binding 1,000 sessions on one connection, from BIND to the answered MARK, against four times 250:
the time has to grow with the number of sessions and no faster (the original needs 38 s for 1,000
and grows faster than linearly). Memory per idle session is reported with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from realmsync import _core, _testbed
from scale import scaled
from yardsticks import benchmarked

COUNT = scaled(1_000)


def resident_bytes() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def bind(count: int) -> _core.ServerRuntime:
    """A server with `count` sessions of one connection, everything sent and answered."""
    runtime = _testbed.start_server(_testbed.ServerStorage(1), seed=1)
    connection = runtime.open_connection("app", "user", "com.mongodb.realm-sync#14", 0)
    for session in range(1, count + 1):
        data = b'"p%d"' % session
        runtime.receive(connection, b"bind %d %d 0 1 0\n" % (session, len(data)) + data, 0)
    marks, now = 0, 0
    while marks < count:
        now += 1
        runtime.drain(now)
        while (message := runtime.next_message(connection, now)) is not None:
            if message.startswith(b"ident "):
                session, file, salt = message.split()[1:]
                ident = b"ident %s %s %s 0 0 0 0\n" % (session, file, salt)
                runtime.receive(connection, ident, now)
                runtime.receive(connection, b"mark %s 1\n" % session, now)
            elif message.startswith(b"mark "):
                marks += 1
    return runtime


def test_bind(
    benchmark: Any, yardstick: Callable[..., float], record_ratio: Callable[..., object]
) -> None:
    quarter = yardstick(lambda: bind(COUNT // 4), rounds=5, warm_up=1)
    ours = benchmarked(benchmark, lambda: bind(COUNT), rounds=5)
    before = resident_bytes()
    kept = [bind(COUNT) for _ in range(scaled(5))]
    note = f"{(resident_bytes() - before) / (COUNT * len(kept)) / 1024:.1f} KiB each"
    record_ratio("bind 1,000 sessions : 4 times 250", ours, 4 * quarter, 1.5, note=note)
    assert all(runtime.stats()["sessions"] == COUNT for runtime in kept)
