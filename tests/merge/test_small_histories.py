"""Exhaustive sets of small histories (merge-rules.md 11.3): the golden tables of 3.6; every ordered
pair of list operations on up to four elements, of which both orders have to give the same list;
triples of them; values made and cleared by both sides in every order of time."""

from __future__ import annotations

from itertools import chain, combinations, permutations, product
from typing import Any

import pytest

from instructions import Instruction, on
from merge.engines import NAIVE, NATIVE, Engine, Twin
from merge.notation import KEY, TABLE, base, instructions
from merge.star import Star
from merge.worked import PROFILES, each_engine, merged, merged_by_a

# Cell: what the row's operation becomes; what the column's becomes. Beside ‖: if the row's
# operation is the later one.
MOVES = ["0→1", "0→2", "1→0", "1→2", "2→0", "2→1"]
MOVE_MOVE = """
– ; – | – ; 1→2 ‖ 2→1 ; – | 1→0 ; 0→1 ‖ – ; – | – ; 0→2 | 1→2 ; 2→0 | 0→2 ; 2→0
– ; 2→1 ‖ 1→2 ; – | – ; – | 1→2 ; – | 0→1 ; 0→2 ‖ 0→2 ; 0→1 | 1→2 ; 1→0 | 0→2 ; 1→0
– ; – ‖ 0→1 ; 1→0 | – ; 1→2 | – ; – | – ; 0→2 ‖ 2→0 ; – | 2→0 ; 2→1 ‖ 2→1 ; 2→0 | 2→0 ; –
0→2 ; – | 0→1 ; 0→2 ‖ 0→2 ; 0→1 | – ; 2→0 ‖ 0→2 ; – | – ; – | – ; 1→0 | 2→1 ; 1→2 ‖ – ; –
2→0 ; 1→2 | 1→0 ; 1→2 | 2→0 ; 2→1 ‖ 2→1 ; 2→0 | 1→0 ; – | – ; – | – ; 0→1 ‖ 1→0 ; –
2→0 ; 0→2 | 1→0 ; 0→2 | – ; 2→0 | – ; – ‖ 1→2 ; 2→1 | – ; 1→0 ‖ 0→1 ; – | – ; –
"""
MOVE_INSERT = """
1→2 ; 0 | 0→2 ; 0 | 0→2 ; 1 ‖ 0→1 ; 2 | 0→1 ; 3
1→3 ; 0 | 0→3 ; 0 | 0→3 ; 1 | 0→3 ; 2 ‖ 0→2 ; 3
2→1 ; 0 ‖ 2→0 ; 1 | 2→0 ; 2 | 1→0 ; 2 | 1→0 ; 3
2→3 ; 0 | 2→3 ; 1 | 1→3 ; 1 | 1→3 ; 2 ‖ 1→2 ; 3
3→1 ; 0 ‖ 3→0 ; 1 | 3→0 ; 2 | 3→0 ; 3 | 2→0 ; 3
3→2 ; 0 | 3→2 ; 1 ‖ 3→1 ; 2 | 3→1 ; 3 | 2→1 ; 3
"""
MOVE_ERASE = """
– ; 1 | – ; 0 | 0→1 ; 2
– ; 2 | 0→1 ; 0 | 0→1 ; 1
– ; 1 | – ; 0 | 1→0 ; 2
0→1 ; 0 | – ; 2 | – ; 1
1→0 ; 1 | 1→0 ; 2 | – ; 0
1→0 ; 0 | – ; 2 | – ; 1
"""
MOVE_UPDATE = """
0→1 ; 1 | 0→1 ; 0 | 0→1 ; 2
0→2 ; 2 | 0→2 ; 0 | 0→2 ; 1
1→0 ; 1 | 1→0 ; 0 | 1→0 ; 2
1→2 ; 0 | 1→2 ; 2 | 1→2 ; 1
2→0 ; 1 | 2→0 ; 2 | 2→0 ; 0
2→1 ; 0 | 2→1 ; 2 | 2→1 ; 1
"""
# The table, what its columns are, and the sizes that both operations start from afterwards.
GOLDEN: list[tuple[str, str, int, int]] = [
    (MOVE_MOVE, "Mv", 3, 3),
    (MOVE_INSERT, "Ins", 4, 3),
    (MOVE_ERASE, "Del", 2, 3),
    (MOVE_UPDATE, "U", 3, 3),
]


def insert(at: int, value: int, size: int) -> Instruction:
    fields = {"value": {"t": "int", "v": value}, "prior_size": size}
    return on("ArrayInsert", TABLE, KEY, "l", at) | fields


def update(at: int, value: int, size: int) -> Instruction:
    fields = {"value": {"t": "int", "v": value}, "prior_size": size}
    return on("Update", TABLE, KEY, "l", at) | fields


def erase(at: int, size: int) -> Instruction:
    return on("ArrayErase", TABLE, KEY, "l", at) | {"prior_size": size}


def move(start: int, to: int, size: int) -> Instruction:
    return on("ArrayMove", TABLE, KEY, "l", start) | {"ndx_2": to, "prior_size": size}


def clear() -> Instruction:
    return on("Clear", TABLE, KEY, "l") | {"collection": 1}


def operation(kind: str, text: str, size: int) -> list[Instruction]:
    """`1→2` for a move, an index for others; – for none."""
    if text == "–":
        return []
    if kind == "Mv":
        start, to = text.split("→")
        return [move(int(start), int(to), size)]
    at = int(text)
    return [{"Ins": insert, "U": update}[kind](at, 7, size) if kind != "Del" else erase(at, size)]


@each_engine
@pytest.mark.parametrize("table", GOLDEN, ids=lambda table: table[1])
def test_golden_tables(engine: Engine, table: tuple[str, str, int, int]) -> None:
    text, kind, row_size, column_size = table
    for start, line in zip(MOVES, text.strip().splitlines(), strict=True):
        cells = line.split(" | ")
        columns = MOVES if kind == "Mv" else [str(n) for n in range(len(cells))]
        for column, cell in zip(columns, cells, strict=True):
            earlier, later = (cell.split(" ‖ ") * 2)[:2]
            for outcome, times in ((earlier, (1, 2)), (later, (2, 1))):
                mine, theirs = outcome.split(" ; ")
                expected = operation("Mv", mine, row_size), operation(kind, theirs, column_size)
                row = operation("Mv", start, 3), times[0]
                other = operation(kind, column, 3), times[1]
                place = f"{start} {kind} {column} {times}"
                assert merged(engine, row, other) == expected, place
                assert merged_by_a(engine, row, other) == expected, place
                # The same with the sides exchanged: their idents do not matter.
                assert merged(engine, other, row)[::-1] == expected, place


def operations(size: int, value: int) -> list[Instruction]:
    """All single ones on a list of this size."""
    return [
        *(insert(at, value, size) for at in range(size + 1)),
        *(erase(at, size) for at in range(size)),
        *(update(at, value, size) for at in range(size)),
        *(move(start, to, size) for start, to in permutations(range(size), 2)),
        clear(),
    ]


def applied(values: list[int], *changes: list[Instruction]) -> list[int]:
    values = list(values)
    for i in chain(*changes):
        at = i["path"][-1] if i["path"] else 0
        assert i.get("prior_size", len(values)) == len(values), i
        match i["op"]:
            case "ArrayInsert":
                assert at <= len(values)
                values.insert(at, i["value"]["v"])
            case "ArrayErase":
                del values[at]
            case "Update":
                values[at] = i["value"]["v"]
            case "ArrayMove":
                assert at != i["ndx_2"] < len(values)
                values.insert(i["ndx_2"], values.pop(at))
            case "Clear":
                values.clear()
    return values


def test_every_pair_of_operations_converges() -> None:
    pairs = 0
    for size, times in product(range(5), ((1, 2), (2, 1))):
        values = list(range(size))
        for x, y in product(operations(size, 8), operations(size, 9)):
            a, b = ([x], times[0]), ([y], times[1])
            after = merged(NATIVE, a, b)
            assert merged_by_a(NATIVE, a, b) == after, (x, y)
            assert applied(values, [x], after[1]) == applied(values, [y], after[0]), (x, y)
            for profile in PROFILES:
                assert merged(NAIVE, a, b, profile) == after, (x, y)
            pairs += 1
    assert pairs == 2188


# -- three at a time -------------------------------------------------------------------------------

TRIPLES = 10**3 * 6 * 6  # operations on two elements, orders of time, orders of upload
NOT_EVERY = 197  # is tried by the short test; long.py tries all


def try_triple(number: int) -> None:
    """Clients that each change a list of two elements once end in the same state. Which state may
    depend on the order of uploads."""
    changes = [operations(2, 7 + client)[number // 10**client % 10] for client in range(3)]
    orders = list(permutations((1, 2, 3)))
    times, uploads = orders[number // 1000 % 6], orders[number // 6000]
    star = Star(NATIVE.peer, 3)
    star.seed(base({"l": [1, 2]}))
    for ident, change, time in zip(star.clients, changes, times, strict=True):
        star.commit(ident, [change], time)
    for client in uploads:
        star.upload(client + 1)
        star.download(uploads[0] + 1)  # one of them downloads in parts
    star.settle()
    star.assert_converged()


def test_triples_of_operations_converge() -> None:
    for number in range(0, TRIPLES, NOT_EVERY):
        try_triple(number)


# -- collections in Mixed --------------------------------------------------------------------------

# Two transactions each: a value is made, then emptied or added to.
MAKING = {
    "list": ("U m=List", "Clr m(List), Ins m[0]={}/0"),
    "dictionary": ("U m=Dict", "Clr m(Dict), U m.k={}"),
    "integer": ("U m={}", "Add m+1"),
}
BEFORE: list[dict[str, Any]] = [{}, {"m": 5}, {"m": [1]}, {"m": {"k": 1}}]


@pytest.mark.parametrize("ours", MAKING)
@pytest.mark.parametrize("theirs", MAKING)
def test_making_and_clearing_at_any_times(ours: str, theirs: str) -> None:
    """Both make and change the same value, with the four times in every order that keeps each
    one's own."""
    for own_times, before, first in product(combinations(range(1, 5), 2), BEFORE, (2, 3)):
        other_times = sorted({1, 2, 3, 4} - set(own_times))
        star = Star(Twin, 2)
        star.seed(base(before))
        for ident, kind, times in ((2, ours, own_times), (3, theirs, other_times)):
            for text, time in zip(MAKING[kind], times, strict=True):
                star.commit(ident, instructions(text.format(ident)), time)
        star.upload(first)
        star.settle()
        star.assert_converged()
