"""Servers that let users log in in one way only, or whose accounts the operator makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT, LOGIN, SdkHttp

USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
ANONYMOUS = f"{APP_PATH}/auth/providers/anon-user/login"
ACCOUNT = {"email": "ada@example.org", "password": "correct horse"}
LOG_IN = {"username": "ada@example.org", "password": "correct horse"}


@asynccontextmanager
async def serving(data: Path, **settings: Any) -> AsyncIterator[SdkHttp]:
    config = ServerConfig(data=data, host="127.0.0.1", port=0, **settings)
    async with Server(config, runtime=EngineDouble()) as server:
        yield SdkHttp(server.url)


def not_found(provider: str) -> dict[str, str]:
    return {
        "error": f"authentication provider not found: '{provider}'",
        "error_code": "AuthProviderNotFound",
    }


async def test_without_anonymous_users(tmp_path: Path) -> None:
    async with serving(tmp_path) as http:
        before = await http.anonymous()
    async with serving(tmp_path, providers=frozenset({"local-userpass"})) as http:
        reply = await http("POST", ANONYMOUS, LOGIN)
        assert (reply.status, reply.json) == (404, not_found("anon-user"))
        assert (await http("POST", f"{USERPASS}/register", ACCOUNT)).status == 201
        assert (await http("POST", f"{USERPASS}/login", LOG_IN)).status == 200
        refreshed = await http("POST", f"{CLIENT}/auth/session", token=before["refresh_token"])
        assert refreshed.status == 201, "who has logged in stays so"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("register", ACCOUNT),
        ("login", LOG_IN),
        ("confirm", {"token": "a", "tokenId": "b"}),
        ("reset", {"token": "a", "tokenId": "b", "password": "new horse"}),
        ("confirm/send", ACCOUNT),
        ("confirm/call", ACCOUNT),
        ("reset/send", ACCOUNT),
        ("reset/call", {**ACCOUNT, "arguments": []}),
    ],
)
async def test_without_accounts(tmp_path: Path, call: str, body: Any) -> None:
    async with serving(tmp_path) as http:
        assert (await http("POST", f"{USERPASS}/register", ACCOUNT)).status == 201
    async with serving(tmp_path, providers=frozenset({"anon-user"})) as http:
        reply = await http("POST", f"{USERPASS}/{call}", body)
        assert (reply.status, reply.json) == (404, not_found("local-userpass"))
        guest = await http.anonymous()
        linked = await http(
            "POST", f"{USERPASS}/login?link=true", LOG_IN, token=guest["access_token"]
        )
        assert (linked.status, linked.json) == (404, not_found("local-userpass"))


async def test_without_registration(tmp_path: Path) -> None:
    async with serving(tmp_path) as http:
        assert (await http("POST", f"{USERPASS}/register", ACCOUNT)).status == 201
    async with serving(tmp_path, registration=False) as http:
        for email in ("ada@example.org", "new@example.org"):
            reply = await http("POST", f"{USERPASS}/register", {**ACCOUNT, "email": email})
            assert reply.status == 400
            assert reply.json == {
                "error": f'failed to confirm user "{email}": registration is closed',
                "error_code": "BadRequest",
            }
        assert (await http("POST", f"{USERPASS}/login", LOG_IN)).status == 200
        new = {**LOG_IN, "username": "new@example.org"}
        assert (await http("POST", f"{USERPASS}/login", new)).status == 401


@pytest.mark.parametrize(
    ("providers", "told"),
    [
        ({"custom-token"}, "not custom-token"),
        ({"anon-user", "anonymous"}, "not anon-user, anonymous"),
        (set(), "not none"),
    ],
)
def test_providers_that_are_none(tmp_path: Path, providers: set[str], told: str) -> None:
    with pytest.raises(ValueError, match=f"providers are some of anon-user, .*, {told}"):
        ServerConfig(data=tmp_path, providers=frozenset(providers))
