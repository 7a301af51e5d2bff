"""Files that begin anew for another version of the schema (flexible-sync.md 16)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import realmsync
from instructions import add_column, add_table, changeset, create, update
from realmsync import _core, _testbed

INTEGER, STRING = 1, 3
OLD = [add_table("Dog"), add_column("Dog", "tag", STRING), add_table("Cat")]
DOG = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "tag": "int"}}
PENDING = 1


def flexible(path: Path) -> _core.RealmFile:
    file = _core.RealmFile.open(str(path))
    _core.claim_flexible(file)
    return file


def commit(file: _core.RealmFile, *instructions: Any) -> None:
    _testbed.commit_changeset(file, changeset(*instructions), 1)


def acknowledge(file: _core.RealmFile, server_version: int) -> None:
    """The server has all that the file has."""
    version = _testbed.state(file)["version"]
    latest = (server_version, 5)
    _testbed.integrate(file, [], (server_version, version), (version, 0), latest)


def in_use(path: Path) -> _core.RealmFile:
    """A file that was bound, with objects and a subscription."""
    file = flexible(path)
    commit(file, *OLD, create("Dog", 1), update("Dog", 1, "tag", "one"))
    assert _core.subscribe_to_all(file, "TRUEPREDICATE", 1) == 1
    _testbed.store_ident(file, 7, 99)
    return file


def test_nothing_of_the_former_schema_is_left(tmp_path: Path) -> None:
    file = in_use(tmp_path / "a.realm")
    acknowledge(file, 3)
    before = _testbed.state(file)
    assert file.begin_anew()
    after = _testbed.state(file)
    assert _testbed.objects(file) == {}
    assert after["version"] > before["version"]
    assert after["uploaded_version"] == after["version"]
    assert (after["file_ident"], after["download"], after["upload"]) == (0, (0, 0), (0, 0))
    assert _core.subscription_set(file)[:2] == (0, PENDING)


def test_it_is_a_file_like_any_other_then(tmp_path: Path) -> None:
    """Also in the next run: with classes that could not have been there before."""
    path = tmp_path / "a.realm"
    file = in_use(path)
    acknowledge(file, 3)
    assert file.begin_anew() and file.begin_anew()  # of nothing
    del file
    file = flexible(path)
    with realmsync.Realm(path=path, schema=[DOG]) as realm:
        assert not realm.objects("Dog")
    commit(file, create("Dog", 1), update("Dog", 1, "tag", 5))
    assert _testbed.objects(file)["Dog"][0]["tag"] == {"$numberLong": "5"}
    _testbed.store_ident(file, 8, 99)
    entries, _ = _testbed.fetch_upload(file, 0, 0)
    assert len(entries) == 2  # the class, and the object


@settings(max_examples=25)
@given(st.lists(st.sampled_from(("commit", "acknowledge", "begin anew")), max_size=12))
def test_what_is_not_uploaded_stays(steps: list[str]) -> None:
    """Whatever comes before: it begins anew exactly when nothing would be lost."""
    with tempfile.TemporaryDirectory() as folder:
        file = in_use(Path(folder) / "a.realm")
        unsent, key, server = True, 10, 1
        for step in steps:
            before = (_testbed.state(file), _testbed.objects(file))
            if step == "commit":
                key += 1
                commit(file, *OLD, create("Cat", key))
                unsent = True
            elif step == "acknowledge":
                server += 1
                acknowledge(file, server)
                unsent = False
            elif unsent:
                assert not file.begin_anew()
                assert (_testbed.state(file), _testbed.objects(file)) == before
            else:
                assert file.begin_anew()
                assert _testbed.objects(file) == {}
                _testbed.store_ident(file, key, 99)
        del file
