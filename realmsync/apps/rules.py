"""The roles of a configuration: which govern sync, which only the MongoDB service, what is wrong.

Expressions stay as they were written; permissions.py compiles them. Specification:
app-configuration.md 5.2, 5.4, 5.6 and 5.7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from realmsync.apps.bundle import Bundle, ServiceBundle, Source
from realmsync.apps.corrections import correction_of
from realmsync.apps.diagnostics import Findings
from realmsync.apps.expressions import compiled
from realmsync.apps.mismatches import kind_of_type, mismatches
from realmsync.apps.model import (
    Class,
    ClassKind,
    PartitionConfiguration,
    Role,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.role_groups import MOST_STEPS, RoleGroups
from realmsync.apps.roles import (
    check_old_form,
    converted,
    document_of,
    has_old_roles,
    old_lists,
    read_roles,
)
from realmsync.apps.usability import (
    BAD_EXPRESSION,
    INCOMPATIBLE,
    RoleFault,
    faults_of,
    filters_of,
)
from realmsync.errors import ExpressionError

_LONGEST_PROPOSAL = 2000  # characters
_TYPE_MISMATCH = "rules.type_mismatch"


@dataclass(frozen=True)
class Rules:
    """Who may do what, for the model."""

    # Of sync, by class; a class that is absent has the default roles.
    roles: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)
    default_roles: tuple[Role, ...] = ()
    # Of the MongoDB service where they are not those of sync, by (database, collection).
    service_roles: Mapping[tuple[str, str], tuple[Role, ...]] = field(default_factory=dict)
    service_default_roles: tuple[Role, ...] = ()
    # Those of sync by the file that has them.
    sources: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)


def read(
    bundle: Bundle, sync: SyncConfiguration, classes: Mapping[str, Class], findings: Findings
) -> Rules:
    """The rules of a configuration, and what is wrong with them.

    `classes`: those that are synced. A role that sync cannot use stays, and says why.
    """
    if sync.mode is SyncMode.FLEXIBLE:
        return _FlexibleRules(bundle, sync, classes, findings).read()
    rules = _of_service(bundle, sync, findings)
    if sync.mode is SyncMode.PARTITION and sync.partition is not None:
        path = bundle.sync.path if bundle.sync is not None else "."
        _check_partition(sync.partition, path, findings)
    return rules


def _services(bundle: Bundle, sync: SyncConfiguration) -> list[ServiceBundle]:
    """The one that is synced; without sync all."""
    if sync.service in bundle.services:
        return [bundle.services[sync.service]]
    return list(bundle.services.values())


@dataclass(frozen=True)
class _RuleFile:
    """Roles of a collection as they were read, or the default ones."""

    path: str
    roles: tuple[Role, ...]
    of: tuple[str, str] | None  # (database, collection); None: default


def _files(bundle: Bundle, sync: SyncConfiguration, findings: Findings) -> Iterator[_RuleFile]:
    for service in _services(bundle, sync):
        if service.default_rule is not None:
            roles = _roles_of(service.default_rule, findings)
            yield _RuleFile(service.default_rule.path, roles, None)
        for place, collection in service.collections.items():
            if collection.rules is not None:
                roles = _roles_of(collection.rules, findings)
                yield _RuleFile(collection.rules.path, roles, _said_place(collection.rules, place))


def _roles_of(source: Source, findings: Findings) -> tuple[Role, ...]:
    if not isinstance(source.content, dict):
        findings.error("config.bad_value", source.path, "must be an object with roles")
        return ()
    return read_roles(source.content.get("roles"), source.path, findings)


def _said_place(source: Source, place: tuple[str, str]) -> tuple[str, str]:
    """The collection that a rule file names, which is not always that of its directory (3.3)."""
    content = source.content if isinstance(source.content, dict) else {}
    database, collection = content.get("database"), content.get("collection")
    return (
        database if isinstance(database, str) else place[0],
        collection if isinstance(collection, str) else place[1],
    )


def _of_service(bundle: Bundle, sync: SyncConfiguration, findings: Findings) -> Rules:
    """Rules that are not for sync; said of each file where something is synced."""
    service_roles: dict[tuple[str, str], tuple[Role, ...]] = {}
    default_roles: tuple[Role, ...] = ()
    for file in _files(bundle, sync, findings):
        if file.roles and sync.mode is not SyncMode.NONE:
            findings.notice(
                "rules.not_for_sync",
                file.path,
                "these roles are for functions and the MongoDB service alone: what may be synced"
                " is decided by the permissions of the sync configuration",
            )
        if file.of is None:
            default_roles = default_roles or file.roles
        elif file.roles:
            service_roles.setdefault(file.of, file.roles)
    return Rules(service_roles=service_roles, service_default_roles=default_roles)


class _FlexibleRules:
    """Reads the rules of flexible sync."""

    def __init__(
        self,
        bundle: Bundle,
        sync: SyncConfiguration,
        classes: Mapping[str, Class],
        findings: Findings,
    ) -> None:
        self._bundle = bundle
        self._sync = sync
        self._classes = {n: c for n, c in classes.items() if c.kind is not ClassKind.EMBEDDED}
        self._by_place = {(c.database, c.collection): n for n, c in self._classes.items()}
        self._by_collection = {place[1]: n for place, n in reversed(self._by_place.items())}
        self._with_schema = {
            place
            for service in _services(bundle, sync)
            for place, files in service.collections.items()
            if files.schema is not None and files.schema.content
        }
        self._findings = findings
        self._sources: dict[str, tuple[Role, ...]] = {}
        self._groups = RoleGroups(sync.queryable, {n: _kinds(c) for n, c in self._classes.items()})

    def read(self) -> Rules:
        sync = self._bundle.sync
        permissions = sync.content.get("permissions") if sync is not None else None
        path = sync.path if sync is not None else "."
        check_old_form(permissions, path, self._findings)
        rules = (
            self._of_old_form(permissions, path) if has_old_roles(permissions) else self._of_files()
        )
        self._tell_who_has_none(rules)
        return replace(rules, sources=self._sources)

    def _of_old_form(self, permissions: Any, path: str) -> Rules:
        self._findings.notice(
            "rules.legacy_migrated",
            path,
            "permissions are of the old form and were converted; rule files do not count for sync",
            "permissions",
        )
        roles: dict[str, tuple[Role, ...]] = {}
        keys: dict[str, str] = {}
        default_roles: tuple[Role, ...] = ()
        for key, name, listed in old_lists(permissions):
            given = read_roles(converted(listed), path, self._findings, key)
            if name is None:
                default_roles = given
            elif given:
                cls = self._class_called(name)
                if cls not in roles or cls == name:
                    roles[cls], keys[cls] = given, key
        checked = {c: self._checked(r, [c], path, keys[c]) for c, r in roles.items()}
        key = "permissions.defaultRoles"
        default_roles = self._checked(default_roles, self._others(checked), path, key)
        self._sources = {path: (*default_roles, *(r for own in checked.values() for r in own))}
        of_service = _of_service(self._bundle, self._sync, self._findings)
        return replace(of_service, roles=checked, default_roles=default_roles)

    def _class_called(self, name: str) -> str:
        """The class with this name, or else of the collection with this name."""
        return name if name in self._classes else self._by_collection.get(name, name)

    def _of_files(self) -> Rules:
        roles: dict[str, tuple[Role, ...]] = {}
        paths: dict[str, str] = {}
        service_roles: dict[tuple[str, str], tuple[Role, ...]] = {}
        default: _RuleFile | None = None
        for file in _files(self._bundle, self._sync, self._findings):
            if file.of is None:
                default = file
                continue
            cls = self._by_place.get(file.of) or self._class_to_come(file.of)
            if cls is None:
                loose = self._checked(file.roles, [file.of[1]], file.path)
                if loose:
                    service_roles.setdefault(file.of, loose)
            elif file.roles and cls not in roles:
                roles[cls], paths[cls] = file.roles, file.path
        checked = {c: self._checked(r, [c], paths[c]) for c, r in roles.items()}
        self._sources = {paths[c]: roles for c, roles in checked.items()}
        default_roles: tuple[Role, ...] = ()
        if default is not None:
            default_roles = self._checked(default.roles, self._others(checked), default.path)
            self._sources[default.path] = default_roles
        return Rules(checked, default_roles, service_roles)

    def _class_to_come(self, place: tuple[str, str]) -> str | None:
        """The class that development mode would make of a collection without schema (7.6)."""
        database, collection = place
        if (
            place in self._with_schema
            or not self._sync.development_mode
            or database != self._sync.database
        ):
            return None
        return None if collection in self._classes else collection

    def _others(self, roles: Mapping[str, Any]) -> list[str]:
        """The classes that the default roles are for."""
        return [name for name in self._classes if name not in roles]

    def _checked(
        self, roles: tuple[Role, ...], classes: list[str], path: str, key: str = "roles"
    ) -> tuple[Role, ...]:
        """Roles with the reason why sync cannot use them, which is found, too."""
        checked: list[Role] = []
        for place, role in enumerate(roles):
            checked.append(self._check(role, classes, path, f"{key}[{place}]"))
            if self._groups.is_exhausted:
                text = f"{MOST_STEPS:,} steps were not enough to look at each role in each class"
                self._findings.error("config.too_large", path, text, key)
                return ()
        return tuple(checked)

    def _check(self, role: Role, classes: list[str], path: str, key: str) -> Role:
        groups = self._groups.of(role, classes)
        faults = [(group.classes, faults_of(role, group.queryable)) for group in groups]
        told: dict[tuple[str, str], RoleFault] = {}
        for fault in (fault for _, found in faults for fault in found):
            told.setdefault((fault.code, fault.key if fault.code != INCOMPATIBLE else ""), fault)
        for fault in told.values():
            where = [cls for names, found in faults if fault in found for cls in names]
            is_everywhere = all(fault in found for _, found in faults)
            there = "" if is_everywhere else f" in class {', '.join(where[:5])}"
            ends = ", as if it applied to everybody" if fault.key == "apply_when" else ""
            self._findings.warning(
                fault.code,
                path,
                f"sync cannot use role {role.name!r}{there}: {fault.key}: {fault.text}. It ends the"
                f" search for a role without any right{ends}{_proposal(role, fault)}",
                f"{key}.{fault.key}",
            )
        self._tell_mismatches(role, [group.classes[0] for group in groups], path, key)
        if told and all(found for _, found in faults):
            first = next(iter(told.values()))
            return replace(role, unusable=f"{first.key}: {first.text}")
        return role

    def _tell_mismatches(self, role: Role, classes: list[str], path: str, key: str) -> None:
        for inner, expression in filters_of(role):
            texts = {
                text: cls
                for cls in classes
                if cls in self._classes
                for text in mismatches(expression, _kinds(self._classes[cls]).get)
            }
            for text, cls in texts.items():
                self._findings.warning(
                    _TYPE_MISMATCH, path, f"in class {cls}, {text}", f"{key}.{inner}"
                )

    def _tell_who_has_none(self, rules: Rules) -> None:
        for name, cls in self._classes.items():
            if not rules.roles.get(name) and not rules.default_roles:
                self._findings.warning(
                    "rules.none",
                    self._path_of(cls),
                    f"nobody may read or write anything of class {name}: neither its collection"
                    " has roles, nor are there default roles",
                )

    def _path_of(self, cls: Class) -> str:
        """The file that a class came from."""
        place = (cls.database or "", cls.collection or "")
        for service in _services(self._bundle, self._sync):
            schema = service.collections[place].schema if place in service.collections else None
            if schema is not None:
                return schema.path
        return "."


def _proposal(role: Role, fault: RoleFault) -> str:
    """How a role that was made for requests would be written for sync."""
    correction = correction_of(role) if fault.key.startswith("document_filters") else None
    if correction is None:
        return ""
    corrected, fields = correction
    text = json.dumps(document_of(corrected), ensure_ascii=False)
    if len(text) > _LONGEST_PROPOSAL:
        return ""
    queryable = f", with {', '.join(sorted(fields))} queryable" if fields else ""
    return f". For sync it would be {text}{queryable}"


def _kinds(cls: Class) -> dict[str, str]:
    """What constants can equal the properties of a class."""
    kinds = {p.name: kind_of_type(p.type) for p in cls.properties if p.collection != "dictionary"}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _check_partition(partition: PartitionConfiguration, path: str, findings: Findings) -> None:
    kinds = {"%%partition": kind_of_type(partition.type), "%%user.id": "string"}
    for name, expression in (("read", partition.read), ("write", partition.write)):
        if expression is None:
            continue
        key = f"partition.permissions.{name}"
        try:
            compiled(expression, "partition")
        except ExpressionError as error:
            text = f"{error}. Nobody is allowed to {name} anything"
            findings.warning(BAD_EXPRESSION, path, text, key)
            continue
        for text in mismatches(expression, kinds.get):
            findings.warning(_TYPE_MISMATCH, path, text, key)
