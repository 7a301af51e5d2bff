"""Object classes and managed objects: declarations as Python classes, live attribute access.

A managed object holds its realm and its place there, no data: every read gives the value as it is
now. Containers are in containers.py; which Python value fits which property is decided in
csrc/bindings/values/convert.cpp.
"""

from __future__ import annotations

import types
from typing import Any, ClassVar

from realmsync import _core
from realmsync.errors import (
    IllegalOperationError,
    InvalidPropertyError,
    ModifyPrimaryKeyError,
    ReadOnlyPropertyError,
)
from realmsync.model.accessor import AccessedRealm
from realmsync.model.annotations import (
    Declaration,
    is_class_variable,
    own_annotations,
    read_class,
)
from realmsync.model.schema import ClassSchema, PropertyOptions


class _Attribute:
    """The descriptor of one stored property: reads and writes go to the realm."""

    __slots__ = ("index", "is_key", "name")

    def __init__(self, name: str, index: int, is_key: bool) -> None:
        self.name = name
        self.index = index  # among the stored properties of the class
        self.is_key = is_key

    def __get__(self, instance: BaseObject | None, owner: type) -> Any:
        if instance is None:
            return self
        return instance._place.get(self.index)

    def __set__(self, instance: BaseObject, value: Any) -> None:
        if self.is_key:
            raise ModifyPrimaryKeyError(
                f"Cannot change value of primary key '{type(instance).__name__}.{self.name}'"
            )
        instance._place.set(self.index, value)


class _LinkingObjects:
    """The descriptor of a declared inverse link."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: BaseObject | None, owner: type) -> Any:
        if instance is None:
            return self
        raise IllegalOperationError("reading linking objects is not supported yet")

    def __set__(self, instance: BaseObject, value: Any) -> None:
        raise ReadOnlyPropertyError(f"'{self.name}' is computed and cannot be assigned")


class BaseObject:
    """What Object and EmbeddedObject share."""

    __slots__ = ("__weakref__", "_place", "_realm")

    # By attribute name, those of base classes first.
    __realm_attributes__: ClassVar[dict[str, Declaration]] = {}
    __realm_embedded__: ClassVar[bool] = False
    __realm_schema__: ClassVar[ClassSchema | None] = None

    _realm: AccessedRealm
    _place: _core.Place

    def __init_subclass__(
        cls, *, base: bool = False, schema: ClassSchema | None = None, **rest: Any
    ) -> None:
        super().__init_subclass__(**rest)
        if base:
            return
        if schema is not None:  # declared as a dictionary
            cls.__realm_schema__ = schema
            install(cls, schema)
            return
        attributes = dict(cls.__realm_attributes__)
        for name, annotation in own_annotations(cls).items():
            if name.startswith("__") or is_class_variable(annotation):
                continue
            value = cls.__dict__.get(name, PropertyOptions())
            if not isinstance(value, PropertyOptions):
                value = PropertyOptions(value, True)
            attributes[name] = (annotation, value, cls)
        cls.__realm_attributes__ = attributes
        cls.__realm_schema__ = None
        for index, (name, (_, options, _owner)) in enumerate(attributes.items()):
            setattr(cls, name, _Attribute(name, index, options.is_primary_key))

    def __init__(self) -> None:
        raise TypeError(f"create objects with realm.create({type(self).__name__}, {{...}})")

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            raise InvalidPropertyError(f"'{type(self).__name__}' has no property '{name}'")
        object.__setattr__(self, name, value)

    @property
    def object_schema(self) -> dict[str, Any]:
        """The class's declaration in canonical form."""
        return _declaration(self).canonical()

    def to_dict(self) -> dict[str, Any]:
        """The stored properties by name, links and collections as live accessors."""
        return {p.name: getattr(self, p.name) for p in _declaration(self).stored}

    def __repr__(self) -> str:
        if not self.is_valid:
            return f"<{type(self).__name__}: deleted>"
        parts = []
        for p in _declaration(self).stored:
            value = getattr(self, p.name)
            shown = value._short() if isinstance(value, Object) else repr(value)
            parts.append(f"{p.name}={shown}")
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def is_valid(self) -> bool:
        """Whether the object exists and its realm is open."""
        return not self._realm.is_closed and self._place.exists()


def _declaration(instance: BaseObject) -> ClassSchema:
    return instance._realm._classes[instance._place.cls]


class Object(BaseObject, base=True):
    """Base of top-level classes.

        class Dog(realmsync.Object):
            _id: int = realmsync.primary_key()
            name: str
            age: int | None
            owner: "Person | None"
            tags: list[str]

    Instances come from `realm.create`, `realm.objects` and links. Two are equal when they are the
    same object of the same realm file.
    """

    __slots__ = ()

    @property
    def _key(self) -> Any:
        return self._place.key

    def _short(self) -> str:
        return f"<{type(self).__name__} {self._key!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Object):
            return NotImplemented
        return (
            self._key == other._key
            and type(self).__name__ == type(other).__name__
            and self._realm.path == other._realm.path
        )

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key))


class EmbeddedObject(BaseObject, base=True):
    """Base of embedded classes: parts of other objects, without identity of their own.

    An accessor stays at its position; it reads whatever embedded object lies there.
    """

    __slots__ = ()

    __realm_embedded__: ClassVar[bool] = True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmbeddedObject):
            return NotImplemented
        return self._place == other._place and self._realm.path == other._realm.path

    def __hash__(self) -> int:
        return hash(self._place)


def install(cls: type[BaseObject], schema: ClassSchema) -> None:
    """Gives a class the descriptors of a schema."""
    for index, p in enumerate(schema.stored):
        setattr(cls, p.name, _Attribute(p.name, index, p.name == schema.primary_key))
    for p in schema.properties:
        if p.type == "linkingObjects":
            setattr(cls, p.name, _LinkingObjects(p.name))


def schema_of(model: type[BaseObject]) -> ClassSchema:
    """The schema of an object class, read from its annotations once."""
    schema = model.__dict__.get("__realm_schema__")
    if schema is None:
        schema = read_class(model, model.__realm_attributes__, embedded=model.__realm_embedded__)
        model.__realm_schema__ = schema
    return schema


def model_of(schema: ClassSchema) -> type[BaseObject]:
    """The Python class of a schema: the declared one, or one made for it."""
    if schema.model is not None:
        assert issubclass(schema.model, BaseObject)
        return schema.model
    base = EmbeddedObject if schema.embedded else Object
    body = {"__slots__": (), "__module__": __name__}
    return types.new_class(schema.name, (base,), {"schema": schema}, lambda ns: ns.update(body))
