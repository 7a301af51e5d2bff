"""Relationships: which properties of a schema hold the primary keys of objects of another
collection, and therefore are links.

A relationship that does not fit is reported and ignored: its property stays what its type says.
Specification: app-configuration.md 7.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realmsync.apps.bundle import Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.schema_documents import PRIMARY_KEY
from realmsync.apps.schema_drafts import ClassDraft, CollectionName, LinkDraft, PropertyDraft

# Stands in a path for any element of a collection.
ELEMENT = "[]"

# Why a property cannot be a link: code and text.
Misfit = tuple[str, str]


def reference(service: str, target: CollectionName) -> str:
    """How a relationship names its target."""
    return f"#/relationship/{service}/{target[0]}/{target[1]}"


def link(
    draft: ClassDraft,
    source: Source,
    service: str,
    targets: Mapping[CollectionName, ClassDraft],
    findings: Findings,
) -> None:
    """Makes links of what `source` names in the class and in its embedded ones.

    `targets`: the classes that have a primary key and can be linked to.
    """
    if not isinstance(source.content, dict):
        findings.error("config.bad_value", source.path, "relationships must be an object")
        return
    for path, body in source.content.items():
        if not _is_well_formed(path, body, source.path, findings):
            continue
        found = _fit(draft, path, body, service, targets)
        if isinstance(found, tuple):
            code, text = found
            findings.warning(code, source.path, f"{text}; the relationship is ignored", path)
            continue
        target = _target(body, service)
        assert target is not None
        found.link = LinkDraft(target, source.path, path)


def _said(body: dict[str, Any], name: str, old_name: str, otherwise: Any) -> Any:
    return body.get(name, body.get(old_name, otherwise))


def _is_well_formed(path: str, body: object, file: str, findings: Findings) -> bool:
    wrong = None
    if not isinstance(body, dict):
        wrong = f"{path} must be an object"
    elif not isinstance(body.get("ref"), str):
        wrong = f"{path}.ref must be text"
    elif not isinstance(_said(body, "foreign_key", "foreignKey", PRIMARY_KEY), str):
        wrong = f"{path}.foreign_key must be text"
    elif not isinstance(_said(body, "is_list", "isList", False), bool):
        wrong = f"{path}.is_list must be true or false"
    if wrong:
        findings.error("config.bad_value", file, wrong, path)
    return wrong is None


def _target(body: dict[str, Any], service: str) -> CollectionName | None:
    parts = str(body["ref"]).split("/", 4)
    if len(parts) < 5 or parts[:3] != ["#", "relationship", service]:
        return None
    return parts[3], parts[4]


def _fit(
    draft: ClassDraft,
    path: str,
    body: dict[str, Any],
    service: str,
    targets: Mapping[CollectionName, ClassDraft],
) -> PropertyDraft | Misfit:
    """The property that becomes a link, or why none does."""
    foreign_key = _said(body, "foreign_key", "foreignKey", PRIMARY_KEY)
    if foreign_key != PRIMARY_KEY:
        return "schema.link_foreign_key", f"a link leads to _id, not to {foreign_key}"
    name = _target(body, service)
    target = targets.get(name) if name else None
    if target is None:
        return "schema.link_target", f"{body['ref']} is no collection with a class to link to"
    if path == PRIMARY_KEY:
        return "schema.link_type", "a primary key cannot be a link"
    found = find(draft, path)
    if found is None:
        return "schema.link_field", "the schema has no such field"
    is_list = _said(body, "is_list", "isList", found.collection is not None)
    if is_list != (found.collection is not None):
        return "schema.link_type", f"is_list is {str(is_list).lower()}, and the field is not so"
    key = target.properties[PRIMARY_KEY].type
    if found.type != key:
        return "schema.link_type", f"the field is {found.type}, and _id of {target.name} is {key}"
    return found


def find(draft: ClassDraft, path: str) -> PropertyDraft | None:
    """The property that a path leads to; None if it leads nowhere."""
    cls: ClassDraft | None = draft
    names = path.split(".")
    while cls is not None:
        found = cls.properties.get(names.pop(0))
        if found is None or not names:
            return found
        if found.collection and names.pop(0) != ELEMENT:
            return None
        cls = found.embedded if names else None
    return None
