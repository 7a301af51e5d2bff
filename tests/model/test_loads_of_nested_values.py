"""create_many of rows and columns with links, collections and embedded objects, in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

import realmsync
from realmsync import ObjectAlreadyExistsError, Realm


class Tag(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str = ""


class Part(realmsync.EmbeddedObject):
    size: int


class Box(realmsync.Object):
    _id: int = realmsync.primary_key()
    tag: Tag | None
    tags: list[Tag]
    numbers: list[int]
    seen: set[str]
    prices: dict[str, int]
    part: Part | None
    parts: list[Part]


class Note(realmsync.Object):
    """Without a key: each row is a new object, whatever the mode."""

    numbers: list[int]
    tag: Tag | None
    stars: int = 3


COLUMNS: dict[str, list[Any]] = {
    "_id": [1, 2],
    "tag": [{"_id": 5, "name": "five"}, None],
    "tags": [[{"_id": 6}, {"_id": 7, "name": "seven"}], []],
    "numbers": [[1, 2], [3]],
    "seen": [{"a"}, {"b", "c"}],
    "prices": [{"k": 1}, {}],
    "part": [{"size": 1}, None],
    "parts": [[{"size": 2}, {"size": 3}], []],
}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
FIRST = (1, (5, "five"), [6, 7], [1, 2], {"a"}, {"k": 1}, 1, [2, 3])
SECOND = (2, None, [], [3], {"b", "c"}, {}, None, [])
FORMS: dict[str, Any] = {"columns": COLUMNS, "rows": ROWS}
Mode = Literal["never", "modified", "all"]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "r.realm", schema=[Tag, Part, Box, Note]) as opened:
        yield opened


def boxes(realm: Realm) -> list[tuple[Any, ...]]:
    return [
        (
            box._id,
            box.tag and (box.tag._id, box.tag.name),
            [tag._id for tag in box.tags],
            list(box.numbers),
            set(box.seen),
            dict(box.prices),
            box.part and box.part.size,
            [part.size for part in box.parts],
        )
        for box in realm.objects(Box)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["never", "modified", "all"])
async def test_once_and_again(realm: Realm, form: str, mode: Mode) -> None:
    assert realm.create_many(Box, FORMS[form], mode=mode) == 2
    assert boxes(realm) == [FIRST, SECOND]
    with realm.write():
        changed = realm.objects(Box)[0]
        changed.numbers.append(9)
        changed.parts.clear()
        changed.tag.name = "changed"
    if mode == "never":
        with pytest.raises(ObjectAlreadyExistsError):
            realm.create_many(Box, FORMS[form], mode=mode)
        assert boxes(realm)[0][3] == [1, 2, 9]
    else:
        assert await realm.create_many_async(Box, FORMS[form], mode=mode) == 2
        assert boxes(realm) == [FIRST, SECOND]
    assert len(realm.objects(Tag)) == 3


@pytest.mark.parametrize("mode", ["modified", "all"])
def test_arrow_updates_the_columns_it_has(realm: Realm, mode: Mode) -> None:
    realm.create_many(Box, ROWS)
    table = pa.table(
        {
            "_id": [1, 3],
            "numbers": pa.array([[9], [8, 7]]),
            "part": pa.array([{"size": 5}, None]),
        }
    )
    assert realm.create_many(Box, table, mode=mode) == 2
    first, second, third = boxes(realm)
    assert first == (*FIRST[:3], [9], *FIRST[4:6], 5, FIRST[7])
    assert second == SECOND
    assert third == (3, None, [], [8, 7], set(), {}, None, [])


@pytest.mark.parametrize("mode", ["never", "modified", "all"])
async def test_without_a_key(realm: Realm, mode: Mode) -> None:
    given = {"numbers": [[1], [2, 3]], "tag": [None, None]}
    assert realm.create_many(Note, given, mode=mode) == 2
    assert await realm.create_many_async(Note, [{"numbers": [4], "stars": 1}], mode=mode) == 1
    found = sorted((list(note.numbers), note.stars) for note in realm.objects(Note))
    assert found == [([1], 3), ([2, 3], 3), ([4], 1)]
