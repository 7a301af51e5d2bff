"""Log-ins whose provider names the user: custom tokens, custom functions, OpenID.

Specification: app-services-http.md section 8, app-configuration.md 8.1 and 8.2.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from bson import ObjectId

from configured_app import ConfiguredApp
from engine_double import EngineDouble
from key_pairs import key_pair, key_set
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.functions.port import FunctionFailed, FunctionNotCallable
from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT, Reply, SdkHttp

SECRET = "s" * 40
DEVICE = {"options": {"device": {"appId": "test-app-0", "sdk": "JS"}}}
EXP = int(time.time()) + 3600
OURS = key_pair("ours")


async def log_in(
    http: SdkHttp, provider: str, body: dict[str, Any], link: str | None = None
) -> Reply:
    query = "" if link is None else "?link=true"
    path = f"{APP_PATH}/auth/providers/{provider}/login{query}"
    return await http("POST", path, {**body, **DEVICE}, token=link)


async def profile(http: SdkHttp, access_token: str) -> Any:
    reply = await http("GET", f"{CLIENT}/auth/profile", token=access_token)
    assert reply.status == 200, reply
    return reply.json


def token(
    key: str = SECRET, algorithm: str = "HS256", kid: str | None = None, **claims: Any
) -> str:
    full = {"aud": "app", "sub": "M7", "exp": EXP, **claims}
    return jwt.encode(full, key, algorithm, None if kid is None else {"kid": kid})


@pytest.fixture
def tokens(app: ConfiguredApp) -> ConfiguredApp:
    app.provide(
        "custom-token",
        config={"signingAlgorithm": "HS256"},
        secrets={"signingKeys": (SECRET,)},
        metadata_fields=({"name": "profile.nick"}, {"name": "sub", "field_name": "member"}),
    )
    return app


async def by_token(http: SdkHttp, link: str | None = None, **claims: Any) -> Reply:
    return await log_in(http, "custom-token", {"token": token(**claims)}, link)


async def test_a_subject_is_always_the_same_user(http: SdkHttp, tokens: ConfiguredApp) -> None:
    first = (await by_token(http)).json
    again = (await by_token(http)).json
    other = (await by_token(http, sub="M8")).json
    assert first["user_id"] == again["user_id"] != other["user_id"]
    assert first["device_id"] != again["device_id"]
    found = await profile(http, first["access_token"])
    assert [identity["provider_type"] for identity in found["identities"]] == ["custom-token"]


async def test_data_are_those_of_the_last_log_in(http: SdkHttp, tokens: ConfiguredApp) -> None:
    first = (await by_token(http, profile={"nick": "Finch"})).json
    found = await profile(http, first["access_token"])
    assert found["data"] == {"nick": "Finch", "member": "M7"}
    await by_token(http, profile={"nick": "Wren"})
    assert (await profile(http, first["access_token"]))["data"]["nick"] == "Wren"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "other"}, "it is for another audience"),
        ({"exp": 1}, "it has expired"),
        ({"key": "x" * 40}, "its signature is not of a key that is known here"),
        ({"sub": ""}, "sub must be a string that is not empty"),
    ],
)
async def test_tokens_that_are_refused(
    http: SdkHttp, tokens: ConfiguredApp, claims: dict[str, Any], reason: str
) -> None:
    reply = await by_token(http, **claims)
    assert (reply.status, reply.json) == (
        401,
        {"error": f"the token is refused: {reason}", "error_code": "AuthError"},
    )


@pytest.mark.parametrize("sent", [None, 5, "", "a.b.c", ["x"], "[" * 9000, token() + "x"])
async def test_what_is_no_token(http: SdkHttp, tokens: ConfiguredApp, sent: Any) -> None:
    reply = await log_in(http, "custom-token", {"token": sent})
    assert (reply.status, reply.json["error_code"]) == (401, "AuthError")


async def test_without_a_secret_nobody_logs_in(http: SdkHttp, app: ConfiguredApp) -> None:
    app.provide("custom-token")
    assert (await by_token(http)).status == 401
    app.provide("custom-token", unusable="no signing key is known")
    assert (await by_token(http)).json["error_code"] == "AuthProviderNotFound"


async def test_a_configuration_that_cannot_be(
    http: SdkHttp, app: ConfiguredApp, caplog: pytest.LogCaptureFixture
) -> None:
    app.provide("custom-token", config={"signingAlgorithm": "none"})
    reply = await by_token(http)
    assert (reply.status, reply.json["error_code"]) == (404, "AuthProviderNotFound")
    assert "nobody can log in to app app with custom-token: signingAlgorithm" in caplog.text


async def test_linking(http: SdkHttp, tokens: ConfiguredApp) -> None:
    anonymous = await http.anonymous()
    reply = await by_token(http, link=anonymous["access_token"])
    found = await profile(http, reply.json["access_token"])
    assert found["user_id"] == anonymous["user_id"]
    assert [i["provider_type"] for i in found["identities"]] == ["anon-user", "custom-token"]
    assert found["data"] == {"member": "M7"}
    assert (await by_token(http)).json["user_id"] == anonymous["user_id"]
    other = await http.anonymous()
    taken = await by_token(http, link=other["access_token"])
    assert (taken.status, taken.json["error_code"]) == (409, "AccountNameInUse")


async def test_a_disabled_user(server: Server, http: SdkHttp, tokens: ConfiguredApp) -> None:
    user = (await by_token(http)).json
    await server.users.set_disabled(user["user_id"], True)
    assert (await by_token(http)).json["error_code"] == "UserDisabled"


@pytest.fixture
def by_function(app: ConfiguredApp) -> ConfiguredApp:
    app.provide("custom-function", config={"authFunctionName": "whoIs"})
    return app


async def test_a_function_names_the_user(http: SdkHttp, by_function: ConfiguredApp) -> None:
    payloads = []

    def who_is(payload: Any) -> Any:
        payloads.append(payload)
        return payload["ticket"]

    by_function.functions.by_name["whoIs"] = who_is
    sent = {"ticket": "T1", "party": {"$oid": "5" * 24}, "seat": {"$numberInt": "4"}}
    first = (await log_in(http, "custom-function", sent)).json
    again = (await log_in(http, "custom-function", {"ticket": "T1"})).json
    assert first["user_id"] == again["user_id"]
    assert payloads[0] == {"ticket": "T1", "party": ObjectId("5" * 24), "seat": 4}
    assert [call.user for call in by_function.functions.calls] == [None, None], (
        "nobody is known before"
    )
    request = by_function.functions.calls[0].request
    assert request is not None
    assert request.path.endswith("/custom-function/login")


async def test_a_function_may_give_a_name_too(http: SdkHttp, by_function: ConfiguredApp) -> None:
    by_function.functions.by_name["whoIs"] = lambda payload: {"id": "T1", "name": "Ada"}
    user = (await log_in(http, "custom-function", {})).json
    assert (await profile(http, user["access_token"]))["data"] == {"name": "Ada"}


@pytest.mark.parametrize(
    "result",
    [
        None,
        "",
        5,
        True,
        {},
        {"id": 5},
        {"id": ""},
        ["a"],
        "a\x00",
        "x" * 2000,
        {"id": "a", "name": 1},
    ],
)
async def test_results_that_name_nobody(
    http: SdkHttp, by_function: ConfiguredApp, result: Any
) -> None:
    by_function.functions.by_name["whoIs"] = lambda payload: result
    reply = await log_in(http, "custom-function", {})
    assert (reply.status, reply.json["error_code"]) == (401, "AuthError")


@pytest.mark.parametrize(
    "failure",
    [
        FunctionFailed("no such ticket"),
        FunctionNotCallable("whoIs"),
    ],
)
async def test_functions_that_fail(
    http: SdkHttp, by_function: ConfiguredApp, failure: Exception
) -> None:
    def fail(payload: Any) -> Any:
        raise failure

    by_function.functions.by_name["whoIs"] = fail
    reply = await log_in(http, "custom-function", {})
    assert (reply.status, reply.json) == (
        401,
        {"error": str(failure), "error_code": "AuthError"},
    )


async def test_a_function_that_is_not_there(http: SdkHttp, by_function: ConfiguredApp) -> None:
    reply = await log_in(http, "custom-function", {})
    assert (reply.status, reply.json["error_code"]) == (404, "AuthProviderNotFound")
    by_function.provide("custom-function")
    assert (await log_in(http, "custom-function", {})).status == 404


async def test_a_payload_that_is_no_extended_json(
    http: SdkHttp, by_function: ConfiguredApp
) -> None:
    reply = await log_in(http, "custom-function", {"a": {"$oid": 5}})
    assert (reply.status, reply.json["error_code"]) == (400, "BadRequest")


GOOGLE = {"iss": "https://accounts.google.com", "aud": "1.apps.example", "sub": "g-1"}
PROFILE = {"email": "ada@guild.example", "email_verified": True, "given_name": "Ada", "hd": "x"}


class OpenIdServer:
    """A server with the keys of a provider in a file, and its app."""

    def __init__(self, tmp_path: Path, provider: str = "oauth2-google") -> None:
        keys = tmp_path / "keys.json"
        keys.write_bytes(key_set(OURS.published("1")))
        self._config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0)
        self._key_sets = {provider: str(keys)}
        self._provider = provider

    async def __aenter__(self) -> OpenIdServer:
        self._server = Server(self._config, runtime=EngineDouble())
        await self._server.start()
        self.http = SdkHttp(self._server.url)
        (running,) = self._server.apps
        running.key_sets = self._key_sets
        self.app = ConfiguredApp(running)
        self.provide()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    def provide(self, **settings: Any) -> None:
        self.app.provide(self._provider, **{"config": {"clientId": "1.apps.example"}, **settings})

    async def log_in(self, member: str = "id_token", **claims: Any) -> Reply:
        full = {**GOOGLE, **claims}
        sent = token(OURS.private, "RS256", "1", **full)
        return await log_in(self.http, self._provider, {member: sent})


async def test_a_token_of_google(tmp_path: Path) -> None:
    async with OpenIdServer(tmp_path) as google:
        google.provide(
            metadata_fields=({"name": "email"}, {"name": "first_name"}, {"name": "gender"})
        )
        first = (await google.log_in(**PROFILE)).json
        again = (await google.log_in()).json
        assert first["user_id"] == again["user_id"]
        found = await profile(google.http, (await google.log_in(**PROFILE)).json["access_token"])
        assert found["data"] == {"email": "ada@guild.example", "first_name": "Ada"}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ""},
        {"aud": "2.apps.example"},
        {"exp": 1},
        {"sub": ""},
    ],
)
async def test_tokens_of_others(tmp_path: Path, claims: dict[str, Any]) -> None:
    async with OpenIdServer(tmp_path) as google:
        reply = await google.log_in(**claims)
        assert (reply.status, reply.json["error_code"]) == (401, "AuthError")


async def test_forged_tokens(tmp_path: Path) -> None:
    async with OpenIdServer(tmp_path) as google:
        for forged in (
            token(key_pair("other").private, "RS256", "1", **GOOGLE),
            token(key_pair("other").private, "RS256", "2", **GOOGLE),
            token(SECRET, "HS256", "1", **GOOGLE),
        ):
            reply = await log_in(google.http, "oauth2-google", {"id_token": forged})
            assert (reply.status, reply.json["error_code"]) == (401, "AuthError")


async def test_codes_are_not_exchanged(tmp_path: Path) -> None:
    async with OpenIdServer(tmp_path) as google:
        reply = await log_in(google.http, "oauth2-google", {"authCode": "4/abc"})
        assert (reply.status, reply.json) == (
            400,
            {
                "error": "oauth2-google: authCode is not supported by this server, "
                "log in with an ID token",
                "error_code": "BadRequest",
            },
        )


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"email": "ada@GUILD.example"}, 200),
        ({"email_verified": "true"}, 200),
        ({"email_verified": False}, 401),
        ({"email": "ada@evil.example"}, 401),
        ({"email": "ada@guild.example@evil.example"}, 401),
        ({"email": None}, 401),
    ],
)
async def test_domains(tmp_path: Path, claims: dict[str, Any], status: int) -> None:
    async with OpenIdServer(tmp_path) as google:
        google.provide(domain_restrictions=("guild.example",))
        assert (await google.log_in(**{**PROFILE, **claims})).status == status


@pytest.mark.parametrize(
    ("provider", "member", "issuer"),
    [
        ("oauth2-apple", "id_token", "https://appleid.apple.com"),
        ("oauth2-facebook", "accessToken", "https://www.facebook.com"),
    ],
)
async def test_other_issuers(tmp_path: Path, provider: str, member: str, issuer: str) -> None:
    async with OpenIdServer(tmp_path, provider) as openid:
        assert (await openid.log_in(member, iss=issuer)).status == 200
        assert (await openid.log_in(member)).status == 401, "a token of Google"
        opaque = await log_in(openid.http, provider, {member: "EAAB" * 20})
        assert (opaque.status, opaque.json["error_code"]) == (401, "AuthError")


@pytest.mark.parametrize("settings", [{"config": {}}, {"metadata_fields": ({"name": ""},)}])
async def test_openid_without_what_it_needs(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with OpenIdServer(tmp_path) as google:
        google.provide(**settings)
        assert (await google.log_in()).status == 404


async def test_openid_without_keys(http: SdkHttp, app: ConfiguredApp) -> None:
    app.provide("oauth2-google", config={"clientId": "1.apps.example"})
    reply = await log_in(http, "oauth2-google", {"id_token": "x"})
    assert (reply.status, reply.json["error_code"]) == (404, "AuthProviderNotFound")


async def test_custom_tokens_with_published_keys(tmp_path: Path) -> None:
    async with OpenIdServer(tmp_path, "custom-token") as server:
        server.app.provide("custom-token", config={"signingAlgorithm": "RS256", "useJWKURI": True})
        good = token(OURS.private, "RS256", "1")
        assert (await log_in(server.http, "custom-token", {"token": good})).status == 200


@pytest.mark.parametrize("address", [None, "", 5, "file:///etc/hostname", "/etc/hostname"])
async def test_a_configuration_names_no_files(
    http: SdkHttp, app: ConfiguredApp, address: Any
) -> None:
    app.provide("custom-token", config={"useJWKURI": True, "jwkURI": address})
    assert (await by_token(http)).status == 404


async def test_keys_that_cannot_be_read_now(http: SdkHttp, app: ConfiguredApp) -> None:
    app.provide(
        "custom-token",
        config={
            "signingAlgorithm": "RS256",
            "useJWKURI": True,
            "jwkURI": "http://127.0.0.1:1/keys",
        },
    )
    reply = await log_in(http, "custom-token", {"token": token(OURS.private, "RS256", "1")})
    assert (reply.status, reply.json["error_code"]) == (503, "MaintenanceInProgress")


async def test_an_exported_folder_with_keys_of_the_operators(tmp_path: Path) -> None:
    """guild-auth has Google switched on; the operator gives the keys of its tokens."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(OURS.published("1")))
    folder = AppFolder(
        Path(__file__).parent.parent / "vectors" / "apps" / "guild-auth" / "app",
        key_sets={"oauth2-google": str(keys)},
    )
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0, app_folders=(folder,))
    async with Server(config, runtime=EngineDouble()) as server:
        (running,) = server.apps
        ConfiguredApp(running).functions.by_name["welcome"] = lambda user: None
        sent = token(OURS.private, "RS256", "1", **GOOGLE, email="ada@guild.example")
        reply = await SdkHttp(server.url)(
            "POST",
            f"{CLIENT}/app/guild/auth/providers/oauth2-google/login",
            {"id_token": sent, **DEVICE},
        )
        assert reply.status == 200
