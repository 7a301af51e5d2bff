"""Files and their folders: their owner's alone, whatever the umask, and on disk.

Realms themselves are made in csrc/realm/creation.cpp, just as private.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path


def private(path: str, flags: int) -> int:
    """An `opener` of files that nobody else may read."""
    return os.open(path, flags, 0o600)


def make_private_folder(folder: Path) -> None:
    """Makes a folder, and those above it, that nobody else may enter. Raises OSError.

    One that is there stays as it is: who shares it, has reasons.
    """
    if folder.is_dir():
        return
    above = itertools.takewhile(lambda place: not place.exists(), (folder, *folder.parents))
    for place in reversed([*above]):
        place.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # raises FileExistsError when it is something else


def replace_private(path: Path, text: str) -> None:
    """Replaces what a private file holds, in one step; afterwards it is on disk. Raises OSError."""
    make_private_folder(path.parent)
    temporary = path.with_suffix(".new")
    with open(temporary, "w", encoding="utf-8", opener=private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    opened = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
