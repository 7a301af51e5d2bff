"""Nobody reads or writes an object that his role does not give him: random roles, users and objects
of flexible sync against second_evaluator.py (app-configuration.md 5.2 to 5.5)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from app_folders import write_app
from random_permissions import (
    ENVIRONMENT,
    FUNCTIONS,
    IDENTS,
    OTHER_ID,
    VALUES,
    Expressions,
    custom_data,
)
from realmsync import ejson
from realmsync.apps.load import load_path
from realmsync.apps.permissions import Permissions, SessionPermissions
from realmsync.server.functions.port import AppUser
from second_evaluator import Rights, Scope, role_of

TYPES = {
    "owner": "string",
    "level": "int",
    "weight": "double",
    "flag": "bool",
    "maker": "objectId",
    "ident": "uuid",
    "teams": "list string",
    "levels": "list int",
}
HIDDEN = "secret"  # a field that no filter may speak of
FIELDS = [*TYPES, HIDDEN]
THINGS = {
    "title": "Things",
    "bsonType": "object",
    "required": ["_id"],
    "properties": {"_id": {"bsonType": "string"}, HIDDEN: {"bsonType": "string"}}
    | {name: {"bsonType": type_} for name, type_ in TYPES.items() if "list" not in type_}
    | {
        name: {"bsonType": "array", "items": {"bsonType": type_.removeprefix("list ")}}
        for name, type_ in TYPES.items()
        if "list" in type_
    },
}
# The partition of write_app() is none here.
SYNC = {"type": "flexible", "partition": {}, "queryable_fields_names": list(TYPES)}
USERS = ["65a000000000000000000a01", "65a000000000000000000a02"]

# What makes a role unusable (5.4): it then gives nothing.
SPOILT: list[dict[str, Any]] = [
    {"document_filters": {"read": True}},
    {"document_filters": {"write": True}},
    {"document_filters": {"read": {HIDDEN: "x"}, "write": True}},
    {"document_filters": {"read": {"owner.name": "x"}, "write": True}},
    {"document_filters": {"read": True, "write": {"%%root.owner": "x"}}},
    {"document_filters": {"read": True, "write": {"%%partition": "x"}}},
    {"insert": {"%%true": {"%function": {"name": "yes", "arguments": []}}}},
    {"delete": {"owner": {"$regex": "x"}}},
    {"read": {"%%true": True}},
    {"write": "%%true"},
    {"fields": {"owner": {"read": {}}}},
    {"fields": {"_id": {"read": True}}},
    {"additional_fields": {"write": {"%%true": True}}},
]


def some_rights(chance: random.Random) -> dict[str, Any]:
    return {key: chance.random() < 0.5 for key in chance.sample(["read", "write"], 2)}


def random_role(chance: random.Random, number: int) -> tuple[dict[str, Any], bool]:
    """A role, and whether it can be used."""
    about = Expressions(chance, USERS, tuple(TYPES), is_filter=True)
    before = Expressions(chance, USERS)
    role: dict[str, Any] = {
        "name": f"role {number}",
        "apply_when": before.expression() if chance.random() < 0.7 else {},
        "document_filters": {"read": about.expression(), "write": about.expression()},
    }
    for key in ("read", "write"):
        if chance.random() < 0.7:
            role[key] = chance.random() < 0.8
    for key in ("insert", "delete"):
        if chance.random() < 0.4:
            role[key] = about.expression()
    if chance.random() < 0.5:
        role["fields"] = {name: some_rights(chance) for name in chance.sample(FIELDS, 3)}
    if chance.random() < 0.3:
        role["additional_fields"] = some_rights(chance)
    if chance.random() < 0.15:
        return {**role, **chance.choice(SPOILT)}, False
    return role, True


def random_document(chance: random.Random) -> dict[str, Any]:
    values: dict[str, list[Any]] = {
        "owner": ["red", "P0", *USERS, ""],
        "level": [0, 1, 2],
        "weight": [1.0, 2.0, 0.5],
        "flag": [True, False],
        "maker": [OTHER_ID, *map(ObjectId, USERS)],
        "ident": list(IDENTS),
        "teams": [[], ["red"], ["blue", "P0"], ["red", "P0"]],
        "levels": [[], [1], [1, 2]],
        HIDDEN: ["x"],
    }
    document = {name: chance.choice([*of, None]) for name, of in values.items()}
    lists = {name for name, type_ in TYPES.items() if "list" in type_}
    return {name: [] if v is None and name in lists else v for name, v in document.items()}


def session_of(
    folder: Path, own: list[Any], default: list[Any], user: AppUser
) -> SessionPermissions:
    """From a folder, as an operator gives it."""
    write_app(folder, app_id="roles-abcde", schema=THINGS, sync=SYNC, root={"environment": "qa"})
    cluster = "data_sources/cluster"
    files: dict[str, Any] = {
        f"{cluster}/default_rule.json": {"roles": default, "filters": []},
        f"{cluster}/db/tasks/rules.json": {"database": "db", "collection": "tasks", "roles": own},
        "environments/qa.json": {"values": ENVIRONMENT},
        **{f"values/{name}.json": {"name": name, "value": v} for name, v in VALUES.items()},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    app = load_path(folder, callables=frozenset(FUNCTIONS)).app
    assert app is not None

    async def call(name: str, arguments: Sequence[Any]) -> Any:
        return FUNCTIONS[name](user.id, user.custom_data, *arguments)

    return asyncio.run(Permissions(app).session(user, call))


def scope_of(user: AppUser) -> Scope:
    def call(name: str, arguments: list[Any]) -> Any:
        plain = [None if type(a).__name__ == "_Missing" else a for a in arguments]
        return FUNCTIONS[name](user.id, user.custom_data, *plain)

    seen = {"id": user.id, "type": "normal", "data": {}, "custom_data": dict(user.custom_data)}
    environment = {"tag": "qa", "values": ejson.decode(ENVIRONMENT)}
    return Scope({"user": seen, "values": VALUES, "environment": environment}, call)


@pytest.mark.parametrize("seed", range(60))
def test_rights_are_those_of_a_second_evaluator(seed: int, scale: int, tmp_path: Path) -> None:
    for number in range(scale):
        check(random.Random(1000 * number + seed), tmp_path)


def check(chance: random.Random, folder: Path) -> None:
    made = [random_role(chance, number) for number in range(chance.randrange(1, 6))]
    usable = {role["name"]: is_usable for role, is_usable in made}
    cut = chance.randrange(len(made) + 1)
    own, default = [role for role, _ in made[:cut]], [role for role, _ in made[cut:]]
    user = AppUser(chance.choice(USERS), custom_data=custom_data(chance, USERS[0]) or {})
    scope = scope_of(user)
    chosen = role_of(own, default, scope)
    if chosen is not None and not usable[chosen["name"]]:
        chosen = None
    session = session_of(folder, own, default, user)
    told = (own, default, user)
    assert session.roles["Things"] == (chosen and chosen["name"]), told
    got, rights = session.rights("Things"), Rights(chosen, FIELDS, scope)
    for _ in range(10):
        before, other = random_document(chance), random_document(chance)
        changed = set(chance.sample(FIELDS, chance.randrange(1, 4)))
        here = {"_id": "x", **before}
        there = {**here, **{name: other[name] for name in changed}}
        on = got.rights_on(here)
        assert set(on.readable) - {"_id"} == rights.readable(before), (told, before)
        assert set(on.writable) - {"_id"} == rights.writable(before), (told, before)
        assert on.is_visible is bool(rights.readable(before)), (told, before)
        assert on.insert is got.may_insert(here) is rights.may("insert", before), (told, before)
        assert on.delete is got.may_delete(here) is rights.may("delete", before), (told, before)
        allowed = rights.may_update(before, there, changed)
        assert got.may_update(here, there, sorted(changed)) is allowed, (told, before, there)
