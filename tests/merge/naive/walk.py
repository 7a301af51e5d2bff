"""The walk over all cells (merge-rules.md 2.3 to 2.7): every local instruction against every
incoming one, without conflict groups, masks or any other shortcut."""

from __future__ import annotations

from merge.naive.changeset import Changeset, Instruction
from merge.naive.rules import direct, nested


def walk(window: list[Changeset], incoming: list[Changeset], profile: str) -> None:
    """Transforms both sides in place and marks the changesets that were altered."""
    for changeset in window:
        for major in list(changeset.alive()):
            row(major, [i for x in incoming for i in x.alive()], profile)


def row(major: Instruction, minors: list[Instruction], profile: str) -> None:
    """Ends as soon as the major one is discarded."""
    for n, minor in enumerate(minors):
        if minor.gone:
            continue
        cell(major, minor, minors[n + 1 :], profile)
        if major.gone:
            return


def cell(i: Instruction, x: Instruction, rest: list[Instruction], profile: str) -> None:
    """`rest`: the minor instructions that come after x."""
    copies = [(i, i.copy()), (x, x.copy())]
    if x.level < i.level:
        nested(x, i, profile)
        if i.gone:
            return
    elif i.level < x.level:
        nested(i, x, profile)
        if x.gone:
            return
    a, b = (i, x) if i.code >= x.code else (x, i)
    erase_column = direct(a, b, profile)
    if erase_column is not None:
        prepended = b.owner.prepend(b, erase_column)
        if b is i:  # catches up with its row; on the minor side, only later rows meet it
            row(prepended, rest, profile)
    for instruction, copy in copies:
        if not instruction.gone and instruction.differs(copy):
            instruction.owner.dirty = True
