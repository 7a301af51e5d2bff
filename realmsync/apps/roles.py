"""Roles as JSON and as the model keeps them, both ways, and the conversion of the old form.

Here is only the form: keys, their types, names. Whether sync can use a role is decided in
rules.py. Specification: app-configuration.md 5.1 and 5.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import FieldRights, Role

_LONGEST_NAME = 100


def read_roles(roles: Any, path: str, findings: Findings, key: str = "roles") -> tuple[Role, ...]:
    """Roles in order; absent ones are none. What is no role is an error, and left out."""
    if roles is None:
        return ()
    if not isinstance(roles, list):
        findings.error("config.bad_value", path, "must be an array of roles", key)
        return ()
    read: list[Role] = []
    names: set[str] = set()
    for place, role in enumerate(roles):
        fault = _fault(role, names)
        if fault is None:
            read.append(_role(role))
            names.add(read[-1].name)
        else:
            where, text = fault
            findings.error("config.bad_value", path, text, f"{key}[{place}]{where}")
    return tuple(read)


def _fault(role: Any, taken: set[str]) -> tuple[str, str] | None:
    """Where in a role something is of the wrong form, and what."""
    if not isinstance(role, dict):
        return "", "a role must be an object"
    name = role.get("name")
    if not isinstance(name, str) or not name:
        return ".name", "a role needs a name, a string"
    if len(name) > _LONGEST_NAME:
        return ".name", f"the name of a role has at most {_LONGEST_NAME} characters"
    if name in taken:
        return ".name", f"two roles of one collection are called {name!r}"
    for key in ("document_filters", "fields", "additional_fields"):
        if not isinstance(role.get(key), dict | None):
            return f".{key}", "must be an object"
    for field, rights in (role.get("fields") or {}).items():
        if not isinstance(rights, dict):
            return f".fields.{field}", "must be an object with read and write"
        if not isinstance(rights.get("fields"), dict | None):
            return f".fields.{field}.fields", "must be an object"
    return None


def _role(role: dict[str, Any]) -> Role:
    filters = role.get("document_filters") or {}
    additional = role.get("additional_fields")
    return Role(
        name=role["name"],
        apply_when=role.get("apply_when", {}),
        read_filter=filters.get("read"),
        write_filter=filters.get("write"),
        read=role.get("read"),
        write=role.get("write"),
        insert=role.get("insert", True),
        delete=role.get("delete", True),
        search=role.get("search", True),
        fields={name: _rights(rights) for name, rights in (role.get("fields") or {}).items()},
        additional_fields=None if additional is None else _rights(additional),
    )


def _rights(rights: dict[str, Any]) -> FieldRights:
    return FieldRights(rights.get("read"), rights.get("write"), rights.get("fields") or {})


def document_of(role: Role) -> dict[str, Any]:
    """A role as JSON, as exports have it: read_roles() gives an equal one."""
    filters = {"read": role.read_filter, "write": role.write_filter}
    document: dict[str, Any] = {"name": role.name, "apply_when": role.apply_when}
    if role.read_filter is not None or role.write_filter is not None:
        document["document_filters"] = {k: v for k, v in filters.items() if v is not None}
    for key, value in (("read", role.read), ("write", role.write)):
        if value is not None:
            document[key] = value
    document |= {"insert": role.insert, "delete": role.delete, "search": role.search}
    if role.fields:
        document["fields"] = {name: _document(rights) for name, rights in role.fields.items()}
    if role.additional_fields is not None:
        document["additional_fields"] = _document(role.additional_fields)
    return document


def _document(rights: FieldRights) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in (("read", rights.read), ("write", rights.write)):
        if value is not None:
            document[key] = value
    if rights.fields:
        document["fields"] = dict(rights.fields)
    return document


def old_lists(permissions: Any) -> Iterator[tuple[str, str | None, Any]]:
    """The lists of roles in the old form: key, class or collection (None: default), roles."""
    if isinstance(permissions, dict):
        rules = permissions.get("rules")
        if isinstance(rules, dict):
            for name, roles in rules.items():
                yield f"permissions.rules.{name}", name, roles
        yield "permissions.defaultRoles", None, permissions.get("defaultRoles")


def has_old_roles(permissions: Any) -> bool:
    """Whether there is a role in the old form, which then governs sync alone."""
    return any(roles for _, _, roles in old_lists(permissions))


def check_old_form(permissions: Any, path: str, findings: Findings) -> None:
    """An error for each part of the old form that is of the wrong type."""
    if permissions is None:
        return
    if not isinstance(permissions, dict):
        findings.error("config.bad_value", path, "must be an object", "permissions")
    elif not isinstance(permissions.get("rules"), dict | None):
        findings.error("config.bad_value", path, "must be an object", "permissions.rules")


def converted(roles: Any) -> Any:
    """Roles of the old form in today's; what is no role stays as it is, for read_roles()."""
    if not isinstance(roles, list):
        return roles
    return [_converted(role) if isinstance(role, dict) else role for role in roles]


def _converted(role: Mapping[str, Any]) -> dict[str, Any]:
    new = {key: value for key, value in role.items() if key not in ("applyWhen", "read", "write")}
    new.setdefault("apply_when", role.get("applyWhen", {}))
    new["document_filters"] = {
        "read": _said(role.get("read")),
        "write": _said(role.get("write")),
    }
    if "fields" not in role and "additional_fields" not in role:
        new |= {"read": True, "write": True}
    return new


def _said(expression: Any) -> Any:
    """A filter that is not there matches nothing."""
    return False if expression is None else expression
