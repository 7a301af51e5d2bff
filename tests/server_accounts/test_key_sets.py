"""Published keys: which of a set count, when they are read again, and what places may not do.

Specification: app-configuration.md 8.2.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from key_pairs import KeyPair, key_pair, key_set
from realmsync.server.accounts import key_sets
from realmsync.server.accounts.key_sets import (
    FixedKeys,
    KeySet,
    KeySets,
    KeysUnavailable,
    parse_key_set,
    read_place,
)

ONE, TWO = key_pair("one"), key_pair("two")
BOTH = key_set(ONE.published("1"), TWO.published("2"))


class Issuer:
    """A place with keys, and a clock."""

    def __init__(self, content: bytes | Exception = BOTH) -> None:
        self.content = content
        self.reads = 0
        self.now = 1000.0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.keys = KeySet("https://issuer.example/keys", self.read, lambda: self.now)

    async def read(self, place: str) -> bytes:
        assert place == "https://issuer.example/keys"
        self.reads += 1
        await self.is_open.wait()
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    async def count(self, kid: str | None) -> int:
        return len(await self.keys.find(kid))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        [],
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "k": "a" * 43},
        ONE.published("1", use="enc"),
        ONE.published("1", alg="RS512"),
        KeyPair(1024).published("1"),
        {**ONE.published("1"), "n": 5},
        {**ONE.published("1"), "n": "!!"},
        {**ONE.published("1"), "n": "A" * 100_000},
        {**ONE.published("1"), "e": "A" * 100},
        {**ONE.published("1"), "e": "AA"},
        {"kty": "RSA", "n": ONE.published()["n"]},
    ],
)
def test_entries_that_are_no_keys_of_ours(entry: Any) -> None:
    assert list(parse_key_set(key_set(entry, TWO.published("2")))) == ["2"]
    with pytest.raises(ValueError, match="no key"):
        parse_key_set(key_set(entry))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b"5", b'{"keys": {}}', b"[" * 100_000, b"\xff", b'{"keys": [' * 9000],
)
def test_texts_that_are_no_sets(text: bytes) -> None:
    with pytest.raises(ValueError, match="it is no"):
        parse_key_set(text)


def test_a_private_key_in_a_set_is_not_used() -> None:
    (key,) = parse_key_set(key_set(ONE.published("1", d="AQAB", p="AQ", q="AQ")))["1"]
    assert not hasattr(key, "private_numbers")


async def test_keys_are_chosen_by_name_and_kept() -> None:
    issuer = Issuer()
    (first,) = await issuer.keys.find("1")
    assert await issuer.keys.find("1") == [first] != await issuer.keys.find("2")
    assert await issuer.count(None) == 2
    assert issuer.reads == 1


async def test_an_issuer_that_names_no_key() -> None:
    issuer = Issuer(key_set(ONE.published()))
    assert (await issuer.count(None), await issuer.count("any")) == (1, 1)


async def test_an_unknown_name_is_looked_up_once_a_minute() -> None:
    issuer = Issuer(key_set(ONE.published("1")))
    for number in range(1000):
        assert await issuer.count(f"forged {number}") == 0
    assert issuer.reads == 1
    issuer.content = BOTH
    issuer.now += 59
    assert await issuer.count("2") == 0
    issuer.now += 1
    assert await issuer.count("2") == 1
    assert issuer.reads == 2


async def test_who_comes_meanwhile_waits_for_the_same() -> None:
    issuer = Issuer()
    issuer.is_open.clear()
    waiting = [asyncio.ensure_future(issuer.count("1")) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    issuer.is_open.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 49
    assert issuer.reads == 1


@pytest.mark.parametrize("failure", [OSError("gone"), b"<html>"])
async def test_a_place_that_fails(
    failure: OSError | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(failure)
    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            await issuer.keys.find("1")
    assert issuer.reads == 1
    assert "cannot read the keys at https://issuer.example/keys" in caplog.text
    issuer.content = BOTH
    issuer.now += 60
    assert await issuer.count("1") == 1


async def test_old_keys_are_read_again_and_good_until_then() -> None:
    issuer = Issuer()
    assert await issuer.count("1") == 1
    issuer.content = OSError("gone")
    issuer.now += 3600
    assert await issuer.count("1") == 1
    assert issuer.reads == 2
    assert await issuer.count("1") == 1
    assert issuer.reads == 2, "a place that is gone delays a log-in each minute, and not each"
    issuer.content = key_set(TWO.published("2"))
    issuer.now += 60
    assert await issuer.count("1") == 0, "a key that was withdrawn"


async def test_a_set_is_shared() -> None:
    sets = KeySets()
    assert sets.at("https://a.example") is sets.at("https://a.example")
    assert sets.at("https://a.example") is not sets.at("https://b.example")


async def test_keys_of_a_configuration() -> None:
    assert await FixedKeys(["k" * 32]).find("any") == ["k" * 32]


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async def keys(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/keys":
                return web.Response(body=BOTH)
            case "/redirected":
                raise web.HTTPFound("/keys")
            case "/to-a-file":
                return web.Response(status=302, headers={"Location": "file:///etc/passwd"})
            case "/huge":
                return web.Response(body=b" " * ((256 << 10) + 1))
            case "/slow":
                await asyncio.sleep(3600)
        raise web.HTTPNotFound

    application = web.Application()
    application.router.add_get("/{any}", keys)
    async with TestServer(application) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_a_set_at_an_address(address: str) -> None:
    assert set(parse_key_set(await read_place(f"{address}/keys"))) == {"1", "2"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/redirected", "status 302"),
        ("/to-a-file", "status 302"),
        ("/gone", "status 404"),
        ("/huge", "more than 262144 bytes"),
        ("/slow", "no answer"),
    ],
)
async def test_addresses_that_fail(
    address: str, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_TIMEOUT", 5.0 if path != "/slow" else 0.05)
    with pytest.raises(OSError, match=reason):
        await read_place(address + path)


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/", "http://", "https://[", "http://a b/"])
async def test_addresses_that_are_none(place: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await read_place(place)


async def test_a_set_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "our keys.json"
    path.write_bytes(BOTH)
    assert await read_place(str(path)) == BOTH == await read_place(path.as_uri())
    os.truncate(path, (256 << 10) + 1)
    with pytest.raises(OSError, match="more than"):
        await read_place(str(path))


async def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        with pytest.raises(OSError, match=r"no file|No such file"):
            await read_place(str(path))
