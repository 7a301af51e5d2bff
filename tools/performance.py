"""Writes docs/performance.md from a report of `make bench`: every ratio, with machine and date.

Run: python tools/performance.py [REPORT.json ...]; without arguments the newest report in
bench/results/. Of several reports the median ratio of each figure is shown. bench/README.md tells
what each workload does.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results"

HEAD = """\
# Performance

Every figure of `make bench` beside its yardstick, which ran in the same minute on the same machine.
Only the ratio says something about realmsync: × in the column *rate* compares rates (more is
better), in the column *time* times (less is better). *must* is the bound that the project set
itself; a figure without one is only reported. What each workload does is told in
[bench/README.md](../bench/README.md).

This page is written by `tools/performance.py`; measure it on your own machine with `make bench`.
"""


def render(reports: Sequence[dict[str, Any]]) -> str:
    """The page for reports of the same machine; figures in the order in which they first appear."""
    figures: dict[str, list[dict[str, Any]]] = {}
    for figure in (figure for report in reports for figure in report["ratios"]):
        figures.setdefault(figure["name"], []).append(figure)
    most = max(len(same) for same in figures.values())
    runs = f"medians of up to {most} runs" if most > 1 else "one run"
    machine = reports[0]["machine"]
    day = max(datetime.strptime(report["time"], "%Y%m%d-%H%M%S").date() for report in reports)
    lines = [
        HEAD,
        f"**Measured** {day.isoformat()}, {runs}: {machine['system']}, {machine['machine']}, "
        f"{machine['cpus']} CPUs, Python {machine['python']}.",
        "",
        "| Figure | rate | time | must | |",
        "|---|--:|--:|--:|---|",
    ]
    for same in figures.values():
        lines.append(_row(same[0], statistics.median(figure["ratio"] for figure in same)))
    return "\n".join(lines) + "\n"


def _row(figure: dict[str, Any], ratio: float) -> str:
    must, rate = figure["must"], figure["rate"]
    cells = (f"{ratio:.2f} ×", "") if rate else ("", f"{ratio:.2f} ×")
    bound = verdict = ""
    if must is not None:
        bound = f"{'≥' if rate else '≤'} {must:.2f} ×"
        reached = ratio >= must if rate else ratio <= must
        verdict = "" if reached else f"missed by {abs(ratio / must - 1):.0%}"
    return f"| {figure['name']} | {cells[0]} | {cells[1]} | {bound} | {verdict} |"


def main() -> None:
    paths = [Path(name) for name in sys.argv[1:]] or sorted(RESULTS.glob("*.json"))[-1:]
    if not paths:
        sys.exit("no report: run `make bench` first")
    reports = [json.loads(path.read_text()) | {"time": path.stem} for path in paths]
    PAGE.write_text(render(reports))
    print(f"{PAGE.relative_to(ROOT)}: of {len(reports)} reports")


if __name__ == "__main__":
    main()
