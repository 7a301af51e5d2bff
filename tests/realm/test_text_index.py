"""The full-text index follows what no application writes: integrations, client resets, schemas."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from instructions import create, erase, update
from realm.resets import MODES, Story
from realmsync import Realm, _testbed

DOG = {
    "name": "Dog",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        "name": {"type": "string", "optional": True, "indexed": "full-text"},
    },
}
WORDS = ["rex", "brown", "dog", "local", "server"]


def check(path: Path) -> dict[int, str | None]:
    """The names in the file, which its index agrees with."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        rows: dict[int, str | None] = dict(db.execute("SELECT _id, name FROM Dog"))
        for word in WORDS:
            index = '"rs_text$3$Dog$name$"'
            sql = f"SELECT rowid FROM {index} WHERE {index} MATCH ?"
            expression, _ = _testbed.match_expression(word)
            found = {key for (key,) in db.execute(sql, (expression,))}
            texts = [text or "" for text in rows.values()]
            matching = _testbed.texts_matching(word, texts)
            assert found == {key for key, it_is in zip(rows, matching, strict=True) if it_is}, word
        return rows


@pytest.fixture
def story(tmp_path: Path) -> Story:
    story = Story(tmp_path)
    with Realm(path=tmp_path / "local.realm", schema=[DOG]):
        pass
    return story


def test_integrations(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "local.realm"
    assert check(path) == {1: "Rex", 2: None, 3: None}
    story.server(update("Dog", 1, "name", "brown dog"), create("Dog", 4))
    story.server(update("Dog", 4, "name", "server"), update("Dog", 2, "name", "Rex, a dog"))
    story.server(erase("Dog", 3), update("Dog", 2, "name", None))
    story.catch_up()
    assert check(path) == {1: "brown dog", 2: None, 4: "server"}


@pytest.mark.parametrize("mode", MODES)
def test_client_resets(story: Story, tmp_path: Path, mode: str) -> None:
    story.offline(update("Dog", 2, "name", "local dog"), create("Dog", 5))
    story.server(update("Dog", 1, "name", "server"), erase("Dog", 3))
    story.reset(mode)
    assert check(tmp_path / "local.realm")[1] == "server"


def test_erased_properties(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "local.realm"
    story.server({"op": "EraseColumn", "table": "Dog", "field": "name"})
    story.catch_up()
    with closing(apsw.Connection(str(path))) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    assert not [name for name in names if name.startswith("rs_text$")]
    with Realm(path=path, schema=[DOG]) as realm, realm.write():
        realm.create("Dog", {"_id": 9, "name": "rex"})
    assert check(path)[9] == "rex"
