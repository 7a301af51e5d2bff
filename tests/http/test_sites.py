"""Which host names and web sites a server answers to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from realmsync.server.config import ServerConfig
from realmsync.server.http.replies import HttpError
from realmsync.server.http.sites import Sites
from realmsync.server.process import Server
from sdk_http import APP_PATH, SdkHttp


def sites(**settings: Any) -> Sites:
    return Sites(ServerConfig(data=Path("unused"), **settings))


def is_refused(sites: Sites, host: str, origin: str | None = None) -> bool:
    try:
        sites.check(host, origin)
    except HttpError as error:
        assert error.status == 403
        return True
    return False


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:9090",
        "127.0.0.1:9090",
        "[::1]:9090",
        "192.168.1.17:9090",
        "server",  # of a container
        "mac.local:9090",
        "app.localhost",
        "sync.example.org",
        "sync.example.org.",
        "Sync.Example.org:443",
        "",  # HTTP/1.0, as health checks speak it
    ],
)
def test_names_of_this_server(host: str) -> None:
    assert not is_refused(sites(public_url="https://sync.example.org"), host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9090",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "sync.example.org.evil.example",
        "evil.example@localhost",
        "a, b",
        "\udcff",
        "[::1",
        ":",
    ],
)
def test_names_of_others(host: str) -> None:
    mine = sites(public_url="https://sync.example.org")
    assert is_refused(mine, host) == (host != "[::1")  # which means the address all the same


def test_allowed_hosts() -> None:
    mine = sites(allowed_hosts=frozenset({"sync.example.org", ".example.net"}))
    assert not is_refused(mine, "sync.example.org")
    assert not is_refused(mine, "a.example.net")
    assert is_refused(mine, "example.org")
    assert not is_refused(sites(allowed_hosts=frozenset({"*"})), "evil.example", "null")
    assert not is_refused(sites(host="sync.example.org"), "sync.example.org")


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("http://localhost:9090", False),
        ("http://localhost:3000", False),
        ("https://sync.example.org", False),
        ("https://evil.example", True),
        ("http://localhost.evil.example", True),
        ("http://127.0.0.1:9090", True),
        ("null", True),
        ("", True),
        ("http://[", True),
        ("file://", True),
    ],
)
def test_origins(origin: str, refused: bool) -> None:
    mine = sites(public_url="https://sync.example.org")
    assert is_refused(mine, "localhost:9090", origin) == refused


async def test_requests_and_upgrades_are_refused(http: SdkHttp, server: Server) -> None:
    path = f"{APP_PATH}/location"
    assert (await http("GET", path, headers={"Host": "evil.example"})).status == 403
    assert (await http("GET", path, headers={"Origin": "https://evil.example"})).status == 403
    assert (await http("GET", path, headers={"Origin": server.url})).status == 200
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
        "Sec-WebSocket-Protocol": "com.mongodb.realm-sync#14",
    }
    for header in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        reply = await http("GET", f"{APP_PATH}/realm-sync", headers=upgrade | header)
        assert reply.status == 403


async def test_status_is_for_operators(tmp_path: Path) -> None:
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0, status_token="s3cret")
    async with Server(config, runtime=EngineDouble()) as server:
        http = SdkHttp(server.url)
        assert (await http("GET", "/status")).status == 200
        # Through a proxy on this machine: it names its client, or passes on what that asked for.
        for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Host": "192.168.1.17"}):
            assert (await http("GET", "/status", headers=headers)).status == 403
            assert (await http("GET", "/health", headers=headers)).status == 200
            reply = await http("GET", "/status", token="s3cret", headers=headers)
            assert reply.status == 200
            assert reply.json["descriptors"]["used"] < reply.json["descriptors"]["limit"]
        for token in ("S3cret", "", "ÿ"):
            assert (await http("GET", "/status", token=token)).status == 403


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_status_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="status token"):
        ServerConfig(data=Path("unused"), status_token=token)


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.0/33", ""])
def test_proxies_are_addresses(proxy: str) -> None:
    with pytest.raises(ValueError, match="trusted proxy"):
        ServerConfig(data=Path("unused"), trusted_proxies=frozenset({proxy}))
