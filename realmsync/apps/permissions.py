"""Who may do what in an application: decided when a session begins, by its compiled rules.

Functions are called through whoever asks, one call per distinct arguments for one session; what a
function does wrong, or not in time, makes its comparison false and is logged. What a role allows on
objects is decided in the core (csrc/rules). Specification: app-configuration.md 5.2 to 5.6 and 6.6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from bson import ObjectId

from realmsync import _core, ejson
from realmsync.apps.expressions import compiled
from realmsync.apps.model import (
    App,
    ClassKind,
    FieldRights,
    Function,
    PartitionConfiguration,
    Role,
)
from realmsync.apps.plain_schemas import to_plain
from realmsync.apps.usability import faults_of, is_decidable
from realmsync.errors import ExpressionError
from realmsync.waiting import in_time

_logger = logging.getLogger("realmsync.apps")

# A function that decides has this long.
FUNCTION_SECONDS = 5.0

PartitionValue = None | int | str | ObjectId | UUID
# Calls a function by name as the user that is asked about; raises whatever goes wrong.
CallFunction = Callable[[str, Sequence[Any]], Awaitable[Any]]


class User(Protocol):
    """A user as rules see him (section 8.4); values are what realmsync.ejson decodes to."""

    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def custom_data(self) -> Mapping[str, Any]: ...
    @property
    def identities(self) -> Sequence[Mapping[str, Any]]: ...


class Request(Protocol):
    """The HTTP request behind a call of a function: `%%request`."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def remote_address(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class IllegalPartition(Exception):
    """A partition that no realm of this application has: error 204, with this text."""


@dataclass(frozen=True)
class PartitionPermission:
    """What a user may do with a partition; who may write may read."""

    read: bool
    write: bool


@dataclass(frozen=True)
class _Rule:
    """A role, compiled for a class."""

    name: str
    apply_when: _core.Expression | None  # None: undecidable, so that it ends the search
    role: _core.Role | None  # None: sync cannot use it


class Permissions:
    """The permissions of one model of an application, compiled once."""

    def __init__(self, app: App, function_seconds: float = FUNCTION_SECONDS) -> None:
        self._app = app
        self._schema = _core.AppSchema(to_plain(app.classes))
        self._function_seconds = function_seconds
        self._values = {name: _decoded(value) for name, value in app.values.items()}
        self._environment = {
            "tag": app.environment,
            "values": {name: _decoded(v) for name, v in app.environment_values.items()},
        }
        partition = app.sync.partition
        self._read = _partition_expression(partition and partition.read)
        self._write = _partition_expression(partition and partition.write)
        self._rules = _Rules(app)

    async def partition(
        self, user: User, partition: PartitionValue, call: CallFunction
    ) -> PartitionPermission:
        """What a user may do with a partition. Raises IllegalPartition."""
        if self._app.sync.partition is not None:
            _require_legal(self._app.sync.partition, partition)
        calls = _Calls(call, self._function_seconds)
        try:
            context = self._context(user, partition=partition)
            write = await calls.is_true(self._write, context)
            read = write or await calls.is_true(self._read, context)
        except ExpressionError as error:
            _logger.error("user %r has no rights: %s", user.id, error)
            return PartitionPermission(read=False, write=False)
        return PartitionPermission(read, write)

    async def may_call(
        self, function: Function, user: User, request: Request, call: CallFunction
    ) -> bool:
        """Whether a function's can_evaluate allows a call by this user (9.1)."""
        if function.can_evaluate in ({}, True):
            return True
        try:
            expression = compiled(function.can_evaluate, "can_evaluate")
        except ExpressionError as error:
            _logger.error("can_evaluate of %r is taken as false: %s", function.name, error)
            return False
        context = self._context(
            user,
            request={
                "httpMethod": request.method,
                "rawPath": request.path,
                "remoteIPAddress": request.remote_address,
                "requestHeaders": {name: [text] for name, text in request.headers.items()},
            },
        )
        return await _Calls(call, self._function_seconds).is_true(expression, context)

    async def session(self, user: User, call: CallFunction) -> SessionPermissions:
        """The roles of a user in every class, for one session of flexible sync."""
        calls = _Calls(call, self._function_seconds)
        try:
            context = self._context(user)
            chosen = [await calls.first(rules, context) for rules in self._rules.lists]
        except ExpressionError as error:
            _logger.error("user %r has no rights: %s", user.id, error)
            context = _core.ExpressionContext()
            chosen = [None] * len(self._rules.lists)
        return SessionPermissions(self._schema, self._rules, chosen, context)

    def _context(self, user: User, **rest: Any) -> _core.ExpressionContext:
        return _core.ExpressionContext(
            user={
                "id": user.id,
                "type": user.type,
                "data": user.data,
                "custom_data": user.custom_data,
                "identities": [_identity(identity) for identity in user.identities],
            },
            values=self._values,
            environment=self._environment,
            **rest,
        )


class SessionPermissions:
    """What one user may do in one session of flexible sync."""

    def __init__(
        self,
        schema: _core.AppSchema,
        rules: _Rules,
        chosen: Sequence[_Rule | None],
        context: _core.ExpressionContext,
    ) -> None:
        """`chosen`: of each list of rules."""
        self._schema = schema
        self._rules = rules
        self._chosen = [None if rule is None or rule.role is None else rule for rule in chosen]
        self._context = context

    @property
    def roles(self) -> dict[str, str | None]:
        """The names of the roles by class; None: none that gives rights."""
        names = [None if rule is None else rule.name for rule in self._chosen]
        return {cls: names[number] for cls, number in self._rules.of_class.items()}

    def for_engine(self, *, can_write: bool = True) -> _core.SessionRoles:
        """The roles themselves; with `can_write` false nothing may be written by them."""
        chosen = [None if rule is None else rule.role for rule in self._chosen]
        roles = {cls: chosen[number] for cls, number in self._rules.of_class.items()}
        otherwise = chosen[self._rules.otherwise]
        made = _core.SessionRoles(roles, otherwise, self._context, can_write=can_write)
        for cls in made.too_large:
            _logger.error(
                "nothing of %s is allowed to a user: a filter is too large",
                f"class {cls}" if cls else "other classes",
            )
        return made

    def rights(self, cls: str) -> _core.ClassRights:
        """What the role in a class allows on its objects. KeyError for a class that is none."""
        return self.for_engine().rights(self._schema, cls)


class _Calls:
    """The calls that one session makes to begin, each distinct one once."""

    def __init__(self, call: CallFunction, seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._results: dict[tuple[str, str], Any] = {}

    async def first(self, rules: Sequence[_Rule], context: _core.ExpressionContext) -> _Rule | None:
        """The first that applies."""
        for rule in rules:
            if rule.apply_when is None or await self.is_true(rule.apply_when, context):
                return rule
        return None

    async def is_true(
        self, expression: _core.Expression | None, context: _core.ExpressionContext
    ) -> bool:
        """Whether an expression is true; None is not. Raises ExpressionError for too much work."""
        if expression is None:
            return False
        results: dict[int, Any] = {}
        for position, (name, arguments) in enumerate(expression.calls(context)):
            result = await self._once(name, arguments)
            if result is not _FAILED:
                results[position] = result
        return expression.evaluate(context, results)

    async def _once(self, name: str, arguments: list[Any]) -> Any:
        key = (name, repr(arguments))
        if key not in self._results:
            self._results[key] = await self._in_time(name, arguments)
        return self._results[key]

    async def _in_time(self, name: str, arguments: list[Any]) -> Any:
        try:
            return await in_time(self._call(name, arguments), self._seconds)
        except asyncio.TimeoutError:
            _logger.error("function %r, which a rule calls, took too long", name)
        except Exception as error:
            _logger.error(
                "function %r, which a rule calls, failed: %s: %r",
                name,
                type(error).__name__,
                str(error),
            )
        return _FAILED


_FAILED = object()  # no value, so that every comparison with it is false


class _Rules:
    """The roles of an application, compiled. Classes in which they mean the same share a list."""

    def __init__(self, app: App) -> None:
        self.lists: list[tuple[_Rule, ...]] = []
        self._numbers: dict[tuple[int, frozenset[str]], int] = {}
        embedded = {name for name, c in app.classes.items() if c.kind is ClassKind.EMBEDDED}
        self.of_class = {
            name: self._number(app.roles_of(name), app.sync.queryable.of(name))
            for name in dict.fromkeys((*app.classes, *app.roles))  # some are still to be made
            if name not in embedded
        }
        # In all others that clients make.
        self.otherwise = self._number(app.default_roles, app.sync.queryable.of(""))

    def _number(self, roles: Sequence[Role], queryable: frozenset[str]) -> int:
        key = (id(roles), queryable)
        if key not in self._numbers:
            self._numbers[key] = len(self.lists)
            self.lists.append(tuple(_compiled_rule(role, queryable) for role in roles))
        return self._numbers[key]


def _compiled_rule(role: Role, queryable: frozenset[str]) -> _Rule:
    return _Rule(
        role.name,
        compiled(role.apply_when, "apply_when") if is_decidable(role) else None,
        None if faults_of(role, queryable) else _compiled_role(role),
    )


def _compiled_role(role: Role) -> _core.Role:
    filters = {
        "read_filter": role.read_filter,
        "write_filter": role.write_filter,
        "insert": role.insert,
        "delete": role.delete,
    }
    return _core.Role(
        **{key: compiled(expression, "filter") for key, expression in filters.items()},
        read=role.read,
        write=role.write,
        fields={name: _pair(rights) for name, rights in role.fields.items()},
        additional_fields=_pair(role.additional_fields or FieldRights()),
    )


def _pair(rights: FieldRights) -> tuple[bool | None, bool | None]:
    return rights.read, rights.write


def _partition_expression(expression: Any) -> _core.Expression | None:
    """None: nobody is allowed to."""
    if expression is None:
        return None
    try:
        return compiled(expression, "partition")
    except ExpressionError:
        return None


def _identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    """With the provider's name under both of its keys (6.2)."""
    provider = identity.get("provider_type", identity.get("providerType"))
    return {**identity, "provider_type": provider, "providerType": provider}


def _decoded(value: Any) -> Any:
    try:
        return ejson.decode(value)
    except ValueError:
        return value


def _require_legal(configured: PartitionConfiguration, partition: PartitionValue) -> None:
    found = _type_of(partition)
    if found == "null" and not configured.required:
        return
    if found != configured.type:
        raise IllegalPartition(
            "attempted to bind on illegal realm partition: expected partition to have type"
            f" {configured.type} but found {found}"
        )


def _type_of(partition: PartitionValue) -> str:
    if partition is None:
        return "null"
    types = {str: "string", int: "long", ObjectId: "objectId", UUID: "uuid"}
    return next((name for cls, name in types.items() if isinstance(partition, cls)), "unknown")
