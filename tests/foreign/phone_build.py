"""Builds core/phone.cpp over the core library that the npm package `realm` brings for Android.

That is a static library for x86-64 against bionic and the NDK's libc++. System calls are the same,
so it runs here with three things: a libc++ whose names are the NDK's, made from the sources that
the package `ziglang` on PyPI brings with a compiler; core/bionic.c for what glibc has not; and
OpenSSL and zlib of the system (libssl-dev, zlib1g-dev).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SDK = "realm@12.15.0"
COMPILER = "ziglang==0.13.0.post1"
HERE = Path(__file__).parent / "core"
PREBUILT = "package/prebuilds/android/x86_64"
ABI = [
    "-target",
    "x86_64-linux-gnu.2.36",
    "-fPIC",
    "-nostdinc++",
    "-fno-sanitize=undefined",
    "-w",
    "-D_GNU_SOURCE",
    "-D_LIBCPP_ABI_VERSION=1",
    "-D_LIBCPP_ABI_NAMESPACE=__ndk1",
    "-D_LIBCPP_HAS_THREAD_API_PTHREAD",
    "-D_LIBCPP_PSTL_CPU_BACKEND_SERIAL",
    "-D_LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS",
    "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE",
]
LIBRARY = [
    "-O1",
    "-std=c++20",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
]
NOT_NEEDED = [
    "atomic",
    "barrier",
    "legacy_pointer_safety",
    "memory_resource",
    "new",
    "print",
    "random_shuffle",
    "regex",
    "tz",
    "tzdb_list",
    "cxa_noexception",
]
WRAPPED = ("getaddrinfo", "freeaddrinfo", "sysconf")  # of another form in bionic
ARCHIVES = ("object-store", "sync", "parser")


def build(folder: Path) -> Path:
    """The program, made in `folder` unless it is there: minutes of work, and 300 MB to fetch."""
    program = folder / "phone"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(folder)
        compiler = folder / "ziglang" / "zig"
        compiler.chmod(0o755)
        objects = _compile_library(compiler, folder)
        _link(program, [*objects, _compile_phone(compiler, folder)])
    return program


def _fetch(folder: Path) -> None:
    if not (folder / PREBUILT).exists():
        _run("npm", "pack", "--silent", SDK, "--pack-destination", folder)
        (package,) = folder.glob("realm-*.tgz")
        with tarfile.open(package) as archive:
            wanted = [each for each in archive if each.name.startswith(PREBUILT)]
            archive.extractall(folder, members=wanted, filter="data")
        package.unlink()
    if not (folder / "ziglang").exists():
        _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, COMPILER)
        (wheel,) = folder.glob("ziglang-*.whl")
        zipfile.ZipFile(wheel).extractall(folder)
        wheel.unlink()


def _compile_library(compiler: Path, folder: Path) -> list[Path]:
    root = compiler.parent / "lib"
    includes = [
        f"-I{root / part}"
        for part in ("libcxx/include", "libcxxabi/include", "libcxx/src", "libcxx/src/include")
    ]
    objects = folder / "objects"
    objects.mkdir(exist_ok=True)
    sources = [
        source
        for pattern in ("libcxx/src/*.cpp", "libcxx/src/ryu/*.cpp", "libcxxabi/src/*.cpp")
        for source in sorted(root.glob(pattern))
        if source.stem not in NOT_NEEDED
    ]

    def compile_one(source: Path) -> Path:
        made = objects / f"{source.relative_to(root).as_posix().replace('/', '_')}.o"
        if not made.exists():
            _run(compiler, "c++", *ABI, *LIBRARY, *includes, "-c", source, "-o", made)
        return made

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, sources))


def _compile_phone(compiler: Path, folder: Path) -> Path:
    headers = folder / "headers"  # of the system, and none else of its folder
    for place in ("/usr/include/openssl", "/usr/include/x86_64-linux-gnu/openssl"):
        shutil.copytree(place, headers / "openssl", dirs_exist_ok=True)
    root, made = compiler.parent / "lib", folder / "phone.o"
    places = [root / "libcxx/include", root / "libcxxabi/include", folder / PREBUILT / "include"]
    includes = [f"-I{place}" for place in (*places, headers)]
    source = HERE / "phone.cpp"
    options = [*ABI, "-std=c++17", "-DREALM_ENABLE_SYNC=1", *includes]
    _run(compiler, "c++", *options, "-c", source, "-o", made)
    return made


def _link(program: Path, objects: Iterable[Path]) -> None:
    libraries = program.parent / PREBUILT / "lib"
    archives = [*(libraries / f"librealm-{name}.a" for name in ARCHIVES), libraries / "librealm.a"]
    wraps = ["-Wl,--gc-sections", *(f"-Wl,--wrap={name}" for name in WRAPPED)]
    group = ["-Wl,--start-group", *archives, "-Wl,--end-group"]
    system = ["-lssl", "-lcrypto", "-lz", "-lpthread", "-lm", "-lgcc_s", "-lgcc"]
    _run("gcc", "-w", "-o", program, *objects, HERE / "bionic.c", *group, *wraps, *system)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)
