"""What a realm is opened with: the fields of a configuration, where the file lies, the classes.

A configuration is a mapping or any object with these attributes; Configuration is the one to use.
Opening itself is in realm.py, the rules for schemas in schema.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realmsync.errors import InvalidArgumentError
from realmsync.model.objects import BaseObject, schema_of
from realmsync.model.schema import ClassSchema, parse_class

if TYPE_CHECKING:
    from realmsync.sync.config import SyncConfiguration

DEFAULT_PATH = "default.realm"
FIELDS = {"path", "schema", "schema_version", "sync", "durability"}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Configuration of a realm. See `Realm` for the fields."""

    path: str | os.PathLike[str] | None = None
    schema: Iterable[Any] | None = None
    schema_version: int = 0
    sync: SyncConfiguration | None = None
    durability: str = "full"


def synced_part(module: str) -> Any:
    """A module of the synchronised part, loaded when the first realm needs it."""
    return import_module(f"realmsync.sync.{module}")


def option(config: Any, name: str, default: Any = None) -> Any:
    """A field of a configuration, which is a mapping or an object with attributes."""
    if config is None:
        return default
    if isinstance(config, Mapping):
        return config.get(name, default)
    return getattr(config, name, default)


def file_path(config: Any) -> Path:
    """Where the realm of a configuration lies."""
    path = option(config, "path")
    if path is not None and not str(path):
        raise InvalidArgumentError("the path must not be empty")
    if option(config, "sync") is not None:
        return Path(synced_part("session").realm_path(config))
    return Path(path if path is not None else DEFAULT_PATH)


def read_schema(declared: Iterable[Any]) -> list[ClassSchema]:
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
