"""What the handlers of the admin API work with, put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from realmsync.server.accounts.users import Users
from realmsync.server.admin.access import AdminAccount, AdminTokens
from realmsync.server.admin.app_logs import AppLogs
from realmsync.server.admin.apps import AdminApps
from realmsync.server.engine_tasks import EngineTasks


@dataclass(frozen=True)
class Admin:
    """The admin API of one server."""

    account: AdminAccount
    tokens: AdminTokens
    apps: AdminApps
    users: Users
    tasks: EngineTasks
    logs: AppLogs = field(default_factory=AppLogs)
