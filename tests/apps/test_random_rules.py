"""Random rules, users and objects: nobody reads or writes what no rule allows.

Decisions are compared with naive_rules.py, which follows the specification and not the product
(app-configuration.md 5.2 to 5.6, 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bundles import bundle, top_class
from naive_rules import Rights, choose, holds
from realmsync.apps import rules
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import (
    App,
    PartitionConfiguration,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.permissions import Permissions, SessionPermissions
from realmsync.server.functions.port import AppUser

FIELDS = ["flag", "n", "s", "tags"]
THINGS = top_class("Things", flag="bool", n="int", s="string", tags="list string")
SYNC = SyncConfiguration(SyncMode.FLEXIBLE, queryable=QueryableFields(everywhere=tuple(FIELDS)))

texts = st.sampled_from(["a", "b", "u1"])
numbers = st.integers(0, 3)
expansions = st.sampled_from(
    ["%%user.id", "%%user.custom_data.s", "%%user.custom_data.n", "%%user.custom_data.list"]
    + ["%%user.custom_data.nothing", "%%values.names", "%%environment.values.top"]
)
scalars = st.one_of(texts, numbers, st.booleans(), st.none(), expansions)
arrays = st.lists(st.one_of(texts, numbers, st.none()), max_size=3)


def _right(value: str) -> st.SearchStrategy[Any]:
    # What orders, or `all` and `exists` of nothing, mean where null stands is left to others.
    return st.one_of(
        scalars,
        st.builds(lambda op, v: {value + op: v}, st.sampled_from(["eq", "ne"]), scalars),
        st.builds(
            lambda op, v: {value + op: v},
            st.sampled_from(["gt", "gte", "lt", "lte"]),
            st.one_of(texts, numbers),
        ),
        st.builds(lambda op, v: {value + op: v}, st.sampled_from(["in", "nin"]), arrays),
        st.builds(lambda v: {value + "in": v}, expansions),
        st.builds(lambda v: {value + "exists": v}, st.booleans()),
    )


rights = st.sampled_from(["%", "$"]).flatmap(_right)
tests_of_fields = st.dictionaries(st.sampled_from(FIELDS), rights, max_size=2)
tests_of_users = st.dictionaries(expansions, scalars, max_size=1)


def _logic(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda key, v: {key: v}, st.sampled_from(["%and", "$or", "%nor"]), lists),
        st.builds(lambda v: {"%not": v}, inner),
    )


filters = st.recursive(
    st.one_of(st.booleans(), tests_of_fields, tests_of_users), _logic, max_leaves=4
)
conditions = st.recursive(st.one_of(st.booleans(), tests_of_users), _logic, max_leaves=3)
field_rights = st.fixed_dictionaries({}, optional={"read": st.booleans(), "write": st.booleans()})
roles = st.fixed_dictionaries(
    {
        "apply_when": conditions,
        "document_filters": st.fixed_dictionaries({"read": filters, "write": filters}),
    },
    optional={
        "read": st.booleans(),
        "write": st.booleans(),
        "insert": filters,
        "delete": filters,
        "fields": st.dictionaries(st.sampled_from(FIELDS), field_rights, max_size=3),
        "additional_fields": field_rights,
    },
)
lists_of_roles = st.lists(roles, max_size=3).map(
    lambda them: [{"name": f"role {place}", **role} for place, role in enumerate(them)]
)
documents = st.fixed_dictionaries(
    {
        "flag": st.one_of(st.none(), st.booleans()),
        "n": st.one_of(st.none(), numbers),
        "s": st.one_of(st.none(), texts),
        "tags": st.lists(texts, max_size=2),
    }
)
users = st.builds(
    lambda data: AppUser("u1", custom_data=data),
    st.fixed_dictionaries(
        {},
        optional={
            "s": st.one_of(st.none(), texts),
            "n": st.one_of(st.none(), numbers),
            "list": arrays,
        },
    ),
)
sets_of_fields = st.sets(st.sampled_from(FIELDS), min_size=1)
VALUES = {"names": ["a", "u1"]}
ENVIRONMENT = {"top": 2}


async def no_function(name: str, arguments: Sequence[Any]) -> Any:
    raise AssertionError("no rule here calls one")


def app_with(own: list[Any], default: list[Any]) -> App:
    findings = Findings()
    read = rules.read(bundle({}, {"things": own}, default), SYNC, {"Things": THINGS}, findings)
    assert not findings.is_refused
    return App(
        "app-abcde",
        "app",
        SYNC,
        classes={"Things": THINGS},
        roles=read.roles,
        default_roles=read.default_roles,
        values=VALUES,
        environment_values=ENVIRONMENT,
    )


def session_of(own: list[Any], default: list[Any], user: AppUser) -> SessionPermissions:
    return asyncio.run(Permissions(app_with(own, default)).session(user, no_function))


def context_of(user: AppUser) -> dict[str, Any]:
    return {
        "user": {"id": user.id, "type": user.type, "custom_data": dict(user.custom_data)},
        "values": VALUES,
        "environment": {"tag": "", "values": ENVIRONMENT},
    }


@settings(max_examples=200, deadline=None)
@given(
    lists_of_roles,
    lists_of_roles,
    users,
    documents,
    documents,
    st.sets(st.sampled_from(FIELDS), min_size=1),
)
def test_rights_are_those_of_the_specification(
    own: list[Any],
    default: list[Any],
    user: AppUser,
    before: dict[str, Any],
    after: dict[str, Any],
    changed: set[str],
) -> None:
    context = context_of(user)
    role = choose(own, default, context)
    naive = Rights(role, FIELDS, context)
    session = session_of(own, default, user)
    assert session.roles["Things"] == (role and role["name"])

    got = session.rights("Things")
    here = {"_id": "x", **before}
    there = {**here, **{name: after[name] for name in changed}}
    on = got.rights_on(here)
    assert set(on.readable) - {"_id"} == naive.readable(before)
    assert set(on.writable) - {"_id"} == naive.writable(before)
    assert on.is_visible is bool(naive.readable(before))
    assert on.insert is got.may_insert(here) is naive.may_insert(before)
    assert on.delete is got.may_delete(here) is naive.may_delete(before)
    expected = naive.may_update(before, {**before, **there}, changed)
    assert got.may_update(here, there, sorted(changed)) is expected


@settings(max_examples=200, deadline=None)
@given(conditions, conditions, users, texts)
def test_permissions_on_partitions_are_those_of_the_specification(
    read: Any, write: Any, user: AppUser, partition: str
) -> None:
    read = {"%or": [read, {"%%partition": "%%user.custom_data.s"}]}
    configured = PartitionConfiguration("_p", "string", read=read, write=write)
    app = App(
        "app-abcde",
        "app",
        SyncConfiguration(SyncMode.PARTITION, partition=configured),
        values=VALUES,
        environment_values=ENVIRONMENT,
    )
    got = asyncio.run(Permissions(app).partition(user, partition, no_function))
    context = {**context_of(user), "partition": partition}
    assert got.write is holds(write, {}, context)
    assert got.read is (got.write or holds(read, {}, context))
