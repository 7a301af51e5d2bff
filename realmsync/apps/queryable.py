"""What the sync configuration says of classes by name, once the classes are known: queryable fields
and asymmetric classes.

Specification: app-configuration.md 4.1 and 4.5, query-language.md 20.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import Class, ClassKind, QueryableFields, SyncConfiguration

# Words of the query language, which no queryable field can be named like: in any case of letters
# and as they are.
_RESERVED = {
    *("and", "asc", "ascending", "beginswith", "between", "contains", "desc", "descending"),
    *("distinct", "endswith", "falsepredicate", "inf", "infinity", "like", "limit", "nan", "nil"),
    *("null", "or", "sort", "subquery", "truepredicate"),
}
_RESERVED_EXACTLY = {
    *("ALL", "ANY", "B64", "FALSE", "IN", "NONE", "NOT", "SOME", "TRUE", "all", "any", "false"),
    *("in", "none", "not", "oid", "some", "true", "uuid"),
}

_INDEXED_TYPES = ("int", "string", "objectId", "uuid")


def is_reserved(name: str) -> bool:
    """Whether a field of this name cannot be queryable."""
    return name.lower() in _RESERVED or name in _RESERVED_EXACTLY


def resolve(
    sync: SyncConfiguration, classes: Mapping[str, Class], path: str, findings: Findings
) -> SyncConfiguration:
    """The configuration with classes by their names, which may be named by collection as well.

    Reserved names are reported, once each, and are not queryable. `path`: of the configuration.
    """
    fields = sync.queryable
    by_class: dict[str, tuple[str, ...]] = {}
    for name, own in fields.by_class.items():
        for cls in _classes_of(name, classes):
            by_class[cls] = _once((*by_class.get(cls, ()), *own))
    names = _once((*fields.everywhere, *(n for own in by_class.values() for n in own)))
    for name in filter(is_reserved, names):
        text = f"{name} is a word of the query language: the field is not queryable"
        findings.warning("schema.reserved_name", path, text, name)
    queryable = QueryableFields(
        _allowed(fields.everywhere),
        _allowed(fields.indexed),
        {cls: _allowed(own) for cls, own in by_class.items()},
    )
    for name in fields.indexed:
        _check_indexed(name, fields, classes, path, findings)
    asymmetric = _once(cls for name in sync.asymmetric for cls in _classes_of(name, classes))
    return replace(sync, queryable=queryable, asymmetric=asymmetric)


def narrowed(old: QueryableFields, new: SyncConfiguration) -> tuple[str, ...]:
    """What subscriptions that were served may not do any more, a text for each."""
    found = [
        f"every subscription must name values of {name}, the indexed queryable field"
        for name in new.queryable.indexed
        if name not in old.indexed
    ]
    if new.development_mode:
        return tuple(found)  # what is asked about becomes queryable
    everywhere = [n for n in old.everywhere if n not in new.queryable.everywhere]
    found += [f"{name} is queryable no more" for name in everywhere]
    for cls, own in old.by_class.items():
        gone = [name for name in own if name not in new.queryable.of(cls)]
        found += [f"{name} of {cls} is queryable no more" for name in gone]
    return tuple(found)


def _classes_of(name: str, classes: Mapping[str, Class]) -> list[str]:
    """The classes that a name means; itself when there is none, for clients may make it."""
    if name in classes:
        return [name]
    found = [cls.name for cls in classes.values() if cls.collection == name]
    return found or [name]


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _allowed(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in _once(names) if not is_reserved(name))


def _check_indexed(
    name: str,
    fields: QueryableFields,
    classes: Mapping[str, Class],
    path: str,
    findings: Findings,
) -> None:
    key = "indexed_queryable_fields_names"
    if name not in fields.everywhere:
        text = f"{name} is not among queryable_fields_names"
        findings.error("sync.indexed_field", path, text, key)
        return
    for cls in classes.values():
        if cls.kind is ClassKind.EMBEDDED:
            continue
        found = next((p for p in cls.properties if p.name == name), None)
        if found is None or found.collection or found.type not in _INDEXED_TYPES:
            text = f"{cls.name} lacks a property {name} of type int, string, objectId or uuid"
            findings.error("sync.indexed_field", path, text, key)
