"""The directory with all that a server keeps: one server at a time, and nobody else's to read.

Which process has it is written into its lock, for commands that have something to tell a server
(reload_request.py). What is in the directory is its owners' matter.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from realmsync.errors import ServerStartError

_logger = logging.getLogger("realmsync.server")


class DataDirectory:
    """A data directory that this process has. The engine locks its part of it once more."""

    def __init__(self, path: Path) -> None:
        """Takes it, and makes it when it is not there. Raises ServerStartError."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_mode & 0o077:
                # Everybody's data, and the key that signs their tokens.
                _logger.warning("other users of this machine may read %s: chmod 700 it", path)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ServerStartError(f"cannot use data directory {path}: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock, 0)  # that of a server which had it before
        except OSError as error:
            self.release()
            raise ServerStartError(f"data directory {path} is in use by another server") from error

    def announce(self) -> None:
        """From now on this process understands SIGHUP."""
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Others may have it."""
        os.close(self._lock)


def process_of(path: Path) -> int | None:
    """The process that has a data directory and understands SIGHUP; None if there is none."""
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody has it
    except BlockingIOError:
        number = os.pread(lock, 20, 0).strip()
        return int(number) if number.isdigit() else None
    finally:
        os.close(lock)
