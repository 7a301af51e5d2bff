"""What the configuration of an app lets a user do in a session: with a partition, or, in flexible
sync, by the roles that are his.

Asked by ../authorization.py for each session that begins, and again when rules or what they are
asked about may have changed. Specification: app-configuration.md 5.2, 5.3 and 5.6.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from realmsync.apps.permissions import IllegalPartition, PartitionPermission, SessionPermissions
from realmsync.server.apps.running import Apps
from realmsync.server.authorization import AuthorizationRequest, Permission
from realmsync.server.functions.port import AppUser
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

# A user of the app with this key and this id, as he is now; None when he has been deleted.
FindUser = Callable[[str, str], Awaitable[AppUser | None]]


class SessionRules:
    """The rules of all apps of one server."""

    def __init__(self, apps: Apps, find_user: FindUser) -> None:
        self._apps = apps
        self._find_user = find_user

    async def decide(self, request: AuthorizationRequest) -> Permission | SessionPermissions:
        """What the user may do; an app without a configuration allows everything."""
        app = self._apps.of(request.app_id)
        if app is None:
            return Permission.NONE
        if app.permissions is None:
            return Permission.WRITE if app.is_open else Permission.NONE
        permissions, functions = app.permissions, app.functions
        user = await self._find_user(request.app_id, request.user_id)
        if user is None:
            return Permission.NONE

        async def call(name: str, arguments: Sequence[Any]) -> Any:
            return await functions.call(name, arguments, user, for_rule=True)

        if request.is_flexible:
            return await permissions.session(user, call)
        try:
            return _permission(await permissions.partition(user, request.partition, call))
        except IllegalPartition as error:
            _logger.info("user %s: %s", request.user_id, one_line(str(error)))
            return Permission.NONE


def _permission(found: PartitionPermission) -> Permission:
    if found.write:
        return Permission.WRITE
    return Permission.READ if found.read else Permission.NONE
