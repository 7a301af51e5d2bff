"""Whether flexible sync can use a role, and why not.

A role that cannot be used ends the search for a role, without any right, where it applies; one of
which that cannot be told counts as applying (fail closed). Specification: app-configuration.md 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from realmsync.apps.expressions import compiled
from realmsync.apps.model import Expression, Role
from realmsync.errors import ExpressionError

INCOMPATIBLE = "rules.incompatible_role"
BAD_EXPRESSION = "rules.bad_expression"
APPLY_WHEN_DOCUMENT = "rules.apply_when_document"


@dataclass(frozen=True)
class RoleFault:
    """A reason why sync cannot use a role."""

    code: str  # of the finding
    key: str  # where in the role
    text: str


def faults_of(role: Role, queryable: frozenset[str]) -> list[RoleFault]:
    """Why sync cannot use a role in a class with these queryable fields; nothing: it can."""
    return [*_faults_of_apply_when(role), *_faults_of_form(role), *_in_filters(role, queryable)]


def why_unusable(role: Role, queryable: frozenset[str]) -> str | None:
    """The first fault as a text; None when sync can use the role there."""
    return next((f"{f.key}: {f.text}" for f in faults_of(role, queryable)), None)


def is_decidable(role: Role) -> bool:
    """Whether it can be told, when a session begins, if a role is a user's."""
    return not any(_faults_of_apply_when(role))


def _faults_of_apply_when(role: Role) -> Iterator[RoleFault]:
    try:
        expression = compiled(role.apply_when, "apply_when")
    except ExpressionError as error:
        yield RoleFault(BAD_EXPRESSION, "apply_when", str(error))
        return
    if expression.speaks_of_document:
        yield RoleFault(
            APPLY_WHEN_DOCUMENT,
            "apply_when",
            "it depends on what is not known when a session begins: documents, %%partition,"
            " %%request or %%args",
        )


def _faults_of_form(role: Role) -> Iterator[RoleFault]:
    for key, there in (("read", role.read_filter), ("write", role.write_filter)):
        if there is None:
            yield _incompatible(f"document_filters.{key}", "is missing")
    for key, right in _rights(role):
        if not isinstance(right, bool | None):
            yield _incompatible(key, "is not true or false")
    if "_id" in role.fields:
        yield _incompatible("fields._id", "no role decides about _id alone")


def _rights(role: Role) -> Iterator[tuple[str, Expression | None]]:
    yield from (("read", role.read), ("write", role.write))
    rights = {f"fields.{name}": right for name, right in role.fields.items()}
    if role.additional_fields is not None:
        rights["additional_fields"] = role.additional_fields
    for key, right in rights.items():
        yield from ((f"{key}.read", right.read), (f"{key}.write", right.write))


def filters_of(role: Role) -> Iterator[tuple[str, Expression]]:
    """What a role says of documents, by key."""
    if role.read_filter is not None:
        yield "document_filters.read", role.read_filter
    if role.write_filter is not None:
        yield "document_filters.write", role.write_filter
    yield from (("insert", role.insert), ("delete", role.delete))


def _in_filters(role: Role, queryable: frozenset[str]) -> Iterator[RoleFault]:
    for key, expression in filters_of(role):
        try:
            unqueryable = set(compiled(expression, "filter").fields) - queryable
        except ExpressionError as error:
            code = INCOMPATIBLE if error.is_misplaced else BAD_EXPRESSION
            yield RoleFault(code, key, str(error))
            continue
        if unqueryable:
            yield _incompatible(key, f"field {min(unqueryable)} is not queryable")


def _incompatible(key: str, text: str) -> RoleFault:
    return RoleFault(INCOMPATIBLE, key, text)
