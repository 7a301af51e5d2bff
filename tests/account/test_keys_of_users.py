"""API keys that a user makes: the requests, what comes back, and the server's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from account.fake_service import FakeService, token
from account.replies import reply
from app_folders import write_app
from engine_double import EngineDouble
from realmsync import App, Credentials, User
from realmsync.account.api_keys import ApiKey, SecretApiKey
from realmsync.account.http import HttpResponse
from realmsync.enums import UserState
from realmsync.errors import AppError, ArgumentTypeError, InvalidArgumentError
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server

KEYS = "/auth/api_keys"
ONE = {"_id": "65f0c0ffee0123456789abcd", "name": "mine", "disabled": False}
ID = ONE["_id"]
REFUSED = reply({"error": "invalid session", "error_code": "InvalidSession"}, 401)


@pytest.fixture
async def user(make_app: Callable[..., App], service: FakeService) -> User:
    service.answers |= {
        "/enable": HttpResponse(204),
        "/disable": HttpResponse(204),
        f"{KEYS}/{ID}": reply(ONE),
        KEYS: reply({**ONE, "key": "secret"}),
    }
    user = await make_app().log_in(Credentials.anonymous())
    service.requests.clear()
    return user


async def test_requests(user: User, service: FakeService) -> None:
    made = await user.api_keys.create("mine")
    assert made == SecretApiKey(id=str(ID), name="mine", disabled=False, key="secret")
    assert "secret" not in repr(made)
    assert await user.api_keys.fetch(made.id) == ApiKey(str(ID), "mine", False)
    service.answers[KEYS] = reply([ONE, {**ONE, "name": "other", "disabled": True}])
    assert [(k.name, k.disabled) for k in await user.api_keys.fetch_all()] == [
        ("mine", False),
        ("other", True),
    ]
    await user.api_keys.disable(made.id)
    await user.api_keys.enable(made.id)
    await user.api_keys.delete(made.id)
    one = f"/auth/api_keys/{ID}"
    assert service.paths() == [
        "POST /auth/api_keys",
        f"GET {one}",
        "GET /auth/api_keys",
        f"PUT {one}/disable",
        f"PUT {one}/enable",
        f"DELETE {one}",
    ]
    assert json.loads(service.requests[0].body) == {"name": "mine"}
    assert {r.body for r in service.requests[1:]} == {""}
    assert {r.headers["Authorization"] for r in service.requests} == {
        f"Bearer {user.refresh_token}"
    }


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"_id": {"$oid": ID}}, "MalformedJson"),
        ({"name": None}, "MalformedJson"),
        ({"disabled": 0}, "MalformedJson"),
        ({"key": None}, "MalformedJson"),
        (None, "MissingJsonKey"),
    ],
)
async def test_malformed_keys(
    user: User, service: FakeService, change: dict[str, Any] | None, name: str
) -> None:
    service.answers[KEYS] = reply({} if change is None else {**ONE, "key": "k", **change})
    with pytest.raises(AppError) as caught:
        await user.api_keys.create("mine")
    assert caught.value.name == name


@pytest.mark.parametrize("body", ["{}", "[1]", "null", "", '[{"_id": "x"}]'])
async def test_malformed_lists(user: User, service: FakeService, body: str) -> None:
    service.answers[KEYS] = reply(body)
    with pytest.raises(AppError) as caught:
        await user.api_keys.fetch_all()
    assert caught.value.name in ("MalformedJson", "MissingJsonKey")


async def test_a_refused_log_in_ends(user: User, service: FakeService) -> None:
    service.answers[KEYS] = REFUSED
    service.answers["/auth/session"] = REFUSED
    used = user.refresh_token
    with pytest.raises(AppError) as caught:
        await user.api_keys.fetch_all()
    assert (caught.value.name, caught.value.status) == ("InvalidSession", 401)
    assert user.state is UserState.REMOVED, "an anonymous one"
    assert service.paths() == ["GET /auth/api_keys", "DELETE /auth/session"]
    assert service.requests[1].headers["Authorization"] == f"Bearer {used}"
    with pytest.raises(AppError) as caught:
        await user.api_keys.fetch_all()
    assert caught.value.name == "ClientUserNotLoggedIn"


async def test_other_failures_end_nothing(user: User, service: FakeService) -> None:
    service.answers[KEYS] = reply({"error": "no", "error_code": "AuthProviderNotFound"}, 404)
    with pytest.raises(AppError, match="no"):
        await user.api_keys.fetch_all()
    assert user.is_logged_in


async def test_a_new_log_in_meanwhile_stays(
    make_app: Callable[..., App], user: User, service: FakeService
) -> None:
    """What the old log-in hears does not end the new one."""
    plain = service.__call__

    async def log_in_again(request: Any) -> HttpResponse:
        if request.url.endswith(KEYS):
            user._update(refresh_token=token(n=9))
            return REFUSED
        return await plain(request)

    user.app._transport = log_in_again
    with pytest.raises(AppError, match="invalid session"):
        await user.api_keys.fetch_all()
    assert user.is_logged_in


@pytest.mark.parametrize("id", ["", ".", ".."])
async def test_ids_that_lead_elsewhere(user: User, service: FakeService, id: str) -> None:
    keys = user.api_keys
    for call in (keys.fetch(id), keys.delete(id), keys.enable(id), keys.disable(id)):
        with pytest.raises(InvalidArgumentError, match="is not the id of an API key"):
            await call
    wrong: Any = 5
    for call in (keys.fetch(wrong), keys.create(wrong)):
        with pytest.raises(ArgumentTypeError, match="to be a string"):
            await call
    assert service.requests == []


async def test_keys_of_our_server(tmp_path: Path) -> None:
    providers = {
        name: {"name": name, "type": name, "config": {"autoConfirm": True}}
        for name in ("local-userpass", "api-key")
    }
    folder = AppFolder(write_app(tmp_path / "app", providers=providers))
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(folder,))
    async with Server(config, runtime=EngineDouble()) as server:
        app = App("tasks-abcde", base_url=server.url, base_file_path=tmp_path / "one")
        await app.email_password_auth.register_user("ada", "correct horse")
        ada = await app.log_in(Credentials.email_password("ada", "correct horse"))
        made = await ada.api_keys.create("nightly")
        assert await ada.api_keys.fetch_all() == [ApiKey(made.id, "nightly", False)]

        program = App("tasks-abcde", base_url=server.url, base_file_path=tmp_path / "two")
        by_key = await program.log_in(Credentials.api_key(made.key))
        assert (by_key.id, by_key.profile) == (ada.id, {"email": "ada"})
        with pytest.raises(AppError) as caught:
            await by_key.api_keys.delete(made.id)
        assert caught.value.status == 403
        await ada.api_keys.disable(made.id)
        assert (await ada.api_keys.fetch(made.id)).disabled
        with pytest.raises(AppError):
            await by_key.refresh_access_token()
        with pytest.raises(AppError) as caught:
            await program.log_in(Credentials.api_key(made.key))
        assert caught.value.name == "AuthError"
        await ada.api_keys.enable(made.id)
        assert (await program.log_in(Credentials.api_key(made.key))).id == ada.id
        await ada.api_keys.delete(made.id)
        for id in (made.id, "a/b?c#d", "x" * 500):
            with pytest.raises(AppError, match="^API key not found$") as caught:
                await ada.api_keys.fetch(id)
            assert caught.value.name == "APIKeyNotFound"
        assert ada.is_logged_in
