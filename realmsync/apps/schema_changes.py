"""What one schema has that another has not: which changes clients can follow and which reset them,
and the schema that results from a folder and from what clients have made of it.

Specification: app-configuration.md 7.4, 7.6 and 7.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from realmsync.apps.model import Class, ClassKind, Property
from realmsync.apps.schema_documents import PRIMARY_KEY

_SINGLE_ONLY = ("link", "embedded", "mixed")  # types whose nullability is not a choice


@dataclass(frozen=True)
class SchemaChanges:
    """A text for each change."""

    additive: tuple[str, ...]  # clients hear of it
    breaking: tuple[str, ...]  # every client starts afresh


def compare(old: Mapping[str, Class], new: Mapping[str, Class]) -> SchemaChanges:
    """What becomes of `old` when `new` replaces it. Databases and collections are no concern of
    clients, nor is the order of properties."""
    additive, breaking = [], []
    for name, cls in new.items():
        before = old.get(name)
        if before is None:
            additive.append(f"class {name} is new")
        elif before.kind is not cls.kind:
            breaking.append(f"class {name} was {before.kind.value} and is {cls.kind.value}")
        elif before.primary_key != cls.primary_key:
            was, is_now = before.primary_key or "none", cls.primary_key or "none"
            breaking.append(f"the primary key of {name} was {was} and is {is_now}")
        else:
            properties = _compare_properties(before, cls)
            additive += properties.additive
            breaking += properties.breaking
    breaking += [f"class {name} is gone" for name in old if name not in new]
    return SchemaChanges(tuple(additive), tuple(breaking))


def _compare_properties(old: Class, new: Class) -> SchemaChanges:
    before = {p.name: p for p in old.properties}
    after = {p.name: p for p in new.properties}
    additive, breaking = [], []
    for name, made in after.items():
        was = before.get(name)
        if was is None:
            additive.append(f"{new.name}.{name} is new: {describe(made)}")
        elif was != made:
            breaking.append(f"{new.name}.{name} was {describe(was)} and is {describe(made)}")
    breaking += [f"{old.name}.{name} is gone" for name in before if name not in after]
    return SchemaChanges(tuple(additive), tuple(breaking))


def describe(made: Property) -> str:
    """A property's type as people read it, such as "list of string or null"."""
    element = f"{made.type} {made.target}" if made.target else made.type
    if made.nullable and made.type not in _SINGLE_ONLY:
        element += " or null"
    return f"{made.collection} of {element}" if made.collection else element


def with_running(
    folder: Mapping[str, Class], running: Mapping[str, Class], database: str
) -> dict[str, Class]:
    """The folder's classes together with those that the server has by now.

    Classes and properties that clients added in development mode are kept: a class in `database`,
    in a collection of its own name. Where the two differ in what clients may decide (the
    nullability of `_id` and of the elements of collections), the running one has been settled.
    Everything else is as the folder has it.
    """
    made = {
        name: _with_running(cls, running[name]) if name in running else cls
        for name, cls in folder.items()
    }
    for name, cls in running.items():
        if name not in made and cls.kind is ClassKind.EMBEDDED:
            made[name] = cls
        elif name not in made:
            made[name] = replace(cls, database=database, collection=name)
    return made


def _with_running(cls: Class, running: Class) -> Class:
    settled = {p.name: p for p in running.properties}
    own = [
        settled[p.name] if p.name in settled and is_clients_choice(p, settled[p.name]) else p
        for p in cls.properties
    ]
    names = {p.name for p in own}
    added = [p for p in running.properties if p.name not in names]
    return replace(cls, properties=(*own, *added))


def is_clients_choice(ours: Property, clients: Property) -> bool:
    """Whether two declarations of a property differ in nothing but a nullability that schemas
    leave open, so that the first client's counts."""
    is_open = ours.name == PRIMARY_KEY or (
        ours.collection is not None and ours.type not in _SINGLE_ONLY
    )
    return is_open and replace(ours, nullable=clients.nullable) == clients


def plan(
    before: Mapping[str, Class],
    folder: Mapping[str, Class],
    running: Mapping[str, Class],
    database: str,
) -> tuple[dict[str, Class], SchemaChanges]:
    """The app's classes from now on, and how they differ from those that are in force.

    `before` is what the folder had when it was last obeyed, so that what it has no more can be told
    from what clients have added. A class that goes, and to which what they have added leads, stays.
    """
    in_force = with_running(before, running, database)
    after = with_running(folder, _without(running, before, folder), database)
    waiting = list(after)
    while waiting:
        targets = {p.target for p in after[waiting.pop()].properties if p.target is not None}
        for name in sorted(targets - after.keys()):
            after[name] = in_force[name]
            waiting.append(name)
    return after, compare(in_force, after)


def _without(
    running: Mapping[str, Class], before: Mapping[str, Class], folder: Mapping[str, Class]
) -> dict[str, Class]:
    """What runs, without classes and properties that the folder had before and has no more."""
    kept = {}
    for name, cls in running.items():
        if name in folder or name not in before:
            gone = _names(before.get(name)) - _names(folder.get(name))
            properties = tuple(p for p in cls.properties if p.name not in gone)
            kept[name] = replace(cls, properties=properties)
    return kept


def _names(cls: Class | None) -> set[str]:
    return set() if cls is None else {p.name for p in cls.properties}
