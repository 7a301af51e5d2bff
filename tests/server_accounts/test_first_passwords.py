"""Imported accounts without a password take the first one that they are tried with, where the
operator wants it, for a time, and for who has a second proof (app-configuration.md 11.7)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from app_folders import ANYBODY, write_app
from configured_app import ConfiguredApp
from engine_double import EngineDouble
from realmsync.cli import main
from realmsync.errors import ServerStartError
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.old_tokens import OldTokens
from realmsync.server.accounts.user_import import read_users
from realmsync.server.apps.password_adoption import PasswordAdoption
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.functions.port import FunctionFailed
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server
from sdk_http import APP_PATH, Reply, SdkHttp

ADA, BO, CY = (f"65a000000000000000000{n}" for n in ("a01", "b02", "c03"))
NAME = "ada@guild.example"
USERS = [
    {"_id": ADA, "email": NAME},
    {"_id": BO, "identities": [{"provider_type": "custom-token", "id": "M7"}]},
    {"_id": CY, "email": "cy@guild.example", "disabled": True},
]
LATER = 4e9
CODE = "invited: "
USERPASS = {"local-userpass": {"name": "local-userpass", "type": "local-userpass"}}


def has_code(given: Mapping[str, Any]) -> dict[str, str]:
    """Lets in whose password begins with the code that users were sent."""
    assert set(given) == {"username", "password", "userId"}
    return {"status": "success" if given["password"].startswith(CODE) else "fail"}


@pytest.fixture
def guild(server: Server, app: ConfiguredApp) -> ConfiguredApp:
    app.provide("local-userpass")
    app.functions.by_name["mayAdopt"] = has_code
    app.running.adopt_passwords = PasswordAdoption("mayAdopt", LATER)
    with administration(server.config.data) as admin:
        admin.data("app").import_users(json.dumps(USERS))
    return app


async def log_in(http: SdkHttp, password: str, name: str = NAME) -> Reply:
    path = f"{APP_PATH}/auth/providers/local-userpass/login"
    return await http("POST", path, {"username": name, "password": password})


def refused(reply: Reply) -> bool:
    return reply.status == 401 and reply.json["error_code"] == "InvalidPassword"


async def test_the_first_password_is_the_accounts_from_then_on(
    http: SdkHttp, guild: ConfiguredApp, caplog: pytest.LogCaptureFixture
) -> None:
    first = await log_in(http, CODE + "one")
    assert (first.status, first.json["user_id"]) == (200, ADA)
    assert f"user {ADA}: a first password was adopted" in caplog.text
    assert refused(await log_in(http, CODE + "two"))
    assert (await log_in(http, CODE + "one")).status == 200
    assert len(guild.functions.calls) == 1, "later log-ins ask nobody"
    (request,) = (call.request for call in guild.functions.calls)
    assert request is not None and request.remote_address


async def test_who_has_no_proof_gets_nothing(
    http: SdkHttp, guild: ConfiguredApp, caplog: pytest.LogCaptureFixture
) -> None:
    assert refused(await log_in(http, "a guess"))
    assert f"user {ADA}: a first password was not adopted" in caplog.text
    assert (await log_in(http, CODE + "one")).json["user_id"] == ADA


@pytest.mark.parametrize("name", ["nobody@guild.example", "cy@guild.example", "M7"])
async def test_who_has_no_account_that_waits(
    http: SdkHttp, guild: ConfiguredApp, name: str
) -> None:
    """A user who is disabled among them: his account is not given away meanwhile."""
    assert refused(await log_in(http, CODE + "one", name))
    assert guild.functions.calls == []


@pytest.mark.parametrize("password", ["short", "x" * 129])
async def test_what_cannot_be_a_password(
    http: SdkHttp, guild: ConfiguredApp, password: str
) -> None:
    guild.functions.by_name["mayAdopt"] = lambda given: {"status": "success"}
    assert refused(await log_in(http, password))


async def test_off_by_default_and_after_its_end(http: SdkHttp, guild: ConfiguredApp) -> None:
    for setting in (None, PasswordAdoption("mayAdopt", time.time() - 1)):
        guild.running.adopt_passwords = setting
        assert refused(await log_in(http, CODE + "one"))
    assert guild.functions.calls == []


@pytest.mark.parametrize("answer", [None, True, {"status": "pending"}, {"status": True}, {}, 7])
async def test_only_success_is_success(http: SdkHttp, guild: ConfiguredApp, answer: Any) -> None:
    guild.functions.by_name["mayAdopt"] = lambda given: answer
    assert refused(await log_in(http, CODE + "one"))


async def test_a_function_that_fails(http: SdkHttp, guild: ConfiguredApp) -> None:
    def fails(_: Any) -> None:
        raise FunctionFailed("disk on fire")

    guild.functions.by_name["mayAdopt"] = fails
    assert refused(await log_in(http, CODE + "one"))
    del guild.functions.by_name["mayAdopt"]
    assert refused(await log_in(http, CODE + "one"))


async def test_of_many_at_once_one_wins(http: SdkHttp, guild: ConfiguredApp) -> None:
    may_go_on = asyncio.Event()

    async def waits(given: Mapping[str, Any]) -> dict[str, str]:
        if len(guild.functions.calls) == 4:
            may_go_on.set()
        await may_go_on.wait()
        return has_code(given)

    guild.functions.by_name["mayAdopt"] = waits
    passwords = [f"{CODE}{number}" for number in range(4)]
    replies = await asyncio.gather(*(log_in(http, password) for password in passwords))
    (winner,) = (p for p, reply in zip(passwords, replies, strict=True) if reply.status == 200)
    assert all(reply.status == 200 or refused(reply) for reply in replies)
    for password in passwords:
        assert refused(await log_in(http, password)) == (password != winner)


async def test_guesses_are_delayed(http: SdkHttp, guild: ConfiguredApp) -> None:
    replies = [await log_in(http, f"guess {number}") for number in range(8)]
    assert [reply.status for reply in replies[:5]] == [401] * 5
    assert replies[-1].status == 429
    assert len(guild.functions.calls) <= 6


async def test_linking_adopts_nothing(http: SdkHttp, guild: ConfiguredApp) -> None:
    """An account that is somebody's cannot become another user's."""
    guild.provide("anon-user")
    token = (await http.anonymous())["access_token"]
    path = f"{APP_PATH}/auth/providers/local-userpass/login?link=true"
    reply = await http("POST", path, {"username": NAME, "password": CODE + "one"}, token=token)
    assert refused(reply)
    assert guild.functions.calls == []


def folder(tmp_path: Path, **settings: Any) -> AppFolder:
    functions = AppFunctions()

    @functions.function("mayAdopt")
    def may_adopt(context: Any, given: Any) -> Any:
        return has_code(given)

    app = write_app(tmp_path / "app", providers=ANYBODY | USERPASS)
    return AppFolder(app, functions=functions, **settings)


async def test_the_start_says_it_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = folder(tmp_path, adopt_passwords=PasswordAdoption("mayAdopt", LATER))
    config = ServerConfig(data=tmp_path / "data", port=0, app_folders=(source,))
    async with Server(config, runtime=EngineDouble()) as server:
        assert "WHOEVER LOGS IN FIRST" in caplog.text
        assert "if function 'mayAdopt' lets him, until 2096-10-02 07:06 UTC" in caplog.text
        with administration(config.data) as admin:
            admin.data("tasks-abcde").import_users(json.dumps(USERS))
        path = "/api/client/v2.0/app/tasks-abcde/auth/providers/local-userpass/login"
        body = {"username": NAME, "password": CODE + "one"}
        assert (await SdkHttp(server.url)("POST", path, body)).json["user_id"] == ADA


async def test_the_start_says_that_the_end_has_passed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that is started again with the same options must not stay away."""
    source = folder(tmp_path, adopt_passwords=PasswordAdoption("mayAdopt", 1e9))
    old_tokens = OldTokens(others="adopt", adopt_until=1e9)
    config = ServerConfig(
        data=tmp_path / "data", port=0, app_folders=(source,), old_tokens=old_tokens
    )
    async with Server(config, runtime=EngineDouble()):
        assert "first passwords, 2001-09-09 01:46 UTC, has passed" in caplog.text
        assert "old log-ins, 2001-09-09 01:46 UTC, has passed" in caplog.text
        assert "WHOEVER" not in caplog.text


async def test_a_function_that_is_not_there(tmp_path: Path) -> None:
    source = folder(tmp_path, adopt_passwords=PasswordAdoption("mayAdpot", LATER))
    config = ServerConfig(data=tmp_path / "data", port=0, app_folders=(source,))
    with pytest.raises(ServerStartError, match="first passwords need the function 'mayAdpot'"):
        await Server(config, runtime=EngineDouble()).start()


def test_it_needs_an_end_and_a_proof() -> None:
    result = CliRunner().invoke(main, ["serve", "--adopt-passwords", "mayAdopt"])
    assert result.exit_code == 2 and "needs an end: --adopt-until" in result.output
    with pytest.raises(ValueError, match="asked for a proof"):
        PasswordAdoption("", LATER)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.booleans()), max_size=6))
def test_an_account_has_the_first_password_that_was_let_in(
    attempts: list[tuple[str, bool, bool]],
) -> None:
    """Naive: whoever comes, with a proof or without, while it is on or off, in any order."""
    with TemporaryDirectory() as place:
        file = UserFile(Path(place) / "users.sqlite")
        file.imports.add("app", read_users(json.dumps(USERS)))
        held: str | None = None
        for password, has_proof, is_on in attempts:
            waits = is_on and file.accounts.without_password("app", NAME) is not None
            assert waits == (is_on and held is None)
            if waits and has_proof:
                assert file.accounts.adopt_password("app", NAME, password.encode())
                held = password
            account = file.accounts.find("app", NAME)
            assert account is not None
            assert account.password == (None if held is None else held.encode())
        assert not file.accounts.adopt_password("app", "nobody", b"x")
        file.close()
