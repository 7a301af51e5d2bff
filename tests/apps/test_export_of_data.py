"""`realmsync export --data`: what clients have added to an app's classes goes out, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import layouts
from realmsync import _core
from realmsync.apps.load import load_path
from realmsync.apps.plain_schemas import PlainClass, to_plain
from realmsync.cli import main

ADDED: list[PlainClass] = [
    (
        "Item",
        "top",
        "_id",
        [
            ("_id", "objectId", False, None, None),
            ("_part", "string", True, None, None),
            ("next", "link", True, None, "Item"),
            ("added", "int", True, None, None),
        ],
    ),
    ("Visit", "top", "_id", [("_id", "uuid", False, None, None)]),
]


def store(data: Path, classes: list[PlainClass]) -> _core.ServerRuntime:
    """A data directory in which the app has these classes, with its engine."""
    data.mkdir(exist_ok=True)
    engine = _core.ServerRuntime(str(data / "sync"), workers=0, apps=["shop-abcde"])
    engine.install_schema("shop-abcde", classes, 0)
    assert [event.error for event in engine.drain(0)] == [None]
    return engine


def export(folder: Path, data: Path, out: Path) -> Result:
    return CliRunner().invoke(main, [*map(str, ("export", folder, "--data", data, "-o", out))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return layouts.write(layouts.current(), tmp_path / "app")


def test_what_clients_added(folder: Path, tmp_path: Path) -> None:
    store(tmp_path / "data", ADDED).close()
    result = export(folder, tmp_path / "data", tmp_path / "out")
    assert result.exit_code == 0, result.output
    app = load_path(tmp_path / "out").app
    assert app is not None
    assert sorted(to_plain(app.classes)) == ADDED
    visit = app.classes["Visit"]
    assert (visit.database, visit.collection) == ("shop", "Visit")


def test_a_server_that_runs(folder: Path, tmp_path: Path) -> None:
    engine = store(tmp_path / "data", ADDED)
    result = export(folder, tmp_path / "data", tmp_path / "out")
    engine.close()
    assert result.exit_code == 1
    assert "in use by another server" in result.output
    assert not (tmp_path / "out").exists()


def test_a_data_directory_without_the_app(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    result = export(folder, tmp_path / "data", tmp_path / "out")
    assert result.exit_code == 1
    assert "there is no app 'shop-abcde'" in result.output
    assert [*(tmp_path / "data").iterdir()] == []
