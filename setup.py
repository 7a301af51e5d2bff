"""Builds the extension modules: _core (pybind11, with SQLite) and transport's (Cython).

Switches in the environment: REALMSYNC_DEBUG=1 (no optimisation, assertions), REALMSYNC_SANITIZE=1
(AddressSanitizer and UBSan), REALMSYNC_JOBS (parallel compilations, default: all cores),
REALMSYNC_TESTBED=1 (the same library also holds the module _testbed, which only tests import;
in-place builds of the checkout set it, wheels do not), REALMSYNC_PREBUILT=1 (no native modules:
they have been built in place before), REALMSYNC_STRICT=1 (warnings are errors, as in CI).
"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import picows
import pybind11
from Cython.Build import cythonize
from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
DEBUG = os.environ.get("REALMSYNC_DEBUG") == "1"
SANITIZE = os.environ.get("REALMSYNC_SANITIZE") == "1"
TESTBED = os.environ.get("REALMSYNC_TESTBED") == "1"
STRICT = os.environ.get("REALMSYNC_STRICT") == "1"
PREBUILT = os.environ.get("REALMSYNC_PREBUILT") == "1"

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wno-missing-field-initializers"]
# Headers of others are not ours to warn about; -isystem wins over the -I that setuptools adds.
OTHERS = [f"-isystem{pybind11.get_include()}", f"-isystem{sysconfig.get_path('include')}"]
SQLITE = "-isystemthird_party/sqlite"
compile_args = ["-MMD", SQLITE, *OTHERS, *WARNINGS, "-fno-strict-aliasing", *["-Werror"] * STRICT]
# Not ours to test: the same in every build, and nothing outside of the module sees it.
sqlite_args = ["-MMD", SQLITE, "-O2", "-g0", "-DNDEBUG", "-fvisibility=hidden"]
link_args: list[str] = []
if DEBUG:
    compile_args += ["-O0", "-g", "-UNDEBUG"]  # Python's own flags define it
elif SANITIZE:  # -g1: file and line, in less time
    compile_args += ["-O1", "-g1", "-fno-omit-frame-pointer", "-UNDEBUG"]
else:
    compile_args += ["-O3", "-g0", "-DNDEBUG"]
if SANITIZE:
    compile_args += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    link_args += ["-fsanitize=address,undefined"]

left_out = {"fuzz"} if TESTBED else {"fuzz", "testbed", "simulation"}
sources = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "csrc").rglob("*.cpp")
    if left_out.isdisjoint(path.parts)
)
core = Pybind11Extension(
    "realmsync._core",
    ["csrc/sqlite/amalgamation.c", *sources],  # first: it takes longest
    include_dirs=["csrc"],
    libraries=["deflate"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
    cxx_std=20,
)
transport = [
    Extension(
        f"realmsync.transport.{name}",
        [f"realmsync/transport/{name}.pyx"],
        include_dirs=["csrc", str(Path(picows.__file__).parent)],
        extra_compile_args=["-O2", "-g0"],
    )
    for name in ("frames", "websocket", "protocol")
]
extensions = [] if PREBUILT else [core, *cythonize(transport, language_level=3)]


def needs_recompile(object_file: str, source: str) -> bool:
    """Whether the source, a header that its last compilation noted, or this file is newer."""
    made, notes = Path(object_file), Path(object_file).with_suffix(".d")
    if not made.exists() or not notes.exists():
        return True
    _, _, included = notes.read_text().partition(":")
    inputs = [Path(__file__), *(Path(name) for name in re.split(r"[\s\\]+", included) if name)]
    return any(not p.exists() or p.stat().st_mtime > made.stat().st_mtime for p in inputs)


class BuildExtensions(build_ext):
    """The testbed is a second module in the library of the first, found under its own name."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.build_temp += "-debug" * DEBUG + "-sanitize" * SANITIZE  # their objects do not mix

    def build_extension(self, ext: Extension) -> None:
        if ext is core and "gcc" in self.compiler.compiler_so[0]:
            self.precompile("pybind11/pybind11.h", ext)
        if ext is core:
            self.fit_arguments()
        super().build_extension(ext)

    def fit_arguments(self) -> None:
        """SQLite is C and has its own; what is no part of the product is compiled with fewer
        optimisations: in half the time."""
        compile_one = self.compiler._compile

        def compile_fitting(result, source, ext, arguments, more, options):
            if source.endswith(".c"):
                more = sqlite_args
            elif "csrc/bindings/testbed/" in source and "-O3" in more:
                more = [*more, "-O1"]
            compile_one(result, source, ext, arguments, more, options)

        self.compiler._compile = compile_fitting

    def precompile(self, header: str, ext: Extension) -> None:
        """GCC takes the result for the header itself where a source includes it first: parsing it
        is a third of the time of a file in csrc/bindings, and nothing else becomes visible."""
        folder = Path(self.build_temp) / "precompiled"
        ext.include_dirs.insert(0, str(folder))
        stand_in = folder / header
        result = stand_in.with_name(f"{stand_in.name}.gch")
        inputs = (Path(__file__), Path(pybind11.get_include()) / header)
        if result.exists() and all(result.stat().st_mtime > p.stat().st_mtime for p in inputs):
            return
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(f"#pragma once\n#include_next <{header}>\n")
        flags = [argument for argument in ext.extra_compile_args if argument != "-MMD"]
        compiler = [*self.compiler.compiler_so_cxx, *flags, "-w", "-x", "c++-header"]
        subprocess.run([*compiler, str(stand_in), "-o", str(result)], check=True)

    def run(self) -> None:
        self.force = True  # link again: what has to be compiled is decided by file
        super().run()
        library = Path(self.get_ext_fullpath("realmsync._core"))
        link = library.with_name(library.name.replace("_core", "_testbed"))
        link.unlink(missing_ok=True)
        if TESTBED and library.exists():
            link.symlink_to(library.name)


def readme_elsewhere() -> str:
    """README.md for a package index: a link to a file names it instead, as there is no public
    address to lead to; the source distribution holds it."""
    text = (ROOT / "README.md").read_text()
    return re.sub(r"\[([^]]+)\]\((?![a-z]+:|#)([^)\s]+)\)", r"\1 (`\2`)", text)


if not PREBUILT:
    subprocess.run([sys.executable, "tools/sqlite_source.py"], check=True, cwd=ROOT)
jobs = int(os.environ.get("REALMSYNC_JOBS", os.cpu_count() or 1))
with ParallelCompile(default=jobs, needs_recompile=needs_recompile):
    setup(
        ext_modules=extensions,
        cmdclass={"build_ext": BuildExtensions},
        long_description=readme_elsewhere(),
        long_description_content_type="text/markdown",
    )
