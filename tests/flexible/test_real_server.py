"""Random histories of the real server, judged by the second model: nothing breaks.

Specification: flexible-sync.md 17.9, 18 (37, 38). More of them: `long.py`.
"""

from __future__ import annotations

import pytest

from real_histories import play


@pytest.mark.parametrize("block", range(4))
def test_nothing_breaks_at_the_real_server(block: int, scale: int) -> None:
    """60 histories; with --long, 600."""
    for seed in range(block, 60 * scale, 4):
        play(seed, has_roles=False)


@pytest.mark.parametrize("block", range(4))
def test_nothing_breaks_with_roles(block: int, scale: int) -> None:
    """120 histories; with --long, 1,200."""
    for seed in range(block, 120 * scale, 4):
        play(seed, has_roles=True)


# What the long form has found, one in ten thousand.
FAILED_ONCE = (
    *(1_034_746, 1_044_647, 1_066_548, 1_068_839, 1_075_518, 1_076_123, 1_082_304),
    *(1_085_995, 1_089_032, 1_090_817, 5_007_006),
    *(20_064_192, 20_065_136, 20_071_415, 20_094_485),
)


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_what_failed_once(seed: int) -> None:
    play(seed, has_roles=seed % 3 != 0)  # as in long.py


@pytest.mark.parametrize("protocol", range(9, 14))
def test_nothing_breaks_at_older_protocols(protocol: int, scale: int) -> None:
    """20 histories; with --long, 200. Where they change roles, that resets clients."""
    for seed in range(1000, 1000 + 20 * scale):
        play(seed, has_roles=True, protocol=protocol)
