"""Runs the core of published Realm SDKs for phones against a server of ours: see README.md.

cores.py [CHECK …]
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from pathlib import Path

from flexible_checks import FLEXIBLE_CHECKS
from phone_build import build
from phone_checks import CHECKS, Bench
from sdks import ADMIN_PASSWORD, serve

MADE = Path(__file__).parents[2] / "build" / "foreign"


def main(names: list[str]) -> int:
    program = build(MADE)
    failed = 0
    with tempfile.TemporaryDirectory() as data, serve(Path(data)) as server:
        bench = Bench(program, server, Path(data), ADMIN_PASSWORD)
        checks = [
            check for check in (*CHECKS, *FLEXIBLE_CHECKS) if not names or check.__name__ in names
        ]
        for check in checks:
            began = time.monotonic()
            try:
                check(bench)
                mark = "✔"
            except Exception:
                traceback.print_exc()
                failed, mark = failed + 1, "✖"
            print(mark, check.__name__, f"({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
