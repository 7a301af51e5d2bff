"""Importing users, and custom data by the commands: ids stay, and identities lead to them.

Specification: app-configuration.md 8.3 and 11.7.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result

from configured_app import ConfiguredApp
from realmsync.cli import main
from realmsync.server.accounts.credentials import hash_password
from realmsync.server.accounts.custom_data import collection_of
from realmsync.server.accounts.file.custom_data import CollectionName
from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT, SdkHttp

ADA, BO, CY = (f"65a000000000000000000{n}" for n in ("a01", "b02", "c03"))
TOKEN = {"provider_type": "custom-token", "id": "M7"}
USERS = [
    {
        "_id": ADA,
        "email": "ada@guild.example",
        "password_hash": hash_password("old horse").decode(),
    },
    {"_id": {"$oid": BO}, "identities": [TOKEN], "data": {"nick": "Finch"}},
    {"_id": CY, "disabled": True, "email": "cy@guild.example", "custom_data": {"rank": "smith"}},
]


@pytest.fixture
def data(server: Server) -> Path:
    return server.config.data


async def run(data: Path, *arguments: str) -> Result:
    """A command, in a thread: the server runs meanwhile."""
    options = [*arguments, "--data", str(data), "--app", "app"]
    return await asyncio.to_thread(CliRunner().invoke, main, ["user", *options])


async def imported(data: Path, tmp_path: Path, users: Any) -> Result:
    path = tmp_path / "users.json"
    path.write_text(json.dumps(users))
    return await run(data, "import", str(path))


@pytest.fixture
async def guild(server: Server, app: ConfiguredApp, tmp_path: Path, data: Path) -> ConfiguredApp:
    app.keep_custom_data()
    await collection_of(server.users, app.running).prepare()
    app.provide("local-userpass")
    app.provide("custom-token", secrets={"signingKeys": ("s" * 40,)})
    result = await imported(data, tmp_path, USERS)
    assert (result.output, result.exit_code) == ("imported 3 users\n", 0)
    return app


async def by_password(http: SdkHttp, name: str, password: str) -> Any:
    path = f"{APP_PATH}/auth/providers/local-userpass/login"
    return await http("POST", path, {"username": name, "password": password})


async def test_identities_lead_to_the_old_ids(http: SdkHttp, guild: ConfiguredApp) -> None:
    ada = await by_password(http, "ada@guild.example", "old horse")
    assert ada.json["user_id"] == ADA
    token = jwt.encode({"aud": "app", "sub": "M7", "exp": 4070908800}, "s" * 40)
    path = f"{APP_PATH}/auth/providers/custom-token/login"
    bo = await http("POST", path, {"token": token})
    assert bo.json["user_id"] == BO
    wrong = await by_password(http, "ada@guild.example", "new horse")
    assert wrong.json["error_code"] == "InvalidPassword"


async def test_a_disabled_user_stays_so(server: Server, guild: ConfiguredApp) -> None:
    assert (await server.users.user(CY)).disabled


async def test_without_a_password_nobody_logs_in(http: SdkHttp, guild: ConfiguredApp) -> None:
    for password in ("", "None", "correct horse"):
        reply = await by_password(http, "cy@guild.example", password)
        assert reply.json["error_code"] == "InvalidPassword"


async def test_custom_data_come_along(server: Server, guild: ConfiguredApp) -> None:
    found = await server.custom_data("app").find_one(CY)
    assert found is not None
    assert (found["user"], found["rank"]) == (CY, "smith")


async def test_imported_users_are_not_new(http: SdkHttp, guild: ConfiguredApp) -> None:
    guild.keep_custom_data(on_user_creation="welcome")
    guild.functions.by_name["welcome"] = lambda user: pytest.fail("he is known")
    assert (await by_password(http, "ada@guild.example", "old horse")).status == 200


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        ({"_id": ADA}, f"there is a user {ADA} already"),
        (
            {"_id": "5" * 24, "email": "cy@guild.example"},
            "has an account 'cy@guild.example' already",
        ),
        ({"_id": "5" * 24, "identities": [TOKEN]}, "identity 'M7' of custom-token already"),
        ({"_id": "5"}, "24 hexadecimal digits"),
        ({"_id": "5" * 24, "custom_data": {"user": "x"}}, "custom_data: user of a user's"),
        ({"_id": "5" * 24, "custom_data": {"a": {"$oid": 5}}}, "custom_data: "),
    ],
)
async def test_who_is_there_already(
    server: Server, guild: ConfiguredApp, data: Path, tmp_path: Path, again: Any, reason: str
) -> None:
    result = await imported(data, tmp_path, [{"_id": "4" * 24}, again])
    assert result.exit_code == 1
    assert reason in result.output
    pages = await server.users.read(lambda file: list(file.listing.summaries("app")))
    assert len(pages[0]) == 3, "all or none"


async def test_what_is_lost_is_told(server: Server, data: Path, tmp_path: Path) -> None:
    user = {"_id": ADA, "identities": [{"provider_type": "api-key", "id": "k"}]}
    result = await imported(data, tmp_path, [user])
    assert f"line 1: user {ADA}: api-key: such identities cannot be kept" in result.output


async def test_custom_data_without_a_collection(data: Path, tmp_path: Path) -> None:
    result = await imported(data, tmp_path, [{"_id": ADA, "custom_data": {}}])
    assert "line 1: custom_data: app app keeps no custom user data" in result.output


async def test_files_that_cannot_be_read(data: Path, tmp_path: Path) -> None:
    missing = await run(data, "import", str(tmp_path / "missing"))
    assert "cannot read" in missing.output
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert "is no UTF-8 text" in (await run(data, "import", str(tmp_path / "latin"))).output


async def test_commands_for_custom_data(
    server: Server, guild: ConfiguredApp, data: Path, http: SdkHttp
) -> None:
    assert "has no custom data" in (await run(data, "data", "show", ADA)).output
    await run(data, "data", "set", "ada@guild.example", '{"rank": "smith", "level": 1}')
    await run(data, "data", "update", ADA, '{"level": {"$numberLong": "2"}}', "--remove", "rank")
    shown = json.loads((await run(data, "data", "show", ADA)).output)
    assert shown["level"] == {"$numberLong": "2"}
    assert "rank" not in shown
    log_in = await by_password(http, "ada@guild.example", "old horse")
    assert await server.custom_data("app").find_one(log_in.json["user_id"]) is not None
    assert (await run(data, "data", "delete", ADA)).exit_code == 0
    assert await server.custom_data("app").find_one(ADA) is None


async def test_documents_of_a_dump(
    server: Server, guild: ConfiguredApp, data: Path, tmp_path: Path
) -> None:
    dump = tmp_path / "members.json"
    dump.write_text(f'{{"_id": 1, "user": "{ADA}"}}\n{{"_id": 2, "user": {{"$oid": "{BO}"}}}}\n')
    assert (await run(data, "data", "import", str(dump))).output == "imported 2 documents\n"
    assert await server.custom_data("app").find_one(BO) is not None
    dump.write_text('{"_id": 1}\n{"a": {"$oid": 5}}')
    assert (await run(data, "data", "import", str(dump))).exit_code == 1


@pytest.mark.parametrize(
    "document", ["", "[]", "5", '{"a": {"$oid": 5}}', "{" * 5000, '{"user": 1}']
)
async def test_documents_that_are_none(guild: ConfiguredApp, data: Path, document: str) -> None:
    result = await run(data, "data", "set", ADA, document)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


async def test_an_app_with_several_collections(
    server: Server, guild: ConfiguredApp, data: Path
) -> None:
    other = CollectionName("app", "guild", "others")
    await server.users.change(lambda file: file.custom_data.set_field(other, "user"))
    result = await run(data, "data", "set", ADA, "{}")
    assert "choose guild.members, guild.others" in result.output
    chosen = await run(data, "data", "set", ADA, "{}", "--collection", "guild.others")
    assert chosen.exit_code == 0
    assert await server.custom_data("app").find_one(ADA) is None


async def test_a_server_that_runs_notices(
    server: Server, guild: ConfiguredApp, data: Path, http: SdkHttp
) -> None:
    before = await server.users.read(lambda file: file.custom_data.last_change())
    log_in = (await by_password(http, "ada@guild.example", "old horse")).json
    await run(data, "data", "set", ADA, '{"rank": "smith"}')
    claims = jwt.decode(log_in["access_token"], options={"verify_signature": False})
    changed = await server.users.read(
        lambda file: file.custom_data.changed_since(before, [claims["sid"], "another"])
    )
    assert changed == [ADA]
    after = await server.users.read(lambda file: file.custom_data.last_change())
    assert (
        await server.users.read(lambda file: file.custom_data.changed_since(after, [claims["sid"]]))
        == []
    )
    reply = await http("GET", f"{CLIENT}/auth/profile", token=log_in["access_token"])
    assert reply.status == 200
