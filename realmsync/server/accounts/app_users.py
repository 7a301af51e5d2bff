"""Users as rules and functions see them: what is stored, put together.

Specification: app-configuration.md 8.4.
"""

from __future__ import annotations

from realmsync.server.accounts.file.records import UserRecord
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import AppUser


async def app_user(app: RunningApp, user: UserRecord) -> AppUser:
    """A user of this app as he is now."""
    assert user.app_id == app.key, "a user belongs to one app"
    return AppUser(
        id=user.id,
        type=user.type,
        data=user.data,
        identities=tuple(
            {"id": identity.id, "provider_type": identity.provider} for identity in user.identities
        ),
    )
