"""Users as rules and functions see them: what is stored, put together.

Specification: app-configuration.md 8.3 and 8.4.
"""

from __future__ import annotations

from realmsync.server.accounts.custom_data import custom_data_of
from realmsync.server.accounts.file.records import UserRecord
from realmsync.server.accounts.users import Users
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import AppUser


async def app_user(users: Users, app: RunningApp, user: UserRecord) -> AppUser:
    """A user of this app as he is now, with his custom data."""
    assert user.app_id == app.key, "a user belongs to one app"
    data = custom_data_of(users, app)
    custom = None if data is None else await data.find_one(user.id)
    return AppUser(
        id=user.id,
        type=user.type,
        data=user.data,
        custom_data=custom or {},
        identities=tuple(
            {"id": identity.id, "provider_type": identity.provider} for identity in user.identities
        ),
    )
