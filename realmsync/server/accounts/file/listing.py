"""What operators ask of the file of users: lists in pages, and who is idle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from realmsync.server.accounts.file.database import Database
from realmsync.server.accounts.file.records import UserSummary

# Users, and accounts that never logged in, as rows of UserSummary.
_USERS = """
    SELECT id, app_id, disabled, created,
        (SELECT json_group_array(json_array(provider, provider_id)) FROM identities
            WHERE user_id = users.id),
        (SELECT count(*) FROM sessions WHERE user_id = users.id),
        (SELECT max(used) / 1000 FROM sessions WHERE user_id = users.id), 0
    FROM users WHERE (:app IS NULL OR app_id = :app)
"""
_UNUSED_ACCOUNTS = """
    SELECT NULL, app_id, 0, NULL, json_array(json_array('local-userpass', email)), 0, NULL,
        status = 'pending'
    FROM accounts WHERE (:app IS NULL OR app_id = :app) AND NOT EXISTS (
        SELECT 1 FROM identities WHERE app_id = accounts.app_id AND provider = 'local-userpass'
            AND provider_id = email)
"""
_USERS_PAGE = f"""
    {_USERS} AND (app_id, created, id) > (:last_app, :last_created, :last_id)
    ORDER BY app_id, created, id LIMIT :size
"""
_FILTERED = f"""
    {_USERS} AND (:disabled IS NULL OR disabled = :disabled)
    AND (:providers IS NULL OR EXISTS (
        SELECT 1 FROM identities JOIN json_each(:providers) ON provider = json_each.value
        WHERE user_id = users.id))
"""
_OLDEST_FIRST = f"""
    {_FILTERED} AND (created, id) > (:last_created, :last_id) ORDER BY created, id LIMIT :size
"""
_NEWEST_FIRST = f"""
    {_FILTERED} AND (created, id) < (:last_created, :last_id)
    ORDER BY created DESC, id DESC LIMIT :size
"""
_UNUSED_ACCOUNTS_PAGE = f"""
    {_UNUSED_ACCOUNTS} AND (app_id, email) > (:last_app, :last_name)
    ORDER BY app_id, email LIMIT :size
"""
_CALLED = f"""
    {_USERS} AND id IN (
        SELECT :who UNION ALL
        SELECT user_id FROM identities WHERE provider = 'local-userpass' AND provider_id = :who)
    UNION ALL {_UNUSED_ACCOUNTS} AND email = :who ORDER BY app_id, created, id
"""
_PAGE = 1000  # users that are read at once

# Anonymous users of whom nobody has heard since :before (ms).
_IDLE = """
    FROM users
    WHERE (:app IS NULL OR app_id = :app) AND created < :before / 1000
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id AND used >= :before)
        AND EXISTS (SELECT 1 FROM identities WHERE user_id = users.id)
        AND NOT EXISTS (
            SELECT 1 FROM identities WHERE user_id = users.id AND provider <> 'anon-user')
        AND NOT EXISTS (SELECT 1 FROM api_keys WHERE user_id = users.id)
"""
_IDLE_AT_ONCE = 1000  # users deleted in one transaction: a server that runs must not wait long


@dataclass(frozen=True)
class UserFilter:
    """Which users are meant, and in which order."""

    disabled: bool | None = None  # None: either
    providers: tuple[str, ...] | None = None  # who can log in with one of these; None: all
    newest_first: bool = False


class Listing:
    """All users and accounts, whether or not they ever logged in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summaries(self, app_id: str | None) -> Iterator[list[UserSummary]]:
        """All users, oldest first, then all accounts that never logged in; of an app, or of each.

        In pages, between which nothing is locked: who reads may take a day.
        """
        start = {"last_app": app_id or "", "last_created": 0, "last_id": "", "last_name": ""}
        for statement in (_USERS_PAGE, _UNUSED_ACCOUNTS_PAGE):
            after: dict[str, Any] = start
            while page := self._summaries(statement, {**after, "app": app_id, "size": _PAGE}):
                yield page
                last = page[-1]
                after = {
                    "last_app": last.app_id,
                    "last_created": last.created,
                    "last_id": last.id,
                    "last_name": "".join(last.names[:1]),
                }

    def after(
        self, app_id: str, user_id: str | None, size: int, wanted: UserFilter
    ) -> list[UserSummary]:
        """At most `size` users of an app, behind the one with this id; None: from the first."""
        created, last_id = (1 << 62, "") if wanted.newest_first else (0, "")
        if user_id:
            row = self._database.execute(
                "SELECT created, id FROM users WHERE id = ? AND app_id = ?", (user_id, app_id)
            ).fetchone()
            if row is None:
                return []
            created, last_id = row
        values = {
            "app": app_id,
            "size": size,
            "last_created": created,
            "last_id": last_id,
            "disabled": wanted.disabled,
            "providers": None if wanted.providers is None else json.dumps(wanted.providers),
        }
        return self._summaries(_NEWEST_FIRST if wanted.newest_first else _OLDEST_FIRST, values)

    def called(self, who: str, app_id: str | None) -> list[UserSummary]:
        """The users and unused accounts with this id or account name, of an app or of each."""
        return self._summaries(_CALLED, {"app": app_id, "who": who})

    def _summaries(self, statement: str, values: dict[str, Any]) -> list[UserSummary]:
        return [
            UserSummary(
                id=row[0],
                app_id=row[1],
                disabled=bool(row[2]),
                created=row[3],
                identities=tuple((provider, name) for provider, name in json.loads(row[4])),
                log_ins=row[5],
                last_seen=row[6],
                is_pending=bool(row[7]),
            )
            for row in self._database.execute(statement, values)
        ]

    def similar_name(self, app_id: str | None, name: str) -> str | None:
        """An account name that differs in capitals or surrounding blanks only."""
        row = self._database.execute(
            "SELECT email FROM accounts WHERE (? IS NULL OR app_id = ?) "
            "AND lower(trim(email)) = lower(trim(?)) LIMIT 1",
            (app_id, app_id, name),
        ).fetchone()
        return None if row is None else str(row[0])

    def count_idle(self, app_id: str | None, before_ms: int) -> int:
        """How many anonymous users were not heard of since `before_ms`."""
        ((count,),) = self._database.execute(
            f"SELECT count(*) {_IDLE}", {"app": app_id, "before": before_ms}
        )
        return int(count)

    def delete_idle(self, app_id: str | None, before_ms: int) -> int:
        """Deletes some of them; gives how many, 0 when there are no more."""
        return self._database.execute(
            f"DELETE FROM users WHERE id IN (SELECT id {_IDLE} LIMIT {_IDLE_AT_ONCE})",
            {"app": app_id, "before": before_ms},
        ).rowcount
