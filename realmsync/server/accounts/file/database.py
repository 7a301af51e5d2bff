"""The open SQLite file of users: transactions, and who else has written; no table is known here.

A server has it open, and so has each `realmsync user` in a process of its own; SQLite lets one
write at a time, and tells a server that another has written. It is opened by Python's own SQLite
and by nothing else; synced data is in other files, which Python never opens (two copies of SQLite
on one file break its locks). Synchronous, one thread at a time: threads are in ../users.py.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


def new_id() -> str:
    """24 hexadecimal digits nobody else has."""
    return os.urandom(12).hex()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Database:
    """The connection that all groups of tables share."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Raises sqlite3.Error when it cannot be used, or is missing and not to be created."""
        if create:
            # It has hashes of passwords. One that is there is not opened: closing it would drop the
            # locks that this process has. What goes wrong, SQLite tells.
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            self._connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
            )
            self._seen = self._data_version()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def execute(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> sqlite3.Cursor:
        """Runs one statement. Raises sqlite3.Error."""
        return self._connection.execute(statement, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done in it or nothing; one inside of another is durable with that one."""
        is_inner = self._connection.in_transaction
        self._connection.execute("SAVEPOINT inner" if is_inner else "BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("RELEASE inner" if is_inner else "COMMIT")
        except BaseException:
            # Some failures have rolled everything back already; a failed COMMIT has not.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO inner" if is_inner else "ROLLBACK")
                if is_inner:
                    self._connection.execute("RELEASE inner")
            raise

    def together(self, works: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
        """Does these in one transaction, one fsync; gives what each returned or raised.

        What raised has changed nothing. Raises sqlite3.Error when nothing of them all is stored.
        """
        outcomes: list[Result | Exception] = []
        with self.transaction():
            for work in works:
                try:
                    with self.transaction():
                        outcomes.append(work())
                except Exception as error:
                    if not self._connection.in_transaction:
                        raise  # it took the others' changes with it
                    outcomes.append(error)
        return outcomes

    def changed_by_others(self) -> bool:
        """Whether another process has written since this was last asked."""
        before, self._seen = self._seen, self._data_version()
        return self._seen != before

    def _data_version(self) -> int:
        ((version,),) = self._connection.execute("PRAGMA data_version")
        return int(version)
