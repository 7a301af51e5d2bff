"""Whose a websocket is: tokens, log-outs and log-ins again, users who are no more."""

from __future__ import annotations

import struct
from typing import Any

import jwt
import pytest

from engine_double import EngineDouble
from port_client import (
    exchange,
    log_in,
    log_in_with_password,
    sync_path,
    upgrade,
)
from realmsync.server.process import Server

pytestmark = pytest.mark.both_loops


def forged(token: str, **claims: Any) -> str:
    decoded = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**decoded, **claims}, bytes(32), algorithm="HS256")


@pytest.mark.parametrize("kind", ["missing", "garbage", "forged", "unsigned", "refresh", "ended"])
async def test_bad_token_is_told_by_close_code(
    server: Server, open_raw: Any, engine: EngineDouble, kind: str
) -> None:
    login = await log_in(server)
    token = login["access_token"]
    if kind == "missing":
        token = ""
    elif kind == "garbage":
        token = "abc"
    elif kind == "forged":
        token = forged(token)
    elif kind == "unsigned":
        claims = jwt.decode(token, options={"verify_signature": False})
        token = jwt.encode(claims, None, algorithm="none")
    elif kind == "refresh":
        token = login["refresh_token"]
    else:
        await server.users.delete_user(login["user_id"])
    client = await open_raw(upgrade(sync_path(token)))
    assert await client.read_frame() == (8, struct.pack("!H", 4001))
    assert await client.at_end(), "the server must not wait for an answer to its close frame"
    assert engine.calls == []


async def test_disabled_user(server: Server, open_raw: Any) -> None:
    login = await log_in(server)
    await server.users.set_disabled(login["user_id"], True)
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    assert await client.read_frame() == (8, struct.pack("!H", 4002))
    assert await client.at_end()


async def test_too_many_websockets_of_one_user(
    server: Server, token: str, open_raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await open_raw(upgrade(sync_path(token)))
    assert "websockets" not in caplog.text
    reply = await exchange(server, upgrade(sync_path(token)))
    assert reply.startswith(b"HTTP/1.1 503 ")
    assert "has 3 websockets, as many as one user may" in caplog.text
    other = (await log_in(server))["access_token"]
    await open_raw(upgrade(sync_path(other)))


async def delete(server: Server, path: str, token: str) -> None:
    request = (
        f"DELETE /api/client/v2.0/auth/{path} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    assert (await exchange(server, request.encode())).startswith(b"HTTP/1.1 204 ")


async def test_log_out_revokes_the_websocket(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    """And leaves it open: the engine decides what the client may do on it (issue of real SDKs)."""
    login, other = await log_in(server), await log_in(server)
    await open_raw(upgrade(sync_path(other["access_token"])))
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    await delete(server, "session", login["refresh_token"])
    assert engine.calls[-1] == ("revoke", 2)
    assert ("revoke", 1) not in engine.calls
    engine.send(2, b"still open")
    assert await client.read_frame() == (2, b"still open")
    refused = await open_raw(upgrade(sync_path(login["access_token"])))
    assert await refused.read_frame() == (8, struct.pack("!H", 4001))


async def test_the_next_log_in_takes_the_revoked_websocket_over(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    kim = await log_in_with_password(server, "kim@example.org")
    elsewhere = await log_in_with_password(server, "kim@example.org")
    await open_raw(upgrade(sync_path(kim["access_token"])))
    await open_raw(upgrade(sync_path(elsewhere["access_token"])))
    await delete(server, "session", kim["refresh_token"])
    await log_in_with_password(server, "lou@example.org")
    assert ("take_over", 1) not in engine.calls, "another user's log-in is none"
    again = await log_in_with_password(server, "kim@example.org")
    assert [call for call in engine.calls if call[0] == "take_over"] == [("take_over", 1)]
    await delete(server, "session", again["refresh_token"])
    assert engine.calls[-1] == ("revoke", 1), "it belongs to the new log-in now"


async def test_a_log_in_from_another_address_takes_nothing_over(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    kim = await log_in_with_password(server, "kim@example.org")
    await open_raw(upgrade(sync_path(kim["access_token"])))
    await delete(server, "session", kim["refresh_token"])
    await log_in_with_password(server, "kim@example.org", source="127.0.0.2")
    assert ("take_over", 1) not in engine.calls


async def test_deletion_of_a_user_closes_the_websocket(server: Server, open_raw: Any) -> None:
    login = await log_in(server)
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    await delete(server, "delete", login["access_token"])
    assert await client.read_frame() == (8, struct.pack("!H", 4001))


async def test_token_is_never_logged(
    server: Server, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(0):
        await exchange(server, upgrade(sync_path(token)))
        await exchange(server, upgrade(sync_path(token), Connection="close"))
        await exchange(server, upgrade(sync_path(token, "nowhere")))
        await exchange(server, f"GET {sync_path(token)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert token not in caplog.text
    assert token.split(".")[2] not in caplog.text
