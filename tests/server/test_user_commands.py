"""`realmsync user` on a data directory without a server; with one: test_log_ins_that_end.py."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from realmsync import _core
from realmsync.cli import main
from realmsync.server.accounts.credentials import secret_hash
from realmsync.server.accounts.file import listing
from realmsync.server.accounts.file.records import Gone, LogInEnd
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.users import Users

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    UserFile(tmp_path / "users.sqlite").close()
    return tmp_path


@pytest.fixture
def users(data: Path) -> Any:
    with closing(UserFile(data / "users.sqlite")) as file:
        yield file


Run = Callable[..., Result]


@pytest.fixture
def run(data: Path) -> Run:
    def run_it(*arguments: str, input: str | bytes | None = None) -> Result:
        command, *rest = arguments
        words = ["user", *command.split(), "--data", str(data), *rest]
        return CliRunner().invoke(main, words, input=input)

    return run_it


def account(users: UserFile, name: str, app_id: str = "app") -> str:
    """An account whose user has logged in once; gives the user's id."""
    users.accounts.add(app_id, name, b"stored")
    user_id = users.accounts.user(app_id, name).id
    users.log_ins.open(user_id, "device", 10)
    return user_id


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def log_ins(users: UserFile, user_id: str) -> int:
    return len(users.log_ins.of_user(user_id))


def assert_refused(result: Result, text: str, exit_code: int = 1) -> None:
    assert result.exit_code == exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    assert text in result.stderr
    assert "Traceback" not in result.output


def test_list(users: UserFile, run: Run) -> None:
    ada = account(users, "ada@example.org")
    guest = users.users.create_anonymous("other").id
    users.accounts.add("app", "bob@example.org", b"stored")
    users.users.set_disabled(guest, True)
    by_name = {tuple(user["names"]): user for user in listed(run)}
    assert set(by_name) == {("ada@example.org",), ("bob@example.org",), ()}
    known = by_name["ada@example.org",]
    assert (known["id"], known["app"], known["disabled"]) == (ada, "app", False)
    assert (known["log_ins"], known["providers"]) == (1, ["local-userpass"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", known["created"])
    assert known["last_seen"] >= known["created"]
    never = by_name["bob@example.org",]
    assert (never["id"], never["created"], never["last_seen"]) == (None, None, None)
    anonymous = by_name[()]
    assert (anonymous["providers"], anonymous["disabled"]) == (["anon-user"], True)
    assert [user["id"] for user in listed(run, "--app", "other")] == [guest]


def test_list_as_text(users: UserFile, run: Run) -> None:
    assert run("list").stdout.split() == ["ID", "APP", "STATE", "LOG-INS", "LAST", "SEEN", "NAME"]
    ada = account(users, "ada\x1b[2J@example.org")
    head, row = run("list").stdout.splitlines()
    assert row.startswith(f"{ada}  app  enabled  1        20")
    assert row.endswith("ada\\x1b[2J@example.org"), "names are strangers' text"
    assert head.index("NAME") == row.index("ada\\x1b")


def test_who_has_no_account_is_listed_by_what_he_is_elsewhere(users: UserFile, run: Run) -> None:
    users.users.of_identity("app", "custom-token", "M\x077", {})
    users.users.create_anonymous("app")
    ada = account(users, "ada@example.org")
    users.users.link("app", "oauth2-google", "1234", {}, ada)
    names = [line.split("  ")[-1].strip() for line in run("list").stdout.splitlines()[1:]]
    assert sorted(names) == ["(anonymous)", "ada@example.org", "custom-token: M\\x077"]
    (known,) = [user for user in listed(run) if user["id"] == ada]
    assert known["names"] == ["ada@example.org"]
    assert {(i["provider"], i["name"]) for i in known["identities"]} == {
        ("local-userpass", "ada@example.org"),
        ("oauth2-google", "1234"),
    }


@pytest.mark.parametrize("apps", [None, ["tasks-abcde", "be/ta"]], ids=["one", "named"])
def test_apps_that_no_server_has_had(
    users: UserFile, run: Run, data: Path, apps: list[str] | None
) -> None:
    """Nobody would ever see who is made there."""
    file = data / "users.json"
    file.write_text(json.dumps([{"_id": "5" * 24}]))
    commands = [("import", str(file)), ("add", "ada@example.org", "--password-stdin")]
    commands += [("api-key add", "nightly"), ("import", str(file), "--users-from", "_id")]
    engine = _core.ServerRuntime(str(data / "sync"), apps=apps, durability="process")
    engine.close()
    known = ["be/ta", "tasks-abcde"] if apps else ["app"]
    for command in commands:
        refused = run(*command, "--app", "tsaks-abcde", input="correct horse")
        assert_refused(refused, "no server has had an app 'tsaks-abcde' here, only")
        assert ", ".join(known) in refused.stderr
    assert listed(run) == [] and users.api_keys.of_app(None) == []
    for command in commands[:3]:
        assert run(*command, "--app", known[0], input="correct horse").exit_code == 0


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_lists_of_several_pages(
    users: UserFile, run: Run, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(listing, "_PAGE", size)
    ids = [users.users.create_anonymous(app).id for app in ("b", "app", "b", "b", "app")]
    ids += [account(users, f"{n}@example.org") for n in range(2)]
    for app, name in (("b", "x"), ("app", "z"), ("app", "y")):
        users.accounts.add(app, name, b"stored")
    users.database.execute("UPDATE users SET created = 2 - (id = ?)", (ids[4],))
    order = [ids[4], *sorted([ids[1], *ids[5:]]), *sorted([ids[0], *ids[2:4]])]
    assert [u["id"] for u in listed(run)] == [*order, None, None, None]
    assert [u["names"] for u in listed(run)][-3:] == [["y"], ["z"], ["x"]]
    assert [u["id"] for u in listed(run, "--app", "b")] == [*order[4:], None]
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", *order, "-", "-", "-"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_disable_and_enable(users: UserFile, run: Run, by: str) -> None:
    ada = account(users, "ada@example.org")
    who = ada if by == "id" else "ada@example.org"
    result = run("disable", who)
    assert result.stdout == f"disabled {ada} (ada@example.org) of app app\n"
    assert listed(run)[0]["disabled"]
    assert listed(run)[0]["log_ins"] == 1, "enabled, the devices go on"
    assert run("enable", who).stdout == f"enabled {ada} (ada@example.org) of app app\n"
    assert not listed(run)[0]["disabled"]


def test_an_account_that_never_logged_in_can_be_disabled(users: UserFile, run: Run) -> None:
    users.accounts.add("app", "bob@example.org", b"stored")
    assert run("disable", "bob@example.org").exit_code == 0
    assert users.accounts.user("app", "bob@example.org").disabled


def test_log_out(users: UserFile, run: Run) -> None:
    ada, bob = account(users, "ada@example.org"), account(users, "bob@example.org")
    cyd = account(users, "cyd@example.org")
    result = run("log-out", ada, "bob@example.org", "--json")
    assert json.loads(result.stdout) == [
        {"id": ada, "app": "app", "names": ["ada@example.org"]},
        {"id": bob, "app": "app", "names": ["bob@example.org"]},
    ]
    assert [log_ins(users, user) for user in (ada, bob, cyd)] == [0, 0, 1]


def test_nothing_is_done_when_one_of_several_is_unknown(users: UserFile, run: Run) -> None:
    ada = account(users, "ada@example.org")
    assert_refused(run("log-out", ada, "nobody@example.org"), "no user 'nobody@example.org'")
    assert log_ins(users, ada) == 1


def test_delete(users: UserFile, run: Run) -> None:
    ada = account(users, "ada@example.org")
    users.accounts.add("app", "bob@example.org", b"stored")
    refused = run("delete", ada, input="n\n")
    assert refused.exit_code == 1
    assert f"{ada} (ada@example.org) of app app\nDelete for good?" in refused.stderr
    assert run("delete", ada).exit_code == 1, "no answer is no yes"
    assert len(listed(run)) == 2
    assert run("delete", ada, input="y\n").exit_code == 0
    assert run("delete", "bob@example.org", "--yes").stdout == (
        "deleted account (bob@example.org) of app app\n"
    )
    assert listed(run) == []
    users.accounts.add("app", "ada@example.org", b"the name is free again")


def test_users_of_one_name_in_several_apps(users: UserFile, run: Run) -> None:
    one, two = account(users, "ada@example.org", "one"), account(users, "ada@example.org", "two")
    assert_refused(
        run("log-out", "ada@example.org"), "is a user of several apps: choose one of one, two"
    )
    assert run("log-out", "ada@example.org", "--app", "two").exit_code == 0
    assert (log_ins(users, one), log_ins(users, two)) == (1, 0)
    assert_refused(
        run("log-out", "ada@example.org", "--app", "three"), "in app three, but in one, two"
    )


def test_a_name_that_is_the_id_of_another(users: UserFile, run: Run) -> None:
    """Anybody may register one, and must not be able to stand before that user."""
    ada = account(users, "ada@example.org")
    users.accounts.add("app", ada, b"stored")
    eve = account(users, ada, "other")
    assert run("log-out", ada).exit_code == 0
    assert (log_ins(users, ada), log_ins(users, eve)) == (0, 1)
    assert run("log-out", eve).exit_code == 0
    assert log_ins(users, eve) == 0


def test_names_that_are_nearly_right(users: UserFile, run: Run) -> None:
    account(users, "ada@example.org")
    assert_refused(run("disable", " Ada@Example.org"), "Did you mean 'ada@example.org'?")
    assert_refused(run("disable", "bob@example.org"), "no user 'bob@example.org'\n")


def stored_matches(data: Path, name: str, password: str, app_id: str = "app") -> bool:
    async def check() -> bool:
        users = Users(data / "users.sqlite")
        await users.open()
        try:
            return await users.check_password(app_id, name, password)
        finally:
            await users.close()

    return asyncio.run(check())


def test_reset_password(users: UserFile, run: Run, data: Path) -> None:
    ada = account(users, "ada@example.org")
    result = run("reset-password", "ada@example.org", input="new horse\nnew horse\n")
    assert result.stdout == f"new password for {ada} (ada@example.org) of app app\n"
    assert "new horse" not in result.output, "what is typed is not shown"
    assert stored_matches(data, "ada@example.org", "new horse")
    assert log_ins(users, ada) == 0, "who has the old password may have logged in"


def test_reset_password_from_standard_input(users: UserFile, run: Run, data: Path) -> None:
    ada = account(users, "ada@example.org")
    arguments = ("reset-password", ada, "--password-stdin", "--keep-log-ins")
    assert run(*arguments, input="new horse\r\n").exit_code == 0
    assert stored_matches(data, "ada@example.org", "new horse")
    assert log_ins(users, ada) == 1
    assert_refused(run(*arguments, input=b"\xff\xff\xff\xff\xff\xff"), "must be UTF-8")
    assert_refused(run(*arguments, input="short"), "between 6 and 128 characters")
    assert_refused(run(*arguments, input=""), "between 6 and 128 characters")
    assert stored_matches(data, "ada@example.org", "new horse")


def test_passwords_that_users_do_not_have(users: UserFile, run: Run, data: Path) -> None:
    guest = users.users.create_anonymous("app").id
    arguments = ("--password-stdin",)
    assert_refused(run("reset-password", guest, *arguments, input="new horse"), "is anonymous")
    for name in ("ada@example.org", "ada@example.com"):
        users.accounts.add("app", name, b"stored")
        users.users.link("app", "local-userpass", name, {}, guest)
    refused = run("reset-password", guest, *arguments, input="new horse")
    assert_refused(refused, "has several accounts: choose one of ")
    assert run("reset-password", "ada@example.com", *arguments, input="new horse").exit_code == 0
    assert stored_matches(data, "ada@example.com", "new horse")
    assert users.accounts.find("app", "ada@example.org").password == b"stored"


def test_add(users: UserFile, run: Run, data: Path) -> None:
    arguments = ("--app", "tasks", "--password-stdin")
    result = run("add", "ada@example.org", *arguments, input="correct horse\n")
    assert result.stdout == "added account (ada@example.org) of app tasks\n"
    assert stored_matches(data, "ada@example.org", "correct horse", "tasks")
    again = run("add", "ada@example.org", *arguments, input="another horse\n")
    assert_refused(again, "app tasks has an account 'ada@example.org' already")
    assert_refused(run("add", "a\nb", *arguments, input="correct horse"), "control characters")
    assert_refused(run("add", "bob", "--app", "tasks", input="short\nshort\n"), "between 6 and 128")
    assert_refused(run("add", "bob", input="correct horse\n"), "--app", 2)


def idle_since(users: UserFile, user_id: str, days: float) -> None:
    """As if the user had come that long ago, and was last there then."""
    ms = time.time() * 1000 - days * DAY_MS
    users.database.execute("UPDATE users SET created = ? WHERE id = ?", (ms // 1000, user_id))
    users.database.execute("UPDATE sessions SET used = ? WHERE user_id = ?", (int(ms), user_id))


def anonymous(users: UserFile, days: float, app_id: str = "app") -> str:
    user_id = users.users.create_anonymous(app_id).id
    users.log_ins.open(user_id, "device", 10)
    idle_since(users, user_id, days)
    return user_id


def test_prune(users: UserFile, run: Run) -> None:
    away, there = anonymous(users, 91), anonymous(users, 89)
    elsewhere = anonymous(users, 91, "other")
    back = anonymous(users, 91)
    users.log_ins.open(back, "device", 10)
    logged_out = anonymous(users, 91)
    users.log_ins.end_all(logged_out)
    named = anonymous(users, 91)
    users.accounts.add("app", "ada@example.org", b"stored")
    users.users.link("app", "local-userpass", "ada@example.org", {}, named)
    idle_since(users, account(users, "bob@example.org"), 91)
    before = {user["id"] for user in listed(run)}

    refused = run("prune", "--older-than", "90d", input="n\n")
    assert "Delete 3 anonymous users who were last there before 20" in refused.stderr
    assert {user["id"] for user in listed(run)} == before
    result = run("prune", "--older-than", "90d", "--app", "app", "--yes", "--json")
    assert json.loads(result.stdout) == {"deleted": 2}
    assert before - {user["id"] for user in listed(run)} == {away, logged_out}
    assert run("prune", "--older-than", "12w", "--yes").stdout == "deleted 2 anonymous users\n"
    left = {user["id"] for user in listed(run)}
    assert left & {there, elsewhere, back, named} == {back, named}
    assert run("prune", "--older-than", "90d").stdout == "deleted 0 anonymous users\n", "not asked"


def test_prune_of_many(users: UserFile, run: Run) -> None:
    with users.database.transaction():
        for _ in range(2100):
            idle_since(users, users.users.create_anonymous("app").id, 100)
    assert run("prune", "--older-than", "90d", "--yes").stdout == "deleted 2,100 anonymous users\n"
    assert listed(run) == []


@pytest.mark.parametrize(
    ("age", "exit_code", "told"),
    [
        ("90", 2, "'90' is no number of days or weeks, such as 90d or 12w"),
        ("-1d", 2, "no number of days or weeks"),
        ("1y", 2, "no number of days or weeks"),
        ("1d", 1, "after 2 days at the earliest"),
        ("0d", 1, "after 2 days at the earliest"),
    ],
)
def test_ages_that_are_none(users: UserFile, run: Run, age: str, exit_code: int, told: str) -> None:
    anonymous(users, 0)
    assert_refused(run("prune", "--older-than", age, "--yes"), told, exit_code)
    assert len(listed(run)) == 1


@pytest.mark.parametrize("kind", ["nothing", "no users", "damaged", "newer"])
def test_directories_that_are_none(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    if kind != "nothing":
        data.mkdir()
    if kind == "damaged":
        (data / "users.sqlite").write_bytes(b"no database" * 100)
    elif kind == "newer":
        UserFile(data / "users.sqlite").close()
        with closing(sqlite3.connect(data / "users.sqlite")) as database:
            database.execute("PRAGMA user_version = 99")
    told = {
        "damaged": "cannot use the users' file",
        "newer": "a newer version of realmsync has written it",
    }.get(kind, "there is no server's data in")
    for arguments in (["list"], ["add", "ada", "--app", "app", "--password-stdin"]):
        result = CliRunner().invoke(
            main, ["user", *arguments, "--data", str(data)], input="correct horse"
        )
        assert_refused(result, told)
    assert not (data / "users.sqlite").exists() or kind in ("damaged", "newer")


def test_the_folder_of_the_server_s_environment(users: UserFile, data: Path) -> None:
    account(users, "ada@example.org")
    result = CliRunner().invoke(
        main, ["user", "list", "--json"], env={"REALMSYNC_SERVE_DATA": str(data)}
    )
    assert [user["names"] for user in json.loads(result.stdout)] == [["ada@example.org"]]


def test_what_a_server_sees(users: UserFile, run: Run) -> None:
    """A change of another process, and which of its log-ins ended how."""
    ada, bob, cyd = (account(users, f"{name}@example.org") for name in ("ada", "bob", "cyd"))
    sessions = {user: users.log_ins.of_user(user)[0] for user in (ada, bob, cyd)}
    assert not users.database.changed_by_others()
    users.users.set_disabled(ada, False)
    assert not users.database.changed_by_others(), "its own writes are none"
    assert run("disable", ada).exit_code == 0
    assert run("log-out", bob).exit_code == 0
    assert users.database.changed_by_others()
    assert not users.database.changed_by_others()
    assert users.log_ins.ended_among(sessions.values()) == {
        sessions[ada]: LogInEnd.DISABLED,
        sessions[bob]: LogInEnd.ENDED,
    }


def test_accounts_that_wait(users: UserFile, run: Run) -> None:
    users.accounts.add("app", "ada@example.org", b"stored", is_confirmed=False)
    users.accounts.add("app", "bob@example.org", b"stored", is_confirmed=False)
    assert [user["pending"] for user in listed(run)] == [True, True]
    assert " pending " in run("list").stdout
    assert_refused(run("confirm", "ada@example.org", "cyd"), "no user 'cyd'")
    result = run("confirm", "ada@example.org")
    assert result.stdout == "confirmed account (ada@example.org) of app app\n"
    assert [user["pending"] for user in listed(run)] == [False, True]
    guest = users.users.create_anonymous("app").id
    assert_refused(run("confirm", guest), "is anonymous")


@pytest.mark.parametrize("purpose", ["confirm", "reset"])
def test_links_of_mails(users: UserFile, run: Run, purpose: str) -> None:
    users.accounts.add("app", "ada@example.org", b"stored", is_confirmed=False)
    url = "https://example.org/page?x=1"
    text = run("mail-link", "ada@example.org", purpose, "--url", url).stdout.strip()
    link = json.loads(run("mail-link", "ada@example.org", purpose, "--url", url, "--json").stdout)
    for found in (text, link["link"]):
        assert found.startswith(f"{url}&token=")
        query = parse_qs(urlsplit(found).query)
        (token,), (token_id,) = query["token"], query["tokenId"]
        assert users.mail_tokens.is_good("app", purpose, token_id, secret_hash(token), time.time())
    assert_refused(run("mail-link", "nobody", purpose, "--url", url), "no user 'nobody'")


def test_keys_of_servers(users: UserFile, run: Run) -> None:
    text = run("api-key add", "nightly", "--app", "app").stdout.strip()
    other = json.loads(run("api-key add", "daily", "--app", "b", "--json").stdout)
    key = users.api_keys.known("app", secret_hash(text))
    assert key is not None and users.users.load(key.user_id).type == "server"
    assert users.api_keys.known("b", secret_hash(other["key"])) is not None
    keys = json.loads(run("api-key list", "--json").stdout)
    assert [found["name"] for found in keys] == ["nightly", "daily"]
    assert all("key" not in found for found in keys)
    head, *rows = run("api-key list").stdout.splitlines()
    assert head.split() == ["ID", "APP", "STATE", "USER", "NAME"]
    assert rows[0].split() == [key.id, "app", "enabled", key.user_id, "nightly"]
    assert rows[1].endswith("daily")
    assert len(json.loads(run("api-key list", "--app", "app", "--json").stdout)) == 1

    session_id, _ = users.log_ins.open(key.user_id, "device", 10, key.id)
    assert run("api-key disable", key.id).stdout == f"disabled {key.id} (nightly) of app app\n"
    assert users.log_ins.owner(session_id) is None
    with pytest.raises(Gone):
        users.log_ins.open(key.user_id, "device", 10, key.id)
    assert run("api-key enable", key.id).exit_code == 0
    users.log_ins.open(key.user_id, "device", 10, key.id)
    assert_refused(run("api-key delete", key.id, "0" * 24), f"no API key '{'0' * 24}'")
    assert run("api-key delete", key.id).exit_code == 0
    assert_refused(run("api-key delete", key.id), f"no API key '{key.id}'")
    with pytest.raises(Gone):
        users.users.load(key.user_id)
    assert_refused(run("api-key add", "", "--app", "app"), "name is required")


def test_servers_are_not_idle(users: UserFile, run: Run) -> None:
    run("api-key add", "nightly", "--app", "app")
    users.database.execute("UPDATE users SET created = 1")
    assert run("prune", "--older-than", "90d").stdout == "deleted 0 anonymous users\n"
