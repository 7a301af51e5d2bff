"""Whatever ends a log-in ends its websockets, too; also what another process does to the users."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import websockets
from click.testing import CliRunner

from engine_double import EngineDouble
from offer import OFFER
from realmsync.cli import main
from realmsync.server.accounts import users as users_module
from realmsync.server.accounts.file.mail_tokens import MailToken
from realmsync.server.accounts.file.records import Gone, LogInEnd
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.transport.loop import TransportLimits
from sdk_http import APP_PATH, CLIENT, SdkHttp

USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
EMAIL = "ada@example.org"
ACCOUNT = {"email": EMAIL, "username": EMAIL, "password": "correct horse"}
LOGGED_OUT, FORBIDDEN = 4001, 4002

Open = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setattr(users_module, "_LOOK_INTERVAL", 0.02)
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0, log_ins_per_user=2)
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
async def open_websocket(server: Server) -> AsyncIterator[Open]:
    websockets_: list[Any] = []

    async def open_it(token: str) -> Any:
        url = f"ws://127.0.0.1:{server.port}{APP_PATH}/realm-sync?baas_at={token}"
        websocket = await websockets.connect(url, subprotocols=OFFER, compression=None)
        websockets_.append(websocket)
        return websocket

    yield open_it
    for websocket in websockets_:
        await websocket.close()


async def registered(http: SdkHttp) -> dict[str, str]:
    await http("POST", f"{USERPASS}/register", ACCOUNT)
    return await logged_in(http)


async def logged_in(http: SdkHttp) -> dict[str, str]:
    reply = await http("POST", f"{USERPASS}/login", ACCOUNT)
    assert reply.status == 200, reply
    return reply.json


async def close_code(websocket: Any) -> int:
    await asyncio.wait_for(websocket.wait_closed(), 10)
    return websocket.close_code


async def is_open(websocket: Any) -> bool:
    await asyncio.sleep(0.1)  # several looks
    return websocket.close_code is None


async def refresh(http: SdkHttp, log_in: dict[str, str]) -> tuple[int, str | None]:
    reply = await http("POST", f"{CLIENT}/auth/session", token=log_in["refresh_token"])
    return reply.status, reply.json.get("error_code")


async def command(server: Server, *arguments: str, input: str = "") -> None:
    name, *rest = arguments
    result = await asyncio.to_thread(
        CliRunner().invoke,
        main,
        ["user", name, "--data", str(server.config.data), *rest],
        input=input,
    )
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "code", "refused"),
    [
        (("disable", EMAIL), FORBIDDEN, "UserDisabled"),
        (("log-out", EMAIL), LOGGED_OUT, "InvalidSession"),
        (("delete", EMAIL, "--yes"), LOGGED_OUT, "InvalidSession"),
        (("reset-password", EMAIL, "--password-stdin"), LOGGED_OUT, "InvalidSession"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
async def test_a_command_while_the_server_runs(
    http: SdkHttp,
    server: Server,
    open_websocket: Open,
    arguments: tuple[str, ...],
    code: int,
    refused: str,
) -> None:
    ada, guest = await registered(http), await http.anonymous()
    again = await logged_in(http)
    hers = [await open_websocket(log_in["access_token"]) for log_in in (ada, ada, again)]
    his = await open_websocket(guest["access_token"])
    await command(server, *arguments, input="new horse")
    assert [await close_code(websocket) for websocket in hers] == [code] * 3
    assert await refresh(http, ada) == (401, refused)
    assert await is_open(his)
    assert (await refresh(http, guest))[0] == 201
    refused_one = await open_websocket(ada["access_token"])
    assert await close_code(refused_one) == code


async def test_commands_that_end_no_log_in(
    http: SdkHttp, server: Server, open_websocket: Open
) -> None:
    ada = await registered(http)
    websocket = await open_websocket(ada["access_token"])
    await command(server, "list")
    await command(server, "enable", EMAIL)
    await command(server, "add", "b", "--app", "app", "--password-stdin", input="correct horse")
    await command(
        server, "reset-password", EMAIL, "--keep-log-ins", "--password-stdin", input="new horse"
    )
    assert await is_open(websocket)
    assert (await http("POST", f"{USERPASS}/login", ACCOUNT)).status == 401
    changed = {**ACCOUNT, "password": "new horse"}
    assert (await http("POST", f"{USERPASS}/login", changed)).status == 200


async def test_a_user_who_is_enabled_again(
    http: SdkHttp, server: Server, open_websocket: Open
) -> None:
    ada = await registered(http)
    await command(server, "disable", EMAIL)
    reply = await http("POST", f"{USERPASS}/login", ACCOUNT)
    assert (reply.status, reply.json["error_code"]) == (401, "UserDisabled")
    wrong = await http("POST", f"{USERPASS}/login", {**ACCOUNT, "password": "wrong horse"})
    assert wrong.json["error_code"] == "InvalidPassword", "told to who knows the password alone"
    await command(server, "enable", EMAIL)
    assert (await refresh(http, ada))[0] == 201
    assert await is_open(await open_websocket(ada["access_token"]))


async def test_pruned_users(http: SdkHttp, server: Server, open_websocket: Open) -> None:
    guest = await http.anonymous()
    websocket = await open_websocket(guest["access_token"])
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE users SET created = 1")
        database.execute("UPDATE sessions SET used = 1")
    await command(server, "prune", "--older-than", "90d", "--yes")
    assert await close_code(websocket) == LOGGED_OUT


async def test_who_comes_back_is_not_idle(http: SdkHttp, server: Server) -> None:
    guest = await http.anonymous()
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE users SET created = 1")
        database.execute("UPDATE sessions SET used = 1")
    assert (await refresh(http, guest))[0] == 201
    await command(server, "prune", "--older-than", "90d", "--yes")
    assert (await refresh(http, guest))[0] == 201


async def test_who_stays_connected_is_not_idle(
    http: SdkHttp, server: Server, open_websocket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await http.anonymous()
    websocket = await open_websocket(guest["access_token"])
    users = server.users
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE users SET created = 1")
        database.execute("UPDATE sessions SET used = 1")
    await users._note_use(server._acceptor.open_log_ins())
    await command(server, "prune", "--older-than", "90d", "--yes")
    assert await is_open(websocket)


async def test_calls_of_the_program_that_serves(
    http: SdkHttp, server: Server, open_websocket: Open
) -> None:
    ada, guest = await registered(http), await http.anonymous()
    hers = await open_websocket(ada["access_token"])
    his = await open_websocket(guest["access_token"])
    await server.users.set_disabled(ada["user_id"], True)
    await server.users.delete_user(guest["user_id"])
    assert (await close_code(hers), await close_code(his)) == (FORBIDDEN, LOGGED_OUT)
    with pytest.raises(Gone):
        await server.users.set_disabled(guest["user_id"], True)


async def test_what_a_client_says_of_its_device_is_not_kept(http: SdkHttp, server: Server) -> None:
    long = "x" * 1000
    options = {"device": {"deviceId": long, "device_id": long, "appId": long}}
    reply = await http("POST", f"{APP_PATH}/auth/providers/anon-user/login", {"options": options})
    assert re.fullmatch("[0-9a-f]{24}", reply.json["device_id"])
    for path in server.config.data.glob("users.sqlite*"):
        assert long.encode() not in path.read_bytes()


async def test_the_log_in_that_is_one_too_many(
    http: SdkHttp, server: Server, open_websocket: Open
) -> None:
    first, second, guest = await registered(http), await logged_in(http), await http.anonymous()
    sockets = [await open_websocket(log_in["access_token"]) for log_in in (first, second, guest)]
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE sessions SET used = used - 172800000")
    assert (await refresh(http, first))[0] == 201, "and used last"
    third = await logged_in(http)
    assert await close_code(sockets[1]) == LOGGED_OUT
    assert await is_open(sockets[0])
    assert await is_open(sockets[2])
    assert await refresh(http, second) == (401, "InvalidSession")
    assert [(await refresh(http, log_in))[0] for log_in in (first, third)] == [201, 201]


@pytest.mark.parametrize("is_reading", [True, False])
async def test_a_user_who_is_being_sent_much(
    tmp_path: Path, is_reading: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more of it is sent, and who does not read is not waited for."""
    monkeypatch.setattr(users_module, "_LOOK_INTERVAL", 0.02)
    engine = EngineDouble()
    limits = TransportLimits(linger=0.5)
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0, transport=limits)
    async with Server(config, runtime=engine) as server:
        guest = await SdkHttp(server.url).anonymous()
        url = f"ws://127.0.0.1:{server.port}{APP_PATH}/realm-sync?baas_at={guest['access_token']}"
        async with websockets.connect(
            url, subprotocols=OFFER, compression=None, max_queue=2, close_timeout=0.1
        ) as websocket:
            engine.outbox[1].extend([bytes(1 << 16)] * 2000)
            engine.send(1, b"and so on")
            await websocket.recv()
            await command(server, "disable", guest["user_id"])
            if is_reading:
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await websocket.recv()
                assert websocket.close_code == FORBIDDEN
            for _ in range(1000):
                if not server._acceptor.connections:
                    break
                await asyncio.sleep(0.01)
            assert not server._acceptor.connections
            assert len(engine.outbox[1]) > 1000


async def test_a_user_disabled_while_he_is_let_in(
    http: SdkHttp, server: Server, open_websocket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at his log-in and the websocket's entry among the open ones."""
    ada = await registered(http)
    table = server.users._reader.users
    look = table.of_log_in

    def look_and_disable(session_id: str) -> Any:
        user = look(session_id)
        with closing(UserFile(server.config.data / "users.sqlite")) as other:
            other.users.set_disabled(ada["user_id"], True)
        return user

    monkeypatch.setattr(table, "of_log_in", look_and_disable)
    websocket = await open_websocket(ada["access_token"])
    assert await close_code(websocket) == FORBIDDEN


@pytest.mark.parametrize("by", ["this process", "another"])
async def test_a_user_deleted_while_the_look_at_his_log_in_is_under_way(
    http: SdkHttp, server: Server, open_websocket: Open, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """What was read before the deletion becomes known after it."""
    guest = await http.anonymous()
    has_read, may_tell = threading.Event(), threading.Event()
    look = server.users._reader.users.of_log_in

    def look_slowly(session_id: str) -> Any:
        user = look(session_id)
        has_read.set()
        may_tell.wait(10)
        return user

    monkeypatch.setattr(server.users._reader.users, "of_log_in", look_slowly)
    opening = asyncio.ensure_future(open_websocket(guest["access_token"]))
    await asyncio.to_thread(has_read.wait, 10)
    if by == "another":
        await command(server, "delete", guest["user_id"], "--yes")
    else:
        deleting = asyncio.ensure_future(server.users.delete_user(guest["user_id"]))
    await asyncio.sleep(0.1)  # several looks
    may_tell.set()
    assert await close_code(await opening) == LOGGED_OUT
    if by == "this process":
        await deleting


async def test_an_account_deleted_while_it_logs_in(
    http: SdkHttp, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(http)
    check = server.users.check_password

    async def check_and_delete(*arguments: str) -> bool:
        matches = await check(*arguments)
        await command(server, "delete", EMAIL, "--yes")
        return matches

    monkeypatch.setattr(server.users, "check_password", check_and_delete)
    reply = await http("POST", f"{USERPASS}/login", ACCOUNT)
    assert (reply.status, reply.json["error_code"]) == (401, "InvalidPassword")
    guest = await http.anonymous()
    await http("POST", f"{USERPASS}/register", ACCOUNT)
    token = guest["access_token"]
    reply = await http("POST", f"{USERPASS}/login?link=true", ACCOUNT, token=token)
    assert reply.status == 401
    profile = (await http("GET", f"{CLIENT}/auth/profile", token=token)).json
    assert len(profile["identities"]) == 1


async def test_users_deleted_while_they_log_in_or_link(server: Server) -> None:
    users = server.users
    with pytest.raises(Gone):
        await users.open_session("nobody", "device", 2)
    with pytest.raises(Gone):
        await users.user_of_identity("app", "local-userpass", "nobody", {})
    await users.change(lambda file: file.accounts.add("app", EMAIL, b"stored"))
    with pytest.raises(Gone):
        await users.link_identity("app", "local-userpass", EMAIL, {}, "nobody")
    user = await users.user_of_identity("app", "local-userpass", EMAIL, {"email": EMAIL})
    assert (user.identities[0].email, user.data) == (EMAIL, {"email": EMAIL})


async def test_who_is_told_when_the_one_who_asked_has_gone(
    http: SdkHttp, server: Server, open_websocket: Open
) -> None:
    guest = await http.anonymous()
    websocket = await open_websocket(guest["access_token"])
    request = asyncio.ensure_future(server.users.delete_user(guest["user_id"]))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await close_code(websocket) == LOGGED_OUT


async def test_a_file_that_cannot_be_read_for_a_while(
    http: SdkHttp,
    server: Server,
    open_websocket: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ada = await registered(http)
    websocket = await open_websocket(ada["access_token"])
    failures = iter(range(3))
    read = server.users._reader.log_ins.ended_among

    def fail_at_first(log_ins: Any) -> dict[str, LogInEnd]:
        if next(failures, None) is not None:
            raise sqlite3.OperationalError("disk I/O error")
        return read(log_ins)

    monkeypatch.setattr(server.users._reader.log_ins, "ended_among", fail_at_first)
    await command(server, "disable", EMAIL)
    assert await close_code(websocket) == FORBIDDEN
    assert caplog.text.count("cannot see who was disabled or deleted: disk I/O error") == 1


def test_a_transaction_that_cannot_be_committed(tmp_path: Path) -> None:
    """It leaves nothing open in which the next one would fail."""
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        with pytest.raises(sqlite3.IntegrityError), file.database.transaction():
            file.database.execute("PRAGMA defer_foreign_keys = ON")
            file.users.link("app", "custom-token", "somebody", {}, "nobody")
        assert file.users.create_anonymous("app").identities


def test_no_statement_of_a_request_reads_a_whole_table(tmp_path: Path) -> None:
    """With a million users each check of a token would take as long as a page of them."""
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        file.accounts.add("app", EMAIL, b"stored")
        seen: list[str] = []
        file.database._connection.set_trace_callback(seen.append)
        user = file.accounts.user("app", EMAIL)
        session_id, _ = file.log_ins.open(user.id, "device", 2)
        file.users.of_log_in(session_id)
        file.log_ins.note_use([session_id])
        file.log_ins.ended_among([session_id])
        file.accounts.renew_password("app", EMAIL, b"stored", b"anew")
        file.users.link("app", "local-userpass", EMAIL, {"email": EMAIL}, user.id)
        file.log_ins.close(session_id)
        key = file.api_keys.add("app", user.id, "key", b"hash", 2)
        file.api_keys.of_user(user.id)
        assert file.api_keys.known("app", b"hash") == key
        file.log_ins.open(user.id, "device", 2, key.id)
        file.api_keys.set_disabled(user.id, key.id, True)
        file.api_keys.delete(user.id, key.id)
        token = MailToken("id", "app", EMAIL, "reset", b"hash", 2)
        file.mail_tokens.add(token)
        assert file.mail_tokens.use("app", "reset", "id", b"hash", 1) == token
        file.accounts.confirm("app", EMAIL)
        file.accounts.delete_unconfirmed("app", "nobody")
        file.users.delete(user.id)
        file.database._connection.set_trace_callback(None)
        statements = [s for s in seen if s.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
        assert len(statements) > 15
        for statement in statements:
            plan = file.database.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            steps = [row[3] for row in plan]
            scans = [s for s in steps if s.startswith("SCAN") and "json_each" not in s]
            assert [s for s in scans if "SUBQUERY" not in s] == [], statement
            assert not any("AUTOMATIC" in step for step in steps), statement
