"""Rules of applications: what a decision about an object costs, and what a session's beginning.

A decision by a typical rule about a document takes 2 µs at most; the same comparisons in Python are
shown beside it. Many users of one partition, each with data of its own, cost their number times
what one costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realmsync._core import AppSchema, ClassRights, Expression, ExpressionContext, Role
from scale import scaled

FIELDS = [("_id", "int"), ("owner", "string"), ("team", "string"), ("public", "bool")]
SCHEMA = AppSchema(
    [("Task", "top", "_id", [(name, kind, name != "_id", None, None) for name, kind in FIELDS])]
)
MINE: dict[str, Any] = {"owner": "%%user.id"}
TEAM = {"$or": [MINE, {"public": True}, {"team": {"$in": "%%user.custom_data.teams"}}]}
ROLE = Role(
    read_filter=Expression(TEAM, "filter"),
    write_filter=Expression(MINE, "filter"),
    read=True,
    write=True,
)
APPLY_WHEN = Expression({"%%user.custom_data.level": {"$gte": 3}}, "apply_when")
DOCUMENT = {"_id": 1, "owner": "user 1", "team": "red", "public": False}
CALLS = scaled(1000)


def context(number: int) -> ExpressionContext:
    """Of a user with ten teams."""
    teams = [f"team {number + i}" for i in range(10)]
    return ExpressionContext(
        user={"id": f"user {number}", "custom_data": {"teams": teams, "level": 4}}
    )


def by_hand(document: dict[str, Any]) -> bool:
    teams = ("red", "blue")
    return (
        document.get("owner") == "user 1"
        or document.get("public") is True
        or document.get("team") in teams
    )


def repeated(decide: Callable[[dict[str, Any]], Any]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(CALLS):
            decide(DOCUMENT)

    return run


def test_decisions(yardstick: Callable[..., float], record_ratio: Any) -> None:
    rights = ClassRights(SCHEMA, "Task", ROLE, context(1))
    written = yardstick(repeated(rights.may_insert)) / CALLS
    seen = yardstick(repeated(rights.rights_on)) / CALLS
    plain = yardstick(repeated(by_hand)) / CALLS
    record_ratio("may an object be inserted : 2 µs", written, 2e-6, 1)
    record_ratio("may an object be inserted : the comparisons in Python", written, plain, None)
    record_ratio("all rights on an object : 2 µs", seen, 2e-6, 1)


def test_roles_are_chosen(yardstick: Callable[..., float], record_ratio: Any) -> None:
    user = context(1)
    ours = yardstick(lambda: [APPLY_WHEN.evaluate(user) for _ in range(CALLS)]) / CALLS
    record_ratio("a role's apply_when : 2 µs", ours, 2e-6, 1)


def test_sessions_of_many_users(yardstick: Callable[..., float], record_ratio: Any) -> None:
    def begin(users: int) -> Callable[[], None]:
        contexts = [context(number) for number in range(users)]

        def run() -> None:
            for user in contexts:
                if APPLY_WHEN.evaluate(user):
                    ClassRights(SCHEMA, "Task", ROLE, user).may_insert(DOCUMENT)

        return run

    few, many = yardstick(begin(100), rounds=100), yardstick(begin(1000), rounds=10)
    record_ratio("1,000 users with data of their own begin : 10 times 100", many, 10 * few, 2)
    record_ratio("1,000 users with data of their own begin : 100 ms", many, 0.1, 1)
