"""Formats of the server's database that older versions have written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FORMAT_1 = """
CREATE TABLE rs_head(
  pid INTEGER PRIMARY KEY REFERENCES rs_partition(pid) ON DELETE CASCADE,
  generation INTEGER NOT NULL DEFAULT 1,
  head_version INTEGER NOT NULL DEFAULT 0, head_salt INTEGER NOT NULL DEFAULT 0,
  base_version INTEGER NOT NULL DEFAULT 0, base_salt INTEGER NOT NULL DEFAULT 0,
  phys_version INTEGER NOT NULL DEFAULT 0,
  cumul_bytes INTEGER NOT NULL DEFAULT 0, base_cumul INTEGER NOT NULL DEFAULT 0,
  CHECK(phys_version <= base_version AND base_version <= head_version),
  CHECK((base_version = 0) = (base_salt = 0)),
  CHECK((head_version = 0) = (head_salt = 0)));
ALTER TABLE rs_history RENAME TO newer;
CREATE TABLE rs_history(
  id INTEGER PRIMARY KEY, pid INTEGER NOT NULL,
  version INTEGER NOT NULL CHECK(version > 0),
  salt INTEGER NOT NULL CHECK(salt > 0),
  origin_ident INTEGER NOT NULL, via_ident INTEGER NOT NULL,
  client_version INTEGER NOT NULL, client_base INTEGER NOT NULL,
  origin_ts INTEGER NOT NULL,
  size INTEGER NOT NULL, cumul_bytes INTEGER NOT NULL,
  committed_ms INTEGER NOT NULL, changeset BLOB NOT NULL,
  UNIQUE(pid, version));
CREATE UNIQUE INDEX rs_history_once
  ON rs_history(pid, via_ident, client_version) WHERE via_ident <> 0;
INSERT INTO rs_history SELECT NULL, pid, version, salt, origin_ident, via_ident, client_version,
  client_base, origin_ts, size, cumul_bytes, committed_ms, changeset
  FROM newer ORDER BY version, pid;
INSERT INTO rs_head(pid, head_version, head_salt, cumul_bytes)
  SELECT pid, coalesce(max(version), 0), coalesce(salt, 0), coalesce(cumul_bytes, 0)
  FROM rs_base LEFT JOIN newer USING (pid) GROUP BY pid;
DROP TABLE newer;
DROP TABLE rs_base;
DELETE FROM rs_meta WHERE k IN ('format.rs_base', 'format.rs_history');
INSERT INTO rs_meta VALUES('format.rs_head', 1), ('format.rs_history', 1);
"""


def to_format_1(path: Path) -> None:
    """Makes the server's database what an older version would have left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMAT_1)
