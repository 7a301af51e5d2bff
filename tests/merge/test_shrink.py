"""Failing runs are made short enough to read."""

from __future__ import annotations

from instructions import Instruction, create, on, update
from merge.engines import NATIVE
from merge.shrink import Script, failure, show, shrink
from merge.star import Action
from realmsync.errors import BadChangesetError

STRICT = ("strict", "strict")
NEW = {"value": {"t": "object_value"}}


def commit(ident: int, *instructions: Instruction) -> Action:
    return Action("commit", ident, list(instructions), 10 + ident, None)


def element(index: int) -> Instruction:
    return on("ArrayInsert", "A", 0, "le", index) | NEW | {"prior_size": index}


# Defect R1 of merge-rules.md: A moves an element while B writes into it; the move cannot be applied
# any more.
DEFECT = [
    commit(2, create("A", 0), update("A", 0, "i", 7), element(0), element(1)),
    Action("upload", 2, [], 0, 1),
    Action("download", 3, [], 0, None),
    commit(2, on("ArrayMove", "A", 0, "le", 0) | {"ndx_2": 1, "prior_size": 2}),
    commit(3, update("A", 0, "i", 8), update("A", 0, "le", 5, 0, "x")),
]


def fails(script: Script) -> bool:
    return isinstance(failure(NATIVE.peer, 2, STRICT, script), BadChangesetError)


def test_what_fails_and_what_does_not() -> None:
    assert fails(DEFECT)
    assert failure(NATIVE.peer, 2, ("safe", "safe"), DEFECT) is None
    assert failure(NATIVE.peer, 2, STRICT, DEFECT[:4]) is None
    assert failure(NATIVE.peer, 2, STRICT, DEFECT[3:]) is None, "does not fit its state"


def test_only_what_is_needed_is_left() -> None:
    noise = [Action("upload", 3, [], 0, 2), commit(3, create("B", "b"))] * 3
    short = shrink(noise + DEFECT[:3] + noise + DEFECT[3:], fails)
    assert fails(short)
    assert len(short) == 5, show(short)
    assert sum(len(action.instructions) for action in short) == 5, show(short)
    assert "'ndx_2': 1" in show(short)
