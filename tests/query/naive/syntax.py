"""The tree of a text, as the grammar has it (3).

Sections are those of query-language.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Literal:
    """A constant: the token's name and text; `inner` is what `obj` and `binary` hold."""

    name: str
    text: bytes
    inner: Literal | None = None
    quantifier: str | None = None


@dataclass
class Listing:
    """`{..}` with or without a quantifier."""

    members: list[Literal]
    quantifier: str | None


@dataclass
class Key:
    """A name after a dot, or a string between brackets."""

    name: str


@dataclass
class Index:
    """A number between brackets; FIRST is 0 and LAST -1."""

    number: int


@dataclass
class Every:
    """`[*]`."""


@dataclass
class Placeholder:
    """`[$n]`."""

    number: int


Element = Key | Index | Every | Placeholder


@dataclass
class Path:
    """`first` may be a `$K` argument, then its number."""

    elements: list[Element]
    argument: int | None = None


@dataclass
class Property:
    """A path with quantifier and operator: `@size` or `@type`."""

    path: Path
    quantifier: str | None
    post: str | None


@dataclass
class Aggregate:
    """`path.@op` or `path.@op.name`."""

    path: Path
    operator: str
    name: str | None


@dataclass
class Subquery:
    """`SUBQUERY(path, variable, query).@count`."""

    path: Path
    variable: str
    query: Query


@dataclass
class Arithmetic:
    """One of `+ - * /`."""

    operator: str
    left: Operand
    right: Operand


Operand = Literal | Listing | Property | Aggregate | Subquery | Arithmetic


@dataclass
class Comparison:
    """`fold` is the flag `[c]`."""

    operator: str
    left: Operand
    right: Operand
    fold: bool = False


@dataclass
class Region:
    """A region's points as their literals; `centre` and `radius` of a circle in `loops` too."""

    shape: str
    loops: list[list[list[Literal]]]
    radius: Literal | None = None


@dataclass
class Within:
    """GEOWITHIN."""

    left: Property
    region: Region | Literal


@dataclass
class Always:
    """TRUEPREDICATE, FALSEPREDICATE."""

    value: bool


@dataclass
class Not:
    """Negation."""

    child: Query


@dataclass
class Logical:
    """AND, OR of two; chains are nested to the left."""

    operator: str
    children: list[Query]


Query = Comparison | Within | Always | Not | Logical


@dataclass
class Clause:
    """SORT, DISTINCT, LIMIT. The flag of a path tells whether it ascends."""

    name: str
    paths: list[tuple[Path, bool]] = field(default_factory=list)
    count: int = 0


@dataclass
class Text:
    """A whole text."""

    query: Query
    clauses: list[Clause]
