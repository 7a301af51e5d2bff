"""The queue of a realm file's writers, against a list in Python: any order of calls, seeded.

The model: `queue` holds those without a turn, the first place is served as soon as nobody has the
turn. Who blocks a thread stands before the event-loop waiters of that thread.
"""

from __future__ import annotations

import random

import pytest

from realmsync import _testbed

LOOPS = [11, 12]  # threads that run an event loop
THREADS = [0, *LOOPS]  # of those who block; 0: one without a loop


class Model:
    def __init__(self) -> None:
        self.queue: list[tuple[int, int, bool]] = []  # number, thread, blocking
        self.granted: tuple[int, int, bool] | None = None
        self.holder: int | None = None  # number; 0 of a turn without a ticket
        self.told: list[int] = []

    def advance(self) -> None:
        if self.holder is None and self.granted is None and self.queue:
            self.granted = self.queue.pop(0)
            if not self.granted[2]:
                self.told.append(self.granted[0])

    def request(self, number: int, thread: int, *, blocking: bool) -> None:
        place = len(self.queue)
        if blocking and thread:
            ours = [i for i, (_, t, b) in enumerate(self.queue) if t == thread and not b]
            place = ours[0] if ours else place
            if self.granted and self.granted[1] == thread and not self.granted[2]:
                self.queue.insert(0, self.granted)
                self.granted, place = None, 0
        self.queue.insert(place, (number, thread, blocking))
        self.advance()

    def leave(self, number: int) -> None:
        self.queue = [entry for entry in self.queue if entry[0] != number]
        if self.granted and self.granted[0] == number:
            self.granted = None
        self.advance()


class Both:
    """The queue and its model, called alike and compared after every call."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.queue = _testbed.WriterQueue()
        self.model = Model()
        self.tickets: list[int] = []

    def request(self) -> None:
        thread = self.chance.choice(LOOPS)
        number = self.queue.request(thread)
        self.tickets.append(number)
        self.model.request(number, thread, blocking=False)

    def request_blocking(self) -> None:
        thread = self.chance.choice(THREADS)
        number = self.queue.request_blocking(thread)
        self.tickets.append(number)
        self.model.request(number, thread, blocking=True)

    def try_acquire(self) -> None:
        free = self.model.holder is None and self.model.granted is None
        assert self.queue.try_acquire() == free
        if free:
            self.model.holder = 0

    def take(self) -> None:
        if not self.tickets:
            return
        number = self.chance.choice(self.tickets)
        has_turn = self.model.granted is not None and self.model.granted[0] == number
        assert self.queue.take(number) == has_turn
        if has_turn:
            self.taken = self.model.granted
            self.model.holder, self.model.granted = number, None

    def put_back(self) -> None:
        if self.model.holder:
            self.queue.put_back(self.model.holder)
            self.model.holder, self.model.granted = None, self.taken

    def release(self) -> None:
        if self.model.holder is None:
            return
        number, self.model.holder = self.model.holder, None
        self.queue.release()
        self.model.advance()
        if number:
            self.tickets.remove(number)
            self.queue.leave(number)
            self.model.leave(number)

    def leave(self) -> None:
        others = [number for number in self.tickets if number != self.model.holder]
        if others:
            number = self.chance.choice(others)
            self.tickets.remove(number)
            self.queue.leave(number)
            self.model.leave(number)

    def compare(self) -> None:
        model = self.model
        granted = None if model.granted is None else model.granted[0]
        assert [n for n in self.tickets if self.queue.is_granted(n)] == (
            [] if granted is None else [granted]
        )
        assert self.queue.is_taken == (model.holder is not None)
        assert self.queue.has_waiters == bool(model.queue or model.granted)
        assert self.queue.take_told() == model.told
        model.told.clear()


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_calls(seed: int) -> None:
    chance = random.Random(seed)
    both = Both(chance)
    calls = [
        both.request,
        both.request_blocking,
        both.try_acquire,
        both.take,
        both.take,
        both.put_back,
        both.release,
        both.release,
        both.leave,
    ]
    for _ in range(400):
        chance.choice(calls)()
        both.compare()
    # Nobody is forgotten: served or given up, everyone in turn.
    while both.model.holder is not None or both.model.granted is not None:
        if both.model.granted is not None:
            granted = both.model.granted
            assert both.queue.take(granted[0])
            both.model.holder, both.model.granted = granted[0], None
        both.release()
        both.compare()
    assert both.model.queue == []


def test_a_turn_that_was_not_taken_is_passed_on() -> None:
    queue = _testbed.WriterQueue()
    assert queue.try_acquire()
    first, second = queue.request(11), queue.request(11)
    queue.release()
    assert queue.is_granted(first)
    queue.leave(first)
    assert queue.is_granted(second)
    assert queue.take_told() == [first, second]


def test_who_blocks_a_loop_comes_before_its_waiters() -> None:
    queue = _testbed.WriterQueue()
    waiter = queue.request(11)
    assert queue.is_granted(waiter)
    blocking = queue.request_blocking(11)
    assert queue.is_granted(blocking)
    assert queue.take(blocking)
    queue.release()
    assert queue.is_granted(waiter)
    assert queue.take_told() == [waiter, waiter]  # again, since its turn has come again
