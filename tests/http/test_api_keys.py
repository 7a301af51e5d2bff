"""API keys of users, every row of app-services-http.md section 12, and those of servers."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from configured import configure
from realmsync.server.accounts.credentials import new_secret, secret_hash
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.process import Server
from sdk_http import APP_ID, APP_PATH, CLIENT, Reply, SdkHttp

KEYS = f"{CLIENT}/auth/api_keys"
USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
NOT_FOUND = (404, {"error": "API key not found", "error_code": "APIKeyNotFound"})


async def log_in_as(http: SdkHttp, key: Any, query: str = "", token: str | None = None) -> Reply:
    body = {"provider": "api-key", "key": key, "options": {"device": {}}}
    path = f"{APP_PATH}/auth/providers/api-key/login{query}"
    return await http("POST", path, body, token=token)


async def registered(http: SdkHttp, name: str = "ada") -> dict[str, str]:
    account = {"email": name, "password": "correct horse"}
    assert (await http("POST", f"{USERPASS}/register", account)).status == 201
    log_in = {"username": name, "password": "correct horse"}
    return (await http("POST", f"{USERPASS}/login", log_in)).json


async def create(http: SdkHttp, user: dict[str, str], name: str = "mykey") -> dict[str, Any]:
    reply = await http("POST", KEYS, {"name": name}, token=user["refresh_token"])
    assert reply.status == 201, reply
    return reply.json


@pytest.fixture(autouse=True)
def configured(server: Server) -> None:
    configure(server, APP_ID, autoConfirm=True)


async def test_a_key_from_creation_to_deletion(http: SdkHttp, server: Server) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    assert set(key) == {"_id", "key", "name", "disabled"}
    assert (key["name"], key["disabled"]) == ("mykey", False)
    assert len(key["_id"]) == 24 and set(key["_id"]) <= set("0123456789abcdef")
    described = {name: key[name] for name in ("_id", "name", "disabled")}
    token = ada["refresh_token"]
    assert (await http("GET", KEYS, token=token)).json == [described]
    one = f"{KEYS}/{key['_id']}"
    assert (await http("GET", one, token=token)).json == described
    by_key = (await log_in_as(http, key["key"])).json
    assert by_key["user_id"] == ada["user_id"], "the key stands for its owner"
    profile = await http("GET", f"{CLIENT}/auth/profile", token=by_key["access_token"])
    assert profile.json["data"] == {"email": "ada"}
    assert [i["provider_type"] for i in profile.json["identities"]] == ["local-userpass"]

    assert (await http("PUT", f"{one}/disable", token=token)).status == 204
    assert (await http("GET", one, token=token)).json == {**described, "disabled": True}
    refused = await log_in_as(http, key["key"])
    assert (refused.status, refused.json["error_code"]) == (401, "AuthError")
    assert (await http("PUT", f"{one}/enable", token=token)).status == 204
    assert (await log_in_as(http, key["key"])).status == 200
    assert (await http("DELETE", one, token=token)).status == 204
    assert (await log_in_as(http, key["key"])).status == 401
    assert (await http("GET", KEYS, token=token)).json == []


async def test_the_key_is_nowhere_in_the_file(http: SdkHttp, server: Server) -> None:
    key = await create(http, await registered(http))
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database:
        assert key["key"] not in "\n".join(database.iterdump())


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("PUT", "/enable"), ("PUT", "/disable")],
)
async def test_keys_of_others(http: SdkHttp, method: str, path: str) -> None:
    ada, bob = await registered(http), await registered(http, "bob")
    key = await create(http, ada)
    for id in (key["_id"], "0" * 24, "%00", "x" * 500):
        reply = await http(method, f"{KEYS}/{id}{path}", token=bob["refresh_token"])
        assert (reply.status, reply.json) == NOT_FOUND
    assert (await log_in_as(http, key["key"])).status == 200
    assert (await http("GET", KEYS, token=bob["refresh_token"])).json == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", "/id"),
        ("DELETE", "/id"),
        ("PUT", "/id/enable"),
        ("PUT", "/id/disable"),
    ],
)
async def test_who_may_not_call(http: SdkHttp, method: str, path: str) -> None:
    ada = await registered(http)
    body = {"name": "mykey"} if method == "POST" else ""
    missing = await http(method, KEYS + path, body)
    assert missing.json == {"error": "must authenticate first", "error_code": "MissingAuthReq"}
    assert missing.status == 401
    wrong = await http(method, KEYS + path, body, token=ada["access_token"])
    assert (wrong.status, wrong.json["error_code"]) == (401, "InvalidSession")


async def test_the_key_in_use(http: SdkHttp) -> None:
    ada = await registered(http)
    mine, other = await create(http, ada), await create(http, ada, "other")
    by_key = (await log_in_as(http, mine["key"])).json
    token = by_key["refresh_token"]
    refused = await http("DELETE", f"{KEYS}/{mine['_id']}", token=token)
    assert refused.status == 403
    assert (await http("POST", f"{CLIENT}/auth/session", token=token)).status == 201
    assert len((await http("GET", KEYS, token=token)).json) == 2
    assert (await http("DELETE", f"{KEYS}/{other['_id']}", token=token)).status == 204


@pytest.mark.parametrize("end", ["delete", "disable"])
async def test_log_ins_end_with_their_key(http: SdkHttp, end: str) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    by_key = (await log_in_as(http, key["key"])).json
    one, token = f"{KEYS}/{key['_id']}", ada["refresh_token"]
    method, path = ("DELETE", one) if end == "delete" else ("PUT", f"{one}/disable")
    assert (await http(method, path, token=token)).status == 204
    for kind in ("access_token", "refresh_token"):
        call = ("GET", "profile") if kind == "access_token" else ("POST", "session")
        reply = await http(call[0], f"{CLIENT}/auth/{call[1]}", token=by_key[kind])
        assert reply.status == 401
    assert (await http("POST", f"{CLIENT}/auth/session", token=token)).status == 201


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 321, 5, None])
async def test_names_that_keys_cannot_have(http: SdkHttp, name: Any) -> None:
    ada = await registered(http)
    reply = await http("POST", KEYS, {"name": name}, token=ada["refresh_token"])
    assert (reply.status, reply.json["error_code"]) == (400, "BadRequest")


async def test_a_user_has_a_few_keys_at_most(http: SdkHttp) -> None:
    ada = await registered(http)
    token = ada["refresh_token"]
    replies = await asyncio.gather(
        *(http("POST", KEYS, {"name": "same"}, token=token) for _ in range(25))
    )
    assert sorted(reply.status for reply in replies) == [201] * 20 + [400] * 5
    assert len((await http("GET", KEYS, token=token)).json) == 20


@pytest.mark.parametrize("key", ["", "0" * 64, "x" * 5000, None, 5, ["x"]])
async def test_keys_that_are_none(http: SdkHttp, key: Any) -> None:
    refused = await log_in_as(http, key)
    assert (refused.status, refused.json["error_code"]) == (401, "AuthError")


async def test_keys_are_no_identities_and_cannot_be_linked(http: SdkHttp) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    guest = await http.anonymous()
    linked = await log_in_as(http, key["key"], "?link=true", guest["access_token"])
    assert (linked.status, linked.json["error_code"]) == (404, "AuthProviderNotFound")


async def test_keys_go_with_their_user(http: SdkHttp) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    deleted = await http("DELETE", f"{CLIENT}/auth/delete", token=ada["access_token"])
    assert deleted.status == 204
    assert (await log_in_as(http, key["key"])).status == 401


async def test_keys_of_disabled_users(http: SdkHttp, server: Server) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    await server.users.set_disabled(ada["user_id"], True)
    refused = await log_in_as(http, key["key"])
    assert (refused.status, refused.json["error_code"]) == (401, "UserDisabled")


async def test_the_provider_is_off(http: SdkHttp, server: Server) -> None:
    ada = await registered(http)
    key = await create(http, ada)
    app = configure(server, APP_ID, autoConfirm=True)
    providers = {n: p for n, p in app.model.providers.items() if n != "api-key"}
    app.model = replace(app.model, providers=providers)
    refused = await log_in_as(http, key["key"])
    assert (refused.status, refused.json["error_code"]) == (404, "AuthProviderNotFound")
    listed = await http("GET", KEYS, token=ada["refresh_token"])
    assert (listed.status, listed.json["error_code"]) == (404, "AuthProviderNotFound")


async def test_the_key_of_a_server(http: SdkHttp, server: Server) -> None:
    app = server.apps.find(APP_ID)
    assert app is not None
    text = new_secret()
    with closing(UserFile(server.config.data / "users.sqlite")) as file:
        key = file.api_keys.add_for_server(app.key, "nightly", secret_hash(text))
        file.api_keys.add_for_server("another", "nightly", secret_hash(new_secret()))
        assert file.api_keys.of_servers(app.key) == [key]
        by_key = (await log_in_as(http, text)).json
        assert by_key["user_id"] == key.user_id
        profile = await http("GET", f"{CLIENT}/auth/profile", token=by_key["access_token"])
        assert profile.json["type"] == "server"
        assert profile.json["data"] == {"name": "nightly"}
        assert [i["provider_type"] for i in profile.json["identities"]] == ["api-key"]
        assert len(file.api_keys.delete(key.user_id, key.id)) == 1
        assert file.api_keys.of_servers(app.key) == []
    assert (await log_in_as(http, text)).status == 401
    refused = await http("GET", f"{CLIENT}/auth/profile", token=by_key["access_token"])
    assert refused.status == 401, "its user went with it"


async def test_keys_are_good_in_their_app_alone(http: SdkHttp, server: Server) -> None:
    text = new_secret()
    with closing(UserFile(server.config.data / "users.sqlite")) as file:
        file.api_keys.add_for_server("another", "nightly", secret_hash(text))
    assert (await log_in_as(http, text)).status == 401
