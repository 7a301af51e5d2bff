"""The model's front: a text and arguments in, objects or a refusal out; ordering too (15).

Sections are those of query-language.md.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from query.naive import syntax, wording
from query.naive.binder import Binder
from query.naive.dataset import Dataset, Property, decode_plain
from query.naive.errors import Refused, invalid
from query.naive.geo import Shape, box
from query.naive.parser import parse
from query.naive.paths import Mapping, Scope
from query.naive.values import (
    Dictionary,
    Link,
    List,
    Object,
    Value,
    across,
)


@dataclass
class Answer:
    """What a query selects: the keys in order, and the text that describes it."""

    objects: list[Object]
    description: str
    ordered: bool


def argument(encoded: dict[str, Any], data: Dataset) -> Value:
    """An argument in the encoding of the vectors."""
    tag = encoded["t"]
    if tag == "list":
        return List(argument(v, data) for v in encoded["v"])
    if tag == "link":
        pk = decode_plain(encoded["pk"])
        return Link(encoded["class"], pk, data.find(encoded["class"], pk))
    if tag == "geobox":
        return Shape("polygon", [box(tuple(encoded["lo"]), tuple(encoded["hi"]))])
    if tag == "geocircle":
        return Shape("circle", [[tuple(encoded["center"])]], encoded["r"])
    if tag == "geopolygon":
        return Shape("polygon", [[tuple(p) for p in ring] for ring in encoded["rings"]])
    if tag == "geopoint":
        return Shape("point", [[tuple(encoded["p"])]])
    return decode_plain(encoded)


def mapping_of(entries: list[dict[str, str]]) -> Mapping:
    """A mapping in the encoding of the vectors."""
    mapping = Mapping()
    for entry in entries:
        if "alias" in entry:
            mapping.classes[entry["alias"]] = entry["class"]
        else:
            mapping.properties[entry["class"], entry["property"]] = entry["to"]
    return mapping


def run(
    data: Dataset,
    class_name: str,
    text: str,
    arguments: list[Value] | None = None,
    mapping: Mapping | None = None,
) -> Answer:
    """Ask for the objects of a class. Raises Refused."""
    tree = parse(text)
    binder = Binder(data, arguments or [], mapping or Mapping())
    owner = data.classes[class_name]
    node = binder.top(tree.query, Scope(owner))
    ordering = Ordering(data, class_name, binder.paths.mapping)
    clauses: list[Clause] = []
    for clause in map(ordering.clause, tree.clauses):
        if clause.name == "sort" and clauses and clauses[-1].name == "sort":
            clauses[-1].keys = clause.keys + clauses[-1].keys
        else:
            clauses.append(clause)
    found = [item for item in data.objects[class_name] if node.matches(item)]
    for clause in clauses:
        found = clause.apply(found)
    description = " ".join([node.text(""), *(c.text() for c in clauses)])
    return Answer(found, description, bool(clauses))


@dataclass
class SortKey:
    """One path of a clause."""

    links: list[Property]
    last: Property
    key: str | None
    ascending: bool

    def value(self, item: Object) -> tuple[bool, Value]:
        """Whether the path leads to an object, and what it has there."""
        for link in self.links:
            target = item.values[link.name]
            if target is None or target.target is None:
                return False, None
            item = target.target
        held = item.values[self.last.name]
        if self.key is not None:
            assert isinstance(held, Dictionary)
            held = held.get(self.key)
        if self.last.type == "link" and held is not None and held.target is None:
            held = None
        return True, held

    def text(self) -> str:
        """The path as printed; names are not escaped here."""
        key = f"['{self.key}']" if self.key is not None else ""
        return ".".join(p.name for p in [*self.links, self.last]) + key


@dataclass
class Clause:
    """One LIMIT or DISTINCT, or consecutive SORTs: keys of a later one come first."""

    name: str
    keys: list[SortKey]
    count: int

    def apply(self, items: list[Object]) -> list[Object]:
        """The objects after it."""
        if self.name == "limit":
            return items[: self.count]
        if self.name == "sort":
            return sorted(items, key=functools.cmp_to_key(self.order))
        seen: list[list[Value]] = []
        kept = []
        for item in items:
            reached = [key.value(item) for key in self.keys]
            values = [value for _, value in reached]
            if all(there for there, _ in reached) and not any(alike(values, s) for s in seen):
                seen.append(values)
                kept.append(item)
        return kept

    def order(self, a: Object, b: Object) -> int:
        """Which of two objects comes first."""
        for key in self.keys:
            (there_a, left), (there_b, right) = key.value(a), key.value(b)
            result = across(left, right) if there_a == there_b else there_b - there_a
            if result:
                return result if key.ascending else -result
        return 0

    def text(self) -> str:
        """The description."""
        if self.name == "limit":
            return f"LIMIT({self.count})"
        if self.name == "distinct":
            return f"DISTINCT({', '.join(key.text() for key in self.keys)})"
        paths = (f"{key.text()} {'ASC' if key.ascending else 'DESC'}" for key in self.keys)
        return f"SORT({', '.join(paths)})"


def alike(left: list[Value], right: list[Value]) -> bool:
    """Whether DISTINCT takes two tuples for one: numbers by value."""
    return all(across(a, b) == 0 for a, b in zip(left, right, strict=True))


class Ordering:
    """Binds the paths of SORT and DISTINCT (15)."""

    def __init__(self, data: Dataset, class_name: str, mapping: Mapping) -> None:
        self.data = data
        self.class_name = class_name
        self.mapping = mapping

    def clause(self, node: syntax.Clause) -> Clause:
        """One clause."""
        keys = [self.key(path, up, node.name) for path, up in node.paths]
        return Clause(node.name, keys, node.count)

    def key(self, path: syntax.Path, ascending: bool, clause: str) -> SortKey:
        """One path: single links, then a property, or a dictionary with one key."""
        if path.argument is not None or not all(isinstance(e, syntax.Key) for e in path.elements):
            raise invalid("Only names in paths of an ordering")
        names = [e.name for e in path.elements if isinstance(e, syntax.Key)]
        owner = self.data.classes[self.class_name]
        properties: list[Property] = []
        key = None
        for at, name in enumerate(names):
            before = properties[-1] if properties else None
            keyed = before and before.collection == "dictionary" and before.type != "link"
            if keyed and at + 1 == len(names):
                key = name
                break
            name = self.mapping.translate(owner.name, name)
            if name == "@links":
                name = ".".join(names[at : at + 3])
            if name not in owner.properties:
                raise invalid(
                    f"No property '{name}' found on object type '{owner.name}' "
                    f"specified in '{clause}' clause"
                )
            prop = owner.properties[name]
            properties.append(prop)
            if prop.type == "link":
                owner = self.data.classes[prop.target]
        *links, last = properties
        if any(p.type != "link" or p.collection for p in links):
            raise descriptor("All but last property must be a link")
        if last.collection and key is None:
            raise descriptor(f"Cannot {clause} on a collection property")
        return SortKey(links, last, key, ascending)


def descriptor(message: str) -> Refused:
    """An ordering that cannot run."""
    return Refused("InvalidSortDescriptor", message)


def key_text(item: Object) -> Any:
    """A primary key as the vectors write it."""
    pk = item.pk
    if isinstance(pk, bytes):
        return wording.constant(pk).split("(")[1][:-1]
    return pk
