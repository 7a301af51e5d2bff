"""Progress notifiers fed with reports: the vectors of client-session.md 6.7."""

from __future__ import annotations

import pytest

from realmsync._testbed import ProgressNotifiers

UP, DOWN = "upload", "download"


class Fed:
    """Notifiers, and what they called by token."""

    def __init__(self) -> None:
        self.notifiers = ProgressNotifiers()

    def up(self, t: int, total: int, **more: int) -> list[tuple[int, int, float, bool]]:
        estimate = t / total if total else 0.0
        return [
            call
            for _, call in self.notifiers.update(
                upload=(t, total), upload_estimate=estimate, **more
            )
        ]

    def down(
        self, t: int, total: int, estimate: float | None = None, query: int = 0
    ) -> list[tuple[int, int, float, bool]]:
        known = t / total if estimate is None else estimate
        calls = self.notifiers.update(
            download=(t, total), download_estimate=known, query_version=query
        )
        return [call for _, call in calls]


def test_upload_one_shot() -> None:
    fed = Fed()
    assert fed.up(60, 501) == []
    assert fed.notifiers.add(UP, False) == (1, (60, 501, 60 / 501, False))
    assert fed.up(66, 582) == [(66, 501, 66 / 501, False)]
    assert fed.up(601, 1021) == [(601, 501, 1.0, True)]
    assert fed.up(700, 1021) == []


def test_upload_one_shot_waits_for_its_version() -> None:
    fed = Fed()
    fed.notifiers.set_local_version(4)
    assert fed.notifiers.add(UP, False) == (1, None)
    assert fed.up(66, 582, snapshot=3) == []
    assert fed.up(77, 1021, snapshot=4) == [(77, 1021, 77 / 1021, False)]


def test_download_one_shot() -> None:
    fed = Fed()
    fed.down(60, 501)
    assert fed.notifiers.add(DOWN, False)[1] == (60, 501, 60 / 501, False)
    assert fed.down(66, 582) == [(66, 501, 66 / 582, False)]
    assert fed.down(601, 1021) == [(601, 501, 601 / 1021, True)]
    assert fed.down(700, 1021) == []


def test_download_total_falls_and_never_rises() -> None:
    fed = Fed()
    fed.down(60, 501)
    assert fed.notifiers.add(DOWN, False)[1] == (60, 501, 60 / 501, False)
    assert fed.down(160, 451) == [(160, 451, 160 / 451, False)]
    assert fed.down(160, 1000) == [(160, 451, 0.16, False)]
    assert fed.down(200, 200) == [(200, 200, 1.0, True)]


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_streaming(direction: str) -> None:
    fed = Fed()
    assert fed.notifiers.add(direction, True) == (1, None)
    feed = fed.up if direction == UP else fed.down
    for t, total in [(60, 912), (79, 1021), (150, 1228)]:
        assert feed(t, total) == [(t, total, t / total, False)]


def test_streaming_zero() -> None:
    fed = Fed()
    fed.notifiers.add(DOWN, True)
    assert fed.down(0, 0, 0.0) == [(0, 0, 0.0, False)]


def test_both_directions() -> None:
    fed = Fed()

    def report(up: tuple[int, int], down: tuple[int, int]) -> dict[int, tuple[int, int, bool]]:
        calls = fed.notifiers.update(upload=up, download=down)
        return {token: (c[0], c[1], c[3]) for token, c in calls}

    report((16, 201), (68, 182))
    _, upload = fed.notifiers.add(UP, False)
    _, downloading = fed.notifiers.add(DOWN, False)
    assert upload is not None and upload[:2] == (16, 201)
    assert downloading is not None and downloading[:2] == (68, 182)
    assert report((36, 310), (171, 185)) == {1: (36, 201, False), 2: (171, 182, False)}
    assert report((218, 310), (174, 190)) == {1: (218, 201, True), 2: (174, 182, False)}
    assert report((218, 310), (182, 196)) == {2: (182, 182, True)}


FLX = [
    (0, 0, 0, 0),
    (0, 1, 200, 200),
    (1, 0.2, 300, 600),
    (1, 0.4, 400, 600),
    (1, 0.8, 600, 700),
    (1, 1, 700, 700),
    (2, 0.3, 800, 1000),
    (2, 0.6, 900, 1000),
    (2, 1, 1000, 1000),
]


def feed(
    fed: Fed, reports: list[tuple[int, float, int, int]]
) -> list[tuple[int, int, float, bool]]:
    return [call for q, e, t, total in reports for call in fed.down(t, total, e, q)]


def test_flexible_streaming() -> None:
    fed = Fed()
    fed.notifiers.add(DOWN, True)
    assert feed(fed, FLX) == [(t, total, e, False) for _, e, t, total in FLX]


def test_flexible_one_shot_from_start() -> None:
    fed = Fed()
    fed.notifiers.add(DOWN, False, 1)
    assert feed(fed, FLX) == [
        (300, 600, 0.2, False),
        (400, 600, 0.4, False),
        (600, 600, 0.8, False),  # the bytes are there, the bootstrap is not
        (700, 600, 1.0, True),
    ]


def test_flexible_one_shot_registered_late() -> None:
    fed = Fed()
    feed(fed, FLX[:4])
    assert fed.notifiers.add(DOWN, False, 1)[1] == (400, 600, 0.4, False)
    assert feed(fed, [(1, 0.8, 600, 700), (1, 1, 700, 700), (1, 1, 800, 800)]) == [
        (600, 600, 0.8, False),
        (700, 600, 1.0, True),
    ]


def test_flexible_one_shot_of_a_later_query() -> None:
    fed = Fed()
    fed.notifiers.add(DOWN, False, 2)
    reports = [(1, 0.8, 700, 700), (1, 1, 700, 700), (3, 0.5, 800, 900), (3, 1, 900, 900)]
    assert feed(fed, reports) == [(800, 900, 0.5, False), (900, 900, 1.0, True)]


def test_flexible_one_shot_that_is_done() -> None:
    fed = Fed()
    fed.down(900, 900, 1.0, 2)
    assert fed.notifiers.add(DOWN, False, 1) == (0, (900, 900, 1.0, True))
    assert fed.down(950, 950, 1.0, 2) == []


def test_removed_during_a_series() -> None:
    fed = Fed()
    token, _ = fed.notifiers.add(DOWN, True)
    fed.notifiers.remove(token)
    fed.notifiers.remove(77)
    assert fed.down(1, 2) == []
