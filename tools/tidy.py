"""clang-tidy over the core with the checks of .clang-tidy: `make tidy`, or by hand for some files.

Every source is one run, as many at a time as there are processors. Exits non-zero on a finding.
csrc/bindings is left out: pybind11 takes objects by value and registers classes with temporaries.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLAGS = ["-std=c++20", "-xc++", "-Icsrc", "-isystemthird_party/sqlite"]


def check(source: Path) -> bool:
    command = ["clang-tidy", "--quiet", str(source.relative_to(ROOT)), "--", *FLAGS]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        print(result.stdout or result.stderr, end="", flush=True)
    return result.returncode == 0


named = [Path(name).resolve() for name in sys.argv[1:]]
core = [p for p in (ROOT / "csrc").rglob("*.cpp") if "bindings" not in p.parts]
sources = named or sorted(core)
with ThreadPoolExecutor(os.cpu_count()) as pool:
    good = list(pool.map(check, sources))
print(f"clang-tidy: {len(good)} sources, {good.count(False)} with findings")
sys.exit(0 if all(good) else 1)
