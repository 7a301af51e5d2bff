"""Exported folders of all generations, zips and import bodies: one application, one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import layouts
from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import body_of, read_body
from realmsync.apps.load import Loaded, load, load_path
from realmsync.apps.model import App, SyncMode
from realmsync.apps.secrets import Secrets

SECRETS = {"theKey": "k" * 32}


def loaded(files: dict[str, Any], folder: Path) -> Loaded:
    return load_path(layouts.write(files, folder), secrets=SECRETS)


def app_of(found: Loaded) -> App:
    assert found.app is not None, [*map(str, found.findings)]
    return found.app


def of_body(body: Any) -> App:
    findings = Findings()
    bundle = read_body(body, findings)
    assert bundle is not None, [*map(str, findings)]
    return app_of(load(bundle, secrets=Secrets(SECRETS)))


def codes(found: Loaded) -> set[tuple[str, str]]:
    return {(finding.code, finding.path) for finding in found.findings}


@pytest.fixture
def expected(tmp_path: Path) -> App:
    return app_of(loaded(layouts.current(), tmp_path / "expected"))


def test_the_model_holds_what_the_files_say(expected: App) -> None:
    assert expected.id == "shop-abcde"
    assert expected.sync.mode is SyncMode.PARTITION
    assert expected.sync.partition is not None
    assert expected.sync.partition.write == {"%%partition": "%%user.id"}
    assert expected.sync.max_offline_days == 14
    assert [*expected.classes] == ["Item"]
    assert [p.type for p in expected.classes["Item"].properties] == ["objectId", "string", "link"]
    assert expected.functions["mayRead"].run_as_system
    assert expected.functions["reset"].source == layouts.SOURCES["reset"]
    assert expected.values == {"motd": {"a": [1, None]}, "key": "k" * 32}
    assert expected.secret_values == {"key": "theKey"}
    assert expected.environment_values == {"open": ["PUBLIC"]}
    assert expected.allowed_origins == ("https://shop.example",)
    assert expected.providers["anon-user"].disabled
    assert expected.providers["custom-token"].secrets == {"signingKeys": ("k" * 32,)}
    assert expected.custom_user_data is not None
    assert expected.custom_user_data.collection == "people"


@pytest.mark.parametrize(
    "files",
    [
        layouts.current("root_config.json"),
        layouts.services("config.json", 20200603),
        layouts.services("stitch.json", 20180301),
    ],
    ids=["root_config", "config", "stitch"],
)
def test_every_layout_gives_the_same_model(
    files: dict[str, Any], expected: App, tmp_path: Path
) -> None:
    assert app_of(loaded(files, tmp_path / "other")) == expected


def test_a_zip_gives_the_same_model(expected: App, tmp_path: Path) -> None:
    path = layouts.write_zip(layouts.current(), tmp_path / "app.zip")
    assert app_of(load_path(path, secrets=SECRETS)) == expected


@pytest.mark.parametrize(
    "body",
    [
        layouts.import_body(),
        layouts.old_import_body(20200603),
        layouts.old_import_body(20180301),
    ],
    ids=["today", "2020", "2018"],
)
def test_import_bodies_give_the_same_model(body: dict[str, Any], expected: App) -> None:
    assert of_body(body) == expected


def test_a_body_that_is_given_out_can_be_taken_in(expected: App) -> None:
    bundle = read_body(layouts.import_body(), Findings())
    assert bundle is not None
    body = body_of(bundle, "shop-abcde")
    assert of_body(body) == expected
    again = read_body(body, Findings())
    assert again is not None
    assert body_of(again, "shop-abcde") == body


def test_a_model_never_shows_its_secrets(expected: App) -> None:
    assert "kkkk" not in repr(expected)


@pytest.mark.parametrize("body", [None, [], {"data_sources": 3}, {"functions": []}, {"auth": "x"}])
def test_import_bodies_of_another_form(body: Any) -> None:
    findings = Findings()
    assert read_body(body, findings) is None
    assert {finding.code for finding in findings} <= {"config.bad_value"}


def test_what_import_bodies_name_needs_a_name() -> None:
    findings = Findings()
    body = {
        "name": "x",
        "data_sources": [{"config": {}}, {"config": layouts.MONGODB, "rules": [{"database": "d"}]}],
        "values": [{"value": 1}],
    }
    assert read_body(body, findings) is None
    assert {finding.key for finding in findings} == {
        "data_sources[0]",
        "data_sources[1].rules[0]",
        "values[0]",
    }


def test_names_of_import_bodies_reach_no_file(tmp_path: Path) -> None:
    hostile = "../../etc"
    rule = {"database": hostile, "collection": ".", "schema": layouts.SCHEMA}
    body = {
        "name": "x",
        "data_sources": [{"config": layouts.MONGODB, "rules": [rule]}],
        "functions": {"config": [{"name": hostile}], "sources": {f"{hostile}.js": "exports = 1"}},
        "values": [{"name": hostile, "value": 1}],
    }
    app = of_body(body)
    assert app.values == {hostile: 1}
    assert app.functions[hostile].source == "exports = 1"
    assert app.classes["Item"].database == hostile
    assert app.classes["Item"].collection == "."


def test_names_of_files_may_be_escaped(tmp_path: Path) -> None:
    service = "data_sources/mongodb-atlas"
    files = layouts.current()
    files[f"{service}/my%2Fdb/a%3Ab/rules.json"] = {
        "database": "my/db",
        "collection": "a:b",
        "roles": [],
    }
    files[f"{service}/my%2Fdb/a%3Ab/schema.json"] = {**layouts.SCHEMA, "title": "Other"}
    found = loaded(files, tmp_path)
    other = app_of(found).classes["Other"]
    assert (other.database, other.collection) == ("my/db", "a:b")
    assert not any(code == "config.name_mismatch" for code, _ in codes(found))


def test_keys_that_contradict_their_file_have_the_roles(tmp_path: Path) -> None:
    service = "data_sources/mongodb-atlas"
    files = layouts.current()
    files[f"{service}/shop/other/rules.json"] = layouts.RULES | {"roles": []}
    files[f"{service}/shop/other/schema.json"] = {**layouts.SCHEMA, "title": "Other"}
    found = loaded(files, tmp_path)
    assert ("config.name_mismatch", f"{service}/shop/other/rules.json") in codes(found)
    assert app_of(found).classes["Other"].collection == "other"
    assert found.bundle is not None
    collections = found.bundle.services["mongodb-atlas"].collections
    in_its_place = collections["shop", "items"].rules
    assert in_its_place is not None
    assert in_its_place.path == f"{service}/shop/items/rules.json"


def test_sources_without_an_entry_are_public_functions(tmp_path: Path) -> None:
    files = layouts.current()
    files["functions/util/deep/sum.js"] = "exports = 1"
    files["functions/node_modules/x.js"] = "no function"
    files["functions/.hidden.js"] = "no function"
    function = app_of(loaded(files, tmp_path)).functions
    assert set(function) == {"reset", "mayRead", "util/deep/sum"}
    assert not function["util/deep/sum"].private


def test_sync_of_a_data_source(tmp_path: Path) -> None:
    """As the admin API has it, and test suites write it."""
    files = layouts.current()
    del files["sync/config.json"]
    files["data_sources/mongodb-atlas/config.json"] = {
        **layouts.MONGODB,
        "config": {"flexible_sync": {"state": "enabled", "queryable_fields_names": ["a"]}},
    }
    sync = app_of(loaded(files, tmp_path)).sync
    assert sync.mode is SyncMode.FLEXIBLE
    assert sync.service == "mongodb-atlas"


@pytest.mark.parametrize("layout", ["current", "services"])
def test_two_services_cannot_have_sync(layout: str, tmp_path: Path) -> None:
    if layout == "current":
        files, place = layouts.current(), "data_sources"
        del files["sync/config.json"]
    else:
        files, place = layouts.services("config.json", 20200603), "services"
    for name in ("mongodb-atlas", "second"):
        config = {"name": name, "type": "mongodb", "config": {"sync": layouts.SYNC}}
        files[f"{place}/{name}/config.json"] = config
    found = loaded(files, tmp_path)
    assert found.app is None
    assert codes(found) == {("sync.several_services", f"{place}/second/config.json")}


def test_both_forms_of_sync_in_one_service(tmp_path: Path) -> None:
    files = layouts.services("config.json", 20200603)
    files["services/mongodb-atlas/config.json"] = {
        **layouts.MONGODB,
        "config": {"sync": layouts.SYNC, "flexible_sync": {"queryable_fields_names": ["a"]}},
    }
    found = loaded(files, tmp_path)
    assert ("sync.both_modes", "services/mongodb-atlas/config.json") in codes(found)
