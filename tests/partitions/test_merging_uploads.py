"""What the server makes of uploads that meet the changes of others: profiles and the bound of work
(server-behaviour.md 7.5, merge-rules.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from instructions import DOG, add_column, add_table, changeset, create, insert, on, update
from partitions.uploads import upload
from realmsync._testbed import PartitionDb
from realmsync.inspect import decode_changeset

KENNEL = (
    add_table("Kennel"),
    {"op": "AddTable", "table": "Box", "embedded": True},
    add_column("Box", "x"),
    add_column("Kennel", "boxes", 9, collection=1, target="Box"),
)


@pytest.mark.parametrize(("profile", "written"), [("safe", 2), ("strict", 0)])
def test_the_profile_decides_about_moves_over_nested_changes(
    tmp_path: Path, profile: str, written: int
) -> None:
    """E39 of merge-rules.md: one client moves an element to the end, another writes into it."""
    db = PartitionDb(str(tmp_path), durability="process", merge_profile=profile)
    db.begin()
    partition, _ = db.open_partition("app", b'"kennels"')
    a, b = (db.allocate_ident(partition, "ann")[0] for _ in range(2))
    boxes = [insert("Kennel", 1, "boxes", n, {"t": "object_value"}, n) for n in range(3)]
    db.append(partition, a, [upload(2, 0, changeset(*KENNEL, create("Kennel", 1), *boxes))], (2, 0))
    move = on("ArrayMove", "Kennel", 1, "boxes", 0) | {"ndx_2": 2, "prior_size": 3}
    db.append(partition, a, [upload(3, 1, changeset(move), 1)], (3, 1))
    inner = changeset(update("Kennel", 1, "boxes", 5, 0, "x"))
    assert db.append(partition, b, [upload(2, 1, inner, 2)], (2, 1)) == (3, None)
    db.commit()
    stored = db.fetch_page(partition, a, (2, 3))["entries"][-1][5]
    assert [i["path"] for i in decode_changeset(stored)] == [[written, "x"]]
    db.close()


def test_other_profiles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'strict', 'safe' or 'full', not 'best'"):
        PartitionDb(str(tmp_path), merge_profile="best")


def test_merges_that_would_take_hours_are_refused(tmp_path: Path) -> None:
    db = PartitionDb(str(tmp_path), durability="process", work=2_000_000)
    db.begin()
    partition, _ = db.open_partition("app", b'"dogs"')
    a, b = (db.allocate_ident(partition, "ann")[0] for _ in range(2))
    db.append(partition, a, [upload(2, 0, changeset(*DOG, create("Dog", 1)))], (2, 0))
    tags = changeset(*(insert("Dog", 1, "tags", n, "x", n) for n in range(400)))
    assert db.append(partition, a, [upload(3, 1, tags)], (3, 1)) == (2, None)
    head, refusal = db.append(partition, b, [upload(2, 1, tags)], (2, 1))
    assert refusal is not None
    assert refusal == (200, "Too much has changed meanwhile: download it first")
    few = changeset(*(insert("Dog", 1, "tags", n, "x", n) for n in range(50)))
    assert db.append(partition, b, [upload(2, 1, few)], (2, 1)) == (3, None)
    db.commit()
    db.close()
