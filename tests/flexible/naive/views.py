"""What a file must hold: query sets, the rights of a role, and the objects that both let through.

What lives here: the body of a QUERY as a predicate, permissions as rights on fields, `visible`.
Queries are evaluated by the naive model of `tests/query`, expressions of roles by the second
evaluator of `tests/security`. What becomes of a write is in `judging`.
Specification: flexible-sync.md 4, 10.1, 17.1; app-configuration.md 5.2 to 5.5.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from bson import ObjectId

from flexible.naive.objects import (
    LINK,
    SINGLE,
    Column,
    Entries,
    Fields,
    Items,
    Key,
    Members,
    Named,
    State,
    Table,
)
from flexible.naive.subscriptions import NoSubscription, as_meant, parsed
from query.naive import dataset, values
from query.naive.binder import Binder
from query.naive.errors import Refused
from query.naive.paths import Mapping as Names
from query.naive.paths import Scope as Owner
from security.second_evaluator import Bad, Rights, Scope, role_of

_TYPES = {
    **{0: "mixed", 1: "int", 2: "bool", 3: "string", 4: "binary", 5: "timestamp", 6: "float"},
    **{7: "double", 8: "decimal128", 9: "link", 10: "objectId", 11: "uuid"},
}
_COLLECTIONS = (None, "list", "dictionary", "set")
EVERYTHING = {"document_filters": {"read": True, "write": True}, "read": True, "write": True}


class BadQuery(Exception):
    """A query set that has to be answered by QUERY_ERROR (5.4)."""


# -- query sets ------------------------------------------------------------------------------------


class Queries:
    """A subscription set as it travels: the alternatives of each class (4)."""

    def __init__(self, alternatives: Mapping[str, list[str]]) -> None:
        self.alternatives = {name: list(texts) for name, texts in alternatives.items() if texts}

    @classmethod
    def of_body(cls, body: str) -> Queries:
        """From the body of a QUERY or an IDENT, where a class has one text."""
        return cls({name: [text] for name, text in json.loads(body).items()})

    def body(self) -> str:
        """As it travels: classes and distinct texts in the order of their bytes."""
        texts = {
            name: " OR ".join(f"({text})" for text in sorted(set(each), key=str.encode))
            for name, each in self.alternatives.items()
        }
        return json.dumps(
            dict(sorted(texts.items(), key=lambda item: item[0].encode())),
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def check(self, state: State) -> None:
        """Raises BadQuery for what the server's classes give no meaning."""
        for table in self.alternatives:
            self._nodes(state, table)

    def matches(self, state: State, about: Named) -> bool:
        """Whether one of the alternatives of its class matches an object, which exists."""
        if about[0] not in self.alternatives:
            return False
        item = _data_of(state)[1][about]
        return any(node.matches(item) for node in self._nodes(state, about[0]))

    def _nodes(self, state: State, table: str) -> list[Any]:
        memo_key = ("nodes", table, tuple(self.alternatives[table]))
        if memo_key not in state.memo:
            known = state.tables.get(table)
            if known is None or known.pk_field is None or known.asymmetric:
                raise BadQuery(f"no class {table}")
            data = _data_of(state)[0]
            try:
                binder = Binder(data, [], Names())
                owner = Owner(data.classes[table])
                state.memo[memo_key] = [
                    binder.top(as_meant(parsed(text).query, known.columns), owner)
                    for text in self.alternatives[table]
                ]
            except (Refused, NoSubscription) as error:
                raise BadQuery(str(error)) from error
        nodes: list[Any] = state.memo[memo_key]
        return nodes


def _data_of(state: State) -> tuple[dataset.Dataset, dict[Named, values.Object]]:
    """A state as the query model reads it, made once."""
    if "data" not in state.memo:
        state.memo["data"] = _loaded(state)
    data: tuple[dataset.Dataset, dict[Named, values.Object]] = state.memo["data"]
    return data


def _loaded(state: State) -> tuple[dataset.Dataset, dict[Named, values.Object]]:
    classes = {name: _class_of(state, name, table) for name, table in state.tables.items()}
    data = dataset.Dataset(classes, {name: [] for name in classes})
    found: dict[Named, values.Object] = {}
    for table, objects in state.objects.items():
        for key in objects:
            item = values.Object(table)
            item.values["_id"] = _scalar(key[0], {"v": key[1]})
            data.objects[table].append(item)
            found[table, key] = item
    for about, item in found.items():
        image = state.image(about)
        assert image is not None
        for name, value in image.items():
            item.values[name] = _loaded_value(value, found, data)
    return data, found


def _class_of(state: State, name: str, table: Table) -> dataset.Class:
    def of(prop: str, column: Column) -> dataset.Property:
        is_embedded = column.type == LINK and state.is_embedded(column.target or "")
        collection = _COLLECTIONS[column.collection]
        is_nullable = column.nullable or column.type in (0, LINK) and column.collection == SINGLE
        return dataset.Property(
            prop,
            _TYPES[column.type],
            is_nullable,
            collection,
            column.target or "",
            False,
            is_embedded,
        )

    properties = {prop: of(prop, column) for prop, column in table.columns.items()}
    if table.pk_field is not None:
        key = Column(table.pk_type or 0, False, SINGLE)
        properties = {"_id": of("_id", key)} | properties
    return dataset.Class(name, table.pk_field, properties)


def _loaded_value(value: Any, found: dict[Named, values.Object], data: dataset.Dataset) -> Any:
    if isinstance(value, (Items, Members)):
        return values.List(_loaded_value(each, found, data) for each in value)
    if isinstance(value, Entries):
        pairs = ((k, _loaded_value(each, found, data)) for k, each in value.items())
        return values.Dictionary(pairs)
    if isinstance(value, Fields):
        item = values.Object(value.table)
        data.objects[value.table].append(item)
        for name, each in value.items():
            item.values[name] = _loaded_value(each, found, data)
        return values.Link(value.table, id(item), item)
    if value["t"] == "link":
        key: Key = (value["pk"]["t"], value["pk"].get("v"))
        target = found.get((value["table"], key))
        return values.Link(value["table"], _scalar(key[0], {"v": key[1]}), target)
    return _scalar(value["t"], value)


def _scalar(kind: str, value: Mapping[str, Any]) -> Any:
    if kind in ("int", "bool", "string"):
        return value["v"]
    if kind == "double":
        return struct.unpack("<d", bytes.fromhex(value["hex_le"]))[0]
    if kind == "float":
        return values.Float(struct.unpack("<f", bytes.fromhex(value["hex_le"]))[0])
    if kind == "timestamp":
        return values.Timestamp(value["s"], value["ns"])
    if kind == "binary":
        return bytes.fromhex(value["hex"])
    if kind == "objectid":
        return values.ObjectId.fromhex(value["v"])
    if kind == "uuid":
        return values.Uuid.fromhex(value["v"].replace("-", ""))
    if kind == "decimal128":
        return dataset.decimal_of(dict(value))
    assert kind == "null", kind
    return None


def number_of(payload: Mapping[str, Any]) -> float:
    """A coordinate; what is no double is nowhere."""
    return float(_scalar("double", payload)) if payload["t"] == "double" else float("nan")


# -- permissions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Permissions:
    """The rules of an app for one user at one moment: fixed for a session (5.3)."""

    rules: dict[str, list[Any]] = field(default_factory=dict)
    default: list[Any] = field(default_factory=lambda: [EVERYTHING])
    roots: dict[str, Any] = field(default_factory=dict)  # what %%user and the others stand for

    def role(self, table: str) -> Any:
        """The role that gives the user rights in a class, or None (5.2, 5.4)."""
        scope = Scope(self.roots, _no_functions)
        role = role_of(self.rules.get(table, []), self.default, scope)
        return role if role is not None and _is_usable(role) else None

    def rights(self, state: State, table: str) -> Rights:
        """What that role gives."""
        names = list(state.tables[table].columns)
        return Rights(self.role(table), names, Scope(self.roots, _no_functions))


def _no_functions(name: str, arguments: list[Any]) -> Any:
    raise Bad(f"{name}({arguments}): filters call nothing")


def _is_usable(role: Any) -> bool:
    filters, fields = role.get("document_filters", {}), role.get("fields", {})
    rights = [role, role.get("additional_fields", {}), *fields.values()]
    return (
        "read" in filters
        and "write" in filters
        and "_id" not in fields
        and all(isinstance(each.get(k, True), bool) for each in rights for k in ("read", "write"))
    )


def document_of(state: State, about: Named) -> dict[str, Any]:
    """An object as expressions read it; raises for one that is not there."""
    image = state.image(about)
    assert image is not None, about
    document = {name: _plain(value) for name, value in image.items()}
    return {"_id": _plain({"t": about[1][0], "v": about[1][1]})} | document


def _plain(value: Any) -> Any:
    if isinstance(value, (Items, Members)):
        return [_plain(each) for each in value]
    if isinstance(value, (Entries, Fields)):
        return {name: _plain(each) for name, each in value.items()}
    kind = value["t"]
    if kind == "objectid":
        return ObjectId(value["v"])
    if kind == "uuid":
        return UUID(value["v"])
    if kind == "timestamp":
        start = datetime(1970, 1, 1, tzinfo=timezone.utc)
        return start + timedelta(seconds=value["s"], microseconds=value["ns"] // 1000)
    if kind in ("float", "double"):
        scalar = _scalar(kind, value)
        return scalar.value if kind == "float" else scalar
    return value.get("v")


# -- views -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What one session looks at: a query set, and what its user may. `indexed` and `geo` are the
    app's queryable fields of those kinds, which writes must not change, or not corrupt."""

    queries: Queries
    permissions: Permissions
    indexed: tuple[str, ...] = ()
    geo: tuple[str, ...] = ()

    def is_asked_for(self, state: State, about: Named) -> bool:
        """Whether the queries match an object; one that does not exist they do not."""
        return state.raw(about) is not None and self.queries.matches(state, about)

    def readable(self, state: State, about: Named) -> frozenset[str]:
        """The fields that the user may read of an object, whatever the queries say."""
        if state.raw(about) is None:
            return frozenset()
        rights = self.permissions.rights(state, about[0])
        return frozenset(rights.readable(document_of(state, about)))

    def sees(self, state: State, about: Named) -> frozenset[str]:
        """The fields that the file must hold of an object; none: the object is not in the view."""
        memo_key = ("sees", self, about)
        if memo_key not in state.memo:
            table = state.tables.get(about[0])
            is_of_view = table is not None and not table.asymmetric and table.pk_field is not None
            is_seen = is_of_view and self.is_asked_for(state, about)
            state.memo[memo_key] = self.readable(state, about) if is_seen else frozenset()
        fields: frozenset[str] = state.memo[memo_key]
        return fields

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def visible(state: State, view: View) -> dict[Named, dict[str, Any]]:
    """Exactly the objects that a file of this view must hold, and of each what can be read."""
    images = {}
    for about, image in state.everything().items():
        fields = view.sees(state, about)
        if fields:
            images[about] = {name: value for name, value in image.items() if name in fields}
    return images


@dataclass(frozen=True)
class Difference:
    """One object, or one of its fields, that a copy has otherwise than it must."""

    about: Named
    what: str  # "extra", "missing", "wrong" or "unreadable"
    field: str = ""
    has: Any = None
    must: Any = None

    def __str__(self) -> str:
        table, key = self.about
        name = f"{table}[{key[1]}]" + (f".{self.field}" if self.field else "")
        values = f": has {self.has}, must be {self.must}" if self.what == "wrong" else ""
        return f"{name} {self.what}{values}"


def differences(
    copy: State, must: Mapping[Named, Mapping[str, Any]], but: frozenset[Named] = frozenset()
) -> list[Difference]:
    """What of a copy is not as it must be; objects of `but` are not looked at."""
    found = []
    held = {
        about: image
        for about, image in copy.everything().items()
        if not copy.tables[about[0]].asymmetric
    }
    for about, image in held.items():
        if about in but:
            continue
        if about not in must:
            found.append(Difference(about, "extra"))
            continue
        wanted = must[about]
        for name, value in image.items():
            if name in wanted:
                if value != wanted[name]:
                    found.append(Difference(about, "wrong", name, value, wanted[name]))
            elif value != copy.default(about[0], name):
                found.append(Difference(about, "unreadable", name, value))
        absent = [name for name in wanted if name not in image]
        found += [Difference(about, "wrong", name, None, wanted[name]) for name in absent]
    asymmetric = {name for name, table in copy.tables.items() if table.asymmetric}
    missing = [a for a in must if a not in held and a not in but and a[0] not in asymmetric]
    return found + [Difference(about, "missing") for about in missing]
