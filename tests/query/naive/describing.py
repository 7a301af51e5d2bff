"""The nodes of a bound query: whether an object matches, and the text of the description (19).

Sections are those of query-language.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from query.naive import wording
from query.naive.comparing import Comparison
from query.naive.dataset import Dataset
from query.naive.fulltext import Terms
from query.naive.geo import Region
from query.naive.operands import Constant, ConstantList, LinkPath, PropertyPath
from query.naive.values import Object, Value

SIGNS = {"=": "==", "in": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
MERGED = ("int", "string", "objectId", "uuid")


class Node:
    """A query, bound."""

    def matches(self, item: Object) -> bool:
        """Whether an object is selected."""
        raise NotImplementedError

    def text(self, prefix: str) -> str:
        """The description."""
        raise NotImplementedError


@dataclass
class Truth(Node):
    """TRUEPREDICATE, FALSEPREDICATE."""

    value: bool

    def matches(self, item: Object) -> bool:
        return self.value

    def text(self, prefix: str) -> str:
        return "TRUEPREDICATE" if self.value else "FALSEPREDICATE"


@dataclass
class Opposite(Node):
    """NOT."""

    child: Node

    def matches(self, item: Object) -> bool:
        return not self.child.matches(item)

    def text(self, prefix: str) -> str:
        return f"!({self.child.text(prefix)})"


@dataclass
class Group(Node):
    """AND, OR."""

    operator: str
    children: list[Node]

    def matches(self, item: Object) -> bool:
        if self.operator == "and":
            return all(child.matches(item) for child in self.children)
        return any(child.matches(item) for child in self.children)

    def text(self, prefix: str) -> str:
        children = self.children
        if self.operator == "and":
            children = [c for c in children if not (isinstance(c, Direct) and c.is_void)]
        texts = f" {self.operator} ".join(child.text(prefix) for child in children)
        if self.operator == "and":
            return texts or "TRUEPREDICATE"
        return texts if len(children) == 1 else f"({texts})"


@dataclass
class Direct(Node):
    """One comparison; `mixed` columns and ints print in ways of their own."""

    comparison: Comparison
    direct: bool
    tight: bool = False

    def matches(self, item: Object) -> bool:
        return self.comparison.matches(item)

    @property
    def is_void(self) -> bool:
        """Whether it is no condition at all: a direct int up to the end of its range (9)."""
        left, right = self.comparison.left, self.comparison.right
        if not self.direct or not isinstance(left, PropertyPath) or left.prop.type != "int":
            return False
        limits = {">=": -(2**63), "<=": 2**63 - 1}
        limit = limits.get(self.comparison.operator)
        return isinstance(right, Constant) and limit is not None and right.value == limit

    def text(self, prefix: str) -> str:
        if self.is_void:
            return "TRUEPREDICATE"
        left, right, operator = (
            self.comparison.left,
            self.comparison.right,
            self.comparison.operator,
        )
        sign = SIGNS.get(operator, operator.upper())
        ignored = self.direct and left.type not in ("string", "binary", "mixed")
        null = isinstance(right, Constant) and right.value is None
        if self.direct and null and operator in ("=", "in", "!="):
            ignored = True
        if self.comparison.folded and not ignored:
            sign += "[c]"
        shown = right.text(prefix)
        if (
            isinstance(right, ConstantList)
            and isinstance(left, LinkPath)
            and right.quantifier == "ANY"
        ):
            shown = ConstantList(right.values, None).text(prefix)
            if len(right.values) == 1 and (self.tight or not left.multi):
                shown = wording.constant(right.values[0])
            if self.tight:
                shown = shown.replace(", ", ",").replace(",obj", ",obj")
        if self.direct and isinstance(left, PropertyPath):
            assert isinstance(right, Constant)
            if left.prop.type == "mixed":
                shown = "null" if right.value is None else wording.constant(right.value, 6)
            whole = left.prop.type == "int" and isinstance(right.value, int)
            if whole and operator == ">=" and right.value > -(2**63):
                sign, shown = ">", str(right.value - 1)
            if whole and operator == "<=" and right.value < 2**63 - 1:
                sign, shown = "<", str(right.value + 1)
        named = left.text(prefix)
        if (self.comparison.direct or self.tight) and isinstance(left, LinkPath):
            named = left.route.text(prefix, False)
        return f"{named} {sign} {shown}"


@dataclass
class Between(Node):
    """BETWEEN on a direct int or timestamp column."""

    left: PropertyPath
    low: Direct
    high: Direct

    def matches(self, item: Object) -> bool:
        if item.values[self.left.prop.name] is None:
            return False
        return self.low.matches(item) and self.high.matches(item)

    def text(self, prefix: str) -> str:
        bounds = ", ".join(side.comparison.right.text(prefix) for side in (self.low, self.high))
        return f"{self.left.text(prefix)} between {{{bounds}}}"


@dataclass
class Membership(Node):
    """A direct column and the usable members of a list (10.3)."""

    left: PropertyPath
    members: list[Value]

    def matches(self, item: Object) -> bool:
        held = item.values[self.left.prop.name]
        return any(
            Comparison("=", self.left, Constant(v, self.left.type), False, True).matches(item)
            if v is not None
            else held is None
            for v in self.members
        )

    def text(self, prefix: str) -> str:
        name, members = self.left.text(prefix), self.members
        if not members:
            return "FALSEPREDICATE"
        if self.left.prop.type in MERGED:
            return f"{name} IN {{{', '.join(wording.constant(v) for v in members)}}}"
        texts = [f"{name} == {self.member(v)}" for v in members]
        return texts[0] if len(texts) == 1 else f"({' or '.join(texts)})"

    def member(self, value: Value) -> str:
        """One member; null of a float or double prints as a NaN (Q13)."""
        if value is None and self.left.prop.type in ("float", "double"):
            return "nan"
        return wording.constant(value)


@dataclass
class Search(Node):
    """TEXT."""

    left: PropertyPath
    right: Constant
    terms: Terms

    def matches(self, item: Object) -> bool:
        if not self.left.route.ends(item):  # no text behind a null link, though null is one
            return False
        return any(self.terms.found(v) for group in self.left.groups(item) for v in group)

    def text(self, prefix: str) -> str:
        return f"{prefix}{wording.column(self.left.prop.name)} FULLTEXT {self.right.text(prefix)}"


@dataclass
class Within(Node):
    """GEOWITHIN."""

    left: LinkPath
    region: Region

    def matches(self, item: Object) -> bool:
        ends = [end for group in self.left.groups(item) for end in group if end is not None]
        inside = [self.region.contains(end) for end in ends]
        if self.left.quantifier == "ALL":
            return bool(inside) and all(inside)
        return any(inside) != (self.left.quantifier == "NONE")

    def text(self, prefix: str) -> str:
        return f"{self.left.text(prefix)} GEOWITHIN {self.region.text()}"


def variable(used: tuple[str, ...], data: Dataset) -> str:
    """The next name of a subquery's variable (19.1)."""
    letters = "xyz" + "abcdefghijklmnopqrstuvw"
    names = {name for cls in data.classes.values() for name in cls.properties}
    repeat = 1
    while True:
        for letter in letters:
            name = "$" + letter * repeat
            if name not in used and name not in names:
                return name
        repeat += 1
