"""Whatever strangers send, they are refused in the API's form, and nothing is logged as a fault."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT

USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
ROUTES = [
    ("POST", f"{USERPASS}/register"),
    ("POST", f"{USERPASS}/login"),
    ("POST", f"{USERPASS}/confirm"),
    ("POST", f"{USERPASS}/confirm/send"),
    ("POST", f"{USERPASS}/confirm/call"),
    ("POST", f"{USERPASS}/reset"),
    ("POST", f"{USERPASS}/reset/send"),
    ("POST", f"{USERPASS}/reset/call"),
    ("POST", f"{USERPASS}/login?link=true"),
    ("POST", f"{APP_PATH}/auth/providers/anon-user/login"),
    ("POST", f"{APP_PATH}/auth/providers/custom-token/login"),
    ("GET", f"{APP_PATH}/location"),
    ("GET", f"{CLIENT}/auth/profile"),
    ("POST", f"{CLIENT}/auth/session"),
    ("DELETE", f"{CLIENT}/auth/session"),
    ("DELETE", f"{CLIENT}/auth/delete"),
]
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["email", "username", "password", "token", "tokenId", "key", "options"])
BODIES = st.dictionaries(NAMES, VALUES, max_size=5) | VALUES


async def send(server: Server, method: str, path: str, body: bytes, **headers: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, server.url + path, data=body, headers=headers) as response,
    ):
        return response.status, await response.text()


def assert_refused(answer: tuple[int, str]) -> None:
    status, text = answer
    assert 400 <= status < 500, answer
    assert isinstance(json.loads(text)["error"], str)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(route=st.sampled_from(ROUTES), body=BODIES)
def test_any_json_is_answered(
    looped_server: tuple[Server, asyncio.AbstractEventLoop],
    caplog: Any,
    route: tuple[str, str],
    body: Any,
) -> None:
    server, loop = looped_server
    status, text = loop.run_until_complete(send(server, *route, json.dumps(body).encode()))
    assert status < 500, (status, text)
    assert status < 400 or isinstance(json.loads(text)["error"], str)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


@pytest.mark.parametrize("route", ROUTES[:2], ids=lambda route: route[1].rpartition("/")[2])
@pytest.mark.parametrize(
    "body",
    [
        rb'{"email": "\ud800@b.c", "username": "\ud800@b.c", "password": "secret12"}',
        rb'{"email": "a@b.c", "username": "a@b.c", "password": "secret12\udfff"}',
        b"[" * 9000,
        b'{"email":' * 900 + b"1" + b"}" * 900,
        b'{"email": ' + b"9" * 9000 + b"}",
        b"\xff\xfe{",
        b"\x00",
    ],
    ids=["name", "password", "deep", "nested", "digits", "bytes", "nul"],
)
async def test_bodies_that_are_no_text(
    server: Server, caplog: Any, route: tuple[str, str], body: bytes
) -> None:
    assert_refused(await send(server, *route, body))
    assert not caplog.records


@pytest.mark.parametrize(
    "token",
    [
        b"\xff.\xff.\xff",
        base64.urlsafe_b64encode(b"[" * 5000) + b".e30.e30",
        base64.urlsafe_b64encode(b'{"alg": []}') + b".e30.e30",
    ],
    ids=["bytes", "deep", "algorithm"],
)
async def test_tokens_that_are_none(server: Server, caplog: Any, token: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET {CLIENT}/auth/profile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".encode()
        + b"Authorization: Bearer "
        + token
        + b"\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    assert int(answer.split()[1]) in (400, 401)
    assert not caplog.records


async def test_wrong_encoding_of_a_body(server: Server) -> None:
    assert_refused(await send(server, *ROUTES[0], b"not gzip", **{"Content-Encoding": "gzip"}))


async def test_a_client_that_goes_away_during_log_in(server: Server, caplog: Any) -> None:
    body = json.dumps({"username": "a@b.c", "password": "secret12"}).encode()
    for sent in (body[:5], body):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {USERPASS}/login HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort()
    # An answer to somebody else says that the server has seen those off.
    assert_refused(await send(server, *ROUTES[1], body))
    assert not caplog.records
