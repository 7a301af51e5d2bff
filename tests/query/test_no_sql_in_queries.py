"""Nothing of a query becomes SQL: names, strings and arguments mean what they are.

Whatever they look like. And the file keeps its schema and its objects.
Specification: query-language.md 2.1, 10.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from realmsync import QueryError, Realm

TEXTS = [
    "'",
    '"',
    "''",
    '\'; DROP TABLE "class_Odd"; --',
    '" OR 1=1 --',
    "' OR '1'='1",
    "x'; DELETE FROM sqlite_master; /*",
    "%",
    "_",
    "100%",
    "a_c",
    "abc",
    "a\0b",
    "\0",
    "?1",
    ":name",
    "$0",
    "\\",
    "é'é",
    "",
]
NAMES = ['quo"te', "sin'gle", "semi;colon", "select", "per%cent", "t", "dash--dash"]
ODD = {
    "name": "Odd\"'; --",
    "primaryKey": "_id",
    "properties": {"_id": "int", "text": "string", **dict.fromkeys(NAMES, "string?")},
}
PLAIN = {
    "name": "Plain",
    "primaryKey": "_id",
    "properties": {"_id": "string", "text": {"type": "string", "indexed": True}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "odd.realm"


@pytest.fixture
def realm(path: Path) -> Iterator[Realm]:
    with Realm(path=path, schema=[ODD, PLAIN]) as opened:
        with opened.write():
            for i, text in enumerate(TEXTS):
                values = dict.fromkeys(NAMES, text)
                opened.create(ODD["name"], {"_id": i, "text": text, **values})
                opened.create("Plain", {"_id": text, "text": text})
        before = schema_of(path)
        yield opened
        assert schema_of(path) == before
        assert len(opened.objects(ODD["name"])) == len(TEXTS)
        assert len(opened.objects("Plain")) == len(TEXTS)


def schema_of(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()


def spellings(text: str) -> Iterator[str]:
    """Escapes are not decoded, so that a text with one is spelled in base64."""
    yield f'B64"{base64.b64encode(text.encode()).decode()}"'
    for quote in "'\"":
        if not set(text) & {quote, "\\", "\0"}:
            yield f"{quote}{text}{quote}"


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a.encode() < b.encode(),
    ">=": lambda a, b: a.encode() >= b.encode(),
    "BEGINSWITH": lambda a, b: a.startswith(b),
    "ENDSWITH": lambda a, b: a.endswith(b),
    "CONTAINS": lambda a, b: b in a,
    "LIKE": lambda a, b: a == b if "?" not in b else len(a) == len(b) and a[1:] == b[1:],
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("cls, key", [(ODD["name"], "text"), ("Plain", "text"), ("Plain", "_id")])
def test_strings(realm: Realm, cls: str, key: str, operator: str) -> None:
    for wanted in TEXTS:
        expected = sorted(text for text in TEXTS if OPERATORS[operator](text, wanted))
        found = realm.objects(cls).filtered(f"{key} {operator} $0", wanted)
        assert sorted(one.text for one in found) == expected, wanted
        for literal in spellings(wanted):
            spelled = realm.objects(cls).filtered(f"{key} {operator} {literal}")
            assert sorted(one.text for one in spelled) == expected, literal


@pytest.mark.parametrize("key", ["text", "_id"])
def test_lists_of_strings(realm: Realm, key: str) -> None:
    found = realm.objects("Plain").filtered(f"{key} IN $0", TEXTS)
    assert sorted(one.text for one in found) == sorted(TEXTS)


@pytest.mark.parametrize("name", NAMES)
def test_names(realm: Realm, name: str) -> None:
    for wanted in TEXTS:
        found = realm.objects(ODD["name"]).filtered(
            "alias == $0", wanted, mapping={(ODD["name"], "alias"): name}
        )
        assert [one.text for one in found] == [wanted]


@pytest.mark.parametrize(
    "query",
    [
        "1; DROP TABLE Plain",
        "text == 'a'; DELETE FROM Plain",
        "text == 'a' UNION SELECT 1",
        "text == 'a' --",
        "text == (SELECT 1)",
        "text == 'a' /* x */",
        "rowid == 1",
        "sqlite_version() == 'a'",
        "TRUEPREDICATE SORT(text ASC; DROP TABLE Plain)",
        "TRUEPREDICATE LIMIT(1) OFFSET 1",
        "rs$order == 1",
    ],
)
def test_statements_are_refused(realm: Realm, query: str) -> None:
    with pytest.raises(QueryError):
        len(realm.objects("Plain").filtered(query))
