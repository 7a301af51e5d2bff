"""Operands that are counted or computed: sizes, aggregates, subqueries, arithmetic (11 to 14).

Sections are those of query-language.md.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from query.naive import wording
from query.naive.operands import Groups, LinkPath, Operand, PropertyPath, Route, Step, members
from query.naive.values import (
    DECIMAL128,
    NUMBERS,
    Dictionary,
    Float,
    Link,
    List,
    Object,
    Value,
    across,
    is_nan,
    kind,
    narrow,
    string_bytes,
    to_decimal,
)

TYPE_OF = {"typedLink": "link"}  # kinds whose `@type` has another name


@dataclass
class Lengths(Operand):
    """`.length`: bytes of each element."""

    path: PropertyPath
    type = "int"
    multi = True

    def __post_init__(self) -> None:
        self.quantifier = self.path.quantifier

    def groups(self, item: Object) -> Groups:
        return [
            [length(v) if isinstance(v, str | bytes) else None for v in group]
            for group in self.path.groups(item)
        ]

    def text(self, prefix: str) -> str:
        return self.path.text(prefix) + ".length"


def length(value: Value) -> Value:
    """How many bytes or entries a value has; null when it has no size."""
    if isinstance(value, str):
        return len(string_bytes(value))
    return len(value) if type(value) in (bytes, List, Dictionary) else None


@dataclass
class Size(Operand):
    """`@size` and `@count` (11.3)."""

    of: Operand
    type = "int"

    def __post_init__(self) -> None:
        self.quantifier = self.of.quantifier
        path = self.of
        if isinstance(path, LinkPath):
            steps = path.route.steps
            self.multi = any(s.many for s in steps[:-1])
        else:
            assert isinstance(path, PropertyPath)
            nested = path.prop.collection is None and bool(path.inner)
            self.multi = path.route.many or nested

    def groups(self, item: Object) -> Groups:
        if isinstance(self.of, LinkPath):
            return [self.links(self.of.route, item)]
        path = self.of
        assert isinstance(path, PropertyPath)
        ends = path.route.ends(item)
        if not ends and not path.route.many:
            return [[0 if path.prop.collection else None]]
        held = [end.values[path.prop.name] for end in ends]
        if path.prop.collection or not path.inner:
            return [[length(value) for value in held]]
        return [[length(v) for value in held for v in path.inside(value)]]

    def links(self, route: Route, item: Object) -> list[Value]:
        """How many objects the last step leads to, per object before it."""
        before, last = Route(route.data, route.steps[:-1], None), route.steps[-1]
        counted = []
        for end in before.ends(item):
            links = Step(last.prop, last.owner, last.origin).links(route.data, end)
            if before.steps:
                counted.append(sum(link is not None for link in links))
            else:
                counted.append(sum(link is not None and link.target is not None for link in links))
        return counted

    def text(self, prefix: str) -> str:
        return self.of.text(prefix) + (".@count" if isinstance(self.of, LinkPath) else ".@size")


def pointing(held: Value, item: Object) -> int:
    """How many links to an object a value holds."""
    if isinstance(held, List | Dictionary):
        return sum(pointing(value, item) for value in members(held))
    return int(isinstance(held, Link) and held.target is item)


@dataclass
class AllBacklinks(Operand):
    """`@links.@count`: all that point to an object."""

    route: Route
    owner: str
    type = "int"

    def __post_init__(self) -> None:
        self.quantifier = self.route.quantifier
        self.multi = self.route.many

    def count(self, item: Object) -> int:
        """From all classes, links held by mixed values included, each occurrence."""
        if self.route.data.classes[self.owner].pk is None:
            return 1  # an embedded object is linked to by what holds it
        return sum(
            pointing(source.values[prop.name], item)
            for cls in self.route.data.classes.values()
            for prop in cls.properties.values()
            if not prop.embedded and prop.type in ("link", "mixed")
            for source in self.route.data.objects[cls.name]
        )

    def groups(self, item: Object) -> Groups:
        found: list[Value] = [self.count(end) for end in self.route.ends(item)]
        return [found] if found or self.multi else [[0]]

    def text(self, prefix: str) -> str:
        return self.route.text(prefix, True, "@links", "@count")


@dataclass
class TypeOf(Operand):
    """`@type` of mixed values (11.6)."""

    of: Operand
    type = "@type"

    def __post_init__(self) -> None:
        self.multi, self.quantifier = self.of.multi, self.of.quantifier

    def groups(self, item: Object) -> Groups:
        return [
            [wording.TypeName(TYPE_OF.get(kind(v), kind(v))) for v in group]
            for group in self.of.groups(item)
        ]

    def text(self, prefix: str) -> str:
        return self.of.text(prefix) + ".@type"


@dataclass
class Aggregate(Operand):
    """`@min`, `@max`, `@sum`, `@avg` (11.4)."""

    operator: str
    of: Operand
    name: str | None  # of a property of linked objects
    element: str  # the type of what is aggregated

    def __post_init__(self) -> None:
        self.type = self.element
        if self.operator in ("@sum", "@avg") and self.element != "int":
            self.type = "double" if self.element in ("float", "double") else "decimal128"
        if self.operator == "@avg" and self.element == "int":
            self.type = "double"
        if isinstance(self.of, PropertyPath):
            self.multi = self.of.route.many

    def groups(self, item: Object) -> Groups:
        if self.name is not None:
            assert isinstance(self.of, LinkPath)
            ends = self.of.route.ends(item)
            return [[self.result([end.values[self.name] for end in ends])]]
        assert isinstance(self.of, PropertyPath)
        ends = self.of.route.ends(item)
        if not ends and not self.multi:
            return [[self.result([])]]
        return [[self.result(members(end.values[self.of.prop.name])) for end in ends]]

    def result(self, values: list[Value]) -> Value:
        """Over one collection. Nulls and NaN are skipped."""
        values = [v for v in values if v is not None and not is_nan(v)]
        if self.operator in ("@min", "@max"):
            wanted = -1 if self.operator == "@min" else 1
            best: Value = None
            for value in values:
                if best is None or across(value, best) * wanted > 0:
                    best = value
            return best
        numbers = [v for v in values if kind(v) in NUMBERS]
        if self.operator == "@avg" and not numbers:
            return None
        if self.operator == "@avg" and self.element == "int":
            return functools.reduce(lambda t, v: t + v, map(float, numbers), 0.0) / len(numbers)
        total: Value = sum_of(numbers, self.type if self.operator == "@sum" else self.element)
        if self.operator == "@sum":
            return total
        return (
            DECIMAL128.divide(to_decimal(total), Decimal(len(numbers)))
            if self.type == "decimal128"
            else (float(total) / len(numbers))
        )

    def text(self, prefix: str) -> str:
        tail = "." + wording.column(self.name) if self.name is not None else ""
        base = self.of.route.text(prefix, True) if isinstance(self.of, LinkPath) else ""
        if isinstance(self.of, PropertyPath):
            name = wording.column(self.of.prop.name)
            base = self.of.route.text(prefix, True, name)
        return f"{base}.{self.operator}{tail}"


def sum_of(numbers: list[Value], result: str) -> Value:
    """The sum: 64 bits that wrap, double, or decimal."""
    if result == "int":
        return wrapped(sum(numbers))
    if result in ("float", "double"):
        return functools.reduce(
            lambda total, v: total + (v.value if isinstance(v, Float) else v), numbers, 0.0
        )
    return functools.reduce(lambda t, v: DECIMAL128.add(t, to_decimal(v)), numbers, Decimal(0))


def wrapped(number: int) -> int:
    """A whole number as 64 bits hold it."""
    return (number + 2**63) % 2**64 - 2**63


@dataclass
class Subquery(Operand):
    """How many objects a path leads to that a query selects (14)."""

    route: Route
    inner: Callable[[Object], bool]
    inner_text: Callable[[str], str]
    name: str
    type = "int"

    def groups(self, item: Object) -> Groups:
        return [[sum(self.inner(end) for end in self.route.ends(item))]]

    def text(self, prefix: str) -> str:
        inner = self.inner_text(self.name + ".")
        return f"SUBQUERY({self.route.text(prefix, True)}, {self.name}, {inner}).@count"


@dataclass
class Arithmetic(Operand):
    """`+ - * /` of two numbers (12)."""

    operator: str
    left: Operand
    right: Operand

    def __post_init__(self) -> None:
        ranks = [*NUMBERS, "mixed"]
        self.type = ranks[max(ranks.index(self.left.type), ranks.index(self.right.type))]
        self.multi = self.left.multi or self.right.multi
        self.quantifier = self.left.quantifier or self.right.quantifier

    def groups(self, item: Object) -> Groups:
        return [
            [compute(self.operator, a, b, self.type) for a in left for b in right]
            for left in self.left.groups(item)
            for right in self.right.groups(item)
        ]

    def text(self, prefix: str) -> str:
        return f"({self.left.text(prefix)} {self.operator} {self.right.text(prefix)})"


def compute(operator: str, a: Value, b: Value, result: str) -> Value:
    """One operation; null where an operand is no number."""
    if kind(a) not in NUMBERS or kind(b) not in NUMBERS:
        return None
    rank = max(NUMBERS.index(kind(a)), NUMBERS.index(kind(b)))
    if result != "mixed":
        rank = NUMBERS.index(result)
    if rank == 0:
        return whole(operator, a, b)
    if rank == 3:
        x, y = to_decimal(a), to_decimal(b)
        operations = {"+": DECIMAL128.add, "-": DECIMAL128.subtract}
        operations |= {"*": DECIMAL128.multiply, "/": DECIMAL128.divide}
        return operations[operator](x, y)
    p = a.value if isinstance(a, Float) else float(a)
    q = b.value if isinstance(b, Float) else float(b)
    if rank == 1:
        return Float(narrow(binary(operator, narrow(p), narrow(q))))
    return binary(operator, p, q)


def whole(operator: str, a: int, b: int) -> int:
    """Whole numbers: 64 bits that wrap, division towards zero."""
    if operator == "/":
        if b == 0:
            return 2**63 - 1 if a >= 0 else -(2**63)
        quotient = abs(a) // abs(b)
        return wrapped(quotient if (a < 0) == (b < 0) else -quotient)
    return wrapped({"+": a + b, "-": a - b, "*": a * b}[operator])


def binary(operator: str, a: float, b: float) -> float:
    """IEEE, division by zero too."""
    if operator == "/":
        if b == 0:
            if a == 0 or a != a:
                return math.nan
            return math.copysign(math.inf, a) * math.copysign(1, b)
        return a / b
    return {"+": a + b, "-": a - b, "*": a * b}[operator]
