"""Full-text search: texts in memory against a model, and the index of a file against both."""

from __future__ import annotations

import random
import re
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from bson import ObjectId

from realmsync import Realm, _testbed

WORDS = ["fox", "dog", "dogs", "dogma", "Café", "cafe", "Æsir", "über", "straße", "x1", "李明", "-"]
GLUE = [" ", "  ", ", ", "-", "\n", "×", "'", "\0"]


def folded(letter: str) -> str:
    """In lower case and without its accent; letters without a base stay."""
    lower = letter.lower()
    return "o" if lower == "ø" else unicodedata.normalize("NFD", lower)[0]


def tokens(text: str) -> list[str]:
    return [
        "".join(map(folded, word)) for word in re.findall("[0-9A-Za-zÀ-ÖØ-öø-ÿ]+", text, re.ASCII)
    ]


def model_matches(search: str, text: str) -> bool:
    found = tokens(text)
    for term in search.split():
        word = "".join(tokens(term.strip("-*")))
        if term.endswith("*"):
            if not term.startswith("-") and not any(token.startswith(word) for token in found):
                return False
        elif (word in found) == term.startswith("-"):
            return False
    return True


def random_text(rng: random.Random) -> str:
    return "".join(rng.choice(WORDS) + rng.choice(GLUE) for _ in range(rng.randrange(8)))


def random_search(rng: random.Random) -> str:
    while True:
        words = rng.sample([word for word in WORDS if tokens(word)], rng.randint(1, 4))
        terms = []
        for word in words:
            cut = word[: rng.randint(1, len(word))] + "*" if rng.random() < 0.3 else word
            terms.append(("-" if rng.random() < 0.3 else "") + cut)
        seen = {"".join(tokens(term.strip("-"))) for term in terms if not term.endswith("*")}
        if len(seen) == sum(not term.endswith("*") for term in terms):  # no contradiction
            return " ".join(terms)


@pytest.mark.parametrize("seed", range(40))
def test_against_the_model(seed: int) -> None:
    rng = random.Random(seed)
    texts = [random_text(rng) for _ in range(100)]
    for _ in range(20):
        search = random_search(rng)
        expected = [model_matches(search, text) for text in texts]
        assert _testbed.texts_matching(search, texts) == expected, search


def test_letters() -> None:
    latin = "".join(map(chr, range(0x20, 0x250)))
    assert _testbed.text_tokens(latin).split() == tokens(latin)
    assert _testbed.text_tokens("RÉSUMÉ, naïve Ångström") == "resume naive angstrom"
    assert _testbed.text_tokens("  李明 你好 ") == ""


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ("", "Missing search token"),
        ("  ", "Missing search token"),
        ("one-two", "Non alphanumeric characters not allowed inside search word"),
        ("fox, dog", "Non alphanumeric characters not allowed inside search word"),
        ("李明", "Non alphanumeric characters not allowed inside search word"),
        ("a* b -b", "You can't include and exclude the same token"),
        ("CAFÉ -cafe", "You can't include and exclude the same token"),
    ],
)
def test_what_is_no_search(search: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        _testbed.texts_matching(search, [])
    assert str(raised.value) == reason


def test_exclusions_alone_match_texts_without_tokens() -> None:
    assert _testbed.texts_matching("-fox", ["", "fox", "dog"]) == [True, False, True]
    assert _testbed.texts_matching("-fo*", ["", "fox"]) == [True, True]


def schema(indexed: bool | str) -> list[dict[str, Any]]:
    text = {"type": "string", "optional": True, "indexed": indexed}
    return [
        {
            "name": name,
            "primaryKey": "_id",
            "properties": {"_id": key, "bio": text, "bio_data": text},
        }
        for name, key in (("ByInt", "int"), ("ByText", "string"), ('By "$id', "objectId"))
    ]


def key(cls: str, number: int) -> Any:
    if cls == "ByInt":
        return [-(2**63), 2**63 - 1, 0, -1][number] if number < 4 else number
    return str(number) if cls == "ByText" else ObjectId(f"{number:024x}")


class Index:
    """What the index of a file gives, asked with a SQLite of another kind."""

    def __init__(self, path: Path) -> None:
        self.db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def rows(self, cls: str) -> dict[Any, str | None]:
        table = '"' + cls.replace('"', '""') + '"'
        return dict(self.db.execute(f"SELECT _id, bio FROM {table}"))

    def found(self, cls: str, search: str) -> set[Any]:
        expression, is_complement = _testbed.match_expression(search)
        name = f"rs_text${len(cls)}${cls}$bio$".replace('"', '""')
        sql = f'SELECT rowid FROM "{name}" WHERE "{name}" MATCH ?'
        if cls != "ByInt":
            sql = f'SELECT key FROM "{name}_key" WHERE id IN ({sql})'
        matching = {key for (key,) in self.db.execute(sql, (expression,))}
        return set(self.rows(cls)) - matching if is_complement else matching

    def names(self) -> set[str]:
        return {name for (name,) in self.db.execute("SELECT name FROM sqlite_schema")}


def check(path: Path, rng: random.Random) -> None:
    with Index(path) as index:
        assert list(index.db.execute("PRAGMA integrity_check")) == [("ok",)]
        for cls in (c["name"] for c in schema(False)):
            rows = index.rows(cls)
            for _ in range(30):
                search = random_search(rng)
                match = _testbed.texts_matching(search, [text or "" for text in rows.values()])
                expected = {key for key, is_found in zip(rows, match, strict=True) if is_found}
                assert index.found(cls, search) == expected, (cls, search)


def change(realm: Realm, rng: random.Random) -> None:
    for cls in (c["name"] for c in schema(False)):
        with realm.write():
            for number in rng.sample(range(12), 6):
                bio = rng.choice([None, random_text(rng), random_text(rng)])
                found = realm.object_for_primary_key(cls, key(cls, number))
                if found is None:
                    realm.create(cls, {"_id": key(cls, number), "bio": bio, "bio_data": "other"})
                elif rng.random() < 0.3:
                    realm.delete(found)
                else:
                    found.bio = bio
            if rng.random() < 0.1:
                realm.create(cls, {"_id": key(cls, 99), "bio": "fox"}, "modified")


@pytest.mark.parametrize("seed", range(4))
def test_index_follows_writes(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path, copy = tmp_path / "a.realm", tmp_path / "b.realm"
    with Realm(path=path, schema=schema(seed % 2 == 1 and "full-text")) as realm:
        change(realm, rng)  # the index is made afterwards where there is none yet
    for _ in range(3):
        with Realm(path=path, schema=schema("full-text")) as realm:
            for _ in range(4):
                change(realm, rng)
                with pytest.raises(ZeroDivisionError), realm.write():
                    realm.create("ByInt", {"_id": 1000, "bio": "fox"})
                    _ = 1 // 0
        check(path, rng)
    with Realm(path=path) as realm:
        realm.write_copy_to(path=copy)
    check(copy, rng)
    with Realm(path=copy, schema=schema("full-text")) as realm:
        change(realm, rng)
    check(copy, rng)


def test_index_comes_and_goes_with_its_declaration(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=schema("full-text")) as realm, realm.write():
        realm.create("ByText", {"_id": "1", "bio": "fox"})
    with Index(path) as index:
        with_index = index.names()
    with Realm(path=path), Realm(path=path, schema=schema("full-text")[:1]):
        pass  # without a schema, or with other classes: it stays
    with Index(path) as index:
        assert index.names() == with_index
    with Realm(path=path, schema=schema(False)):
        pass
    with Index(path) as index:
        assert {name for name in with_index - index.names() if "$" in name}
        assert not {name for name in index.names() if name.startswith("rs_text$")}
    with Realm(path=path, schema=schema("full-text")):
        pass
    with Index(path) as index:
        assert index.names() == with_index
        assert index.found("ByText", "fox") == {"1"}


def test_deleted_texts_leave_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=schema("full-text")) as realm:
        with realm.write():
            note = realm.create("ByInt", {"_id": 1, "bio": "thesecretword and others"})
            realm.create("ByInt", {"_id": 2, "bio": "others"})
        with realm.write():
            note.bio = None
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        blocks = [block for (block,) in db.execute('SELECT block FROM "rs_text$5$ByInt$bio$_data"')]
    assert not any(b"thesecret" in block for block in blocks)
    assert any(b"others" in block for block in blocks)
