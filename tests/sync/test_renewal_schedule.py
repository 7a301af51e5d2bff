"""When access tokens are renewed that nobody has asked for. Time and chance are numbers.

client-session.md 11.2.
"""

from __future__ import annotations

import random

import pytest

from realmsync.sync.renewal import Schedule

HALF_AN_HOUR = 1800.0


def test_in_the_last_third_and_before_the_last_tenth() -> None:
    for chance, left in [(0.0, 180.0), (0.5, 360.0), (1.0, 540.0)]:
        schedule = Schedule(lambda chance=chance: chance)
        assert schedule.wait("a", HALF_AN_HOUR, HALF_AN_HOUR, 0.0) == HALF_AN_HOUR - left
        assert schedule.wait("a", HALF_AN_HOUR, left + 1, 7.0) == pytest.approx(1)
        assert schedule.wait("a", HALF_AN_HOUR, left, 8.0) == 0
        assert schedule.wait("a", HALF_AN_HOUR, -9.0, 9.0) == 0


def test_many_that_came_at_once_do_not_come_again_at_once() -> None:
    chance = random.Random(1)
    waits = [
        Schedule(chance.random).wait("a", HALF_AN_HOUR, HALF_AN_HOUR, 0.0) for _ in range(1_000)
    ]
    per_second = [sum(second <= wait < second + 1 for wait in waits) for second in range(1_800)]
    assert max(per_second) < 20 and sum(per_second) == 1_000


def test_the_time_stays_while_the_token_does() -> None:
    schedule = Schedule(random.Random(1).random)
    first = schedule.wait("a", HALF_AN_HOUR, HALF_AN_HOUR, 0.0)
    assert schedule.wait("a", HALF_AN_HOUR, HALF_AN_HOUR - 60, 60.0) == pytest.approx(first - 60)
    assert schedule.wait("b", HALF_AN_HOUR, HALF_AN_HOUR, 60.0) != first


def test_failures_are_tried_again_later_and_later() -> None:
    schedule = Schedule(lambda: 0.0)
    now, pauses = 0.0, []
    for _ in range(8):
        assert schedule.wait("a", 100.0, 1.0, now) == 0
        pauses.append(schedule.failed(now))
        assert schedule.wait("a", 100.0, 1.0, now) == pauses[-1]
        now += pauses[-1]
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_new_token_makes_up_for_failures() -> None:
    schedule = Schedule(lambda: 0.0)
    schedule.wait("a", 100.0, 1.0, 0.0)
    for _ in range(5):
        schedule.failed(0.0)
    assert schedule.wait("b", 100.0, 1.0, 0.0) == 0
    assert schedule.failed(0.0) == 10


def test_the_tries_of_many_are_spread() -> None:
    chance = random.Random(1)
    assert len({round(Schedule(chance.random).failed(0.0), 3) for _ in range(100)}) > 90
