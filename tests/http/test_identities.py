"""Users with several identities: linked, refused, raced for; one profile of them all."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from configured import configure
from functions_double import FunctionsDouble
from realmsync.apps.model import Provider
from realmsync.server.process import Server
from sdk_http import APP_ID, APP_PATH, CLIENT, Reply, SdkHttp

TAKEN = {
    "error": "a user already exists with the specified provider",
    "error_code": "AccountNameInUse",
}


@pytest.fixture(autouse=True)
def badges(server: Server) -> None:
    """Who has a badge is the one that is on it, and called as he says."""
    functions = FunctionsDouble(
        badge=lambda body: {"id": body["badge"], "name": body.get("called")}
    )
    app = configure(server, APP_ID, functions, autoConfirm=True)
    by_function = Provider("custom-function", config={"authFunctionName": "badge"})
    app.model = replace(
        app.model, providers={**app.model.providers, "custom-function": by_function}
    )


async def log_in(http: SdkHttp, provider: str, token: str | None = None, **body: Any) -> Reply:
    path = f"{APP_PATH}/auth/providers/{provider}/login{'?link=true' if token else ''}"
    return await http("POST", path, {"provider": provider, **body}, token=token)


async def register(http: SdkHttp, email: str) -> None:
    path = f"{APP_PATH}/auth/providers/local-userpass/register"
    body = {"email": email, "password": "correct horse"}
    assert (await http("POST", path, body)).status == 201


async def profile(http: SdkHttp, token: str) -> Any:
    return (await http("GET", f"{CLIENT}/auth/profile", token=token)).json


async def by_badge(http: SdkHttp, badge: str, token: str | None = None, **body: Any) -> Reply:
    path = f"{APP_PATH}/auth/providers/custom-function/login{'?link=true' if token else ''}"
    return await http("POST", path, {"badge": badge, **body}, token=token)


async def test_one_user_by_many_ways(http: SdkHttp) -> None:
    guest = await http.anonymous()
    await register(http, "ada@example.org")
    password = {"username": "ada@example.org", "password": "correct horse"}
    linked = await log_in(http, "local-userpass", guest["access_token"], **password)
    assert linked.status == 200
    linked = await by_badge(http, "0815", linked.json["access_token"], called="Ada")
    told = await profile(http, linked.json["access_token"])
    kinds = [identity["provider_type"] for identity in told["identities"]]
    assert kinds == ["anon-user", "local-userpass", "custom-function"]
    assert len({identity["id"] for identity in told["identities"]}) == 3
    assert told["data"] == {"email": "ada@example.org", "name": "Ada"}
    for again in (
        await log_in(http, "local-userpass", **password),
        await by_badge(http, "0815", called="Lady Ada"),
    ):
        assert again.json["user_id"] == guest["user_id"] == told["user_id"]
    refreshed = await profile(http, linked.json["access_token"])
    assert refreshed["data"] == {"email": "ada@example.org", "name": "Lady Ada"}
    assert refreshed["identities"] == told["identities"]
    same = await by_badge(http, "0815", linked.json["access_token"], called="Ada")
    assert same.status == 200, "it is his already"
    assert len((await profile(http, same.json["access_token"]))["identities"]) == 3


async def test_identities_of_others(http: SdkHttp) -> None:
    ada, bob = (await by_badge(http, "a")).json, (await by_badge(http, "b")).json
    taken = await by_badge(http, "a", bob["access_token"])
    assert (taken.status, taken.json) == (409, TAKEN)
    assert (await by_badge(http, "a")).json["user_id"] == ada["user_id"]
    assert len((await profile(http, bob["access_token"]))["identities"]) == 1


async def test_who_cannot_link(http: SdkHttp, server: Server) -> None:
    ada = (await by_badge(http, "a")).json
    for token in ("x", ada["refresh_token"]):
        assert (await by_badge(http, "b", token)).status == 401
    anonymous = await log_in(http, "anon-user", ada["access_token"])
    assert (anonymous.status, anonymous.json["error_code"]) == (404, "AuthProviderNotFound")
    await server.users.set_disabled(ada["user_id"], True)
    assert (await by_badge(http, "b", ada["access_token"])).status == 401
    assert (await by_badge(http, "a")).json["error_code"] == "UserDisabled"


async def test_first_log_ins_at_the_same_time_are_one_user(http: SdkHttp) -> None:
    replies = await asyncio.gather(*(by_badge(http, "a") for _ in range(8)))
    assert len({reply.json["user_id"] for reply in replies}) == 1


async def test_users_that_want_the_same_identity(http: SdkHttp) -> None:
    guests = [await http.anonymous() for _ in range(6)]
    replies = await asyncio.gather(
        *(by_badge(http, "a", guest["access_token"]) for guest in guests)
    )
    assert sorted(reply.status for reply in replies) == [200] + 5 * [409]
    winner = [reply.status for reply in replies].index(200)
    assert (await by_badge(http, "a")).json["user_id"] == guests[winner]["user_id"]


async def test_deletion_forgets_all_identities(http: SdkHttp, server: Server) -> None:
    ada = (await by_badge(http, "a", called="Ada")).json
    await register(http, "ada@example.org")
    password = {"username": "ada@example.org", "password": "correct horse"}
    assert (await log_in(http, "local-userpass", ada["access_token"], **password)).status == 200
    path = f"{CLIENT}/auth/delete"
    assert (await http("DELETE", path, token=ada["access_token"])).status == 204
    assert (await http("DELETE", path, token=ada["access_token"])).status == 401
    assert (await log_in(http, "local-userpass", **password)).json["error"] == "unauthorized"
    again = (await by_badge(http, "a")).json
    assert again["user_id"] != ada["user_id"]
    await register(http, "ada@example.org")
    fresh = (await log_in(http, "local-userpass", **password)).json
    assert fresh["user_id"] not in (ada["user_id"], again["user_id"])
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database:
        assert ada["user_id"] not in "\n".join(database.iterdump())


async def test_the_last_log_in_is_noted(http: SdkHttp, server: Server) -> None:
    ada = (await by_badge(http, "a")).json
    noted = "SELECT last_authentication - created FROM users WHERE id = ?"
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        ((seconds,),) = database.execute(noted, (ada["user_id"],))
        assert 0 <= seconds < 60
        database.execute("UPDATE users SET last_authentication = 1")
    await by_badge(http, "a")
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database:
        ((seconds,),) = database.execute(noted, (ada["user_id"],))
        assert seconds >= 0
