"""realmsync: Realm Device Sync for Python.

Everything that an application needs is here: App and Credentials to log in, Object and property to
declare classes, Realm and SyncConfiguration to open a realm, SyncSession to wait and watch, and all
errors. Beside it: `realmsync.sync` (the same names and the less common ones of synchronisation),
`realmsync.inspect` (changesets and messages), `realmsync.testing` (servers for tests),
`realmsync.server` (the server itself). Modules with an underscore are not public.

`property` is left out of `from realmsync import *`, which would replace Python's own: write
`realmsync.property(...)`.
"""

from realmsync.account.app import AppConfiguration
from realmsync.account.credentials import Credentials
from realmsync.account.user import User
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
    ArgumentTypeError,
    BadChangesetError,
    BadMessageError,
    BadPartitionValueError,
    BadProgressError,
    BadServerUrlError,
    ClientResetError,
    ClosedRealmError,
    CompensatingWriteError,
    CompensatingWriteInfo,
    DeleteOnOpenRealmError,
    ForkedProcessError,
    IllegalOperationError,
    InvalidArgumentError,
    InvalidatedObjectError,
    InvalidDatabaseError,
    InvalidDictionaryKeyError,
    InvalidPropertyError,
    KeyNotFoundError,
    LimitExceededError,
    MismatchedConfigError,
    MissingPrimaryKeyError,
    MissingPropertyValueError,
    ModifyPrimaryKeyError,
    MultipleSyncAgentsError,
    NoSuchTableError,
    ObjectAlreadyExistsError,
    ObjectTypeMismatchError,
    OpenCancelledError,
    OutOfBoundsError,
    PropertyNotNullableError,
    PropertyTypeError,
    ReadOnlyPropertyError,
    RealmError,
    SchemaMismatchError,
    SchemaValidationError,
    ServerStartError,
    StaleAccessorError,
    StorageError,
    SyncError,
    SyncOperationAborted,
    SyncTimeoutError,
    TransformError,
    WriteTimeoutError,
    WrongTransactionStateError,
)
from realmsync.model.configuration import Configuration
from realmsync.model.containers import Dictionary, List, Set
from realmsync.model.objects import EmbeddedObject, Object
from realmsync.model.options import primary_key
from realmsync.model.options import property as property
from realmsync.model.realm import OpenRealmTask, Realm
from realmsync.model.results import Results
from realmsync.progress import Progress
from realmsync.sync.app import App
from realmsync.sync.config import (
    ClientResetConfiguration,
    OpenRealmBehaviorConfiguration,
    SSLConfiguration,
    SyncConfiguration,
)
from realmsync.sync.session import SyncSession
from realmsync.values import Float32, Timestamp
from realmsync.version import __version__

__all__ = [
    "App",
    "AppConfiguration",
    "AppError",
    "ArgumentTypeError",
    "BadChangesetError",
    "BadMessageError",
    "BadPartitionValueError",
    "BadProgressError",
    "BadServerUrlError",
    "ClientResetConfiguration",
    "ClientResetError",
    "ClientResetMode",
    "ClosedRealmError",
    "CompensatingWriteError",
    "CompensatingWriteInfo",
    "Configuration",
    "ConnectionState",
    "Credentials",
    "DeleteOnOpenRealmError",
    "Dictionary",
    "EmbeddedObject",
    "Float32",
    "ForkedProcessError",
    "IllegalOperationError",
    "InvalidArgumentError",
    "InvalidDatabaseError",
    "InvalidDictionaryKeyError",
    "InvalidPropertyError",
    "InvalidatedObjectError",
    "KeyNotFoundError",
    "LimitExceededError",
    "List",
    "MismatchedConfigError",
    "MissingPrimaryKeyError",
    "MissingPropertyValueError",
    "ModifyPrimaryKeyError",
    "MultipleSyncAgentsError",
    "NoSuchTableError",
    "Object",
    "ObjectAlreadyExistsError",
    "ObjectTypeMismatchError",
    "OpenCancelledError",
    "OpenRealmBehaviorConfiguration",
    "OpenRealmBehaviorType",
    "OpenRealmTask",
    "OpenRealmTimeOutBehavior",
    "OutOfBoundsError",
    "Progress",
    "ProgressDirection",
    "ProgressMode",
    "PropertyNotNullableError",
    "PropertyTypeError",
    "ReadOnlyPropertyError",
    "Realm",
    "RealmError",
    "Results",
    "SSLConfiguration",
    "SchemaMismatchError",
    "SchemaValidationError",
    "ServerStartError",
    "SessionLifecycleState",
    "SessionState",
    "SessionStopPolicy",
    "Set",
    "StaleAccessorError",
    "StorageError",
    "SyncConfiguration",
    "SyncError",
    "SyncOperationAborted",
    "SyncSession",
    "SyncTimeoutError",
    "TransformError",
    "Timestamp",
    "User",
    "WriteTimeoutError",
    "WrongTransactionStateError",
    "__version__",
    "primary_key",
]
