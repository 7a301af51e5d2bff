"""Classes as plain tuples, the form in which the native core takes and gives them.

The core knows nothing of collections: classes that come back belong to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from realmsync.apps.model import Class, ClassKind, Property

# name, type, nullable, collection, target
PlainProperty = tuple[str, str, bool, str | None, str | None]
# name, kind, primary key, properties
PlainClass = tuple[str, str, str | None, list[PlainProperty]]


def to_plain(classes: Mapping[str, Class]) -> list[PlainClass]:
    """All classes. A link may lead to one that stands further behind."""
    return [
        (
            cls.name,
            cls.kind.value,
            cls.primary_key,
            [(p.name, p.type, p.nullable, p.collection, p.target) for p in cls.properties],
        )
        for cls in classes.values()
    ]


def from_plain(classes: Iterable[PlainClass]) -> dict[str, Class]:
    """The classes by name, without collections."""
    return {
        name: Class(name, ClassKind(kind), tuple(Property(*p) for p in properties), primary_key)
        for name, kind, primary_key, properties in classes
    }
