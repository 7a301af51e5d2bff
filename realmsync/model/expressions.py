"""Queries as Python expressions: `Dog.age > 3`, `Dog.owner.name.begins_with("A")`.

An attribute of an object class is a Field; comparing it gives a Condition, which `Results.where`
takes. A condition writes itself as text of the query language with its values as arguments, so
both ways to ask make the same query and nothing needs quotes; what it means is decided in the
core. The text is made in key_path.py and query_text.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeAlias, TypeVar, overload

from realmsync.errors import ArgumentTypeError, InvalidArgumentError, InvalidPropertyError
from realmsync.geo import Region
from realmsync.model.key_path import KeyPath
from realmsync.model.query_text import QueryText
from realmsync.naming import did_you_mean

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
E = TypeVar("E")
Text: TypeAlias = (
    "Field[str] | Field[str | None] | Field[bytes] | Field[bytes | None] | Field[object]"
)
Truth: TypeAlias = "Expression[bool] | Expression[bool | None]"
# Properties declared without Field[...] are, to type checkers, what objects have.
ConditionLike: TypeAlias = "Condition | Truth | bool"
Class: TypeAlias = type[Any]


class Condition:
    """What an object fulfils or not; `&` and `|` combine conditions, `~` turns one round."""

    __slots__ = ()

    def __and__(self, other: ConditionLike) -> Condition:
        return _Group("AND", self, condition(other))

    def __or__(self, other: ConditionLike) -> Condition:
        return _Group("OR", self, condition(other))

    def __invert__(self) -> Condition:
        return _Not(self)

    def __bool__(self) -> NoReturn:
        raise ArgumentTypeError(
            "a condition of a query is not true or false by itself: write & for `and`, | for `or`,"
            " ~ for `not`, with parentheses around comparisons; field.in_(values) for `in`,"
            " field.between(low, high) for `low <= field <= high`"
        )

    def write(self, text: QueryText) -> str:
        """The condition as text of the query language; arguments go to `text`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<Condition {QueryText.shown(self.write)}>"


class _Group(Condition):
    """Conditions that AND or OR joins. Chains of them lean to a side, and may be long."""

    __slots__ = ("_left", "_operator", "_right")

    def __init__(self, operator: str, left: Condition, right: Condition) -> None:
        self._operator = operator
        self._left = left
        self._right = right

    def write(self, text: QueryText) -> str:
        parts = []
        waiting: list[Condition] = [self]
        while waiting:  # no recursion along a chain
            member = waiting.pop()
            if isinstance(member, _Group) and member._operator == self._operator:
                waiting += [member._right, member._left]
            elif isinstance(member, _Group):
                parts.append(f"({member.write(text)})")
            else:
                parts.append(member.write(text))
        return f" {self._operator} ".join(parts)


class _Not(Condition):
    __slots__ = ("_of",)

    def __init__(self, of: Condition) -> None:
        self._of = of

    def __invert__(self) -> Condition:
        return self._of

    def write(self, text: QueryText) -> str:
        return f"NOT ({self._of.write(text)})"


class _Comparison(Condition):
    __slots__ = ("_left", "_operator", "_right")

    def __init__(self, left: Expression[Any], operator: str, right: object) -> None:
        self._left = left
        self._operator = operator
        self._right = right

    def write(self, text: QueryText) -> str:
        return f"{self._left.write(text)} {self._operator} {_operand(self._right, text)}"


class _Between(Condition):
    __slots__ = ("_high", "_low", "_value")

    def __init__(self, value: Expression[Any], low: object, high: object) -> None:
        self._value = value
        self._low = low
        self._high = high

    def write(self, text: QueryText) -> str:
        if isinstance(self._value, _Arithmetic):  # BETWEEN takes none in the grammar
            both = _Group("AND", self._value >= self._low, self._value <= self._high)
            return f"({both.write(text)})"
        bounds = text.argument(self._low), text.argument(self._high)
        return f"{self._value.write(text)} BETWEEN {{{bounds[0]}, {bounds[1]}}}"


def _operand(value: object, text: QueryText) -> str:
    if isinstance(value, Expression):
        return value.write(text)
    return "NULL" if value is None else text.argument(value)


def condition(given: object) -> Condition:
    """A condition, also of a field that is true or false; ArgumentTypeError for anything else."""
    if isinstance(given, Condition):
        return given
    if isinstance(given, Expression):
        if not _may_be_bool(given):
            raise ArgumentTypeError(f"{given!r} is not true or false: compare it with something")
        return _Comparison(given, "==", True)
    meant = ""
    if isinstance(given, bool):
        meant = ": a comparison by `is`, of two values, or of an object instead of its class?"
    elif isinstance(given, str):
        meant = ": texts belong into filtered(...)"
    raise ArgumentTypeError(f"Expected a condition such as Dog.age > 3, got {given!r}{meant}")


def _may_be_bool(given: Expression[Any]) -> bool:
    if not isinstance(given, Field):
        return False
    declared = given._path.declared
    return declared is None or declared.type in ("bool", "mixed")


class Expression(Generic[T]):
    """A value that a query computes of an object: a Field, a count, a sum.

    It can be compared with values and with other expressions, and calculated with.
    """

    __slots__ = ()

    def write(self, text: QueryText) -> str:
        """The expression as text of the query language; arguments go to `text`."""
        raise NotImplementedError

    def __eq__(  # type: ignore[override]  # a condition, and so the six below
        self, other: T | Expression[Any] | None
    ) -> Condition:
        return _Comparison(self, "==", other)

    def __ne__(  # type: ignore[override]
        self, other: T | Expression[Any] | None
    ) -> Condition:
        return _Comparison(self, "!=", other)

    def __hash__(self) -> int:
        return id(self)

    def __lt__(self, other: T | Expression[Any]) -> Condition:
        return _Comparison(self, "<", other)

    def __le__(self, other: T | Expression[Any]) -> Condition:
        return _Comparison(self, "<=", other)

    def __gt__(self, other: T | Expression[Any]) -> Condition:
        return _Comparison(self, ">", other)

    def __ge__(self, other: T | Expression[Any]) -> Condition:
        return _Comparison(self, ">=", other)

    def is_null(self) -> Condition:
        """Whether there is no value."""
        return _Comparison(self, "==", None)

    def between(self, low: T, high: T) -> Condition:
        """Whether it lies between the bounds or is one of them."""
        return _Between(self, low, high)

    def in_(self, values: Iterable[T] | Expression[Any]) -> Condition:
        """Whether it is one of the values, or of the elements of a collection."""
        if isinstance(self, Field) and self._path.is_collection and not self._quantifier:
            raise InvalidArgumentError(
                f"'{self._path}' is a collection: write any().in_(values) if one element, or"
                " all().in_(values) if every one has to be among them"
            )
        if isinstance(values, Expression):
            return _Comparison(self, "IN", values)
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise ArgumentTypeError(f"in_ takes several values, got {values!r}")
        return _Comparison(self, "IN", list(values))

    def __and__(self: Truth, other: ConditionLike) -> Condition:
        return condition(self) & other

    def __or__(self: Truth, other: ConditionLike) -> Condition:
        return condition(self) | other

    def __invert__(self: Truth) -> Condition:
        return ~condition(self)

    if not TYPE_CHECKING:  # for checkers `3 & Dog.age` stays an error of its own

        def __rand__(self, other: object) -> NoReturn:
            raise ArgumentTypeError(
                "& and | bind more than comparisons, which need parentheses:"
                " (Dog.age > 3) & (Dog.age < 9)"
            )

        __ror__ = __rand__

    def __add__(self, other: object) -> Expression[Any]:
        return _Arithmetic("+", self, other)

    def __radd__(self, other: object) -> Expression[Any]:
        return _Arithmetic("+", other, self)

    def __sub__(self, other: object) -> Expression[Any]:
        return _Arithmetic("-", self, other)

    def __rsub__(self, other: object) -> Expression[Any]:
        return _Arithmetic("-", other, self)

    def __mul__(self, other: object) -> Expression[Any]:
        return _Arithmetic("*", self, other)

    def __rmul__(self, other: object) -> Expression[Any]:
        return _Arithmetic("*", other, self)

    def __truediv__(self, other: object) -> Expression[Any]:
        return _Arithmetic("/", self, other)

    def __rtruediv__(self, other: object) -> Expression[Any]:
        return _Arithmetic("/", other, self)

    def __bool__(self) -> NoReturn:
        raise ArgumentTypeError(
            f"{self!r} has no value by itself: only objects have. In a condition, write & for"
            " `and`, | for `or`, ~ for `not`"
        )

    def __contains__(self, value: object) -> NoReturn:
        raise ArgumentTypeError("write field.any() == value instead of `value in field`")

    __iter__ = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__.strip('_')} {QueryText.shown(self.write)}>"


class _Arithmetic(Expression[Any]):
    __slots__ = ("_left", "_operator", "_right")

    def __init__(self, operator: str, left: object, right: object) -> None:
        self._operator = operator
        self._left = left
        self._right = right

    def write(self, text: QueryText) -> str:
        left, right = _operand(self._left, text), _operand(self._right, text)
        return f"({left} {self._operator} {right})"


class _Aggregate(Expression[Any]):
    """What is made of all values of a path: their number, their sum, their type."""

    __slots__ = ("_ending", "_path", "_quantifier")

    def __init__(self, path: KeyPath, ending: str, quantifier: str = "") -> None:
        self._path = path
        self._ending = ending
        self._quantifier = quantifier

    def write(self, text: QueryText) -> str:
        return f"{self._quantifier}{text.path(self._path)}.{self._ending}"


class _Subquery(Expression[int]):
    __slots__ = ("_condition", "_path")

    def __init__(self, path: KeyPath, given: Condition) -> None:
        self._path = path
        self._condition = given

    def write(self, text: QueryText) -> str:
        return text.subquery(self._path, self._condition.write)


class Field(Expression[T]):
    """A property of an object class, in queries; or what is reached from it: `Dog.owner.name`.

    `name: Field[str]` as the annotation of a property tells type checkers that `Dog.name` is a
    Field and `dog.name` a text; `name: str` declares the same property without telling them.

    Names of properties follow links: `Dog.owner.name`, or `Dog.owner["count"]` where the name is
    that of a method. `[n]` is an element of a list, -1 the last one, `["key"]` an entry of a
    dictionary. Of several values, one has to fit unless `all` or `none` says otherwise; what a
    list in a mixed value holds is asked by `any`, `all` and `none` only.
    """

    __slots__ = ("_path", "_quantifier")

    if TYPE_CHECKING:  # what classes have in its place is a descriptor of objects.py

        @overload
        def __get__(self, instance: None, owner: Class) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: Class) -> T: ...
        def __get__(self, instance: object, owner: Class) -> Any: ...
        def __set__(self, instance: object, value: T) -> None: ...

    def __init__(self, path: KeyPath, quantifier: str = "") -> None:
        self._path = path
        self._quantifier = quantifier

    def write(self, text: QueryText) -> str:
        return f"{self._quantifier}{text.path(self._path)}"

    def __repr__(self) -> str:
        return f"<Field {self._quantifier}{self._path}>"

    # Where it leads.

    def __getattr__(self, name: str) -> Field[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._path.may_lead_on:
            meant = _ELSEWHERE.get(name)
            raise InvalidPropertyError(
                f"'{self._path}' holds no objects, so it has no {name!r}"
                + (f": write {meant}" if meant else did_you_mean(name, _METHODS))
            )
        return Field(self._path.then(name, also=_METHODS), self._quantifier)

    def __dir__(self) -> list[str]:
        """The methods, and the properties of linked objects, so that prompts complete both."""
        return [*_METHODS, *self._path.next_names()]

    def __getitem__(self, at: int | str) -> Field[Any]:
        if isinstance(at, bool) or not isinstance(at, int | str):
            raise ArgumentTypeError(f"Expected a position, a key or a name, got {at!r}")
        return Field(self._path.at(at), self._quantifier)

    def keys(self) -> Field[str]:
        """The keys of a dictionary."""
        return Field(self._path.special("@keys"), self._quantifier)

    def values(self) -> Field[Any]:
        """The values of a dictionary."""
        return Field(self._path.special("@values"), self._quantifier)

    # Which of several values have to fit.

    @overload
    def any(self: Field[list[E]]) -> Field[E]: ...
    @overload
    def any(self: Field[set[E]]) -> Field[E]: ...
    @overload
    def any(self: Field[dict[str, E]]) -> Field[E]: ...
    def any(self: Field[Any]) -> Field[Any]:
        """At least one has to fit."""
        return Field(self._path.members(), "ANY ")

    @overload
    def all(self: Field[list[E]]) -> Field[E]: ...
    @overload
    def all(self: Field[set[E]]) -> Field[E]: ...
    @overload
    def all(self: Field[dict[str, E]]) -> Field[E]: ...
    def all(self: Field[Any]) -> Field[Any]:
        """Every one has to fit, so an empty collection does."""
        return Field(self._path.members(), "ALL ")

    @overload
    def none(self: Field[list[E]]) -> Field[E]: ...
    @overload
    def none(self: Field[set[E]]) -> Field[E]: ...
    @overload
    def none(self: Field[dict[str, E]]) -> Field[E]: ...
    def none(self: Field[Any]) -> Field[Any]:
        """None may fit, so an empty collection does."""
        return Field(self._path.members(), "NONE ")

    # Comparisons beside the operators.

    def equals(self, value: T, *, ignore_case: bool = False) -> Condition:
        """`==`, which can ignore the case of Latin letters."""
        return _Comparison(self, _cased("==", ignore_case), value)

    def begins_with(self: Text, value: Any, *, ignore_case: bool = False) -> Condition:
        """Whether a text or binary begins with the value."""
        return _text_operator(self, "BEGINSWITH", value, ignore_case)

    def ends_with(self: Text, value: Any, *, ignore_case: bool = False) -> Condition:
        """Whether a text or binary ends with the value."""
        return _text_operator(self, "ENDSWITH", value, ignore_case)

    def contains(self: Text, value: Any, *, ignore_case: bool = False) -> Condition:
        """Whether the value occurs in a text or binary.

        Of collections, `any() == value` asks for an element.
        """
        return _text_operator(self, "CONTAINS", value, ignore_case)

    def like(self: Text, pattern: str, *, ignore_case: bool = False) -> Condition:
        """Whether a text fits a pattern: `*` stands for any characters, `?` for one."""
        return _text_operator(self, "LIKE", pattern, ignore_case)

    def text(self: Text, terms: str) -> Condition:
        """Full-text search: all terms have to occur, `-term` must not, `term*` is a beginning.

        The property needs a full-text index.
        """
        return _Comparison(self, "TEXT", terms)

    def geo_within(self, region: Region | str) -> Condition:
        """Whether a place on the Earth lies in a region, a GeoBox, GeoCircle or GeoPolygon."""
        if not isinstance(region, Region | str):
            raise ArgumentTypeError(f"Expected a GeoBox, GeoCircle or GeoPolygon, got {region!r}")
        return _Comparison(self, "GEOWITHIN", region)

    # What is made of all values.

    def count(self, condition: Condition | None = None) -> Expression[int]:
        """The number of elements; with a condition, of the linked objects that fulfil it."""
        if condition is not None:
            return _Subquery(self._path, _given(condition))
        return _Aggregate(self._path, "@count", self._quantifier)

    def size(self) -> Expression[int]:
        """The length in bytes of a text or binary; of a collection the number of elements."""
        return _Aggregate(self._path, "@size", self._quantifier)

    def type(self) -> Expression[str]:
        """The name of the type of a mixed value: "string", "int", …"""
        return _Aggregate(self._path, "@type", self._quantifier)

    def min(self, of: str | Field[Any] | None = None) -> Expression[Any]:
        """The least element; of linked objects the least value of a property."""
        return self._aggregate("@min", of)

    def max(self, of: str | Field[Any] | None = None) -> Expression[Any]:
        """The greatest element; of linked objects the greatest value of a property."""
        return self._aggregate("@max", of)

    def sum(self, of: str | Field[Any] | None = None) -> Expression[Any]:
        """The sum of the elements; of linked objects that of a property."""
        return self._aggregate("@sum", of)

    def avg(self, of: str | Field[Any] | None = None) -> Expression[Any]:
        """The mean of the elements; of linked objects that of a property."""
        return self._aggregate("@avg", of)

    def _aggregate(self, operation: str, of: object) -> Expression[Any]:
        if of is not None:
            path, ending = self._path, of._path.text() if isinstance(of, Field) else str(of)
        elif self._path.is_collection or self._path.is_short:
            path, ending = self._path, ""
        else:  # friends.age: of friends, by age
            path, ending = self._path.split()
        return _Aggregate(path, f"{operation}.{ending}" if ending else operation)


_METHODS = [name for name in vars(Field) | vars(Expression) if not name.startswith("_")]
_METHODS.remove("write")

# What fields are called elsewhere, and what is written here.
_ELSEWHERE = {
    **dict.fromkeys(("startswith", "istartswith", "starts_with"), "begins_with(text)"),
    **dict.fromkeys(("endswith", "iendswith"), "ends_with(text)"),
    **dict.fromkeys(("lower", "upper", "casefold"), "equals(text, ignore_case=True)"),
    **dict.fromkeys(("ilike", "icontains"), "like('*a*', ignore_case=True), or contains"),
    **dict.fromkeys(("match", "matches", "regex", "regexp_match"), "like('a*b?')"),
    **dict.fromkeys(("is_", "isnull"), "is_null()"),
    **dict.fromkeys(("is_not", "isnot", "is_not_null"), "~field.is_null()"),
    **dict.fromkeys(("not_in", "notin_"), "~field.in_(values)"),
    **dict.fromkeys(("not_equals", "ne"), "field != value"),
    **dict.fromkeys(("asc", "desc"), "results.sorted('name', reverse=True)"),
    **dict.fromkeys(("length", "len"), "count()"),
    "has": "any() == value",
}


def _text_operator(field: Field[Any], operator: str, value: object, ignore_case: bool) -> Condition:
    if field._path.is_collection and not field._quantifier:
        raise InvalidArgumentError(
            f"'{field._path}' is a collection: write any() == value to ask for an element, or"
            f" any().{'like' if operator == 'LIKE' else 'contains'}(...) for texts in it"
        )
    return _Comparison(field, _cased(operator, ignore_case), value)


def _cased(operator: str, ignore_case: bool) -> str:
    return f"{operator}[c]" if ignore_case else operator


def _given(value: object) -> Condition:
    return condition(value)


def key_path_of(given: str | Field[Any]) -> str:
    """A property or a path to one, as sorting and aggregating take them. ArgumentTypeError."""
    if isinstance(given, Field):
        return given._path.text()
    if isinstance(given, str) and given:
        return given
    raise ArgumentTypeError(f"Expected the name of a property, got {given!r}")


def backlinks(field: Any) -> Field[Any]:
    """The objects that link to one: `backlinks(Person.dogs).name == "Ada"` asks of dogs.

    `backlinks(Person.dogs).count()` is the number of these links.
    """
    if not isinstance(field, Field):
        raise ArgumentTypeError(f"Expected a property such as Person.dogs, got {field!r}")
    return Field(field._path.backwards())
