"""What stands on a side of a comparison, bound: what it is worth for an object, and its text.

`groups(obj)` is a list of groups of values: one per innermost collection, each tested on its own
(22). A single value is one group of one; no value at all is one empty group.

Sections are those of query-language.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from query.naive import wording
from query.naive.dataset import Dataset, Property
from query.naive.syntax import Element, Every, Index, Key
from query.naive.values import (
    Dictionary,
    Link,
    List,
    Object,
    Value,
)

Groups = list[list[Value]]
Names = dict[
    str, str
]  # subquery variables as written -> as printed; "" is the prefix of properties


class Operand:
    """`type` as messages name it, `multi` whether there may be several values, by type."""

    type = "mixed"
    multi = False
    quantifier: str | None = None
    constant = False

    def groups(self, item: Object) -> Groups:
        """The values for an object."""
        raise NotImplementedError

    def text(self, prefix: str) -> str:
        """The description; `prefix` stands before properties, as `$x.` inside a subquery."""
        raise NotImplementedError


@dataclass
class Constant(Operand):
    """One constant; `type` is `null` for one that is untyped."""

    value: Value
    type: str
    constant = True

    def groups(self, item: Object) -> Groups:
        return [[self.value]]

    def text(self, prefix: str) -> str:
        if isinstance(self.value, wording.TypeName):
            return f'"{self.value.name}"'
        if self.type == "mixed":  # of arithmetic
            return wording.constant(self.value, 6)
        return wording.constant(self.value)


@dataclass
class ConstantList(Operand):
    """A list of constants."""

    values: list[Value]
    quantifier: str | None
    type: str = "mixed"
    multi = True
    constant = True

    def groups(self, item: Object) -> Groups:
        return [self.values]

    def text(self, prefix: str) -> str:
        quantifier = self.quantifier + " " if self.quantifier else ""
        members = ", ".join(
            f'"{v.name}"' if isinstance(v, wording.TypeName) else wording.constant(v, 6)
            for v in self.values
        )
        return f"{quantifier}{{{members}}}"


@dataclass
class Step:
    """One link on a path: a property, or (with `origin`) the objects of a class that point here."""

    prop: Property
    owner: str
    origin: bool = False
    element: Element | None = None

    @property
    def many(self) -> bool:
        """Whether it may lead to several objects."""
        if self.origin:
            return True
        return self.prop.collection is not None

    def links(self, data: Dataset, item: Object) -> list[Link | None]:
        """Where it leads, with dangling links and nulls; a missing key leads nowhere."""
        if self.origin:
            return [
                Link(self.owner, None, source)
                for source in data.objects[self.owner]
                for link in members(source.values[self.prop.name])
                if isinstance(link, Link) and link.target is item
            ]
        held = item.values[self.prop.name]
        if isinstance(self.element, Key):
            return [held[self.element.name]] if self.element.name in held else []
        found = members(held)
        if isinstance(self.element, Index):
            at = self.element.number
            return found[at:][:1] if at >= 0 else found[-1:]
        return found

    def text(self) -> str:
        """As it stands in a path."""
        if self.origin:
            return f"@links.{self.owner}.{wording.column(self.prop.name)}"
        name = wording.column(self.prop.name)
        return name + (wording.bracket(self.element) if self.element else "")


def members(held: Value) -> list[Value]:
    """What a property holds, one by one."""
    if isinstance(held, Dictionary):
        return list(held.values())
    return list(held) if isinstance(held, List) else [held]


@dataclass
class Route:
    """The links of a path."""

    data: Dataset
    steps: list[Step]
    quantifier: str | None

    @property
    def many(self) -> bool:
        """Whether it may lead to several objects."""
        return any(step.many for step in self.steps)

    def ends(self, item: Object) -> list[Object]:
        """The objects at its end; null and dangling links end nowhere."""
        found = [item]
        for step in self.steps:
            found = [
                link.target
                for source in found
                for link in step.links(self.data, source)
                if link is not None and link.target is not None
            ]
        return found

    def text(self, prefix: str, quantified: bool, *tail: str) -> str:
        """The whole path."""
        quantifier = self.quantifier + " " if self.quantifier and quantified else ""
        return quantifier + prefix + ".".join([*(s.text() for s in self.steps), *tail])


@dataclass
class LinkPath(Operand):
    """A path that ends in links."""

    route: Route
    type = "link"

    def __post_init__(self) -> None:
        self.multi = self.route.many
        self.quantifier = self.route.quantifier

    @property
    def direct(self) -> bool:
        """Whether no other link comes first."""
        first = self.route.steps[0]
        return len(self.route.steps) == 1 and not first.origin

    def groups(self, item: Object) -> Groups:
        found: list[Value] = list(self.route.ends(item))
        return [found] if self.multi or found else [[None]]

    def dangling(self, item: Object) -> bool:
        """Whether a direct link has a target that does not exist."""
        link = item.values[self.route.steps[0].prop.name]
        return isinstance(link, Link) and link.target is None

    def text(self, prefix: str) -> str:
        return self.route.text(prefix, True)


def walk(value: Value, path: list[Element], data: Dataset) -> list[Value]:
    """Down into collections inside a mixed value (7); a step that does not fit has no value."""
    if not path:
        return [value]
    step, rest = path[0], path[1:]
    if isinstance(value, Dictionary) and step == Key("@keys"):
        return list(value)
    if isinstance(value, Link) and isinstance(step, Key):
        if step.name not in data.classes[value.class_name].properties:
            return []
        return walk(value.target.values[step.name] if value.target else None, rest, data)
    if isinstance(step, Every) and isinstance(value, List | Dictionary):
        return [below for element in members(value) for below in walk(element, rest, data)]
    if isinstance(step, Key) and isinstance(value, Dictionary) and value:
        return walk(value.get(step.name), rest, data)
    if isinstance(step, Index) and isinstance(value, List):
        number = step.number if step.number >= 0 else len(value) - 1
        if 0 <= number < len(value):
            return walk(value[number], rest, data)
    return []


@dataclass
class PropertyPath(Operand):
    """A path that ends in a property that is no link, perhaps with indexes and keys behind it."""

    route: Route
    owner: str
    prop: Property
    inner: list[Element]

    def __post_init__(self) -> None:
        self.quantifier = self.route.quantifier
        dictionary = self.prop.collection == "dictionary"
        self.type = "mixed" if dictionary else self.prop.type
        self.single_key = (
            dictionary and bool(self.inner) and all(isinstance(e, Key) for e in self.inner)
        )
        self.listed = self.prop.collection is not None or bool(self.inner)
        self.multi = self.route.many or (self.listed and not self.single_key)

    @property
    def direct(self) -> bool:
        """Whether it is a column of the object itself, and no collection."""
        return not self.route.steps and not self.listed

    def groups(self, item: Object) -> Groups:
        ends = self.route.ends(item)
        if self.listed:
            found = [self.inside(end.values[self.prop.name]) for end in ends] or [[]]
            spread_out = any(isinstance(e, Every) for e in self.inner)
            single = (self.prop.collection is None and not spread_out) or self.single_key
            if single and self.route.many:
                return [[value for group in found for value in group]]
            return found
        values = [end.values[self.prop.name] for end in ends]
        return [values] if values or self.route.many else [[None]]

    def inside(self, held: Value) -> list[Value]:
        """What the indexes and keys select; the first one meets the property itself (7)."""
        if self.prop.collection is None:
            return walk(held, self.inner, self.route.data)
        if self.prop.type == "link":
            embedded = self.prop.embedded
            held = Dictionary(
                (k, None if v is None or v.target is None else v.target if embedded else v)
                for k, v in held.items()
            )
        path = self.inner or [Every()]
        first, rest = path[0], path[1:]
        if held and isinstance(first, Index) and not -1 <= first.number < len(held):
            return walk(None, rest, self.route.data)
        return walk(held, path, self.route.data)

    def text(self, prefix: str) -> str:
        name = wording.column(self.prop.name)
        inner = self.inner
        if self.prop.collection == "dictionary" and not inner:
            inner = [Every()]
        return self.route.text(prefix, True, name + "".join(map(wording.bracket, inner)))


@dataclass
class Keys(Operand):
    """`@keys` of a dictionary."""

    route: Route
    prop: Property
    type = "string"
    multi = True

    def __post_init__(self) -> None:
        self.quantifier = self.route.quantifier

    def groups(self, item: Object) -> Groups:
        return [list(end.values[self.prop.name]) for end in self.route.ends(item)] or [[]]

    def text(self, prefix: str) -> str:
        return self.route.text(prefix, True, wording.column(self.prop.name), "@keys")
