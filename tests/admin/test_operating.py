"""What operators ask of an app: who waits, keys, logs, settings, and what cannot be done."""

from __future__ import annotations

from typing import Any

import pytest

from importer import ANONYMOUS, API, API_KEY, EMAIL, PARTITION, Importer
from realmsync.apps.model import SyncState
from realmsync.server.process import Server
from sdk_http import CLIENT, LOGIN, Reply

pytestmark = pytest.mark.no_asan

PBS = {"sync": {"state": "enabled", "database_name": "db", "partition": PARTITION}}
MAILED = {**EMAIL, "config": {"emailConfirmationUrl": "https://x/confirm"}}


class Lab:
    """An app, asked by its clients and by the admin."""

    def __init__(self, admin: Importer, app: dict[str, Any]) -> None:
        self.admin, self.app = admin, app
        self.base = f"groups/{admin.group}/apps/{app['_id']}"
        self._client = f"{CLIENT}/app/{app['client_app_id']}/auth/providers"

    async def __call__(self, method: str, path: str, body: Any = None) -> Reply:
        url = f"{API}/{self.base}/{path}"
        return await self.admin.http(method, url, body, token=self.admin.token)

    async def log_in(self, provider: str, **members: Any) -> Reply:
        body = {**LOGIN, "provider": provider, **members}
        return await self.admin.http("POST", f"{self._client}/{provider}/login", body)

    async def register(self, email: str) -> None:
        body = {"email": email, "password": "secret12"}
        path = f"{self._client}/local-userpass/register"
        assert (await self.admin.http("POST", path, body)).status == 201


async def lab(admin: Importer, *providers: dict[str, Any]) -> Lab:
    return Lab(admin, await admin.import_app(PBS, [*providers]))


async def test_accounts_that_wait(admin: Importer, server: Server) -> None:
    at = await lab(admin, MAILED)
    for name in ("c@x.y", "a@x.y", "b@x.y"):
        await at.register(name)
    listed = "user_registrations/pending_users"

    async def names(query: str = "") -> list[str]:
        found = (await at("GET", listed + query)).json
        return [user["login_ids"][0]["id"] for user in found]

    assert await names() == ["a@x.y", "b@x.y", "c@x.y"]
    assert await names("?after=a@x.y") == ["b@x.y", "c@x.y"]
    by_email = "user_registrations/by_email"
    kim = {"username": "a@x.y", "password": "secret12"}
    assert (await at.log_in("local-userpass", **kim)).status == 401
    assert (await at("POST", f"{by_email}/a%40x.y/confirm")).status == 204
    assert (await at.log_in("local-userpass", **kim)).status == 200
    again = await at("POST", f"{by_email}/a@x.y/confirm")
    assert (again.status, again.json["error_code"]) == (400, "UserAlreadyConfirmed")
    assert (await at("POST", f"{by_email}/b@x.y/send_confirm")).status == 204
    assert (await at("POST", f"{by_email}/b@x.y/run_confirm")).status == 400, "there is no function"
    assert (await at("DELETE", f"{by_email}/b@x.y")).status == 204
    assert await names() == ["c@x.y"]
    assert (await at("DELETE", f"{by_email}/nobody@x.y")).status == 404


async def test_users_are_chosen_and_ordered(admin: Importer, server: Server) -> None:
    at = await lab(admin, ANONYMOUS, EMAIL)
    made = (await at("POST", "users", {"email": "a@x.y", "password": "secret12"})).json
    assert made["data"] == {"email": "a@x.y"} and made["creation_date"]
    guests = [(await at.log_in("anon-user")).json["user_id"] for _ in range(2)]
    await at("PUT", f"users/{guests[0]}/disable")

    async def ids(query: str) -> list[str]:
        return [user["_id"] for user in (await at("GET", f"users?{query}")).json]

    everybody = await ids("sort=creation_date")
    assert set(everybody) == {made["_id"], *guests}
    assert await ids("desc=true") == everybody[::-1]
    assert await ids(f"after={everybody[1]}&desc=true") == everybody[:1]
    assert await ids("status=disabled") == guests[:1]
    assert set(await ids("status=enabled")) == {made["_id"], guests[1]}
    assert await ids("provider_types=local-userpass") == [made["_id"]]
    assert set(await ids("provider_types=local-userpass,anon-user")) == set(everybody)
    for query in ("status=asleep", "sort=name"):
        assert (await at("GET", f"users?{query}")).status == 400
    assert (await at("GET", f"users/{made['_id']}")).json == made
    assert (await at("GET", f"users/{made['_id']}/devices")).json == []


async def test_keys_are_switched(admin: Importer, server: Server) -> None:
    at = await lab(admin, API_KEY)
    key = (await at("POST", "api_keys", {"name": "ingest"})).json
    path = f"api_keys/{key['_id']}"
    assert (await at("GET", path)).json == {"_id": key["_id"], "name": "ingest", "disabled": False}
    assert (await at("PUT", f"{path}/disable")).status == 204
    assert (await at("GET", path)).json["disabled"]
    assert (await at.log_in("api-key", key=key["key"])).status == 401
    assert (await at("PUT", f"{path}/enable")).status == 204
    assert (await at.log_in("api-key", key=key["key"])).status == 200
    assert (await at("GET", "api_keys/none")).status == 404


async def test_logs_tell_what_clients_asked(admin: Importer, server: Server) -> None:
    at, other = await lab(admin, ANONYMOUS), await lab(admin, ANONYMOUS)
    user = (await at.log_in("anon-user")).json["user_id"]
    await at.log_in("x" * 10_000)
    refused, *rest = (await at("GET", "logs")).json["logs"]
    assert refused["error_code"] == "AuthProviderNotFound" and len(str(refused)) < 2000
    assert [entry.get("error") for entry in rest] == [None] and user not in str(refused)
    assert (await at("GET", "logs?errors_only=true")).json["logs"] == [refused]
    assert (await other("GET", "logs")).json["logs"] == []
    for _ in range(510):
        await at.log_in("none")
    assert len((await at("GET", "logs")).json["logs"]) == 500


async def test_logs_tell_which_function_failed_where(admin: Importer, server: Server) -> None:
    broken = {"name": "broken", "private": False, "source": "exports = () => { nothing() }"}
    at = Lab(admin, await admin.import_app(PBS, [ANONYMOUS], (broken,)))
    user = (await at.log_in("anon-user")).json
    path = f"{CLIENT}/app/{at.app['client_app_id']}/functions/call"
    reply = await admin.http("POST", path, {"name": "broken"}, token=user["access_token"])
    assert reply.status == 400 and "<input>" not in reply.text
    answered, failed = (await at("GET", "logs?errors_only=true")).json["logs"]
    assert answered["error"] == failed["error"] == "ReferenceError: nothing is not defined"
    assert (failed["function_name"], failed["user_id"]) == ("broken", user["user_id"])
    assert "<input>:1:" in failed["place"]


async def test_sync_that_is_ended_begins_anew(
    admin: Importer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await lab(admin, ANONYMOUS)
    ended: list[str] = []
    terminate = server.tasks.terminate

    def note(app_key: str) -> None:
        ended.append(app_key)
        terminate(app_key)

    monkeypatch.setattr(server.tasks, "terminate", note)
    (service,) = (await at("GET", "services")).json
    path = f"services/{service['_id']}/config"
    running = server.apps.find(at.app["client_app_id"])
    assert running is not None

    async def switch(state: str) -> None:
        body = {"sync": {**PBS["sync"], "state": state}}
        assert (await at("PATCH", path, body)).status == 204
        assert running is not None and running.model.sync.state is SyncState(state)
        assert (await at("GET", "sync/state?sync_type=partition")).json == {"state": state}

    await switch("disabled")
    await switch("enabled")
    assert ended == [], "paused: nothing is lost"
    await switch("")
    assert ended == [running.key]
    await switch("enabled")
    assert ended == [running.key]


async def test_what_is_not_here_says_so(admin: Importer, server: Server) -> None:
    at = await lab(admin, ANONYMOUS)
    migration = (await at("GET", "sync/migration")).json
    assert migration["statusMessage"] == "" and migration["isMigrated"] is False
    refused = await at("PUT", "sync/migration", {"serviceId": "x", "action": "start"})
    assert refused.status == 400 and "cannot be moved" in refused.json["error"]
    assert (await at("PATCH", "deploy/config", {"ui_drafts_disabled": True})).status == 204
    assert (await at("GET", "deploy/config")).json["ui_drafts_disabled"] is True
    automatic = {"automatic_deployment": {"enabled": True}}
    assert (await at("PATCH", "deploy/config", automatic)).status == 400
    private = f"/api/private/v1.0/{at.base}"
    flags = {"action": "enable", "feature_flags": ["x"]}
    http, token = admin.http, admin.token
    assert (await http("POST", f"{private}/features", flags, token=token)).status == 204
    assert (await http("GET", f"{private}/features", token=token)).json == {"enabled": []}
    assert (await http("PATCH", f"{private}/settings", {}, token=token)).status == 204
    apps = f"{API}/groups/{admin.group}/apps"
    template = {"name": "x", "template_id": "todo"}
    assert (await http("POST", apps, template, token=token)).status == 400


async def test_an_app_is_made_with_its_data_source(admin: Importer, server: Server) -> None:
    source = {"name": "mongodb-atlas", "type": "mongodb-atlas", "config": PBS}
    body = {"name": "made", "data_source": source, "provider_region": "aws-eu-west-1"}
    app = (await admin("POST", f"groups/{admin.group}/apps", body)).json
    assert app["provider_region"] == "aws-eu-west-1"
    running = server.apps.find(app["client_app_id"])
    assert running is not None and running.model.sync.partition is not None
    bad = {**body, "data_source": {**source, "config": {"sync": {"partition": {"key": 1}}}}}
    path = f"{API}/groups/{admin.group}/apps"
    assert (await admin.http("POST", path, bad, token=admin.token)).status == 400
    assert len((await admin("GET", f"groups/{admin.group}/apps")).json) == 1, "it was not made"


@pytest.mark.parametrize("part", ["triggers", "endpoints", "hosting/assets"])
async def test_what_is_never_served_is_an_empty_list(admin: Importer, part: str) -> None:
    reply = await (await lab(admin, ANONYMOUS))("GET", part)
    assert (reply.status, reply.json) == (200, [])
