"""Users of an SDK that is not ours, against `realmsync serve --app FOLDER`: every log-in, linking,
custom data, functions, API keys, permissions, and what is heard while connected by users who are
disabled or deleted (app-services-http.md, app-configuration.md 8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from instructions import add_column, add_table, create, update
from realmsync.testing import ServerProcess
from sdk_client import Client, Session, Tokens, settle
from sdk_http import Reply, SdkHttp, SdkUser
from served_app import APP_ID, PASSWORD, custom_token, google_token, operate, serving
from server_accounts.key_pairs import key_pair, key_set

pytestmark = pytest.mark.no_asan

KEYS = key_pair("google")
DENIED = 206  # permission


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests: each has users of its own."""
    with serving(tmp_path_factory.mktemp("guild"), key_set(KEYS.published("g"))) as server:
        yield server


@pytest.fixture
def new_user(server: ServerProcess) -> Callable[[], SdkUser]:
    return lambda: SdkUser(SdkHttp(server.url), APP_ID)


@pytest.fixture
async def guest(new_user: Callable[[], SdkUser]) -> SdkUser:
    user = new_user()
    assert (await user.log_in("anon-user")).status == 200
    return user


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of an account that no other test has."""
    return f"{request.node.name}@example.org"


async def registered(user: SdkUser, name: str) -> SdkUser:
    assert (await user.account("register", email=name, password=PASSWORD)).status == 201
    assert (await user.log_in("local-userpass", username=name, password=PASSWORD)).status == 200
    return user


def told(reply: Reply) -> tuple[int, Any]:
    return reply.status, reply.json.get("error_code")


# Log-ins.


@pytest.mark.parametrize(
    ("provider", "payload", "data"),
    [
        ("anon-user", {}, {}),
        ("custom-token", {"token": custom_token("M7")}, {"name": "Finch"}),
        ("custom-function", {"badge": "0815", "called": "Ada"}, {"name": "Ada"}),
        (
            "oauth2-google",
            {"id_token": google_token("g-1", KEYS.private)},
            {"email": "g-1@example.org"},
        ),
    ],
)
async def test_log_ins(
    new_user: Callable[[], SdkUser], provider: str, payload: dict[str, str], data: Any
) -> None:
    first, again = new_user(), new_user()
    for user in (first, again):
        assert (await user.log_in(provider, **payload)).status == 200
        assert (user.identities, user.data) == ([provider], data)
    assert (first.id == again.id) == (provider != "anon-user"), "each anonymous one is new"


@pytest.mark.parametrize(
    ("provider", "payload", "status", "code"),
    [
        ("local-userpass", {"username": "nobody", "password": "x"}, 401, "InvalidPassword"),
        ("api-key", {"key": "x"}, 401, "AuthError"),
        ("custom-token", {"token": "a.b.c"}, 401, "AuthError"),
        ("custom-token", {"token": custom_token("M7", aud="another")}, 401, "AuthError"),
        ("custom-function", {"badge": 5}, 401, "AuthError"),
        ("oauth2-google", {"id_token": custom_token("M7")}, 401, "AuthError"),
        ("oauth2-google", {"authCode": "4/x"}, 400, "BadRequest"),
        ("oauth2-apple", {"id_token": "x"}, 404, "AuthProviderNotFound"),
        ("oauth2-facebook", {"accessToken": "x"}, 404, "AuthProviderNotFound"),
    ],
)
async def test_log_ins_that_are_refused(
    new_user: Callable[[], SdkUser], provider: str, payload: dict[str, Any], status: int, code: str
) -> None:
    assert told(await new_user().log_in(provider, **payload)) == (status, code)


async def test_accounts(new_user: Callable[[], SdkUser], name: str) -> None:
    user = await registered(new_user(), name)
    assert (user.identities, user.data) == (["local-userpass"], {"email": name})
    taken = await user.account("register", email=name, password=PASSWORD)
    assert (taken.status, taken.json["error"]) == (409, "name already in use")
    refused = await user.account("reset/call", email=name, password="new horse", arguments=[])
    assert f'failed to reset password for user "{name}"' in refused.json["error"]
    done = await user.account("reset/call", email=name, password="new horse", arguments=["please"])
    assert done.status < 300
    assert not await user.refresh(), "log-ins with the old password have ended"
    old = await user.log_in("local-userpass", username=name, password=PASSWORD)
    assert (old.status, old.json["error"]) == (401, "unauthorized")
    assert (await user.log_in("local-userpass", username=name, password="new horse")).status == 200


async def test_an_account_that_waits(
    server: ServerProcess, new_user: Callable[[], SdkUser], name: str
) -> None:
    user, name = new_user(), f"waits-{name}"
    assert (await user.account("register", email=name, password=PASSWORD)).status == 201
    waiting = await user.log_in("local-userpass", username=name, password=PASSWORD)
    assert (waiting.status, waiting.json["error"]) == (401, "confirmation required")
    await operate(server, "confirm", name, "--app", APP_ID)
    assert (await user.log_in("local-userpass", username=name, password=PASSWORD)).status == 200


async def test_linking(new_user: Callable[[], SdkUser], guest: SdkUser, name: str) -> None:
    id, account = guest.id, {"username": name, "password": PASSWORD}
    assert (await guest.account("register", email=name, password=PASSWORD)).status == 201
    assert (await guest.link("local-userpass", **account)).status == 200
    assert (await guest.link("custom-token", token=custom_token(name))).status == 200
    assert (await guest.link("custom-function", badge=name)).status == 200
    google = google_token(name, KEYS.private)
    assert (await guest.link("oauth2-google", id_token=google)).status == 200
    ways = ["local-userpass", "custom-token", "custom-function", "oauth2-google"]
    assert guest.identities == ["anon-user", *ways]
    for way, payload in zip(
        ways,
        (account, {"token": custom_token(name)}, {"badge": name}, {"id_token": google}),
        strict=True,
    ):
        again = new_user()
        assert (await again.log_in(way, **payload)).status == 200
        assert again.id == id
    other = new_user()
    await other.log_in("anon-user")
    assert (await other.link("custom-function", badge=name)).status == 409
    assert other.identities == ["anon-user"]


async def test_sessions(guest: SdkUser) -> None:
    before = guest.access_token
    guest.access_token = "x.y.z"
    assert (await guest.call("sumFunc")).status == 200, "with a new token"
    assert before and guest.access_token != "x.y.z"
    assert (await guest.log_out()).status in (200, 204)
    assert told(await guest.call("sumFunc")) == (401, "InvalidSession")
    again = await guest.log_out()
    assert "failed to find refresh token" in again.json["error"]


# Functions, custom data, keys.


async def test_functions(guest: SdkUser) -> None:
    assert (await guest.call("sumFunc", {"$numberInt": "1"}, 2)).json == {"$numberInt": "3"}
    said = [{"$oid": "65f0c0ffee0123456789abcd"}, {"$date": {"$numberLong": "5"}}, None, "ä"]
    assert (await guest.call("echo", *said)).json == said
    me = (await guest.call("whoAmI")).json
    assert me == {"id": guest.id, "type": "normal", "data": {}, "custom_data": {}}
    failed = await guest.call("fail")
    assert told(failed) == (400, "FunctionExecutionError")
    assert "no such thing" in failed.json["error"]
    for name in ("absent", "hidden"):
        reply = await guest.call(name)
        assert told(reply) == (404, "FunctionNotFound")
        assert reply.json["error"].startswith("function not found")
    assert told(await guest.call("forServers")) == (403, "NoMatchingRuleFound")
    assert told(await guest.call("find", {}, service="mongodb-atlas")) == (404, "ServiceNotFound")


async def test_custom_data(server: ServerProcess, guest: SdkUser) -> None:
    assert guest.custom_data == {}
    await operate(server, "data", "set", guest.id, '{"team": "red", "n": 5}', "--app", APP_ID)
    assert await guest.refresh()
    said = guest.custom_data
    assert (said["team"], said["n"], said["user"]) == ("red", {"$numberInt": "5"}, guest.id)
    assert (await guest.call("whoAmI")).json["custom_data"]["team"] == "red"


async def test_api_keys(new_user: Callable[[], SdkUser], name: str) -> None:
    ada = await registered(new_user(), name)
    made = (await ada.keys("POST", body={"name": "nightly"})).json
    assert (await ada.keys("GET")).json == [{k: made[k] for k in ("_id", "name", "disabled")}]
    program = new_user()
    assert (await program.log_in("api-key", key=made["key"])).status == 200
    assert (program.id, program.data) == (ada.id, {"email": name})
    one = f"/{made['_id']}"
    assert (await program.keys("DELETE", one)).status == 403, "it is in use"
    assert (await ada.keys("PUT", f"{one}/disable")).status == 204
    assert (await ada.keys("GET", one)).json["disabled"] is True
    assert not await program.refresh()
    assert told(await program.log_in("api-key", key=made["key"])) == (401, "AuthError")
    assert (await ada.keys("PUT", f"{one}/enable")).status == 204
    assert (await program.log_in("api-key", key=made["key"])).status == 200
    assert (await ada.keys("DELETE", one)).status == 204
    assert told(await ada.keys("GET", one)) == (404, "APIKeyNotFound")


async def test_the_key_of_a_server(
    server: ServerProcess, new_user: Callable[[], SdkUser], name: str
) -> None:
    key = (await operate(server, "api-key", "add", name, "--app", APP_ID)).split()[-1]
    robot = new_user()
    assert (await robot.log_in("api-key", key=key)).status == 200
    assert (await robot.call("whoAmI")).json["type"] == "server"
    assert (await robot.call("forServers")).json is True


# Sync.


class Device:
    """A user's client that synchronises one partition; its calls block."""

    def __init__(self, server: ServerProcess, user: SdkUser, partition: str) -> None:
        self.client = Client(1, APP_ID)
        tokens = Tokens(user.access_token, user.refresh_token, server.url.replace("http", "ws", 1))
        self.client.tokens = tokens
        self.session: Session = self.client.open(partition)

    def write(self, key: int) -> None:
        schema = [] if self.session.file.schema else [add_table("Note"), add_column("Note", "n")]
        changes = [create("Note", key), update("Note", key, "n", key)]
        self.session.file.write([*schema, *changes], 330_000_000_000)

    def expect(self, code: int) -> str:
        """Runs until the session has ended with this error, and gives its text."""
        self.client.expected_errors = {code}
        self._run(lambda: self.session.error is not None)
        assert self.session.error is not None
        return str(self.session.error["message"])

    def expect_the_end(self, code: int) -> None:
        """Runs until the server has ended the connection."""
        self.client.expected_closes = {code}
        self._run(lambda: self.client.socket is None)

    def _run(self, is_over: Callable[[], bool]) -> None:
        if self.client.socket is None:
            self.client.connect()
        end = time.monotonic() + 20
        while not is_over():
            assert time.monotonic() < end, "nothing is heard"
            if not self.client.send(10):
                self.client.receive(0.01)


@pytest.fixture
def device(server: ServerProcess) -> Iterator[Callable[[SdkUser, str], Device]]:
    made: list[Device] = []

    def make(user: SdkUser, partition: str) -> Device:
        made.append(Device(server, user, partition))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


Make = Callable[[SdkUser, str], Device]


async def settled(*devices: Device) -> None:
    await asyncio.to_thread(settle, [device.client for device in devices])


async def test_permissions(
    server: ServerProcess, new_user: Callable[[], SdkUser], guest: SdkUser, device: Make
) -> None:
    """By the user, by a function, by custom data: granted, read alone, and denied."""
    blue = f"team of {guest.id}"
    own, team = device(guest, guest.id), device(guest, blue)
    own.write(1)
    await settled(own)
    assert "may not read" in await asyncio.to_thread(team.expect, DENIED)
    news = device(guest, "news")
    await settled(news)
    news.write(1)
    assert "only read" in await asyncio.to_thread(news.expect, DENIED)
    other = new_user()
    await other.log_in("anon-user")
    assert "may not read" in await asyncio.to_thread(device(other, guest.id).expect, DENIED)
    for user in (guest, other):
        await operate(server, "data", "set", user.id, f'{{"team": "{blue}"}}', "--app", APP_ID)
    mine, theirs = device(guest, blue), device(other, blue)
    mine.write(7)
    await settled(mine, theirs)
    assert set(theirs.session.file.objects) == set(mine.session.file.objects) == {("Note", 7)}
    await operate(server, "data", "set", other.id, '{"team": "none"}', "--app", APP_ID)
    assert "may not read" in await asyncio.to_thread(theirs.expect, DENIED), "while connected"
    mine.write(8)
    await settled(mine)


ENDINGS = {
    # How the websocket is closed, and what a new log-in hears.
    "disable": (4002, (401, "UserDisabled")),
    "delete": (4001, (401, "InvalidPassword")),
    "deletes himself": (4001, (401, "InvalidPassword")),
    "key disabled": (4001, (200, None)),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_users_who_end_while_connected(
    server: ServerProcess, new_user: Callable[[], SdkUser], name: str, device: Make, ending: str
) -> None:
    """The connection ends at once, and no token of that log-in is good any more."""
    ada = await registered(new_user(), name)
    connected = ada
    if ending == "key disabled":
        key = (await ada.keys("POST", body={"name": "nightly"})).json
        connected = new_user()
        await connected.log_in("api-key", key=key["key"])
    phone = device(connected, ada.id)
    phone.write(1)
    await settled(phone)
    if ending == "deletes himself":
        assert (await ada.delete()).status == 204
    elif ending == "key disabled":
        assert (await ada.keys("PUT", f"/{key['_id']}/disable")).status == 204
    else:
        await operate(server, ending, name, *(["--yes"] if ending == "delete" else []))
    close, answer = ENDINGS[ending]
    await asyncio.to_thread(phone.expect_the_end, close)
    assert (await connected.call("sumFunc")).status == 401
    assert not await connected.refresh(), "an SDK logs the user out at this"
    again = await ada.log_in("local-userpass", username=name, password=PASSWORD)
    assert told(again) == answer
