"""From tokens to the tree, by recursive descent (3); chains of terms are loops.

Sections are those of query-language.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from query.naive import syntax
from query.naive.errors import Refused
from query.naive.errors import syntax as refusal
from query.naive.lexer import Token, tokens
from query.naive.values import string_bytes, string_from

IDENTIFIERS = (
    "identifier @links @keys @values beginswith endswith contains like between sort distinct"
)
NAMES = frozenset((IDENTIFIERS + " limit asc desc in text binary first last size").split())
PLAIN = frozenset(
    [
        "infinity",
        "nan",
        "base64",
        "float",
        "timestamp",
        "link",
        "true",
        "false",
        "null",
        "uuid",
        "oid",
        "natural0",
        "number",
        "string",
    ]
) | {"typed link"}
PK = frozenset(["natural0", "number", "string", "uuid", "oid", "argument"])
COMPARING = {"==": "=", "!=": "!=", "in": "in", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
STRINGS = ("beginswith", "endswith", "contains", "like")
AGGREGATES = ("@max", "@min", "@sum", "@avg")
ESCAPES = {b" ": b" ", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
DEEPEST = 100
T = TypeVar("T")


def natural(text: bytes) -> int:
    """Digits in the base that they begin with: octal after a zero (2.1); saturated (5.2)."""
    sign = -1 if text.startswith(b"-") else 1
    digits = text.lstrip(b"+-")
    if digits[:2].lower() == b"0x":
        number = int(digits[2:], 16)
    elif digits.startswith(b"0"):
        number = int((re.match(rb"[0-7]+", digits) or [b"0"])[0], 8)
    else:
        number = int(digits)
    return max(-(2**63), min(2**63 - 1, sign * number))


def unquoted(text: bytes) -> str:
    """What stands between the quotes, as it stands there (2.1)."""
    return string_from(text[1:-1])


class Parser:
    """One text. Every method reads one production and stops behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(string_bytes(text), text)
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> str:
        """The name of the token to come."""
        return self.tokens[self.at].name

    def take(self, *names: str) -> Token:
        """The next token, which has to be one of these."""
        token = self.tokens[self.at]
        if names and token.name not in names:
            raise self.unexpected()
        self.at += 1
        return token

    def taken(self, *names: str) -> bool:
        """Whether the next token is one of these; then it is read."""
        if self.next in names:
            self.at += 1
            return True
        return False

    def unexpected(self) -> Refused:
        """The grammar has no place for the next token."""
        return refusal(f"Invalid predicate: '{self.text}': syntax error, unexpected {self.next}")

    def whole(self) -> syntax.Text:
        """`final`."""
        query = self.disjunction()
        clauses: list[syntax.Clause] = []
        while self.next in ("sort", "distinct", "limit"):
            clauses.append(self.clause())
        self.take("end of file")
        return syntax.Text(query, clauses)

    def clause(self) -> syntax.Clause:
        """`sort`, `distinct` or `limit`."""
        clause = syntax.Clause(self.take().name)
        self.take("(")
        if clause.name == "limit":
            clause.count = natural(self.take("natural0").text)
        else:
            while True:
                path = self.path()
                up = clause.name != "sort" or self.take("asc", "desc").name == "asc"
                clause.paths.append((path, up))
                if not self.taken(","):
                    break
        self.take(")")
        return clause

    def disjunction(self) -> syntax.Query:
        """`query OR query`."""
        query = self.conjunction()
        while self.taken("or"):
            query = syntax.Logical("or", [query, self.conjunction()])
        return query

    def conjunction(self) -> syntax.Query:
        """`query AND query`."""
        query = self.negation()
        while self.taken("and"):
            query = syntax.Logical("and", [query, self.negation()])
        return query

    def negation(self) -> syntax.Query:
        """What NOT binds to, and it."""
        if self.taken("not"):
            return syntax.Not(self.deeper(self.negation))
        if self.taken("truepredicate"):
            return syntax.Always(True)
        if self.taken("falsepredicate"):
            return syntax.Always(False)
        if self.next == "(":
            # `(a) + 1 == 2` and `(a == 1)` look alike at first: try the expression, then the query.
            start = self.at
            try:
                return self.comparison()
            except Refused:
                furthest, self.at = self.at, start
            self.take("(")
            try:
                query = self.deeper(self.disjunction)
                self.take(")")
            except Refused:
                self.at = max(self.at, furthest)
                raise
            return query
        return self.comparison()

    def deeper(self, production: Callable[[], T]) -> T:
        """A nested production, as deep as the limit lets it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise refusal(f"Invalid predicate: '{self.text}': nested too deeply")
        try:
            return production()
        finally:
            self.depth -= 1

    def comparison(self) -> syntax.Query:
        """`compare`."""
        bare = self.next != "("
        left = self.expression()
        plain = bare and not isinstance(left, syntax.Arithmetic)
        operator = self.next
        if operator in COMPARING:
            self.take()
            folded = operator in ("==", "!=", "in") and self.taken("case")
            return syntax.Comparison(COMPARING[operator], left, self.expression(), folded)
        if not plain:
            raise self.unexpected()
        if operator in STRINGS:
            self.take()
            folded = self.taken("case")
            return syntax.Comparison(operator, left, self.value(), folded)
        if operator == "text":
            self.take()
            return syntax.Comparison(operator, left, self.value())
        if operator == "between":
            self.take()
            return syntax.Comparison(operator, left, self.listing(self.quantifier()))
        if operator == "geowithin" and isinstance(left, syntax.Property):
            self.take()
            return syntax.Within(left, self.region())
        raise self.unexpected()

    def expression(self) -> syntax.Operand:
        """`expr`: sums of products."""
        left = self.product()
        while self.next in ("+", "-"):
            left = syntax.Arithmetic(self.take().name, left, self.product())
        return left

    def product(self) -> syntax.Operand:
        """What `*` and `/` hold together."""
        left = self.term()
        while self.next in ("*", "/"):
            left = syntax.Arithmetic(self.take().name, left, self.term())
        return left

    def term(self) -> syntax.Operand:
        """A value, or an expression in parentheses."""
        if self.taken("("):
            inner = self.deeper(self.expression)
            self.take(")")
            return inner
        return self.value()

    def quantifier(self) -> str | None:
        """ANY, ALL, NONE or nothing."""
        return self.take().name.upper() if self.next in ("any", "all", "none") else None

    def value(self) -> syntax.Operand:
        """`value`."""
        quantifier = self.quantifier()
        if self.next == "{":
            return self.listing(quantifier)
        if self.next == "argument":
            return syntax.Literal("argument", self.take().text, quantifier=quantifier)
        if quantifier:
            return self.property(quantifier)
        if self.next == "subquery":
            return self.subquery()
        if self.next in PLAIN or self.next == "obj":
            return self.constant()
        if self.next == "binary" and self.tokens[self.at + 1].name == "(":
            return self.constant()
        return self.property(None)

    def constant(self) -> syntax.Literal:
        """`constant` without its quantifier."""
        if self.taken("obj"):
            self.take("(")
            name = self.take("string")
            self.take(",")
            pk = self.take(*PK)
            self.take(")")
            return syntax.Literal("obj", name.text, syntax.Literal(pk.name, pk.text))
        if self.taken("binary"):
            self.take("(")
            inner = self.take("string", "base64")
            self.take(")")
            return syntax.Literal("binary", b"", syntax.Literal(inner.name, inner.text))
        token = self.take(*PLAIN, "argument")
        return syntax.Literal(token.name, token.text)

    def listing(self, quantifier: str | None) -> syntax.Listing:
        """`list`; a leading comma is accepted."""
        self.take("{")
        members: list[syntax.Literal] = []
        if self.next not in ("}", ","):
            members.append(self.member())
        while self.taken(","):
            members.append(self.member())
        self.take("}")
        return syntax.Listing(members, quantifier)

    def member(self) -> syntax.Literal:
        """A constant of a list; an argument may have a quantifier."""
        quantifier = self.quantifier()
        if quantifier or self.next == "argument":
            return syntax.Literal("argument", self.take("argument").text, quantifier=quantifier)
        return self.constant()

    def subquery(self) -> syntax.Subquery:
        """`subquery`."""
        self.take("subquery")
        self.take("(")
        path = self.path()
        self.take(",")
        variable = self.name()
        self.take(",")
        query = self.deeper(self.disjunction)
        self.take(")")
        self.take(".")
        self.take("@size")
        return syntax.Subquery(path, variable, query)

    def name(self) -> str:
        """`id`, its escapes decoded."""
        token = self.take(*NAMES)
        decoded = re.sub(rb"\\([ nrt])", lambda m: ESCAPES[m[1]], token.text)
        return string_from(decoded)

    def property(self, quantifier: str | None) -> syntax.Property | syntax.Aggregate:
        """`prop`, or an aggregate, which begins like one but takes no quantifier."""
        path = self.path()
        if self.next == "." and self.tokens[self.at + 1].name in AGGREGATES:
            self.take()
            if quantifier:
                raise self.unexpected()
            operator = self.take().name
            name = self.name() if self.taken(".") else None
            return syntax.Aggregate(path, operator, name)
        post = None
        if self.next == "." and self.tokens[self.at + 1].name in ("@size", "@type"):
            self.take()
            post = self.take().text.decode()
        elif self.next == "[" and self.tokens[self.at + 1].name == "size":
            self.take()
            post = self.take().text.decode()
            self.take("]")
        return syntax.Property(path, quantifier, post)

    def path(self) -> syntax.Path:
        """`path`; it stops before an operator."""
        path = syntax.Path([])
        if self.next == "keypath":
            path.argument = int(self.take().text[2:])
        else:
            path.elements.append(syntax.Key(self.name()))
        while True:
            following = self.tokens[min(self.at + 1, len(self.tokens) - 1)].name
            if self.next == "." and following not in (*AGGREGATES, "@size", "@type"):
                self.take()
                path.elements.append(syntax.Key(self.name()))
            elif self.next == "[" and following != "size":
                self.take()
                path.elements.append(self.index())
                self.take("]")
            else:
                return path

    def index(self) -> syntax.Element:
        """What stands between brackets."""
        token = self.take("natural0", "first", "last", "*", "string", "argument")
        if token.name == "natural0":
            return syntax.Index(natural(token.text))
        if token.name in ("first", "last"):
            return syntax.Index(0 if token.name == "first" else -1)
        if token.name == "*":
            return syntax.Every()
        if token.name == "argument":
            return syntax.Placeholder(int(token.text[1:]))
        return syntax.Key(unquoted(token.text))

    def region(self) -> syntax.Region | syntax.Literal:
        """`geo`, or the argument that holds one."""
        if self.next == "argument":
            return syntax.Literal("argument", self.take().text)
        shape = self.take("geobox", "geocircle", "geopolygon").name
        self.take("(")
        region = syntax.Region(shape, [])
        if shape == "geopolygon":
            region.loops.append(self.loop())
            while self.taken(","):
                region.loops.append(self.loop())
        else:
            region.loops.append([self.point()])
            self.take(",")
            if shape == "geobox":
                region.loops[0].append(self.point())
            else:
                region.radius = self.coordinate()
        self.take(")")
        return region

    def loop(self) -> list[list[syntax.Literal]]:
        """`loop`."""
        self.take("{")
        points = [self.point()]
        while self.taken(","):
            points.append(self.point())
        self.take("}")
        return points

    def point(self) -> list[syntax.Literal]:
        """`point`, its altitude included."""
        self.take("[")
        numbers = [self.coordinate()]
        self.take(",")
        numbers.append(self.coordinate())
        if self.taken(","):
            altitude = self.take("float")
            numbers.append(syntax.Literal(altitude.name, altitude.text))
        self.take("]")
        return numbers

    def coordinate(self) -> syntax.Literal:
        """`coord`."""
        token = self.take("float", "natural0", "argument")
        return syntax.Literal(token.name, token.text)


def parse(text: str) -> syntax.Text:
    """The tree of a text, or a SyntaxError as Refused."""
    return Parser(text).whole()
