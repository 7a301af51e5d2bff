"""Migrations of local realms: the two realms that `on_migration` is given, and what is around it.

All of it is one transaction (data-model.md 15.5): what is new in the schema is added, properties
of other types begin anew, then comes the callback, and then what is no more in the schema goes,
primary keys are what the callback has made them, and classes become embedded. How objects get
their new form is csrc/tables/schema_rewrite.hpp's.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from realmsync.errors import NoSuchTableError, WrongTransactionStateError
from realmsync.model.configuration import migration_options, option
from realmsync.model.native import schema_of_file
from realmsync.model.objects import EmbeddedObject, Object
from realmsync.model.schema import ClassSchema
from realmsync.model.write import WriteBlock, WriteQueue
from realmsync.naming import meant_or_known

if TYPE_CHECKING:
    from realmsync.model.lifetime import Lifetime


class Migration:
    """One migration of the file of a realm that is being opened."""

    def __init__(self, realm: Lifetime) -> None:
        self._realm = realm
        self._former: dict[str, ClassSchema] = {}
        self._deleted: dict[str, None] = {}
        # What primary keys are going to be, by class and by what they are during the callback.
        self._keys: dict[tuple[int, Any], Any] = {}

    def run(self) -> None:
        """Nothing has changed when it raises."""
        realm = self._realm
        with realm._beside() as old, realm._beside() as new, WriteBlock(new._queue):
            self._former = schema_of_file(old._core.file_schema())
            old._declare(self._former)
            new._declare({c.name: self._in_callback(c) for c in realm._classes})
            for known in (old, new):
                for c in realm._classes:  # the callback may ask for them by their models
                    if c.model is not None and c.name in known._index:
                        known._index[c.model] = known._index[c.name]
            new._migration = self
            queue, new._queue = new._queue, _Unending(new._core, new._file)
            try:
                self._migrate(old, new)
            finally:
                new._queue = queue

    def _migrate(self, old: Lifetime, new: Lifetime) -> None:
        config, declared = self._realm.config, self._realm._core
        version: int = option(config, "schema_version")
        if new._core.schema_version() >= version:
            return  # somebody else was quicker
        new._core.begin_migration(version)
        callback = option(config, "on_migration")
        if callback is not None:
            callback(old, new)
        keys = [(cls, key, now) for (cls, key), now in self._keys.items()]
        is_lenient = migration_options(config).resolve_embedded_constraints
        new._core.end_migration(declared, list(self._deleted), keys, is_lenient)

    def _in_callback(self, declared: ClassSchema) -> ClassSchema:
        """A class as the callback has it: its kind and primary key are the former ones still, or it
        has no primary key yet.
        """
        former = self._former.get(declared.name)
        found = replace(declared, model=None)
        if former is not None and (
            former.embedded != declared.embedded or not _keeps_key(former, declared)
        ):
            properties = tuple(
                replace(p, indexed=False) if p.name == declared.primary_key else p
                for p in declared.properties
            )
            found = replace(found, properties=properties, primary_key=None, embedded=False)
        return replace(found, model=_make_model(found))

    # What the new realm asks for.

    def delete_model(self, name: str) -> None:
        """The class goes with the end of the migration."""
        if name not in self._former:
            meant = meant_or_known(name, list(self._former))
            raise NoSuchTableError(f"The file has no class '{name}'{meant}")
        self._deleted[name] = None

    def key_of(self, cls: int, key: Any) -> Any:
        """What a primary key is going to be."""
        return self._keys.get((cls, key), key)

    def change_key(self, cls: int, key: Any, now: Any) -> None:
        """Has it be another one."""
        self._keys[cls, key] = now


def _keeps_key(former: ClassSchema, declared: ClassSchema) -> bool:
    """Whether primary keys stay what they are as long as nobody changes them."""
    was = former.property(former.primary_key) if former.primary_key is not None else None
    key = declared.property(declared.primary_key) if declared.primary_key is not None else None
    if was is None or key is None:
        return was is key
    same = was.name == key.persisted and was.type == key.type
    return same and (key.optional or not was.optional)


class _Unending(WriteQueue):
    """The transaction of a migration, which the callback cannot end."""

    def commit(self) -> NoReturn:
        raise WrongTransactionStateError("A migration ends with its callback, and not before")

    def cancel(self) -> NoReturn:
        raise WrongTransactionStateError(
            "A migration is undone by an exception that leaves its callback"
        )


class _FreeKey:
    """The descriptor of a primary key during a migration: it can be changed, for the end of it."""

    __slots__ = ("_plain",)

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __get__(self, instance: Any, owner: type) -> Any:
        found = self._plain.__get__(instance, owner)
        if instance is None:
            return found
        return instance._realm._migration.key_of(instance._place.cls, found)

    def __set__(self, instance: Any, value: Any) -> None:
        key = self._plain.__get__(instance, type(instance))  # raises for a deleted object
        cls, realm = instance._place.cls, instance._realm
        realm._core.accessor(cls, value)  # raises for what cannot be a key
        realm._migration.change_key(cls, key, value)


def _make_model(schema: ClassSchema) -> type:
    """A class of objects in the callback."""
    base = EmbeddedObject if schema.embedded else Object
    body: Mapping[str, Any] = {"__slots__": (), "__module__": __name__}
    model = types.new_class(schema.name, (base,), {"schema": schema}, lambda ns: ns.update(body))
    if schema.primary_key is not None:
        setattr(model, schema.primary_key, _FreeKey(model.__dict__[schema.primary_key]))
    return model
