"""Synchronisation: sessions, their progress and connection, opening synced realms."""

from realmsync.account.places import PartitionValue
from realmsync.enums import (
    ClientResetMode,
    ConnectionState,
    LogCategory,
    LogLevel,
    NumericLogLevel,
    OpenRealmBehaviorType,
    OpenRealmTimeOutBehavior,
    ProgressDirection,
    ProgressMode,
    SessionLifecycleState,
    SessionState,
    SessionStopPolicy,
)
from realmsync.model.realm import OpenRealmTask
from realmsync.progress import Progress
from realmsync.sync.app_sync import AppSync
from realmsync.sync.config import (
    DOWNLOAD_BEFORE_OPEN_BEHAVIOR,
    OPEN_LOCAL_REALM_BEHAVIOR,
    ClientResetConfiguration,
    OpenRealmBehaviorConfiguration,
    SSLConfiguration,
    SyncConfiguration,
)
from realmsync.sync.session import SyncSession

Session = SyncSession

__all__ = [
    "DOWNLOAD_BEFORE_OPEN_BEHAVIOR",
    "OPEN_LOCAL_REALM_BEHAVIOR",
    "AppSync",
    "ClientResetConfiguration",
    "ClientResetMode",
    "ConnectionState",
    "LogCategory",
    "LogLevel",
    "NumericLogLevel",
    "OpenRealmBehaviorConfiguration",
    "OpenRealmBehaviorType",
    "OpenRealmTask",
    "OpenRealmTimeOutBehavior",
    "PartitionValue",
    "Progress",
    "ProgressDirection",
    "ProgressMode",
    "SSLConfiguration",
    "Session",
    "SessionLifecycleState",
    "SessionState",
    "SessionStopPolicy",
    "SyncConfiguration",
    "SyncSession",
]
