"""Apps with a configuration: started, refused, loaded again while people use them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app_folders import ANYBODY, TASK, write_app
from engine_double import EngineDouble
from eventually import eventually
from realmsync.errors import ServerStartError
from realmsync.events import FieldsDiscovered, StorageFailed
from realmsync.server.apps.sources import AppFolder
from realmsync.server.authorization import Permission
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import CLIENT, LOGIN, SdkHttp

LOCATION = f"{CLIENT}/app/tasks-abcde/location"
ANONYMOUS = f"{CLIENT}/app/tasks-abcde/auth/providers/anon-user/login"
EMAIL = {
    "local-userpass": {
        "name": "local-userpass",
        "type": "local-userpass",
        "config": {"autoConfirm": True},
    }
}


@asynccontextmanager
async def serving(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Server, SdkHttp]]:
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, **settings)
    async with Server(config, runtime=EngineDouble()) as server:
        yield server, SdkHttp(server.url)


async def refused(tmp_path: Path, **settings: Any) -> str:
    with pytest.raises(ServerStartError) as error:
        async with serving(tmp_path, **settings):
            pytest.fail("it must not start")
    return str(error.value)


async def test_an_app_is_served_as_its_folder_says(tmp_path: Path) -> None:
    root = {"location": "IE", "deployment_model": "LOCAL"}
    folder = AppFolder(write_app(tmp_path / "app", root=root))
    async with serving(tmp_path, app_folders=(folder,)) as (server, http):
        location = (await http("GET", LOCATION)).json
        assert (location["location"], location["deployment_model"]) == ("IE", "LOCAL")
        assert (await http("GET", f"{CLIENT}/app/other/location")).status == 404
        assert (await http("POST", ANONYMOUS, LOGIN)).status == 200
        register = f"{CLIENT}/app/tasks-abcde/auth/providers/local-userpass/register"
        account = {"email": "a@b.c", "password": "secret12"}
        assert (await http("POST", register, account)).status == 404, "it has no such provider"
        (report,) = server.reports
        assert report.is_served and report.app_id == "tasks-abcde"
        assert f"app tasks-abcde is served from {tmp_path / 'app'}" in str(report)
        assert [cls["class"] for cls in report.data["classes"]] == ["Task"]


async def test_a_zip_and_an_id_beside_it(tmp_path: Path) -> None:
    folder = write_app(tmp_path / "app", app_id=None)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for path in folder.rglob("*.json"):
            archive.write(path, path.relative_to(folder))
    given = AppFolder(tmp_path / "app.zip", app_id="mine-zzzzz")
    async with serving(tmp_path, app_folders=(given,), apps=frozenset({"open"})) as (_, http):
        for app, status in (("mine-zzzzz", 200), ("open", 200), ("tasks", 404)):
            assert (await http("GET", f"{CLIENT}/app/{app}/location")).status == status


async def test_folders_with_errors_start_nothing(tmp_path: Path) -> None:
    told = await refused(tmp_path, app_folders=(AppFolder(tmp_path / "none"),))
    assert f"the configuration in {tmp_path / 'none'} is refused" in told
    assert "error config.not_found" in told
    app = write_app(tmp_path / "app")
    (app / "sync" / "config.json").write_text('{"state": 1,')
    told = await refused(tmp_path, app_folders=(AppFolder(app),))
    assert "error config.bad_json sync/config.json" in told


async def test_two_apps_with_one_id(tmp_path: Path) -> None:
    folders = [AppFolder(write_app(tmp_path / name)) for name in ("a", "b")]
    told = await refused(tmp_path, app_folders=tuple(folders))
    assert told == f"{tmp_path / 'b'}: there are two apps with id 'tasks-abcde'"
    told = await refused(tmp_path, app_folders=(folders[0],), apps=frozenset({"tasks-abcde"}))
    assert told == f"{tmp_path / 'a'}: there are two apps with id 'tasks-abcde'"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no file of secrets: No such file"),
        (b"{", "no file of secrets: Expecting"),
        (b"\xff", "no file of secrets: not UTF-8"),
        (b"[" * 10_000, "no file of secrets"),
        (b"[]", "no file of secrets: must hold an object"),
    ],
    ids=["absent", "cut", "bytes", "deep", "list"],
)
async def test_files_of_secrets_that_are_none(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    secrets = tmp_path / "secrets.json"
    if content is not None:
        secrets.write_bytes(content)
    folder = AppFolder(write_app(tmp_path / "app"), secrets=secrets)
    error = await refused(tmp_path, app_folders=(folder,))
    assert told in error and str(secrets) in error


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"apps": frozenset({"a"})},
        {"development_mode": False},
        {"authorize": lambda request: Permission.READ},
    ],
    ids=["one", "named", "fixed", "guarded"],
)
async def test_production_needs_a_configuration(tmp_path: Path, settings: dict[str, Any]) -> None:
    told = await refused(tmp_path, production=True, **settings)
    assert told.startswith("in production each app has a configuration")


async def test_production(tmp_path: Path, caplog: Any) -> None:
    folder = AppFolder(write_app(tmp_path / "app"))
    async with serving(tmp_path, production=True, app_folders=(folder,)) as (_, http):
        assert (await http("GET", LOCATION)).status == 200
    guarded = {"authorize": lambda request: Permission.READ, "development_mode": False}
    async with serving(tmp_path, production=True, **guarded) as (_, http):
        assert (await http("GET", LOCATION)).status == 200
    assert "EVERYBODY" not in caplog.text


async def test_an_open_app_is_said_loudly(tmp_path: Path, caplog: Any) -> None:
    async with serving(tmp_path):
        loud = [r for r in caplog.records if r.levelname == "WARNING"]
        assert ["EVERYBODY MAY READ AND WRITE" in r.getMessage() for r in loud] == [True]


async def test_reload(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app")
    async with serving(tmp_path, app_folders=(AppFolder(app),)) as (server, http):
        user = (await http("POST", ANONYMOUS, LOGIN)).json
        write_app(app, providers=EMAIL, root={"location": "BR"})
        (report,) = await server.reload()
        assert report.is_served and server.reports == [report]
        assert (await http("GET", LOCATION)).json["location"] == "BR"
        assert (await http("POST", ANONYMOUS, LOGIN)).status == 404
        profile = await http("GET", f"{CLIENT}/auth/profile", token=user["access_token"])
        assert profile.status == 200, "who has logged in stays so"


async def test_a_reload_with_errors_changes_nothing(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app")
    other = write_app(tmp_path / "other", app_id="other-abcde")
    folders = (AppFolder(app), AppFolder(other))
    async with serving(tmp_path, app_folders=folders) as (server, http):
        write_app(app, providers=EMAIL, sync={"partition": {"key": "a", "type": "date"}})
        write_app(other, app_id="other-abcde", providers=EMAIL)
        bad, good = await server.reload()
        assert not bad.is_served and good.is_served
        assert "sync.partition_type" in str(bad) and bad.app_id is None
        assert (await http("POST", ANONYMOUS, LOGIN)).status == 200
        anonymous = ANONYMOUS.replace("tasks-abcde", "other-abcde")
        assert (await http("POST", anonymous, LOGIN)).status == 404
        write_app(app, providers=ANYBODY | EMAIL)
        assert [report.is_served for report in await server.reload()] == [True, True]


async def test_an_app_keeps_its_id(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app")
    async with serving(tmp_path, app_folders=(AppFolder(app),)) as (server, http):
        write_app(app, app_id="renamed-abcde")
        (report,) = await server.reload()
        assert not report.is_served
        assert "the app id was 'tasks-abcde' and is 'renamed-abcde' now" in str(report)
        assert (await http("GET", LOCATION)).status == 200


async def test_secrets_are_not_shown(tmp_path: Path, caplog: Any) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"key": "hush-hush-hush-hush-hush-hush-hush"}))
    providers = {
        "custom-token": {
            "name": "custom-token",
            "type": "custom-token",
            "config": {"signingAlgorithm": "HS256"},
            "secret_config": {"signingKeys": ["key"]},
        }
    }
    app = write_app(tmp_path / "app", providers=providers)
    folder = AppFolder(app, secrets=secrets)
    async with serving(tmp_path, app_folders=(folder,)) as (server, _):
        assert [app.model.providers["custom-token"].unusable for app in server.apps] == [None]
        assert "hush" not in caplog.text + str(server.reports) + repr(list(server.apps))


async def test_the_engine_is_told_the_settings(tmp_path: Path) -> None:
    engine = EngineDouble()
    app = write_app(tmp_path / "app", sync={"state": "disabled", "client_max_offline_days": 7})
    config = ServerConfig(
        data=tmp_path / "data",
        host="127.0.0.1",
        port=0,
        app_folders=(AppFolder(app),),
        apps=frozenset({"open"}),
    )
    expected = {
        "sync_mode": "partition",
        "development_mode": False,
        "paused": True,
        "partition_key": "owner",
        "partition_type": "string",
        "partition_required": False,
        "max_offline_days": 7,
        "recovery": True,
        "queryable": [],
        "queryable_by_class": {},
        "indexed_queryable": None,
        "schema_versions": None,
    }
    async with Server(config, runtime=engine) as server:
        assert engine.calls == [
            ("configure_app", "tasks-abcde", expected),
            ("install_schema", "tasks-abcde", ["Task"]),
            ("configure_app", "tasks-abcde", expected),
        ]
        write_app(app, sync={"is_recovery_mode_disabled": True, "development_mode_enabled": True})
        await server.reload()
        changed = {
            "development_mode": True,
            "paused": False,
            "max_offline_days": 0,
            "recovery": False,
        }
        assert engine.calls[-1] == ("configure_app", "tasks-abcde", expected | changed)


async def test_what_subscriptions_make_queryable_is_so_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "realmsync.server")
    engine = EngineDouble()
    sync = {"type": "flexible", "partition": {}, "development_mode_enabled": True}
    app = write_app(tmp_path / "app", sync=sync)
    config = ServerConfig(
        data=tmp_path / "data",
        host="127.0.0.1",
        port=0,
        app_folders=(AppFolder(app),),
        apps=frozenset({"open"}),
    )

    def queryable() -> list[Any]:
        calls = [call for call in engine.calls if call[0] == "configure_app"]
        return [settings["queryable_by_class"] for _, _, settings in calls]

    async with Server(config, runtime=engine):
        for app_id in ("tasks-abcde", "open", "gone"):
            engine.emit(FieldsDiscovered(app_id, "Task", ["text"]))
        engine.emit(FieldsDiscovered("tasks-abcde", "Task", ["_id", "text"]))
        engine.emit(FieldsDiscovered("tasks-abcde", "Task", ["size"]))
        await eventually(lambda: len(queryable()) == 4)
    assert queryable() == [{}, {}, {"Task": ("text",)}, {"Task": ("text", "size")}]
    assert "app tasks-abcde: queryable from now on: {'Task': ['size']}" in caplog.text
    async with Server(config, runtime=again(engine)) as server:
        assert queryable()[-1] == {"Task": ("text", "size")}
        models = [app.model for app in server.apps if not app.is_open]
        assert [m.sync.queryable.of("Task") for m in models] == [{"_id", "text", "size"}]


def again(engine: EngineDouble) -> EngineDouble:
    """The engine of the next start, on the same data."""
    made = EngineDouble()
    made.calls, made.schemas = engine.calls, engine.schemas
    made.has_client_files = engine.has_client_files
    return made


@pytest.mark.parametrize(
    ("sync", "told"),
    [
        (
            {"partition": {"key": "team", "type": "objectId"}},
            "the partition key was owner and is team; "
            "the partition key was of type string and is of objectId",
        ),
        ({"type": "flexible", "partition": {}}, "sync was partition and is flexible"),
    ],
)
async def test_changes_that_no_client_can_follow(
    tmp_path: Path, sync: dict[str, Any], told: str
) -> None:
    app = write_app(tmp_path / "app")
    engine = EngineDouble()
    engine.has_client_files = True
    config = ServerConfig(
        data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(AppFolder(app),)
    )
    async with Server(config, runtime=engine) as server:
        write_app(app, sync=sync)
        (report,) = await server.reload()
        assert not report.is_served
        assert "sync.breaking" in str(report) and told in str(report)
    with pytest.raises(ServerStartError, match="no client can follow"):
        await Server(config, runtime=again(engine)).start()
    accepting = replace(config, accept_breaking=True)
    async with Server(accepting, runtime=again(engine)):
        assert ("terminate", "tasks-abcde") in engine.calls
    async with Server(config, runtime=again(engine)):
        assert engine.calls.count(("terminate", "tasks-abcde")) == 1


async def test_web_sites_that_an_app_lets_in(tmp_path: Path) -> None:
    site = "https://shop.example"
    root = {"allowed_request_origins": [site]}
    folders = (
        AppFolder(write_app(tmp_path / "app", root=root)),
        AppFolder(write_app(tmp_path / "other", app_id="other-abcde")),
    )
    async with serving(tmp_path, app_folders=folders) as (server, http):

        async def status(method: str, path: str, origin: str, **more: Any) -> int:
            body = LOGIN if method == "POST" else ""
            reply = await http(method, path, body, headers={"Origin": origin}, **more)
            return reply.status

        other = ANONYMOUS.replace("tasks-abcde", "other-abcde")
        assert await status("POST", ANONYMOUS, site) == 200
        assert await status("POST", other, site) == 403, "another app does not let it in"
        assert await status("POST", ANONYMOUS, "https://evil.example") == 403
        assert await status("GET", "/status", site) == 403
        for path, expected in ((ANONYMOUS, 200), (other, 403)):
            user = (await http("POST", path, LOGIN)).json
            profile = f"{CLIENT}/auth/profile"
            assert await status("GET", profile, site, token=user["access_token"]) == expected
        async with aiohttp.ClientSession() as session:
            asked = {"Origin": site, "Access-Control-Request-Method": "POST"}
            async with session.options(server.url + ANONYMOUS, headers=asked) as answer:
                assert answer.status == 204
                assert answer.headers["Access-Control-Allow-Origin"] == site
                assert answer.headers["Access-Control-Allow-Methods"] == "POST"
            asked["Origin"] = "https://evil.example"
            async with session.options(server.url + ANONYMOUS, headers=asked) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers


async def test_breaking_changes_of_the_schema(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app")
    note = TASK | {"title": "Note"}
    engine = EngineDouble()
    config = ServerConfig(
        data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(AppFolder(app),)
    )
    async with Server(config, runtime=engine) as server:
        write_app(app, schema=note)
        (report,) = await server.reload()
        assert not report.is_served
        assert "schema.breaking" in str(report) and "class Task is gone" in str(report)
        assert [list(app.model.classes) for app in server.apps] == [["Task"]]
        (report,) = await server.reload(accept_breaking=True)
        assert report.is_served
        assert ("replace_schema", "tasks-abcde", ["Note"]) in engine.calls
        assert [list(app.model.classes) for app in server.apps] == [["Note"]]
    write_app(app)
    with pytest.raises(ServerStartError, match="class Note is gone"):
        await Server(config, runtime=again(engine)).start()
    accepting = replace(config, accept_breaking=True)
    async with Server(accepting, runtime=EngineDouble()) as server:
        assert [list(app.model.classes) for app in server.apps] == [["Task"]]


async def test_storage_that_fails_at_the_start(tmp_path: Path) -> None:
    """It answers nothing any more, and nobody waits for it."""

    class Failing(EngineDouble):
        def schema(self, app_id: str, now_ms: int) -> int:
            self.emit(StorageFailed("disk on fire"))
            return 1

    folder = AppFolder(write_app(tmp_path / "app"))
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(folder,))
    with pytest.raises(ServerStartError, match="the server is stopping"):
        await Server(config, runtime=Failing()).start()
