"""Which roles a configuration gives sync, and every finding about rules.

Specification: app-configuration.md section 5.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundles import DEFAULT_PATH, SYNC_PATH, bundle, role, rules_path, schema_path, top_class
from realmsync.apps import rules
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import (
    Class,
    PartitionConfiguration,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.roles import document_of
from realmsync.apps.usability import why_unusable

FLEXIBLE = SyncConfiguration(
    mode=SyncMode.FLEXIBLE,
    queryable=QueryableFields(everywhere=("owner",), by_class={"Things": ("size",)}),
)
THINGS = top_class("Things", owner="string", size="int", tags="list string", note="string")
OTHERS = top_class("Others", owner="objectId", size="int")

Code = tuple[str, str]


def read(made: Any, *classes: Class, sync: SyncConfiguration = FLEXIBLE) -> Any:
    """The rules, and what was found as (code, path)."""
    findings = Findings()
    found = rules.read(made, sync, {cls.name: cls for cls in classes}, findings)
    return found, [(finding.code, finding.path) for finding in findings]


def findings_of(given: dict[str, Any]) -> list[Code]:
    """Of one role of the class Things."""
    return list(read(bundle({}, {"things": [given]}), THINGS)[1])


def filters(read: Any = True, write: Any = True) -> dict[str, Any]:
    return {"document_filters": {"read": read, "write": write}}


INCOMPATIBLE = [("rules.incompatible_role", rules_path("things"))]
BAD = [("rules.bad_expression", rules_path("things"))]
DOCUMENT = [("rules.apply_when_document", rules_path("things"))]
CALL = {"%%true": {"%function": {"name": "f", "arguments": []}}}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, []),
        ({"document_filters": ...}, INCOMPATIBLE),
        ({"document_filters": {"read": True}}, INCOMPATIBLE),
        ({"document_filters": {"write": True}}, INCOMPATIBLE),
        (filters({"note": "x"}), INCOMPATIBLE),  # not queryable
        (filters({"size": 1, "owner": "x", "_id": "y"}), []),
        ({"insert": {"note": "x"}}, INCOMPATIBLE),
        ({"delete": {"note": "x"}}, INCOMPATIBLE),
        (filters({"owner.name": "x"}), INCOMPATIBLE),  # dotted
        (filters({"%%root.owner": "x"}), INCOMPATIBLE),
        (filters({"owner": "%%partition"}), INCOMPATIBLE),
        (filters({"owner": "%%request.body"}), INCOMPATIBLE),
        (filters(CALL), INCOMPATIBLE),
        (filters({"%%user.identities": "x"}), INCOMPATIBLE),
        ({"read": {"owner": "x"}}, INCOMPATIBLE),
        ({"write": "%%true"}, INCOMPATIBLE),
        ({"fields": {"note": {"read": {"owner": "x"}}}}, INCOMPATIBLE),
        ({"additional_fields": {"write": {"owner": "x"}}}, INCOMPATIBLE),
        ({"fields": {"_id": {"read": True}}}, INCOMPATIBLE),
        ({"fields": {"note": {"fields": {"deep": {"read": {}}}}}}, []),
        (filters({"owner": {"$regex": "x"}}), BAD),
        (filters({"owner": "%%user.id%%"}), BAD),
        (filters({"owner": "%%nobody"}), BAD),
        (filters({"owner": {"$oid": "short"}}), BAD),
        (filters([]), BAD),
        ({"insert": None}, BAD),
        ({"apply_when": {"!=": ["owner", "x"]}}, BAD),
        ({"apply_when": None}, BAD),
        ({"apply_when": {"owner": "%%user.id"}}, DOCUMENT),
        ({"apply_when": {"%%root.owner": "%%user.id"}}, DOCUMENT),
        ({"apply_when": {"%%prevRoot": {"%exists": False}}}, DOCUMENT),
        ({"apply_when": {"%%partition": "x"}}, DOCUMENT),
        ({"apply_when": {"%%args": "x"}}, DOCUMENT),
        ({"apply_when": CALL}, []),
        ({"apply_when": {"owner": "x"}, "document_filters": ...}, DOCUMENT + INCOMPATIBLE),
    ],
)
def test_what_sync_cannot_use(keys: dict[str, Any], expected: list[Code]) -> None:
    assert findings_of(role(**keys)) == expected


def test_a_role_that_cannot_be_used_stays_and_says_why() -> None:
    roles = [role("a", document_filters=...), role("b")]
    found, _ = read(bundle({}, {"things": roles}), THINGS)
    first, second = found.roles["Things"]
    assert first.unusable == "document_filters.read: is missing"
    assert second.unusable is None


def test_default_roles_are_for_classes_without_roles_of_their_own() -> None:
    own, all_ = [role("own")], [role("default")]
    found, codes = read(bundle({}, {"things": own, "others": []}, all_), THINGS, OTHERS)
    assert [r.name for r in found.roles["Things"]] == ["own"]
    assert "Others" not in found.roles
    assert [r.name for r in found.default_roles] == ["default"]
    assert codes == []


def test_default_roles_are_judged_by_the_fields_of_each_class() -> None:
    default = [role(**filters({"size": 1}))]  # queryable in Things alone
    found, codes = read(bundle({}, default=default), THINGS, OTHERS)
    assert codes == [("rules.incompatible_role", DEFAULT_PATH)]
    assert found.default_roles[0].unusable is None
    queryable = FLEXIBLE.queryable
    assert why_unusable(found.default_roles[0], queryable.of("Things")) is None
    assert why_unusable(found.default_roles[0], queryable.of("Others")) == (
        "document_filters.read: field size is not queryable"
    )
    found, codes = read(bundle({}, {"others": [role()]}, default), THINGS, OTHERS)
    assert codes == []


def test_a_class_without_any_role() -> None:
    _, codes = read(bundle({}, {"things": []}, []), THINGS)
    assert codes == [("rules.none", schema_path("things"))]


def test_a_rule_file_of_a_collection_that_is_not_synced() -> None:
    made = bundle({}, {"loose": [role()]}, [role()])
    found, codes = read(made, THINGS)
    assert found.roles == {}
    assert [r.name for r in found.service_roles["d", "loose"]] == ["r"]
    assert codes == []


def test_a_rule_file_waits_for_the_class_that_development_mode_makes() -> None:
    sync = SyncConfiguration(SyncMode.FLEXIBLE, development_mode=True, database="d")
    made = bundle({}, {"Later": [role()]}, [role()])
    made.services["mongodb-atlas"].collections["d", "Later"].schema = None
    found, _ = read(made, THINGS, sync=sync)
    assert [r.name for r in found.roles["Later"]] == ["r"]


def test_the_collection_that_a_rule_file_names_counts() -> None:
    made = bundle({}, {"elsewhere": [role()]}, [])
    content = {"database": "d", "collection": "things", "roles": [role("named")]}
    files = made.services["mongodb-atlas"].collections["d", "elsewhere"]
    assert files.rules is not None
    files.rules = type(files.rules)(files.rules.path, content)
    found, _ = read(made, THINGS)
    assert [r.name for r in found.roles["Things"]] == ["named"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"owner": "%%user.id"}, []),
        ({"owner": {"$oid": "65b000000000000000000001"}}, ["rules.type_mismatch"]),
        ({"owner": {"%stringToOid": "%%user.id"}}, ["rules.type_mismatch"]),
        ({"size": {"$in": [1, {"$numberLong": "2"}, 2.5]}}, []),
        ({"size": {"$in": [1, "2"]}}, ["rules.type_mismatch"]),
        ({"size": True}, ["rules.type_mismatch"]),
        ({"size": {"%not": {"$gt": "1"}}}, ["rules.type_mismatch"]),
        ({"$or": [{"size": "%%user.id"}]}, ["rules.type_mismatch"]),
        ({"size": None, "owner": "%%user.custom_data.team"}, []),
    ],
)
def test_what_can_never_be_equal(condition: Any, expected: list[str]) -> None:
    codes = findings_of(role(**filters(condition)))
    assert [code for code, _ in codes] == expected


def test_default_roles_are_compared_with_the_properties_of_every_class() -> None:
    default = [role(**filters({"owner": "%%user.id"}))]
    _, codes = read(bundle({}, default=default), THINGS, OTHERS)  # an ObjectId in Others
    assert codes == [("rules.type_mismatch", DEFAULT_PATH)]


OLD = {
    "rules": {
        "things": [{"name": "a", "applyWhen": {"%%user.type": "normal"}, "read": True}],
    },
    "defaultRoles": [
        {"name": "b", "read": {"owner": "%%user.id"}, "write": False, "insert": False},
        {"name": "c", "read": True, "write": True, "fields": {"note": {"read": True}}},
    ],
}


def test_the_old_form_is_converted_and_governs_alone() -> None:
    made = bundle({"permissions": OLD}, {"things": [role()], "empty": []}, [role()])
    found, codes = read(made, THINGS, OTHERS)
    assert sorted(codes) == [
        ("rules.legacy_migrated", SYNC_PATH),
        ("rules.not_for_sync", rules_path("things")),
        ("rules.not_for_sync", DEFAULT_PATH),
        ("rules.type_mismatch", SYNC_PATH),  # the owner of Others is an ObjectId
    ]
    assert [document_of(r) for r in found.roles["Things"]] == [
        {
            "name": "a",
            "apply_when": {"%%user.type": "normal"},
            "document_filters": {"read": True, "write": False},
            "read": True,
            "write": True,
            "insert": True,
            "delete": True,
            "search": True,
        }
    ]
    second, third = map(document_of, found.default_roles)
    assert second["apply_when"] == {} and second["insert"] is False
    assert "read" not in third and third["fields"] == {"note": {"read": True}}
    assert [r.name for r in found.service_roles["d", "things"]] == ["r"]
    assert [r.name for r in found.service_default_roles] == ["r"]


@pytest.mark.parametrize(
    "permissions", [None, {}, {"rules": {}, "defaultRoles": []}, {"rules": {"things": []}}]
)
def test_an_empty_old_form_counts_as_none(permissions: Any) -> None:
    found, codes = read(bundle({"permissions": permissions}, {"things": [role()]}), THINGS)
    assert [r.name for r in found.roles["Things"]] == ["r"]
    assert codes == []


@pytest.mark.parametrize(
    "roles",
    [
        {"r": {}},
        ["r"],
        [{"apply_when": {}}],
        [{"name": 1}],
        [role("x" * 101)],
        [role("same"), role("same")],
        [role(document_filters=[])],
        [role(fields={"note": True})],
        [role(fields={"note": {"fields": 1}})],
        [role(additional_fields=1)],
    ],
)
def test_what_is_no_role_is_an_error(roles: Any) -> None:
    findings = Findings()
    rules.read(bundle({}, {"things": roles}), FLEXIBLE, {"Things": THINGS}, findings)
    assert [f.code for f in findings if f.severity.value == "error"] == ["config.bad_value"]


@pytest.mark.parametrize("permissions", [1, {"rules": []}, {"rules": {"things": {"a": 1}}}])
def test_what_is_no_old_form_is_an_error(permissions: Any) -> None:
    findings = Findings()
    rules.read(bundle({"permissions": permissions}), FLEXIBLE, {"Things": THINGS}, findings)
    assert "config.bad_value" in [f.code for f in findings]


def partition_findings(type_: str, **permissions: Any) -> list[Code]:
    partition = PartitionConfiguration("_p", type_, **permissions)
    sync = SyncConfiguration(SyncMode.PARTITION, partition=partition)
    return list(read(bundle({}, {"things": [role()]}), THINGS, sync=sync)[1])


NOT_FOR_SYNC = [("rules.not_for_sync", rules_path("things"))]


@pytest.mark.parametrize(
    ("type_", "expression", "expected"),
    [
        ("string", {"%%partition": "%%user.id"}, []),
        ("objectId", {"%%partition": "%%user.id"}, ["rules.type_mismatch"]),
        ("objectId", {"%%user.id": "%%partition"}, ["rules.type_mismatch"]),
        ("objectId", {"%%partition": {"%stringToOid": "%%user.id"}}, []),
        ("long", {"%%partition": {"$in": [1, 2]}}, []),
        ("long", {"%%partition": {"$in": ["1"]}}, ["rules.type_mismatch"]),
        ("string", CALL, []),
        ("string", {"owner": "%%user.id"}, ["rules.bad_expression"]),
        ("string", {"%%root._p": "%%user.id"}, ["rules.bad_expression"]),
        ("string", 1, ["rules.bad_expression"]),
        ("string", None, []),
    ],
)
def test_permissions_on_partitions(type_: str, expression: Any, expected: list[str]) -> None:
    found = partition_findings(type_, read=expression, write=False)
    assert found == NOT_FOR_SYNC + [(code, SYNC_PATH) for code in expected]


def test_nothing_is_said_where_nothing_is_synced() -> None:
    made = bundle({}, {"things": [role(document_filters=...)]}, [role("d")])
    found, codes = read(made, THINGS, sync=SyncConfiguration())
    assert codes == []
    assert found.roles == {} and found.default_roles == ()
    assert [r.name for r in found.service_roles["d", "things"]] == ["r"]


def test_roles_read_back_as_they_were_written() -> None:
    fields = {"note": {"read": True, "fields": {"deep": {"write": True}}}}
    given = [role("a", fields=fields, additional_fields={"write": True}, insert=False, read=...)]
    found, _ = read(bundle({}, {"things": given}), THINGS)
    again, _ = read(bundle({}, {"things": [document_of(r) for r in found.roles["Things"]]}), THINGS)
    assert again.roles == found.roles


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"read": True, "write": False}, {"read": True, "write": False}),
        ({"read": ..., "write": True}, {"read": True, "write": True}),
        ({"write": ...}, {"read": True, "write": False}),
        (
            {"apply_when": {"%%root.owner": "%%user.id"}, "write": {"%%root.size": 1}},
            {
                "read": {"owner": "%%user.id"},
                "write": {"%and": [{"owner": "%%user.id"}, {"size": 1}]},
            },
        ),
        (
            {"apply_when": {"owner": "%%user.id"}, "write": False},
            {"read": {"owner": "%%user.id"}, "write": False},
        ),
        (
            {"read": ..., "write": ..., "fields": {"note": {"write": True}}},
            {"read": True, "write": True},
        ),
        ({"write": {"%%prevRoot.owner": "%%user.id"}}, None),
        ({"write": {"owner": {"$regex": "x"}}}, None),
        ({"write": CALL}, None),
    ],
)
def test_how_a_role_for_requests_would_be_written_for_sync(keys: Any, expected: Any) -> None:
    """The proposal stands in the finding, and is a role that sync can use."""
    findings = Findings()
    given = role(document_filters=..., **keys)
    rules.read(bundle({}, {"things": [given]}), FLEXIBLE, {"Things": THINGS}, findings)
    [text] = [f.text for f in findings if f.code == "rules.incompatible_role"]
    if expected is None:
        assert "For sync it would be" not in text
        return
    start = text.index("For sync it would be ") + len("For sync it would be ")
    proposal, _ = json.JSONDecoder().raw_decode(text[start:])
    assert proposal["document_filters"] == expected
    assert proposal.get("read") == (None if "fields" in keys else True)
    assert findings_of(proposal) == []
