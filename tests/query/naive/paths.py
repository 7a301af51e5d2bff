"""Paths, sizes, aggregates and subqueries bound to a schema (7, 11, 13, 14).

Sections are those of query-language.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from query.naive import syntax, wording
from query.naive.constants import Constants
from query.naive.counting import Aggregate, AllBacklinks, Lengths, Size, TypeOf
from query.naive.dataset import Class, Dataset
from query.naive.errors import Refused, invalid, invalid_argument
from query.naive.operands import Constant, Keys, LinkPath, Operand, PropertyPath, Route, Step
from query.naive.syntax import Element, Every, Index, Key
from query.naive.values import NUMBERS, List, kind

SUBSTITUTIONS = 50
AGGREGATED = (*NUMBERS, "mixed")


@dataclass
class Mapping:
    """Names that stand for others: of properties per class, and of classes."""

    properties: dict[tuple[str, str], str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)

    def translate(self, class_name: str, name: str) -> str:
        """Substitute until stable (7)."""
        count = 0
        while (class_name, name) in self.properties:
            following = self.properties[class_name, name]
            if count > SUBSTITUTIONS:
                raise Refused(
                    "realm::query_parser::MappingError",
                    f"Substitution loop detected while processing '{name}' -> '{following}' "
                    f"found in type '{class_name}'",
                )
            name, count = following, count + 1
        return name

    def class_of(self, name: str) -> str:
        """The class behind an alias."""
        return self.classes.get(name, name)


@dataclass(frozen=True)
class Scope:
    """Where names are looked up: the class, and the variables of the subqueries around."""

    owner: Class
    variables: tuple[tuple[str, str], ...] = ()  # class, variable
    printed: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The variable of the innermost subquery."""
        return self.variables[-1][1] if self.variables else ""


class Reached(NamedTuple):
    """How far the links of a path go: the class there, and the elements that are left."""

    route: Route
    owner: Class
    rest: list[Element]
    all_backlinks: bool = False


class Paths:
    """Binds what begins with a path."""

    def __init__(self, data: Dataset, constants: Constants, mapping: Mapping) -> None:
        self.data = data
        self.constants = constants
        self.mapping = mapping

    def elements(self, path: syntax.Path) -> list[Element]:
        """The elements, with arguments put in."""
        if path.argument is not None:
            if path.elements:
                raise invalid("Key path argument cannot be mixed with other elements")
            return self.key_path(path.argument)
        return [
            self.index(e.number) if isinstance(e, syntax.Placeholder) else e for e in path.elements
        ]

    def key_path(self, number: int) -> list[Element]:
        """`$Kn` (6)."""
        value = self.constants.argument(number)
        if value is None or isinstance(value, List):
            raise invalid_argument(f"Null or list cannot be used for parameter '$K{number}'")
        if not isinstance(value, str):
            raise invalid_argument(
                f"Invalid index type for '$K{number}'. "
                f"Expected a string, but found type '{kind(value)}'"
            )
        return [Key(name) for name in value.split(".")]

    def index(self, number: int) -> Element:
        """`[$n]` (6)."""
        value = self.constants.argument(number)
        if value is None:
            raise invalid("Invalid index parameter")
        if isinstance(value, str):
            return Key(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return Index(value)
        raise invalid("Invalid index type")

    def reach(self, elements: list[Element], scope: Scope, quantifier: str | None) -> Reached:
        """Follow the links."""
        owner = scope.owner
        route = Route(self.data, [], quantifier)
        at = 0
        if scope.variables and isinstance(elements[0], Key) and elements[0].name == scope.variable:
            at = 1
            if len(elements) == 1:
                raise invalid("A variable alone cannot be compared")
        while at < len(elements):
            element = elements[at]
            last = route.steps[-1] if route.steps else None
            if not isinstance(element, Key):
                self.put_index(last, element, at + 1 == len(elements), owner)
                at += 1
                continue
            name = self.mapping.translate(owner.name, element.name)
            if name == "@links":
                if at + 1 == len(elements):
                    return Reached(route, owner, [], True)
                owner = self.backlink(route, elements[at + 1 : at + 3], owner)
                at += 3
                continue
            prop = owner.properties.get(name)
            if prop is None and last and last.prop.collection == "dictionary" and not last.element:
                if name == "@keys":
                    return Reached(route, owner, elements[at:])
                if name != "@values":
                    last.element = element
                at += 1
                continue
            if name == "@values":
                raise invalid("@values only allowed on dictionaries")
            if prop is None:
                raise invalid(f"'{owner.name}' has no property '{name}'")
            if prop.type != "link":
                return Reached(route, owner, [Key(name), *elements[at + 1 :]])
            route.steps.append(Step(prop, owner.name))
            owner = self.data.classes[prop.target]
            at += 1
        return Reached(route, owner, [])

    def put_index(self, last: Step | None, element: Element, ends: bool, owner: Class) -> None:
        """An index behind links: of a list, and only when a property follows (7)."""
        listed = (
            last is not None and not last.origin and last.prop.collection in ("list", "dictionary")
        )
        if not listed or last is None or last.element is not None:
            raise invalid(f"[{wording.element(element)}] not expected")
        if last.prop.collection == "dictionary" and isinstance(element, Index):
            raise invalid(f"[{wording.element(element)}] not expected")
        if ends and isinstance(element, Index):
            raise invalid(
                f"Property '{owner.name}.' does not support index '{wording.element(element)}'"
            )
        if not isinstance(element, Every):
            last.element = element

    def backlink(self, route: Route, names: list[Element], owner: Class) -> Class:
        """`@links.Class.property` (13)."""
        if not names or not all(isinstance(n, Key) for n in names):
            raise invalid("An ID must follow @links")
        first = names[0]
        second = names[1] if len(names) > 1 else first
        assert isinstance(first, Key) and isinstance(second, Key)
        class_name = self.mapping.class_of(first.name)
        name = second.name
        source = self.data.classes.get(class_name)
        if source:
            name = self.mapping.translate(class_name, name)
        prop = source.properties.get(name) if source else None
        if source is None or prop is None or prop.type != "link" or prop.target != owner.name:
            raise invalid(
                f"No property '{name}' found in type '{class_name}' "
                f"which links to type '{owner.name}'"
            )
        route.steps.append(Step(prop, class_name, True))
        return source

    def path(self, node: syntax.Property, scope: Scope) -> Operand:
        """A path without its operator."""
        elements = self.elements(node.path)
        reached = self.reach(elements, scope, node.quantifier)
        operand = self.end_of(reached, node.post)
        self.check_quantifier(node.quantifier, operand)
        return operand

    def end_of(self, reached: Reached, post: str | None) -> Operand:
        """What the path ends in."""
        route, owner, rest, all_backlinks = reached
        if all_backlinks:
            return AllBacklinks(route, owner.name)
        key = route.steps[-1].element if route.steps else None
        if not rest and isinstance(key, Key):
            entry = route.steps.pop()  # compared as mixed, as all values of dictionaries
            return PropertyPath(route, entry.owner, entry.prop, [key])
        if not rest:
            return LinkPath(route)
        name = rest[0]
        assert isinstance(name, Key)
        if name.name == "@keys":
            last = route.steps.pop()
            return Keys(route, last.prop)
        prop, inner = owner.properties[name.name], rest[1:]
        place = f"{owner.name}.{prop.name}"
        if not inner:
            return PropertyPath(route, owner.name, prop, [])
        mixed = prop.type == "mixed" or prop.collection == "dictionary"
        if len(inner) > 1 and not mixed:
            raise invalid("Only Property of type 'any' can have nested collections")
        first = inner[0]
        if prop.collection == "dictionary" and isinstance(first, Key):
            if first.name == "@keys":
                return Keys(route, prop)
            if first.name == "@values":
                inner = inner[1:]
            return PropertyPath(route, owner.name, prop, inner)
        fits = {
            None: prop.type == "mixed",
            "list": not isinstance(first, Key),
            "set": False,
            "dictionary": isinstance(first, Every),
        }[prop.collection]
        if fits:
            inner = [Every() if e == Key("@values") else e for e in inner]
            return PropertyPath(route, owner.name, prop, inner)
        if isinstance(first, Key):
            measured = prop.collection in ("list", "set") and prop.type in (
                "string",
                "binary",
                "mixed",
            )
            if measured and first.name.lower() == "length" and not post:
                return Lengths(PropertyPath(route, owner.name, prop, []))
            raise invalid(f"Property '{place}' has no property '{first.name}'")
        raise invalid(f"Property '{place}' does not support index '{wording.element(first)}'")

    def check_quantifier(self, quantifier: str | None, operand: Operand) -> None:
        """A quantifier needs something to quantify (11.1)."""
        if not quantifier or operand.multi:
            return
        if isinstance(operand, LinkPath | AllBacklinks) or (
            isinstance(operand, PropertyPath) and operand.listed
        ):
            return
        raise invalid(f"The keypath following '{quantifier}' must contain a list")

    def property(self, node: syntax.Property, scope: Scope) -> Operand:
        """A path with its operator."""
        path = self.path(node, scope)
        if isinstance(path, AllBacklinks):
            return path
        if node.post and node.post != "@type":
            sized = isinstance(path, LinkPath) or (
                isinstance(path, PropertyPath)
                and (path.prop.collection or path.prop.type in ("string", "binary", "mixed"))
            )
            if not sized:
                raise invalid(
                    f"Operation '{node.post}' is not supported on property of type '{path.type}'"
                )
            return Size(path)
        if node.post == "@type":
            if path.type == "mixed":
                return TypeOf(path)
            listed = isinstance(path, PropertyPath) and path.listed
            if listed or isinstance(path, Keys | Lengths):
                raise invalid(
                    f"Operation '@type' is not supported on property of type '{path.type}'"
                )
            return Constant(wording.TypeName(path.type), "@type")
        return path

    def aggregate(self, node: syntax.Aggregate, scope: Scope) -> Operand:
        """`@min` and the like (11.4)."""
        path = self.path(syntax.Property(node.path, None, None), scope)
        if node.name is None:
            suits = (
                isinstance(path, PropertyPath) and path.prop.collection and path.type in AGGREGATED
            )
            if not suits:
                raise invalid(f"Cannot use aggregate '.{node.operator}' for this type of property")
            return Aggregate(node.operator, path, None, path.type)
        if not isinstance(path, LinkPath):
            name = path.text("")
            if isinstance(path, PropertyPath):
                name = path.prop.name
            raise invalid(
                f"Operation '.{node.operator}' cannot apply to property '{name}' "
                "because it is not a list"
            )
        owner = self.target(path.route, scope)
        name = self.mapping.translate(owner.name, node.name)
        if name not in owner.properties:
            raise invalid(f"'{owner.name}' has no property '{name}'")
        prop = owner.properties[name]
        timed = prop.type == "timestamp" and node.operator in ("@min", "@max")
        if prop.type == "timestamp" and not timed:
            raise invalid(f"Cannot use aggregate '.{node.operator}' for this type of property")
        if (prop.type not in AGGREGATED and not timed) or prop.collection:
            raise invalid(f"collection aggregate not supported for type '{prop.type}'")
        return Aggregate(node.operator, path, name, prop.type)

    def target(self, route: Route, scope: Scope) -> Class:
        """The class that a route leads to."""
        if not route.steps:
            return scope.owner
        last = route.steps[-1]
        return self.data.classes[last.owner if last.origin else last.prop.target]
