"""Delays after repeated failures (client-session.md 9.2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realmsync._testbed import Backoff

A, B, C = range(3)


def test_vector() -> None:
    backoff = Backoff(1, 4, 2, 0)
    backoff.update(A)
    assert [backoff.delay() for _ in range(4)] == [1, 2, 4, 4]
    backoff.update(B)
    assert [backoff.delay() for _ in range(2)] == [1, 2]
    backoff.update(B, (3, 6, 2, 0))  # the same reason: ignored
    assert [backoff.delay() for _ in range(2)] == [4, 4]
    backoff.update(C, (3, 6, 2, 0))
    assert [backoff.delay() for _ in range(3)] == [3, 6, 6]
    backoff.reset()
    backoff.update(A)
    assert backoff.delay() == 1


@given(seed=st.integers(0, 2**64 - 1))
def test_default_series_with_jitter(seed: int) -> None:
    backoff = Backoff(1_000, 300_000, 2, 4)
    backoff.update(A)
    for step in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]:
        delay = backoff.delay(seed)
        assert step * 750 <= delay <= step * 1000
        seed = (seed * 7 + 1) % 2**64


def test_overflow_gives_the_maximum() -> None:
    backoff = Backoff(2**61, 2**62, 1_000, 0)
    backoff.update(A)
    assert [backoff.delay(), backoff.delay()] == [2**61, 2**62]
