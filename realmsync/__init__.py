"""realmsync: Realm Device Sync for Python."""

__version__ = "0.1.0"

from realmsync.app import App, AppConfiguration
from realmsync.config import (
    ClientResetConfiguration,
    Configuration,
    OpenRealmBehaviorConfiguration,
    SSLConfiguration,
    SyncConfiguration,
)
from realmsync.containers import Dictionary, List, Set
from realmsync.credentials import Credentials
from realmsync.enums import (
    ClientResetMode,
    ConnectionState,
    OpenRealmBehaviorType,
    OpenRealmTimeOutBehavior,
    ProgressDirection,
    ProgressMode,
    SessionLifecycleState,
    SessionState,
    SessionStopPolicy,
)
from realmsync.errors import (
    AppError,
    ClientResetError,
    OpenCancelledError,
    RealmError,
    SyncError,
    SyncOperationAborted,
    SyncTimeoutError,
)
from realmsync.objects import EmbeddedObject, Object
from realmsync.realm import Realm
from realmsync.results import Results
from realmsync.schema import field_options as property
from realmsync.schema import primary_key
from realmsync.sync import OpenRealmTask, Progress, SyncSession
from realmsync.user import User
from realmsync.values import Float32, Timestamp

__all__ = [
    "App",
    "AppConfiguration",
    "AppError",
    "ClientResetConfiguration",
    "ClientResetError",
    "ClientResetMode",
    "Configuration",
    "ConnectionState",
    "Credentials",
    "Dictionary",
    "EmbeddedObject",
    "Float32",
    "List",
    "Object",
    "OpenCancelledError",
    "OpenRealmBehaviorConfiguration",
    "OpenRealmBehaviorType",
    "OpenRealmTask",
    "OpenRealmTimeOutBehavior",
    "Progress",
    "ProgressDirection",
    "ProgressMode",
    "Realm",
    "RealmError",
    "Results",
    "SSLConfiguration",
    "SessionLifecycleState",
    "SessionState",
    "SessionStopPolicy",
    "Set",
    "SyncConfiguration",
    "SyncError",
    "SyncOperationAborted",
    "SyncSession",
    "SyncTimeoutError",
    "Timestamp",
    "User",
    "__version__",
    "primary_key",
    "property",
]
