"""The users of an app as a file that another server imports: the form of user_import.py.

Hashes of passwords are in it. Keys are not, nor is who waits for his confirmation. Specification:
app-configuration.md 11.7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from realmsync import ejson
from realmsync.server.accounts.file.database import new_id
from realmsync.server.accounts.file.records import UserRecord, UserSummary
from realmsync.server.accounts.file.user_file import UserFile


@dataclass(frozen=True)
class ExportedUser:
    """A line of the file, as JSON values."""

    entry: dict[str, Any]
    # Ways to log in that it does not hold, each with the reason.
    lost: tuple[str, ...]


def exported_users(file: UserFile, app_id: str) -> Iterator[ExportedUser]:
    """All users of an app, and accounts that never logged in, with the ids that they get there."""
    places = file.custom_data.places(app_id)
    for page in file.listing.summaries(app_id):
        for user in page:
            if user.id is None:
                if not user.is_pending:
                    yield _account(file, user)
                continue
            exported = _user(file, file.users.load(user.id))
            document = file.custom_data.of_user(places[0], user.id) if len(places) == 1 else None
            if document is not None:
                exported.entry["custom_data"] = json.loads(ejson.dumps(document))
            yield exported


def _account(file: UserFile, user: UserSummary) -> ExportedUser:
    (name,) = user.names
    lost: list[str] = []
    entry = {"_id": new_id(), "email": name}
    return ExportedUser(entry | _password(file, user.app_id, [name], lost), tuple(lost))


def _user(file: UserFile, user: UserRecord) -> ExportedUser:
    created, last = file.users.times(user.id)
    keys = [identity for identity in user.identities if identity.provider == "api-key"]
    lost = ["the API key" for _ in keys]
    names = [identity.email for identity in user.identities if identity.email is not None]
    entry: dict[str, Any] = {
        "_id": user.id,
        "type": user.type,
        "disabled": user.disabled,
        "identities": [identity.document() for identity in user.identities if identity not in keys],
        "data": user.data,
        "creation_date": created,
        "last_authentication_date": last,
        **_password(file, user.app_id, names, lost),
    }
    return ExportedUser(entry, tuple(lost))


def _password(file: UserFile, app_id: str, names: list[str], lost: list[str]) -> dict[str, str]:
    """The hash of the one account that a user has, if another server takes it."""
    stored = []
    for name in names:
        account = file.accounts.find(app_id, name)
        if account is not None and account.password is not None:
            stored.append((name, account.password))
    if len(stored) == 1 and stored[0][1].startswith(b"$argon2"):
        return {"password_hash": stored[0][1].decode()}
    lost += [f"{name}: the password" for name, _ in stored]
    return {}
