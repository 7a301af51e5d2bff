"""Our App and User with all that App Services had for users, against `realmsync serve --app
FOLDER`; what open sessions hear when their user ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, add, session_of
from realmsync import App, AppError, Credentials, SyncSession
from realmsync.enums import UserState
from realmsync.errors import SyncError
from realmsync.testing import ServerProcess
from served_app import APP_ID, PASSWORD, custom_token, google_token, operate, serving
from server_accounts.key_pairs import key_pair, key_set

pytestmark = pytest.mark.no_asan

KEYS = key_pair("google")
AUTH_ERROR = 4346


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests: each has users of its own."""
    with serving(tmp_path_factory.mktemp("guild"), key_set(KEYS.published("g"))) as server:
        yield server


@pytest.fixture
async def new_app(server: ServerProcess, tmp_path: Path) -> AsyncIterator[Callable[[], App]]:
    made: list[App] = []

    def make() -> App:
        made.append(App(APP_ID, base_url=server.url, base_file_path=tmp_path / str(len(made))))
        return made[-1]

    yield make
    for app in made:
        await app.close()


@pytest.fixture
def app(new_app: Callable[[], App]) -> App:
    return new_app()


@pytest.fixture
def account(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of this test alone."""
    return f"{request.node.name}@our.example.org", PASSWORD


async def refused(request: Awaitable[object]) -> str:
    """The name of the error that it fails with."""
    with pytest.raises(AppError) as caught:
        await request
    return caught.value.name


@pytest.mark.parametrize(
    ("credentials", "provider", "profile"),
    [
        (Credentials.jwt(custom_token("O7")), "custom-token", {"name": "Finch"}),
        (
            Credentials.function({"badge": "O8", "called": "Ada"}),
            "custom-function",
            {"name": "Ada"},
        ),
        (
            Credentials.google(id_token=google_token("o-1", KEYS.private)),
            "oauth2-google",
            {"email": "o-1@example.org"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_who_is_known_is_the_same_everywhere(
    new_app: Callable[[], App], credentials: Credentials, provider: str, profile: Any
) -> None:
    one, other = [await new_app().log_in(credentials) for _ in range(2)]
    assert one.id == other.id
    assert (one.provider_type, one.profile) == (provider, profile)
    await one.log_out()
    assert other.is_logged_in and await other.functions.sumFunc(1, 2) == 3


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        (Credentials.email_password("nobody", "x"), "InvalidPassword"),
        (Credentials.api_key("x"), "AuthError"),
        (Credentials.jwt(custom_token("O7", aud="another")), "AuthError"),
        (Credentials.function({"badge": 5}), "AuthError"),
        (Credentials.google(auth_code="x"), "BadRequest"),
        (Credentials.apple("x"), "AuthProviderNotFound"),
        (Credentials.facebook("x"), "AuthProviderNotFound"),
    ],
)
async def test_who_is_refused(app: App, credentials: Credentials, name: str) -> None:
    assert await refused(app.log_in(credentials)) == name
    assert app.all_users == {}


async def test_accounts(app: App, server: ServerProcess, account: tuple[str, str]) -> None:
    auth, name = app.email_password_auth, account[0]
    await auth.register_user(*account)
    assert await refused(auth.register_user(*account)) == "AccountNameInUse"
    user = await app.log_in(Credentials.email_password(*account))
    assert await refused(auth.retry_custom_confirmation(name)) == "UserAlreadyConfirmed"
    assert await refused(auth.resend_confirmation_email("nobody")) == "UserNotFound"
    with pytest.raises(AppError, match="invalid token data"):
        await auth.confirm_user("t", "i")
    with pytest.raises(AppError, match="invalid token data"):
        await auth.reset_password("t", "i", "new horse")
    with pytest.raises(AppError, match="please use reset password via function"):
        await auth.send_reset_password_email(name)
    with pytest.raises(AppError, match="failed to reset password"):
        await auth.call_reset_password_function(name, "new horse", "now")
    await auth.call_reset_password_function(name, "new horse", "please")
    assert await refused(user.refresh_access_token()) == "InvalidSession"
    assert await refused(app.log_in(Credentials.email_password(*account))) == "InvalidPassword"
    assert await app.log_in(Credentials.email_password(name, "new horse")) is user


async def test_an_account_that_waits(
    app: App, server: ServerProcess, account: tuple[str, str]
) -> None:
    name = f"waits-{account[0]}"
    await app.email_password_auth.register_user(name, PASSWORD)
    with pytest.raises(AppError, match="confirmation required"):
        await app.log_in(Credentials.email_password(name, PASSWORD))
    await operate(server, "confirm", name, "--app", APP_ID)
    assert (await app.log_in(Credentials.email_password(name, PASSWORD))).is_logged_in


async def test_one_user_by_all_ways(
    new_app: Callable[[], App], app: App, account: tuple[str, str]
) -> None:
    guest = await app.log_in(Credentials.anonymous())
    id, name = guest.id, account[0]
    await app.email_password_auth.register_user(*account)
    ways = [
        Credentials.email_password(*account),
        Credentials.jwt(custom_token(name)),
        Credentials.function({"badge": name}),
        Credentials.google(id_token=google_token(name, KEYS.private)),
    ]
    for way in ways:
        await guest.link_credentials(way)
    assert [i.provider_type for i in guest.identities] == [
        "anon-user",
        *(way.provider for way in ways),
    ]
    assert not guest.is_anonymous
    for way in ways:
        assert (await new_app().log_in(way)).id == id
    other = await new_app().log_in(Credentials.anonymous())
    assert await refused(other.link_credentials(ways[1])) == "AccountNameInUse"
    assert await refused(other.link_credentials(Credentials.api_key("x"))) == "AuthError"
    assert other.is_anonymous


async def test_functions_and_custom_data(app: App, server: ServerProcess) -> None:
    user = await app.log_in(Credentials.anonymous())
    assert await user.functions.echo(1, 2**40, {"a": [None]}) == [1, 2**40, {"a": [None]}]
    assert await refused(user.functions.hidden()) == "FunctionNotFound"
    assert await refused(user.functions.forServers()) == "NoMatchingRuleFound"
    assert await refused(user.functions.fail()) == "FunctionExecutionError"
    assert user.custom_data == {}
    await operate(server, "data", "set", user.id, '{"team": "red", "n": 5}', "--app", APP_ID)
    data = await user.refresh_custom_data()
    assert (data["team"], data["n"], data["user"]) == ("red", 5, user.id)
    assert (await user.functions.whoAmI())["custom_data"] == data


@pytest.mark.parametrize("ending", ["disable", "delete", "deletes himself", "key disabled"])
async def test_what_open_sessions_hear(
    app: App,
    new_app: Callable[[], App],
    server: ServerProcess,
    account: tuple[str, str],
    ending: str,
) -> None:
    """One error, and the user is logged out; what was written stays in the file."""
    await app.email_password_auth.register_user(*account)
    ada = await app.log_in(Credentials.email_password(*account))
    key = await ada.api_keys.create("nightly")
    other = new_app()
    user = await other.log_in(Credentials.api_key(key.key))
    told: asyncio.Queue[SyncError] = asyncio.Queue()

    def keep(_: SyncSession, error: SyncError) -> None:
        told.put_nowait(error)

    async with Device(other, user).open(user.id, on_error=keep) as realm:
        add(realm, 1)
        assert await session_of(realm).upload_all_local_changes(LIMIT)
        if ending == "deletes himself":
            await app.delete_user(ada)
            assert ada.state is UserState.REMOVED
        elif ending == "key disabled":
            await ada.api_keys.disable(key.id)
        else:
            more = ["--yes"] if ending == "delete" else []
            await operate(server, ending, account[0], "--app", APP_ID, *more)
        error = await asyncio.wait_for(told.get(), LIMIT)
        assert error.code == AUTH_ERROR
        assert user.state is UserState.LOGGED_OUT
        assert other.current_user is None
        add(realm, 2)
        assert len(realm.objects("Dog")) == 2
        assert told.empty()
    assert await refused(user.functions.sumFunc()) == "ClientUserNotLoggedIn"
    by_key = "UserDisabled" if ending == "disable" else "AuthError"
    assert await refused(other.log_in(Credentials.api_key(key.key))) == by_key


async def test_a_user_who_deletes_himself_with_an_open_realm(app: App) -> None:
    """His own sessions end with him, and the file goes at the next start."""
    user = await app.log_in(Credentials.anonymous())
    async with Device(app, user).open(user.id) as realm:
        add(realm, 1)
        assert await session_of(realm).upload_all_local_changes(LIMIT)
        await app.delete_user(user)
        assert (user.state, app.all_users) == (UserState.REMOVED, {})
        with pytest.raises(AppError):
            await app.delete_user(user)
    assert user.root.exists()
    await app.close()
    App(app.config)
    assert not user.root.exists()
