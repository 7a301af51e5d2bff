"""How each part of an expected.json is compared with what the product makes of the folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from realmsync import ejson
from realmsync.apps.model import App, Role
from realmsync.apps.permissions import IllegalPartition, Permissions, SessionPermissions
from realmsync.apps.roles import document_of
from realmsync.apps.subscriptions import BadSubscription, Subscriptions
from realmsync.apps.usability import faults_of
from realmsync.server.functions.port import AppUser
from vector_case import Case, Disagreement, Json, key_text
from vector_functions import functions_of, languages_of
from vector_queries import objects_that_match
from vector_rights import rights_text
from vector_tokens import custom_token

Differences = Iterator[Disagreement]

# What expectations hold that is no expectation of this program's.
LEFT_ASIDE = {"import", "user"}


def accepted(case: Case) -> Differences:
    got = case.loaded.app is not None
    if got is not case.expected["accepted"]:
        findings = [str(finding) for finding in case.loaded.findings]
        yield Disagreement("accepted", case.expected["accepted"], findings)


def diagnostics(case: Case) -> Differences:
    """As a set: code, severity and path. Notices that are not listed do not count."""
    expected = {(d["code"], d["severity"], d["path"]) for d in case.expected["diagnostics"]}
    got = {(f.code, f.severity.value, f.path) for f in case.loaded.findings}
    for missing in sorted(expected - got):
        yield Disagreement("diagnostics", missing, None)
    for more in sorted(got - expected):
        if more[1] != "notice":
            yield Disagreement("diagnostics", None, more)


def configuration(case: Case) -> Differences:
    got = _configuration(case.app)
    for key, expected in case.expected["config"].items():
        if key not in got:
            case.not_compared.append(f"config.{key}")
        elif got[key] != _sorted_lists(expected):
            yield Disagreement(f"config.{key}", expected, got[key])


def _configuration(app: App) -> dict[str, Any]:
    sync, data = app.sync, app.custom_user_data
    partition = sync.partition and {
        "key": sync.partition.key,
        "type": sync.partition.type,
        "required": sync.partition.required,
    }
    return {
        "app_id": app.id,
        "name": app.name,
        "mode": sync.mode.value,
        "state": sync.state.value,
        "environment": app.environment,
        "development_mode": sync.development_mode,
        "service": sync.service,
        "database": sync.database,
        "partition": partition,
        "queryable": {
            "global": sorted(sync.queryable.everywhere),
            "indexed": sorted(sync.queryable.indexed),
            "classes": {cls: sorted(names) for cls, names in sync.queryable.by_class.items()},
        },
        "asymmetric": sorted(sync.asymmetric),
        "max_offline_days": sync.max_offline_days,
        "recovery": sync.recovery,
        "providers": sorted(p.name for p in app.providers.values() if not p.disabled),
        "custom_user_data": data
        and {
            "database": data.database,
            "collection": data.collection,
            "user_id_field": data.user_id_field,
        },
        "location": app.location,
        "deployment_model": app.deployment_model,
        "allowed_request_origins": sorted(app.allowed_origins),
        "functions": sorted(app.functions),
    }


def _sorted_lists(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _sorted_lists(inner) for key, inner in value.items()}
    return sorted(value) if isinstance(value, list) else value


def schema(case: Case) -> Differences:
    """These classes, each with exactly these properties."""
    got = _schema(case.app)
    expected: Json = case.expected["schema"]
    case.not_compared += [f"schema.{name}" for name in got if name not in expected]
    for name, theirs in expected.items():
        ours = got.get(name)
        if ours is None:
            yield Disagreement(f"schema.{name}", theirs, None)
            continue
        for key in sorted(theirs.keys() | ours.keys()):
            if key != "properties" and key in theirs and theirs[key] != ours.get(key):
                yield Disagreement(f"schema.{name}.{key}", theirs[key], ours.get(key))
        properties, own = theirs.get("properties", {}), ours["properties"]
        for key in sorted(properties.keys() | own.keys()):
            if properties.get(key) != own.get(key):
                what = f"schema.{name}.properties.{key}"
                yield Disagreement(what, properties.get(key), own.get(key))


def _schema(app: App) -> dict[str, Any]:
    return {
        cls.name: {
            "kind": cls.kind.value,
            "primary_key": cls.primary_key,
            "collection": cls.collection,
            "properties": {
                p.name: {
                    "type": p.type,
                    "nullable": p.nullable,
                    **({"collection": p.collection} if p.collection else {}),
                    **({"target": p.target} if p.target else {}),
                }
                for p in cls.properties
            },
        }
        for cls in app.classes.values()
    }


def not_synced(case: Case) -> Differences:
    got = sorted(case.app.not_synced)
    if got != sorted(case.expected["not_synced"]):
        yield Disagreement("not_synced", case.expected["not_synced"], got)


def permissions(case: Case) -> Differences:
    """The role of each user and class, and the rights on each object."""
    for entry in case.expected["permissions"]:
        user, cls = entry["user"], entry["class"]
        session = _session(case, user)
        what = f"permissions {user}/{cls}"
        if "role" in entry and session.roles.get(cls) != entry["role"]:
            yield Disagreement(f"{what} role", entry["role"], session.roles.get(cls))
        rights = session.rights(cls)
        for key, expected in entry.get("objects", {}).items():
            got = rights_text(case.app.classes[cls], rights.rights_on(case.object(cls, key)))
            if got != expected:
                yield Disagreement(f"{what} {key}", expected, got)


def _session(case: Case, user: str) -> SessionPermissions:
    return _session_of(case, case.permissions, case.users[user])


def _session_of(case: Case, permissions: Permissions, user: AppUser) -> SessionPermissions:
    async def begin() -> SessionPermissions:
        language = next(iter(languages_of(case)), None)
        async with functions_of(case, user, language) as call:
            return await permissions.session(user, call)

    return asyncio.run(begin())


def _decisions(case: Case, key: str, decide: Callable[[Json, Any], bool]) -> Differences:
    for entry in case.expected[key]:
        rights = _session(case, entry["user"]).rights(entry["class"])
        got = decide(entry, rights)
        if got is not entry["allowed"]:
            yield Disagreement(f"{key} {json.dumps(entry)}", entry["allowed"], got)


def inserts(case: Case) -> Differences:
    return _decisions(case, "inserts", lambda e, r: r.may_insert(ejson.decode(e["doc"])))


def updates(case: Case) -> Differences:
    def decide(entry: Json, rights: Any) -> bool:
        before = case.object(entry["class"], entry["id"])
        written = ejson.decode(entry["set"])
        return bool(rights.may_update(before, before | written, list(written)))

    return _decisions(case, "updates", decide)


def deletes(case: Case) -> Differences:
    return _decisions(case, "deletes", lambda e, r: r.may_delete(case.object(e["class"], e["id"])))


def partition_permissions(case: Case) -> Differences:
    """A table, or one for a server without the functions and one for a server with them."""
    tables: Json = case.expected["partition_permissions"]
    if isinstance(tables, list):
        tables = {"with": tables}
    for name, table in tables.items():
        languages: list[str | None] = [*languages_of(case)]
        if name.startswith("without"):
            languages = [None]
        if not languages:
            case.not_compared.append(f"partition_permissions.{name}: there is no engine")
        for language in languages:
            for entry in table:
                yield from asyncio.run(_partition(case, entry, language))


async def _partition(case: Case, entry: Json, language: str | None) -> list[Disagreement]:
    what = f"partition_permissions {entry['user']} {entry['partition']} {language}"
    user, partition = case.users[entry["user"]], ejson.loads(entry["partition"])
    try:
        async with functions_of(case, user, language) as call:
            got = await case.permissions.partition(user, partition, call)
    except IllegalPartition as error:
        as_expected = entry.get("bind_error") == 204
        return [] if as_expected else [Disagreement(what, entry, str(error))]
    if "bind_error" in entry:
        return [Disagreement(what, entry["bind_error"], got)]
    return [
        Disagreement(f"{what} {right}", entry[right], allowed)
        for right, allowed in (("read", got.read), ("write", got.write))
        if right in entry and entry[right] is not allowed
    ]


def read_filters_rql(case: Case) -> Differences:
    """Equal on the folder's objects and on random ones; texts may differ."""
    for place, query in case.expected["read_filters_rql"].items():
        user, cls = place.split("/", 1)
        rights = _session(case, user).rights(cls)
        objects, asked = objects_that_match(case, cls, query)
        for document, matches in zip(objects, asked, strict=True):
            got = rights.rights_on(document).is_visible
            if got is not matches:
                yield Disagreement(f"read_filters_rql {place} {document}", matches, got)


def filters(case: Case) -> Differences:
    """Single expressions, as read filters of a role that reads all."""
    users: list[str] = [case.expected["user"]] if "user" in case.expected else list(case.users)
    for entry in case.expected["filters"]:
        user = case.users[entry.get("user", users[0])]
        cls = entry.get("class") or next(iter(case.objects))
        role = Role(entry["name"], read_filter=entry["expression"], write_filter=False, read=True)
        rights = _rights_with(case, role, cls, user)
        objects = case.objects[cls]
        got = [key_text(o["_id"]) for o in objects if rights.rights_on(o).is_visible]
        if got != [key_text(key) for key in entry["matches"]]:
            yield Disagreement(f"filters {entry['name']}", entry["matches"], got)


def _rights_with(case: Case, role: Role, cls: str, user: AppUser) -> Any:
    """A user's rights if this were the only role of a class."""
    permissions = Permissions(replace(case.app, roles={cls: (role,)}))
    return _session_of(case, permissions, user).rights(cls)


def refused_filters(case: Case) -> Differences:
    for entry in case.expected["refused_filters"]:
        cls = entry.get("class") or next(iter(case.objects))
        expression = entry["expression"]
        role = Role(entry["name"], read_filter=expression, write_filter=False, read=True)
        if not faults_of(role, case.app.sync.queryable.of(cls)):
            yield Disagreement(f"refused_filters {entry['name']}", "refused", expression)


def subscriptions(case: Case) -> Differences:
    """Whether a set of queries by class is one that is served."""
    checker = Subscriptions(case.app)
    for entry in case.expected["subscriptions"]:
        try:
            checker.check(entry["query"])
        except BadSubscription as error:
            if entry["valid"]:
                yield Disagreement(f"subscriptions {entry['query']}", "valid", str(error))
        else:
            if not entry["valid"]:
                yield Disagreement(f"subscriptions {entry['query']}", "refused", "valid")


def migrated_roles(case: Case) -> Differences:
    """By class, "default" for the default roles."""
    ours = {cls: list(roles) for cls, roles in case.app.roles.items()}
    ours["default"] = list(case.app.default_roles)
    for name, roles in case.expected["migrated_roles"].items():
        got = [document_of(role) for role in ours.get(name, [])]
        if got != roles:
            yield Disagreement(f"migrated_roles {name}", roles, got)


COMPARED: dict[str, Callable[[Case], Differences]] = {
    "accepted": accepted,
    "diagnostics": diagnostics,
    "config": configuration,
    "schema": schema,
    "not_synced": not_synced,
    "permissions": permissions,
    "inserts": inserts,
    "updates": updates,
    "deletes": deletes,
    "partition_permissions": partition_permissions,
    "read_filters_rql": read_filters_rql,
    "filters": filters,
    "refused_filters": refused_filters,
    "custom_token": custom_token,
    "subscriptions": subscriptions,
    "migrated_roles": migrated_roles,
}
