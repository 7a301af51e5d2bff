"""What a realm is opened with: the fields of a configuration, where the file lies, the classes.

A configuration is a mapping or any object with these attributes; Configuration is the one to use.
Opening itself is in realm.py, the rules for schemas in schema.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

from realmsync import _core
from realmsync.callbacks import is_async
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    InvalidArgumentError,
    StorageError,
)
from realmsync.folders import make_private_folder
from realmsync.model.objects import BaseObject, EmbeddedObject, Object, schema_of
from realmsync.model.schema import ClassSchema, parse_class
from realmsync.naming import fields_by_name, require_fields, shown

Durability = Literal["full", "process"]
DEFAULT_PATH = "default.realm"


@runtime_checkable
class Synchronisation(Protocol):
    """What `sync` of a configuration does for its realm: a SyncConfiguration of realmsync.sync.

    The door through which realms, who know nothing of sync, come to it.
    """

    def _is_flexible(self) -> bool:
        """Whether it is flexible sync, which knows asymmetric classes."""

    def _path(self, path: str | os.PathLike[str] | None) -> Path:
        """Where the file lies when the configuration says `path`."""

    def _before_opening(self, path: Path) -> None:
        """May still replace the file."""

    def _claim(self, file: _core.RealmFile) -> None:
        """Raises for a file that this must not synchronise. May block for its writers."""

    def _attach(self, file: _core.RealmFile, schema_version: int | None) -> Any:
        """The session of a realm that has just been opened; its `_release` is called at the end."""

    def _open(self, config: Any) -> Any:
        """The OpenRealmTask of a configuration: opens at once, or after a download."""

    def _subscriptions(self, realm: Any) -> Any:
        """The SubscriptionSet of a realm; IllegalOperationError if it is not flexible."""

    def _initial_update(self, realm: Any) -> Any:
        """The update that a realm begins with, to be run or awaited, or None."""


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class MigrationOptions:
    """How a local realm is migrated: `migration_options` of a configuration, as a mapping too.

    resolve_embedded_constraints: when a class becomes embedded, objects that nothing refers to are
    deleted, and those that several refer to are copied for each, where the migration fails without.
    """

    resolve_embedded_constraints: bool = False


@fields_by_name
@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Configuration of a realm. See `Realm` for the fields."""

    path: str | os.PathLike[str] | None = None
    schema: Iterable[Any] | None = None
    schema_version: int | None = None
    sync: Synchronisation | None = None  # a SyncConfiguration
    durability: Durability = "full"
    on_migration: Callable[[Any, Any], object] | None = None
    migration_options: MigrationOptions | Mapping[str, Any] | None = None
    delete_realm_if_migration_needed: bool = False


class ConfigurationFields(TypedDict, total=False):
    """The fields of a Configuration as keyword arguments, for editors and type checkers."""

    path: str | os.PathLike[str] | None
    schema: Iterable[Any] | None
    schema_version: int | None
    sync: Synchronisation | None
    durability: Durability
    on_migration: Callable[[Any, Any], object] | None
    migration_options: MigrationOptions | Mapping[str, Any] | None
    delete_realm_if_migration_needed: bool


FIELDS = [field.name for field in fields(Configuration)]
# What Realm's configurations have for local realms alone (client-session.md 7.4).
_LOCAL_ONLY = (
    "in_memory",
    "on_migration",
    "migration_options",
    "delete_realm_if_migration_needed",
)


def configured(config: Any, by_name: Mapping[str, Any]) -> Any:
    """The configuration that was given, whole or by keyword arguments, checked but for its classes.

    ArgumentTypeError for what is no configuration or not of a field's type, InvalidArgumentError
    for unknown fields.
    """
    if by_name:
        if config is not None:
            raise InvalidArgumentError("give a configuration or keyword arguments, not both")
        config = by_name
    _refuse_with_sync(config)
    if isinstance(config, Mapping):
        require_fields("a realm's configuration", config, FIELDS)
    elif config is not None:
        _require_configuration(config)
    path, schema = option(config, "path"), option(config, "schema")
    if path is not None and not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(f"Expected 'path' to be a str or a Path, got {shown(path)}")
    if path is not None:
        _require_path(os.fspath(path))
    if isinstance(schema, type | str | bytes | Mapping):
        raise ArgumentTypeError(f"Expected 'schema' to be a list of classes: [{_name(schema)}]")
    if schema is not None and not isinstance(schema, Iterable):
        raise ArgumentTypeError(f"Expected 'schema' to be a list of classes, got {shown(schema)}")
    _require_version(option(config, "schema_version"))
    _require_migration(config)
    return config


def _refuse_with_sync(config: Any) -> None:
    if option(config, "sync") is None:
        return
    for name in _LOCAL_ONLY:
        # A dataclass has each of them; who writes a mapping has said so.
        if option(config, name) or (isinstance(config, Mapping) and name in config):
            raise _not_both(name, "sync")


def _not_both(name: str, other: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"The realm configuration options '{name}' and '{other}' cannot both be defined."
    )


def _require_version(version: Any) -> None:
    if version is None:
        return
    if not isinstance(version, int) or isinstance(version, bool):
        raise ArgumentTypeError(f"Expected 'schema_version' to be an int, got {version!r}")
    if version < 0:
        raise InvalidArgumentError(f"'schema_version' counts from 0, got {version}")
    if version >= 2**63:
        raise InvalidArgumentError(f"'schema_version' is below 2**63, got {version}")


def _require_migration(config: Any) -> None:
    callback, anew = (
        option(config, "on_migration"),
        option(config, "delete_realm_if_migration_needed", False),
    )
    if not isinstance(anew, bool):
        raise ArgumentTypeError(
            f"Expected 'delete_realm_if_migration_needed' to be a bool, got {shown(anew)}"
        )
    migration_options(config)
    if callback is None:
        return
    if not callable(callback):
        raise ArgumentTypeError(f"Expected 'on_migration' to be a function, got {shown(callback)}")
    if is_async(callback):
        raise InvalidArgumentError("'on_migration' cannot be asynchronous: it is one transaction")
    if anew:
        raise _not_both("on_migration", "delete_realm_if_migration_needed")
    for name in ("schema", "schema_version"):
        if option(config, name) is None:
            raise InvalidArgumentError(f"'on_migration' is never called without '{name}'")


def migration_options(config: Any) -> MigrationOptions:
    """The field `migration_options` of a configuration; ArgumentTypeError for what are none."""
    given = option(config, "migration_options")
    if isinstance(given, Mapping):
        given = MigrationOptions(**given)
    if given is None:
        given = MigrationOptions()
    if not isinstance(given, MigrationOptions):
        raise ArgumentTypeError(
            f"Expected 'migration_options' to be MigrationOptions, got {shown(given)}"
        )
    if not isinstance(given.resolve_embedded_constraints, bool):
        raise ArgumentTypeError(
            "Expected 'resolve_embedded_constraints' to be a bool, got"
            f" {shown(given.resolve_embedded_constraints)}"
        )
    return given


def schema_mode(config: Any) -> _core.SchemaMode:
    """How the file's schema may become that of a configuration (data-model.md 15.1)."""
    if option(config, "delete_realm_if_migration_needed", False):
        return _core.SchemaMode.anew
    is_local = synchronisation(config) is None
    if is_local and option(config, "schema_version") is not None:
        return _core.SchemaMode.automatic
    return _core.SchemaMode.additive


def _require_path(path: str | bytes) -> None:
    if isinstance(path, bytes):
        raise ArgumentTypeError(f"Expected 'path' to be a str or a Path, got {path!r}")
    if "\0" in path:
        raise InvalidArgumentError(f"the path has a NUL character: {path!r}")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"the path has lone surrogates: {path!r}") from None


def _require_configuration(config: Any) -> None:
    if not isinstance(config, type) and any(hasattr(config, name) for name in FIELDS):
        return
    meant = ""
    if isinstance(config, str | os.PathLike):
        meant = f": say Realm(path={os.fspath(config)!r})"
    elif isinstance(config, type | list | tuple):
        meant = ": say Realm(schema=[...])"
    raise ArgumentTypeError(
        f"Expected a Configuration, a mapping or keyword arguments, got {shown(config)}{meant}"
    )


def _name(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def option(config: Any, name: str, default: Any = None) -> Any:
    """A field of a configuration, which is a mapping or an object with attributes."""
    if config is None:
        return default
    if isinstance(config, Mapping):
        return config.get(name, default)
    return getattr(config, name, default)


def durability_of(config: Any) -> Durability:
    """The field `durability` of a configuration; InvalidArgumentError for what is none."""
    durability: Durability = option(config, "durability", "full")
    if durability not in ("full", "process"):
        raise InvalidArgumentError('durability is "full" or "process"')
    return durability


def subscriptions_of(realm: Any) -> Any:
    """The SubscriptionSet of a realm; IllegalOperationError if it is not of flexible sync."""
    sync = synchronisation(realm.config)
    if sync is None:
        raise IllegalOperationError(
            "`subscriptions` can only be accessed if flexible sync is enabled, but this realm is"
            " not synchronised: open it with sync=SyncConfiguration(user=user, flexible=True)"
        )
    return sync._subscriptions(realm)


def initial_update(realm: Any) -> Any:
    """The update of subscriptions that a realm begins with, to be run or awaited, or None."""
    sync = synchronisation(realm.config)
    return None if sync is None else sync._initial_update(realm)


@contextlib.contextmanager
def closed_on_error(realm: Any) -> Iterator[None]:
    """While a realm that is open already may still turn out to be of no use."""
    try:
        yield
    except BaseException:
        realm.close()
        raise


def synchronisation(config: Any) -> Synchronisation | None:
    """The field `sync` of a configuration; ArgumentTypeError for what cannot synchronise."""
    sync: Synchronisation | None = option(config, "sync")
    kind: Any = type(sync)  # which mypy does not take for hashable
    if sync is not None and not _synchronises(kind):
        raise ArgumentTypeError(f"Expected 'sync' to be a SyncConfiguration, got {shown(sync)}")
    return sync


@functools.cache
def _synchronises(kind: type) -> bool:
    """Whether its instances do. Asking the protocol takes as long as opening half a file."""
    return not issubclass(kind, type) and issubclass(kind, Synchronisation)


def file_path(config: Any) -> Path:
    """Where the realm of a configuration lies."""
    path = option(config, "path")
    if path is not None and not str(path):
        raise InvalidArgumentError("the path must not be empty")
    sync = synchronisation(config)
    if sync is not None:
        return sync._path(path)
    return Path(path if path is not None else DEFAULT_PATH)


def open_file(config: Any) -> _core.RealmFile:
    """The file of a realm, which is made when it is missing. Raises as `Realm(config)` does."""
    durability = durability_of(config)
    path = file_path(config)
    make_folder(path)
    sync = synchronisation(config)
    if sync is None:
        return _core.RealmFile.open(str(path), durability=durability)
    sync._before_opening(path)
    return _core.RealmFile.open(str(path), durability=durability)


def make_folder(path: Path) -> None:
    """Makes the folder that a file lies in, its owner's alone; StorageError when that fails."""
    try:
        make_private_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot make the folder {path.parent}: {error.strerror}") from error


def read_schema(declared: Iterable[Any]) -> list[ClassSchema]:
    """The classes that a configuration declares. InvalidArgumentError for what is no class."""
    classes: list[ClassSchema] = []
    for entry in declared:
        if entry in (Object, EmbeddedObject):
            raise InvalidArgumentError(f"derive a class from realmsync.{entry.__name__}")
        if isinstance(entry, ClassSchema):
            classes.append(entry)
        elif isinstance(entry, type) and issubclass(entry, BaseObject):
            classes.append(schema_of(entry))
        elif isinstance(entry, Mapping):
            classes.append(parse_class(entry))
        elif isinstance(entry, type):
            raise InvalidArgumentError(
                f"class '{entry.__name__}' of the schema does not derive from realmsync.Object"
            )
        else:
            raise InvalidArgumentError(
                f"cannot read a class from {entry!r}: a schema has classes, not their names"
                " or instances"
            )
    return classes
