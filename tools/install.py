"""Installs the checkout with all extras into the running environment, built in place.

The build tools are installed first and the build is not isolated, so that a second build compiles
only what changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build_requirements() -> list[str]:
    """The `requires` list of pyproject.toml (tomllib is not in Python 3.10)."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^requires = \[(.*?)\]", text, re.M | re.S)
    if block is None:
        raise SystemExit("pyproject.toml: no build requirements")
    return re.findall(r'"([^"]+)"', block[1])


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *arguments], check=True, cwd=ROOT)


pip("-U", *build_requirements())
pip("--no-build-isolation", "-e", ".[all]")
