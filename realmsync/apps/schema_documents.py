"""From one schema document, a JSON schema with MongoDB's extensions, to a draft of its class.

Every fault is reported and the rest is read on, so that an operator sees all of them at once.
A key that is null counts as absent: exports write it for what is empty.
Relationships are relationships.py's; what concerns several classes is schemas.py's. Specification:
app-configuration.md 7.1 to 7.4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeGuard

from realmsync.apps.bundle import Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.schema_drafts import ClassDraft, PropertyDraft

# Of names, in bytes of UTF-8: what a Realm file can hold.
CLASS_NAME_LIMIT = 57
PROPERTY_NAME_LIMIT = 63
# Of a class: what the server's tables can hold.
PROPERTIES_LIMIT = 1990
DEPTH_LIMIT = 100

PRIMARY_KEY = "_id"
PRIMARY_KEY_TYPES = ("string", "objectId", "uuid", "int")

# Types of MongoDB that hold one value; those of JSON schema stand among them.
TYPES = {
    "bool": "bool",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "double": "double",
    "number": "double",
    "float": "float",
    "decimal": "decimal128",
    "string": "string",
    "binData": "data",
    "date": "date",
    "objectId": "objectId",
    "uuid": "uuid",
    "mixed": "mixed",
    "null": "mixed",
}

_USED = {
    *("title", "bsonType", "type", "required", "properties", "items", "uniqueItems"),
    *("additionalProperties", "description", "$schema", "$id"),
}


class ClassFault(Exception):
    """Why a class cannot be synchronised: a finding, to be reported as a warning."""

    def __init__(self, code: str, text: str, key: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.key = key


def check_name(name: str, limit: int, where: str) -> None:
    """ClassFault when a Realm file cannot hold the name of a class or property."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise ClassFault("schema.bad_type", f"{name!r} is no Unicode text", where) from None
    if length == 0:
        raise ClassFault("schema.bad_type", "a property without a name", where)
    if length > limit:
        text = f"the name {name!r} has more than {limit} bytes"
        raise ClassFault("schema.name_too_long", text, where)


class SchemaDocument:
    """Reads one document. `is_faulty` afterwards: its class cannot be synchronised."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._noticed: set[str] = set()
        self.is_faulty = False
        self.why = ""  # the first fault's text

    def title(self, collection: str) -> str:
        """The name of the class; without a title that of the collection."""
        title = self._text(self._source.content, "title", "")
        if title:
            return title
        text = f"no title: the class is named {collection!r}, like its collection"
        self._findings.warning("schema.no_title", self._source.path, text)
        return collection

    def read(self, name: str) -> ClassDraft:
        """The class, with a primary key of a type that can be one unless it is faulty."""
        node = self._source.content
        draft = ClassDraft(name)
        try:
            check_name(name, CLASS_NAME_LIMIT, "title")
            kind, _ = self._kind(node, "")
            if kind != "object" and (node.get("bsonType") or node.get("type")):
                self.fault(ClassFault("schema.bad_type", "the document is no object", "bsonType"))
            draft = self._class(node, name, "", 0)
            self._check_primary_key(draft)
        except ClassFault as fault:
            self.fault(fault)
        return draft

    def fault(self, fault: ClassFault) -> None:
        """Reports what leaves the class out of sync."""
        self._findings.warning(
            fault.code, self._source.path, f"{fault.text}; the class is not synchronised", fault.key
        )
        self.why = self.why or fault.text
        self.is_faulty = True

    def _check_primary_key(self, draft: ClassDraft) -> None:
        key = draft.properties.get(PRIMARY_KEY)
        properties = self._source.content.get("properties")
        is_named = isinstance(properties, dict) and PRIMARY_KEY in properties
        if key is None and not (is_named and self.is_faulty):  # else its own fault is told
            text = "no property _id, which every synchronised class needs as primary key"
            raise ClassFault("schema.no_primary_key", text, "properties")
        if key and (key.collection or key.type not in PRIMARY_KEY_TYPES):
            text = "_id is the primary key: it must be string, objectId, uuid, int or long"
            raise ClassFault("schema.primary_key_type", text, f"properties.{PRIMARY_KEY}")

    def _class(self, node: dict[str, Any], name: str, where: str, depth: int) -> ClassDraft:
        if depth > DEPTH_LIMIT:
            text = f"objects are nested in more than {DEPTH_LIMIT} levels"
            raise ClassFault("schema.bad_type", text, where)
        draft = ClassDraft(name)
        properties = self._part(node, "properties", where)
        if len(properties) > PROPERTIES_LIMIT:
            text = f"a class has at most {PROPERTIES_LIMIT} properties"
            raise ClassFault("schema.bad_type", text, _below(where, "properties"))
        required = self._required(node, where)
        for key, value in properties.items():
            place = _below(where, f"properties.{key}")
            try:
                check_name(key, PROPERTY_NAME_LIMIT, place)
                if self._is_object(value, place):
                    read = self._property(value, f"{name}_{key}", place, depth)
                    draft.properties[key] = _with_required(read, key in required)
            except ClassFault as fault:
                self.fault(fault)
        return draft

    def _property(
        self, node: dict[str, Any], untitled: str, where: str, depth: int
    ) -> PropertyDraft:
        """`untitled`: name of an embedded class that has no title."""
        kind, may_be_null = self._kind(node, where)
        if kind == "array":
            element = self._element(node, "items", untitled, where, depth)
            is_set = self._flag(node, "uniqueItems", where) and not element.embedded
            return replace(element, collection="set" if is_set else "list")
        if kind != "object":
            return PropertyDraft(kind, may_be_null or kind == "mixed")
        if self._part(node, "properties", where) or node.get("additionalProperties") is False:
            return PropertyDraft(
                "embedded", True, embedded=self._embedded(node, untitled, where, depth)
            )
        element = self._element(node, "additionalProperties", untitled, where, depth)
        is_nullable = element.nullable or element.type == "embedded"
        return replace(element, collection="dictionary", nullable=is_nullable)

    def _element(
        self, node: dict[str, Any], key: str, untitled: str, where: str, depth: int
    ) -> PropertyDraft:
        """What a collection holds: anything when nothing is said."""
        place = _below(where, key)
        value = node.get(key)
        is_open = value is None or (value is True and key == "additionalProperties")
        if is_open or not self._is_object(value, place):
            return PropertyDraft("mixed", True)
        if depth >= DEPTH_LIMIT:
            text = f"collections are nested in more than {DEPTH_LIMIT} levels"
            raise ClassFault("schema.bad_type", text, where)
        element = self._property(value, untitled, place, depth + 1)
        if element.collection:
            text = "a collection of collections is possible in mixed properties alone"
            raise ClassFault("schema.bad_type", text, place)
        return replace(element, nullable=False) if element.embedded else element

    def _embedded(self, node: dict[str, Any], untitled: str, where: str, depth: int) -> ClassDraft:
        name = self._text(node, "title", where)
        if not name:
            name = untitled
            text = f"an embedded object without title: its class is named {name!r}"
            self._findings.notice("schema.embedded_untitled", self._source.path, text, where)
        check_name(name, CLASS_NAME_LIMIT, _below(where, "title"))
        return self._class(node, name, where, depth + 1)

    def _kind(self, node: dict[str, Any], where: str) -> tuple[str, bool]:
        """The Realm type, "array" or "object", and whether null is named beside it."""
        self._notice_keywords(node, where)
        key = "bsonType"
        if node.get(key) is None and node.get("type") is not None:
            key = "type"
            text = "the key type stands for bsonType"
            self._notice_once("schema.type_key", key, text, _below(where, key))
        named = "mixed" if node.get(key) is None else node[key]
        names = named if isinstance(named, list) else [named]
        if not all(isinstance(name, str) for name in names):
            self._bad_value(_below(where, key), "a type's name or a list of such names")
            return "mixed", True
        others = {name for name in names if name != "null"}
        kind = others.pop() if len(others) == 1 else "mixed"
        if kind in ("array", "object"):
            return kind, "null" in names
        if kind not in TYPES:
            text = f"type {kind!r} has no counterpart in Realm"
            raise ClassFault("schema.bad_type", text, _below(where, key))
        return TYPES[kind], "null" in names

    def _notice_keywords(self, node: dict[str, Any], where: str) -> None:
        for keyword in node:
            if keyword not in _USED:
                text = f"{keyword} is not enforced"
                self._notice_once("schema.keyword_ignored", keyword, text, _below(where, keyword))

    def _notice_once(self, code: str, subject: str, text: str, where: str) -> None:
        """Of many places in one document the first is named."""
        if subject not in self._noticed:
            self._noticed.add(subject)
            self._findings.notice(code, self._source.path, text, where)

    def _bad_value(self, where: str, expected: str) -> None:
        self._findings.error(
            "config.bad_value", self._source.path, f"{where} must be {expected}", where
        )

    def _is_object(self, value: object, where: str) -> TypeGuard[dict[str, Any]]:
        if not isinstance(value, dict):
            self._bad_value(where, "an object")
        return isinstance(value, dict)

    def _part(self, node: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        value = node.get(key)
        if value is not None and self._is_object(value, _below(where, key)):
            return value
        return {}

    def _text(self, node: dict[str, Any], key: str, where: str) -> str:
        value = node.get(key)
        if value is not None and not isinstance(value, str):
            self._bad_value(_below(where, key), "text")
        return value if isinstance(value, str) else ""

    def _flag(self, node: dict[str, Any], key: str, where: str) -> bool:
        value = node.get(key)
        if value is not None and not isinstance(value, bool):
            self._bad_value(_below(where, key), "true or false")
        return value is True

    def _required(self, node: dict[str, Any], where: str) -> frozenset[str]:
        value = [] if node.get("required") is None else node["required"]
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return frozenset(value)
        self._bad_value(_below(where, "required"), "a list of names of properties")
        return frozenset()


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _with_required(draft: PropertyDraft, is_required: bool) -> PropertyDraft:
    """Nullability of single values; collections and their elements do not depend on it."""
    if draft.collection or draft.embedded or draft.type == "mixed":
        return draft
    return replace(draft, nullable=draft.nullable or not is_required)
