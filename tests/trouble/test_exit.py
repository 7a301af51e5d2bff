"""Programs that end without closing anything, or are interrupted: they are gone soon, without a
word from their threads, and their files are whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client_program import PATIENCE, ROOT, ClientProgram, query
from realmsync.testing import FaultProxy, ServerProcess

pytestmark = pytest.mark.no_asan

# Seconds that a program may take to end. On an idle machine it is a fraction of one.
PROMPT = 10.0

PROGRAM = """
import asyncio, signal, sys
from client_program import Person, make_app, open_realm

# Whoever runs the tests in the background may have had the signal ignored, which is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main():
    app = make_app(sys.argv[1], sys.argv[2])
    realms = [await open_realm(app, name) for name in sys.argv[4:]]
    print(*(realm.path for realm in realms), flush=True)
    for number in range(int(sys.argv[3])):
        for realm in realms:
            with realm.write():
                rows = [{"_id": number * 100 + i, "name": "x" * 500} for i in range(100)]
                realm.create_many(Person, rows)
        print(number, flush=True)
        await asyncio.sleep(0)
    {ending}

{run}
"""
ENDINGS = {
    "returns": ("pass", "asyncio.run(main())"),
    "realms outlive the loop": ("globals().update(kept=realms)", "asyncio.run(main())"),
    "waits pending": (
        "[asyncio.ensure_future(r.sync_session.download_all_server_changes()) for r in realms]",
        "asyncio.run(main())",
    ),
    "callbacks registered": (
        "[r.sync_session.add_progress_notification('upload', 'reportIndefinitely', print)"
        " for r in realms]",
        "asyncio.run(main())",
    ),
    "in a transaction": ("realms[0]._queue.begin()", "asyncio.run(main())"),
    "sys.exit": ("sys.exit(0)", "asyncio.run(main())"),
    "loop never closed": ("pass", "asyncio.new_event_loop().run_until_complete(main())"),
    "uvloop": ("pass", "import uvloop; uvloop.run(main())"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), durability="process") as server:
        yield server


def partitions(folder: Path) -> list[str]:
    return [f"{folder.name}-{number}" for number in (1, 2)]


def start(
    url: str, folder: Path, rounds: int, ending: str, run: str = "asyncio.run(main())"
) -> subprocess.Popen[str]:
    code = PROGRAM.replace("{ending}", ending).replace("{run}", run)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", code, url, folder, str(rounds), *partitions(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def check_files(paths: list[str], at_least: int, exactly: int | None = None) -> None:
    for path in paths:
        [[[sound]], [[count]]] = query(
            path, "PRAGMA integrity_check", 'SELECT count(*) FROM "Person"'
        )
        assert sound == "ok"
        assert count % 100 == 0  # whole transactions
        assert count >= at_least
        assert exactly in (None, count)


@pytest.mark.parametrize("stalled", [False, True], ids=["", "server stalled"])
@pytest.mark.parametrize("name", ENDINGS)
def test_end_without_close(server: ServerProcess, tmp_path: Path, name: str, stalled: bool) -> None:
    with FaultProxy(server.port) as proxy, ExitStack() as stack:
        program = stack.enter_context(start(proxy.url, tmp_path, 3, *ENDINGS[name]))
        stack.callback(program.kill)
        assert program.stdout is not None
        paths = program.stdout.readline().split()
        if stalled:
            proxy.stall()
        if "2\n" not in program.stdout:  # reads up to there
            pytest.fail(f"ended early: {program.communicate()[1]}")
        begin = time.monotonic()
        _, errors = program.communicate(timeout=PATIENCE)
        assert time.monotonic() - begin < PROMPT
    assert errors == ""
    assert program.returncode == 0
    check_files(paths, 300, 300)


@pytest.mark.parametrize("stalled", [False, True], ids=["", "server stalled"])
@pytest.mark.parametrize("rounds", [3, 1_000_000], ids=["uploading", "writing"])
def test_interrupt(server: ServerProcess, tmp_path: Path, rounds: int, stalled: bool) -> None:
    """Ctrl-C while the program waits for an upload, and while it writes without an end."""
    with FaultProxy(server.port) as proxy, ExitStack() as stack:
        wait = "await asyncio.gather(*(r.sync_session.upload_all_local_changes() for r in realms))"
        ending = f"{wait}; print('uploaded', flush=True); await asyncio.Event().wait()"
        program = stack.enter_context(start(proxy.url, tmp_path, rounds, ending))
        stack.callback(program.kill)
        assert program.stdout is not None
        paths = program.stdout.readline().split()
        if stalled:
            proxy.stall()
        if "2\n" not in program.stdout:  # reads up to there
            pytest.fail(f"ended early: {program.communicate()[1]}")
        program.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, errors = program.communicate(timeout=PATIENCE)
        assert time.monotonic() - begin < PROMPT
    # The program's own KeyboardInterrupt and nothing else.
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert "Exception ignored" not in errors
    assert "Exception in thread" not in errors
    assert "terminate called" not in errors
    assert program.returncode == -signal.SIGINT
    check_files(paths, 300)

    # What was written goes on from there.
    with ClientProgram() as again:
        again.ask("open", server.url, str(tmp_path), partitions(tmp_path)[0])
        assert again.ask("upload")
        assert again.ask("download")
        assert len(again.people()) >= 300
