"""Bars of rich and tqdm, moved by progress reports (realmsync/progress.py)."""

from __future__ import annotations

import io
import sys

import pytest
import rich.console
import rich.progress

import realmsync
from realmsync import Progress, rich_bar, tqdm_bar
from realmsync.progress import Mover

SERIES = [Progress(0, 0, 1.0), Progress(100, 1100, 0.0), Progress(600, 1100, 0.5)]
GROWN = Progress(1100, 2100, 0.5)


def feed(bar: Mover, reports: list[Progress]) -> None:
    for report in reports:
        bar(report)


def test_tqdm_begins_with_what_is_outstanding() -> None:
    screen = io.StringIO()
    with tqdm_bar("Download", file=screen, mininterval=0) as bar:
        feed(bar, SERIES)
        assert "500/1.00k" in screen.getvalue() and "Download" in screen.getvalue()
        bar(GROWN)
    assert "1.00k/2.00k" in screen.getvalue()


def test_rich_with_a_display_of_the_callers() -> None:
    with rich.progress.Progress(console=rich.console.Console(file=io.StringIO())) as display:
        with rich_bar("Upload", progress=display) as bar:
            feed(bar, SERIES)
            (task,) = display.tasks
            assert (task.description, task.completed, task.total) == ("Upload", 500, 1000)
            bar(GROWN)
            assert (task.completed, task.total) == (1000, 2000)
        assert not display.finished


def test_rich_with_a_display_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with rich_bar("Upload") as bar:
        feed(bar, [*SERIES, Progress(1100, 1100, 1.0)])
    assert "Upload" in capsys.readouterr().out


def test_a_total_that_falls_and_nothing_to_do() -> None:
    display = rich.progress.Progress()
    seen: list[tuple[float, float | None]] = []
    with rich_bar("Download", progress=display) as bar:
        for numbers in [(0, 0), (7, 7), (9, 20), (9, 12), (12, 12)]:
            bar(Progress(*numbers, 0.5))
            seen.append((display.tasks[0].completed, display.tasks[0].total))
    assert seen == [(0, None), (0, None), (2, 13), (2, 5), (5, 5)]


@pytest.mark.parametrize("package", ["tqdm", "rich"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tqdm.auto", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    words = rf"{package}_bar needs the package {package}: pip install 'realmsync\[{package}\]'"
    bar = getattr(realmsync, f"{package}_bar")("Download")
    with pytest.raises(ImportError, match=words):
        bar.__enter__()


def test_an_error_leaves_the_terminal_whole() -> None:
    screen = io.StringIO()
    with pytest.raises(KeyboardInterrupt), tqdm_bar(file=screen) as bar:
        bar(SERIES[1])
        raise KeyboardInterrupt
    assert screen.getvalue().endswith("\n")
