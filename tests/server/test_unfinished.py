"""The account of messages that have begun to arrive: who is given up, and what is given back."""

from __future__ import annotations

from typing import cast

from realmsync.server.unfinished import UnfinishedMessages
from realmsync.transport.websocket import EngineSocket

MIB = 1 << 20


class Websocket:
    """Reports as EngineSocket does."""

    def __init__(self, account: UnfinishedMessages, user_id: str) -> None:
        self._account = account
        self._share = account.of(user_id)
        self.is_given_up = False

    def receive(self, received: int, expected: int) -> Websocket:
        self._share.holds(cast(EngineSocket, self), expected, received)
        return self

    def finish(self) -> None:
        self._share.released(cast(EngineSocket, self))

    def give_up(self) -> None:
        self.is_given_up = True
        self.finish()


class Account(UnfinishedMessages):
    """100 MiB in all, 30 MiB of a user; the test sets the time."""

    def __init__(self) -> None:
        self.now = 0
        super().__init__(100 * MIB, 30 * MIB, lambda: self.now)


def test_a_users_share_is_reserved_when_messages_begin() -> None:
    account = Account()
    first = Websocket(account, "a").receive(100, 20 * MIB)
    second = Websocket(account, "a").receive(100, 20 * MIB)
    other = Websocket(account, "b").receive(100, 20 * MIB)
    assert [w.is_given_up for w in (first, second, other)] == [False, True, False]
    first.receive(20 * MIB - 1, 20 * MIB)
    first.finish()
    third = Websocket(account, "a").receive(100, 20 * MIB)
    assert not third.is_given_up
    for websocket in (third, other):
        websocket.finish()
    assert account.received == 0


def test_small_messages_do_not_wait_for_large_ones() -> None:
    account = Account()
    large = Websocket(account, "a").receive(100, 30 * MIB)
    small = [Websocket(account, "a").receive(100, 60 << 10) for _ in range(50)]
    assert not any(websocket.is_given_up for websocket in (large, *small))


def test_one_message_fits_into_every_share() -> None:
    account = Account()
    assert not Websocket(account, "a").receive(100, 64 * MIB).is_given_up
    assert Websocket(account, "a").receive(100, 100 << 10).is_given_up


def arriving(account: Account, size: int) -> Websocket:
    """A message of `size` MiB that comes MiB by MiB, up to the last one."""
    upload = Websocket(account, "b")
    for received in range(1, size):
        upload.receive(received * MIB, size * MIB)
        account.now += 100
    return upload


def test_the_costliest_message_makes_room() -> None:
    """What it holds, for as long as it has."""
    account = Account()
    attackers = [Websocket(account, f"x{n}").receive(24 * MIB, 25 * MIB) for n in range(4)]
    account.now = 10_000
    assert not arriving(account, 30).is_given_up
    assert [websocket.is_given_up for websocket in attackers] == [True, True, False, False]
    assert account.received <= 100 * MIB


def test_many_small_ones_do_not_push_out_one_that_makes_progress() -> None:
    account = Account()
    attackers = [Websocket(account, f"x{n}").receive(MIB, 2 * MIB) for n in range(99)]
    account.now = 120_000
    assert not arriving(account, 20).is_given_up
    assert sum(websocket.is_given_up for websocket in attackers) == 18
