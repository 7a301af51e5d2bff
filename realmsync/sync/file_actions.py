"""What an error makes of a realm file: that it is deleted, or put aside first.

A session that gets such an error notes it beside the file (session.py). It is done when the program
asks for it, or before the next run of the program opens the file: `PATH.action` goes with the file,
so one that is made anew is never taken for it. No change that the server does not have is deleted:
files that hold some go to the app's folder `recovered-realms`, whatever the server has asked for.
What of a session becomes an action is decided in csrc/client/sync_session.cpp. Specification:
client-session.md 12.4 and 13.10.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from realmsync import _core
from realmsync.account.user import User
from realmsync.errors import DeleteOnOpenRealmError, InvalidArgumentError, RealmError
from realmsync.folders import make_private_folder, private

logger = logging.getLogger("realmsync.sync.client.reset")

_PREFIX = "recovered_realm-"
_NAME = re.compile(re.escape(_PREFIX) + r"\d{8}-\d{6}-[0-9a-f]{8}")
# What SQLite, moves and copies keep beside a file.
_BESIDE = ("-wal", "-shm", "-journal", ".part", ".realmsync-copy")
# For a job of the file that has just ended to let go of it.
_PATIENCE = 1.0
_PAUSE = 0.002


class ActionHost(Protocol):
    """What file actions need of their app."""

    @property
    def root(self) -> Path: ...


class _Note(NamedTuple):
    """What is due for a file, and where it goes when it is kept."""

    is_kept: bool
    place: str


class FileActions:
    """The file actions of one app."""

    def __init__(self, app: ActionHost) -> None:
        self._app = app
        self._of_this_run: set[str] = set()

    @property
    def _folder(self) -> Path:
        return self._app.root.resolve() / "recovered-realms"

    def place(self, user: User) -> str:
        """Where a copy of one of the user's files can be made: nothing is there."""
        place = self._new_place()
        make_private_folder(self._folder)
        user._synchronises(place)
        return place

    def _new_place(self) -> str:
        now = datetime.now()
        suffix = f"{now.microsecond:05x}{os.urandom(2).hex()[1:]}"  # so that names tell the order
        name = f"{_PREFIX}{now:%Y%m%d-%H%M%S}-{suffix}"
        return str(self._folder / name)

    def _read(self, path: str) -> _Note | None:
        """What is due for a file, as far as it is what `_write` has written."""
        try:
            note = json.loads(Path(_beside(path)).read_bytes())
            keep, name = note["keep"], note["name"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None  # nothing, or half of something: the error comes again
        if not isinstance(keep, bool) or not isinstance(name, str) or not _NAME.fullmatch(name):
            return None
        return _Note(keep, str(self._folder / name))

    def kept(self) -> list[Path]:
        """The files that were kept, oldest first as far as the clock that named them tells."""
        found = self._folder.glob(f"{_PREFIX}*")
        return sorted(path for path in found if not path.name.endswith(_BESIDE))

    def note(self, path: str, action: str, user: User) -> str:
        """Notes what is due for a file, and gives where it goes if it is kept.

        Once noted, the place stays the same. `action` as in events.py.
        """
        before = self._read(path)
        place = self._new_place() if before is None else before.place
        self._of_this_run.add(path)
        try:
            _write(path, _Note(action == "back_up_then_remove", place))
            user._synchronises(place)
        except OSError as error:
            logger.warning("cannot note that %s is to be replaced: %s", path, str(error))
        return place

    def withdraw(self, path: str) -> None:
        """Nothing is due any more: the file is the server's again."""
        Path(_beside(path)).unlink(missing_ok=True)

    def require(self, path: str) -> None:
        """Raises InvalidArgumentError when nothing is due for the file."""
        if self._read(path) is None:
            raise InvalidArgumentError(
                "Realm was not configured correctly. Client Reset could not be run for Realm at: "
                f"{path}"
            )

    def run(self, path: str) -> Path | None:
        """Does what is due for a file, and gives where it is now, if it was kept.

        Raises DeleteOnOpenRealmError while it is in use.
        """
        limit = time.monotonic() + _PATIENCE
        note = self._read(path)
        while note is not None and not _carry_out(path, note):
            if time.monotonic() > limit:
                raise DeleteOnOpenRealmError(f"the realm '{path}' is in use")
            time.sleep(_PAUSE)
        self._of_this_run.discard(path)
        return None if note is None or not Path(note.place).exists() else Path(note.place)

    def run_earlier(self, path: str) -> None:
        """Before a file is opened: does what an earlier run has left to do.

        A file that is in use or cannot be moved is opened as it is.
        """
        if path in self._of_this_run or (note := self._read(path)) is None:
            return
        try:
            if _carry_out(path, note):
                logger.warning("%s begins anew, as a sync error asked for in an earlier run", path)
        except (RealmError, OSError) as error:  # as text: who keeps it would keep the file open
            logger.warning("cannot replace %s, as is due: %s", path, str(error))


def _beside(path: str) -> str:
    return f"{path}.action"


def _write(path: str, note: _Note) -> None:
    part = f"{_beside(path)}.part"
    with open(part, "w", opener=private) as file:
        json.dump({"keep": note.is_kept, "name": Path(note.place).name}, file)
    Path(part).replace(_beside(path))


def _carry_out(path: str, note: _Note) -> bool:
    """Does it; False when the file is in use."""
    if not note.is_kept and not _has_unsent(path):
        return _core.RealmFile.remove_unused(path)
    make_private_folder(Path(note.place).parent)
    return _core.RealmFile.move_unused(path, note.place)


def _has_unsent(path: str) -> bool:
    """Whether it may have changes that the server has not."""
    if not Path(path).exists():
        return False
    try:
        return _core.RealmFile.open(path).has_unsent()
    except (RealmError, OSError):  # nobody can tell
        return True
