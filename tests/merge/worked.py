"""Both sides of a worked example (merge-rules.md 10) and the states that it ends with. The clients
are A, B and C; what they write is in notation.py."""

from __future__ import annotations

from typing import Any

import pytest

from instructions import Instruction
from merge.engines import ENGINES, Engine
from merge.notation import KEY, TABLE, plain
from merge.star import Star
from realmsync.inspect import decode_changeset, encode_changeset

A, B, C = 2, 3, 4
PROFILES = ("strict", "safe", "full")
Side = tuple[list[Instruction], int]  # instructions and their timestamp
Sides = tuple[list[Instruction], list[Instruction]]
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def merged(engine: Engine, a: Side, b: Side, profile: str = "strict") -> Sides:
    """A and B rebased past each other, computed by B's side: A comes in."""
    return _met(engine, (A, a), (B, b), profile)


def merged_by_a(engine: Engine, a: Side, b: Side, profile: str = "strict") -> Sides:
    """The same, computed by A's side: B comes in."""
    return _met(engine, (B, b), (A, a), profile)[::-1]


def _met(
    engine: Engine, incoming: tuple[int, Side], local: tuple[int, Side], profile: str
) -> Sides:
    """The incoming side and the local one after they met."""
    (guest, (x, x_time)), (host, (y, y_time)) = incoming, local
    window = [(5, y_time, host, encode_changeset(y))]
    (after,), altered = engine.transform(window, [(4, x_time, guest, encode_changeset(x))], profile)
    return decode_changeset(after), decode_changeset(altered[5]) if 5 in altered else y


def values(state: Any) -> dict[str, Any] | None:
    """T[1] in the notation of the examples."""
    objects = [o for o in state[TABLE] if o["_id"] == {"$numberLong": str(KEY)}]
    return {name: plain(value) for name, value in objects[0].items()} if objects else None


def present(state: Any) -> dict[str, Any]:
    """The same of an object that has to be there."""
    found = values(state)
    assert found is not None
    return found


def assert_final(star: Star, final: dict[str, Any] | None) -> None:
    star.assert_converged()
    state = star.server.state()
    if final is None:
        assert values(state) is None
    else:
        found = present(state)
        assert {name: found[name] for name in final} == final


def of_clients(star: Star, field: str) -> list[Any]:
    """The server's value, then A's and B's."""
    found = [star.server.state(), *(client.peer.state() for client in star.clients.values())]
    return [present(state)[field] for state in found]
