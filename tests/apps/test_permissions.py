"""Who may do what when a session begins: functions, order of roles, partitions.

Specification: app-configuration.md 5.2 to 5.6 and 6.6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from bson import ObjectId

from bundles import bundle, role, top_class
from realmsync._core import AppSchema
from realmsync.apps import rules
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import (
    App,
    PartitionConfiguration,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.permissions import IllegalPartition, PartitionPermission, Permissions
from realmsync.apps.plain_schemas import to_plain
from realmsync.server.functions.port import AppUser

NOBODY = PartitionPermission(read=False, write=False)
READS = PartitionPermission(read=True, write=False)
WRITES = PartitionPermission(read=True, write=True)
ADA = AppUser("65a000000000000000000a01", custom_data={"team": "red"})


class Calls:
    """Functions that answer as they are told to, and what they were asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, list[Any]]] = []

    async def __call__(self, name: str, arguments: Sequence[Any]) -> Any:
        self.asked.append((name, list(arguments)))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        if answer is ...:
            await asyncio.Event().wait()
        return answer


def called(name: str, *arguments: Any) -> dict[str, Any]:
    return {"%%true": {"%function": {"name": name, "arguments": list(arguments)}}}


def partition_app(read: Any, write: Any = False, type_: str = "string", **more: Any) -> App:
    partition = PartitionConfiguration("_p", type_, read=read, write=write, **more)
    return App("made-abcde", "made", SyncConfiguration(SyncMode.PARTITION, partition=partition))


async def ask(app: App, partition: Any = "P", calls: Calls | None = None) -> PartitionPermission:
    permissions = Permissions(app, function_seconds=0.01)
    return await permissions.partition(ADA, partition, calls or Calls())


@pytest.mark.parametrize(
    ("read", "write", "expected"),
    [
        (None, None, NOBODY),
        (False, False, NOBODY),
        (True, False, READS),
        (False, True, WRITES),
        ({}, None, READS),
        ({"%%partition": "P"}, {"%%partition": "Q"}, READS),
        ({"%%user.custom_data.team": "red"}, {"%%user.custom_data.team": "blue"}, READS),
        ({"%%user.custom_data.absent": {"$ne": "x"}}, False, NOBODY),
        ({"owner": "x"}, {"%%root.owner": "x"}, NOBODY),  # nothing about documents
        ({"%%partition": {"$regex": "P"}}, "yes", NOBODY),
    ],
)
async def test_permissions_on_partitions(
    read: Any, write: Any, expected: PartitionPermission
) -> None:
    assert await ask(partition_app(read, write)) == expected


@pytest.mark.parametrize("answer", [False, 1, "yes", [], {}, None, 1.0, ValueError("x"), ...])
async def test_only_true_is_true(answer: Any) -> None:
    assert await ask(partition_app(called("f")), calls=Calls(f=answer)) == NOBODY


async def test_a_function_that_says_true() -> None:
    calls = Calls(f=True)
    assert await ask(partition_app(called("f", "%%partition", "%%user.id")), calls=calls) == READS
    assert calls.asked == [("f", ["P", ADA.id])]


async def test_a_call_is_made_once_for_the_same_arguments() -> None:
    calls = Calls(f=False, g=False)
    both = {"%or": [called("f", 1), called("f", 1), called("f", "1"), called("g", 1)]}
    assert await ask(partition_app(both, both), calls=calls) == NOBODY
    assert sorted(calls.asked, key=repr) == [("f", ["1"]), ("f", [1]), ("g", [1])]


async def test_what_failed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        calls = Calls(f=ValueError("bad\nluck"), g=...)
        await ask(partition_app({"%or": [called("f"), called("g")]}), calls=calls)
    failed, late = sorted(record.getMessage() for record in caplog.records)
    assert failed == r"function 'f', which a rule calls, failed: ValueError: 'bad\nluck'"
    assert late == "function 'g', which a rule calls, took too long"


async def test_the_absence_of_a_function_denies_its_negation_too() -> None:
    opposite = {"%%false": {"%function": {"name": "gone", "arguments": []}}}
    assert await ask(partition_app(opposite)) == NOBODY


OID = ObjectId("65a000000000000000000a01")


@pytest.mark.parametrize(
    ("type_", "required", "partition", "found"),
    [
        ("string", False, "P", None),
        ("string", True, "P", None),
        ("string", False, None, None),
        ("string", True, None, "null"),
        ("string", False, 7, "long"),
        ("objectId", False, OID, None),
        ("objectId", False, str(OID), "string"),
        ("long", False, 7, None),
        ("long", False, "7", "string"),
        ("uuid", False, UUID(int=1), None),
        ("uuid", False, OID, "objectId"),
        ("long", False, UUID(int=1), "uuid"),
    ],
)
async def test_the_type_of_a_partition(
    type_: str, required: bool, partition: Any, found: str | None
) -> None:
    app = partition_app(True, type_=type_, required=required)
    if found is None:
        assert await ask(app, partition) == READS
        return
    with pytest.raises(IllegalPartition) as refused:
        await ask(app, partition)
    assert str(refused.value) == (
        "attempted to bind on illegal realm partition: expected partition to have type"
        f" {type_} but found {found}"
    )


async def test_an_object_id_is_not_its_text() -> None:
    plain = {"%%partition": "%%user.id"}
    assert await ask(partition_app(plain, type_="objectId"), OID) == NOBODY
    converted = {"%%partition": {"%stringToOid": "%%user.id"}}
    assert await ask(partition_app(converted, type_="objectId"), OID) == READS


async def test_identities_know_their_provider_by_both_names() -> None:
    user = AppUser("u", identities=({"id": "1", "provider_type": "api-key"},))
    for key in ("provider_type", "providerType"):
        permissions = Permissions(partition_app(called("f", "%%user.identities")))
        calls = Calls(f=True)
        await permissions.partition(user, "P", calls)
        assert calls.asked[0][1][0][0][key] == "api-key"


def flexible_app(own: list[Any], default: list[Any]) -> App:
    """Two classes: the roles of Things are `own`, those of Others the default ones."""
    sync = SyncConfiguration(SyncMode.FLEXIBLE, queryable=QueryableFields(("owner",)))
    classes = {name: top_class(name, owner="string") for name in ("Things", "Others")}
    findings = Findings()
    read = rules.read(bundle({}, {"things": own}, default), sync, classes, findings)
    roles = {"roles": read.roles, "default_roles": read.default_roles}
    return App("made-abcde", "made", sync, classes=classes, **roles)


async def roles_of(
    own: list[Any], default: list[Any], calls: Calls | None = None
) -> tuple[str | None, str | None]:
    """Of Things, and of Others."""
    permissions = Permissions(flexible_app(own, default), function_seconds=0.01)
    session = await permissions.session(ADA, calls or Calls())
    visible = {cls: session.rights(cls).rights_on({"_id": "x"}).is_visible for cls in session.roles}
    assert visible == {cls: name is not None for cls, name in session.roles.items()}
    return session.roles["Things"], session.roles["Others"]


RED, BLUE = ({"%%user.custom_data.team": team} for team in ("red", "blue"))
NEVER = role("never", apply_when=False)
UNUSABLE = role("unusable", document_filters=...)
ALL = role("all")


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ([role("a", apply_when=BLUE), role("b", apply_when=RED), ALL], [ALL], ("b", "all")),
        ([NEVER], [ALL], (None, "all")),  # no fallback to the default roles
        ([], [NEVER, ALL], ("all", "all")),  # an empty list is none
        ([UNUSABLE, ALL], [ALL], (None, "all")),  # it applies, and ends the search
        ([{**UNUSABLE, "apply_when": BLUE}, ALL], [], ("all", None)),
        ([role("doc", apply_when={"owner": "x"}), ALL], [ALL], (None, "all")),
        ([role("root", apply_when={"%%root.owner": "x"}), ALL], [ALL], (None, "all")),
        ([role("bad", apply_when={"owner": {"$regex": "x"}}), ALL], [ALL], (None, "all")),
        ([role("bad", apply_when=7), ALL], [ALL], (None, "all")),
        ([ALL], [role("bad", document_filters={"read": {"no": 1}, "write": True})], ("all", None)),
    ],
)
async def test_which_role_is_whose(
    own: list[Any], default: list[Any], expected: tuple[str | None, str | None]
) -> None:
    assert await roles_of(own, default) == expected


async def test_classes_that_clients_make_have_the_default_roles() -> None:
    made = AppSchema([("Made", "top", "_id", [("_id", "string", False, None, None)])])
    for default, is_visible in (([NEVER, ALL], True), ([NEVER], False), ([UNUSABLE, ALL], False)):
        permissions = Permissions(flexible_app([ALL], default))
        roles = (await permissions.session(ADA, Calls())).for_engine()
        assert roles.rights(made, "Made").rights_on({"_id": "x"}).is_visible is is_visible


async def test_roles_are_chosen_once_for_all_classes_that_share_them() -> None:
    names = [f"C{n}" for n in range(50)]
    app = flexible_app([], [role("a", apply_when=called("f", 1)), ALL])
    app = replace(app, classes={name: top_class(name) for name in names})
    calls = Calls(f=False)
    session = await Permissions(app).session(ADA, calls)
    assert calls.asked == [("f", [1])] and set(session.roles) == {*names}


async def test_whoever_may_only_read_has_the_roles_without_writing() -> None:
    mine = role("mine", document_filters={"read": False, "write": {"owner": "%%user.id"}})
    session = await Permissions(flexible_app([mine], [ALL])).session(AppUser("u1"), Calls())
    document = {"_id": "x", "owner": "u1"}
    schema = AppSchema(to_plain({"Things": top_class("Things", owner="string")}))
    for can_write in (True, False):
        rights = session.for_engine(can_write=can_write).rights(schema, "Things")
        assert rights.rights_on(document).is_visible
        assert rights.may_insert(document) is can_write


async def test_a_function_says_whose_a_role_is() -> None:
    own = [role("a", apply_when=called("f", 1)), role("b", apply_when=called("f", 2)), ALL]
    default = [role("d", apply_when=called("f", 1)), role("e", apply_when=called("g"))]
    calls = Calls(f=False, g=True)
    assert await roles_of(own, default, calls) == ("all", "e")
    assert sorted(calls.asked, key=repr) == [("f", [1]), ("f", [2]), ("g", [])]
    assert await roles_of(own, default, Calls(f=1, g=...)) == ("all", None)


async def test_nobody_has_rights_whose_data_is_too_much() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    user = AppUser("u", custom_data={"deep": deep})
    permissions = Permissions(partition_app(True))
    assert await permissions.partition(user, "P", Calls()) == NOBODY
    session = await Permissions(flexible_app([ALL], [ALL])).session(user, Calls())
    assert session.roles == {"Things": None, "Others": None}


async def test_the_same_role_for_other_users_is_another_view() -> None:
    mine = role("mine", document_filters={"read": {"owner": "%%user.id"}, "write": False})
    permissions = Permissions(flexible_app([mine], [ALL]))
    one, same, other = [
        (await permissions.session(AppUser(name), Calls())).rights("Things")
        for name in ("u1", "u1", "u2")
    ]
    assert one.digest == same.digest != other.digest
    assert one.view_text == 'owner == "u1"'
