"""Installs the checkout, its extras and the dependency group `dev` into the running environment,
built in place.

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


def start(*arguments: str, **switches: str) -> subprocess.Popen[bytes]:
    environment = os.environ | switches
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment)


def finish(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        raise SystemExit(f"{process.args} failed")


install = ("-m", "pip", "install", "-q")
finish(start(*install, "-U", "pip>=25.1", *build_requirements()))  # 25.1: --group
with start("setup.py", "-q", "build_ext", "--inplace", REALMSYNC_TESTBED="1") as compiling:
    checkout = ("--no-build-isolation", "-e", ".[demo]")  # cli and uvloop are in it
    finish(start(*install, *checkout, "--group", "dev", REALMSYNC_PREBUILT="1"))
    finish(compiling)
