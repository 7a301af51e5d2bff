"""Long merge windows are kept between uploads and between downloads: the outcome is that of one
merge, whatever happens in between. The stores' single integrations are tested elsewhere.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from instructions import DOG, Instruction, changeset, create, erase, insert, on, update
from merge.stories import by_id
from realmsync import _testbed
from realmsync._core import RealmFile
from realmsync._testbed import PartitionDb
from realmsync.inspect import MergePeer, MergeProfile, ReceivedChangeset

DOGS = 40
SCHEMA = changeset(*DOG, *(create("Dog", key) for key in range(DOGS)))


def side(seed: int, count: int) -> list[bytes]:
    """One writer's transactions: long names, lists that grow, counters, now and then a deletion."""
    chance = random.Random(seed)
    sizes = dict.fromkeys(range(DOGS), 0)
    transactions = []
    for _ in range(count):
        key = chance.choice([key for key, size in sizes.items() if size >= 0])
        instructions: list[Instruction] = [
            update("Dog", key, "name", chance.choice("abcdefgh") * 400),
            insert("Dog", key, "tags", chance.randint(0, sizes[key]), f"{seed}", sizes[key]),
            on("AddInteger", "Dog", key, "age") | {"value": chance.randint(-9, 9)},
        ]
        sizes[key] += 1
        if chance.random() < 0.01:
            instructions.append(erase("Dog", key))
            sizes[key] = -1
        transactions.append(changeset(*instructions))
    return transactions


def timestamps(seed: int, count: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randint(1, 1000) for _ in range(count)]


COUNT = 900
OURS, THEIRS = side(1, COUNT), side(2, COUNT)
OUR_TIMES, THEIR_TIMES = timestamps(3, COUNT), timestamps(4, COUNT)


def single_merge(ident: int, profile: MergeProfile) -> MergePeer:
    """`ours` as local history, then `theirs` in one integration."""
    peer = MergePeer(ident, profile)
    peer.commit(SCHEMA, 0)
    for payload, time in zip(OURS, OUR_TIMES, strict=True):
        peer.commit(payload, time)
    peer.integrate(
        9,
        [
            ReceivedChangeset(3 + n, 2, time, 3, payload)
            for n, (payload, time) in enumerate(zip(THEIRS, THEIR_TIMES, strict=True))
        ],
    )
    return peer


def test_uploads_in_many_messages_equal_one(tmp_path: Path) -> None:
    db = PartitionDb(str(tmp_path / "data"), durability="process")
    db.begin()
    partition, _ = db.open_partition("app", b'"dogs"')
    a, b = (db.allocate_ident(partition, "ann")[0] for _ in range(2))
    db.append(partition, a, [(2, 0, 0, 0, SCHEMA)], (2, 0))
    ours = [(3 + n, 1, OUR_TIMES[n], 0, payload) for n, payload in enumerate(OURS)]
    db.append(partition, a, ours, (ours[-1][0], 1))
    db.commit()
    theirs = [(3 + n, 1, THEIR_TIMES[n], 0, payload) for n, payload in enumerate(THEIRS)]
    chance = random.Random(5)
    done = 0
    while done < COUNT:
        batch = theirs[done : done + chance.randint(1, 60)]
        db.begin()
        if chance.random() < 0.2:  # a transaction that fails for another reason
            assert db.append(partition, b, batch, (batch[-1][0], 1))[1] is None
            db.rollback()
            db.begin()
        if chance.random() < 0.2:  # and one that is refused by itself
            bad = (batch[-1][0] + 1, 1, 7, 0, changeset(update("Cat", 1, "name", "x")))
            refusal = db.append(partition, b, [*batch, bad], (bad[0], 1))[1]
            assert refusal is not None
        assert db.append(partition, b, batch, (batch[-1][0], 1))[1] is None
        db.commit()
        done += len(batch)
        if chance.random() < 0.1:
            db.close()
            db = PartitionDb(str(tmp_path / "data"), durability="process")
            db.begin()
            assert db.open_partition("app", b'"dogs"')[0] == partition
            db.commit()

    # What the others are sent ends where one big merge ends.
    reader = MergePeer(2)
    entries = db.fetch_page(partition, a, byte_limit=1 << 30)["entries"]
    reader.commit(SCHEMA, 0)
    for payload, time in zip(OURS, OUR_TIMES, strict=True):
        reader.commit(payload, time)
    reader.integrate(
        1, [ReceivedChangeset(e[0], 2 + COUNT, *e[2:4], e[5]) for e in entries if e[3] != a]
    )
    assert by_id(reader.state()) == by_id(single_merge(2, "safe").state())
    db.close()


@pytest.mark.parametrize("reopen", [False, True])
def test_downloads_in_many_messages_equal_one(tmp_path: Path, reopen: bool) -> None:
    path = str(tmp_path / "dogs.realm")
    file = RealmFile.open(path, durability="process")
    _testbed.store_ident(file, 2, 1)
    assert _testbed.commit_changeset(file, SCHEMA, 0) == 3
    for payload, time in zip(OURS, OUR_TIMES, strict=True):
        _testbed.commit_changeset(file, payload, time)
    theirs = [(3 + n, 3, THEIR_TIMES[n], 3, payload) for n, payload in enumerate(THEIRS)]
    chance = random.Random(6)
    done = 0
    while done < COUNT:
        batch = theirs[done : done + chance.randint(1, 60)]
        if chance.random() < 0.2:  # a message that cannot be applied changes nothing
            bad = (batch[-1][0] + 1, 3, 7, 3, changeset(update("Cat", 1, "name", "x")))
            with pytest.raises(Exception, match="Table 'Cat' does not exist"):
                _testbed.integrate(file, [*batch, bad], bad[:2], latest=(bad[0], 1))
        _testbed.integrate(file, batch, batch[-1][:2], latest=(batch[-1][0], 1))
        done += len(batch)
        if reopen and chance.random() < 0.2:
            _testbed.close_idle(file)
    expected = single_merge(2, "strict")
    assert by_id(_testbed.objects(file)) == by_id(expected.state())
    reciprocals = [e["reciprocal"] for e in _testbed.history(file) if e["reciprocal"] is not None]
    assert len(reciprocals) > COUNT // 2
    # The local changes as the server sees them: applied after its own, they end in the same.
    server = MergePeer(1, "strict")
    server.commit(SCHEMA, 0)
    for payload, time in zip(THEIRS, THEIR_TIMES, strict=True):
        server.commit(payload, time)
    for entry in _testbed.history(file)[1:]:
        if entry["origin_ident"] == 0:
            payload = entry["changeset"] if entry["reciprocal"] is None else entry["reciprocal"]
            server.commit(payload, 0)
    assert by_id(server.state()) == by_id(_testbed.objects(file))
