"""The worked examples E1 to E38 and T1 to T6 of merge-rules.md 10: what both sides become, computed
on either side, and the state that a server and its clients end with. The examples of defects and of
histories are in test_defects.py and test_reciprocals.py."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, NamedTuple

import pytest

from instructions import Instruction, add_column, add_table, create, update
from merge.engines import Engine
from merge.notation import base, instructions
from merge.star import Star
from merge.worked import (
    PROFILES,
    A,
    B,
    C,
    Side,
    Sides,
    assert_final,
    each_engine,
    merged,
    merged_by_a,
    present,
)
from realmsync.errors import SchemaMismatchError


class Example(NamedTuple):
    """`=` stands for what the side was before, `–` for nothing left."""

    id: str
    base: dict[str, Any] | None  # None: no T[1]
    a: str
    a_time: int
    b: str
    b_time: int
    a_after: str
    b_after: str
    final: dict[str, Any] | None


E = {"x": 0, "y": []}
TWO_WAY = [
    Example("E1", {}, "U i=1", 10, "U i=2", 20, "–", "=", {"i": 2}),
    Example("E2", {}, "U i=1", 10, "U i=2", 10, "–", "=", {"i": 2}),
    Example("E3", {}, "U i=456", 0, "Udef i=789", 100, "=", "–", {"i": 456}),
    Example(
        "E4",
        {},
        *("Udef m=null, Udef i=42", 1),
        *("Udef m=-6, Udef i=6", 2),
        *("–", "=", {"m": -6, "i": 6}),
    ),
    Example("E5", {"i": 0}, "Add i+5", 0, "Add i+4", 0, "=", "=", {"i": 9}),
    Example("E6", {"m": 0}, "Add m+42", 2, 'U m="test"', 1, "–", "=", {"m": "test"}),
    Example(
        "E7",
        {"m": 42},
        *("U m=Dict, U m.key1=1, Clr m(Dict), U m.key2=2", 1),
        *("Add m+1", 2),
        *("=", "–", {"m": {"key2": 2}}),
    ),
    Example("E8", None, "Create, U i=500, Erase", 0, "Create", 1, "=", "–", None),
    Example(
        "E9",
        {"i": 0},
        *("Erase, Create, U i=1, Erase, Create, U i=11", 0),
        *("Erase, Create, U i=2", 1),
        *("–", "=", {"i": 2}),
    ),
    Example("E10", {}, "Erase", 0, "U i=5, Ins l[0]=7/0", 9, "=", "–", None),
    Example(
        "E11",
        {"l": [1, 2]},
        *("Ins l[1]=30/2", 10),
        *("Ins l[1]=40/2", 20),
        *("Ins l[1]=30/3", "Ins l[2]=40/3", {"l": [1, 30, 40, 2]}),
    ),
    Example(
        "E12",
        {"l": []},
        *("Ins l[0]=1/0, Ins l[1]=2/1", 1),
        *("Ins l[0]=3/0, Ins l[1]=4/1", 2),
        *("Ins l[0]=1/2, Ins l[1]=2/3", "Ins l[2]=3/2, Ins l[3]=4/3", {"l": [1, 2, 3, 4]}),
    ),
    Example(
        "E13",
        {"l": []},
        *("Ins l[0]=1/0, Ins l[1]=2/1", 2),
        *("Ins l[0]=3/0, Ins l[1]=4/1", 1),
        *("Ins l[2]=1/2, Ins l[3]=2/3", "Ins l[0]=3/2, Ins l[1]=4/3", {"l": [3, 4, 1, 2]}),
    ),
    Example(
        "E14",
        {"l": [1, 2, 3]},
        *("Ins l[1]=9/3", 1),
        *("Del l[1]/3", 2),
        *("Ins l[1]=9/2", "Del l[2]/4", {"l": [1, 9, 3]}),
    ),
    Example("E15", {"l": [1, 2, 3]}, "Del l[1]/3", 1, "Del l[1]/3", 2, "–", "–", {"l": [1, 3]}),
    Example(
        "E16",
        {"l": [1, 2, 3]},
        *("Del l[0]/3", 1),
        *("U l[0]=5/3, U l[2]=4/3", 2),
        *("=", "U l[1]=4/2", {"l": [2, 4]}),
    ),
    Example(
        "E17",
        {"l": [1, 2, 3, 4]},
        *("Mv l 0→3/4", 1),
        *("Mv l 0→1/4", 2),
        *("–", "Mv l 3→1/4", {"l": [2, 1, 3, 4]}),
    ),
    Example(
        "E18",
        {"l": [1, 2, 3, 4]},
        *("Mv l 0→2/4", 1),
        *("Mv l 0→2/4", 2),
        *("–", "–", {"l": [2, 3, 1, 4]}),
    ),
    Example(
        "E19",
        {"l": [1, 2, 3, 4]},
        *("Mv l 0→3/4", 1),
        *("Mv l 2→0/4", 2),
        *("Mv l 1→3/4", "Mv l 1→0/4", {"l": [3, 2, 4, 1]}),
    ),
    Example(
        "E20",
        {"l": [1, 2, 3, 4]},
        *("Mv l 0→3/4", 1),
        *("Mv l 1→3/4", 2),
        *("Mv l 0→2/4", "Mv l 0→3/4", {"l": [3, 4, 1, 2]}),
    ),
    Example(
        "E21",
        {"l": [1, 2]},
        *("Mv l 0→1/2", 1),
        *("Mv l 1→0/2", 2),
        *("Mv l 1→0/2", "Mv l 0→1/2", {"l": [1, 2]}),
    ),
    Example(
        "E22",
        {"l": [1, 2, 3]},
        *("Mv l 0→2/3", 1),
        *("Del l[0]/3", 2),
        *("–", "Del l[2]/3", {"l": [2, 3]}),
    ),
    Example(
        "E23",
        {"l": [1, 2]},
        *("Mv l 0→1/2", 1),
        *("Del l[1]/2", 2),
        *("–", "Del l[0]/2", {"l": [1]}),
    ),
    Example(
        "E24",
        {"l": [1, 2, 3]},
        *("Mv l 0→2/3", 1),
        *("Ins l[3]=9/3", 2),
        *("Mv l 0→3/4", "Ins l[2]=9/3", {"l": [2, 3, 9, 1]}),
    ),
    Example(
        "E25",
        {"l": [1, 2, 3]},
        *("Mv l 0→2/3", 2),
        *("Ins l[3]=9/3", 1),
        *("Mv l 0→2/4", "Ins l[3]=9/3", {"l": [2, 3, 1, 9]}),
    ),
    Example(
        "E26",
        {"l": [1, 2]},
        *("Clr l, Ins l[0]=3/0", 1),
        *("Ins l[2]=9/2", 2),
        *("=", "–", {"l": [3]}),
    ),
    Example(
        "E27",
        {"l": [1, 2]},
        *("Clr l, Ins l[0]=3/0, Ins l[1]=4/1", 0),
        *("Clr l, Ins l[0]=5/0, Ins l[1]=6/1", 1),
        *("–", "=", {"l": [5, 6]}),
    ),
    Example(
        "E28",
        {},
        *("S+999, S+1, S+2", 0),
        *("S+999, S+3, S+4, S−999, S+999, S−999", 0),
        *("S+1, S+2", "=", {"s": {1, 2, 3, 4}}),
    ),
    Example("E29", {"s": {1}}, "Clr s, S+1", 0, "S+2", 9, "=", "–", {"s": {1}}),
    Example(
        "E30",
        {"d": {"key": 42}},
        *("U d.key=Erased, U d.a=1, U d.b=2, U d.c=3", 0),
        *("U d.key=Erased, U d.b=22, U d.d=4", 0),
        *("U d.a=1, U d.c=3", "=", {"d": {"a": 1, "b": 22, "c": 3, "d": 4}}),
    ),
    Example(
        "E31",
        {},
        *("U m=List, Ins m[0]=1/0, Ins m[1]=2/1", 2),
        *("U m=Dict, U m.k=7", 1),
        *("=", "–", {"m": [1, 2]}),
    ),
    Example(
        "E32",
        {},
        *("U m=List, Ins m[0]=1/0, Ins m[1]=2/1", 1),
        *("U m=List, Ins m[0]=3/0, Ins m[1]=4/1", 2),
        "U m=List, Ins m[0]=1/2, Ins m[1]=2/3",
        "U m=List, Ins m[2]=3/2, Ins m[3]=4/3",
        {"m": [1, 2, 3, 4]},
    ),
    Example("E33", {"m": [1, 2]}, "Ins m[2]=3/2", 2, "U m=77", 1, "–", "=", {"m": 77}),
    Example("E34", {"m": [1, 2]}, "Clr m(List)", 1, "U m=42", 2, "–", "=", {"m": 42}),
    Example("E34b", {"m": [1, 2]}, "Clr m(List)", 2, "U m=42", 1, "=", "–", {"m": []}),
    Example(
        "E35",
        {"m": {"key1": 1}},
        *("U m=List, Ins m[0]=1/0, Clr m(List), Ins m[0]=2/0", 1),
        *("U m=List, Ins m[0]=4/0", 2),
        *("U m=List, Ins m[0]=1/1, Clr m(List), Ins m[0]=2/0", "U m=List", {"m": [2]}),
    ),
    Example("E36", {"e": {}}, "U e=null", 1, "U e.x=5", 2, "=", "–", {"e": None}),
    Example("E36b", {}, "U e=ObjectValue, U e.x=5", 9, "U e=null", 1, "–", "=", {"e": None}),
    Example(
        "E36c",
        {},
        *("U e=ObjectValue, U e.x=5", 1),
        *("U e=ObjectValue, U e.x=6, Ins e.y[0]=1/0", 2),
        *("–", "=", {"e": {"x": 6, "y": [1]}}),
    ),
    Example(
        "E37",
        {"el": [{}, {}]},
        *("Ins el[0]=ObjectValue/2, U el[0].x=1", 1),
        *("U el[1].x=9", 2),
        *("=", "U el[2].x=9", {"el": [E | {"x": 1}, E, E | {"x": 9}]}),
    ),
    Example(
        "E37b",
        {"el": [{}, {}]},
        *("Del el[0]/2", 1),
        *("U el[0].x=9, U el[1].x=8", 2),
        *("=", "U el[0].x=8", {"el": [E | {"x": 8}]}),
    ),
]
by_example = pytest.mark.parametrize("example", TWO_WAY, ids=lambda e: e.id)


def sides(example: Example) -> tuple[Side, Side]:
    return (
        (instructions(example.a), example.a_time),
        (instructions(example.b), example.b_time),
    )


def expected(example: Example) -> Sides:
    return (
        instructions(example.a if example.a_after == "=" else example.a_after),
        instructions(example.b if example.b_after == "=" else example.b_after),
    )


@each_engine
@by_example
def test_both_sides_become_the_same_wherever_they_meet(engine: Engine, example: Example) -> None:
    a, b = sides(example)
    for profile in PROFILES:
        assert merged(engine, a, b, profile) == expected(example), profile
        assert merged_by_a(engine, a, b, profile) == expected(example), profile


@each_engine
@by_example
def test_final_state(engine: Engine, example: Example) -> None:
    for profile, first in product(PROFILES, (A, B)):
        star = Star(engine.peer, 2, (profile, "full" if profile == "full" else "strict"))
        star.seed(base(example.base))
        for ident, (changes, time) in zip((A, B), sides(example), strict=True):
            star.commit(ident, changes, time)
        star.upload(first)
        star.settle()
        assert_final(star, example.final)


# -- schema ----------------------------------------------------------------------------------------

S = add_table("S")
LINK_COLUMN = add_column("S", "ln", 9, nullable=True, target="T2")
LINK_VALUE = update("S", 1, "ln", {"t": "link", "table": "T2", "pk": {"t": "int", "v": 1}})
ERASE_T2: Instruction = {"op": "EraseTable", "table": "T2"}
ERASE_COLUMN: Instruction = {"op": "EraseColumn", "table": "S", "field": "ln"}


@each_engine
def test_e37c_a_class_is_erased_and_a_link_to_it_added(engine: Engine) -> None:
    a, b = ([LINK_COLUMN, LINK_VALUE], 1), ([ERASE_T2], 2)
    after: Any = [], [ERASE_COLUMN, ERASE_T2]
    assert merged(engine, a, b) == after
    assert merged_by_a(engine, a, b) == after


@each_engine
def test_e37c_ends_without_class_and_column(engine: Engine) -> None:
    star = Star(engine.peer, 2)
    star.seed([S, add_table("T2"), create("S", 1)])
    star.commit(A, [LINK_COLUMN], 1)
    star.commit(B, [ERASE_T2], 2)
    star.settle()
    star.assert_converged()
    assert star.server.state() == {"S": [{"_id": {"$numberLong": "1"}}]}


@each_engine
def test_e37d_what_both_declare_vanishes(engine: Engine) -> None:
    i, j = add_column("S", "i"), add_column("S", "j")
    a, b = ([S, i], 1), ([S, j, i], 2)
    assert merged(engine, a, b) == ([], [j])
    assert merged_by_a(engine, a, b) == ([], [j])


@each_engine
@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_e37e_other_types_are_refused_where_they_meet(
    engine: Engine, order: tuple[int, int]
) -> None:
    star = Star(engine.peer, 2)
    star.seed([S])
    star.commit(A, [add_column("S", "c", 1)], 1)
    star.commit(B, [add_column("S", "c", 3)], 2)
    first, second = order
    star.upload(first)
    with pytest.raises(SchemaMismatchError):
        star.upload(second)
    with pytest.raises(SchemaMismatchError):
        star.download(second)


# -- three-way -------------------------------------------------------------------------------------

THREE_WAY = [
    ("T1", {"i": 9}, [(A, "U i=100", 10), (B, "Add i+2", 0), (B, "Add i+3", 20)], {"i": 103}),
    (
        "T2",
        {"n": 0},
        [(A, "U n=null", 0), (B, "Add n+1", 2), (C, "U n=10", 1)],
        {"n": 11},
    ),
    (
        "T3",
        {"i": 0},
        [(A, "U i=1", 1), (B, "Add i+1", 2), (C, "Udef i=10", 3)],
        {"i": 2},
    ),
    (
        "T4",
        {"i": 0},
        [(A, "Udef i=1", 1), (B, "Udef i=10", 2), (C, "Add i+1", 3)],
        {"i": 11},
    ),
    ("T5", {"i": 0}, [(A, "U i=1", 5), (B, "U i=2", 7), (C, "U i=3", 6)], {"i": 2}),
    (
        "T6",
        {"l": [100]},
        [(A, "Ins l[0]=1/1", 5), (B, "Ins l[0]=2/1", 1), (C, "Ins l[0]=3/1", 3)],
        {"l": [2, 3, 1, 100]},
    ),
]


def uploaded(engine: Engine, start: Any, commits: list[Any], order: tuple[int, ...]) -> Star:
    star = Star(engine.peer, 3)
    star.seed(base(start))
    for ident, text, time in commits:
        star.commit(ident, instructions(text), time)
    for ident in order:
        star.upload(ident, 9)
    star.settle()
    return star


@each_engine
@pytest.mark.parametrize("case", THREE_WAY, ids=lambda case: case[0])
def test_three_way(engine: Engine, case: Any) -> None:
    _, start, commits, final = case
    for order in permutations((A, B, C)):
        assert_final(uploaded(engine, start, commits, order), final)


@each_engine
def test_t2_also_where_null_was_merged_already(engine: Engine) -> None:
    star = Star(engine.peer, 3)
    star.seed(base({"n": 0}))
    for ident, text, time in THREE_WAY[1][2]:
        star.commit(ident, instructions(text), time)
    for ident in (A, B):
        star.upload(ident)
    for ident in (A, B):
        star.download(ident)
    assert present(star.server.state())["n"] is None
    star.settle()
    assert_final(star, {"n": 11})


@each_engine
def test_e38_the_order_of_uploads_may_decide(engine: Engine) -> None:
    commits = [(A, "Ins l[0]=1/2", 2), (B, "Ins l[1]=2/2", 1), (C, "Del l[0]/2", 3)]
    for order in permutations((A, B, C)):
        star = uploaded(engine, {"l": [100, 101]}, commits, order)
        assert_final(star, {"l": [2, 1, 101] if order[0] == C else [1, 2, 101]})
