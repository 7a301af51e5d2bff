"""Builds the native module with AddressSanitizer and UBSan and runs the core's tests under it.

The instrumented build lives in build/asan; the working tree's own build is left alone. Tests that
start further processes or measure memory are left to `make test`: marker `no_asan`. Arguments are
pytest's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "asan"
SUITES = ["changeset", "wire", "merge", "model", "tables", "realm", "partitions"]
SUITES += ["client", "server", "query", "rules", "views", "flexible"]

environment = os.environ | {"REALMSYNC_SANITIZE": "1", "REALMSYNC_TESTBED": "1"}
build = [sys.executable, "setup.py", "-q", "build", "--build-base", str(BUILD)]
build += ["--build-lib", str(BUILD / "lib")]
subprocess.run(build, check=True, cwd=ROOT, env=environment)


def runtime_library(name: str) -> str:
    """The compiler's copy of a sanitizer runtime, which must be loaded before Python's modules."""
    output = subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True)
    return output.stdout.strip()


environment |= {
    "LD_PRELOAD": f"{runtime_library('libasan.so')} {runtime_library('libstdc++.so')}",
    # Python itself leaks by design at exit; what matters here is invalid memory use.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    # The instrumented package first, then the tree, for what the tests import from each other.
    "PYTHONPATH": f"{BUILD / 'lib'}{os.pathsep}{ROOT}",
    "PYTHONMALLOC": "malloc",
}
check = (
    "import sys; from realmsync import _core, _testbed; "
    "sys.exit(not all(m.__file__.startswith(sys.argv[1]) for m in (_core, _testbed)))"
)
if subprocess.run([sys.executable, "-c", check, str(BUILD)], cwd=BUILD, env=environment).returncode:
    sys.exit("the instrumented modules are not those that Python imports")
pytest = shutil.which("pytest", path=str(Path(sys.executable).parent)) or "pytest"
tests = [str(ROOT / "tests" / name) for name in SUITES if (ROOT / "tests" / name).exists()]
command = [pytest, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-q"]
command += ["-m", "not no_asan", "-p", "no:cacheprovider", "--timeout", "600"]
command += [*sys.argv[1:], *tests]
sys.exit(subprocess.run(command, cwd=BUILD, env=environment).returncode)
