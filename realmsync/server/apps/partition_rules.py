"""What the configuration of an app lets a user do with a partition.

Asked by ../authorization.py for each session that begins. Specification: app-configuration.md 5.3
and 5.6.
"""

from __future__ import annotations

from realmsync.server.apps.running import Apps
from realmsync.server.authorization import AuthorizationRequest, Permission


class PartitionRules:
    """The rules of all apps of one server."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    async def decide(self, request: AuthorizationRequest) -> Permission:
        """What the user may do; an app without a configuration allows everything."""
        app = self._apps.of(request.app_id)
        if app is not None and app.is_open:
            return Permission.WRITE
        return Permission.NONE
