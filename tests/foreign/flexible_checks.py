"""What the core of published SDKs does at our server in flexible sync: checks of cores.py.

Specification: flexible-sync.md 3, 7, 9, 11 and 13, client-session.md 12.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from phone_checks import Bench
from phones import Phone

APP = "foreign-flexible"
MANY = 5_000


@contextlib.contextmanager
def two(bench: Bench, board: str, mode: str = "manual") -> Iterator[tuple[Phone, str, Phone, str]]:
    """Two programs with users of their own that are subscribed to a board."""
    name = f"flexible {board}"
    with bench.phone(f"{name} a", APP) as phone, bench.phone(f"{name} b", APP) as other:
        users = []
        for each in (phone, other):
            users.append(each.user("anonymous"))
            assert each("flexible", mode, "realm") == "opened"
            assert each("subscribe", "board", "board", board) == "complete"
        yield phone, users[0], other, users[1]


def subscriptions_change(bench: Bench) -> None:
    with two(bench, "a") as (phone, user, other, _):
        phone("task", 1, user, "a")
        phone.settle()
        other.settle()
        assert other.keys == [1]
        assert phone("subscribe", "more", "board", "b") == "complete"
        phone("task", 2, user, "b")
        phone.settle()
        assert phone.keys == [1, 2] and other.keys == [1]
        assert other("subscribe", "more", "board", "b") == "complete"
        assert other.keys == [1, 2]
        assert other("unsubscribe", "board") == "complete"
        assert other.keys == [2]
        assert phone.has_no_events and other.has_no_events


def objects_enter_and_leave(bench: Bench) -> None:
    with two(bench, "c") as (phone, user, other, _):
        phone("subscribe", "more", "board", "d")
        phone("task", 10, user, "d")
        phone.settle()
        assert other.keys == []
        phone("set", 10, "board", "c")
        other.until("keys", "keys 10")
        phone("set", 10, "text", "steady")
        other.until("get 10 text", "steady")
        phone("set", 10, "board", "d")
        other.until("keys", "keys")
        phone.settle()
        assert phone.keys == [10]


def what_is_not_allowed_is_taken_back(bench: Bench) -> None:
    with two(bench, "e") as (phone, user, other, own):
        phone("task", 20, user, "e")
        phone.settle()
        other.settle()
        other("set", 20, "text", "mine")
        assert " 20 " in other.event()
        assert other.keys == [20] and other("get", 20, "text") == ""
        other("task", 21, user, "e")
        assert " 21 " in other.event()
        assert other.keys == [20]
        other("task", 22, own, "e")
        other.settle()
        phone.settle()
        assert phone.keys == other.keys == [20, 22]
        assert phone.has_no_events and other.has_no_events


def a_bootstrap_of_many(bench: Bench) -> None:
    with two(bench, "f") as (phone, user, other, _):
        other("unsubscribe", "board")
        phone("tasks", 1000, user, "f", 1000 + MANY)
        phone.settle()
        assert other("subscribe", "board", "board", "f") == "complete"
        assert other.keys == list(range(1000, 1000 + MANY))
        assert other("unsubscribe", "board") == "complete"
        assert other.keys == []


def a_query_that_is_refused(bench: Bench) -> None:
    with two(bench, "g") as (phone, user, _, _):
        assert phone("subscribe", "bad", "_id", "x").startswith("exception")
        phone("task", 30, user, "g")
        phone.settle()
        assert phone.keys == [30]


def measurements_are_not_kept(bench: Bench) -> None:
    with two(bench, "h") as (phone, user, other, stranger):
        for key in range(3):
            assert phone("measure", key, user) == "measured"
        phone("task", 40, user, "h")
        phone.settle()
        other.settle()
        assert phone.keys == other.keys == [40]
        assert phone.has_no_events
        phone("measure", 3, stranger)
        assert " 3 " in phone.event()
        phone("task", 41, user, "h")
        phone.settle()
        other.settle()
        assert phone.keys == other.keys == [40, 41]
        assert phone.has_no_events


def flexible_restarts(bench: Bench) -> None:
    """A server that is killed, and one that is stopped; what was written and asked meanwhile."""
    with two(bench, "i") as (phone, user, other, _):
        for key, end in enumerate((bench.server.kill, bench.server.stop), 50):
            end()
            phone("task", key, user, "i")
            bench.server.start()
            phone.settle()
            other.settle()
            assert phone.keys == other.keys == list(range(50, key + 1))


def _reset(bench: Bench, board: str, mode: str, key: int, kept: list[int], word: str) -> None:
    with two(bench, board, mode) as (phone, user, other, _):
        phone("task", key, user, board)
        phone.settle()
        phone("pause")
        phone("task", key + 1, user, board)
        bench.force_reset(phone("ident"), APP)
        phone("resume")
        assert phone.event() == f"before {key} {key + 1}"
        assert phone.event() == f"after {' '.join(map(str, kept))} {word}"
        phone.settle()
        other.settle()
        assert phone.keys == other.keys == kept


def flexible_reset_with_recovery(bench: Bench) -> None:
    _reset(bench, "j", "recover", 60, [60, 61], "recovered")


def flexible_reset_without(bench: Bench) -> None:
    _reset(bench, "k", "discard", 70, [70], "discarded")


FLEXIBLE_CHECKS = (
    subscriptions_change,
    objects_enter_and_leave,
    what_is_not_allowed_is_taken_back,
    a_bootstrap_of_many,
    a_query_that_is_refused,
    measurements_are_not_kept,
    flexible_restarts,
    flexible_reset_with_recovery,
    flexible_reset_without,
)
