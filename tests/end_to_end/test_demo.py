"""The first command of the README, with some of its flights: both files end up equal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo() -> None:
    run = subprocess.run(
        [sys.executable, str(DEMO), "5000"], capture_output=True, text=True, timeout=180
    )
    assert run.returncode == 0, run.stderr
    assert "All 5,000 objects are equal on both sides." in run.stdout
