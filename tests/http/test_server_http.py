"""The server's HTTP endpoints as an SDK sees them: checklist of app-services-http.md section 21."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

import jwt
import pytest

from engine_double import EngineDouble
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import SdkHttp

CLIENT = "/api/client/v2.0"
APP = f"{CLIENT}/app/test-app-0"
USERPASS = f"{APP}/auth/providers/local-userpass"
VECTORS = Path(__file__).parents[1] / "vectors"


def account(password: str = "secret12", email: str = "a@b.c") -> dict[str, Any]:
    return {"email": email, "password": password}


def login(password: str = "secret12", email: str = "a@b.c") -> dict[str, Any]:
    return {
        "provider": "local-userpass",
        "username": email,
        "password": password,
        "options": {"device": {}},
    }


def assert_error(reply: Any, status: int, code: str | None, message: str) -> None:
    assert reply.status == status
    assert reply.content_type == "application/json", "SDKs compare the whole value"
    body = reply.json
    assert message in body["error"]
    assert body.get("error_code") == code
    assert None not in body.values(), "a null hides the error from SDKs"


async def test_location_names_the_origin_of_the_request(http: Any, server: Server) -> None:
    reply = await http("GET", f"{APP}/location")
    assert reply.status == 200
    assert reply.content_type == "application/json"
    assert reply.json == {
        "deployment_model": "GLOBAL",
        "location": "US-VA",
        "hostname": f"http://127.0.0.1:{server.port}",
        "ws_hostname": f"ws://127.0.0.1:{server.port}",
    }
    elsewhere = await http("GET", f"{APP}/location", headers={"Host": "emulator:1234"})
    assert elsewhere.json["ws_hostname"] == "ws://emulator:1234"
    doubled = await http("GET", f"/{APP}/location".replace("/v2.0/", "//v2.0//"))
    assert doubled.json == reply.json


async def test_location_of_a_configured_origin(tmp_path: Path) -> None:
    config = ServerConfig(
        data=tmp_path,
        host="127.0.0.1",
        port=0,
        apps=frozenset({"mine"}),
        public_url="https://sync.example.org/",
    )
    async with Server(config, runtime=EngineDouble()) as server:
        http = SdkHttp(server.url)
        reply = await http("GET", f"{CLIENT}/app/mine/location")
        assert reply.json["hostname"] == "https://sync.example.org"
        assert reply.json["ws_hostname"] == "wss://sync.example.org"
        for method, path in (
            ("GET", "location"),
            ("POST", "auth/providers/anon-user/login"),
            ("POST", "auth/providers/local-userpass/register"),
        ):
            reply = await http(method, f"{CLIENT}/app/other/{path}", "{}")
            assert_error(reply, 404, None, "cannot find app using Client App ID 'other'")


async def test_anonymous_log_in_and_profile(http: Any) -> None:
    first = await http.anonymous()
    second = await http.anonymous()
    assert first["user_id"] != second["user_id"]
    for name in ("user_id", "device_id"):
        assert len(bytes.fromhex(first[name])) == 12
    assert first["device_id"].strip("0")
    reply = await http("GET", f"{CLIENT}/auth/profile", token=first["access_token"])
    assert reply.status == 200
    assert reply.content_type == "application/json"
    profile = reply.json
    assert profile["user_id"] == first["user_id"]
    assert profile["data"] == {}
    assert [identity["provider_type"] for identity in profile["identities"]] == ["anon-user"]


async def test_tokens_hold_what_clients_read(http: Any) -> None:
    tokens = await http.anonymous()
    for kind, lifetime in (("access", 1800), ("refresh", 60 * 24 * 3600)):
        token = tokens[f"{kind}_token"]
        assert "=" not in token
        assert "+" not in token
        assert len(token) < 1024
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert type(claims["exp"]) is int
        assert type(claims["iat"]) is int
        assert claims["exp"] - claims["iat"] == lifetime
        assert claims["sub"] == tokens["user_id"]
        assert "user_data" not in claims, "a null would end the client's process"


@pytest.mark.parametrize(
    ("password", "accepted"),
    [("x" * 5, False), ("x" * 6, True), ("x" * 128, True), ("x" * 129, False)],
)
async def test_password_length(http: Any, password: str, accepted: bool) -> None:
    reply = await http("POST", f"{USERPASS}/register", account(password))
    if accepted:
        assert reply.status == 201
    else:
        message = "password must be between 6 and 128 characters"
        assert_error(reply, 400, "BadRequest", message)


async def test_account(http: Any) -> None:
    assert (await http("POST", f"{USERPASS}/register", account())).status == 201
    again = await http("POST", f"{USERPASS}/register", account("another"))
    assert_error(again, 409, "AccountNameInUse", "name already in use")
    assert again.json["error"] == "name already in use"
    first = await http("POST", f"{USERPASS}/login", login())
    second = await http("POST", f"{USERPASS}/login", login())
    assert first.status == second.status == 200
    assert first.json["user_id"] == second.json["user_id"]
    assert first.json["refresh_token"] != second.json["refresh_token"]
    profile = await http("GET", f"{CLIENT}/auth/profile", token=first.json["access_token"])
    assert profile.json["data"] == {"email": "a@b.c"}
    assert profile.json["identities"][0]["provider_type"] == "local-userpass"
    for wrong in (login("wrong-password"), login(email="nobody"), {"username": 1}):
        reply = await http("POST", f"{USERPASS}/login", wrong)
        assert_error(reply, 401, "InvalidPassword", "unauthorized")
        assert reply.json["error"] == "unauthorized"
        assert reply.reason == "Unauthorized"


OTHER_USERPASS = USERPASS.replace("test-app-0", "test-app-1")


async def test_accounts_belong_to_their_app(tmp_path: Path) -> None:
    config = ServerConfig(
        data=tmp_path / "two-apps",
        host="127.0.0.1",
        port=0,
        apps=frozenset({"test-app-0", "test-app-1"}),
    )
    async with Server(config, runtime=EngineDouble()) as server:
        http = SdkHttp(server.url)
        await http("POST", f"{USERPASS}/register", account())
        assert (await http("POST", f"{OTHER_USERPASS}/login", login())).status == 401
        assert (await http("POST", f"{OTHER_USERPASS}/register", account())).status == 201


async def test_a_server_without_configured_apps_is_one_app(http: Any) -> None:
    await http("POST", f"{USERPASS}/register", account())
    first = await http("POST", f"{USERPASS}/login", login())
    second = await http("POST", f"{OTHER_USERPASS}/login", login())
    assert first.json["user_id"] == second.json["user_id"]


async def test_linking(http: Any) -> None:
    anonymous = await http.anonymous()
    token = anonymous["access_token"]
    link = f"{USERPASS}/login?link=true"
    assert (await http("POST", link, login(), token=token)).status == 401
    await http("POST", f"{USERPASS}/register", account())
    reply = await http("POST", link, login(), token=token)
    assert reply.status == 200
    assert {**anonymous, **reply.json, "access_token": token} == anonymous, "the Web SDK asks"
    profile = await http("GET", f"{CLIENT}/auth/profile", token=reply.json["access_token"])
    assert profile.json["user_id"] == reply.json["user_id"] == anonymous["user_id"]
    providers = [identity["provider_type"] for identity in profile.json["identities"]]
    assert providers == ["anon-user", "local-userpass"]
    assert (await http("POST", f"{USERPASS}/login", login())).json["user_id"] == anonymous[
        "user_id"
    ]
    other = await http.anonymous()
    taken = await http("POST", link, login(), token=other["access_token"])
    assert_error(taken, 409, "AccountNameInUse", "already exists")


async def test_unknown_provider(http: Any) -> None:
    reply = await http("POST", f"{APP}/auth/providers/oauth2-google/login", {})
    assert_error(reply, 404, "AuthProviderNotFound", "oauth2-google")


async def test_refresh(http: Any) -> None:
    tokens = await http.anonymous()
    replies = await asyncio.gather(
        *(http("POST", f"{CLIENT}/auth/session", token=tokens["refresh_token"]) for _ in range(3))
    )
    for reply in replies:
        assert reply.status in (200, 201)
        token = reply.json["access_token"]
        assert (await http("GET", f"{CLIENT}/auth/profile", token=token)).status == 200
    old = await http("GET", f"{CLIENT}/auth/profile", token=tokens["access_token"])
    assert old.status == 200


async def test_token_of_the_wrong_kind(http: Any) -> None:
    tokens = await http.anonymous()
    reply = await http("POST", f"{CLIENT}/auth/session", token=tokens["access_token"])
    assert_error(reply, 401, "InvalidSession", "invalid session")
    reply = await http("GET", f"{CLIENT}/auth/profile", token=tokens["refresh_token"])
    assert_error(reply, 401, "InvalidSession", "invalid session")
    reply = await http("GET", f"{CLIENT}/auth/profile")
    assert_error(reply, 401, "MissingAuthReq", "must authenticate first")


async def test_expired_and_forged_tokens(http: Any, server: Server) -> None:
    tokens = await http.anonymous()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    secret = (server.config.data / "secret.key").read_bytes()
    expired = jwt.encode({**claims, "exp": claims["iat"] - 10}, secret, algorithm="HS256")
    reply = await http("GET", f"{CLIENT}/auth/profile", token=expired)
    assert_error(reply, 401, "InvalidSession", "invalid session")
    forged = jwt.encode(claims, b"x" * 32, algorithm="HS256")
    reply = await http("GET", f"{CLIENT}/auth/profile", token=forged)
    assert_error(reply, 401, "InvalidSession", "invalid session")


async def test_log_out(http: Any) -> None:
    tokens = await http.anonymous()
    session = f"{CLIENT}/auth/session"
    assert (await http("DELETE", session, token=tokens["refresh_token"])).status == 204
    for method in ("DELETE", "POST"):
        reply = await http(method, session, token=tokens["refresh_token"])
        assert_error(reply, 401, "InvalidSession", "failed to find refresh token")
    reply = await http("GET", f"{CLIENT}/auth/profile", token=tokens["access_token"])
    assert_error(reply, 401, "InvalidSession", "invalid session")


async def test_delete_user(http: Any) -> None:
    await http("POST", f"{USERPASS}/register", account())
    tokens = (await http("POST", f"{USERPASS}/login", login())).json
    reply = await http("DELETE", f"{CLIENT}/auth/delete", token=tokens["access_token"])
    assert reply.status == 204
    again = await http("POST", f"{USERPASS}/login", login())
    assert_error(again, 401, "InvalidPassword", "unauthorized")
    assert (await http("POST", f"{CLIENT}/auth/session", token=tokens["refresh_token"])).status == (
        401
    )


async def test_disabled_user(http: Any, server: Server) -> None:
    tokens = await http.anonymous()
    await server.users.set_disabled(tokens["user_id"], True)
    reply = await http("POST", f"{CLIENT}/auth/session", token=tokens["refresh_token"])
    assert_error(reply, 401, "UserDisabled", "disabled")


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "message"),
    [
        ("confirm", {"token": "a", "tokenId": "b"}, 400, "BadRequest", "invalid token data"),
        (
            "reset",
            {"token": "a", "tokenId": "b", "password": "secret12"},
            400,
            "BadRequest",
            "invalid token data",
        ),
        ("confirm/send", {"email": "a@b.c"}, 400, "UserAlreadyConfirmed", "already confirmed"),
        (
            "confirm/call",
            {"email": "a@b.c"},
            400,
            "BadRequest",
            "cannot run confirmation for a@b.c: automatic confirmation is enabled",
        ),
        ("reset/send", {"email": "a@b.c"}, 400, "BadRequest", "error processing request"),
        (
            "reset/call",
            {"email": "a@b.c", "password": "secret34", "arguments": []},
            400,
            "BadRequest",
            'failed to reset password for user "a@b.c"',
        ),
    ],
)
async def test_account_mails(
    http: Any, path: str, body: Any, status: int, code: str, message: str
) -> None:
    await http("POST", f"{USERPASS}/register", account())
    assert_error(await http("POST", f"{USERPASS}/{path}", body), status, code, message)


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "\x00", "[" * 9000])
async def test_bad_bodies(http: Any, body: str) -> None:
    for path in (f"{USERPASS}/login", f"{USERPASS}/register"):
        reply = await http("POST", path, body)
        assert_error(reply, 400, "BadRequest", "must be a JSON object")


async def test_body_limits(http: Any, server: Server) -> None:
    reply = await http("POST", f"{USERPASS}/login", "x" * 20_000)
    assert_error(reply, 413, "ReadSizeLimitExceeded", "too large")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {USERPASS}/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{"
    writer.write(head.encode())
    line = await asyncio.wait_for(reader.readline(), 5)
    assert line.startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_what_is_not_there(http: Any) -> None:
    assert (await http("GET", "/")).status == 404
    assert (await http("GET", f"{USERPASS}/login")).status == 405
    assert (await http("PATCH", f"{CLIENT}/auth/session")).status == 405


async def test_health_and_status(http: Any) -> None:
    assert (await http("GET", "/health")).json == {"status": "ok"}
    status = (await http("GET", "/status")).json
    assert status["status"] == "ok"
    assert status["websockets"] == 0
    assert status["engine"]["connections"] == 0


@pytest.mark.parametrize(
    ("engine", "status"),
    [({"storage_full": 1}, "storage full"), ({"writing_ms": 60_000}, "writer stuck")],
)
async def test_health_of_the_storage(
    http: Any, server: Server, monkeypatch: pytest.MonkeyPatch, engine: dict[str, int], status: str
) -> None:
    figures = {"connections": 0, "storage_full": 0, "writing_ms": 0} | engine
    monkeypatch.setattr(EngineDouble, "stats", lambda double: figures)
    reply = await http("GET", "/health")
    assert (reply.status, reply.json) == (503, {"status": status})


async def test_log_ins_that_cannot_be_stored(
    http: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(server.users, "create_anonymous", full)
    reply = await http("POST", f"{APP}/auth/providers/anon-user/login", {})
    assert_error(reply, 503, None, "storage is not available, try again later")


async def test_passwords_are_hashed(http: Any, server: Server) -> None:
    await http("POST", f"{USERPASS}/register", account("do-not-store-me"))
    for path in server.config.data.iterdir():
        assert b"do-not-store-me" not in path.read_bytes()
    assert (server.config.data / "secret.key").stat().st_mode & 0o077 == 0


async def test_users_survive_a_restart(tmp_path: Path) -> None:
    config = ServerConfig(data=tmp_path, host="127.0.0.1", port=0)
    async with Server(config, runtime=EngineDouble()) as server:
        tokens = await SdkHttp(server.url).anonymous()
    async with Server(config, runtime=EngineDouble()) as server:
        http = SdkHttp(server.url)
        reply = await http("POST", f"{CLIENT}/auth/session", token=tokens["refresh_token"])
        assert reply.status == 201


def recorded_requests() -> list[Any]:
    scenarios = []
    for path in sorted((VECTORS / "wire").glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        requests = [record for record in records if record["t"] == "http"]
        scenarios.append(pytest.param(requests, id=path.stem))
    return scenarios


@pytest.mark.parametrize("requests", recorded_requests())
async def test_recorded_requests(http: Any, requests: list[dict[str, Any]]) -> None:
    """What a real Node SDK sends, byte for byte; tokens are those of the last log-in."""
    assert requests
    tokens: dict[str, str] = {}
    for request in requests:
        body = request.get("body", "")
        if "local-userpass" in request["path"]:
            email, password = body["username"], body["password"]
            register = request["path"].replace("/login", "/register")
            assert (await http("POST", register, account(password, email))).status == 201
        token = tokens.get("access_token") if request["path"].endswith("profile") else None
        reply = await http(request["method"], request["path"], body, token=token)
        assert reply.status == 200, reply
        assert reply.content_type == "application/json"
        if request["path"].endswith("login"):
            tokens = reply.json
