"""API keys in the file of users: of users, and of servers, which are users of their own.

How a key looks is in ../api_keys.py. Specification: app-services-http.md 12; app-configuration.md
8.1.
"""

from __future__ import annotations

from realmsync.server.accounts.file.database import Database, new_id
from realmsync.server.accounts.file.log_ins import LogInTable
from realmsync.server.accounts.file.records import ApiKey, Gone, KeyInUse, TooManyKeys
from realmsync.server.accounts.file.users import UserTable

_COLUMNS = "api_keys.id, api_keys.app_id, user_id, name, api_keys.disabled"
PROVIDER = "api-key"


class ApiKeyTable:
    """The keys. What ends log-ins gives their ids, so that their websockets can be ended."""

    def __init__(self, database: Database, users: UserTable, log_ins: LogInTable) -> None:
        self._database = database
        self._users = users
        self._log_ins = log_ins

    def add(self, app_id: str, user_id: str, name: str, hash: bytes, keep: int) -> ApiKey:
        """A new key of a user, who may have `keep` of them. Raises TooManyKeys, Gone."""
        with self._database.transaction():
            ((count,),) = self._database.execute(
                "SELECT count(*) FROM api_keys WHERE user_id = ?", (user_id,)
            )
            if count >= keep:
                raise TooManyKeys
            self._users.load(user_id)
            return self._insert(app_id, user_id, name, hash)

    def add_for_server(self, app_id: str, name: str, hash: bytes) -> ApiKey:
        """A new key and the user of type server for whom it stands."""
        with self._database.transaction():
            key = self._insert(app_id, self._users.create(app_id, "server"), name, hash)
            self._users.link(app_id, PROVIDER, key.id, {"name": name}, key.user_id)
            return key

    def of_user(self, user_id: str) -> list[ApiKey]:
        """The keys of a user, oldest first."""
        return self._select("WHERE user_id = ? ORDER BY api_keys.rowid", user_id)

    def of_servers(self, app_id: str) -> list[ApiKey]:
        """The keys of an app that stand for servers, oldest first."""
        return self._select(
            "JOIN users ON users.id = user_id "
            "WHERE users.app_id = ? AND users.type = 'server' ORDER BY api_keys.rowid",
            app_id,
        )

    def of_app(self, app_id: str | None) -> list[ApiKey]:
        """All keys, of users and servers, of an app or of each."""
        return self._select(
            "WHERE ? IS NULL OR app_id = ? ORDER BY app_id, api_keys.rowid", app_id, app_id
        )

    def find(self, user_id: str, key_id: str) -> ApiKey:
        """A key of this user. Raises Gone."""
        for key in self._select("WHERE api_keys.id = ? AND user_id = ?", key_id, user_id):
            return key
        raise Gone

    def known(self, app_id: str, hash: bytes) -> ApiKey | None:
        """The key with this hash, disabled or not."""
        for key in self._select("WHERE hash = ? AND app_id = ?", hash, app_id):
            return key
        return None

    def set_disabled(self, user_id: str, key_id: str, disabled: bool) -> list[str]:
        """Makes a key useless, or good again; gives the log-ins made with it, which end.

        Raises Gone.
        """
        with self._database.transaction():
            self.find(user_id, key_id)
            self._database.execute(
                "UPDATE api_keys SET disabled = ? WHERE id = ?", (int(disabled), key_id)
            )
            return self._log_ins.end_of_key(key_id) if disabled else []

    def delete(self, user_id: str, key_id: str, session_id: str | None = None) -> list[str]:
        """Forgets a key, and the server that it stands for; gives the log-ins that end.

        `session_id`: the log-in that wants it. Raises Gone, KeyInUse.
        """
        with self._database.transaction():
            self.find(user_id, key_id)
            ended = self._log_ins.end_of_key(key_id)
            if session_id in ended:
                raise KeyInUse
            self._database.execute("DELETE FROM api_keys WHERE id = ?", (key_id,))
            if any(
                (i.provider, i.provider_id) == (PROVIDER, key_id)
                for i in self._users.load(user_id).identities
            ):
                ended += self._users.delete(user_id)
            return ended

    def _insert(self, app_id: str, user_id: str, name: str, hash: bytes) -> ApiKey:
        key = ApiKey(new_id(), app_id, user_id, name, disabled=False)
        self._database.execute(
            "INSERT INTO api_keys (id, app_id, user_id, name, hash) VALUES (?, ?, ?, ?, ?)",
            (key.id, app_id, user_id, name, hash),
        )
        return key

    def _select(self, which: str, *values: object) -> list[ApiKey]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM api_keys {which}", values)
        return [
            ApiKey(id, app_id, user_id, name, bool(disabled))
            for id, app_id, user_id, name, disabled in rows
        ]
