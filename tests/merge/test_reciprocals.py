"""Histories whose later merges need what earlier ones left: the worked examples E41 and E45 to E47
of merge-rules.md 10."""

from __future__ import annotations

import pytest

from instructions import add_column, add_table, create, erase, on
from merge.engines import Engine
from merge.notation import KEY, TABLE, base, instructions
from merge.star import Star
from merge.worked import (
    A,
    B,
    C,
    assert_final,
    each_engine,
    of_clients,
)
from realmsync.inspect import decode_changeset, encode_changeset


@each_engine
def test_e45_a_reciprocal_is_used_by_later_uploads(engine: Engine) -> None:
    star = Star(engine.peer, 2)
    star.seed(base({"l": [100]}))
    star.commit(A, instructions("Ins l[0]=1/1"), 1)
    star.commit(B, instructions("Ins l[0]=2/1"), 2)
    star.commit(B, instructions("Del l[0]/2"), 3)
    star.upload(A)
    for stored, server in (("Ins l[1]=2/2", [1, 2, 100]), ("Del l[1]/3", [1, 100])):
        star.upload(B)
        assert decode_changeset(star.results[-1]) == instructions(stored)
        assert of_clients(star, "l")[0] == server
    star.download(B)
    assert decode_changeset(star.results[-1]) == instructions("Ins l[0]=1/1")
    star.settle()
    assert_final(star, {"l": [1, 100]})


@each_engine
def test_e46_two_bases_in_one_download(engine: Engine) -> None:
    local = [(5, 10, A, "Ins l[0]=1/1"), (6, 10, A, "Ins l[1]=2/2")]
    incoming = [(4, 1, B, "Ins l[0]=3/1"), (5, 2, C, "Ins l[0]=4/3")]
    transformed, altered = engine.transform(
        [(*head, encode_changeset(instructions(text))) for *head, text in local],
        [(*head, encode_changeset(instructions(text))) for *head, text in incoming],
    )
    assert [decode_changeset(t) for t in transformed] == [
        instructions("Ins l[0]=3/3"),
        instructions("Ins l[0]=4/4"),
    ]
    assert {version: decode_changeset(c) for version, c in altered.items()} == {
        5: instructions("Ins l[1]=1/2"),
        6: instructions("Ins l[3]=2/4"),
    }


@each_engine
def test_e46_the_server_ends_with_the_same_list(engine: Engine) -> None:
    star = Star(engine.peer, 3)
    star.seed(base({"l": [100]}))
    star.commit(A, instructions("Ins l[0]=1/1"), 10)
    star.commit(A, instructions("Ins l[1]=2/2"), 10)
    star.commit(B, instructions("Ins l[0]=3/1"), 1)
    star.upload(B)
    star.upload(A)
    star.download(C)
    star.commit(C, instructions("Ins l[0]=4/3"), 2)
    star.upload(C)
    star.download(A)
    assert of_clients(star, "l")[1] == [4, 3, 1, 2, 100]
    star.upload(A)
    assert decode_changeset(star.results[-1]) == instructions("Ins l[3]=2/4")
    star.settle()
    assert_final(star, {"l": [4, 3, 1, 2, 100]})


@each_engine
@pytest.mark.parametrize("batch", [1, 2])
def test_e41_an_empty_reciprocal_is_not_a_missing_one(engine: Engine, batch: int) -> None:
    star = Star(engine.peer, 2)
    star.seed(base({"l": [1, 2, 3], "d": {}}))
    star.commit(A, instructions("U l[2]=4/3"), 4)
    star.commit(A, instructions("U d.key=42"), 5)
    star.commit(B, instructions("Del l[0]/3, U d.key2=0, Clr d"), 2)
    star.upload(B)
    star.upload(A)
    star.download(B)
    star.commit(B, instructions("U d.key=-6"), 3)
    star.upload(B)
    for _ in range(0, 2, batch):
        star.download(A, batch)
    assert of_clients(star, "d")[1] == {"key": -6}
    star.settle()
    assert_final(star, {"l": [2, 4], "d": {"key": -6}})


@each_engine
@pytest.mark.parametrize("first", [A, B])
def test_e47_a_dangling_link_counts(engine: Engine, first: int) -> None:
    u0 = {"value": {"t": "link", "table": "U", "pk": {"t": "int", "v": 0}}}
    links = add_column(TABLE, "links", 9, collection=1, target="U")
    insert = on("ArrayInsert", TABLE, KEY, "links", 0) | u0 | {"prior_size": 0}
    star = Star(engine.peer, 2)
    star.seed([*base({}), add_table("U"), links, create("U", 0), insert])
    remove = on("ArrayErase", TABLE, KEY, "links", 0) | {"prior_size": 1}
    star.commit(A, [remove, erase("U", 0)], 1)
    second = on("ArrayInsert", TABLE, KEY, "links", 1) | u0 | {"prior_size": 1}
    star.commit(B, [second], 2)
    star.upload(first)
    star.settle()
    star.assert_converged()
    dangling = {"$link": {"table": "U", "key": {"$numberLong": "0"}}}
    assert of_clients(star, "links")[0] == [dangling]
    star.commit(B, [insert | {"path": [1], "prior_size": 1}], 3)
    star.settle()
    star.assert_converged()
    assert of_clients(star, "links")[0] == [dangling, dangling]
