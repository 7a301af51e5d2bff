"""Every recorded conversation of flexible sync, with our server in place of the recorded one.

Accepted means, wherever the recording has answered all MARKs and query sets: our client, which
sends what the recorded one sent and ends the test on whatever ends an SDK (flexible_peer.py), has
these answers, too; the same query set is in force and the same sets are refused; 231 and 230 have
named the same objects, and the same errors have ended the session; and it holds the same objects.
Free are the number of messages, the versions, the order of data among themselves, and texts.
The recorded server followed a script and knew no views. So of what its client holds only that
counts which its query set selects, and ours may take back what is outside of that.
Specification: flexible-sync.md 5 to 9, 18; tests/vectors/wire-flx/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flexible.naive.views import Permissions, Queries, View, differences, visible
from played_recordings import Outcome, Play
from realmsync._core import ExpressionContext, Role, SessionRoles

FOLDER = Path(__file__).parent.parent / "vectors" / "wire-flx"
NAMES = sorted(path.stem for path in FOLDER.glob("flx_*.jsonl") if path.stem != "flx_migrate")
Act = Callable[[Play], None]


def roles(**classes: dict[str, Any]) -> SessionRoles:
    """Filters of some classes; of all others users may do everything."""
    everything = Role(read_filter=True, write_filter=True, read=True, write=True)
    given = {"read_filter": True, "write_filter": True, "read": True, "write": True}
    by_class = {name: Role(**given | filters) for name, filters in classes.items()}
    return SessionRoles(by_class, everything, ExpressionContext())


def change_roles(**classes: dict[str, Any]) -> Act:
    return lambda play: play.server.change_roles(roles(**classes))


def limit_queries(**queryable: list[str]) -> Act:
    return lambda play: play.server.limit_queries(queryable)


def erase(table: str, key: int) -> Act:
    instruction = {"op": "EraseObject", "table": table, "pk": {"t": "int", "v": key}}
    return lambda play: play.author.commit([instruction])


HIDDEN = {"read_filter": {"_id": {"$ne": 1}}, "write_filter": {"_id": {"$ne": 1}}}
# What called for the answers that the script gave: by recording and number of its line.
ACTIONS: dict[str, dict[int, Act]] = {
    "flx_asymmetric": {1: change_roles(Meas={"write_filter": {"v": {"$ne": 0.5}}})},
    "flx_compensating": {
        1: change_roles(
            Person={"write_filter": {"name": {"$ne": "illegal"}}},
            Dog={"write_filter": {"name": {"$nin": ["illegal", "x"]}}},
        )
    },
    "flx_query_error": {
        2: limit_queries(Person=["name"], Dog=["name"]),
        3: limit_queries(Person=["age"], Dog=["name"]),
        7: limit_queries(Person=["name"], Dog=["name"]),
    },
    "flx_server_bootstrap": {6: change_roles(Dog=HIDDEN)},
    "flx_unbound_after_error": {3: change_roles(Dog=HIDDEN)},
    "flx_update": {4: erase("Person", 1)},  # what it does not bring again, there is no more
}
REFUSED = {"flx_bodies_1": {9}}  # across links (17.8)
UNASKED = {"flx_query_error": {226}}  # of a valid query set


@pytest.mark.parametrize("page_bytes", [1, 1 << 20])
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_accepted(name: str, page_bytes: int) -> None:
    play = Play(
        FOLDER / f"{name}.jsonl",
        actions=ACTIONS.get(name, {}),
        refused=REFUSED.get(name, set()),
        unasked=UNASKED.get(name, set()),
        tuning={"page_bytes": page_bytes},
    )
    for place, theirs, ours in play.run():
        assert faults(theirs, ours) == [], place


def faults(theirs: Outcome, ours: Outcome) -> list[str]:
    """In what the second is not what the first is."""
    found = [
        f"{name}: {getattr(ours, name)}, must be {getattr(theirs, name)}"
        for name in ("active", "body", "refused", "errors")
        if getattr(ours, name) != getattr(theirs, name)
    ]
    found += [f"not taken back: {about}" for about in theirs.taken_back.keys() - ours.taken_back]
    found += [
        f"taken back: {about}: {reason}"
        for about, reason in ours.taken_back.items()
        if about not in theirs.taken_back and "outside of the current query view" not in reason
    ]
    view = View(Queries.of_body(theirs.body), Permissions())
    return found + list(map(str, differences(ours.copy.state, visible(theirs.copy.state, view))))
