"""Random queries over random data.

Most texts are valid; a few meet a rule that refuses them, which is for the product to say.
"""

from __future__ import annotations

import base64
import random
import re
from dataclasses import dataclass, replace
from typing import Any

from random_data import KEYS, TYPES, Data, Encoded, Property, scalar
from spelled_conditions import (
    MIRRORED,
    PLAIN,
    Chain,
    Comparison,
    Condition,
    Membership,
    Not,
    RandomQuery,
    Raw,
    Subquery,
    Truth,
)

NUMBERS = ("int", "float", "double", "decimal")
RELATIONS = ("<", "<=", ">", ">=")
STRING_OPERATORS = ("BEGINSWITH", "ENDSWITH", "CONTAINS", "LIKE")
TYPE_NAMES = ("int", "string", "numeric", "null", "list", "dictionary", "date", "link", "bool")


@dataclass(frozen=True)
class _Path:
    text: str
    type: str  # "link" of objects, "mixed", or a type of values
    target: str = ""  # class of objects
    is_multiple: bool = False
    is_direct: bool = False  # a single property of the object itself
    ends: str = ""  # collection that stands at the end: list, set, dictionary, backlinks
    crosses: bool = False  # leads through links


def identifier(name: str) -> str:
    return name.replace(" ", "\\ ")


class RandomQueries:
    """Makes queries of one data set."""

    def __init__(self, rng: random.Random, data: Data) -> None:
        self._rng = rng
        self._data = data
        self._arguments: list[Encoded] = []

    def query(self, depth: int = 3) -> RandomQuery:
        self._arguments = []
        name = self._rng.choice(["Alpha", "Beta"])
        condition = self.condition(name, "", depth)
        clauses = self._clauses(name) if self._rng.random() < 0.2 else ""
        return RandomQuery(name, condition, tuple(self._arguments), clauses)

    def condition(self, cls: str, prefix: str, depth: int) -> Condition:
        chance = self._rng.random()
        if depth <= 0 or chance < 0.35:
            return self._atom(cls, prefix, depth)
        if chance < 0.8:
            count = self._rng.choice([2, 2, 3, 4])
            members = tuple(self.condition(cls, prefix, depth - 1) for _ in range(count))
            return Chain(self._rng.random() < 0.5, members)
        return Not(self.condition(cls, prefix, depth - 1))

    def _atom(self, cls: str, prefix: str, depth: int) -> Condition:
        makers = (
            (self._scalar, 30),
            (self._equalities, 8),
            (self._in_list, 10),
            (self._in_path, 4),
            (self._string_operator, 10),
            (self._two_paths, 7),
            (self._between, 5),
            (self._quantified, 10),
            (self._sequence, 4),
            (self._size, 6),
            (self._aggregate, 6),
            (self._arithmetic, 6),
            (self._type_of, 4),
            (self._link, 7),
            (self._geo, 2),
            (self._truth, 1),
        )
        if depth > 0 and self._rng.random() < 0.08:
            made = self._subquery(cls, prefix, depth)
            if made is not None:
                return made
        for _ in range(30):
            [maker] = self._rng.choices([m for m, _ in makers], [weight for _, weight in makers])
            condition = maker(cls, prefix)
            if condition is not None:
                return condition
        return Truth(True)

    # Paths

    def _path(self, cls: str, prefix: str, reach: int = 2) -> _Path:
        """A path to values or objects of a class."""
        definition = self._data.classes[cls]
        if reach > 0 and self._rng.random() < 0.08:
            back = self._backlink(cls, prefix)
            if back is not None:
                return self._further(back, reach)
        p = self._rng.choice(definition.properties)
        text = prefix + identifier(p.name)
        if p.type in ("link", "object"):
            return self._further(self._to_objects(p, text), reach)
        path = _Path(text, p.type, "", bool(p.collection), not p.collection, p.collection)
        return self._part(path)

    def _to_objects(self, p: Property, text: str) -> _Path:
        path = _Path(text, "link", p.target, bool(p.collection), not p.collection, p.collection)
        if p.collection == "dictionary" and self._rng.random() < 0.4:
            path = replace(path, text=text + self._key(), ends="")
        elif p.collection == "list" and self._rng.random() < 0.1:
            path = replace(path, text=f"{text}[{self._rng.choice(['0', '1', 'LAST'])}]", ends="")
        return path

    def _further(self, path: _Path, reach: int) -> _Path:
        if reach == 0 or self._rng.random() < 0.25:
            return path
        inner = self._path(path.target, path.text + ".", reach - 1)
        several = path.is_multiple or inner.is_multiple
        return replace(inner, is_multiple=several, is_direct=False, crosses=True)

    def _backlink(self, cls: str, prefix: str) -> _Path | None:
        found = [
            (source.name, p.name)
            for source in self._data.classes.values()
            for p in source.properties
            if p.type == "link" and p.target == cls and source.key_type
        ]
        if not found:
            return None
        source, name = self._rng.choice(found)
        text = f"{prefix}@links.{source}.{identifier(name)}"
        return _Path(text, "link", source, True, False, "backlinks", True)

    def _key(self) -> str:
        key = self._rng.choice(KEYS)
        return f".{key}" if key.isalpha() and self._rng.random() < 0.5 else f"['{key}']"

    def _part(self, path: _Path) -> _Path:
        """Perhaps a part of a collection, or of what a mixed holds."""
        chance = self._rng.random()
        if path.ends == "list" and chance < 0.25:
            index = self._rng.choice(["0", "1", "FIRST", "LAST", "*"])
            return replace(path, text=f"{path.text}[{index}]", ends="")
        if path.ends == "dictionary" and chance < 0.5:
            if chance < 0.1:
                return replace(path, text=path.text + ".@keys", type="string", ends="keys")
            if chance < 0.2:
                return replace(path, text=path.text + self._rng.choice(["[*]", ".@values"]))
            return replace(path, text=path.text + self._key(), type="mixed", ends="")
        if path.type == "mixed" and not path.ends and chance < 0.3:
            step = self._rng.choice([self._key(), "[0]", "[*]", f"{self._key()}[LAST]"])
            return replace(path, text=path.text + step, is_multiple=True, is_direct=False)
        return path

    def _path_where(self, cls: str, prefix: str, accept: Any, reach: int = 2) -> _Path | None:
        for _ in range(12):
            path = self._path(cls, prefix, reach)
            if accept(path):
                return path
        return None

    # Constants

    def _constant(self, kind: str, is_null: float = 0.08) -> str:
        """Something that may meet a value of a type."""
        chance = self._rng.random()
        if chance < is_null:
            return self._rng.choice(["NULL", "null", "nil"])
        if kind == "mixed":
            kind = self._rng.choice(TYPES)
        elif kind in NUMBERS and self._rng.random() < 0.25:
            kind = self._rng.choice(NUMBERS)
        value = scalar(self._rng, kind)
        return self._argument(value) if self._rng.random() < 0.1 else self.literal(value)

    def _argument(self, value: Encoded) -> str:
        self._arguments.append(value)
        return f"${len(self._arguments) - 1}"

    def literal(self, value: Encoded) -> str:
        kind = value["t"]
        if kind in ("float", "double"):
            number = value["v"]
            return f"{number}f" if kind == "float" and number[-1].isdigit() else str(number)
        if kind == "decimal":
            return {"NaN": "nan", "Infinity": "inf"}.get(value["v"], str(value["v"]))
        if kind == "bool":
            return "true" if value["v"] else "FALSE"
        if kind == "string":
            return self._quoted(value["v"])
        if kind == "binary":
            encoded = base64.b64encode(bytes.fromhex(value["hex"])).decode()
            return f'binary(B64"{encoded}")'
        if kind == "timestamp":
            return f"T{value['s']}:{value['n']}"
        if kind == "null":
            return "NULL"
        if kind == "link":
            return f'obj("{value["class"]}", {self.literal(value["pk"])})'
        return {"objectid": "oid({})", "uuid": "uuid({})", "int": "{}"}[kind].format(value["v"])

    def _quoted(self, text: str) -> str:
        quotes = [quote for quote in "'\"" if quote not in text]
        return f"{quotes[0]}{text}{quotes[0]}"

    # Atoms; None where the class has nothing that fits

    def _scalar(self, cls: str, prefix: str) -> Condition | None:
        """A single value and a constant."""
        path = self._path_where(cls, prefix, lambda p: p.type != "link" and not p.is_multiple)
        if path is None:
            return None
        return self._comparison(path)

    def _comparison(self, path: _Path) -> Condition:
        operator = self._rng.choice(["==", "==", "!=", *RELATIONS])
        right = self._constant(path.type)
        if path.type in ("string", "mixed") and operator in ("==", "!=") and right[0] in "'\"":
            operator += self._rng.choice(["", "", "[c]"])
        is_plain = path.is_direct and path.type in PLAIN and right[0] not in "Nn$"
        is_int = is_plain and path.type == "int" and right.lstrip("-").isdigit()
        is_plain &= path.type != "int" or is_int
        if not is_plain and operator in MIRRORED and self._rng.random() < 0.15:
            return Raw(f"{right} {MIRRORED[operator]} {path.text}")
        column = path.type if is_plain else ""
        return Comparison(path.text, operator, right, column, int(right) if is_int else None)

    def _equalities(self, cls: str, prefix: str) -> Condition | None:
        """What becomes one membership."""
        path = self._path_where(cls, prefix, lambda p: p.type != "link" and not p.is_multiple)
        if path is None:
            return None
        conjunction = self._rng.random() < 0.3
        operator = "!=" if conjunction else "=="
        constants = [self._constant(path.type) for _ in range(self._rng.choice([2, 3]))]
        return Chain(conjunction, tuple(Comparison(path.text, operator, c) for c in constants))

    def _in_list(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.type != "link")
        if path is None:
            return None
        items = tuple(self._constant(path.type) for _ in range(self._rng.choice([1, 2, 3])))
        quantifier = self._rng.choice(["ANY ", "ALL ", "NONE "]) if path.is_multiple else ""
        plain = path.is_direct and path.type in PLAIN
        plain &= all(re.fullmatch(r"-?\d+|(oid|uuid)\(.*", item) for item in items)
        return Membership(quantifier + path.text, items, path.type if plain else "")

    def _in_path(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.is_multiple and p.type != "link")
        if path is None or path.ends == "keys":
            return None
        return Raw(f"{self._constant(path.type)} IN {path.text}")

    def _string_operator(self, cls: str, prefix: str) -> Condition | None:
        kinds = ("string", "string", "binary", "mixed")
        path = self._path_where(cls, prefix, lambda p: p.type in kinds)
        if path is None:
            return None
        value = scalar(
            self._rng, self._rng.choice(["string", path.type.replace("mixed", "binary")])
        )
        if path.type == "string":
            value = scalar(self._rng, "string")
        right = "NULL" if self._rng.random() < 0.06 else self.literal(value)
        operator = self._rng.choice(STRING_OPERATORS)
        if operator == "LIKE" and value["t"] == "string" and right != "NULL":
            right = self._rng.choice(["'*'", "'?'", "'a*'", "'*b'", "'*?*'", "'A?'", right])
        operator += self._rng.choice(["", "[c]"])
        return Raw(f"{self._quantifier(path)}{path.text} {operator} {right}")

    def _quantifier(self, path: _Path) -> str:
        return self._rng.choice(["", "ANY ", "ALL ", "NONE "]) if path.is_multiple else ""

    def _two_paths(self, cls: str, prefix: str) -> Condition | None:
        left = self._path_where(cls, prefix, lambda p: p.type != "link")
        if left is None:
            return None

        def fits(p: _Path) -> bool:
            numbers = p.type in NUMBERS and left.type in NUMBERS
            return p.type == left.type or "mixed" in (p.type, left.type) or numbers

        right = self._path_where(cls, prefix, lambda p: p.type != "link" and fits(p))
        if right is None:
            return None
        operator = self._rng.choice(["==", "!=", *RELATIONS])
        return Raw(
            f"{self._quantifier(left)}{left.text} {operator} {self._quantifier(right)}{right.text}"
        )

    def _between(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(
            cls, prefix, lambda p: p.type in (*NUMBERS, "timestamp", "string", "mixed", "bool")
        )
        if path is None:
            return None
        bounds = [self._constant(path.type, 0) for _ in range(2)]
        quantifier = "ALL " if path.is_multiple else ""
        return Raw(f"{quantifier}{path.text} BETWEEN {{{bounds[0]}, {bounds[1]}}}")

    def _quantified(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.is_multiple and p.type != "link")
        if path is None:
            return None
        operator = self._rng.choice(["==", "!=", *RELATIONS])
        right = self._constant(path.type)
        if self._rng.random() < 0.2:
            items = ", ".join(self._constant(path.type) for _ in range(self._rng.choice([0, 1, 2])))
            right = f"{self._rng.choice(['ANY ', 'ALL ', 'NONE '])}{{{items}}}"
        sides = [f"{self._quantifier(path)}{path.text}", right]
        if self._rng.random() < 0.2:
            sides.reverse()
        return Raw(f"{sides[0]} {operator} {sides[1]}")

    def _sequence(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.is_multiple and p.type != "link")
        if path is None:
            return None
        operator = self._rng.choice(["==", "!=", *RELATIONS])
        items = [self._constant(path.type) for _ in range(self._rng.choice([0, 1, 2]))]
        return Raw(f"{path.text} {operator} {{{', '.join(items)}}}")

    def _size(self, cls: str, prefix: str) -> Condition | None:
        def has_size(p: _Path) -> bool:
            return bool(p.ends and p.ends != "keys") or p.type in (
                "string",
                "binary",
                "mixed",
                "link",
            )

        path = self._path_where(cls, prefix, has_size)
        if path is None or (path.text.endswith("]") and path.type == "link"):
            return None
        relation = f"{self._rng.choice(['==', '!=', *RELATIONS])} {self._rng.choice([0, 1, 2])}"
        size = self._rng.choice([".@count", ".@size", "[SIZE]"])
        return Raw(f"{self._quantifier(path) if path.crosses else ''}{path.text}{size} {relation}")

    def _aggregate(self, cls: str, prefix: str) -> Condition | None:
        kinds = (*NUMBERS, "mixed", "timestamp")
        path = self._path_where(
            cls, prefix, lambda p: bool(p.ends) and p.ends != "keys" and p.type in (*kinds, "link")
        )
        if path is None:
            return None
        operation = self._rng.choice(["@min", "@max", "@sum", "@avg"])
        kind, end = path.type, ""
        if path.type == "link":
            fitting = [
                p
                for p in self._data.classes[path.target].properties
                if p.type in kinds and not p.collection
            ]
            if not fitting:
                return None
            p = self._rng.choice(fitting)
            kind, end = p.type, f".{identifier(p.name)}"
        if kind == "timestamp" and operation in ("@sum", "@avg"):
            operation = "@max"
        relation = self._rng.choice(["==", "!=", *RELATIONS])
        return Raw(f"{path.text}.{operation}{end} {relation} {self._constant(kind)}")

    def _arithmetic(self, cls: str, prefix: str) -> Condition | None:
        numbers = (*NUMBERS, *NUMBERS, "mixed")
        left = self._path_where(cls, prefix, lambda p: p.type in numbers and p.ends != "keys")
        if left is None:
            return None
        right = self._constant(left.type if left.type in NUMBERS else "int", 0)
        if self._rng.random() < 0.4:
            path = self._path_where(cls, prefix, lambda p: p.type in NUMBERS and not p.is_multiple)
            right = path.text if path is not None else right
        operation = self._rng.choice("+-*/")
        operands = [f"{self._quantifier(left)}{left.text}", right]
        if self._rng.random() < 0.3:
            operands.reverse()
        relation = self._rng.choice(["==", "!=", *RELATIONS])
        text = f"{operands[0]} {operation} {operands[1]}"
        return Raw(f"{text} {relation} {self._constant('int')}")

    def _type_of(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.type == "mixed")
        if path is None:
            return None
        operator = self._rng.choice(["==", "!="])
        name = self._rng.choice(TYPE_NAMES)
        return Raw(f"{self._quantifier(path)}{path.text}.@type {operator} '{name}'")

    def _link(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.type == "link")
        if path is None or not self._data.classes[path.target].key_type:
            return None
        if path.ends == "backlinks":
            return None
        operator = self._rng.choice(["==", "!="])
        links = [self._object(path.target) for _ in range(2)]
        if self._rng.random() < 0.2:
            quantifier = "ANY " if path.is_multiple else ""
            return Membership(quantifier + path.text, tuple(links))
        right = "NULL" if self._rng.random() < 0.3 and not path.ends else links[0]
        sides = [f"{self._quantifier(path)}{path.text}", right]
        if self._rng.random() < 0.2:
            sides.reverse()
        return Raw(f"{sides[0]} {operator} {sides[1]}")

    def _object(self, name: str) -> str:
        key = self._rng.choice(self._data.keys(name))
        return self.literal({"t": "link", "class": name, "pk": key})

    def _geo(self, cls: str, prefix: str) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.target == "Place")
        if path is None:
            return None
        region = self._rng.choice(
            [
                "geoBox([-170.0, -80.0], [0.5, 60.0])",
                "geoCircle([10.0, 20.0], 1.2)",
                "geoPolygon({[0.0, 0.0], [120.0, 0.0], [60.0, 80.0], [0.0, 0.0]})",
            ]
        )
        return Raw(f"{self._quantifier(path)}{path.text} GEOWITHIN {region}")

    def _truth(self, cls: str, prefix: str) -> Condition:
        return Truth(self._rng.random() < 0.5)

    def _subquery(self, cls: str, prefix: str, depth: int) -> Condition | None:
        path = self._path_where(cls, prefix, lambda p: p.ends in ("list", "backlinks") and p.target)
        if path is None:
            return None
        variable = f"$v{depth}"
        inner = self.condition(path.target, variable + ".", depth - 1)
        relation = f"{self._rng.choice(['==', '>', '<='])} {self._rng.choice([0, 1, 2])}"
        return Subquery(path.text, variable, inner, relation)

    def _clauses(self, cls: str) -> str:
        names = [
            identifier(p.name)
            for p in self._data.classes[cls].properties
            if not p.collection and p.type not in ("link", "object")
        ]
        clauses = [
            f"SORT({self._rng.choice(names)} {self._rng.choice(['ASC', 'DESC'])}, _id ASC)",
            f"DISTINCT({self._rng.choice(names)})",
            f"LIMIT({self._rng.choice([1, 3, 8])})",
        ]
        chosen = self._rng.sample(clauses, self._rng.choice([1, 2, 3]))
        return " " + " ".join(chosen)
