"""Exports: loaded again they are the same application, in the layout of today, without secrets."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import layouts
from realmsync.apps.diagnostics import Findings
from realmsync.apps.export import exported_files
from realmsync.apps.file_names import decoded_name, file_name
from realmsync.apps.files import write_folder, zip_of
from realmsync.apps.import_body import body_of, read_body
from realmsync.apps.load import Loaded, load, load_path
from realmsync.apps.model import App, Class, ClassKind, Property, QueryableFields

VECTORS = Path(__file__).parents[1] / "vectors" / "apps"
ACCEPTED = sorted(
    path.parent
    for path in VECTORS.rglob("expected.json")
    if json.loads(path.read_text())["accepted"]
)
SECRETS = {"portalKey": "kkkk-portal-key", "portalBase": "kkkk-base", "theKey": "kkkk-the-key"}


def exported(found: Loaded) -> dict[str, Any]:
    assert found.app is not None and found.bundle is not None, [*map(str, found.findings)]
    return exported_files(found.bundle, found.app)


def comparable(app: App | None) -> App:
    """Without what an export of the old permissions gives up: roles of the MongoDB service."""
    assert app is not None
    return dataclasses.replace(app, service_roles={})


@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda path: path.name)
def test_an_export_is_the_same_application(folder: Path, tmp_path: Path) -> None:
    found = load_path(folder / "app", secrets=SECRETS)
    write_folder(exported(found), tmp_path / "out")
    again = load_path(tmp_path / "out", secrets=SECRETS)
    assert comparable(again.app) == comparable(found.app)
    assert exported(again) == exported(found)


@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda path: path.name)
def test_an_import_body_is_the_same_application(folder: Path) -> None:
    found = load_path(folder / "app")
    assert found.app is not None and found.bundle is not None
    body = read_body(json.loads(json.dumps(body_of(found.bundle, found.app.id))), Findings())
    assert body is not None
    assert load(body).app == found.app


@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda path: path.name)
def test_no_export_has_a_secret(folder: Path, tmp_path: Path) -> None:
    app = layouts.write({"secrets.json": {"googleSecret": "kkkk-google"}}, tmp_path)
    for path in (folder / "app").rglob("*"):
        if path.is_file():
            place = app / path.relative_to(folder / "app")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    found = load_path(app, secrets=SECRETS)
    assert found.bundle is not None and found.bundle.secrets is not None
    assert "kkkk" not in json.dumps(exported(found))
    assert "kkkk" not in json.dumps(body_of(found.bundle, "x"))


def test_every_layout_gives_the_same_export(tmp_path: Path) -> None:
    made = [
        exported(load_path(layouts.write(files, tmp_path / str(number))))
        for number, files in enumerate(
            [
                layouts.current(),
                layouts.current("root_config.json"),
                layouts.services("config.json", 20200603),
                layouts.services("stitch.json", 20180301),
            ]
        )
    ]
    assert all(set(files) == set(made[0]) for files in made)
    assert made[0] == made[1]
    root = made[2]["realm_config.json"]
    assert root["config_version"] == 20210101
    assert root["app_id"] == "shop-abcde"


def test_a_zip_is_the_same_every_time(tmp_path: Path) -> None:
    files = exported(load_path(layouts.write(layouts.current(), tmp_path / "app")))
    data = zip_of(files)
    assert data == zip_of(dict(reversed(files.items())))
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert set(names) == set(files)
    path = tmp_path / "app.zip"
    path.write_bytes(data)
    assert load_path(path).app == load_path(tmp_path / "app").app


def test_files_have_four_spaces(tmp_path: Path) -> None:
    files = exported(load_path(layouts.write(layouts.current(), tmp_path / "app")))
    write_folder(files, tmp_path / "out")
    assert (tmp_path / "out/realm_config.json").read_text().startswith('{\n    "app_id"')
    assert (tmp_path / "out/functions/reset.js").read_text() == layouts.SOURCES["reset"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        write_folder({"realm_config.json": {}}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "name",
    [
        *("plain", "a.b", "a b", "é", "a/b", "..", ".", ".hidden", "a\\b", "a:b", "con", "CON.x"),
        *("%", "%2F", "100%", "a%zz", "README", "README.md", "node_modules", "x.", "x ", "\n"),
        *("nul", "console", "a\x7fb", "*?", "%%user.id"),
    ],
)
def test_every_name_becomes_a_file_and_comes_back(name: str) -> None:
    written = file_name(name)
    assert "/" not in written and "\\" not in written and not written.startswith(".")
    assert written.isprintable()
    assert decoded_name(written, {name}) == name
    assert file_name(name) == name or written != name


def test_odd_names_are_exported(tmp_path: Path) -> None:
    odd = "../a%2Fb"
    body = {
        "name": "x",
        "data_sources": [
            {
                "config": {**layouts.MONGODB, "name": odd},
                "rules": [{"database": odd, "collection": "CON", "schema": layouts.SCHEMA}],
            }
        ],
        "functions": {
            "config": [{"name": odd}, {"name": "deep/er"}],
            "sources": {f"{odd}.js": "exports = 1", "deep/er.js": "exports = 2"},
        },
        "values": [{"name": odd, "value": 1}],
    }
    bundle = read_body(body, Findings())
    assert bundle is not None
    found = load(bundle)
    write_folder(exported(found), tmp_path / "out")
    again = load_path(tmp_path / "out")
    assert again.app == found.app
    assert again.app is not None
    assert again.app.functions[odd].source == "exports = 1"
    assert again.app.functions["deep/er"].source == "exports = 2"
    assert again.app.classes["Item"].database == odd


def test_what_clients_have_added_is_exported(tmp_path: Path) -> None:
    files = layouts.current()
    files["sync/config.json"] = {"type": "flexible", "state": "enabled", "database_name": "shop"}
    found = load_path(layouts.write(files, tmp_path / "app"))
    app = found.app
    assert app is not None and found.bundle is not None
    item = app.classes["Item"]
    running = dataclasses.replace(
        app,
        classes={
            "Item": dataclasses.replace(
                item, properties=(*item.properties, Property("box", "embedded", True, None, "Box"))
            ),
            "Box": Class("Box", ClassKind.EMBEDDED, (Property("size", "int", False),)),
            "Visit": Class(
                "Visit",
                ClassKind.ASYMMETRIC,
                (Property("_id", "uuid", False),),
                "_id",
                "shop",
                "Visit",
            ),
        },
        sync=dataclasses.replace(
            app.sync, asymmetric=("Visit",), queryable=QueryableFields(by_class={"Item": ("next",)})
        ),
    )
    write_folder(exported_files(found.bundle, app, running), tmp_path / "out")
    again = load_path(tmp_path / "out").app
    assert again is not None
    assert again.classes == running.classes
    assert again.sync == running.sync


def test_documents_that_nobody_changed_are_exported_as_they_were(tmp_path: Path) -> None:
    files = layouts.current()
    schema = "data_sources/mongodb-atlas/shop/items/schema.json"
    files[schema] = {**layouts.SCHEMA, "description": "hand-written"}
    found = load_path(layouts.write(files, tmp_path))
    assert found.app is not None and found.bundle is not None
    assert exported_files(found.bundle, found.app, found.app)[schema] == files[schema]
