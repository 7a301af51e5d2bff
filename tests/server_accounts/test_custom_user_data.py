"""Custom user data: found by text or ObjectId, in tokens, changed by Python, and at creation.

Specification: app-configuration.md 8.3.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from bson import Decimal128, Int64, ObjectId

from configured_app import ConfiguredApp
from realmsync.server.accounts.app_users import app_user
from realmsync.server.accounts.custom_data import (
    BadDocument,
    CustomData,
    collection_of,
    inserting,
)
from realmsync.server.accounts.file.custom_data import CollectionName
from realmsync.server.functions.port import FunctionFailed
from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT, SdkHttp

PLACE = CollectionName("app", "guild", "members")
LOGIN = f"{APP_PATH}/auth/providers/anon-user/login"


@pytest.fixture
async def data(server: Server, app: ConfiguredApp) -> AsyncIterator[CustomData]:
    app.keep_custom_data()
    yield server.custom_data("app")


async def insert(server: Server, *documents: dict[str, Any]) -> None:
    change = inserting(PLACE, iter(documents))
    await server.users.change_data(lambda file: change(file.custom_data))


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def refreshed(http: SdkHttp, user: dict[str, str]) -> Any:
    reply = await http("POST", f"{CLIENT}/auth/session", token=user["refresh_token"])
    assert reply.status == 201, reply
    return claims(reply.json["access_token"])


async def test_without_a_document(http: SdkHttp, data: CustomData) -> None:
    user = await http.anonymous()
    assert await data.find_one(user["user_id"]) is None
    assert "user_data" not in claims(user["access_token"]), "null aborts clients"


async def test_a_document_is_in_the_next_access_token(http: SdkHttp, data: CustomData) -> None:
    user = await http.anonymous()
    await data.replace(user["user_id"], {"rank": "smith", "level": 3, "team": Int64(7)})
    found = (await refreshed(http, user))["user_data"]
    assert found == {
        "_id": {"$oid": found["_id"]["$oid"]},
        "user": user["user_id"],
        "rank": "smith",
        "level": {"$numberInt": "3"},
        "team": {"$numberLong": "7"},
    }
    assert "user_data" not in claims(user["refresh_token"])


async def test_every_type_comes_back(http: SdkHttp, data: CustomData) -> None:
    user = await http.anonymous()
    document = {
        "id": ObjectId(),
        "uuid": UUID(int=7),
        "bytes": b"\x00\xff",
        "decimal": Decimal128("1.50"),
        "nothing": None,
        "list": [1, {"deep": [True]}],
        "text": "é",
    }
    await data.replace(user["user_id"], document)
    found = await data.find_one(user["user_id"])
    assert found is not None
    assert {name: found[name] for name in document} == document


async def test_a_text_goes_before_an_object_id(
    server: Server, http: SdkHttp, app: ConfiguredApp, data: CustomData
) -> None:
    user_id = (await http.anonymous())["user_id"]
    by_id = {"_id": 1, "user": ObjectId(user_id)}
    by_text = {"_id": 2, "user": user_id}
    await collection_of(server.users, app.running).prepare()
    await insert(server, by_id)
    assert await data.find_one(user_id) == by_id
    await insert(server, by_text, {"_id": 3, "user": user_id})
    assert await data.find_one(user_id) == by_text, "the first of two with a text"


async def test_the_field_may_be_another_one_after_a_reload(
    server: Server, app: ConfiguredApp, http: SdkHttp
) -> None:
    user_id = (await http.anonymous())["user_id"]
    app.keep_custom_data(field="_id")
    await server.custom_data("app").replace(user_id, {"owner": "somebody", "rank": 1})
    found = await server.custom_data("app").find_one(user_id)
    assert found == {"_id": user_id, "owner": "somebody", "rank": 1}
    app.keep_custom_data(field="owner")
    assert await server.custom_data("app").find_one(user_id) is None
    assert await server.custom_data("app").find_one("somebody") == found


async def test_updates(http: SdkHttp, data: CustomData) -> None:
    user_id = (await http.anonymous())["user_id"]
    await data.update(user_id, {"rank": "smith", "level": 1})
    first = await data.find_one(user_id)
    assert first is not None
    await data.update(user_id, {"level": 2}, remove=["rank"])
    assert await data.find_one(user_id) == {"_id": first["_id"], "user": user_id, "level": 2}
    await data.replace(user_id, {"only": 1})
    assert await data.find_one(user_id) == {"_id": first["_id"], "user": user_id, "only": 1}
    await data.delete(user_id)
    await data.delete(user_id)
    assert await data.find_one(user_id) is None


DEEP: dict[str, Any] = {}
for _ in range(200):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    "document",
    [
        {"user": "somebody else"},
        {"a": 2**70},
        {"a\x00": 1},
        {1: 2},
        {"a": object()},
        {"a": {1, 2}},
        {"a": "\ud800"},
        DEEP,
        {"a": "x" * (16 << 20)},
        {"a": [0] * 1_000_000},
    ],
    ids=range(10),
)
async def test_what_is_no_document(
    http: SdkHttp, data: CustomData, document: dict[Any, Any]
) -> None:
    user_id = (await http.anonymous())["user_id"]
    await data.update(user_id, {"rank": "smith"})
    for change in (data.replace, data.update):
        with pytest.raises(BadDocument):
            await change(user_id, document)
    found = await data.find_one(user_id)
    assert found is not None
    assert found["rank"] == "smith"
    with pytest.raises(BadDocument, match="_id"):
        await data.update(user_id, {"_id": 5})


@pytest.mark.parametrize(
    ("size", "is_in_token", "logged"),
    [
        (1000, True, ""),
        (20_000, True, "make a long access token"),
        (60_000, True, "make a long access token"),
        (70_000, False, "too long for an access token"),
    ],
)
async def test_long_documents(
    http: SdkHttp,
    data: CustomData,
    caplog: pytest.LogCaptureFixture,
    size: int,
    is_in_token: bool,
    logged: str,
) -> None:
    user = await http.anonymous()
    await data.replace(user["user_id"], {"text": "x" * size})
    reply = await http("POST", f"{CLIENT}/auth/session", token=user["refresh_token"])
    token = reply.json["access_token"]
    assert ("user_data" in claims(token)) == is_in_token
    assert logged in caplog.text
    profile = await http("GET", f"{CLIENT}/auth/profile", token=token)
    assert profile.status == 200, "the server itself takes what it makes"
    found = await data.find_one(user["user_id"])
    assert found is not None, "rules have it whatever its length"


async def test_rules_and_functions_see_it(
    server: Server, http: SdkHttp, app: ConfiguredApp, data: CustomData
) -> None:
    user_id = (await http.anonymous())["user_id"]
    await data.update(user_id, {"rank": "smith"})
    seen = await app_user(server.users, app.running, await server.users.user(user_id))
    assert seen.custom_data["rank"] == "smith"
    assert [identity["provider_type"] for identity in seen.identities] == ["anon-user"]


async def test_a_change_is_told_to_open_sessions(
    server: Server, http: SdkHttp, data: CustomData, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    monkeypatch.setattr(server._acceptor, "reauthorize", lambda user_id: told.append(user_id))
    user_id, other = (await http.anonymous())["user_id"], (await http.anonymous())["user_id"]
    await data.update(user_id, {"rank": "smith"})
    await data.delete(user_id)
    await data.delete(other)
    assert told == [user_id, user_id]
    await data.update("5" * 24, {"rank": "smith"})
    assert told == [user_id, user_id], "nobody has that id"


async def test_without_a_configuration(server: Server, http: SdkHttp) -> None:
    with pytest.raises(KeyError, match="app"):
        server.custom_data("app")
    assert "user_data" not in claims((await http.anonymous())["access_token"])


async def test_a_function_is_called_for_new_users(
    server: Server, http: SdkHttp, app: ConfiguredApp
) -> None:
    app.keep_custom_data(on_user_creation="welcome")
    app.provide("local-userpass", config={"autoConfirm": True})
    created = []

    async def welcome(user: Any) -> None:
        created.append(user)
        await server.custom_data("app").update(user["id"], {"rank": "apprentice"})

    app.functions.by_name["welcome"] = welcome
    userpass = f"{APP_PATH}/auth/providers/local-userpass"
    account = {"email": "ada@example.org", "password": "correct horse"}
    assert (await http("POST", f"{userpass}/register", account)).status == 201
    body = {"username": account["email"], "password": account["password"]}
    first = (await http("POST", f"{userpass}/login", body)).json
    assert claims(first["access_token"])["user_data"]["rank"] == "apprentice"
    ((user),) = created
    assert (user["id"], user["data"]) == (first["user_id"], {"email": "ada@example.org"})
    assert (await http("POST", f"{userpass}/login", body)).status == 200
    assert len(created) == 1


async def test_a_function_may_refuse_new_users(
    server: Server, http: SdkHttp, app: ConfiguredApp
) -> None:
    app.keep_custom_data(on_user_creation="welcome")
    app.provide("custom-function", config={"authFunctionName": "whoIs"})

    def refuse(user: Any) -> None:
        raise FunctionFailed("no more members")

    app.functions.by_name.update({"welcome": refuse, "whoIs": lambda payload: "ada"})
    named = f"{APP_PATH}/auth/providers/custom-function/login"
    for path in (LOGIN, named):
        reply = await http("POST", path, {})
        assert (reply.status, reply.json["error_code"]) == (401, "AuthError")
    app.functions.by_name["welcome"] = lambda user: None
    assert (await http("POST", named, {})).status == 200, "who was refused may ask again"
    pages = await server.users.read(lambda file: list(file.listing.summaries("app")))
    assert len([user for page in pages for user in page]) == 1, "no anonymous user was kept"


async def test_a_creation_function_that_is_not_there(
    http: SdkHttp, app: ConfiguredApp, caplog: pytest.LogCaptureFixture
) -> None:
    app.keep_custom_data(on_user_creation="welcome")
    assert (await http("POST", LOGIN, {})).status == 200
    assert "app app has no function welcome to call for new users" in caplog.text
