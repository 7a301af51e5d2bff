"""What a realm is opened with: the fields of a configuration, where the file lies, the classes.

A configuration is a mapping or any object with these attributes; Configuration is the one to use.
Opening itself is in realm.py, the rules for schemas in schema.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from realmsync import _core
from realmsync.errors import InvalidArgumentError
from realmsync.model.objects import BaseObject, schema_of
from realmsync.model.schema import ClassSchema, parse_class

DEFAULT_PATH = "default.realm"


@runtime_checkable
class Synchronisation(Protocol):
    """What `sync` of a configuration does for its realm: a SyncConfiguration of realmsync.sync.

    The door through which realms, who know nothing of sync, come to it.
    """

    def _path(self, path: str | os.PathLike[str] | None) -> Path:
        """Where the file lies when the configuration says `path`."""

    def _attach(self, file: _core.RealmFile) -> Any:
        """The session of a realm that has just been opened; its `_release` is called at the end."""

    def _open(self, config: Any) -> Any:
        """The OpenRealmTask of a configuration: opens at once, or after a download."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Configuration of a realm. See `Realm` for the fields."""

    path: str | os.PathLike[str] | None = None
    schema: Iterable[Any] | None = None
    schema_version: int = 0
    sync: Synchronisation | None = None  # a SyncConfiguration
    durability: str = "full"


FIELDS = {field.name for field in fields(Configuration)}


def option(config: Any, name: str, default: Any = None) -> Any:
    """A field of a configuration, which is a mapping or an object with attributes."""
    if config is None:
        return default
    if isinstance(config, Mapping):
        return config.get(name, default)
    return getattr(config, name, default)


def synchronisation(config: Any) -> Synchronisation | None:
    """The field `sync` of a configuration; TypeError for what cannot synchronise."""
    sync = option(config, "sync")
    if sync is not None and not isinstance(sync, Synchronisation):
        raise TypeError(f"Expected 'sync' to be a SyncConfiguration, got {sync!r}")
    return sync


def file_path(config: Any) -> Path:
    """Where the realm of a configuration lies."""
    path = option(config, "path")
    if path is not None and not str(path):
        raise InvalidArgumentError("the path must not be empty")
    sync = synchronisation(config)
    if sync is not None:
        return sync._path(path)
    return Path(path if path is not None else DEFAULT_PATH)


def read_schema(declared: Iterable[Any]) -> list[ClassSchema]:
    """The classes that a configuration declares. InvalidArgumentError for what is no class."""
    classes: list[ClassSchema] = []
    for entry in declared:
        if isinstance(entry, ClassSchema):
            classes.append(entry)
        elif isinstance(entry, type) and issubclass(entry, BaseObject):
            classes.append(schema_of(entry))
        elif isinstance(entry, Mapping):
            classes.append(parse_class(entry))
        else:
            raise InvalidArgumentError(f"cannot read a class from {entry!r}")
    return classes
