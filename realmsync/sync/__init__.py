"""Synchronisation: sessions, their progress and connection, opening synced realms."""

from realmsync.account.places import PartitionValue
from realmsync.enums import (
    ClientResetMode,
    ConnectionState,
    DownloadPhase,
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
    SubscriptionSetState,
    WaitForSync,
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
from realmsync.sync.subscriptions import (
    BaseSubscriptionSet,
    MutableSubscriptionSet,
    Subscription,
    SubscriptionSet,
    SubscriptionUpdate,
)

Session = SyncSession

__all__ = [
    "DOWNLOAD_BEFORE_OPEN_BEHAVIOR",
    "OPEN_LOCAL_REALM_BEHAVIOR",
    "AppSync",
    "BaseSubscriptionSet",
    "ClientResetConfiguration",
    "ClientResetMode",
    "ConnectionState",
    "DownloadPhase",
    "LogCategory",
    "LogLevel",
    "MutableSubscriptionSet",
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
    "Subscription",
    "SubscriptionSet",
    "SubscriptionSetState",
    "SubscriptionUpdate",
    "SyncConfiguration",
    "SyncSession",
    "WaitForSync",
]
