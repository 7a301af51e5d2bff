"""The files of a configuration, wherever they lie: in a directory, a zip, or in memory.

Nothing outside is ever reached, by links or by names, and nothing is larger than the limits; what
would be raises BadText. What the files mean is layout.py's. Specification: app-configuration.md
3.1.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from realmsync.apps.json_text import MOST_BYTES, MOST_LEVELS, BadText, read_json, read_text

MOST_ENTRIES = 10_000
MOST_BYTES_IN_ALL = 256 * 1024 * 1024


class Unreadable(BadText):
    """A file or folder that is there and cannot, or must not, be read."""

    code = "config.unreadable"


class TooLarge(BadText):
    """More than a configuration may hold."""

    code = "config.too_large"


class Names(NamedTuple):
    """What a folder holds, sorted, without what is skipped."""

    folders: list[str]
    files: list[str]


class Tree(ABC):
    """Paths are relative and have "/" between their names, whatever the system says."""

    @abstractmethod
    def names(self, folder: str) -> Names:
        """What is in a folder ("" for the outermost); nothing where there is none."""

    @abstractmethod
    def json(self, path: str) -> Any:
        """The value of a JSON file, or None. Raises BadText."""

    @abstractmethod
    def text(self, path: str) -> str | None:
        """The text of a file. Raises BadText."""


def is_skipped(name: str) -> bool:
    """Whether an entry of this name is none of the configuration."""
    return name.startswith((".", "README")) or name == "node_modules"


def joined(folder: str, name: str) -> str:
    """The path of what is in a folder."""
    return f"{folder}/{name}" if folder else name


class MemoryTree(Tree):
    """Files whose JSON has been read already, by path; texts of functions are str."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        self._files = files
        self._names = _indexed(files)

    def names(self, folder: str) -> Names:
        return self._names.get(folder, Names([], []))

    def json(self, path: str) -> Any:
        return self._files.get(path)

    def text(self, path: str) -> str | None:
        text = self._files.get(path)
        return text if isinstance(text, str) else None


class _BytesTree(Tree):
    """Counts what is read."""

    def __init__(self) -> None:
        self._bytes_left = MOST_BYTES_IN_ALL

    @abstractmethod
    def _read(self, path: str, most: int) -> bytes | None:
        """The first bytes of a file, or None if there is none of this name."""

    def _bytes(self, path: str) -> bytes | None:
        data = self._read(path, MOST_BYTES + 1)
        if data is not None:
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                raise TooLarge(f"more than {MOST_BYTES_IN_ALL // 1024 // 1024} MiB in all")
        return data

    def json(self, path: str) -> Any:
        data = self._bytes(path)
        return None if data is None else read_json(data)

    def text(self, path: str) -> str | None:
        data = self._bytes(path)
        return None if data is None else read_text(data)


class DirectoryTree(_BytesTree):
    """A directory."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root.resolve()
        self._listed: dict[str, Names] = {}
        self._entries_left = MOST_ENTRIES

    def names(self, folder: str) -> Names:
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        return self._listed[folder]

    def _list(self, folder: str) -> Names:
        found = Names([], [])
        if folder.count("/") > MOST_LEVELS:
            raise TooLarge(f"folders nested over {MOST_LEVELS} levels")
        place = self._place(folder)
        if place is None or not place.is_dir():
            return found
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    self._entries_left -= 1
                    if self._entries_left < 0:
                        raise TooLarge(f"more than {MOST_ENTRIES:,} files and folders")
                    if not is_skipped(entry.name):
                        _check_text(entry.name)
                        (found.folders if _is_folder(entry) else found.files).append(entry.name)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None
        return Names(sorted(found.folders), sorted(found.files))

    def _place(self, path: str) -> Path | None:
        """Where a path really is. Raises Unreadable for links that lead elsewhere or nowhere."""
        place = self._root
        for name in path.split("/") if path else ():
            place = place / name
            try:
                if not place.is_symlink():
                    continue
                place = place.resolve(strict=True)
            except FileNotFoundError:
                raise Unreadable("a link to what is not there") from None
            except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
                raise Unreadable("a link that leads nowhere, or may not be followed") from None
            if not place.is_relative_to(self._root):
                raise Unreadable("a link that leaves the folder")
        return place if _is_there(place) else None

    def _read(self, path: str, most: int) -> bytes | None:
        place = self._place(path)
        if place is None:
            return None
        try:
            # A pipe would wait for its writer for ever.
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unreadable("no file")
                return file.read(most)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None


class ZipTree(_BytesTree):
    """A zip file. Nothing is unpacked but what is read."""

    def __init__(self, path: Path) -> None:
        """Raises BadText for what is no zip file, OSError for what cannot be opened."""
        super().__init__()
        if path.stat().st_size > MOST_BYTES_IN_ALL:
            raise TooLarge(f"a zip of more than {MOST_BYTES_IN_ALL // 1024 // 1024} MiB")
        try:
            self._zip = zipfile.ZipFile(path)
        except _ZIP_FAULTS as error:
            raise Unreadable(f"no zip file: {error}") from None
        entries = self._zip.infolist()
        if len(entries) > MOST_ENTRIES:
            raise TooLarge(f"more than {MOST_ENTRIES:,} files and folders")
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            names = entry.filename.rstrip("/").split("/")
            if any(is_skipped(name) for name in names if name not in ("", ".", "..")):
                continue
            _check_entry(entry, names)
            if entry.filename in self._entries:
                raise Unreadable(f"{entry.filename!r} twice")
            self._entries[entry.filename] = entry
        self._names = _indexed(self._entries)

    def close(self) -> None:
        self._zip.close()

    def names(self, folder: str) -> Names:
        return self._names.get(folder, Names([], []))

    def _read(self, path: str, most: int) -> bytes | None:
        if path not in self._entries:
            return None
        try:
            with self._zip.open(self._entries[path]) as file:
                return file.read(most)
        except _ZIP_FAULTS as error:
            raise Unreadable(f"cannot be unpacked: {error}") from None


# What zipfile raises for hostile files: RuntimeError for a password, NotImplementedError (one, too)
# for a compression, the errors of decompressors, and ValueError and its kin for nonsense.
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
)


def _check_entry(entry: zipfile.ZipInfo, names: list[str]) -> None:
    parts = entry.filename.replace("\\", "/").split("/")
    if ".." in parts or "." in names or "" in names:
        raise Unreadable(f"{entry.filename!r} is outside the folder")
    _check_text(entry.filename)
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Unreadable(f"{entry.filename!r} is a link")
    if len(names) > MOST_LEVELS:
        raise TooLarge(f"folders nested over {MOST_LEVELS} levels")


def _check_text(name: str) -> None:
    """Refuses names whose bytes are no UTF-8: no text could name them."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode(errors="backslashreplace").decode()
        raise Unreadable(f"the name {shown!r} is not UTF-8") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Links in circles are files, which cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_there(place: Path) -> bool:
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None
    return True


def _indexed(paths: Iterable[str]) -> dict[str, Names]:
    """What each folder holds; paths that end in "/" are folders."""
    folders: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
    for path in paths:
        *above, last = path.rstrip("/").split("/")
        folder = ""
        for name in [*above, last] if path.endswith("/") else above:
            folders[folder][0].add(name)
            folder = joined(folder, name)
            folders.setdefault(folder, (set(), set()))
        if not path.endswith("/"):
            folders[folder][1].add(last)
    return {folder: Names(sorted(f), sorted(n)) for folder, (f, n) in folders.items()}
