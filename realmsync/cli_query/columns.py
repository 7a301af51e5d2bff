"""What is shown of objects: properties, behind single links, and their values in plain form.

Plain is what JSON knows: dates are ISO 8601, ids and decimals text, bytes base64, links the key of
their target, embedded objects mappings. An object of a Mixed property is
`{"$link": {"table": class, "key": key}}`, as in the file.
"""

from __future__ import annotations

import base64
import json
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import Decimal128, ObjectId

from realmsync.model.objects import BaseObject, Object
from realmsync.model.realm import Realm
from realmsync.model.schema import ClassSchema, Property
from realmsync.naming import no_property
from realmsync.values import EPOCH, Timestamp


class WrongChoiceError(ValueError):
    """A property that is asked for and not there."""


@dataclass(frozen=True)
class Column:
    """A property of the objects, or of one that single links lead to."""

    title: str
    steps: tuple[str, ...]
    declared: Property
    type: str  # of the values or elements: a primitive; of links the key's; embedded: "object"

    def raw(self, found: Any) -> Any:
        """The value as the realm gives it, None behind a null link."""
        for step in self.steps:
            if found is None:
                return None
            found = getattr(found, step)
        return found

    def plain(self, found: Any) -> Any:
        return plain(self.raw(found), self.declared)


def choose(realm: Realm, cls: str, names: Sequence[str] | None) -> list[Column]:
    """The columns of a class: those named, or all. WrongChoiceError."""
    classes = {c.name: c for c in realm._classes}
    if names is None:
        names = [p.name for p in classes[cls].stored]
    return [_column(classes, classes[cls], name) for name in names]


def _column(classes: Mapping[str, ClassSchema], cls: ClassSchema, name: str) -> Column:
    steps = tuple(name.split("."))
    for step in steps[:-1]:
        link = _property(cls, step)
        if not link.is_link or link.collection is not None:
            raise WrongChoiceError(f"'{cls.name}.{step}' is no single link: {name}")
        cls = classes[link.target or ""]
    declared = _property(cls, steps[-1])
    kind = declared.type
    if declared.is_link and not (target := classes[declared.target or ""]).embedded:
        kind = next((p.type for p in target.stored if p.name == target.primary_key), "string")
    return Column(name, steps, declared, kind)


def _property(cls: ClassSchema, name: str) -> Property:
    by_name = {p.name: p for p in cls.stored}
    if name not in by_name:
        raise WrongChoiceError(no_property(cls.name, name, {p: p for p in by_name}))
    return by_name[name]


def plain(value: Any, declared: Property | None = None) -> Any:
    """A value of a property, or of a Mixed one without `declared`. Bytes stay bytes."""
    if isinstance(value, BaseObject):
        return _object(value, declared)
    if isinstance(value, Mapping):
        return {key: plain(item, declared) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(item, declared) for item in value]
    if isinstance(value, datetime):
        return iso(Timestamp.from_datetime(value))
    if isinstance(value, Timestamp):
        return iso(value)
    if isinstance(value, ObjectId | uuid.UUID | Decimal128):
        return str(value)
    return value


def _object(value: BaseObject, declared: Property | None) -> Any:
    if isinstance(value, Object):
        key = plain(value._key)
        if declared is not None and declared.is_link:
            return key
        return {"$link": {"table": type(value).__name__, "key": key}}
    cls = next(c for c in value._realm._classes if c.name == type(value).__name__)
    return {p.name: plain(getattr(value, p.name), p) for p in cls.stored}


def iso(value: Timestamp) -> str:
    """ISO 8601, as many digits as are needed; outside of its years as queries spell it."""
    seconds, rest = divmod(value.seconds * 1_000_000_000 + value.nanoseconds, 1_000_000_000)
    try:
        whole = (EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    except OverflowError:
        return f"T{value.seconds}:{value.nanoseconds}"
    digits = f".{rest:09}".rstrip("0") if rest else ""
    return f"{whole}{digits}Z"


def as_json(value: Any) -> str:
    """A plain value as JSON; NaN and infinities, which it has not, are text."""
    return json.dumps(_finite(value), ensure_ascii=False, default=base64_of)


def base64_of(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def as_cell(value: Any) -> str:
    """A plain value as a cell of CSV or a table: text as it is, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return as_json(value)
    return base64_of(value) if isinstance(value, bytes) else str(value)
