"""Random query texts over the vectors' data set: every production, wild but mostly valid.

A text is made as the grammar of query-language.md has it (3), with literals of the type that the
other side asks for four times out of five. Constants are taken from the objects, so that texts
select something.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from query.constant_generator import Constants
from query.naive.dataset import Class, Dataset, Property

ORDERED = ["<", "<=", ">", ">=", "=<", "=>"]
EQUAL = ["==", "!=", "=", "<>"]
SEARCHES = ["BEGINSWITH", "ENDSWITH", "CONTAINS", "LIKE", "contains", "Like"]
QUANTIFIERS = ["ANY ", "ALL ", "NONE ", "SOME ", "any ", "all ", "none "]
NUMBERS = ("int", "float", "double", "decimal128")
TYPE_NAMES = "null int Integer long bool string binary data date timestamp float double decimal"
TYPE_NAMES += " objectlink link ObjectId uuid numeric object array collection bindata nope"
WORDS = ["quick", "Fox", "dog", "the", "naïve", "straße", "lazy", "one", "1", "über", "zzz"]
KEYS = ["color", "ok", "size", "a", "b", "en", "da", "nested", "inner", "list", "friend", "when"]
KEYS += ["name", "n", "deep", "arr", "level", "home", "work", "main", "alt", "total", "apple", "z"]


@dataclass
class Made:
    """One text with what belongs to it, in the encoding of the vectors."""

    class_name: str
    text: str
    arguments: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """As a recorded query."""
        return {"class": self.class_name, "query": self.text, "args": self.arguments}


@dataclass
class Side:
    """An operand: its text, the type of what it is worth, and what shape it has."""

    text: str
    type: str
    multi: bool = False
    prop: Property | None = None


class Generator:
    """Makes one text after another from a seed."""

    def __init__(self, data: Dataset, seed: int) -> None:
        self.data = data
        self.random = random.Random(seed)
        self.constants = Constants(data, self.random)
        self.variables: list[str] = []

    def one(self, chance: float) -> bool:
        """Whether something with a chance happens."""
        return self.random.random() < chance

    def text(self) -> Made:
        """A whole text."""
        name = self.random.choice(["Person"] * 8 + ["Dog", "Dog", "Shop", "Token", "Odd"])
        self.constants.arguments = []
        owner = self.data.classes[name]
        depth = self.random.choice([0, 0, 0, 0, 1, 1, 2, 3])
        query = self.query(owner, depth, "")
        if self.one(0.06):
            query += self.clauses(owner)
        return Made(name, query, self.constants.arguments)

    def query(self, owner: Class, depth: int, prefix: str) -> str:
        """`query`, so many levels of AND and OR deep."""
        if depth == 0:
            atom = self.atom(owner, prefix)
            return f"{self.random.choice(['NOT ', '!', 'not '])}{atom}" if self.one(0.08) else atom
        operator = self.random.choice([" AND ", " OR ", " && ", " or "])
        count = self.random.choice([2, 2, 2, 3, 4])
        text = operator.join(
            self.query(owner, self.random.randrange(depth), prefix) for _ in range(count)
        )
        if self.one(0.5):
            text = f"({text})"
            if self.one(0.3):
                text = "NOT " + text
        return text

    def atom(self, owner: Class, prefix: str) -> str:
        """`compare`, or a constant predicate."""
        makers: list[tuple[int, Callable[[Class, str], str]]] = [
            (30, self.comparison),
            (12, self.search),
            (8, self.membership),
            (5, self.between),
            (8, self.lists),
            (6, self.sized),
            (6, self.aggregated),
            (6, self.calculated),
            (5, self.linked),
            (4, self.typed),
            (5, self.subquery),
            (3, self.geometry),
            (2, self.fulltext),
            (6, self.two_columns),
            (1, self.certain),
        ]
        weights = [weight for weight, _ in makers]
        return self.random.choices([maker for _, maker in makers], weights)[0](owner, prefix)

    def certain(self, owner: Class, prefix: str) -> str:
        """TRUEPREDICATE and its opposite."""
        return self.random.choice(["TRUEPREDICATE", "falsepredicate"])

    def links(self, owner: Class) -> tuple[str, Class, bool]:
        """Some links before a property: their text, where they lead, and whether to many."""
        text, many = "", False
        for _ in range(self.random.choice([0, 0, 0, 0, 0, 1, 1, 1, 2, 3])):
            step = self.link(owner)
            if step is None:
                break
            text, owner, many = text + step[0] + ".", step[1], many or step[2]
        return text, owner, many

    def link(self, owner: Class) -> tuple[str, Class, bool] | None:
        """One link: a property, an entry of a collection of links, or backlinks."""
        if self.one(0.15):
            pointing = [
                (cls.name, prop.name)
                for cls in self.data.classes.values()
                for prop in cls.properties.values()
                if prop.target == owner.name and not prop.embedded
            ]
            if pointing:
                name, prop_name = self.random.choice(pointing)
                return f"@links.{name}.{prop_name}", self.data.classes[name], True
        choices = [p for p in owner.properties.values() if p.type == "link"]
        if not choices:
            return None
        prop = self.random.choice(choices)
        text = prop.name
        if prop.collection == "dictionary":
            text += self.random.choice(["", "", "[*]", ".@values", ".home", "['work']", ".main"])
        elif prop.collection == "list" and self.one(0.15):
            text += self.random.choice(["[0]", "[1]", "[LAST]", "[*]", "[7]"])
        return text, self.data.classes[prop.target], prop.collection is not None

    def quantifier(self, many: bool) -> str:
        """Often one for many values, seldom for one."""
        return self.random.choice(QUANTIFIERS) if self.one(0.35 if many else 0.03) else ""

    def named(self, prop: Property) -> str:
        """A name with its escapes."""
        return prop.name.replace(" ", "\\ ").replace("\t", "\\t")

    def side(
        self, owner: Class, prefix: str, wanted: Callable[[Property], bool] = lambda p: True
    ) -> Side:
        """A path that ends in a property that is no link."""
        for _ in range(30):
            links, target, many = self.links(owner)
            choices = [p for p in target.properties.values() if p.type != "link" and wanted(p)]
            if choices:
                break
        else:
            return Side(prefix + "_id", "int")
        prop = self.random.choice(choices)
        inner, kind, multi = self.inner(prop)
        multi = many or multi
        text = self.quantifier(multi) + prefix + links + self.named(prop) + inner
        return Side(text, kind, multi, prop)

    def inner(self, prop: Property) -> tuple[str, str, bool]:
        """Indexes and keys behind a property, the type that remains, and whether there are many."""
        kind = "mixed" if prop.collection == "dictionary" else prop.type
        multi = prop.collection is not None
        if prop.collection == "dictionary":
            text = self.random.choice(
                ["", "", "[*]", ".@values", ".@keys", "KEY", "KEY", "KEY", "BAD"]
            )
            if text == ".@keys":
                return text, "string", True
            text = {"KEY": self.key(), "BAD": "[0]"}.get(text, text)
            if text.startswith((".", "[")) and self.one(0.25) and "@" not in text:
                text += self.nested()
            return text, kind, multi
        if prop.collection == "list" and self.one(0.35):
            index = self.random.choice(
                ["[0]", "[1]", "[2]", "[FIRST]", "[last]", "[*]", "[9]", "ARG"]
            )
            if index == "ARG":
                index = f"[{self.constants.argument_of('int', self.random.choice([0, 1, -1]))}]"
            if kind == "mixed" and self.one(0.3):
                index += self.nested()
            return index, kind, multi
        measured = prop.collection in ("list", "set") and kind in ("string", "binary", "mixed")
        if measured and self.one(0.1):
            return ".length", "int", True
        if kind == "mixed" and prop.collection is None and self.one(0.4):
            return self.nested(), kind, True
        if self.one(0.01):
            return self.random.choice(["[0]", ".nope", "['k']", ".@keys", ".@values"]), kind, multi
        return "", kind, multi

    def key(self) -> str:
        """A key of a dictionary, in its three forms."""
        name = self.random.choice(KEYS)
        if self.one(0.15):
            return f"[{self.constants.argument_of('string', name)}]"
        return f"['{name}']" if self.one(0.4) else f".{name}"

    def nested(self) -> str:
        """Steps into a mixed value."""
        steps = [self.key(), self.key(), "[0]", "[*]", "[LAST]", "[1]"]
        return "".join(self.random.choice(steps) for _ in range(self.random.choice([1, 1, 2, 3])))

    def constant(self, kind: str) -> str:
        """A constant for a type, sometimes of another one."""
        return self.constants.text(kind, strange=0.12)

    def mirrored(self, left: str, operator: str, right: str) -> str:
        """Sometimes the other way round."""
        return f"{right} {operator} {left}" if self.one(0.15) else f"{left} {operator} {right}"

    def operator(self, kind: str) -> str:
        """One that fits a type, mostly."""
        if kind in ("link", "@type"):
            return self.random.choice(EQUAL * 4 + ORDERED)
        if kind in ("string", "binary", "mixed") and self.one(0.2):
            return self.random.choice(["==[c]", "!=[c]"])
        return self.random.choice([*EQUAL, *ORDERED] + (["==[c]"] if self.one(0.03) else []))

    def comparison(self, owner: Class, prefix: str) -> str:
        """A path and a constant."""
        side = self.side(owner, prefix)
        return self.mirrored(side.text, self.operator(side.type), self.constant(side.type))

    def two_columns(self, owner: Class, prefix: str) -> str:
        """Two paths."""
        left = self.side(owner, prefix)
        numeric = left.type in NUMBERS

        def wanted(prop: Property) -> bool:
            return (
                prop.type == left.type or prop.type == "mixed" or (numeric and prop.type in NUMBERS)
            )

        right = self.side(owner, prefix, wanted if self.one(0.85) else lambda p: True)
        operator = self.operator(left.type)
        if self.one(0.15):
            operator = "IN" if right.multi else self.random.choice(SEARCHES)
        return f"{left.text} {operator} {right.text}"

    def search(self, owner: Class, prefix: str) -> str:
        """A string operator."""

        def wanted(prop: Property) -> bool:
            return prop.type in ("string", "binary", "mixed")

        side = self.side(owner, prefix, wanted if self.one(0.93) else lambda p: True)
        operator = self.random.choice(SEARCHES) + ("[c]" if self.one(0.35) else "")
        kind = side.type if side.type in ("string", "binary") else "string"
        needle = self.constants.pattern(kind, "IKE" in operator.upper())
        if self.one(0.08):
            needle = self.constant(side.type)
        return self.mirrored(side.text, operator, needle)

    def listing(self, kind: str) -> str:
        """`{..}` or an argument that holds a list."""
        count = self.random.choice([0, 1, 1, 2, 2, 2, 3, 4])
        if self.one(0.15):
            return self.constants.list_argument(kind, count)
        members = ", ".join(
            self.constants.text(kind, strange=0.15, lists=False) for _ in range(count)
        )
        return "{" + members + "}"

    def membership(self, owner: Class, prefix: str) -> str:
        """IN, both ways."""
        side = self.side(owner, prefix)
        folded = "[c]" if self.one(0.12) else ""
        if side.multi and self.one(0.5):
            return f"{self.constant(side.type)} IN{folded} {side.text}"
        quantifier = self.quantifier(False) if self.one(0.8) else self.random.choice(QUANTIFIERS)
        return f"{side.text} IN{folded} {quantifier}{self.listing(side.type)}"

    def lists(self, owner: Class, prefix: str) -> str:
        """A list constant with any operator."""
        side = self.side(owner, prefix)
        operator = self.operator(side.type)
        if side.type in ("string", "binary") and self.one(0.2):
            operator = self.random.choice(SEARCHES)
        quantifier = self.random.choice(QUANTIFIERS) if self.one(0.4) else ""
        return self.mirrored(side.text, operator, quantifier + self.listing(side.type))

    def between(self, owner: Class, prefix: str) -> str:
        """BETWEEN with bounds that convert, mostly."""
        side = self.side(owner, prefix)
        count = 2 if self.one(0.95) else self.random.choice([0, 1, 3])
        quantifier = "ALL " if side.multi and not side.text[:4].isupper() and self.one(0.5) else ""
        bounds = ", ".join(
            self.constants.text(side.type, strange=0.03, lists=False) for _ in range(count)
        )
        return f"{quantifier}{side.text} between {{{bounds}}}"

    def real(self, kind: str) -> str:
        """A constant but NaN: the sign of a NaN that is computed is the machine's."""
        while True:
            text = self.constant(kind)
            given = str(self.constants.arguments[-1]) if text.startswith("$") else text
            if not any(word in given.lower() for word in ("nan", "'7ff8", "'7fc0")):
                return text

    def number(self) -> str:
        """A small number to compare a count with."""
        return self.random.choice(["0", "1", "2", "3", "1.5", "-1", "NULL", "4.0", "1f"])

    def sized(self, owner: Class, prefix: str) -> str:
        """`@size`, `@count`, `[SIZE]` of anything."""
        links, target, many = self.links(owner)
        prop = self.random.choice(list(target.properties.values()))
        text = links + self.named(prop)
        if prop.type == "mixed" and self.one(0.4):
            text += self.inner(prop)[0]
        if self.one(0.12):
            step = self.link(owner)
            text, many = (step[0], True) if step else (text, many)
        if self.one(0.05):
            text = links + "@links"
        post = self.random.choice([".@size", ".@count", "[SIZE]", "[size]", ".@count"])
        quantifier = self.random.choice(QUANTIFIERS) if many and self.one(0.3) else ""
        text = quantifier + prefix + text + post
        return self.mirrored(text, self.operator("int"), self.number())

    def aggregated(self, owner: Class, prefix: str) -> str:
        """`@min` and the like."""
        operator = self.random.choice([".@min", ".@max", ".@sum", ".@avg"])
        links, target, _ = self.links(owner)
        kind: str
        if self.one(0.5):
            choices = [p for p in target.properties.values() if p.collection and p.type != "link"]
            if self.one(0.9):
                choices = [p for p in choices if p.type in (*NUMBERS, "mixed")] or choices
            if not choices:
                return self.comparison(owner, prefix)
            prop = self.random.choice(choices)
            text, kind = links + self.named(prop) + operator, prop.type
        else:
            step = self.link(target)
            if step is None:
                return self.comparison(owner, prefix)
            scalar = [p for p in step[1].properties.values() if not p.collection]
            good = [p for p in scalar if p.type in (*NUMBERS, "mixed", "timestamp")]
            prop = self.random.choice(
                good if good and self.one(0.95) else scalar or [step[1].properties["type"]]
            )
            text, kind = f"{links}{step[0]}{operator}.{self.named(prop)}", prop.type
        return self.mirrored(prefix + text, self.operator("int"), self.real(kind))

    def calculated(self, owner: Class, prefix: str) -> str:
        """Arithmetic on one side or both."""

        def numeric(prop: Property) -> bool:
            return prop.type in (*NUMBERS, "mixed")

        def term(depth: int) -> Side:
            if depth and self.one(0.3):
                inner = term(depth - 1)
                return Side(
                    f"({inner.text} {self.random.choice('+-*/')} {self.constants.text('int')})",
                    inner.type,
                )
            return self.side(owner, prefix, numeric if self.one(0.97) else lambda p: True)

        left = term(1)
        sign = self.random.choice("+-*/")
        other = self.real(left.type) if self.one(0.6) else term(1).text
        text = f"{left.text} {sign} {other}" if self.one(0.8) else f"{other} {sign} {left.text}"
        right = self.real(left.type) if self.one(0.75) else term(0).text
        return self.mirrored(text, self.random.choice([*EQUAL, *ORDERED]), right)

    def linked(self, owner: Class, prefix: str) -> str:
        """A path that ends in links, and an object."""
        links, target, many = self.links(owner)
        step = self.link(target)
        if step is None:
            return self.comparison(owner, prefix)
        many = many or step[2]
        quantifier = self.random.choice(QUANTIFIERS) if many and self.one(0.3) else ""
        text = quantifier + prefix + links + step[0]
        value = self.constants.link(step[1].name)
        operator = self.operator("link")
        if self.one(0.25):
            members = ", ".join(
                self.constants.link(step[1].name) for _ in range(self.random.choice([0, 1, 2, 3]))
            )
            value, operator = "{" + members + "}", self.random.choice(["IN", "==", "!="])
        elif self.one(0.1):
            return f"{value} IN {text}"
        return self.mirrored(text, operator, value)

    def typed(self, owner: Class, prefix: str) -> str:
        """`@type`."""
        side = self.side(
            owner, prefix, (lambda p: p.type == "mixed") if self.one(0.9) else (lambda p: True)
        )
        name = f"'{self.random.choice(TYPE_NAMES.split())}'"
        if self.one(0.15):
            members = ", ".join(f"'{self.random.choice(TYPE_NAMES.split())}'" for _ in range(2))
            operator = self.random.choice(["IN", "==", "!=", "== NONE", "!= ALL"])
            return f"{side.text}.@type {operator} {{{members}}}"
        if self.one(0.05):
            name = self.constant("int")
        return self.mirrored(f"{side.text}.@type", self.operator("@type"), name)

    def subquery(self, owner: Class, prefix: str) -> str:
        """SUBQUERY over a list or backlinks."""
        links, target, _ = self.links(owner)
        step = self.link(target)
        if step is None or len(self.variables) > 1:
            return self.comparison(owner, prefix)
        variable = f"$v{len(self.variables)}"
        self.variables.append(variable)
        inner = self.query(step[1], self.random.choice([0, 0, 1]), variable + ".")
        self.variables.pop()
        path = prefix + links + re.sub(r"\[[^]]*\]$", "", step[0])
        text = f"SUBQUERY({path}, {variable}, {inner}).@count"
        return self.mirrored(text, self.operator("int"), self.number())

    def fulltext(self, owner: Class, prefix: str) -> str:
        """TEXT."""
        side = self.side(owner, prefix, lambda p: p.name == "bio")
        words = []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            word = self.random.choice(WORDS)
            word = word[: self.random.choice([2, 3, 9])] + "*" if self.one(0.2) else word
            words.append(("-" if self.one(0.2) else "") + word)
        return f"{side.text} TEXT '{' '.join(words)}'"

    def geometry(self, owner: Class, prefix: str) -> str:
        """GEOWITHIN."""
        paths = {
            "Person": [
                "addr.geo",
                "homes.geo",
                "friends.addr.geo",
                "boss.addr.geo",
                "pets.location",
            ],
            "Dog": ["location", "spots", "mate.location", "owner.addr.geo"],
            "Address": ["geo"],
        }.get(owner.name)
        if not paths:
            return self.comparison(owner, prefix)
        path = self.random.choice(paths)
        quantifier = (
            self.random.choice(QUANTIFIERS)
            if self.one(0.3) and path in ("spots", "homes.geo")
            else ""
        )
        return f"{quantifier}{prefix}{path} geoWithin {self.constants.region()}"

    def clauses(self, owner: Class) -> str:
        """SORT, DISTINCT and LIMIT."""
        text = ""
        for _ in range(self.random.choice([1, 1, 2, 3])):
            name = self.random.choice(["SORT", "SORT", "DISTINCT", "LIMIT"])
            if name == "LIMIT":
                text += f" LIMIT({self.random.randrange(8)})"
                continue
            paths = [self.sort_path(owner) for _ in range(self.random.choice([1, 1, 2]))]
            if name == "SORT":
                paths = [f"{p} {self.random.choice(['ASC', 'desc', 'DESCENDING'])}" for p in paths]
            text += f" {name}({', '.join(paths)})"
        return text

    def sort_path(self, owner: Class) -> str:
        """A path that an ordering takes, mostly."""
        text = ""
        while self.one(0.25):
            choices = [
                p for p in owner.properties.values() if p.type == "link" and not p.collection
            ]
            if not choices:
                break
            prop = self.random.choice(choices)
            text, owner = text + prop.name + ".", self.data.classes[prop.target]
        choices = [p for p in owner.properties.values() if p.type not in ("link", "mixed")]
        choices = [p for p in choices if not p.collection]
        if self.one(0.05):
            choices = [p for p in owner.properties.values() if p.type != "link"]
        return text + self.named(self.random.choice(choices))
