"""One comparison of two operands for an object: quantifiers, ordered lists, operators (8 to 11).

Sections are those of query-language.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from query.naive import wording
from query.naive.operands import Constant, LinkPath, Operand, PropertyPath
from query.naive.values import (
    Object,
    Value,
    comparable,
    compare,
    fold,
    is_nan,
    kind,
    like,
    string_bytes,
)

Test = Callable[[Value, Value], bool]
ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda c: c < 0,
    "<=": lambda c: c <= 0,
    ">": lambda c: c > 0,
    ">=": lambda c: c >= 0,
}


def equal(left: Value, right: Value, folded: bool) -> bool:
    """Equality of any two values; null equals null."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, wording.TypeName) and isinstance(right, wording.TypeName):
        return bool(left.mask & right.mask)
    if not comparable(left, right):
        return False
    if folded and kind(left) in ("string", "binary"):
        return fold(left) == fold(right)
    return compare(left, right) == 0


def related(operator: str, left: Value, right: Value) -> bool:
    """`< <= > >=`: null only stands beside null, and groups stand by themselves."""
    if left is None or right is None:
        return left is None and right is None and operator in ("<=", ">=")
    return comparable(left, right) and ORDER[operator](compare(left, right))


def found(operator: str, left: Value, right: Value, folded: bool) -> bool:
    """BEGINSWITH, ENDSWITH, CONTAINS and LIKE, `right` being looked for (10.4, 9)."""
    if right is None:
        if operator == "like":
            return left is None
        return operator == "contains" and left is not None
    if left is None or not comparable(left, right) or kind(left) not in ("string", "binary"):
        return False
    text, needle = (string_bytes(v) if isinstance(v, str) else bytes(v) for v in (left, right))
    if folded:
        text, needle = fold(text), fold(needle)
    if operator == "beginswith":
        return text.startswith(needle)
    if operator == "endswith":
        return text.endswith(needle)
    return needle in text if operator == "contains" else like(text, needle)


def test_of(operator: str, folded: bool) -> Test:
    """What one value has to be to another."""
    if operator in ("=", "in"):
        return lambda a, b: equal(a, b, folded)
    if operator == "!=":
        return lambda a, b: not equal(a, b, folded)
    if operator in ORDER:
        return lambda a, b: related(operator, a, b)
    return lambda a, b: found(operator, a, b, folded)


def quantified(
    quantifier: str | None, values: Sequence[Value], holds: Callable[[Value], bool]
) -> bool:
    """ANY, ALL or NONE of the values (11.1)."""
    if quantifier == "ALL":
        return all(holds(v) for v in values)
    if quantifier == "NONE":
        return not any(holds(v) for v in values)
    return any(holds(v) for v in values)


def ordered(operator: str, left: Sequence[Value], right: Sequence[Value], holds: Test) -> bool:
    """Two sequences, pair by pair (11.2)."""
    if len(left) != len(right):
        return operator == "!="
    return all(holds(a, b) for a, b in zip(left, right, strict=True))


@dataclass
class Comparison:
    """One comparison; `direct`: a column of the object itself against a constant of its type."""

    operator: str
    left: Operand
    right: Operand
    folded: bool
    direct: bool = False

    def matches(self, item: Object) -> bool:
        """Whether it holds for an object."""
        if self.direct:
            return self.column(item)
        return self.generic(item)

    def generic(self, item: Object) -> bool:
        """Quantified, or in order."""
        holds = test_of(self.operator, self.folded)
        left, right = self.left, self.right
        in_order = left.multi and right.multi and not (left.quantifier or right.quantifier)

        def one(a: Sequence[Value], b: Sequence[Value]) -> bool:
            if in_order:
                return ordered(self.operator, a, b, holds)
            return quantified(
                left.quantifier, a, lambda x: quantified(right.quantifier, b, lambda y: holds(x, y))
            )

        return any(one(a, b) for a in left.groups(item) for b in right.groups(item))

    def column(self, item: Object) -> bool:
        """A direct column against one constant: what differs from the general case."""
        if isinstance(self.left, LinkPath):
            return self.link(self.left, item)
        assert isinstance(self.right, Constant)
        value = self.right.value
        assert isinstance(self.left, PropertyPath)
        held = item.values[self.left.prop.name]
        kind_of, operator = self.left.prop.type, self.operator
        if operator in ORDER:
            if kind_of == "string":
                return string_order(operator, held, value)
            if kind_of == "int" and held is None:
                limits = {">=": -(2**63), "<=": 2**63 - 1}
                return operator in limits and value == limits[operator]
        if kind_of in ("float", "double") and value is not None and (is_nan(value) or is_nan(held)):
            return operator == "!="
        searched = operator in ("beginswith", "endswith", "contains")
        if value is None and kind_of in ("string", "binary") and searched:
            only_held = kind_of == "binary" and self.folded and operator == "contains"
            return held is not None or not only_held
        return test_of(operator, self.folded and kind_of in ("string", "binary", "mixed"))(
            held, value
        )

    def link(self, left: LinkPath, item: Object) -> bool:
        """A direct link, list or set of links; a dangling one is not null here (9)."""
        if not left.multi and left.dangling(item):
            return self.operator == "!="
        holds = test_of(self.operator, False)
        wanted = [value for group in self.right.groups(item) for value in group]
        return any(holds(v, w) for group in left.groups(item) for v in group for w in wanted)


def string_order(operator: str, held: Value, value: Value) -> bool:
    """Null is below the empty string (9)."""
    left, right = ((0, b"") if v is None else (1, string_bytes(v)) for v in (held, value))
    return ORDER[operator]((left > right) - (left < right))
