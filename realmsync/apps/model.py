"""The normalised application: what the server obeys, whichever way its configuration came.

Immutable: a change makes a new App (load.py), which replaces the running one in one step. Here is
no reading and no checking; expressions stay as they were written, compiled ones are in
permissions.py. Specification: app-configuration.md sections 1, 4, 5, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from realmsync.enums import Text

# A JSON value as it was written: `%%` expansions, operators and extended JSON included.
Expression = Any


class SyncMode(Text):
    """How an application synchronises."""

    NONE = "none"
    PARTITION = "partition"
    FLEXIBLE = "flexible"


class SyncState(Text):
    """Whether clients are served (section 4.3)."""

    ENABLED = "enabled"
    DISABLED = "disabled"  # paused
    TERMINATED = ""  # or never started


class ClassKind(Text):
    """What objects of a class are."""

    TOP = "top"
    EMBEDDED = "embedded"
    ASYMMETRIC = "asymmetric"


@dataclass(frozen=True)
class PartitionConfiguration:
    """Partition-based sync: the key that all objects of a realm share."""

    key: str  # name of the property
    type: str  # string, objectId, long or uuid
    required: bool = False
    read: Expression | None = None  # None: nobody
    write: Expression | None = None


@dataclass(frozen=True)
class QueryableFields:
    """What subscriptions and filters may use; `_id` always (section 4.5)."""

    everywhere: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()  # at most one
    by_class: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, cls: str) -> frozenset[str]:
        """Those of one class."""
        return frozenset({"_id", *self.everywhere, *self.by_class.get(cls, ())})


@dataclass(frozen=True)
class SyncConfiguration:
    """Section 4.1, whatever the layout said where."""

    mode: SyncMode = SyncMode.NONE
    state: SyncState = SyncState.TERMINATED
    development_mode: bool = False
    service: str | None = None
    database: str | None = None  # of classes that development mode adds
    partition: PartitionConfiguration | None = None  # in partition mode
    queryable: QueryableFields = field(default_factory=QueryableFields)
    asymmetric: tuple[str, ...] = ()  # class names
    max_offline_days: int = 30  # 0: any time
    recovery: bool = True


@dataclass(frozen=True)
class Property:
    """A property of a class."""

    name: str
    # bool, int, double, float, decimal128, string, data, date, objectId, uuid, mixed, link,
    # embedded; of a collection: of its elements.
    type: str
    nullable: bool  # of a collection: its elements
    collection: str | None = None  # list, set or dictionary
    target: str | None = None  # class of a link or embedded object


@dataclass(frozen=True)
class Class:
    """A Realm class. Its name is what clients declare; collections never reach them."""

    name: str
    kind: ClassKind
    properties: tuple[Property, ...]
    primary_key: str | None = None
    database: str | None = None  # None of embedded classes
    collection: str | None = None


@dataclass(frozen=True)
class FieldRights:
    """A role's rights on fields: sync takes booleans; None is what was not said."""

    read: Expression | None = None
    write: Expression | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)  # embedded fields; not for sync


@dataclass(frozen=True)
class Role:
    """A bundle of permissions (section 5.1)."""

    name: str
    apply_when: Expression = field(default_factory=dict)
    read_filter: Expression | None = None  # document_filters.read; None: not said
    write_filter: Expression | None = None
    read: Expression | None = None
    write: Expression | None = None
    insert: Expression = True
    delete: Expression = True
    search: Expression = True
    fields: Mapping[str, FieldRights] = field(default_factory=dict)
    additional_fields: FieldRights | None = None
    # Why sync cannot use it (section 5.4): it then ends the search for a role, without any right.
    unusable: str | None = None


@dataclass(frozen=True)
class Provider:
    """A way to log in."""

    name: str  # and type: anon-user, local-userpass, api-key, …
    disabled: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    secret_config: Mapping[str, Any] = field(default_factory=dict)  # names of secrets
    # What was found under those names, by the key of secret_config; missing ones are left out.
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    metadata_fields: tuple[Mapping[str, Any], ...] = ()
    # Why nobody can log in with it all the same, such as a missing secret.
    unusable: str | None = None
    # Domains of e-mail addresses that may log in by OpenID; () is any.
    domain_restrictions: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomUserData:
    """The collection with a document for each user (section 8.3)."""

    database: str
    collection: str
    user_id_field: str
    service: str | None = None
    on_user_creation: str | None = None  # a function
    enabled: bool = True


@dataclass(frozen=True)
class Function:
    """A function by name (section 9.1)."""

    name: str
    source: str | None = None  # JavaScript
    private: bool = False
    can_evaluate: Expression = field(default_factory=dict)
    run_as_system: bool = False
    run_as_user_id: str | None = None
    disable_arg_logs: bool = False
    implementation: str | None = None  # in Python, as module:attribute; of realmsync.toml alone
    path: str = field(default="", compare=False)  # of its source, for diagnostics


@dataclass(frozen=True)
class App:
    """An application."""

    id: str  # client app id
    name: str
    sync: SyncConfiguration = field(default_factory=SyncConfiguration)
    classes: Mapping[str, Class] = field(default_factory=dict)
    not_synced: Mapping[str, str] = field(default_factory=dict)  # classes left out, and why
    # By class: the roles of sync in order. A class that is absent has the default roles.
    roles: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)
    default_roles: tuple[Role, ...] = ()
    # The same of the MongoDB service, by (database, collection), where they are not those of sync.
    service_roles: Mapping[tuple[str, str], tuple[Role, ...]] = field(default_factory=dict)
    service_default_roles: tuple[Role, ...] = ()
    providers: Mapping[str, Provider] = field(default_factory=dict)  # by type
    custom_user_data: CustomUserData | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)
    # Secrets looked up; absent where they are missing. Never shown: hence not in a repr.
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # Of values that come from a secret, the secret's name.
    secret_values: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""  # tag
    environment_values: Mapping[str, Any] = field(default_factory=dict)  # of this environment
    location: str = "US-VA"
    deployment_model: str = "GLOBAL"
    provider_region: str = ""
    allowed_origins: tuple[str, ...] = ()

    def roles_of(self, cls: str) -> tuple[Role, ...]:
        """The roles that are looked at in a class, in order (section 5.2)."""
        return self.roles.get(cls) or self.default_roles
