"""Apps as the SDKs' test-suites make them over the admin API, and what clients can do then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from importer import (
    ACCOUNT,
    ANONYMOUS,
    API,
    API_KEY,
    CUSTOM_TOKEN,
    EMAIL,
    JWT_SECRET,
    PARTITION,
    SUM,
    Importer,
)
from realmsync.server.admin.access import AdminAccount
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import CLIENT, LOGIN, SdkHttp

pytestmark = pytest.mark.no_asan

PBS = {"sync": {"state": "enabled", "database_name": "db", "partition": PARTITION}}


async def log_in(http: SdkHttp, app: dict[str, Any], provider: str, **members: Any) -> Any:
    path = f"{CLIENT}/app/{app['client_app_id']}/auth/providers/{provider}/login"
    return await http("POST", path, {**LOGIN, "provider": provider, **members})


async def test_an_app_is_imported_and_used(admin: Importer, server: Server) -> None:
    providers = [ANONYMOUS, EMAIL, API_KEY, CUSTOM_TOKEN]
    app = await admin.import_app(PBS, providers, (SUM,))
    http = admin.http
    running = server.apps.find(app["client_app_id"])
    assert running is not None and running.model.sync.development_mode
    assert running.model.sync.partition is not None
    login = (await log_in(http, app, "anon-user")).json
    path = f"{CLIENT}/app/{app['client_app_id']}"
    body = {"name": "sumFunc", "arguments": [1, 2, 3]}
    call = await http("POST", f"{path}/functions/call", body, token=login["access_token"])
    assert (call.status, call.json) == (200, {"$numberInt": "6"})
    account = {"email": "a@b.c", "password": "secret12"}
    register = f"{path}/auth/providers/local-userpass/register"
    assert (await http("POST", register, account)).status == 201
    mail = await log_in(http, app, "local-userpass", username="a@b.c", password="secret12")
    assert mail.status == 200
    keys = f"{CLIENT}/auth/api_keys"
    key = (await http("POST", keys, {"name": "k"}, token=mail.json["refresh_token"])).json
    assert (await log_in(http, app, "api-key", key=key["key"])).status == 200
    claims = {"aud": app["client_app_id"], "sub": "me", "exp": int(time.time()) + 60, "name": "N"}
    token = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
    assert (await log_in(http, app, "custom-token", token=token)).status == 200


async def test_many_apps_are_there_at_once(admin: Importer, server: Server) -> None:
    flexible = {"flexible_sync": {"state": "enabled", "database_name": "db"}}
    apps = [await admin.import_app(config, [ANONYMOUS]) for config in (PBS, flexible, None)]
    assert len({app["client_app_id"] for app in apps}) == 3
    for app in apps:
        assert (await log_in(admin.http, app, "anon-user")).status == 200
        assert (await log_in(admin.http, app, "local-userpass")).status == 404
    listed = (await admin("GET", f"groups/{admin.group}/apps")).json
    assert {app["_id"] for app in listed} == {app["_id"] for app in apps}
    assert (await admin("GET", f"groups/{admin.group}/apps?product=atlas")).json == []


@pytest.mark.parametrize("type", ["string", "long", "objectId", "uuid"])
@pytest.mark.parametrize("required", [True, False])
async def test_partition_keys(admin: Importer, server: Server, type: str, required: bool) -> None:
    partition = {**PARTITION, "key": "realm_id", "type": type, "required": required}
    config = {"sync": {**PBS["sync"], "partition": partition}}
    app = await admin.import_app(config, [ANONYMOUS])
    running = server.apps.find(app["client_app_id"])
    assert running is not None and running.model.sync.partition is not None
    found = running.model.sync.partition
    assert (found.key, found.type, found.required) == ("realm_id", type, required)


async def test_an_app_is_used_again(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [ANONYMOUS, EMAIL], (SUM,))
    base = f"groups/{admin.group}/apps/{app['_id']}"
    await admin("POST", f"{base}/values", {"name": "dummyValue", "value": "whatever"})
    (first,) = (await admin("GET", f"{base}/deployments")).json
    for config in ({"flexible_sync": PBS["sync"] | {"partition": None}}, PBS):
        await admin("POST", f"{base}/deployments/{first['_id']}/redeploy")
        first, *_ = (await admin("GET", f"{base}/deployments")).json
        for secret in (await admin("GET", f"{base}/secrets")).json:
            assert set(secret) == {"_id", "name"}
            await admin("DELETE", f"{base}/secrets/{secret['_id']}")
        assert (await log_in(admin.http, app, "anon-user")).status == 404
        await admin.configure(app, config, [ANONYMOUS])
        assert (await log_in(admin.http, app, "anon-user")).status == 200


async def test_what_has_errors_changes_nothing(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [ANONYMOUS])
    base = f"{API}/groups/{admin.group}/apps/{app['_id']}"
    (service,) = (await admin.http("GET", f"{base}/services", token=admin.token)).json
    config = f"{base}/services/{service['_id']}/config"
    bad = {"sync": {**PBS["sync"], "partition": {**PARTITION, "type": "double"}}}
    reply = await admin.http("PATCH", config, bad, token=admin.token)
    assert reply.status == 400 and reply.json["error_code"] == "InvalidParameter"
    assert [d["code"] for d in reply.json["diagnostics"] if d["severity"] == "error"] == [
        "sync.partition_type"
    ]
    kept = (await admin.http("GET", config, token=admin.token)).json
    assert kept["sync"]["partition"]["type"] == "string"


async def test_a_draft_comes_into_force_at_once(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [ANONYMOUS])
    base = f"groups/{admin.group}/apps/{app['_id']}"
    draft = (await admin("POST", f"{base}/drafts")).json["_id"]
    again = await admin.http("POST", f"{API}/{base}/drafts", None, token=admin.token)
    assert (again.status, again.json["error_code"]) == (409, "DraftAlreadyExists")
    await admin("POST", f"{base}/auth_providers", EMAIL)
    assert (await log_in(admin.http, app, "local-userpass")).status == 404
    assert (await admin("GET", f"{base}/drafts/{draft}/diff")).json["diffs"]
    made = (await admin("POST", f"{base}/drafts/{draft}/deployment")).json
    assert made["status"] == "successful"
    assert (await admin("GET", f"{base}/deployments/{made['_id']}")).json == made
    assert (await log_in(admin.http, app, "local-userpass")).status == 401
    draft = (await admin("POST", f"{base}/drafts")).json["_id"]
    await admin("DELETE", f"{base}/drafts/{draft}")


async def test_apps_are_there_after_a_restart(tmp_path: Path) -> None:
    account = AdminAccount(ACCOUNT["username"], ACCOUNT["password"])
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, admin=account)
    async with Server(config) as server:
        admin = Importer(SdkHttp(server.url))
        await admin.log_in()
        kept = await admin.import_app(PBS, [ANONYMOUS])
        gone = await admin.import_app(PBS, [ANONYMOUS])
        await admin("DELETE", f"groups/{admin.group}/apps/{gone['_id']}")
        assert (await log_in(admin.http, gone, "anon-user")).status == 404
    async with Server(config) as server:
        http = SdkHttp(server.url)
        assert (await log_in(http, kept, "anon-user")).status == 200
        assert (await log_in(http, gone, "anon-user")).status == 404


async def test_users_are_looked_after(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [ANONYMOUS, EMAIL])
    base = f"groups/{admin.group}/apps/{app['_id']}/users"
    account = {"email": "a@b.c", "password": "secret12"}
    user = (await admin("POST", base, account)).json
    names = {"username": "a@b.c", "password": "secret12"}
    login = await log_in(admin.http, app, "local-userpass", **names)
    assert login.json["user_id"] == user["_id"]
    token = {"token": login.json["access_token"]}
    claims = (await admin("POST", f"{base}/verify_token", token)).json
    assert claims["sub"] == user["_id"] and claims["iat"] and claims["exp"]
    await admin("PUT", f"{base}/{user['_id']}/disable")
    assert (await log_in(admin.http, app, "local-userpass", **names)).status == 401
    await admin("PUT", f"{base}/{user['_id']}/enable")
    login = await log_in(admin.http, app, "local-userpass", **names)
    await admin("PUT", f"{base}/{user['_id']}/logout")
    session = f"{CLIENT}/auth/session"
    assert (await admin.http("POST", session, token=login.json["refresh_token"])).status == 401
    for _ in range(51):
        await log_in(admin.http, app, "anon-user")
    first = (await admin("GET", base)).json
    rest = (await admin("GET", f"{base}?after={first[-1]['_id']}")).json
    assert (len(first), len(rest)) == (50, 2)
    await admin("DELETE", f"{base}/{user['_id']}")
    assert (await admin.http("GET", f"{API}/{base}/{user['_id']}", token=admin.token)).status == 404


async def test_keys_of_servers(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [API_KEY])
    base = f"groups/{admin.group}/apps/{app['_id']}/api_keys"
    key = (await admin("POST", base, {"name": "ingest"})).json
    assert (await log_in(admin.http, app, "api-key", key=key["key"])).status == 200
    assert [k["name"] for k in (await admin("GET", base)).json] == ["ingest"]
    await admin("DELETE", f"{base}/{key['_id']}")
    assert (await log_in(admin.http, app, "api-key", key=key["key"])).status == 401


async def test_who_is_let_in(admin: Importer, server: Server) -> None:
    app = await admin.import_app(PBS, [ANONYMOUS])
    user = (await log_in(admin.http, app, "anon-user")).json
    apps = f"{API}/groups/{admin.group}/apps"
    http = admin.http
    for token in (None, user["access_token"], user["refresh_token"], "x.y.z"):
        assert (await http("GET", apps, token=token)).status == 401
    profile = f"{CLIENT}/auth/profile"
    assert (await http("GET", profile, token=admin.token)).status == 401, "no user's token"
    wrong = {**ACCOUNT, "password": "wrong"}
    login = f"{API}/auth/providers/local-userpass/login"
    assert (await http("POST", login, wrong)).status == 401
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert (await http("GET", apps, token=admin.token, headers=elsewhere)).status == 403


async def test_it_is_closed_by_default(tmp_path: Path) -> None:
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0)
    async with Server(config) as server:
        http = SdkHttp(server.url)
        login = f"{API}/auth/providers/local-userpass/login"
        assert (await http("POST", login, ACCOUNT)).status == 404
