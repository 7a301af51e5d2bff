"""Roles that were made for requests, as sync could use them: a proposal for the operator.

Such roles have no document filters: their conditions stand in `read`, `write` and `apply_when`.
Nothing here takes effect by itself. Specification: app-configuration.md section 13, OPEN 14.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from realmsync.apps.expressions import compiled
from realmsync.apps.model import Expression, Role
from realmsync.apps.usability import faults_of, filters_of
from realmsync.errors import ExpressionError

_DOCUMENT = "%%root."


def correction_of(role: Role) -> tuple[Role, frozenset[str]] | None:
    """A role without document filters with some, and the fields that must then be queryable.

    None when it has filters, or when they would not make it one that sync can use.
    """
    if role.read_filter is not None or role.write_filter is not None:
        return None
    is_named = role.read is None and role.write is None  # the fields have rights of their own
    write = True if is_named else _allowed(role.write)
    read = write if role.read is None else _allowed(role.read)
    apply_when = role.apply_when
    if _is_about_documents(apply_when):
        condition, apply_when = _of_document(apply_when), {}
        read, write = _both(condition, read), _both(condition, write)
    corrected = replace(
        role,
        apply_when=apply_when,
        read_filter=_of_document(read),
        write_filter=_of_document(write),
        read=None if is_named else True,
        write=None if is_named else True,
        insert=_of_document(role.insert),
        delete=_of_document(role.delete),
        unusable=None,
    )
    try:
        asked = [compiled(expression, "filter") for _, expression in filters_of(corrected)]
    except ExpressionError:
        return None
    fields = frozenset(name for expression in asked for name in expression.fields)
    return None if faults_of(corrected, fields) else (corrected, fields)


def _allowed(right: Expression | None) -> Expression:
    return False if right is None else right


def _is_about_documents(expression: Expression) -> bool:
    try:
        return compiled(expression, "apply_when").speaks_of_document
    except ExpressionError:
        return False


def _both(condition: Expression, right: Expression) -> Expression:
    if right is True:
        return condition
    return False if right is False else {"%and": [condition, right]}


def _of_document(expression: Any) -> Any:
    """With plain names for the fields of the document: `owner` for `%%root.owner`."""
    if isinstance(expression, list):
        return [_of_document(item) for item in expression]
    if isinstance(expression, dict):
        return {
            key.removeprefix(_DOCUMENT): _of_document(value) for key, value in expression.items()
        }
    return expression
