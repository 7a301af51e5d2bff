"""Conditions that write themselves as text, plainly or in one of many spellings that mean the
same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from random_data import Encoded

MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Columns whose constants may stand on either side, and in a list or one by one.
PLAIN = ("int", "objectid", "uuid")


@dataclass(frozen=True)
class Spelling:
    """How a text is written: plainly without a generator, else with what it chooses."""

    rng: random.Random | None = None

    def either(self, plain: str, *others: str) -> str:
        return plain if self.rng is None else self.rng.choice((plain, *others))

    def chance(self, probability: float) -> bool:
        return self.rng is not None and self.rng.random() < probability

    def shuffled(self, items: list[Any]) -> list[Any]:
        return items if self.rng is None else self.rng.sample(items, len(items))


class Condition:
    """A node of a random query."""

    def text(self, how: Spelling) -> str:
        raise NotImplementedError

    def parts(self) -> list[Condition]:
        """Smaller conditions, any of which may still show what is wrong with this one."""
        return []


@dataclass(frozen=True)
class Chain(Condition):
    conjunction: bool
    members: tuple[Condition, ...]

    def text(self, how: Spelling) -> str:
        members = how.shuffled(list(self.members))
        if how.chance(0.15):
            members.append(members[0])
        texts = [f"({m.text(how)})" if isinstance(m, Chain) else m.text(how) for m in members]
        if how.chance(0.15):
            texts.append(
                how.either(*(["TRUEPREDICATE"] if self.conjunction else ["FALSEPREDICATE"]))
            )
        if how.chance(0.2) and len(texts) > 2:
            word = self._word(how)
            texts[1:3] = [f"({texts[1]} {word} {texts[2]})"]
        text = texts[0]
        for further in texts[1:]:
            text += f" {self._word(how)} {further}"
        return text

    def _word(self, how: Spelling) -> str:
        return how.either("AND", "&&", "and") if self.conjunction else how.either("OR", "||", "oR")

    def parts(self) -> list[Condition]:
        fewer = []
        if len(self.members) > 2:
            for i in range(len(self.members)):
                fewer.append(replace(self, members=self.members[:i] + self.members[i + 1 :]))
        smaller = [
            replace(self, members=(*self.members[:i], part, *self.members[i + 1 :]))
            for i, member in enumerate(self.members)
            for part in member.parts()
        ]
        return [*self.members, *fewer, *smaller]


@dataclass(frozen=True)
class Not(Condition):
    of: Condition

    def text(self, how: Spelling) -> str:
        if isinstance(self.of, Chain) and how.chance(0.5):
            members = tuple(Not(m) for m in self.of.members)
            return f"({Chain(not self.of.conjunction, members).text(how)})"
        if how.chance(0.1):
            return f"NOT !({Not(self.of).text(how)})"
        return f"{how.either('NOT ', '!', 'not ')}({self.of.text(how)})"

    def parts(self) -> list[Condition]:
        return [self.of, *(Not(part) for part in self.of.parts())]


@dataclass(frozen=True)
class Truth(Condition):
    value: bool

    def text(self, how: Spelling) -> str:
        if self.value:
            return how.either("TRUEPREDICATE", "truepredicate", "NOT FALSEPREDICATE")
        return how.either("FALSEPREDICATE", "!(truePredicate)")


@dataclass(frozen=True)
class Comparison(Condition):
    """Two operands; `column` is the type of a direct column on the left that meets constants."""

    left: str
    operator: str
    right: str
    column: str = ""
    bound: int | None = None  # a constant int on the right

    def text(self, how: Spelling) -> str:
        left, operator, right = self.left, self.operator, self.right
        if self.bound is not None and how.chance(0.3):
            if operator == ">=" and self.bound > -(2**63):
                operator, right = ">", str(self.bound - 1)
            elif operator == "<=" and self.bound < 2**63 - 1:
                operator, right = "<", str(self.bound + 1)
        if self.column in PLAIN and how.chance(0.3) and self.bound not in (-(2**63), 2**63 - 1):
            if how.chance(0.3) and operator in ("==", "!="):
                member = f"{left} IN {{{right}, {right}}}"
                return member if operator == "==" else f"!({member})"
            left, operator, right = right, MIRRORED[operator], left
        spellings = {"==": ("==", "="), "!=": ("!=", "<>"), "<=": ("<=", "=<"), ">=": (">=", "=>")}
        return f"{left} {how.either(*spellings.get(operator, (operator,)))} {right}"


@dataclass(frozen=True)
class Membership(Condition):
    left: str
    items: tuple[str, ...]
    column: str = ""

    def text(self, how: Spelling) -> str:
        items = how.shuffled(list(self.items))
        if self.column in PLAIN and items and how.chance(0.3):
            return "(" + " OR ".join(f"{self.left} == {item}" for item in items) + ")"
        if self.column in PLAIN and items and how.chance(0.2):
            items.append(items[0])
        return f"{self.left} {how.either('IN', 'in')} {{{', '.join(items)}}}"

    def parts(self) -> list[Condition]:
        return [
            replace(self, items=self.items[:i] + self.items[i + 1 :])
            for i in range(len(self.items))
            if len(self.items) > 1
        ]


@dataclass(frozen=True)
class Raw(Condition):
    """A condition with one spelling."""

    written: str

    def text(self, how: Spelling) -> str:
        return self.written


@dataclass(frozen=True)
class Subquery(Condition):
    collection: str
    variable: str
    of: Condition
    relation: str

    def text(self, how: Spelling) -> str:
        variable = how.either(self.variable, f"{self.variable}other", f"$q{self.variable[1:]}")
        inner = self.of.text(how).replace(self.variable + ".", variable + ".")
        return f"SUBQUERY({self.collection}, {variable}, {inner}).@count {self.relation}"

    def parts(self) -> list[Condition]:
        return [replace(self, of=part) for part in self.of.parts()]


@dataclass(frozen=True)
class RandomQuery:
    """A class, a condition and what follows it; `arguments` as the recorded queries have them."""

    cls: str
    condition: Condition
    arguments: tuple[Encoded, ...] = ()
    clauses: str = ""

    def text(self, rng: random.Random | None = None) -> str:
        return self.condition.text(Spelling(rng)) + self.clauses

    def smaller(self) -> list[RandomQuery]:
        """Queries with a little less, for shrinking."""
        fewer = [replace(self, clauses="")] if self.clauses else []
        return fewer + [replace(self, condition=part) for part in self.condition.parts()]
