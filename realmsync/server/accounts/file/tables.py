"""The tables of the file of users, and how files of older versions get them.

What may be written into them is the business of the module of each group. Version 1 noted when
log-ins were used; 2 gave identities a name at their provider and a profile, users a type, accounts
a status, and brought API keys and tokens for mails. Tables that no older version needs are made
where they are missing: custom user data, imported users, adopted tokens. Specification:
app-services-http.md 8.3, 10.2, 11, 12; app-configuration.md 8.3, 8.4, 11.7, 12.3.
"""

from __future__ import annotations

import sqlite3

from realmsync.server.accounts.file.database import Database, now_ms

VERSION = 2

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY,
        app_id TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
        type TEXT NOT NULL DEFAULT 'normal', -- or server
        last_authentication INTEGER -- in seconds, of the last log-in
    ) STRICT
    """,
    # provider_id is the name that the provider has for somebody: the e-mail address of an account,
    # the subject of a token, what a function gave; an anonymous identity has its own id there.
    """
    CREATE TABLE IF NOT EXISTS identities (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        app_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        provider_id TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}', -- JSON: what it adds to the profile
        UNIQUE (app_id, provider, provider_id)
    ) STRICT
    """,
    # An account exists from its registration on; its identity, of the provider local-userpass and
    # with its e-mail address as provider_id, from the first log-in on.
    """
    CREATE TABLE IF NOT EXISTS accounts (
        app_id TEXT NOT NULL,
        email TEXT NOT NULL,
        password BLOB, -- as credentials.py stores it; NULL: an imported one, nobody can log in yet
        status TEXT NOT NULL DEFAULT 'confirmed', -- or pending
        created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
        PRIMARY KEY (app_id, email)
    ) STRICT, WITHOUT ROWID
    """,
    # A key stands for its owner; what was made for a server is a user of its own.
    """
    CREATE TABLE IF NOT EXISTS api_keys (
        id TEXT PRIMARY KEY,
        app_id TEXT NOT NULL,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        name TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        disabled INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
    ) STRICT
    """,
    # Sent to an e-mail address, and good once. `password` replaces the account's when it is used.
    """
    CREATE TABLE IF NOT EXISTS mail_tokens (
        id TEXT PRIMARY KEY,
        app_id TEXT NOT NULL,
        email TEXT NOT NULL,
        purpose TEXT NOT NULL, -- confirm or reset
        hash BLOB NOT NULL,
        expires INTEGER NOT NULL, -- in seconds
        password BLOB,
        FOREIGN KEY (app_id, email) REFERENCES accounts ON DELETE CASCADE
    ) STRICT
    """,
    # One log-in; its refresh token is good as long as the row is there.
    """
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        device_id TEXT NOT NULL,
        used INTEGER NOT NULL DEFAULT 0, -- in ms, to the day
        api_key_id TEXT REFERENCES api_keys ON DELETE CASCADE -- that it was made with
    ) STRICT, WITHOUT ROWID
    """,
    # What configurations say of the collections, as far as the columns below depend on it.
    """
    CREATE TABLE IF NOT EXISTS custom_data_fields (
        app_id TEXT NOT NULL,
        database TEXT NOT NULL,
        collection TEXT NOT NULL,
        user_id_field TEXT NOT NULL,
        PRIMARY KEY (app_id, database, collection)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS custom_data (
        number INTEGER PRIMARY KEY, -- in the order in which they were inserted
        app_id TEXT NOT NULL,
        database TEXT NOT NULL,
        collection TEXT NOT NULL,
        id TEXT NOT NULL, -- its _id, as extended JSON
        user_id TEXT, -- what the field says
        is_object_id INTEGER NOT NULL, -- and how
        document TEXT NOT NULL,
        UNIQUE (app_id, database, collection, id)
    ) STRICT
    """,
    # The last change of what belongs to a user, for servers in other processes.
    """
    CREATE TABLE IF NOT EXISTS custom_data_changes (
        user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
        number INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS imported_users (
        user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
        last_authentication INTEGER -- where he came from, in seconds
    ) STRICT, WITHOUT ROWID
    """,
    # A row stays when its log-in has ended: the token was used, and is not adopted again.
    """
    CREATE TABLE IF NOT EXISTS adopted_tokens (
        hash BLOB PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        device_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        adopted INTEGER NOT NULL, -- in ms since 1970
        UNIQUE (user_id, device_id)
    ) STRICT, WITHOUT ROWID
    """,
)
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS users_by_age ON users (app_id, created, id)",
    # These hold all that is asked of them: a list of users reads four places for each.
    "CREATE INDEX IF NOT EXISTS identities_of ON identities (user_id, provider, provider_id)",
    "CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id, used)",
    "CREATE INDEX IF NOT EXISTS sessions_by_key ON sessions (api_key_id) "
    "WHERE api_key_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS api_keys_by_user ON api_keys (user_id)",
    "CREATE INDEX IF NOT EXISTS mail_tokens_by_account ON mail_tokens (app_id, email, purpose)",
    "CREATE INDEX IF NOT EXISTS custom_data_by_user ON custom_data "
    "(app_id, database, collection, user_id, is_object_id, number) WHERE user_id IS NOT NULL",
    # And in the order of insertion: each index ends with the number of its row.
    "CREATE INDEX IF NOT EXISTS custom_data_in_order ON custom_data (app_id, database, collection)",
    "CREATE INDEX IF NOT EXISTS custom_data_by_change ON custom_data_changes (number)",
    "DROP INDEX IF EXISTS sessions_of_user",  # of version 0
    # A foreign key cannot say it, as an account is older than its identity.
    """
    CREATE TRIGGER IF NOT EXISTS account_of_identity AFTER DELETE ON identities
    WHEN old.provider = 'local-userpass'
    BEGIN
        DELETE FROM accounts WHERE app_id = old.app_id AND email = old.provider_id;
    END
    """,
)

_TO_VERSION_2 = (
    "ALTER TABLE users ADD COLUMN type TEXT NOT NULL DEFAULT 'normal'",
    "ALTER TABLE users ADD COLUMN last_authentication INTEGER",
    "ALTER TABLE identities RENAME TO old_identities",  # and what refers to them
    "ALTER TABLE accounts RENAME TO old_accounts",
    *_TABLES[:4],
    "INSERT INTO accounts (app_id, email, password) "
    "SELECT app_id, email, password FROM old_accounts",
    """
    INSERT INTO identities (rowid, id, user_id, app_id, provider, provider_id, data)
    SELECT old.rowid, old.id, user_id, users.app_id, provider, ifnull(email, old.id),
        iif(email IS NULL, '{}', json_object('email', email))
    FROM old_identities AS old JOIN users ON users.id = user_id
    LEFT JOIN old_accounts ON identity_id = old.id ORDER BY old.rowid
    """,
    "DROP TABLE old_accounts",  # before what it refers to: dropping deletes
    "DROP TABLE old_identities",
    "ALTER TABLE sessions ADD COLUMN api_key_id TEXT REFERENCES api_keys ON DELETE CASCADE",
)


def prepare_tables(database: Database) -> None:
    """Makes or renews the tables, all or nothing. Raises sqlite3.Error, also for newer files."""
    with database.transaction():
        ((version,),) = database.execute("PRAGMA user_version")
        if version > VERSION:
            raise sqlite3.NotSupportedError("a newer version of realmsync has written it")
        ((is_new,),) = database.execute(
            "SELECT count(*) = 0 FROM sqlite_schema WHERE name = 'sessions'"
        )
        if not is_new and version < 1:
            database.execute("ALTER TABLE sessions ADD COLUMN used INTEGER NOT NULL DEFAULT 0")
            # Nobody knows when; before now nobody was counted as away.
            database.execute("UPDATE sessions SET used = ?", (now_ms(),))
        if not is_new and version < 2:
            for statement in _TO_VERSION_2:
                database.execute(statement)
        for statement in (*_TABLES, *_INDEXES):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
