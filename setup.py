"""Builds the two extension modules: _core (pybind11) and transport.websocket (Cython).

Switches in the environment: REALMSYNC_DEBUG=1 (no optimisation, assertions), REALMSYNC_SANITIZE=1
(AddressSanitizer and UBSan), REALMSYNC_JOBS (parallel compilations, default: all cores).
"""

import os
from pathlib import Path

import picows
from Cython.Build import cythonize
from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import Extension, setup

ROOT = Path(__file__).parent
DEBUG = os.environ.get("REALMSYNC_DEBUG") == "1"
SANITIZE = os.environ.get("REALMSYNC_SANITIZE") == "1"

compile_args = ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "-fno-strict-aliasing"]
link_args: list[str] = []
if DEBUG:
    compile_args += ["-O0", "-g"]
elif SANITIZE:
    compile_args += ["-O1", "-g1", "-fno-omit-frame-pointer"]  # -g1: file and line, in less time
else:
    compile_args += ["-O3", "-g0", "-DNDEBUG"]
if SANITIZE:
    compile_args += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    link_args += ["-fsanitize=address,undefined"]

sources = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "csrc").rglob("*.cpp")
    if "fuzz" not in path.parts
)
core = Pybind11Extension(
    "realmsync._core",
    sources,
    include_dirs=["csrc"],
    libraries=["sqlite3", "deflate"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    cxx_std=20,
)
extensions = [core]
if (ROOT / "realmsync" / "transport" / "websocket.pyx").exists():
    extensions += cythonize(
        [
            Extension(
                "realmsync.transport.websocket",
                ["realmsync/transport/websocket.pyx"],
                include_dirs=["csrc", str(Path(picows.__file__).parent)],
                extra_compile_args=["-O2", "-g0"],
            )
        ],
        language_level=3,
    )

jobs = int(os.environ.get("REALMSYNC_JOBS", os.cpu_count() or 1))
with ParallelCompile(default=jobs):
    setup(ext_modules=extensions)
