"""Files of users that older versions wrote: they keep everything, and gain what is new."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realmsync.server.accounts.file.records import Gone, IdentityTaken
from realmsync.server.accounts.file.user_file import UserFile

TABLES = """
    CREATE TABLE users (
        id TEXT PRIMARY KEY, app_id TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))) STRICT;
    CREATE TABLE identities (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        provider TEXT NOT NULL) STRICT;
    CREATE TABLE accounts (
        app_id TEXT NOT NULL, email TEXT NOT NULL, password BLOB NOT NULL,
        identity_id TEXT REFERENCES identities ON DELETE CASCADE,
        PRIMARY KEY (app_id, email)) STRICT, WITHOUT ROWID;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        device_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO users VALUES ('guest', 'app', 0, 1), ('ada', 'app', 1, 2), ('ida', 'b', 0, 3);
    INSERT INTO identities VALUES
        ('i1', 'guest', 'anon-user'), ('z', 'ada', 'anon-user'), ('a', 'ada', 'local-userpass'),
        ('i4', 'ida', 'local-userpass');
    INSERT INTO accounts VALUES
        ('app', 'ada@x', x'01', 'a'), ('b', 'ada@x', x'02', 'i4'), ('app', 'never', x'03', NULL);
    INSERT INTO sessions VALUES ('s1', 'guest', 'd1'), ('s2', 'ada', 'd2');
"""
VERSION_0 = f"""
    {TABLES}
    CREATE INDEX sessions_of_user ON sessions (user_id);
    CREATE INDEX identities_of_user ON identities (user_id);
"""
VERSION_1 = f"""
    {TABLES}
    CREATE INDEX users_by_age ON users (app_id, created, id);
    CREATE INDEX identities_by_user ON identities (user_id, provider, id);
    CREATE INDEX accounts_of_identity ON accounts (identity_id);
    ALTER TABLE sessions ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX sessions_by_user ON sessions (user_id, used);
    PRAGMA user_version = 1;
"""
OLD = pytest.mark.parametrize("script", [VERSION_0, VERSION_1], ids=["version 0", "version 1"])


def write(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(script)


def shape(path: Path) -> dict[str, Any]:
    """All tables, indexes and triggers; of tables the columns, whatever their order."""
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT type || ' ' || name, name FROM sqlite_schema").fetchall()
        columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY name'
        return {what: database.execute(columns, (name,)).fetchall() for what, name in names}


@OLD
def test_what_it_keeps(tmp_path: Path, script: str) -> None:
    write(tmp_path / "users.sqlite", script)
    for _ in range(2):  # the second time it is one of this version
        with closing(UserFile(tmp_path / "users.sqlite")) as file:
            ada = file.users.load("ada")
            assert [(i.id, i.provider, i.provider_id) for i in ada.identities] == [
                ("z", "anon-user", "z"),
                ("a", "local-userpass", "ada@x"),
            ]
            assert (ada.app_id, ada.disabled, ada.type) == ("app", True, "normal")
            assert ada.data == {"email": "ada@x"}
            assert file.users.load("guest").data == {}
            assert file.accounts.user("b", "ada@x").id == "ida"
            assert file.accounts.find("b", "ada@x").password == b"\2"
            assert file.accounts.find("app", "never").password == b"\3"
            assert [file.log_ins.owner(s)[0] for s in ("s1", "s2")] == ["guest", "ada"]
            ((first, second, third, fourth),) = (sum(file.listing.summaries(None), []),)
            assert [first.id, second.id, third.id, fourth.id] == ["guest", "ada", "ida", None]
            assert (second.names, second.created, second.log_ins) == (("ada@x",), 2, 1)
            assert fourth.names == ("never",)


@OLD
def test_it_becomes_like_a_new_one(tmp_path: Path, script: str) -> None:
    write(tmp_path / "old.sqlite", script)
    UserFile(tmp_path / "old.sqlite").close()
    UserFile(tmp_path / "new.sqlite").close()
    assert shape(tmp_path / "old.sqlite") == shape(tmp_path / "new.sqlite")
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@OLD
def test_who_has_not_logged_in_since_is_not_idle(tmp_path: Path, script: str) -> None:
    """Version 0 did not know when log-ins were used; that counts from the first start on."""
    write(tmp_path / "users.sqlite", script)
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        idle = file.listing.count_idle(None, 10_000_000)
        assert idle == (0 if script is VERSION_0 else 1)


@OLD
def test_what_belonged_together_still_goes_together(tmp_path: Path, script: str) -> None:
    write(tmp_path / "users.sqlite", script)
    with closing(UserFile(tmp_path / "users.sqlite")) as file:
        with pytest.raises(IdentityTaken):
            file.users.link("app", "local-userpass", "ada@x", {}, "guest")
        assert file.users.delete("ada") == ["s2"]
        assert file.accounts.find("app", "ada@x") is None
        assert file.accounts.find("b", "ada@x").password == b"\2", "of another app"
        with pytest.raises(Gone):
            file.accounts.user("app", "ada@x")


def test_a_migration_that_fails_has_changed_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.sqlite"
    # Nobody could have made it: a column that the migration adds is there already.
    write(path, VERSION_1 + "ALTER TABLE sessions ADD COLUMN api_key_id TEXT;")
    before = shape(path)
    with pytest.raises(sqlite3.OperationalError, match="duplicate column"):
        UserFile(path)
    assert shape(path) == before
