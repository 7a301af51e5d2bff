"""Log-ins at once share transactions, and those who show a token do not wait for them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from realmsync.server.accounts.file.records import NameInUse
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.users import Users
from realmsync.server.process import Server
from sdk_http import CLIENT, SdkHttp


async def refresh(http: SdkHttp, log_in: dict[str, str]) -> int:
    return (await http("POST", f"{CLIENT}/auth/session", token=log_in["refresh_token"])).status


async def of_file(server: Server, work: Callable[[UserFile], Any]) -> Any:
    """Does something on the file's own thread, outside of a transaction."""
    users = server.users
    return await users._run(users._writing, lambda: work(users._file))


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else can write to the file, as while an operator's command does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


async def test_they_share_transactions(server: Server) -> None:
    statements: list[str] = []
    await of_file(
        server, lambda file: file.database._connection.set_trace_callback(statements.append)
    )
    users = await asyncio.gather(*(server.users.create_anonymous("app") for _ in range(300)))
    assert len({user.id for user in users}) == 300
    assert statements.count("COMMIT") <= 3
    assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT")


async def test_one_that_fails_takes_no_other_with_it(server: Server) -> None:
    names = [f"{n}@example.org" for n in (1, 2, 2, 3, 4)]
    changes = [
        server.users._changes.do(
            lambda name=name: server.users._file.accounts.add("app", name, b"")
        )
        for name in names
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [NameInUse]
    for name in names:
        assert await server.users.user_of_identity("app", "local-userpass", name, {})


async def test_a_step_of_one_that_fails_is_undone(server: Server) -> None:
    file = server.users._file

    def fail_half_way() -> None:
        with file.database.transaction():
            file.accounts.add("app", "half@example.org", b"")
        raise LookupError("half way")

    other = server.users._changes.do(lambda: file.accounts.add("app", "whole@example.org", b""))
    with pytest.raises(LookupError):
        await server.users._changes.do(fail_half_way)
    await other
    pages = await of_file(server, lambda file: list(file.listing.summaries(None)))
    assert [user.names for page in pages for user in page] == [("whole@example.org",)]


async def test_a_commit_that_fails_is_told_to_all(server: Server) -> None:
    file = server.users._file

    def leave_an_identity_without_user() -> None:
        file.database.execute("PRAGMA defer_foreign_keys = ON")
        file.users.link("app", "custom-token", "somebody", {}, "nobody")

    changes = [
        server.users._changes.do(leave_an_identity_without_user),
        server.users._changes.do(lambda: file.users.create_anonymous("app")),
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [sqlite3.IntegrityError] * 2
    assert await of_file(server, lambda file: list(file.listing.summaries(None))) == []
    assert await server.users.create_anonymous("app")


async def test_who_has_gone_is_not_served(server: Server) -> None:
    held_up = threading.Event()
    first = server.users._changes.do(lambda: held_up.wait(10))
    await asyncio.sleep(0)
    gone = server.users._changes.do(lambda: server.users._file.users.create_anonymous("app"))
    gone.cancel()
    held_up.set()
    assert await first
    assert await of_file(server, lambda file: list(file.listing.summaries(None))) == []


async def test_who_shows_a_token_waits_for_no_writer(http: SdkHttp, server: Server) -> None:
    guest = await http.anonymous()
    path = server.config.data / "users.sqlite"
    with held(path):
        others = [asyncio.ensure_future(http.anonymous()) for _ in range(10)]
        await asyncio.sleep(0.05)
        assert await refresh(http, guest) == 201
        assert not any(other.done() for other in others)
    assert len({(await other)["user_id"] for other in others}) == 10


async def test_a_disk_that_is_full_keeps_nobody_out(http: SdkHttp, server: Server) -> None:
    """It is only not noted who was there, until there is room again."""
    guest = await http.anonymous()
    update = "UPDATE sessions SET used = 1"
    await of_file(server, lambda file: file.database.execute(update))
    await of_file(server, lambda file: file.database.execute("PRAGMA query_only = ON"))
    assert await refresh(http, guest) == 201
    await of_file(server, lambda file: file.database.execute("PRAGMA query_only = OFF"))
    assert await refresh(http, guest) == 201
    await server.users._changes.settle()
    ((user,),) = await of_file(server, lambda file: list(file.listing.summaries(None)))
    assert user.last_seen > 1


async def test_what_waits_is_stored_before_the_file_is_closed(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.sqlite")
    await users.open()
    created = [asyncio.ensure_future(users.create_anonymous("app")) for _ in range(600)]
    await asyncio.sleep(0)
    await users.close()
    assert len(await asyncio.gather(*created)) == 600
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        assert sum(map(len, file.listing.summaries(None))) == 600
