"""Import, export, push and pull, as the service's command line tool calls them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from importer import ANONYMOUS, API, EMAIL, PARTITION, Importer
from realmsync.apps.load import load_path
from realmsync.server.process import Server

pytestmark = pytest.mark.no_asan

DOG = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {"_id": {"bsonType": "int"}, "name": {"bsonType": "string"}},
}
BODY: dict[str, Any] = {
    "config_version": 20210101,
    "name": "kennel",
    "auth": {"providers": {"anon-user": ANONYMOUS}, "custom_user_data": {}},
    "functions": {
        "config": [{"name": "hello", "private": False}],
        "sources": {"hello.js": "exports = () => 'hello';"},
    },
    "values": [{"name": "greeting", "value": "hi", "from_secret": False}],
    "environments": {"production.json": {"values": {"url": "https://kennel.example"}}},
    "data_sources": [
        {
            "config": {"name": "mongodb-atlas", "type": "mongodb-atlas", "config": {}},
            "rules": [{"database": "db", "collection": "dogs", "roles": [], "schema": DOG}],
        }
    ],
    "sync": {
        "config": {
            "type": "partition",
            "state": "enabled",
            "development_mode_enabled": False,
            "service_name": "mongodb-atlas",
            "database_name": "db",
            "partition": PARTITION,
        }
    },
    "triggers": [{"name": "nightly", "type": "SCHEDULED"}],
}
IMPORT = "import?strategy=replace-by-name"


async def new_app(admin: Importer) -> tuple[dict[str, Any], str]:
    app = (await admin("POST", f"groups/{admin.group}/apps", {"name": "kennel"})).json
    return app, f"groups/{admin.group}/apps/{app['_id']}"


async def downloaded(admin: Importer, path: str) -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {admin.token}", "Accept": "application/zip"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{admin.http.base}{API}/{path}", headers=headers) as response,
    ):
        assert (response.status, response.content_type) == (200, "application/zip")
        return response.headers["Content-Disposition"], await response.read()


async def test_a_push_as_the_command_line_tool_does_it(admin: Importer, server: Server) -> None:
    found: list[Any] = []
    for product in ("standard", "atlas", "charts", "device-sync"):
        found += (await admin("GET", f"groups/{admin.group}/apps?product={product}")).json
    assert found == []
    app, base = await new_app(admin)
    planned = (await admin("POST", f"{base}/{IMPORT}&diff=true", BODY)).json
    assert "modified: auth/providers.json" in planned and "added: functions/hello.js" in planned
    assert (await admin("GET", f"{base}/functions")).json == [], "that changed nothing"
    draft = (await admin("POST", f"{base}/drafts")).json["_id"]
    assert (await admin("POST", f"{base}/{IMPORT}", BODY)).status == 204
    running = server.apps.find(app["client_app_id"])
    assert running is not None and not running.model.functions, "it waits for its deployment"
    assert (await admin("GET", f"{base}/drafts/{draft}/diff")).json["diffs"] == planned
    made = (await admin("POST", f"{base}/drafts/{draft}/deployment")).json
    polled = (await admin("GET", f"{base}/deployments/{made['_id']}")).json
    assert polled["status"] == "successful"
    assert set(running.model.functions) == {"hello"} and set(running.model.classes) == {"Dog"}
    assert (await admin("POST", f"{base}/{IMPORT}&diff=true", BODY)).json == []


async def test_an_import_replaces_by_name(admin: Importer, server: Server) -> None:
    app, base = await new_app(admin)
    await admin("POST", f"{base}/secrets", {"name": "kept", "value": "s3cret"})
    await admin("POST", f"{base}/{IMPORT}", BODY)
    (hello,) = (await admin("GET", f"{base}/functions")).json
    other = {
        **BODY,
        "functions": {
            "config": [{"name": "hello", "private": True}, {"name": "more"}],
            "sources": {"hello.js": "exports = () => 1;", "more.js": "exports = () => 2;"},
        },
        "values": [],
        "auth": {"providers": {"local-userpass": EMAIL}},
    }
    await admin("POST", f"{base}/{IMPORT}", other)
    functions = {f["name"]: f["_id"] for f in (await admin("GET", f"{base}/functions")).json}
    assert functions["hello"] == hello["_id"] and set(functions) == {"hello", "more"}
    assert (await admin("GET", f"{base}/values")).json == []
    assert [p["type"] for p in (await admin("GET", f"{base}/auth_providers")).json] == [
        "local-userpass"
    ]
    assert [s["name"] for s in (await admin("GET", f"{base}/secrets")).json] == ["kept"]
    running = server.apps.find(app["client_app_id"])
    assert running is not None and running.model.functions["hello"].private


async def test_an_import_with_errors_changes_nothing(admin: Importer, server: Server) -> None:
    _, base = await new_app(admin)
    await admin("POST", f"{base}/{IMPORT}", BODY)
    before = (await admin("GET", f"{base}/pull")).json
    both = {**BODY["sync"]["config"], "queryable_fields_names": ["name"]}
    bad = {**BODY, "values": [], "sync": {"config": both}}
    for path in (IMPORT, f"{IMPORT}&diff=true"):
        reply = await admin.http("POST", f"{API}/{base}/{path}", bad, token=admin.token)
        assert (reply.status, reply.json["error_code"]) == (400, "InvalidParameter")
        assert "sync.both_modes" in {found["code"] for found in reply.json["diagnostics"]}
    merge = f"{API}/{base}/import?strategy=merge"
    assert (await admin.http("POST", merge, BODY, token=admin.token)).status == 400
    assert (await admin("GET", f"{base}/pull")).json == before


async def test_what_was_pulled_can_be_pushed(admin: Importer, server: Server) -> None:
    app, base = await new_app(admin)
    await admin("POST", f"{base}/{IMPORT}", BODY)
    running = server.apps.find(app["client_app_id"])
    assert running is not None
    model = running.model
    pulled = (await admin("GET", f"{base}/pull")).json
    assert pulled["triggers"] == BODY["triggers"], "what is of no use here is not lost"
    assert (await admin("PATCH", f"{base}/push", pulled)).status == 204
    assert running.model == model
    assert (await admin("GET", f"{base}/pull")).json == pulled


async def test_an_export_is_a_folder_that_can_be_served(
    admin: Importer, server: Server, tmp_path: Path
) -> None:
    app, base = await new_app(admin)
    await admin("POST", f"{base}/secrets", {"name": "s", "value": "s3cret"})
    await admin("POST", f"{base}/{IMPORT}", BODY)
    running = server.apps.find(app["client_app_id"])
    assert running is not None
    disposition, content = await downloaded(admin, f"{base}/export?version=20210101")
    assert disposition.startswith("attachment; filename=kennel_") and disposition.endswith(".zip")
    assert b"s3cret" not in content
    (tmp_path / "kennel.zip").write_bytes(content)
    assert load_path(tmp_path / "kennel.zip").app == running.model
    _, again = await downloaded(admin, f"{base}/pull")
    assert again == content
    _, template = await downloaded(admin, f"{base}/export?template=true")
    with zipfile.ZipFile(io.BytesIO(template)) as archive:
        assert "app_id" not in json.loads(archive.read("realm_config.json"))


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_a_body_as_large_as_an_app(admin: Importer, server: Server) -> None:
    _, base = await new_app(admin)
    large = {**BODY, "values": [{"name": "large", "value": "x" * (1 << 20)}]}
    assert (await admin("POST", f"{base}/{IMPORT}", large)).status == 204
    (value,) = (await admin("GET", f"{base}/values")).json
    assert len(value["value"]) == 1 << 20
    endless = {**BODY, "values": [{"name": "large", "value": "x" * (4 << 20)}]}
    reply = await admin.http("POST", f"{API}/{base}/{IMPORT}", endless, token=admin.token)
    assert reply.status == 413
