"""Type annotations of object classes to properties; the table of types is in schema.py.

Names are resolved in the module of the class; one that means nothing there is taken as the name
of a class of the schema, so classes can link to each other in any order.
"""

from __future__ import annotations

import ast
import builtins
import decimal
import sys
import types
import typing
import uuid
from collections.abc import Mapping, MutableMapping, MutableSequence, MutableSet
from datetime import datetime
from typing import Any, ClassVar, ForwardRef

import bson

from realmsync.errors import SchemaValidationError
from realmsync.model.counter import Counter
from realmsync.model.expressions import Field
from realmsync.model.options import PropertyOptions
from realmsync.model.schema import (
    COUNTER,
    TYPE_NAMES,
    ClassSchema,
    Property,
    make_property,
    refused,
)
from realmsync.values import Float32, Timestamp

# An annotation, what stands beside it, and the class whose body holds it.
Declaration = tuple[Any, PropertyOptions, type]

_SCALARS: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "double",
    Float32: "float",
    str: "string",
    bytes: "data",
    datetime: "date",
    Timestamp: "date",
    decimal.Decimal: "decimal128",
    bson.Decimal128: "decimal128",
    bson.ObjectId: "objectId",
    uuid.UUID: "uuid",
    Counter: COUNTER,
    Any: "mixed",
    object: "mixed",
}
_COLLECTIONS: dict[Any, str] = {
    list: "list",
    MutableSequence: "list",
    set: "set",
    MutableSet: "set",
    dict: "dictionary",
    MutableMapping: "dictionary",
}


def own_annotations(cls: type) -> dict[str, Any]:
    """What is annotated in the body of the class, unevaluated where Python keeps it so."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    found: dict[str, Any] = cls.__dict__.get("__annotations__", {})
    return found


def is_class_variable(annotation: Any) -> bool:
    """Whether it is a ClassVar, which declares no property."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar


def read_class(
    model: type, attributes: Mapping[str, Declaration], *, embedded: bool
) -> ClassSchema:
    """The schema of an object class; SchemaValidationError for what cannot be a property."""
    name = model.__name__
    properties = []
    key = None
    for attribute, (annotation, options, owner) in attributes.items():
        try:
            parsed = _Reader(owner).property(attribute, annotation, options)
        except ValueError as error:
            raise refused(name, attribute, error) from None
        if options.is_primary_key:
            if key is not None:
                raise SchemaValidationError(
                    f"class '{name}' has more than one primary key", name, attribute
                )
            key = attribute
        properties.append(parsed)
    return ClassSchema(name, tuple(properties), key, embedded, model=model)


class _Reader:
    """Reads annotations of one class body."""

    def __init__(self, owner: type) -> None:
        module = sys.modules.get(owner.__module__)
        self._names = {**vars(builtins), **(vars(module) if module else {})}

    def property(self, name: str, annotation: Any, options: PropertyOptions) -> Property:
        annotation = self._evaluate(annotation)
        if typing.get_origin(annotation) is Field:
            annotation = self._evaluate(typing.get_args(annotation)[0])
        value, optional = self._strip_none(annotation)
        origin = typing.get_origin(value) or value
        collection = _COLLECTIONS.get(origin) if isinstance(origin, type) else None
        element: Any = value
        if collection is not None:
            if optional:
                raise ValueError("a collection is never None; the mark belongs to its elements")
            arguments = typing.get_args(value)
            if collection == "dictionary":
                if len(arguments) != 2 or arguments[0] is not str:
                    raise ValueError("a dictionary is written dict[str, T]")
                arguments = arguments[1:]
            if len(arguments) != 1:
                raise ValueError(f"a {collection} needs the type of its elements")
            element, optional = self._strip_none(self._evaluate(arguments[0]))
            if collection in ("list", "set") and optional and self._primitive(element) is None:
                raise ValueError(f"elements of a {collection} of objects are never None")
        primitive = self._primitive(element)
        return make_property(
            name,
            primitive or self._class_name(element),
            collection,
            True if optional else None,
            indexed=options.indexed,
            map_to=options.map_to,
            default=options.default,
            has_default=options.has_default,
        )

    @staticmethod
    def _primitive(element: Any) -> str | None:
        try:
            return _SCALARS.get(element)
        except TypeError:  # not hashable
            return None

    @staticmethod
    def _class_name(element: Any) -> str:
        if isinstance(element, type) and hasattr(element, "__realm_attributes__"):
            element = element.__name__
        if not isinstance(element, str):
            raise ValueError(f"no property can have the type {element!r}")
        if element in TYPE_NAMES:
            raise ValueError(f"no class can have the name {element!r}, which Realm has for a type")
        return element

    def _strip_none(self, annotation: Any) -> tuple[Any, bool]:
        """The annotation without None, and whether it had it."""
        if isinstance(annotation, _Union):
            parts: tuple[Any, ...] = annotation.parts
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            parts = typing.get_args(annotation)
        else:
            return annotation, False
        rest = [self._evaluate(p) for p in parts if p is not None and p is not type(None)]
        if len(rest) != 1 or len(rest) == len(parts):
            raise ValueError("only unions with None are supported; typing.Any holds any value")
        return rest[0], True

    def _evaluate(self, annotation: Any) -> Any:
        """The annotation's object; the name of an unknown class as a string."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if not isinstance(annotation, str):
            return annotation
        try:
            tree = ast.parse(annotation.strip(), mode="eval")
        except SyntaxError:
            raise ValueError(f"cannot read the annotation {annotation!r}") from None
        return self._node(tree.body)

    def _node(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return self._evaluate(node.value) if isinstance(node.value, str) else node.value
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            base = self._node(node.value)
            return node.attr if isinstance(base, str) else getattr(base, node.attr)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = self._node(node.left), self._node(node.right)
            return _Union((*_parts(left), *_parts(right)))
        if isinstance(node, ast.Subscript):
            base = self._node(node.value)
            elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            arguments = tuple(self._node(e) for e in elements)
            if base is typing.Optional:
                return _Union((*_parts(arguments[0]), None))
            if base is typing.Union:
                return _Union(tuple(part for a in arguments for part in _parts(a)))
            origin = typing.get_origin(base) or base
            if origin is Field:
                return arguments[0]
            if origin in _COLLECTIONS:
                return types.GenericAlias(origin, arguments)
        raise ValueError(f"cannot read the annotation {ast.unparse(node)!r}")


class _Union:
    """A union with parts that may be names of classes nobody knows yet."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


def _parts(value: Any) -> tuple[Any, ...]:
    return value.parts if isinstance(value, _Union) else (value,)
