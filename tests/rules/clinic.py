"""A class with a property of every kind that rules meet, and a user, for tests of filters."""

from __future__ import annotations

from typing import Any

from realmsync import ejson
from realmsync._core import AppSchema, ClassRights, ExpressionContext, Role

ID = "65f000000000000000000001"
UUID = "10000000-0000-4000-8000-0000000000aa"
SINGLES = {
    "b": "bool",
    "i": "int",
    "d": "double",
    "f": "float",
    "n": "decimal128",
    "s": "string",
    "x": "data",
    "t": "date",
    "o": "objectId",
    "u": "uuid",
    "m": "mixed",
}
LISTS = {"ls": "string", "li": "int", "ld": "double", "lo": "objectId", "lm": "mixed"}
CLASSES: list[Any] = [
    (
        "Patient",
        "top",
        "_id",
        [
            *((name, kind, True, None, None) for name, kind in SINGLES.items()),
            *((name, kind, True, "list", None) for name, kind in LISTS.items()),
            ("ss", "string", True, "set", None),
            ("dict", "string", True, "dictionary", None),
            ("doctor", "link", True, None, "Doctor"),
            ("doctors", "link", False, "list", "Doctor"),
            ("place", "embedded", True, None, "Place"),
            ("_id", "int", False, None, None),
        ],
    ),
    ("Doctor", "top", "_id", [("_id", "objectId", False, None, None)]),
    ("Place", "embedded", None, [("city", "string", True, None, None)]),
]
SCHEMA = AppSchema(CLASSES)
USER = {
    "id": ID,
    "type": "normal",
    "data": {},
    "custom_data": {
        "teams": ["red", "blue"],
        "none": [],
        "nil": None,
        "level": 5,
        "numbers": [1, 2.5, {"$numberDecimal": "3"}],
        "mixed": ["red", 1, None, {"$oid": ID}],
        "ref": UUID,
        "mark": 'a"b',
    },
    "identities": [],
}


def context(user: Any = USER) -> ExpressionContext:
    """That user, with a value."""
    return ExpressionContext(user=ejson.decode(user), values={"limit": 4})


def role(read: Any, write: Any = False, /, **rest: Any) -> Role:
    """A role with these filters; all fields are readable and writable."""
    filters = {"read_filter": ejson.decode(read), "write_filter": ejson.decode(write)}
    return Role(**{"read": True, "write": True, **rest, **filters})


def rights(read: Any, write: Any = False, /, **rest: Any) -> ClassRights:
    """Rights of such a role."""
    return ClassRights(SCHEMA, "Patient", role(read, write, **rest), context())


def matches(expression: Any, document: Any) -> bool:
    """Whether a filter lets a document in extended JSON through."""
    return rights(expression).rights_on(ejson.decode(document)).is_visible


def text(expression: Any) -> str:
    """The query that a filter becomes."""
    return rights(expression).read_text
