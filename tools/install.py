"""Installs the checkout with all extras into the running environment, built in place.

The build tools are installed first and the native modules are built by setup.py in the checkout, so
that a second build compiles only what changed.
"""

from __future__ import annotations

import os
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


def python(*arguments: str, **switches: str) -> None:
    environment = os.environ | switches
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, env=environment)


install = ("-m", "pip", "install", "-q")
python(*install, "-U", *build_requirements())
compiling = subprocess.Popen(
    [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
    cwd=ROOT,
    env=os.environ | {"REALMSYNC_TESTBED": "1"},
)
python(*install, "--no-build-isolation", "-e", ".[all]", REALMSYNC_PREBUILT="1")  # meanwhile
if compiling.wait() != 0:
    raise SystemExit(f"The native modules could not be built (exit code {compiling.returncode})")
