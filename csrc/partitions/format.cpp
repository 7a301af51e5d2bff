#include "partitions/format.hpp"

#include <string>

namespace realmsync::partitions {

namespace {

struct Table {
    const char* name;
    std::int64_t format; // raised when rows change their meaning or columns change
    const char* sql;
    const char* upgrade = nullptr; // from the format before
    bool is_made_anew = false;     // the upgrade finds the old one as rs_old
};

constexpr Table kTables[] = {
    {"rs_partition", 2, R"(
CREATE TABLE rs_partition(
  pid INTEGER PRIMARY KEY, app_id TEXT NOT NULL,
  mode INTEGER NOT NULL CHECK(mode IN (0, 1)),           -- 0 partition sync, 1 flexible sync
  pkey BLOB NOT NULL,                                    -- canonical partition value
  created_ms INTEGER NOT NULL,
  creator TEXT,                                          -- user id
  UNIQUE(app_id, mode, pkey));
CREATE INDEX rs_partition_of ON rs_partition(creator) WHERE creator IS NOT NULL)",
     R"(
ALTER TABLE rs_partition ADD COLUMN creator TEXT;
CREATE INDEX rs_partition_of ON rs_partition(creator) WHERE creator IS NOT NULL)"},
    {"rs_base", 1, R"(
CREATE TABLE rs_base(                                    -- where the history begins
  pid INTEGER PRIMARY KEY REFERENCES rs_partition(pid) ON DELETE CASCADE,
  generation INTEGER NOT NULL DEFAULT 1,
  base_version INTEGER NOT NULL DEFAULT 0, base_salt INTEGER NOT NULL DEFAULT 0,
  phys_version INTEGER NOT NULL DEFAULT 0,               -- rows above it still exist
  base_cumul INTEGER NOT NULL DEFAULT 0,
  CHECK(phys_version <= base_version),
  CHECK((base_version = 0) = (base_salt = 0))))"},
    {"rs_ident", 2, R"(
CREATE TABLE rs_ident(next_ident INTEGER NOT NULL);      -- of client files, in the whole app
INSERT INTO rs_ident VALUES(2))",
     R"(
UPDATE rs_ident SET next_ident = coalesce((SELECT max(next_ident) FROM rs_old), 2);
DROP TABLE rs_old)",
     true},
    {"rs_client", 2, R"(
CREATE TABLE rs_client(
  pid INTEGER NOT NULL REFERENCES rs_partition(pid) ON DELETE CASCADE,
  ident INTEGER NOT NULL CHECK(ident >= 2),
  ident_salt INTEGER NOT NULL CHECK(ident_salt > 0),
  client_type INTEGER NOT NULL DEFAULT 2, proxy_ident INTEGER NOT NULL DEFAULT 0,
  user_id TEXT,
  client_version INTEGER NOT NULL DEFAULT 0,             -- stored upload cursor
  base_server_version INTEGER NOT NULL DEFAULT 0,
  locked_server_version INTEGER NOT NULL DEFAULT 0,
  ack_client_version INTEGER NOT NULL DEFAULT 0,         -- reported upload cursor
  ack_server_version INTEGER NOT NULL DEFAULT 0,
  ack_head INTEGER NOT NULL DEFAULT 0,
  state INTEGER NOT NULL DEFAULT 0 CHECK(state IN (0, 1)), -- 1 expired
  created_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL DEFAULT 0,                      -- of history received from it, about
  CHECK(ack_client_version <= client_version),
  CHECK(ack_server_version <= base_server_version),
  CHECK(client_version > 0 OR base_server_version = 0),
  PRIMARY KEY(pid, ident)) WITHOUT ROWID;
CREATE INDEX rs_client_of ON rs_client(user_id))",
     R"(
ALTER TABLE rs_client ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE rs_client SET bytes = coalesce((SELECT sum(size + 100) FROM rs_history AS entry
  WHERE entry.pid = rs_client.pid AND via_ident = ident AND via_ident <> 0), 0);
CREATE INDEX rs_client_of ON rs_client(user_id))"},
    // The newest entry is the head. One key and no index, and what can be told from other columns
    // is virtual: a lone change writes one page of this table, and a short entry has some 50 bytes.
    {"rs_history", 2, R"(
CREATE TABLE rs_history(
  id INTEGER PRIMARY KEY,                                -- entry_id() of format.hpp
  pid INTEGER AS (id >> 36), version INTEGER AS (id & 0xfffffffff),
  salt INTEGER NOT NULL CHECK(salt > 0),
  origin_ident INTEGER NOT NULL, via_ident INTEGER NOT NULL, -- 0: the server
  client_version INTEGER NOT NULL, client_base INTEGER NOT NULL,
  origin_ts INTEGER NOT NULL,
  size INTEGER AS (length(changeset)), cumul_bytes INTEGER NOT NULL,
  committed_ms INTEGER NOT NULL, changeset BLOB NOT NULL))",
     R"(
INSERT INTO rs_history(id, salt, origin_ident, via_ident, client_version, client_base, origin_ts,
  cumul_bytes, committed_ms, changeset)
  SELECT pid << 36 | version, salt, origin_ident, via_ident, client_version, client_base, origin_ts,
    cumul_bytes, committed_ms, changeset FROM rs_old ORDER BY pid, version;
DROP TABLE rs_old;
INSERT INTO rs_base SELECT pid, generation, base_version, base_salt, phys_version, base_cumul
  FROM rs_head;                                          -- what it had besides is in the history
DROP TABLE rs_head;
DELETE FROM rs_meta WHERE k = 'format.rs_head')",
     true},
    {"rs_recip", 1, R"(
CREATE TABLE rs_recip(                                   -- zero bytes: nothing is left
  pid INTEGER NOT NULL, ident INTEGER NOT NULL, version INTEGER NOT NULL,
  changeset BLOB NOT NULL, UNIQUE(pid, ident, version)))"},
    {"rs_reset", 1, R"(
CREATE TABLE rs_reset(                                   -- client files that have to be reset
  pid INTEGER NOT NULL, ident INTEGER NOT NULL,
  code INTEGER NOT NULL,                                 -- what they are told
  PRIMARY KEY(pid, ident)) WITHOUT ROWID)"},
    {"rs_announced", 1, R"(
CREATE TABLE rs_announced(                               -- of the app's schema, in a partition
  pid INTEGER PRIMARY KEY REFERENCES rs_partition(pid) ON DELETE CASCADE,
  version INTEGER NOT NULL))"},
    // Flexible sync
    {"rs_image", 1, R"(
CREATE TABLE rs_image(                                   -- what an entry has touched
  id INTEGER PRIMARY KEY,                                -- of the entry
  images BLOB NOT NULL))"},
    {"rs_served", 1, R"(
CREATE TABLE rs_served(                                  -- schema versions of client files
  pid INTEGER NOT NULL, ident INTEGER NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY(pid, ident)) WITHOUT ROWID)"},
    {"rs_asked", 1, R"(
CREATE TABLE rs_asked(                                   -- properties that images have
  pid INTEGER NOT NULL, class TEXT NOT NULL, property TEXT NOT NULL,
  PRIMARY KEY(pid, class, property)) WITHOUT ROWID)"},
    {"rs_view", 1, R"(
CREATE TABLE rs_view(                                    -- what client files are shown
  pid INTEGER NOT NULL, ident INTEGER NOT NULL, number INTEGER NOT NULL,
  query_version INTEGER NOT NULL, meaning BLOB NOT NULL, view BLOB NOT NULL,
  first_version INTEGER NOT NULL, start_version INTEGER NOT NULL, end_version INTEGER NOT NULL,
  PRIMARY KEY(pid, ident, number)) WITHOUT ROWID)"},
    {"rs_compensation", 1, R"(
CREATE TABLE rs_compensation(                            -- writes that were not let through
  number INTEGER PRIMARY KEY,
  pid INTEGER NOT NULL, ident INTEGER NOT NULL, version INTEGER NOT NULL,
  client_version INTEGER NOT NULL,                       -- 0: it was, and `reason` is its base
  class TEXT NOT NULL, key BLOB NOT NULL, reason TEXT NOT NULL);
CREATE INDEX rs_compensation_of ON rs_compensation(pid, ident, version))"},
};

} // namespace

void prepare_partition_tables(sqlite::Database& db) {
    db.exec("CREATE TABLE IF NOT EXISTS rs_meta(k TEXT PRIMARY KEY, v BLOB NOT NULL) "
            "WITHOUT ROWID");
    for (const Table& table : kTables) {
        const std::string key = std::string("format.") + table.name;
        sqlite::Query row = db.query("SELECT v FROM rs_meta WHERE k = ?", key);
        if (!row.step()) {
            db.exec(table.sql);
            db.run("INSERT INTO rs_meta(k, v) VALUES(?, ?)", key, table.format);
        } else if (table.upgrade && row->integer(0) == table.format - 1) {
            row->reset();
            if (table.is_made_anew) {
                db.exec(std::string("ALTER TABLE ") + table.name + " RENAME TO rs_old");
                db.exec(table.sql);
            }
            db.exec(table.upgrade);
            db.run("UPDATE rs_meta SET v = ? WHERE k = ?", table.format, key);
        } else if (row->integer(0) != table.format) {
            throw StoreError(StoreFault::no_database,
                             std::string("Table ") + table.name + " has format " +
                                 std::to_string(row->integer(0)) + ", this version knows " +
                                 std::to_string(table.format) + ".");
        }
    }
}

} // namespace realmsync::partitions
