"""Typical mistakes at log-in: each is told at once, with what to do."""

from __future__ import annotations

import operator
import ssl
from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from realmsync import (
    App,
    AppError,
    ArgumentTypeError,
    Credentials,
    InvalidArgumentError,
    InvalidPropertyError,
    SyncConfiguration,
)
from realmsync.account.http import HttpRequest, HttpResponse
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server

TLS = Path(__file__).parent.parent / "server" / "tls"


@pytest.mark.parametrize("given", ["a@b.c", None, {"provider": "anon-user"}])
async def test_something_else_than_credentials(tmp_path: Path, given: Any) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    with pytest.raises(ArgumentTypeError, match=r"expected Credentials, such as .*anonymous\(\)"):
        await app.log_in(given)


async def test_a_forgotten_await(tmp_path: Path) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    forgotten: Any = app.log_in(Credentials.anonymous())
    with pytest.raises(TypeError, match="is an .await. missing"):
        SyncConfiguration(user=forgotten, partition_value="p")
    forgotten.close()


async def test_https_to_a_plain_server(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("http:", "https:")
    app = App("demo", base_url=url, base_file_path=tmp_path)
    with pytest.raises(AppError, match="use an http:// base URL"):
        await app.log_in(Credentials.anonymous())


async def test_http_to_a_server_with_tls(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    config = ServerConfig(data=tmp_path / "s", host="127.0.0.1", port=0, ssl_context=context)
    async with Server(config, runtime=EngineDouble()) as server:
        url = server.url.replace("https:", "http:")
        app = App("demo", base_url=url, base_file_path=tmp_path)
        with pytest.raises(AppError, match="use an https:// base URL"):
            await app.log_in(Credentials.anonymous())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Credentials.email_password("a@b.c\ud800", "secret"), "'email' has lone surr"),
        (lambda: Credentials.email_password("a@b.c", "\udfff"), "'password' has lone surr"),
        (lambda: Credentials.email_password("a@b.c", None), "'password' to be a string, got None"),
        (lambda: Credentials.jwt(b"x"), "'token' to be a string, got bytes"),
        (lambda: Credentials.function([1]), "'payload' to be a mapping"),
        (lambda: Credentials.anonymous("x"), "'reuse' to be a bool"),
        (lambda: Credentials.google(), "Must supply either"),
        (lambda: Credentials.google(auth_code="a", id_token="b"), "Must not supply both"),
        (lambda: App("\ud800"), "'id' to be a non-empty string"),
        (lambda: App("a", multiplex_sessions="no"), "'multiplex_sessions' to be a bool"),
    ],
)
def test_what_cannot_be_meant(make: Any, text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=text) as told:
        make()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("given", [None, "u1", Credentials.anonymous()])
async def test_something_else_than_a_user(tmp_path: Path, given: Any) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    with pytest.raises(ArgumentTypeError, match="to be a User"):
        app.switch_user(given)
    for call in (app.remove_user, app.delete_user):
        with pytest.raises(ArgumentTypeError, match="to be a User"):
            await call(given)


async def test_a_user_of_another_app(server: Server, tmp_path: Path) -> None:
    one, other = (App(name, base_url=server.url, base_file_path=tmp_path) for name in "ab")
    user = await one.log_in(Credentials.anonymous())
    with pytest.raises(InvalidArgumentError, match="belongs to another App: <App a at"):
        other.switch_user(user)
    for call in (other.remove_user, other.delete_user):
        with pytest.raises(InvalidArgumentError, match="belongs to another App"):
            await call(user)
    assert user.is_logged_in
    assert other.current_user is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Sync", "app.sync"),
        ("getApp", "App.get"),
        ("deleteUser", "'delete_user'"),
        ("sync.getAllSyncSessions", "'get_all_sync_sessions'"),
        ("sync.get_session", "'get_sync_session'"),
        ("email_password_auth.registerUser", "'register_user'"),
    ],
)
def test_names_of_other_sdks(tmp_path: Path, path: str, text: str) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    with pytest.raises(InvalidPropertyError, match=text):
        operator.attrgetter(path)(app)


async def test_what_no_request_can_carry(server: Server, tmp_path: Path) -> None:
    app = App("demo", base_url=server.url, base_file_path=tmp_path)
    with pytest.raises(ArgumentTypeError, match="as JSON"):
        await app.log_in(Credentials.function({"a": object()}))
    with pytest.raises(AppError, match="valid Unicode"):
        await app.log_in(Credentials.function({"a": "\ud800"}))


async def test_texts_of_accounts(server: Server, tmp_path: Path) -> None:
    auth = App("demo", base_url=server.url, base_file_path=tmp_path).email_password_auth
    with pytest.raises(InvalidArgumentError, match="'password' has lone surrogates"):
        await auth.register_user("a@b.c", "\ud800\ud800\ud800\ud800\ud800\ud800")
    wrong: Any = 5
    with pytest.raises(ArgumentTypeError, match="'token_id' to be a string, got int"):
        await auth.confirm_user("t", wrong)


async def test_no_base_url(tmp_path: Path) -> None:
    """It stands for a service that has ended: nobody is asked, and the cure is named."""
    app = App("demo", base_file_path=tmp_path)
    assert app.current_user is None
    for request in (
        app.log_in(Credentials.anonymous()),
        app.email_password_auth.register_user("a@b.c", "secret"),
        app.refresh_location(),
    ):
        with pytest.raises(AppError, match="Give the address of your server"):
            await request


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (
            "text/html",
            "<html>Sign in to the hotel's Wi-Fi</html>",
            "no JSON but text/html, .<html>",
        ),
        ("", "", "no JSON but of no type"),
        ("application/json", "[1]", "no JSON object"),
        ("application/json", '{"hostname": "\\ud800", "ws_hostname": ""}', "lone surrogates"),
    ],
)
async def test_an_answer_of_somebody_else(kind: str, body: str, text: str, tmp_path: Path) -> None:
    async def transport(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"Content-Type": kind} if kind else {}, body)

    app = App("demo", base_url="http://h", base_file_path=tmp_path, http_transport=transport)
    with pytest.raises(AppError, match=text):
        await app.log_in(Credentials.anonymous())
