"""One partition of the server's store, for tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from partitions.uploads import Upload
from realmsync._testbed import PartitionDb


class Server:
    """One partition of a PartitionDb, a transaction per call."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.directory = directory
        self.db = PartitionDb(str(directory), **options)
        self.db.begin()
        self.partition, self.head = self.db.open_partition("app", b'"dogs"')
        self.db.commit()

    def file(self, user: str = "ann") -> tuple[int, int]:
        self.db.begin()
        file = self.db.allocate_ident(self.partition, user)
        self.db.commit()
        return file

    def bind(self, file: tuple[int, int], user: str = "ann", **cursors: Any) -> Any:
        self.db.begin()
        try:
            return self.db.bind(self.partition, user, file, **cursors)
        finally:
            self.db.commit()

    def append(
        self, ident: int, *uploads: Upload, progress: tuple[int, int] | None = None
    ) -> tuple[int | None, tuple[int, str] | None]:
        """The head after it, or the refusal."""
        self.db.begin()
        try:
            return self.db.append(self.partition, ident, list(uploads), progress or uploads[-1][:2])
        finally:
            self.db.commit()

    def page(self, ident: int, cursor: tuple[int, int] = (0, 0), **options: Any) -> Any:
        return self.db.fetch_page(self.partition, ident, cursor, **options)

    def rows(self, sql: str) -> list[Any]:
        """What another process would read, from a closed database."""
        self.db.close()
        with sqlite3.connect(self.directory / "partitions.sqlite") as connection:
            rows = connection.execute(sql).fetchall()
        connection.close()
        self.db = PartitionDb(str(self.directory))
        return rows
