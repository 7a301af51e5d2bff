"""Clients that come with the refresh token of the service that their app has left.

Specification: app-configuration.md 12.3, app-services-http.md 10 and 16.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from configured_app import ConfiguredApp
from engine_double import EngineDouble
from realmsync.apps.model import (
    App,
    Class,
    ClassKind,
    PartitionConfiguration,
    Property,
    Role,
    SyncConfiguration,
    SyncMode,
)
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.old_tokens import OldTokens
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import CLIENT, Reply, SdkHttp

ANONYMOUS, ADA = "65a000000000000000000c03", "65a000000000000000000a01"
USERS = f"""
{{"_id": "{ANONYMOUS}", "identities": [{{"id": "65a0000000000000000000c0",
  "provider_type": "anon-user"}}]}}
{{"_id": "{ADA}", "email": "ada@harbour.example"}}
"""


def old_token(user: str = ADA, device: str | None = "d1", **claims: Any) -> str:
    named = {} if device is None else {"baas_device_id": device}
    return jwt.encode({"sub": user, "exp": 1, "iat": 1, **named, **claims}, "x" * 32)


@asynccontextmanager
async def serving(data: Path, **settings: Any) -> AsyncIterator[tuple[SdkHttp, Server]]:
    """A server with two users of another one."""
    config = ServerConfig(data=data, host="127.0.0.1", port=0, old_tokens=OldTokens(**settings))
    async with Server(config, runtime=EngineDouble()) as server:
        with administration(data) as admin:
            admin.data("app").import_users(USERS)
        yield SdkHttp(server.url), server


async def refresh(http: SdkHttp, token: str) -> Reply:
    return await http("POST", f"{CLIENT}/auth/session", token=token)


ADOPTING: dict[str, Any] = {"others": "adopt", "anonymous": "adopt", "adopt_until": 4e9}


async def test_without_settings(tmp_path: Path) -> None:
    """A client whose anonymous user hears 401 deletes that user's files."""
    async with serving(tmp_path) as (http, _):
        held = await refresh(http, old_token(ANONYMOUS))
        assert (held.status, held.json["error_code"]) == (503, "MaintenanceInProgress")
        refused = await refresh(http, old_token())
        assert (refused.status, refused.json["error_code"]) == (401, "InvalidSession")
        unknown = await refresh(http, old_token("65a0000000000000000000ff"))
        assert unknown.status == 401


@pytest.mark.parametrize(("policy", "status"), [("hold", 503), ("refuse", 401), ("adopt", 201)])
async def test_policies(tmp_path: Path, policy: str, status: int) -> None:
    settings = {"anonymous": policy, "others": policy, "adopt_until": 4e9}
    async with serving(tmp_path, **settings) as (http, _):
        assert (await refresh(http, old_token(ANONYMOUS))).status == status
        assert (await refresh(http, old_token())).status == status


@pytest.mark.parametrize(("policy", "status"), [("hold", 503), ("adopt", 201)])
async def test_who_is_known_by_id_alone_may_be_anonymous(
    tmp_path: Path, policy: str, status: int
) -> None:
    async with serving(tmp_path, anonymous=policy, adopt_until=4e9) as (http, server):
        user = "65a0000000000000000000ee"
        with administration(server.config.data) as admin:
            dump = f'{{"owner": "{user}"}}'
            assert admin.data("app").import_ids(dump, "owner") == (1, 0)
        assert (await refresh(http, old_token(user))).status == status


async def test_users_of_this_server_are_no_old_ones(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, _):
        own = await http.anonymous()
        assert (await refresh(http, old_token(own["user_id"]))).status == 401
        assert (await refresh(http, own["refresh_token"])).status == 201


async def test_access_tokens_are_never_adopted(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, _):
        reply = await http("GET", f"{CLIENT}/auth/profile", token=old_token())
        assert reply.status == 401
        reply = await http("DELETE", f"{CLIENT}/auth/delete", token=old_token())
        assert reply.status == 401
        assert (await refresh(http, old_token())).status == 201, "nothing was used up"


async def test_an_adopted_token_stays_the_key_of_its_device(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, _):
        first = await refresh(http, old_token())
        profile = await http("GET", f"{CLIENT}/auth/profile", token=first.json["access_token"])
        assert profile.json["user_id"] == ADA
        assert f"old token of user {ADA}: adopted, device d1" in caplog.text
        assert (await refresh(http, old_token())).status == 201
        assert (await refresh(http, old_token(iat=2))).status == 401, "another of that device"
    async with Server(
        ServerConfig(data=tmp_path, host="127.0.0.1", port=0), runtime=EngineDouble()
    ) as server:
        http = SdkHttp(server.url)
        assert (await refresh(http, old_token())).status == 201, "after adopting has ended"


async def test_devices_are_limited(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING, devices_per_user=2) as (http, _):
        statuses = [(await refresh(http, old_token(device=f"d{n}"))).status for n in range(4)]
        assert statuses == [201, 201, 401, 401]
        anonymous = [
            (await refresh(http, old_token(ANONYMOUS, None, iat=n))).status for n in range(4)
        ]
        assert anonymous == [201, 201, 503, 503]


async def test_a_log_out_ends_an_adopted_token(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, _):
        assert (await refresh(http, old_token())).status == 201
        out = await http("DELETE", f"{CLIENT}/auth/session", token=old_token())
        assert out.status == 204
        assert (await refresh(http, old_token())).status == 401, "used, and not adopted again"


async def test_disabled_users(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, server):
        await server.users.set_disabled(ADA, True)
        reply = await refresh(http, old_token())
        assert (reply.status, reply.json["error_code"]) == (401, "UserDisabled")


async def test_adopting_has_an_end(tmp_path: Path) -> None:
    settings = {**ADOPTING, "adopt_until": time.time() - 1}
    async with serving(tmp_path, **settings) as (http, _):
        assert (await refresh(http, old_token())).status == 401
        assert (await refresh(http, old_token(ANONYMOUS))).status == 503


BOAT = Class("Boat", ClassKind.TOP, (Property("_id", "objectId", False),), "_id", "h", "Boat")


def flexible(role: Role) -> App:
    sync = SyncConfiguration(SyncMode.FLEXIBLE)
    return App("app", "app", sync, classes={"Boat": BOAT}, default_roles=(role,))


def partitioned(write: Any) -> App:
    partition = PartitionConfiguration("owner", "string", read=True, write=write)
    return App("app", "app", SyncConfiguration(SyncMode.PARTITION, partition=partition))


IS_ADA = {"%%user.data.email": "ada@harbour.example"}


@pytest.mark.parametrize(
    ("model", "is_privileged"),
    [
        (flexible(Role("all", {}, True, True, True, True)), False),
        (flexible(Role("some", IS_ADA, True, {"owner": "%%user.id"}, True, True)), False),
        (flexible(Role("some", IS_ADA, True, True, True, False)), False),
        (flexible(Role("admin", IS_ADA, True, True, True, True)), True),
        (partitioned(True), False),
        (partitioned({"%%partition": "%%user.id"}), False),
        (partitioned(IS_ADA), True),
    ],
)
async def test_users_with_privileges(tmp_path: Path, model: App, is_privileged: bool) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, server):
        (running,) = server.apps
        ConfiguredApp(running)
        running.model, running.is_open = model, False
        assert (await refresh(http, old_token())).status == (401 if is_privileged else 201)
    (tmp_path / "confirmed").mkdir()
    async with serving(tmp_path / "confirmed", **ADOPTING, adopt_privileged=True) as (http, server):
        (running,) = server.apps
        running.model, running.is_open = model, False
        assert (await refresh(http, old_token())).status == 201


async def test_floods_of_forged_tokens(tmp_path: Path) -> None:
    async with serving(tmp_path, **ADOPTING) as (http, server):
        for number in range(30):
            await refresh(http, old_token(device=f"d{number}"))
        log_ins = await server.users.read(lambda file: file.log_ins.of_user(ADA))
        assert len(log_ins) == 3
