"""Every row of app-services-http.md section 11, in apps that confirm in each of the three ways."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from configured import configure
from engine_double import EngineDouble
from eventually import eventually
from functions_double import FunctionsDouble
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.functions.port import FunctionFailed
from realmsync.server.mail import Mail
from realmsync.server.process import Server
from sdk_http import APP_ID, APP_PATH, CLIENT, Reply, SdkHttp

EMAIL, PASSWORD, NEW = "ada@example.org", "correct horse", "better horse"
URLS = {
    "emailConfirmationUrl": "https://example.org/confirm",
    "resetPasswordUrl": "https://example.org/reset?lang=en",
    "confirmEmailSubject": "Welcome",
}
NOT_FOUND = (404, "user not found", "UserNotFound")
BAD_TOKEN = (400, "invalid token data", "BadRequest")
CONFIRMED = (400, "already confirmed", "UserAlreadyConfirmed")
IN_USE = (409, "name already in use", "AccountNameInUse")
UNAUTHORIZED = (401, "unauthorized", "InvalidPassword")
REQUIRED = (401, "confirmation required", "AuthError")


def refused(reply: Reply) -> tuple[int, str, str]:
    return (reply.status, reply.json["error"], reply.json["error_code"])


class Accounts:
    """The calls of an SDK's e-mail client."""

    def __init__(self, http: SdkHttp) -> None:
        self.http = http

    async def __call__(self, call: str, **body: Any) -> Reply:
        return await self.http("POST", f"{APP_PATH}/auth/providers/local-userpass/{call}", body)

    async def register(self, email: str = EMAIL, password: str = PASSWORD) -> Reply:
        return await self("register", email=email, password=password)

    async def log_in(self, password: str = PASSWORD, email: str = EMAIL) -> Reply:
        return await self("login", provider="local-userpass", username=email, password=password)


@pytest.fixture
def mails() -> list[Mail]:
    return []


@pytest.fixture
def registration() -> bool:
    return True


@pytest.fixture
async def server(tmp_path: Path, mails: list[Mail], registration: bool) -> AsyncIterator[Server]:
    config = ServerConfig(
        data=tmp_path,
        host="127.0.0.1",
        port=0,
        mail=mails.append,
        registration=registration,
        http=HttpLimits(mails_burst=20),
    )
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
def accounts(server: Server) -> Accounts:
    return Accounts(SdkHttp(server.url))


async def mailed(mails: list[Mail], count: int) -> Mail:
    await eventually(lambda: len(mails) >= count)
    return mails[-1]


def token_of(mail: Mail) -> dict[str, str]:
    """As the page reads it that the link leads to."""
    query = parse_qs(urlsplit(mail.link).query, strict_parsing=True)
    return {"token": query["token"][0], "tokenId": query["tokenId"][0]}


async def test_confirmed_at_once(server: Server, accounts: Accounts) -> None:
    configure(server, APP_ID, autoConfirm=True, resetPasswordUrl="https://example.org/reset")
    assert (await accounts.register()).status == 201
    assert (await accounts.log_in()).status == 200
    assert refused(await accounts.register()) == IN_USE
    assert refused(await accounts.register(password="other horse")) == IN_USE
    assert refused(await accounts("confirm/send", email=EMAIL)) == CONFIRMED
    automatic = f"cannot run confirmation for {EMAIL}: automatic confirmation is enabled"
    assert refused(await accounts("confirm/call", email=EMAIL)) == (400, automatic, "BadRequest")
    failed = f'failed to reset password for user "{EMAIL}"'
    reply = await accounts("reset/call", email=EMAIL, password=NEW, arguments=[])
    assert refused(reply) == (400, failed, "BadRequest"), "there is no function"


@pytest.mark.parametrize("call", ["confirm/send", "confirm/call", "reset/send", "reset/call"])
async def test_names_that_nobody_has(server: Server, accounts: Accounts, call: str) -> None:
    configure(server, APP_ID, autoConfirm=True, **URLS)
    reply = await accounts(call, email="nobody", password=NEW, arguments=[])
    assert refused(reply) == NOT_FOUND


@pytest.mark.parametrize("length", [0, 5, 129])
async def test_lengths_of_passwords(server: Server, accounts: Accounts, length: int) -> None:
    functions = FunctionsDouble(reset=lambda *_: {"status": "success"})
    how = {"runResetFunction": True, "resetFunctionName": "reset"}
    configure(server, APP_ID, functions, autoConfirm=True, **how)
    told = (400, "password must be between 6 and 128 characters", "BadRequest")
    assert refused(await accounts.register(password="x" * length)) == told
    assert (await accounts.register()).status == 201
    assert refused(await accounts("reset/call", email=EMAIL, password="x" * length)) == told
    assert functions.calls == []


async def test_confirmed_by_mail(server: Server, accounts: Accounts, mails: list[Mail]) -> None:
    configure(server, APP_ID, **URLS)
    assert (await accounts.register()).status == 201
    assert refused(await accounts.log_in()) == REQUIRED
    assert refused(await accounts.log_in("wrong horse")) == UNAUTHORIZED, "told to its owner alone"
    assert refused(await accounts.register()) == IN_USE
    first = await mailed(mails, 1)
    assert (first.to, first.purpose, first.subject) == (EMAIL, "confirm", "Welcome")
    assert first.link.startswith("https://example.org/confirm?token=")
    assert first.link in first.text
    assert (await accounts("confirm/send", email=EMAIL)).status == 200
    second = await mailed(mails, 2)
    assert first.token != second.token
    assert (await accounts("confirm", **token_of(first))).status == 200, "the older one, too"
    assert (await accounts.log_in()).status == 200
    for mail in (first, second):
        assert refused(await accounts("confirm", **token_of(mail))) == BAD_TOKEN, "good once"
    assert refused(await accounts("confirm/send", email=EMAIL)) == CONFIRMED


async def test_reset_by_mail(server: Server, accounts: Accounts, mails: list[Mail]) -> None:
    configure(server, APP_ID, autoConfirm=True, **URLS)
    await accounts.register()
    logged_in = (await accounts.log_in()).json
    assert (await accounts("reset/send", email=EMAIL)).status == 200
    mail = await mailed(mails, 1)
    assert mail.link.startswith("https://example.org/reset?lang=en&token=")
    short = await accounts("reset", **token_of(mail), password="x")
    assert short.status == 400, "and the token is still good"
    assert (await accounts("reset", **token_of(mail), password=NEW)).status == 200
    assert refused(await accounts.log_in()) == UNAUTHORIZED
    assert (await accounts.log_in(NEW)).json["user_id"] == logged_in["user_id"]
    refreshed = await accounts.http(
        "POST", f"{CLIENT}/auth/session", token=logged_in["refresh_token"]
    )
    assert refreshed.status == 401, "who knew the old password is logged out"
    assert refused(await accounts("reset", **token_of(mail), password=NEW)) == BAD_TOKEN


async def test_a_reset_does_not_confirm(
    server: Server, accounts: Accounts, mails: list[Mail]
) -> None:
    """Who is confirmed may be a decision of somebody's; a mailbox alone does not make it."""
    configure(server, APP_ID, resetPasswordUrl="https://example.org/reset")
    await accounts.register()
    assert refused(await accounts.log_in()) == REQUIRED, "nobody can, but an operator"
    await accounts("reset/send", email=EMAIL)
    assert (await accounts("reset", **token_of(await mailed(mails, 1)), password=NEW)).status == 200
    assert refused(await accounts.log_in(NEW)) == REQUIRED


@pytest.mark.parametrize(
    ("token", "id"), [("", ""), ("0" * 64, ""), ("\ud800"[:0], "0" * 24), ("x" * 5000, "y" * 900)]
)
async def test_tokens_that_nobody_sent(
    server: Server, accounts: Accounts, token: str, id: str
) -> None:
    configure(server, APP_ID, autoConfirm=True, **URLS)
    assert refused(await accounts("confirm", token=token, tokenId=id)) == BAD_TOKEN
    assert refused(await accounts("reset", token=token, tokenId=id, password=NEW)) == BAD_TOKEN


async def test_tokens_are_for_one_purpose(
    server: Server, accounts: Accounts, mails: list[Mail]
) -> None:
    configure(server, APP_ID, **URLS)
    await accounts.register()
    await accounts("reset/send", email=EMAIL)
    await mailed(mails, 2)
    confirm, reset = sorted(mails, key=lambda mail: mail.purpose)
    assert refused(await accounts("confirm", **token_of(reset))) == BAD_TOKEN
    assert refused(await accounts("reset", **token_of(confirm), password=NEW)) == BAD_TOKEN
    mixed = {"token": reset.token, "tokenId": confirm.token_id}
    assert refused(await accounts("confirm", **mixed)) == BAD_TOKEN
    assert (await accounts("confirm", **token_of(confirm))).status == 200


async def test_tokens_grow_old(
    server: Server, accounts: Accounts, mails: list[Mail], tmp_path: Path
) -> None:
    configure(server, APP_ID, **URLS)
    await accounts.register()
    mail = await mailed(mails, 1)
    with closing(sqlite3.connect(tmp_path / "users.sqlite")) as database, database:
        ((left,),) = database.execute(
            "SELECT expires - CAST(strftime('%s', 'now') AS INTEGER) FROM mail_tokens"
        )
        assert 1790 <= left <= 1800
        database.execute("UPDATE mail_tokens SET expires = expires - 1800")
    assert refused(await accounts("confirm", **token_of(mail))) == BAD_TOKEN


async def test_only_the_last_mails_are_good_and_none_is_in_the_file(
    server: Server, accounts: Accounts, mails: list[Mail], tmp_path: Path
) -> None:
    configure(server, APP_ID, **URLS)
    await accounts.register()
    for _ in range(5):
        assert (await accounts("confirm/send", email=EMAIL)).status == 200
    await mailed(mails, 6)
    with closing(sqlite3.connect(tmp_path / "users.sqlite")) as database:
        stored = database.execute("SELECT id, hash FROM mail_tokens").fetchall()
    assert {row[0] for row in stored} == {mail.token_id for mail in mails[1:]}
    assert not any(mail.token.encode() in row[1] for row in stored for mail in mails)
    assert refused(await accounts("confirm", **token_of(mails[0]))) == BAD_TOKEN


async def test_a_token_used_twice_at_the_same_time(
    server: Server, accounts: Accounts, mails: list[Mail]
) -> None:
    configure(server, APP_ID, autoConfirm=True, **URLS)
    await accounts.register()
    await accounts("reset/send", email=EMAIL)
    token = token_of(await mailed(mails, 1))
    passwords = [f"horse number {n}" for n in range(4)]
    replies = await asyncio.gather(*(accounts("reset", **token, password=p) for p in passwords))
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    winner = [reply.status for reply in replies].index(200)
    assert (await accounts.log_in(passwords[winner])).status == 200


@pytest.mark.parametrize(
    ("status", "registered", "logged_in"),
    [
        ("success", 201, 200),
        ("pending", 201, 401),
        ("fail", 400, 401),
        ("something", 400, 401),
        (None, 400, 401),
    ],
)
async def test_confirmed_by_a_function(
    server: Server, accounts: Accounts, status: Any, registered: int, logged_in: int
) -> None:
    functions = FunctionsDouble(decide=lambda account: {"status": status})
    configure(
        server,
        APP_ID,
        functions,
        runConfirmationFunction=True,
        confirmationFunctionName="decide",
        **URLS,
    )
    reply = await accounts.register()
    assert reply.status == registered
    ((account,),) = (call.arguments for call in functions.calls)
    assert (set(account), account["username"]) == ({"token", "tokenId", "username"}, EMAIL)
    if registered == 400:
        failed = (400, f'failed to confirm user "{EMAIL}"', "BadRequest")
        assert refused(reply) == failed
        assert refused(await accounts("confirm/call", email=EMAIL)) == NOT_FOUND
    assert (await accounts.log_in()).status == logged_in
    if status == "pending":
        token = {name: account[name] for name in ("token", "tokenId")}
        assert (await accounts("confirm", **token)).status == 200
        assert (await accounts.log_in()).status == 200


async def test_a_confirmation_function_that_is_asked_again(
    server: Server, accounts: Accounts
) -> None:
    answers = iter(["pending", "fail", "pending", "success"])
    functions = FunctionsDouble(decide=lambda account: {"status": next(answers)})
    how = {"runConfirmationFunction": True, "confirmationFunctionName": "decide"}
    configure(server, APP_ID, functions, **how)
    assert (await accounts.register()).status == 201
    failed = (400, f'failed to confirm user "{EMAIL}"', "BadRequest")
    assert refused(await accounts("confirm/call", email=EMAIL)) == failed
    assert (await accounts("confirm/call", email=EMAIL)).status == 200
    assert refused(await accounts.log_in()) == REQUIRED
    assert (await accounts("confirm/call", email=EMAIL)).status == 200
    assert (await accounts.log_in()).status == 200
    assert refused(await accounts("confirm/call", email=EMAIL)) == CONFIRMED


def raising(*_: Any) -> Any:
    raise FunctionFailed("no such thing")


@pytest.mark.parametrize("result", [raising, lambda *_: None, lambda *_: "success"])
async def test_functions_that_do_not_answer(
    server: Server, accounts: Accounts, result: Any
) -> None:
    functions = FunctionsDouble(decide=result)
    how = {"runConfirmationFunction": True, "confirmationFunctionName": "decide"}
    configure(server, APP_ID, functions, **how)
    assert (await accounts.register()).status == 400
    assert (await accounts.log_in()).status == 401


async def test_a_function_that_is_missing_is_a_step_that_is_off(
    server: Server, accounts: Accounts, mails: list[Mail], caplog: pytest.LogCaptureFixture
) -> None:
    how = {"runConfirmationFunction": True, "confirmationFunctionName": "gone"}
    configure(server, APP_ID, FunctionsDouble(), **how)
    assert (await accounts.register()).status == 201
    assert refused(await accounts.log_in()) == REQUIRED
    assert "waits for an operator: realmsync user confirm" in caplog.text
    told = f"cannot run confirmation for {EMAIL}: there is no confirmation function"
    assert refused(await accounts("confirm/call", email=EMAIL)) == (400, told, "BadRequest")
    assert (await accounts("confirm/send", email=EMAIL)).status == 400
    assert mails == []


async def test_registrations_at_the_same_time(server: Server, accounts: Accounts) -> None:
    functions = FunctionsDouble(decide=lambda account: {"status": "success"})
    how = {"runConfirmationFunction": True, "confirmationFunctionName": "decide"}
    configure(server, APP_ID, functions, **how)
    functions.may_go_on.clear()
    first = asyncio.ensure_future(accounts.register())
    await functions.began.wait()
    assert refused(await accounts.register(password="other horse")) == IN_USE
    assert refused(await accounts.log_in()) == REQUIRED
    functions.may_go_on.set()
    assert (await first).status == 201
    assert (await accounts.log_in()).status == 200
    assert len(functions.calls) == 1


async def test_many_registrations_of_one_name(server: Server, accounts: Accounts) -> None:
    configure(server, APP_ID, autoConfirm=True)
    passwords = [f"horse number {n}" for n in range(6)]
    replies = await asyncio.gather(*(accounts.register(password=p) for p in passwords))
    assert sorted(reply.status for reply in replies) == [201] + 5 * [409]
    winner = [reply.status for reply in replies].index(201)
    assert (await accounts.log_in(passwords[winner])).status == 200


async def test_reset_by_a_function(server: Server, accounts: Accounts) -> None:
    functions = FunctionsDouble(
        reset=lambda account, answer: {
            "status": "success" if answer == 42 or account["currentPasswordValid"] else "fail"
        }
    )
    how = {"runResetFunction": True, "resetFunctionName": "reset"}
    configure(server, APP_ID, functions, autoConfirm=True, **how, **URLS)
    await accounts.register()
    logged_in = (await accounts.log_in()).json
    by_function = (400, "please use reset password via function", "BadRequest")
    assert refused(await accounts("reset/send", email=EMAIL)) == by_function
    failed = (400, f'failed to reset password for user "{EMAIL}"', "BadRequest")
    reply = await accounts("reset/call", email=EMAIL, password=NEW, arguments=[1])
    assert refused(reply) == failed
    assert (await accounts.log_in()).status == 200
    answer = [{"$numberInt": "42"}]
    assert (await accounts("reset/call", email=EMAIL, password=NEW, arguments=answer)).status == 200
    assert refused(await accounts.log_in()) == UNAUTHORIZED
    assert (await accounts.log_in(NEW)).status == 200
    refreshed = await accounts.http(
        "POST", f"{CLIENT}/auth/session", token=logged_in["refresh_token"]
    )
    assert refreshed.status == 401
    reply = await accounts("reset/call", email=EMAIL, password=NEW, arguments=[0])
    assert reply.status == 200, "the password was the current one"
    first = functions.calls[0].arguments[0]
    assert set(first) == {"token", "tokenId", "username", "password", "currentPasswordValid"}
    assert (first["username"], first["password"], first["currentPasswordValid"]) == (
        EMAIL,
        NEW,
        False,
    )
    assert [call.arguments[0]["currentPasswordValid"] for call in functions.calls] == [
        False,
        False,
        True,
    ]


async def test_a_reset_function_that_waits_for_a_token(server: Server, accounts: Accounts) -> None:
    functions = FunctionsDouble(reset=lambda *_: {"status": "pending"})
    how = {"runResetFunction": True, "resetFunctionName": "reset"}
    configure(server, APP_ID, functions, autoConfirm=True, **how)
    await accounts.register()
    assert (await accounts("reset/call", email=EMAIL, password=NEW)).status == 200
    assert (await accounts.log_in()).status == 200, "nothing has changed yet"
    token = {name: functions.calls[0].arguments[0][name] for name in ("token", "tokenId")}
    assert (await accounts("reset", **token, password="third horse")).status == 200
    assert (await accounts.log_in("third horse")).status == 200


async def test_a_reset_function_that_fails_leaves_no_token(
    server: Server, accounts: Accounts
) -> None:
    functions = FunctionsDouble(reset=lambda *_: {"status": "fail"})
    how = {"runResetFunction": True, "resetFunctionName": "reset"}
    configure(server, APP_ID, functions, autoConfirm=True, **how)
    await accounts.register()
    assert (await accounts("reset/call", email=EMAIL, password=NEW)).status == 400
    token = {name: functions.calls[0].arguments[0][name] for name in ("token", "tokenId")}
    assert refused(await accounts("reset", **token, password=NEW)) == BAD_TOKEN


async def test_guesses_through_the_reset_function_are_delayed(
    server: Server, accounts: Accounts
) -> None:
    functions = FunctionsDouble(
        reset=lambda account: {"status": "success" if account["currentPasswordValid"] else "fail"}
    )
    how = {"runResetFunction": True, "resetFunctionName": "reset"}
    configure(server, APP_ID, functions, autoConfirm=True, **how)
    await accounts.register()
    statuses = [
        (await accounts("reset/call", email=EMAIL, password=f"guess {n}")).status for n in range(7)
    ]
    assert statuses == [400] * 5 + [429] * 2


async def test_mails_to_one_account_are_limited(tmp_path: Path, mails: list[Mail]) -> None:
    config = ServerConfig(data=tmp_path, host="127.0.0.1", port=0, mail=mails.append)
    async with Server(config, runtime=EngineDouble()) as server:
        accounts = Accounts(SdkHttp(server.url))
        configure(server, APP_ID, autoConfirm=True, **URLS)
        await accounts.register()
        replies = [await accounts("reset/send", email=EMAIL) for _ in range(6)]
        assert [reply.status for reply in replies] == [200] * 5 + [429]
        assert (await accounts("reset/send", email="other")).status == 404


async def test_without_a_way_to_send_mails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has the link. Who waits for a mail is told that there is none."""
    config = ServerConfig(data=tmp_path, host="127.0.0.1", port=0)
    async with Server(config, runtime=EngineDouble()) as server:
        accounts = Accounts(SdkHttp(server.url))
        configure(server, APP_ID, **URLS)
        assert (await accounts.register()).status == 201
        reply = await accounts("reset/send", email=EMAIL)
        assert refused(reply) == (400, "error processing request", "BadRequest")
        links = [word for word in caplog.text.split() if word.startswith("https://example.org/")]
        assert ["confirm" in link for link in links] == [True, False]
        query = parse_qs(urlsplit(links[0]).query)
        token = {"token": query["token"][0], "tokenId": query["tokenId"][0]}
        assert (await accounts("confirm", **token)).status == 200
        assert (await accounts.log_in()).status == 200


async def test_a_mail_that_cannot_be_sent_loses_no_account(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Mail] = []

    async def send(mail: Mail) -> None:
        if not sent:
            sent.append(mail)
            raise OSError("the post is closed")
        sent.append(mail)

    config = ServerConfig(data=tmp_path, host="127.0.0.1", port=0, mail=send)
    async with Server(config, runtime=EngineDouble()) as server:
        accounts = Accounts(SdkHttp(server.url))
        configure(server, APP_ID, **URLS)
        assert (await accounts.register()).status == 201
        await mailed(sent, 1)
        assert (await accounts("confirm/send", email=EMAIL)).status == 200
        assert (await accounts("confirm", **token_of(await mailed(sent, 2)))).status == 200
    assert f"cannot send confirm mail to '{EMAIL}' of app app: the post is closed" in caplog.text


@pytest.mark.parametrize("registration", [True, False])
async def test_an_imported_account_without_a_password(
    server: Server, accounts: Accounts, mails: list[Mail], tmp_path: Path, registration: bool
) -> None:
    """Who registers it has to show that he has its mailbox, and gets the user that there was; where
    strangers cannot register he can, too."""
    app = configure(server, APP_ID, **URLS)
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        file.accounts.add(app.key, EMAIL, b"")
        user_id = file.accounts.user(app.key, EMAIL).id
        file.database.execute("UPDATE accounts SET password = NULL")
    assert refused(await accounts.log_in()) == UNAUTHORIZED
    assert (await accounts.register()).status == 201
    assert refused(await accounts.log_in()) == UNAUTHORIZED
    assert (await accounts("confirm", **token_of(await mailed(mails, 1)))).status == 200
    assert (await accounts.log_in()).json["user_id"] == user_id
    closed = (400, f'failed to confirm user "{EMAIL}": registration is closed', "BadRequest")
    assert refused(await accounts.register()) == (IN_USE if registration else closed)
    assert len(mails) == 1


@pytest.mark.parametrize("registration", [False])
async def test_no_configuration_opens_registration(
    server: Server, accounts: Accounts, mails: list[Mail]
) -> None:
    functions = FunctionsDouble(decide=lambda account: {"status": "success"})
    function = {"runConfirmationFunction": True, "confirmationFunctionName": "decide"}
    for ways in ({"autoConfirm": True}, function, URLS):
        configure(server, APP_ID, functions, **ways)
        status, _, code = refused(await accounts.register())
        assert (status, code) == (400, "BadRequest")
    assert functions.calls == [] and mails == []


@pytest.mark.parametrize("status", ["success", "pending"])
async def test_a_function_gives_nobody_an_imported_account(
    server: Server, accounts: Accounts, tmp_path: Path, status: str
) -> None:
    functions = FunctionsDouble(decide=lambda account: {"status": status})
    how = {"runConfirmationFunction": True, "confirmationFunctionName": "decide"}
    app = configure(server, APP_ID, functions, **how)
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        file.accounts.add(app.key, EMAIL, b"")
        file.database.execute("UPDATE accounts SET password = NULL")
    assert refused(await accounts.register()) == IN_USE
    assert functions.calls == []


async def test_open_apps_tell_nobody_who_is_there(server: Server, accounts: Accounts) -> None:
    assert (await accounts.register()).status == 201
    for email in (EMAIL, "nobody"):
        assert refused(await accounts("confirm/send", email=email)) == CONFIRMED
        reply = await accounts("reset/send", email=email)
        assert refused(reply) == (400, "error processing request", "BadRequest")
        failed = (400, f'failed to reset password for user "{email}"', "BadRequest")
        assert refused(await accounts("reset/call", email=email, password=NEW)) == failed
