"""Formatting, linting and types over the whole tree: ruff, clang-format, mypy --strict.

With --fix it formats instead of complaining. Exits non-zero when any check fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIX = "--fix" in sys.argv[1:]
PYTHON_TREES = ["realmsync", "tests", "bench", "tools", "examples", "setup.py"]


def cpp_files() -> list[str]:
    files = [
        p for suffix in ("*.cpp", "*.hpp", "*.h", "*.c") for p in (ROOT / "csrc").rglob(suffix)
    ]
    return [str(p.relative_to(ROOT)) for p in sorted(files)]


def run(*command: str) -> bool:
    print("$", *command[:4], "…" if len(command) > 4 else "", flush=True)
    return subprocess.run(command, cwd=ROOT).returncode == 0


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


ok = run(tool("ruff"), "format", *([] if FIX else ["--check"]), *PYTHON_TREES)
ok &= run(tool("ruff"), "check", *(["--fix"] if FIX else []), *PYTHON_TREES)
ok &= run(tool("clang-format"), *(["-i"] if FIX else ["--dry-run", "--Werror"]), *cpp_files())
ok &= run(tool("mypy"))
sys.exit(0 if ok else 1)
