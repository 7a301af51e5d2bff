"""The client's files and their folders are their owner's alone, whatever the umask.

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
