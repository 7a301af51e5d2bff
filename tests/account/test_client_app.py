"""The client's App and User: against the real server, and against one that misbehaves."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from account.fake_service import BASE, FakeService, token
from account.replies import reply
from realmsync import App
from realmsync.account.app import AppConfiguration, MetadataMode
from realmsync.account.credentials import Credentials
from realmsync.account.http import (
    HttpRequest,
    HttpResponse,
    aiohttp_transport,
    websocket_host,
)
from realmsync.account.places import partition_name
from realmsync.enums import UserState
from realmsync.errors import AppError, BadServerUrlError, InvalidPropertyError
from realmsync.server.process import Server


async def test_against_the_server(server: Server, tmp_path: Path) -> None:
    app = App("test-app-0", base_url=server.url + "/", base_file_path=tmp_path)
    assert app.sync_route == (
        f"ws://127.0.0.1:{server.port}{BASE}/app/test-app-0/realm-sync",
        False,
    )
    assert app.current_user is None
    assert not (tmp_path / "mongodb-realm").exists()
    anonymous = await app.log_in(Credentials.anonymous())
    assert app.sync_route == (f"ws://127.0.0.1:{server.port}{BASE}/app/test-app-0/realm-sync", True)
    assert anonymous.is_logged_in
    assert anonymous.device_id
    assert anonymous.is_anonymous
    assert await app.log_in(Credentials.anonymous()) is anonymous
    other = await app.log_in(Credentials.anonymous(reuse=False))
    assert other.id != anonymous.id

    await app.email_password_auth.register_user("a@b.c", "secret12")
    with pytest.raises(AppError, match="^name already in use$") as caught:
        await app.email_password_auth.register_user("a@b.c", "secret12")
    assert (caught.value.code, caught.value.name, caught.value.status) == (
        4348,
        "AccountNameInUse",
        409,
    )
    with pytest.raises(AppError, match="^unauthorized$") as caught:
        await app.log_in(Credentials.email_password("a@b.c", "wrong-one"))
    assert caught.value.code == 4349
    user = await app.log_in(Credentials.email_password("a@b.c", "secret12"))
    assert app.current_user is user
    assert user.profile == {"email": "a@b.c"}
    assert user.provider_type == "local-userpass"
    assert set(app.all_users) == {anonymous.id, other.id, user.id}

    before = user.access_token
    await asyncio.sleep(1.1)
    assert await user.refresh_access_token() == user.access_token != before

    await app.email_password_auth.register_user("d@e.f", "secret12")
    await other.link_credentials(Credentials.email_password("d@e.f", "secret12"))
    assert [identity.provider_type for identity in other.identities] == [
        "anon-user",
        "local-userpass",
    ]
    refresh_token = user.refresh_token
    await user.log_out()
    assert user.state is UserState.LOGGED_OUT
    assert user.access_token is None
    assert app.current_user in (anonymous, other)
    response = await aiohttp_transport(
        HttpRequest(
            "POST",
            f"{server.url}{BASE}/auth/session",
            {"Authorization": f"Bearer {refresh_token}"},
        )
    )
    assert response.status == 401
    await anonymous.log_out()
    assert anonymous.state is UserState.REMOVED
    await app.delete_user(other)
    assert other.state is UserState.REMOVED
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.email_password("d@e.f", "secret12"))
    assert caught.value.code == 4349


async def test_unknown_app(server: Server, tmp_path: Path) -> None:
    app = App("a/b", base_url=server.url, base_file_path=tmp_path)
    user = await app.log_in(Credentials.anonymous())
    assert user.root.parent == tmp_path / "mongodb-realm" / "a%2Fb"


async def test_unreachable_server(tmp_path: Path) -> None:
    app = App("x", base_url="http://127.0.0.1:1", base_file_path=tmp_path)
    with pytest.raises(
        AppError, match="request to http://127.0.0.1:1/.* failed, reason: "
    ) as caught:
        await app.log_in(Credentials.anonymous())
    assert caught.value.code == 4000
    assert caught.value.status == 0


async def test_location_is_read_once_and_before_everything(
    make_app: Callable[..., App], service: FakeService
) -> None:
    app = make_app()
    assert service.requests == []
    users = await asyncio.gather(
        *(app.log_in(Credentials.anonymous(reuse=False)) for _ in range(3))
    )
    await users[0].refresh_access_token()
    assert service.paths().count("GET /app/my-app/location") == 1
    assert service.requests[0].url == f"http://base{BASE}/app/my-app/location"
    assert dict(service.requests[0].headers) == {}
    assert all(request.url.startswith("http://host:1/") for request in service.requests[1:])
    assert app.sync_route == (f"ws://sync:2{BASE}/app/my-app/realm-sync", True)
    login = service.requests[1]
    assert login.headers["Content-Type"] == "application/json;charset=utf-8"
    assert "Authorization" not in login.headers
    body = json.loads(login.body)
    assert body["provider"] == "anon-user"
    assert len(body["options"]["device"]) == 12
    assert all(isinstance(value, str) and value for value in body["options"]["device"].values())


@pytest.mark.parametrize(
    ("location", "route", "host"),
    [
        ({"hostname": "", "ws_hostname": ""}, "ws://base/api", "http://base"),
        ({"hostname": "https://h/", "ws_hostname": ""}, "wss://h/api", "https://h"),
        ({"hostname": "", "ws_hostname": "wss://w"}, "wss://w/api", "http://base"),
        (
            {"hostname": "http://h", "ws_hostname": "ws://w", "sync_route": "ws://r/x"},
            "ws://r/x",
            "http://h",
        ),
    ],
)
async def test_location_members(
    make_app: Callable[..., App], service: FakeService, location: Any, route: str, host: str
) -> None:
    service.answers["/location"] = reply(location)
    app = make_app()
    await app.refresh_location()
    assert app.sync_route[0].startswith(route)
    await app.log_in(Credentials.anonymous())
    assert service.requests[-1].url.startswith(host + "/")
    await app.refresh_location()
    assert service.requests[-1].url.startswith("http://base/")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply("oops", 500), 4309),
        (reply("{"), 4201),
        (reply([]), 4201),
        (reply({"hostname": "http://h"}), 4202),
        (reply({"ws_hostname": "ws://h"}), 4202),
        (reply({"hostname": None, "ws_hostname": ""}), 4201),
        (reply({"hostname": "", "ws_hostname": "", "sync_route": None}), 4201),
    ],
)
async def test_failed_location(
    make_app: Callable[..., App], service: FakeService, answer: HttpResponse, code: int
) -> None:
    good = service.answers["/location"]
    service.answers["/location"] = [answer, good]
    app = make_app()
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.anonymous())
    assert caught.value.code == code
    assert len(service.requests) == 1
    assert (await app.log_in(Credentials.anonymous())).is_logged_in


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9090",
        "//host",
        "ftp://host",
        "http://",
        "http://[x",
        "http://h:99999",
        "http://h:x",
    ],
)
def test_bad_base_url(make_app: Callable[..., App], url: str) -> None:
    with pytest.raises(BadServerUrlError):
        make_app(base_url=url)


async def test_update_of_the_base_url(make_app: Callable[..., App], service: FakeService) -> None:
    app = make_app(base_url="http://one///")
    assert app.base_url == "http://one"
    await app.update_base_url("http://two/")
    assert app.base_url == "http://two"
    await app.update_base_url("http://two")
    assert len(service.requests) == 1
    service.answers["/location"] = reply("", 500)
    with pytest.raises(AppError):
        await app.update_base_url("http://three")
    assert (app.base_url, app.sync_route[1]) == ("http://two", True)
    service.answers["/location"] = reply({"hostname": "", "ws_hostname": ""})
    await app.update_base_url(None)
    assert app.base_url == "https://services.cloud.mongodb.com"
    assert app.sync_route[0].startswith("wss://ws.services.cloud.mongodb.com/")


@pytest.mark.parametrize(
    ("http", "websocket"),
    [
        ("http://localhost:9090", "ws://localhost:9090"),
        ("https://example.org/prefix", "wss://example.org/prefix"),
        ("https://realm.mongodb.com", "wss://ws.realm.mongodb.com"),
        ("https://us-east-1.aws.realm.mongodb.com", "wss://ws.us-east-1.aws.realm.mongodb.com"),
        ("https://services.cloud.mongodb.com", "wss://ws.services.cloud.mongodb.com"),
        (
            "https://us-east-1.aws.services.cloud.mongodb.com",
            "wss://us-east-1.aws.ws.services.cloud.mongodb.com",
        ),
        ("http:/", "http:/"),
        ("ftp://host", "ftp://host"),
    ],
)
def test_websocket_host(http: str, websocket: str) -> None:
    assert websocket_host(http) == websocket


async def test_second_401_is_final(make_app: Callable[..., App], service: FakeService) -> None:
    refused = reply({"error": "invalid session", "error_code": "InvalidSession"}, 401)
    profile = service.answers["/auth/profile"]
    service.answers["/auth/profile"] = [refused, profile]
    app = make_app()
    user = await app.log_in(Credentials.anonymous())
    assert service.paths()[1:] == [
        "POST /app/my-app/auth/providers/anon-user/login",
        "GET /auth/profile",
        "POST /auth/session",
        "GET /auth/profile",
    ]
    assert service.requests[3].headers["Authorization"] == f"Bearer {user.refresh_token}"
    assert service.requests[3].body == ""
    assert service.requests[4].headers["Authorization"] == f"Bearer {user.access_token}"
    service.answers["/auth/profile"] = [refused, refused]
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.anonymous(reuse=False))
    assert caught.value.code == 4301
    service.answers["/auth/profile"] = [refused]
    service.answers["/auth/session"] = reply({"error": "x", "error_code": "UserDisabled"}, 401)
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.anonymous(reuse=False))
    assert caught.value.name == "InvalidSession", "the original answer, not the refresh's"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"access_token": "x.y"}, 4200),
        ({"refresh_token": "a.b.c"}, 4200),
        ({"access_token": token(exp=1.5)}, 4200),
        ({"access_token": token(user_data=None)}, 4200),
        ({"user_id": None}, 4201),
        ({"device_id": 1}, 4201),
        ({"user_id": ".."}, 4201),
    ],
)
async def test_malformed_log_in(
    make_app: Callable[..., App], service: FakeService, change: dict[str, Any], code: int
) -> None:
    body = json.loads(service.answers["/login"].body) | change
    service.answers["/login"] = reply(body)
    app = make_app()
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.anonymous())
    assert caught.value.code == code
    assert app.all_users == {}
    del body[next(iter(change))]
    service.answers["/login"] = reply(body)
    with pytest.raises(AppError) as caught:
        await app.log_in(Credentials.anonymous())
    assert caught.value.code == 4202


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        ({"data": {}}, 4202),
        ({"identities": []}, 4202),
        ({"identities": {}, "data": {}}, 4201),
        ({"identities": [], "data": None}, 4201),
        ({"identities": [{"id": 1, "provider_type": "x"}], "data": {}}, 4201),
    ],
)
async def test_malformed_profile(
    make_app: Callable[..., App], service: FakeService, profile: Any, code: int
) -> None:
    service.answers["/auth/profile"] = reply(profile)
    with pytest.raises(AppError) as caught:
        await make_app().log_in(Credentials.anonymous())
    assert caught.value.code == code


async def test_custom_data(make_app: Callable[..., App], service: FakeService) -> None:
    user = await make_app().log_in(Credentials.anonymous())
    assert user.custom_data == {}
    said = {"a": [1], "level": {"$numberInt": "5"}, "_id": {"$oid": "65f0c0ffee0123456789abcd"}}
    service.answers["/auth/session"] = reply({"access_token": token(user_data=said)})
    known = {"a": [1], "level": 5, "_id": ObjectId("65f0c0ffee0123456789abcd")}
    assert await user.refresh_custom_data() == known
    dict(user.custom_data)["a"].append(2)
    assert user.custom_data == known, "nobody changes what the token says"
    said = {"a": {"$oid": "short"}}
    service.answers["/auth/session"] = reply({"access_token": token(user_data=said)})
    with pytest.raises(AppError, match="'user_data': malformed") as caught:
        await user.refresh_custom_data()
    assert caught.value.name == "BadToken"
    assert user.custom_data == known
    user.log_out_locally()
    assert user.custom_data == {}


async def test_a_profile_in_extended_json(
    make_app: Callable[..., App], service: FakeService
) -> None:
    said = {"identities": [{"id": "i", "provider_type": "custom-token"}], "data": {}}
    service.answers["/auth/profile"] = reply(said | {"data": {"age": {"$numberInt": "5"}}})
    app = make_app()
    await app.log_in(Credentials.jwt("x"))
    for restored in (app, make_app()):
        user = restored.current_user
        assert user is not None and user.profile == {"age": 5}
    service.answers["/auth/profile"] = reply(said | {"data": {"age": {"$numberInt": []}}})
    with pytest.raises(AppError, match="'data' of the profile") as caught:
        await app.log_in(Credentials.jwt("x"))
    assert caught.value.name == "MalformedJson"


async def test_log_out_during_a_refresh(make_app: Callable[..., App], service: FakeService) -> None:
    user = await make_app().log_in(Credentials.anonymous())
    refresh = asyncio.create_task(user.refresh_access_token())
    await asyncio.sleep(0)
    user.log_out_locally()
    with pytest.raises(AppError) as caught:
        await refresh
    assert caught.value.code == 4101
    assert user.access_token is None
    with pytest.raises(AppError):
        await user.refresh_access_token()


async def test_local_effects_of_a_log_out_stay(
    make_app: Callable[..., App], service: FakeService
) -> None:
    app = make_app()
    left: list[str] = []
    app.user_hooks.append(lambda user: user.is_logged_in or left.append(user.id))
    user = await app.log_in(Credentials.anonymous())
    service.answers["/auth/session"] = reply("", 500)
    with pytest.raises(AppError):
        await user.log_out()
    assert user.state is UserState.REMOVED
    assert left == ["u1"]
    assert app.current_user is None
    count = len(service.requests)
    await user.log_out()
    assert len(service.requests) == count
    with pytest.raises(AppError) as caught:
        await app.remove_user(user)
    assert caught.value.code == 4100


async def test_listeners(make_app: Callable[..., App]) -> None:
    app = make_app()
    calls: list[str] = []

    def app_changed() -> None:
        calls.append("app")

    app.add_listener(app_changed)
    with pytest.raises(ValueError, match="Remove callback before adding it again"):
        app.add_listener(app_changed)
    user = await app.log_in(Credentials.anonymous())
    user.add_listener(lambda: calls.append("user"))
    await asyncio.sleep(0)
    assert "app" in calls
    calls.clear()
    await user.refresh_access_token()
    await asyncio.sleep(0)
    assert sorted(calls) == ["app", "user"]
    calls.clear()
    app.remove_listener(app_changed)
    user.remove_all_listeners()
    await user.refresh_access_token()
    await asyncio.sleep(0)
    assert calls == []


async def test_users_are_restored_without_a_request(
    make_app: Callable[..., App], service: FakeService, tmp_path: Path
) -> None:
    first = await make_app().log_in(Credentials.anonymous())
    tokens = (first.access_token, first.refresh_token)
    count = len(service.requests)
    app = make_app()
    user = app.current_user
    assert user is not None
    assert user is not first
    assert (user.access_token, user.refresh_token) == tokens
    assert (user.id, user.device_id, user.is_anonymous) == ("u1", "d1", True)
    assert app.all_users == {"u1": user}
    assert App.get("my-app") is app
    assert len(service.requests) == count
    stored = app.root / "users.sqlite"
    assert stored.stat().st_mode & 0o077 == 0

    user.root.mkdir(parents=True)
    (user.root / "s_x.realm").write_bytes(b"x")
    user.log_out_locally()
    assert user.root.exists()
    app = make_app()
    assert app.all_users == {}
    assert not user.root.exists()


async def test_unreadable_stored_tokens_mean_logged_out(
    make_app: Callable[..., App],
) -> None:
    app = make_app()
    user = await app.log_in(Credentials.anonymous())
    user._update(access_token="damaged")
    app = make_app()
    assert app.current_user is None
    assert app.all_users["u1"].state is UserState.LOGGED_OUT


@pytest.mark.parametrize("mode", [MetadataMode.IN_MEMORY, "inMemory"])
async def test_in_memory(mode: Any, make_app: Callable[..., App], tmp_path: Path) -> None:
    app = make_app(metadata_mode=mode)
    assert app.config.metadata_mode is MetadataMode.IN_MEMORY
    await app.log_in(Credentials.anonymous())
    assert not app.root.exists()
    assert make_app(metadata_mode=mode).current_user is None


def test_names_of_the_javascript_sdk(make_app: Callable[..., App]) -> None:
    with pytest.raises(InvalidPropertyError, match="Did you mean 'current_user'"):
        make_app().currentUser  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        ("c", "s_c"),
        ("a b/ä.", "s_a%20b%2F%C3%A4."),
        ("..", "s_%2E%2E"),
        ("", "s_"),
        (4, "i_4"),
        (-(1 << 31), "i_-2147483648"),
        (1 << 31, "l_2147483648"),
        (ObjectId("65f0c0ffee0123456789abcd"), "o_65f0c0ffee0123456789abcd"),
        (uuid.UUID(int=1), "u_00000000-0000-0000-0000-000000000001"),
    ],
)
async def test_realm_paths(
    make_app: Callable[..., App], tmp_path: Path, value: Any, name: str
) -> None:
    assert partition_name(value) == name
    user = await make_app().log_in(Credentials.anonymous())
    folder = tmp_path / "mongodb-realm" / "my-app" / "u1"
    assert user.realm_path(value) == folder / f"{name}.realm"
    assert user.realm_path(value, "my") == folder / "my.realm"
    long = user.realm_path("x" * 300)
    assert long.parent == folder.parent
    assert len(long.name) == 64 + len(".realm")
    assert long != user.realm_path("x" * 301)


async def test_custom_function_payload(make_app: Callable[..., App], service: FakeService) -> None:
    await make_app().log_in(Credentials.function({"n": 1, "options": "overwritten"}))
    body = json.loads(service.requests[1].body)
    assert set(body) == {"n", "options"}
    assert body["n"] == {"$numberInt": "1"}
    assert "device" in body["options"]


def test_configuration() -> None:
    assert App(AppConfiguration("c"), timeout=3).config.timeout == 3
    with pytest.raises(TypeError, match="Expected 'id'"):
        App("")
    with pytest.raises(TypeError, match="Expected 'config'"):
        App(7)
