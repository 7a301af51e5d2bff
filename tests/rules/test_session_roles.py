"""The roles of a session, by class: what they give, and when they are others.

Specification: app-configuration.md 5.3, 5.5; flexible-sync.md 10.3.
"""

from __future__ import annotations

from typing import Any

import pytest

from clinic import CLASSES, SCHEMA, USER, context, role
from random_filters import ROOTS, RandomFilters
from realmsync._core import AppSchema, ClassRights, ExpressionContext, Role, SessionRoles

MINE, OTHER = {"_id": 1, "s": "mine"}, {"_id": 2, "s": "other"}
OWNERS = role({"s": "%%user.custom_data.name"}, {"s": "%%user.custom_data.name"})


def of_user(roles: dict[str, Role], /, **custom_data: Any) -> SessionRoles:
    return SessionRoles(roles, None, context({**USER, "custom_data": custom_data}))


def test_each_class_has_the_rights_of_its_role() -> None:
    roles = SessionRoles({"Patient": role({"s": "mine"}), "Gone": role(True)}, None, context())
    patient = roles.rights(SCHEMA, "Patient")
    assert patient.rights_on(MINE).is_visible and not patient.rights_on(OTHER).is_visible
    assert patient.digest == ClassRights(SCHEMA, "Patient", role({"s": "mine"}), context()).digest
    nothing = ClassRights(SCHEMA, "Doctor", None, context())
    assert roles.rights(SCHEMA, "Doctor").digest == nothing.digest
    with pytest.raises(KeyError):
        roles.rights(SCHEMA, "Gone")


def test_classes_that_are_not_named_have_another_role() -> None:
    roles = SessionRoles({"Patient": None}, role(True), context())
    assert roles.rights(SCHEMA, "Doctor").rights_on({"_id": 1}).is_visible
    assert roles.rights(SCHEMA, "Patient").readable == []


def test_embedded_objects_are_their_owners() -> None:
    roles = SessionRoles({"Place": role(True)}, None, context())
    assert roles.rights(SCHEMA, "Place").readable == []
    assert SessionRoles.everything().rights(SCHEMA, "Place").readable == []


def test_the_answer_follows_the_schema() -> None:
    roles = SessionRoles.everything()
    grown = AppSchema([*CLASSES, ("New", "asymmetric", "_id", [("_id", "int", False, None, None)])])
    for schema in (SCHEMA, grown, SCHEMA, grown):
        assert roles.rights(schema, "Patient").may_insert(MINE)
    assert roles.rights(grown, "New").may_insert({"_id": 1})


def test_whoever_may_not_write_sees_what_writers_see() -> None:
    writers = role(False, {"s": "mine"}, read=None, write=True)
    roles = SessionRoles({"Patient": writers}, None, context(), can_write=False)
    rights, full = (
        roles.rights(SCHEMA, "Patient"),
        ClassRights(SCHEMA, "Patient", writers, context()),
    )
    seen = rights.rights_on(MINE)
    assert seen.readable == full.rights_on(MINE).readable
    assert rights.view_text == full.view_text == 's == "mine"'
    assert (seen.writable, seen.insert, seen.delete, rights.writable) == ([], False, False, [])
    assert not (rights.may_insert(MINE) or rights.may_delete(MINE))
    assert not rights.may_update(MINE, MINE, ["s"])
    assert not rights.rights_on(OTHER).is_visible
    assert rights.digest != full.digest
    assert roles.digest != SessionRoles({"Patient": writers}, None, context()).digest


def test_an_app_without_rules_restricts_nobody_unless_told() -> None:
    everything = SessionRoles.everything()
    for cls, document in (("Patient", MINE), ("Doctor", {"_id": 1})):
        rights = everything.rights(SCHEMA, cls)
        assert rights.may_insert(document) and rights.may_delete(document)
        reading = SessionRoles.everything(can_write=False).rights(SCHEMA, cls)
        assert reading.rights_on(document).readable == rights.readable
        assert not (reading.may_insert(document) or reading.may_delete(document))
    assert everything.digest == SessionRoles.everything().digest
    assert everything.digest != SessionRoles.everything(can_write=False).digest


def test_filters_that_are_too_large_for_a_user_give_nothing() -> None:
    huge = role({"$or": [{"ls": {"$all": "%%user.custom_data.l"}}] * 200})
    roles = of_user({"Patient": huge, "Doctor": role(True)}, l=["x" * 100] * 10_000)
    assert roles.too_large == ["Patient"]
    assert roles.rights(SCHEMA, "Patient").readable == []
    assert roles.rights(SCHEMA, "Doctor").rights_on({"_id": 1}).is_visible
    assert of_user({"Patient": huge}, l=[]).too_large == []


def test_roles_are_the_same_while_all_that_they_use_is() -> None:
    roles = {"Patient": OWNERS, "Doctor": role({"%%user.custom_data.level": {"$gt": 3}})}
    digest = of_user(roles, name="ada", level=5).digest
    assert digest == of_user(roles, name="ada", level=7, more=[1, {"x": 2}]).digest
    others = [
        of_user(roles, name="bob", level=5),
        of_user(roles, name="ada", level=3),
        of_user(roles, name=None, level=5),
        of_user(roles, level=5),
        of_user({"Patient": OWNERS}, name="ada", level=5),
        of_user({**roles, "Doctor": OWNERS}, name="ada", level=5),
        of_user({}, name="ada", level=5),
        SessionRoles(roles, OWNERS, context({**USER, "custom_data": {"name": "ada", "level": 5}})),
        SessionRoles.everything(),
    ]
    assert len({digest, *(other.digest for other in others)}) == len(others) + 1


def test_a_role_written_twice_is_the_same_one() -> None:
    same = [role({"s": "x"}), role({"s": "x"})]
    one, two = (
        SessionRoles({"Patient": same[0], "Doctor": same[other]}, None, context())
        for other in (0, 1)
    )
    assert one.digest == two.digest


@pytest.mark.parametrize(
    "change",
    [
        {"read": False},
        {"write": None},
        {"insert": False},
        {"delete": {"s": "x"}},
        {"fields": {"s": (True, False)}},
        {"fields": {"i": (True, False)}},
        {"additional_fields": (None, True)},
    ],
    ids=str,
)
def test_every_part_of_a_role_counts(change: dict[str, Any]) -> None:
    form: dict[str, Any] = {"read": None, "write": None, "fields": {"s": (True, True)}}
    plain, changed = (
        SessionRoles({"Patient": role(True, True, **made)}, None, context())
        for made in (
            {**form, "read": True, "write": True},
            {**form, "read": True, "write": True} | change,
        )
    )
    assert plain.digest != changed.digest


def test_a_change_of_rights_is_a_change_of_roles(scale: int) -> None:
    """Whenever the rights in a class differ between two users, so do their roles."""
    rules = RandomFilters(5)
    other = {**ROOTS, "user": {**ROOTS["user"], "id": "other", "custom_data": {}}}
    contexts = [ExpressionContext(**roots) for roots in (ROOTS, ROOTS, other)]
    equal = 0
    for _ in range(3000 * scale):
        made = Role(read_filter=rules.filter(), write_filter=rules.filter(), read=True, write=True)
        roles = [SessionRoles({"Patient": made}, None, asked) for asked in contexts]
        rights = [r.rights(SCHEMA, "Patient").digest for r in roles]
        assert roles[0].digest == roles[1].digest
        if roles[0].digest == roles[2].digest:
            equal += 1
            assert rights[0] == rights[2]
    assert equal > 100 * scale


@pytest.mark.parametrize("otherwise", [role(True), None])
def test_a_class_with_the_role_of_all_others_need_not_be_named(otherwise: Role | None) -> None:
    """Clients make classes in development mode: who has the same rights after they are known as
    before keeps his roles."""
    others = None if otherwise is None else role(True)
    before = SessionRoles({}, otherwise, context())
    assert SessionRoles({"Patient": others}, otherwise, context()).digest == before.digest
    assert SessionRoles({"Patient": OWNERS}, otherwise, context()).digest != before.digest
