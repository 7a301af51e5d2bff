"""Classes as realmsync.toml writes them: a property a line, with its type in one word.

    name = "string"        note = "string?"       optional
    tags = "string[]"      kinds = "string<>"     counts = "int{}"    list, set, dictionary
    owner = "Person"       friends = "Person[]"   links; of embedded classes the objects themselves

Specification: app-configuration.md 7.3 and 7.4, for what these types are.
"""

from __future__ import annotations

import re
from collections.abc import Set

from realmsync.apps.keys import Keys
from realmsync.apps.model import Class, ClassKind, Property

TYPES = (
    *("bool", "int", "float", "double", "decimal128", "string", "data", "date"),
    *("objectId", "uuid", "mixed"),
)
_COLLECTIONS = {"": None, "[]": "list", "<>": "set", "{}": "dictionary"}
_TYPE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\?)?(\[\]|<>|\{\})?")
_NULLABLE = ("mixed", "embedded", "link")


def read_class(keys: Keys, name: str, kind: ClassKind, database: str, names: Names) -> Class:
    """The class of a table of properties; findings say what is wrong."""
    properties = [_property(keys, key, names) for key in keys.content]
    is_embedded = kind is ClassKind.EMBEDDED
    return Class(
        name,
        kind,
        tuple(made for made in properties if made is not None),
        None if is_embedded else "_id",
        None if is_embedded else database,
        None if is_embedded else name,
    )


class Names:
    """Which names are classes, and which of these are embedded."""

    def __init__(self, classes: Set[str], embedded: Set[str]) -> None:
        self._classes = classes
        self._embedded = embedded

    def kind_of(self, name: str) -> tuple[str, str | None] | None:
        """The type of a property that names it, and its target; None for what is no type."""
        if name in self._embedded:
            return "embedded", name
        if name in self._classes:
            return "link", name
        return (name, None) if name in TYPES else None

    def all(self) -> list[str]:
        return sorted(self._classes | self._embedded)


def _property(keys: Keys, name: str, names: Names) -> Property | None:
    text = keys.text(name)
    found = _TYPE.fullmatch(text)
    kind = None if found is None else names.kind_of(found[1])
    if found is None or kind is None:
        if isinstance(keys.said(name), str):
            known = ", ".join([*TYPES, *names.all()])
            keys.bad(name, f"{text!r:.60} is no type: those are {known}, with ?, [], <> or {{}}")
        return None
    collection = _COLLECTIONS[found[3] or ""]
    is_nullable = found[2] is not None or _is_always_nullable(kind[0], collection)
    if kind[1] is not None and found[2] and collection in ("list", "set"):
        keys.bad(name, "lists and sets of objects hold no null")
    return Property(name, kind[0], is_nullable, collection, kind[1])


def _is_always_nullable(kind: str, collection: str | None) -> bool:
    if kind == "mixed":
        return True
    return kind in _NULLABLE and collection in (None, "dictionary")
