"""Makes the script of a failing run short: drops actions, then instructions, as long as what is
left still fails, and fails in a merge. Used by hand, through long.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from instructions import Instruction
from merge.places import SCHEMA
from merge.star import Action, MakePeer, Star, UnfitCommitError
from realmsync.errors import RealmError

T = TypeVar("T")
Script = list[Action]


def failure(
    make: MakePeer, clients: int, profiles: tuple[str, str], script: Script
) -> Exception | None:
    """What a merge raises, or that peers end differently; None too where the script itself is
    none, for a commit that no longer fits its state."""
    star = Star(make, clients, profiles)
    star.seed(SCHEMA)
    try:
        for action in script:
            action.play(star)
        star.settle()
        star.assert_converged()
    except UnfitCommitError:
        return None
    except (RealmError, AssertionError) as error:
        return error
    return None


def shrink(script: Script, fails: Callable[[Script], bool]) -> Script:
    """A script of which no action and no instruction can be left out."""
    shorter = shrink_once(script, fails)
    while shorter != script:
        script, shorter = shorter, shrink_once(shorter, fails)
    return script


def shrink_once(script: Script, fails: Callable[[Script], bool]) -> Script:
    script = fewer(script, fails)
    for n in range(len(script)):
        before, action, after = script[:n], script[n], script[n + 1 :]

        def fails_with(
            instructions: list[Instruction],
            before: Script = before,
            action: Action = action,
            after: Script = after,
        ) -> bool:
            return fails([*before, action._replace(instructions=instructions), *after])

        kept = fewer(action.instructions, fails_with)
        script = [*before, action._replace(instructions=kept), *after]
    return script


def fewer(items: list[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Leaves out runs of items, long ones first."""
    size = len(items) // 2
    while size > 0:
        at = 0
        while at < len(items):
            shorter = items[:at] + items[at + size :]
            if fails(shorter):
                items = shorter
            else:
                at += size
        size //= 2
    return items


def show(script: Script) -> str:
    """A line for each action and each instruction."""
    lines = []
    for action in script:
        what = f"@{action.timestamp}" if action.kind == "commit" else f"{action.count or 'all'}"
        lines.append(f"{action.ident} {action.kind} {what}")
        lines += [f"    {instruction}" for instruction in action.instructions]
    return "\n".join(lines)
