"""Pages are packed once and sent to all readers who are at the same place: nobody can tell."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from instructions import DOG, changeset, create
from partitions.uploads import upload
from realmsync._testbed import PartitionDb

FILES = 4


def written(directory: Path, chance: random.Random) -> None:
    """A history of several files, some changesets of it empty, in transactions of all sizes."""
    db = PartitionDb(str(directory), durability="process")
    db.begin()
    partition, _ = db.open_partition("app", b'"p"')
    files = [db.allocate_ident(partition, "ann")[0] for _ in range(FILES)]
    assert db.append(partition, files[0], [upload(2, 0, changeset(*DOG))], (2, 0))[1] is None
    versions = dict.fromkeys(files, 2)
    for number in range(300):
        if chance.random() < 0.2:
            db.commit()
            db.begin()
        file = chance.choice(files[:3])  # the last one only reads
        versions[file] += 1
        payload = b"" if chance.random() < 0.1 else changeset(create("Dog", number))
        uploads = [upload(versions[file], 1, payload)]
        assert db.append(partition, file, uploads, (versions[file], 1))[1] is None
    db.commit()
    db.close()


def read(directory: Path, seed: int, **settings: Any) -> list[dict[str, Any]]:
    """What some readers in random order are sent, each following its cursor."""
    chance = random.Random(seed)
    db = PartitionDb(str(directory), **settings)
    db.begin()
    partition, _ = db.open_partition("app", b'"p"')
    db.commit()
    cursors = {(file, device): (0, 0) for file in range(2, 2 + FILES) for device in range(3)}
    pages = []
    for _ in range(400):
        reader = chance.choice(sorted(cursors))
        limit = chance.choice([200, 200, 2000])
        page = db.fetch_page(partition, reader[0], cursors[reader], 0, limit)
        cursors[reader] = page["download"] if chance.random() < 0.97 else (0, 0)
        pages.append(page)
    db.close()
    return pages


@pytest.mark.parametrize("tail_bytes", [None, 1000], ids=["memory", "tables"])
@pytest.mark.parametrize("page_cache_bytes", [None, 3000], ids=["all kept", "few kept"])
@pytest.mark.parametrize("seed", range(4))
def test_shared_pages_are_those_made_for_the_reader(
    tmp_path: Path, seed: int, page_cache_bytes: int | None, tail_bytes: int | None
) -> None:
    written(tmp_path, random.Random(seed))
    shared = read(tmp_path, seed, page_cache_bytes=page_cache_bytes, tail_bytes=tail_bytes)
    own = read(tmp_path, seed, page_cache_bytes=0, tail_bytes=tail_bytes)
    assert shared == own
    assert any(page["entries"] for page in shared)


def test_what_is_added_meanwhile_comes_in_the_next_page(tmp_path: Path) -> None:
    """A page that ends at the head is not full, and so is nobody else's."""
    db = PartitionDb(str(tmp_path))
    db.begin()
    partition, _ = db.open_partition("app", b'"p"')
    writer, *readers = (db.allocate_ident(partition, "ann")[0] for _ in range(3))
    db.append(partition, writer, [upload(2, 0, changeset(*DOG))], (2, 0))
    db.commit()
    assert db.fetch_page(partition, readers[0])["download"] == (1, 0)
    db.begin()
    db.append(partition, writer, [upload(3, 1, changeset(create("Dog", 1)))], (3, 1))
    db.commit()
    for reader in readers:
        page = db.fetch_page(partition, reader)
        assert [entry[0] for entry in page["entries"]] == [1, 2]
    db.close()
