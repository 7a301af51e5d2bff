"""Fixtures of all benchmarks, and the report: one table of ratios, and JSON in bench/results/."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

import yardsticks
from scale import IS_SMALL

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Ratio:
    """One measured figure. `ratio` compares times, or rates if `rate`; `must` is its bound."""

    name: str
    ours_s: float
    yardstick_s: float
    ratio: float
    must: float | None
    rate: bool
    note: str = ""  # what differs from run to run: counts, absolute figures

    @property
    def verdict(self) -> str:
        if self.must is None:
            return "report"
        reached = self.ratio >= self.must if self.rate else self.ratio <= self.must
        return "ok" if reached else f"missed by {abs(self.ratio / self.must - 1):.0%}"

    def row(self) -> tuple[str, ...]:
        bound = "" if self.must is None else f"{'≥' if self.rate else '≤'} {self.must:g} ×"
        figures = (f"{self.ours_s * 1e3:.3f}", f"{self.yardstick_s * 1e3:.3f}")
        name = f"{self.name} ({self.note})" if self.note else self.name
        return (name, *figures, f"{self.ratio:.2f} ×", bound, self.verdict)


_ratios: list[Ratio] = []


@pytest.fixture
def yardstick() -> Callable[..., float]:
    """best_of(run, rounds=…): best time in seconds of the work that ours is compared with."""
    return yardsticks.best_of


@pytest.fixture
def record_ratio() -> Callable[..., Ratio]:
    """record_ratio(name, ours_s, yardstick_s, must, rate=False, note=""): a figure for the report.

    `must` bounds ours/yardstick in time from above or, with `rate=True`, in rate from below; None
    only reports. Both times are seconds for the same amount of work. Nothing is kept of a run that
    is small (scale.py).
    """

    def record(
        name: str,
        ours_s: float,
        yardstick_s: float,
        must: float | None,
        *,
        rate: bool = False,
        note: str = "",
    ) -> Ratio:
        ratio = yardstick_s / ours_s if rate else ours_s / yardstick_s
        result = Ratio(name, ours_s, yardstick_s, ratio, must, rate, note)
        if not IS_SMALL:
            _ratios.append(result)
        return result

    return record


def _machine() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system() + " " + platform.release(),
        "cpus": os.cpu_count(),
    }


def pytest_sessionfinish() -> None:
    if not _ratios:
        return
    RESULTS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    report = {
        "machine": _machine(),
        "ratios": [asdict(r) | {"verdict": r.verdict} for r in _ratios],
    }
    (RESULTS / f"{stamp}.json").write_text(json.dumps(report, indent=1) + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _ratios:
        return
    head = ("figure", "ours, ms", "yardstick, ms", "ratio", "must reach", "")
    rows = [head, *(r.row() for r in _ratios)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    terminalreporter.section("ratios to the yardsticks of the same run")
    for row in rows:
        cells = (
            c.ljust(w) if i in (0, 5) else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        terminalreporter.write_line("  ".join(cells).rstrip())
