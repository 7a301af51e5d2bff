"""Object classes and managed objects: declarations as Python classes, live attribute access.

A managed object holds its realm and its place there, no data: every read gives the value as it is
now. Containers are in containers.py; which Python value fits which property is decided in
csrc/bindings/values/convert.cpp.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from realmsync import _core
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    InvalidPropertyError,
    ModifyPrimaryKeyError,
    ReadOnlyPropertyError,
    SchemaValidationError,
)
from realmsync.model import live_objects
from realmsync.model.accessor import AccessedRealm, show_gone
from realmsync.model.annotations import (
    Declaration,
    is_class_variable,
    own_annotations,
    read_class,
)
from realmsync.model.counter import Counter
from realmsync.model.expressions import Field
from realmsync.model.key_path import KeyPath
from realmsync.model.live import Changes
from realmsync.model.live_objects import ObjectChanges
from realmsync.model.options import PropertyOptions
from realmsync.model.schema import ClassSchema, Property
from realmsync.naming import did_you_mean

if TYPE_CHECKING:
    from typing_extensions import Self


class _Attribute:
    """The descriptor of one stored property: reads and writes go to the realm.

    Asked of the class it gives what queries call the property.
    """

    __slots__ = ("field", "index", "is_key", "name")

    def __init__(self, owner: type[BaseObject], name: str, index: int, is_key: bool) -> None:
        self.name = name
        self.index = index  # among the stored properties of the class
        self.is_key = is_key
        self.field = _field(owner, name)

    def __get__(self, instance: BaseObject | None, owner: type) -> Any:
        if instance is None:
            return self.field
        return instance._place.get(self.index)

    def __set__(self, instance: BaseObject, value: Any) -> None:
        if self.is_key:
            raise ModifyPrimaryKeyError(
                f"Cannot change value of primary key '{type(instance).__name__}.{self.name}'"
            )
        instance._place.set(self.index, value)

    def __delete__(self, instance: BaseObject) -> None:
        raise IllegalOperationError(
            f"'{type(instance).__name__}.{self.name}' cannot be deleted: an optional one takes None"
        )


class _CountedAttribute(_Attribute):
    """The descriptor of a counter."""

    __slots__ = ()

    def __get__(self, instance: BaseObject | None, owner: type) -> Any:
        value = super().__get__(instance, owner)
        if instance is None or value is None:
            return value
        return Counter(instance, self.name, self.index)


class _LinkingObjects:
    """The descriptor of a declared inverse link."""

    __slots__ = ("_source", "field", "name")

    def __init__(self, owner: type[BaseObject], declared: Property) -> None:
        assert declared.target is not None and declared.origin is not None
        self.name = declared.name
        self._source = declared.target, declared.origin
        steps = ("@links", *self._source)
        self.field: Field[Any] = Field(KeyPath(owner, steps, None, schema_of))

    def __get__(self, instance: BaseObject | None, owner: type) -> Any:
        if instance is None:
            return self.field
        source, origin = self._source
        return instance._realm.objects(source).filtered("$K0 == $1", origin, instance)

    def __set__(self, instance: BaseObject, value: Any) -> None:
        raise ReadOnlyPropertyError(f"'{self.name}' is computed and cannot be assigned")


def _field(owner: type[BaseObject], name: str) -> Field[Any]:
    return Field(KeyPath(owner, (name,), owner, schema_of))


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
        attributes: dict[str, Declaration] = {}
        for ancestor in reversed(cls.__mro__[1:]):
            attributes |= ancestor.__dict__.get("__realm_attributes__", {})
        attributes |= _own_declarations(cls)
        _require_declared(cls, attributes)
        cls.__realm_attributes__ = attributes
        cls.__realm_schema__ = None
        for index, (name, (_, options, _owner)) in enumerate(attributes.items()):
            setattr(cls, name, _Attribute(cls, name, index, options.is_primary_key))

    def __init__(self, *_values: NoReturn, **_by_name: NoReturn) -> None:
        name = type(self).__name__
        raise ArgumentTypeError(
            f"'{name}' is not made by calling it: create objects in a write transaction with"
            f" realm.create({name}, {{...}})"
        )

    if not TYPE_CHECKING:  # checkers take it for a permission to assign to anything

        def __setattr__(self, name: str, value: Any) -> None:
            if not hasattr(type(self), name):
                kind = type(self)
                meant = did_you_mean(name, [p.name for p in _declaration(self).properties])
                raise InvalidPropertyError(f"'{kind.__name__}' has no property '{name}'{meant}")
            object.__setattr__(self, name, value)

    def __reduce__(self) -> NoReturn:
        raise IllegalOperationError(
            f"a '{type(self).__name__}' belongs to its realm and cannot be copied or pickled:"
            " use to_dict()"
        )

    @property
    def object_schema(self) -> dict[str, Any]:
        """The class's declaration in canonical form."""
        return _declaration(self).canonical()

    def to_dict(self) -> dict[str, Any]:
        """The stored properties by name, links and collections as live accessors."""
        return {p.name: getattr(self, p.name) for p in _declaration(self).stored}

    def __repr__(self) -> str:
        if not self.is_valid:
            return show_gone(self, self._realm)
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


def _own_declarations(cls: type[BaseObject]) -> dict[str, Declaration]:
    """The properties that the body of a class declares."""
    found: dict[str, Declaration] = {}
    for name, annotation in own_annotations(cls).items():
        if name.startswith("__") or is_class_variable(annotation):
            continue
        if hasattr(BaseObject, name) or name in ("_key", "_short"):
            raise SchemaValidationError(
                f"'{cls.__name__}.{name}' cannot be a property: every object has this attribute."
                " Choose another name, and keep the stored one by realmsync.property(map_to=...)",
                cls.__name__,
                name,
            )
        value = cls.__dict__.get(name, PropertyOptions())
        if not isinstance(value, PropertyOptions):
            value = PropertyOptions(value, True)
        found[name] = (annotation, value, cls)
    return found


def _require_declared(cls: type[BaseObject], declared: Mapping[str, Declaration]) -> None:
    """SchemaValidationError for what looks like a property and would be none.

    Methods, descriptors, nested classes, and plain values under names with an underscore are the
    class's own business.
    """
    own = own_annotations(cls)
    for name, value in cls.__dict__.items():
        if name in own or name.startswith("__"):
            continue
        meant = isinstance(value, PropertyOptions) or name == "_id"
        nested = getattr(value, "__qualname__", "") == f"{cls.__qualname__}.{name}"
        if meant or not (name.startswith("_") or nested or hasattr(type(value), "__get__")):
            raise SchemaValidationError(
                f"'{cls.__name__}.{name}' has no annotation, so it would be no property: write"
                f" `{name}: T = ...` with its type, or `{name}: ClassVar[T] = ...` for a constant",
                cls.__name__,
                name,
            )
    for base in cls.__mro__[1:]:
        if not issubclass(base, BaseObject):
            for name, annotation in own_annotations(base).items():
                if name not in declared and not is_class_variable(annotation):
                    raise SchemaValidationError(
                        f"'{cls.__name__}' would not get the property '{name}' of"
                        f" '{base.__name__}': derive that from realmsync.{_base_name(cls)}",
                        cls.__name__,
                        name,
                    )


def _base_name(cls: type[BaseObject]) -> str:
    return EmbeddedObject.__name__ if cls.__realm_embedded__ else Object.__name__


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

    def add_listener(self, callback: Callable[[Self, ObjectChanges[Self]], object]) -> None:
        """Calls back after commits that write to the object: `callback(object, changes)`.

        Once at first, with nothing changed, then for changes of its own properties, and a last time
        when the object is gone; several commits become one change while the callback has not
        returned. Told are commits of this program, of other devices, and of other processes once
        this one reads or writes.

        Runs on the event loop that was running here, or without a running loop on a thread that
        looks. The object stays alive, as an accessor, until the listener is removed or the realm
        is closed.

        ValueError when the callback listens to the object already; WrongTransactionStateError in a
        write transaction that has changed something.
        """
        live_objects.add_listener(self, callback)

    def remove_listener(self, callback: Callable[..., object]) -> None:
        """Undoes add_listener; unknown ones are ignored. Nothing is called any more."""
        live_objects.remove_listener(self, callback)

    def remove_all_listeners(self) -> None:
        """Removes all that were added to the object, through whichever of its accessors."""
        live_objects.remove_listener(self, None)

    def changes(self) -> Changes[ObjectChanges[Self]]:
        """The same for `async for changes in dog.changes()`.

        Ends behind the change that says `deleted`, and when the realm is closed.
        IllegalOperationError where no event loop is running, and as add_listener.
        """
        return Changes(functools.partial(live_objects.listen, self))

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
        kind = _CountedAttribute if p.is_counter else _Attribute
        setattr(cls, p.name, kind(cls, p.name, index, p.name == schema.primary_key))
    for p in schema.properties:
        if p.type == "linkingObjects":
            setattr(cls, p.name, _LinkingObjects(cls, p))


def schema_of(model: type[BaseObject]) -> ClassSchema:
    """The schema of an object class, read from its annotations once."""
    schema = model.__dict__.get("__realm_schema__")
    if schema is None:
        schema = read_class(model, model.__realm_attributes__, embedded=model.__realm_embedded__)
        install(model, schema)
        model.__realm_schema__ = schema
    return schema


def model_of(schema: ClassSchema) -> type[BaseObject]:
    """The Python class of a schema: the declared one, or one made for it."""
    if schema.model is not None:
        assert issubclass(schema.model, BaseObject)
        return schema.model
    if any(p.has_default for p in schema.properties):  # which need not be comparable
        return _make_model(schema)
    return _shared_model(schema)


def _make_model(schema: ClassSchema) -> type[BaseObject]:
    base = EmbeddedObject if schema.embedded else Object
    body = {"__slots__": (), "__module__": __name__}
    return types.new_class(schema.name, (base,), {"schema": schema}, lambda ns: ns.update(body))


# Thousands of realms that declare the same class by a dictionary have one class.
_shared_model = functools.lru_cache(maxsize=256)(_make_model)
