"""What an operator should know of an application before it is served: findings, and tables of
classes, roles, log-ins and functions. As data for tools, and as a page to read.

Never a value and never a secret. Specification: app-configuration.md 9.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any

from realmsync.apps.diagnostics import Diagnostic, Findings, Severity, printable
from realmsync.apps.expression_text import expression_text
from realmsync.apps.load import Loaded
from realmsync.apps.model import App, Class, ClassKind, FieldRights, Role, SyncMode
from realmsync.apps.role_groups import RoleGroup, RoleGroups
from realmsync.apps.usability import why_unusable

_ORDER = [*Severity]
_SHOWN = 20  # of the names in one line


def report(loaded: Loaded) -> dict[str, Any]:
    """What an operator should know of an application, as JSON values: `realmsync check --json`.

    Never a value and never a secret.
    """
    app = loaded.app
    data: dict[str, Any] = {
        "accepted": app is not None,
        "findings": [_finding(f) for f in in_order(loaded.findings)],
    }
    if app is not None:
        data["app"] = _application(app)
        data["classes"] = [*_classes(app)]
        data["access"] = [*_access(app)]
        data["providers"] = [*_providers(app)]
        data["functions"] = [*_functions(app, loaded)]
    return data


def in_order(findings: Findings) -> list[Diagnostic]:
    """Errors, warnings, notices."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.severity))


def page(data: dict[str, Any]) -> str:
    """What report() gives, as a page to read: `realmsync check`."""
    return "\n".join(printable(line) for line in _lines(data)) + "\n"


def _finding(finding: Diagnostic) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "path": finding.path,
        "key": finding.key,
        "text": finding.text,
    }


def _application(app: App) -> dict[str, Any]:
    sync, partition = app.sync, app.sync.partition
    return {
        "id": app.id,
        "name": app.name,
        "mode": sync.mode.value,
        "state": sync.state.value,
        "development_mode": sync.development_mode,
        "service": sync.service,
        "indexed_queryable": next(iter(sync.queryable.indexed), None),
        "partition": None
        if partition is None
        else {
            "key": partition.key,
            "type": partition.type,
            "required": partition.required,
            "read": expression_text(partition.read),
            "write": expression_text(partition.write),
        },
        "environment": app.environment,
        "max_offline_days": sync.max_offline_days,
        "recovery": sync.recovery,
    }


def _classes(app: App) -> Iterator[dict[str, Any]]:
    everywhere = frozenset(app.sync.queryable.everywhere) | {"_id"}
    for cls in app.classes.values():
        if cls.kind is not ClassKind.EMBEDDED:
            yield {
                "class": cls.name,
                "collection": f"{cls.database}.{cls.collection}",
                "kind": cls.kind.value,
                "not_synced": None if app.sync.mode is not SyncMode.NONE else "sync is off",
                "roles": [role.name for role in app.roles.get(cls.name, ())] or None,
                "queryable": _queryable(app, cls, everywhere),
            }
    for name, why in app.not_synced.items():
        yield {
            "class": name,
            "collection": None,
            "kind": ClassKind.TOP.value,
            "not_synced": why,
            "roles": None,
            "queryable": [],
        }


def _queryable(app: App, cls: Class, everywhere: Set[str]) -> list[str]:
    own = frozenset(app.sync.queryable.by_class.get(cls.name, ()))
    return sorted(p.name for p in cls.properties if p.name in everywhere or p.name in own)


def _access(app: App) -> Iterator[dict[str, Any]]:
    """Who can read what: the roles in the order in which they are looked at, of each class."""
    if app.sync.mode is not SyncMode.FLEXIBLE:
        return
    groups = RoleGroups(app.sync.queryable, {})
    tops = [cls.name for cls in app.classes.values() if cls.kind is not ClassKind.EMBEDDED]
    for name in tops:
        if app.roles.get(name):
            roles = [_role(role, groups.of(role, [name])) for role in app.roles[name]]
            yield {"classes": [name], "of": "the class", "roles": roles}
    others = [name for name in tops if not app.roles.get(name)]
    if others:
        roles = [_role(role, groups.of(role, others)) for role in app.default_roles]
        yield {"classes": others, "of": "default", "roles": roles}


def _role(role: Role, groups: list[RoleGroup]) -> dict[str, Any]:
    reasons = [(group.classes, why_unusable(role, group.queryable)) for group in groups]
    unusable = [(classes, why) for classes, why in reasons if why is not None]
    is_unusable = role.unusable is not None or len(unusable) == len(reasons) > 0
    return {
        "name": role.name,
        "when": expression_text(role.apply_when),
        "unusable": (role.unusable or unusable[0][1]) if is_unusable else None,
        "unusable_in": []
        if is_unusable
        else [{"classes": classes[:_SHOWN], "why": why} for classes, why in unusable],
        "read": expression_text(role.read_filter),
        "write": expression_text(role.write_filter),
        "insert": expression_text(role.insert),
        "delete": expression_text(role.delete),
        "readable_fields": _fields(role, "read"),
        "writable_fields": _fields(role, "write"),
    }


def _fields(role: Role, right: str) -> str:
    """Which fields a right is about."""
    if getattr(role, right) is True:
        return "all"
    additional = role.additional_fields or FieldRights()
    named = [name for name, rights in role.fields.items() if getattr(rights, right) is True]
    if getattr(additional, right) is not True:
        return ", ".join(named) or "none"
    without = [name for name in role.fields if name not in named]
    return f"all but {', '.join(without)}" if without else "all"


def _providers(app: App) -> Iterator[dict[str, Any]]:
    for provider in app.providers.values():
        yield {
            "provider": provider.name,
            "state": "off" if provider.disabled else "unusable" if provider.unusable else "on",
            "why": provider.unusable,
        }


def _functions(app: App, loaded: Loaded) -> Iterator[dict[str, Any]]:
    for function in app.functions.values():
        yield {
            "function": function.name,
            "state": "callable"
            if function.name in loaded.callables
            else "needed"
            if function.name in loaded.needed
            else "unused",
            "private": function.private,
            "path": function.path,
        }


def _lines(data: dict[str, Any]) -> Iterator[str]:
    if "app" in data:
        yield from _heading(data["app"])
    yield from _findings(data)
    if "app" not in data:
        return
    yield from _table("Classes", *_class_table(data))
    yield from _roles(data["access"])
    yield from _table(
        "Log-in",
        ("provider", "state", "why"),
        [(row["provider"], row["state"], row["why"] or "") for row in data["providers"]],
    )
    yield from _table(
        "Functions",
        ("function", "state", "called by"),
        [
            (row["function"], row["state"], "the server" if row["private"] else "clients, too")
            for row in data["functions"]
        ],
    )


def _heading(app: dict[str, Any]) -> Iterator[str]:
    mode = {"none": "no sync", "partition": "partition-based sync", "flexible": "flexible sync"}
    state = {"enabled": "served", "disabled": "paused", "": "never started"}
    if app["mode"] == "none":
        yield f"{app['id']}: no sync"
    else:
        yield f"{app['id']}: {mode[app['mode']]}, {state[app['state']]}" + (
            ", any client may extend the schema" if app["development_mode"] else ""
        )
    partition = app["partition"]
    if partition:
        required = "" if partition["required"] else " or null"
        yield f"  partition  {partition['key']}: {partition['type']}{required}"
        for right in ("read", "write"):
            yield f"  {right:9}  {_PARTITIONS.get(partition[right], partition[right])}"
    if app["indexed_queryable"]:
        yield f"  indexed    {app['indexed_queryable']}: every subscription names values of it"


def _findings(data: dict[str, Any]) -> Iterator[str]:
    yield ""
    counts = [sum(f["severity"] == s.value for f in data["findings"]) for s in _ORDER]
    names = [f"{n} {s.value}{'' if n == 1 else 's'}" for n, s in zip(counts, _ORDER, strict=True)]
    yield f"{'Accepted' if data['accepted'] else 'Refused'}: {', '.join(names)}"
    for finding in data["findings"]:
        where = f"{finding['path']}: {finding['key']}" if finding["key"] else finding["path"]
        yield f"  {finding['severity']:7} {finding['code']}  {where}"
        yield f"          {finding['text']}"


def _class_table(data: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Roles and queryable fields mean something to flexible sync alone."""
    heads: tuple[str, ...] = ("class", "collection", "kind", "synced")
    rows: list[tuple[str, ...]] = [
        (
            row["class"],
            row["collection"] or "",
            row["kind"],
            "yes" if row["not_synced"] is None else f"no: {row['not_synced']}",
        )
        for row in data["classes"]
    ]
    if data["app"]["mode"] != SyncMode.FLEXIBLE.value:
        return heads, rows
    of_roles = [
        (_listed(row["roles"]) if row["roles"] else "default", _listed(row["queryable"]))
        for row in data["classes"]
    ]
    rows = [row + more for row, more in zip(rows, of_roles, strict=True)]
    return (*heads, "roles", "queryable fields"), rows


def _roles(access: list[dict[str, Any]]) -> Iterator[str]:
    if access:
        yield from ("", "Who can read and write what: the first role that applies")
    for of_class in access:
        source = "default roles" if of_class["of"] == "default" else "roles of its own"
        yield f"  {_listed(of_class['classes'])} ({source})"
        if not of_class["roles"]:
            yield "    nobody: there is no role"
        for number, role in enumerate(of_class["roles"], 1):
            yield f"    {number}. {role['name']}, {_for_whom(role['when'])}"
            if role["unusable"]:
                yield f"         NO ACCESS: {role['unusable']}"
                continue
            for fault in role["unusable_in"]:
                yield f"         NO ACCESS to {', '.join(fault['classes'])}: {fault['why']}"
            yield f"         read    {_right(role['read'], role['readable_fields'])}"
            yield f"         write   {_right(role['write'], role['writable_fields'])}"
            for extra in ("insert", "delete"):
                if role[extra] != "TRUEPREDICATE":
                    yield f"         {extra}  {_OBJECTS.get(role[extra], role[extra])}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN:,} more"


# What the two conditions that ask nothing come to.
_PARTITIONS = {"TRUEPREDICATE": "every partition", "FALSEPREDICATE": "no partition"}
_OBJECTS = {"TRUEPREDICATE": "all objects", "FALSEPREDICATE": "no objects"}
_USERS = {"TRUEPREDICATE": "for everybody", "FALSEPREDICATE": "for nobody"}


def _for_whom(condition: str) -> str:
    return _USERS.get(condition, f"when {condition}")


def _right(condition: str, fields: str) -> str:
    condition = _OBJECTS.get(condition, condition)
    return condition if fields == "all" else f"{condition}  (fields: {fields})"


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table, if it has rows."""
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    if not rows:
        return
    yield from ("", title)
    shown = [tuple(head.upper() for head in heads), *rows]
    widths = [min(max(map(len, column)), 40) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells).rstrip()}"
